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

#include "registry.h"

typedef struct FfWatch FfWatch;

/* Called without the registry lock, from the watch thread. */
typedef void (*FfWatchResume)(gpointer data);

/**
 * ff_watch_new() - begin
 * @mountpoint: absolute
 * @context:    where events are read
 *
 * Return: NULL with errno set where the kernel gives no inotify instance.
 */
FfWatch *ff_watch_new(FfRegistry *registry, const char *mountpoint, GMainContext *context);

/*
 * End the watch thread: requests that are kept back are so for ever. The mount must be gone or the
 * request thread alive. ff_watch_free() does it too.
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
 * Return: TRUE if the directory is watched, or cannot be; FALSE if @resume will be called once that
 * is settled.
 */
gboolean ff_watch_ensure(FfWatch *watch, const FfNode *directory, FfWatchResume resume,
                         gpointer data);

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
