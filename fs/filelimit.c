/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "filelimit.h"

#include <errno.h>
#include <glib.h>

rlim_t ff_file_limit_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        g_message("cannot raise the limit of open files: %s", g_strerror(errno));
    return limit.rlim_cur;
}
