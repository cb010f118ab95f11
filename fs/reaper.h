/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out what lib/lifetime decides: probes and removes FIFOs when they are due.
 *
 * Every change record of a FIFO leads to a new decision and to at most one deadline in one queue;
 * one GSource on the main loop sleeps until the soonest. An idle mount sleeps for ever.
 */
#pragma once

#include <glib.h>

#include "holds.h"
#include "journal.h"
#include "registry.h"
#include "session.h"
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

/* Where probes of FIFOs go on that the daemon holds. */
void ff_reaper_set_holds(FfReaper *reaper, FfHolds *holds);

/* Before anything is removed. */
void ff_reaper_set_journal(FfReaper *reaper, FfJournal *journal);

/*
 * Another process has known all this before us. What it was about to tell the kernel is told, and
 * what it believed of the kernel is asked again, once it is started. Registry locked.
 */
void ff_reaper_take_over(FfReaper *reaper);

/* The session is there to be notified. */
void ff_reaper_start(FfReaper *reaper, FfSession *session);

/*
 * Everything that the kernel has sent is dealt with: lookups that are counted still for what it has
 * said not to know are none. Request thread.
 */
void ff_reaper_forget_rest(FfReaper *reaper);

/* The registry must be silent from here on. Accepts NULL. */
void ff_reaper_free(FfReaper *reaper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfReaper, ff_reaper_free)
