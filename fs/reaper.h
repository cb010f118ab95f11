/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out what lib/lifetime decides: probes and removes FIFOs when they are due.
 *
 * Every change record of a FIFO leads to a new decision and to at most one deadline in one queue;
 * one GSource on the main loop sleeps until the soonest. An idle mount sleeps for ever.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

#include "registry.h"
#include "watch.h"

typedef struct FfReaper FfReaper;

/**
 * ff_reaper_new() - begin to listen to the registry's changes
 * @watch:   what is reported there is taken in before anything is decided
 * @context: where probes and removals are carried out
 *
 * Nothing is carried out before ff_reaper_start().
 */
FfReaper *ff_reaper_new(FfRegistry *registry, FfWatch *watch, GMainContext *context);

/* The session is there to be notified. */
void ff_reaper_start(FfReaper *reaper, struct fuse_session *session);

/* The registry must be silent from here on. Accepts NULL. */
void ff_reaper_free(FfReaper *reaper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfReaper, ff_reaper_free)
