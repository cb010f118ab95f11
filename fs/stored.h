/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the service manager keeps of a mount while no supervisor runs (FDSTORE in sd_notify(3)), so
 * that the next one goes on with it.
 */
#pragma once

#include <glib.h>

#include "handover.h"
#include "options.h"

/* What a mount is made of, kept by the service manager. */
typedef struct {
    /* By FfHandover. */
    int fds[FF_HANDOVER_INOTIFY + 1];
    /* Where it is, and ff_privileges_to_text(); or NULL, where an earlier program did not store it. */
    char *mountpoint, *privileges;
    /* The options are those of the configuration as it is now, not ff_stored_options(). */
    gboolean configured;
} FfStored;

/* Has a supervisor before us left a mount that can be gone on with? */
gboolean ff_stored_find(FfStored *stored);

void ff_stored_clear(FfStored *stored);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FfStored, ff_stored_clear)

/* What has to be known to go on with it, whatever the configuration says by now. Or NULL. */
FfOptions *ff_stored_options(const FfStored *stored);

/* Have it kept. @fds: by FfHandover. */
void ff_stored_store(const int *fds, const char *mountpoint, const char *privileges);

/* Nothing of it is needed any more. */
void ff_stored_remove(void);
