/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Going into the background, and telling whoever started us how it went. */
#pragma once

#include <glib.h>

typedef struct {
    /* The write end towards the parent, or -1 in the foreground. */
    int ready_fd;
} FfBackground;

/**
 * ff_background_enter() - fork, unless in the foreground
 *
 * The parent waits until the child says how it went, or ends, and leaves with that as its exit
 * code. Only the child returns. Call it while there is one thread.
 */
FfBackground ff_background_enter(gboolean foreground);

/* All is well: let the parent leave with 0, and let go of the terminal. */
void ff_background_ready(FfBackground *background);

/* Let go of the terminal and of the working directory; log to syslog. */
void ff_background_let_go(void);
