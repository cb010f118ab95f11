/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "filelimit.h"

#include <errno.h>

#include "handover.h"

/* One that is held takes as many (holder.c). */
#define FILES_OF_HOLD 3
/* For all else, where there are enough; a part of all is left in any case. */
#define FILES_OF_ELSE 256
#define PARTS         4

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

rlim_t ff_file_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : limit.rlim_cur;
}

static rlim_t files_of_holds(rlim_t n_files)
{
    rlim_t rest = n_files - MIN(n_files, FILES_OF_ELSE);

    return MIN(rest / 2, FF_HOLD_MOST * FILES_OF_HOLD);
}

guint ff_file_limit_holds(rlim_t n_files)
{
    return (guint)MAX(files_of_holds(n_files) / FILES_OF_HOLD, 1);
}

/* Workers have one for each as well, and more of all else than their supervisor: many a creator. */
guint ff_file_limit_relays(rlim_t n_files)
{
    rlim_t part = n_files / PARTS;
    rlim_t rest = n_files - MIN(part, FILES_OF_ELSE) - files_of_holds(n_files);

    return (guint)MIN(MIN(n_files - part, rest), G_MAXINT);
}
