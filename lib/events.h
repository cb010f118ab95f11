/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens on the mount, as JSON lines: the content of `.fifofs/events`.
 *
 * The log is bounded and is kept only while somebody reads it. Every reader has a place of its own;
 * one that falls behind what is kept is told how many lines it has missed, and goes on from there. So
 * is one that had not read all when the process before us died: what was not read went with that.
 *
 * All of it is under the registry lock.
 */
#pragma once

#include <glib.h>

#include "logfile.h"
#include "registry.h"

typedef struct FfEvents FfEvents;
typedef struct FfEventsReader FfEventsReader;

/**
 * ff_events_new() - begin to listen to the registry's changes
 * @wake: called, with the registry locked, when there may be something new to read
 */
FfEvents *ff_events_new(FfRegistry *registry, void (*wake)(gpointer data), gpointer data);

/* The registry must be silent from here on, and no reader left. Accepts NULL. */
void ff_events_free(FfEvents *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfEvents, ff_events_free)

/**
 * ff_events_reader_new() - read what happens from now on
 * @caller:   who reads; copied. Of directories that it cannot list it sees what happens to its own
 *            FIFOs alone.
 * @sees_all: everything, whatever the modes say
 */
FfEventsReader *ff_events_reader_new(FfEvents *events, const FfCaller *caller, gboolean sees_all);

/* The same for one that has read what came before the event with that number. */
FfEventsReader *ff_events_reader_new_at(FfEvents *events, const FfCaller *caller, gboolean sees_all,
                                        guint64 next);

/* The number of the event that it reads next. */
guint64 ff_events_reader_next(const FfEventsReader *reader);
void ff_events_reader_free(FfEventsReader *reader);

/* Where it is kept how many events there were; numbers go on from there. Before there are readers. */
void ff_events_set_log(FfEvents *events, FfLogfile *log);

/* Tell all readers that another process goes on; what they had not read before is missed. */
void ff_events_tell_takeover(FfEvents *events);

/* Append the next lines to @out until it is @enough bytes long or nothing more has happened. */
void ff_events_reader_fill(FfEventsReader *reader, GString *out, gsize enough);

/* How many lines readers have missed so far, all together. */
guint64 ff_events_n_missed(const FfEvents *events);
