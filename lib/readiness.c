/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "readiness.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

short ff_readiness_now(int fd, short events)
{
    struct pollfd look = {.fd = fd, .events = events};

    return TEMP_FAILURE_RETRY(poll(&look, 1, 0)) > 0 ? look.revents : 0;
}
