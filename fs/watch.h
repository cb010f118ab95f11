/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hints by inotify: "was opened", "was closed".
 *
 * Every directory that has ever had a FIFO in it is watched, from before its first FIFO can be
 * opened: the request that would bring that FIFO is kept back until the watch is there. It is added
 * by a thread of its own, since
 *
 *  - the request thread cannot: adding a watch walks a path on our own mount;
 *  - the main thread must not: it may be waiting, in a notification, for a directory that a process
 *    has locked whose request is kept back for this very watch, or that waits for such a process.
 *
 * The watch thread waits for no directory lock either (walk.h).
 */
#pragma once

#include <glib.h>

#include "journal.h"
#include "registry.h"
#include "resumes.h"

typedef struct FfWatch FfWatch;

/**
 * ff_watch_new() - begin
 * @mountpoint: absolute
 * @inotify:    a descriptor that does not block; stays the caller's
 * @context:    where events are read
 */
FfWatch *ff_watch_new(FfRegistry *registry, const char *mountpoint, int inotify,
                      GMainContext *context);

/* Before any watch is added. */
void ff_watch_set_journal(FfWatch *watch, FfJournal *journal);

/* See to it that reports which a process before us read, and did not note, are found in taking over.
 * Before anything is committed to that log. */
void ff_watch_claim_inbox(FfLogfile *log);

/**
 * ff_watch_take_over() - go on with the watches of another process
 *
 * What was reported since it died, and what it had read and not taken in, is not lost. Registry
 * locked.
 */
void ff_watch_take_over(FfWatch *watch);

/*
 * End the watch thread: requests that are kept back are so for ever. The mount must be gone or the
 * request thread alive. ff_watch_free() does it too. Accepts NULL.
 */
void ff_watch_stop(FfWatch *watch);

/*
 * The mount must be gone or the request thread alive, so that the watch thread can end. Accepts
 * NULL.
 */
void ff_watch_free(FfWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfWatch, ff_watch_free)

/**
 * ff_watch_ensure() - may a FIFO come into this directory now?
 *
 * Registry locked.
 *
 * Return: TRUE if the directory is watched, or cannot be; FALSE if @resume will be called, by the
 * watch thread, once that is settled.
 */
gboolean ff_watch_ensure(FfWatch *watch, const FfNode *directory, FfResume resume, gpointer data);

/**
 * ff_watch_expect() - a FIFO is about to come into this directory that no process has asked for
 *
 * No name of it is cached, so nobody can open it without a LOOKUP; the watch can wait for the first
 * of these. Registry locked.
 */
void ff_watch_expect(FfWatch *watch, FfNode *directory);

/**
 * ff_watch_catch_up() - take in all that has been reported until now
 *
 * Reports name FIFOs by directory and name, so it must be done before a name goes or moves; before
 * the kernel's reference to a FIFO goes, which comes after the close; and before it is decided, from
 * what is known of its use, whether a FIFO is due.
 *
 * Registry locked. In any thread: it reads what is there, and waits for nothing.
 */
void ff_watch_catch_up(FfWatch *watch);
