/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens on a mount, as its daemon tells it: MOUNTPOINT/.fifofs/events, one JSON object per
 * line.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "mounts.h"

typedef struct {
    /* The mount it happened on. */
    const Mount *mount;
    /* The whole line, without its end. */
    const char *line;
    /* "created", "opened", ..., or "missed". */
    const char *name;
    /* Microseconds of the wall clock. */
    gint64 time;
    guint64 id;
    /* Paths inside, any bytes; NULL where the event has none. */
    char *path, *old_path;
    const char *reason;
    /* 0 where the daemon does not know. */
    pid_t pid;
    uid_t uid;
    /* For "missed". */
    guint64 count;
} Event;

typedef struct Follower Follower;

/**
 * follower_new() - begin to follow
 * @mounts: all mounts; the one of the same file system that shows its control directory is used
 * @error_number: where NULL is returned, gets the errno; EXDEV where there is no such mount
 */
Follower *follower_new(const GPtrArray *mounts, const Mount *mount, int *error_number);
void follower_free(Follower *follower);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Follower, follower_free)

/* Every name that an event may have, NULL-terminated. */
extern const char *const event_names[];

/* Is the file system mounted still? While we follow, its end alone does not end the daemon. */
gboolean follower_is_mounted(const Follower *follower);

/* A descriptor that can be read, as poll() says it, when there is something to take. */
int follower_fd(const Follower *follower);

/**
 * follower_take() - all that has happened since
 * @take: called for each event, which is valid during the call
 *
 * Return: 0 or -errno; -ENOTCONN where the daemon is gone, -EBADMSG where it talks nonsense.
 */
int follower_take(Follower *follower, void (*take)(const Event *event, gpointer data),
                  gpointer data);
