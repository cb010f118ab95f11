/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One inode of the mount: a FIFO or a directory.
 *
 * Fields are read freely by whoever holds the registry lock and are written by the registry alone,
 * so that no change goes by without its change record. Two numbers need care:
 *
 *  - The *lookup count* is how often the kernel has been told this inode and has not forgotten it
 *    yet (FUSE LOOKUP and its kin against FORGET). While it is not 0 the kernel may hold the FIFO
 *    open without our ever hearing of it; when it is 0 nobody has it open or waits in open().
 *  - A node without a parent has no name any more. It stays until the kernel forgets it.
 */
#pragma once

#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#include "deadline.h"
#include "lifetime.h"
#include "policy.h"
#include "process.h"
#include "table.h"
#include "timestamp.h"

/* The root has the id that FUSE gives it; the next few are for the control files (fs/control.c). */
#define FF_ROOT_ID  G_GUINT64_CONSTANT(1)
#define FF_FIRST_ID G_GUINT64_CONSTANT(16)
#define FF_NAME_MAX 255
/* What tmpfs counts per name in a directory's size (mm/shmem.c BOGO_DIRENT_SIZE). */
#define FF_DIRENT_BYTES 20

typedef struct FfDirectory FfDirectory;

/* What people are told of a FIFO. */
typedef enum {
    /* Nobody has used it, and nobody holds it. */
    FF_STATE_NEW,
    /* Nobody holds it. */
    FF_STATE_IDLE,
    /* The kernel has said that somebody holds it. */
    FF_STATE_IN_USE,
    /* The kernel has the name cached, and has not been asked since. */
    FF_STATE_CACHED,
} FfState;

/* Names shorter than this are kept in the node itself. */
#define FF_NODE_INLINE_NAME 20

/*
 * There may be a million of them, so the order is that which leaves no gaps: 200 bytes, which
 * malloc() makes 208 of.
 */
struct FfNode {
    /* Never reused while the daemon lives. */
    guint64 id;
    guint64 lookups;

    /* NULL for the root, and for a node that was removed and that the kernel still knows. */
    FfNode *parent;
    /*
     * Where readdir finds it: grows with every name that is put into a directory, so a listing can
     * go on behind it.
     */
    guint64 cookie;
    /* Its places in the tables of the registry. */
    FfTableLink by_id, by_name;

    FfTimestamp atime, mtime, ctime;
    uid_t uid;

    /* These times are monotonic microseconds, and about FIFOs only. */
    gint64 created;
    /* When it was last known to be in use; meaningful once `use` says that it was. */
    gint64 last_used;
    /* When `reference` became what it is. */
    gint64 reference_since;
    /* When the kernel was last asked whether somebody holds it; 0 for never. */
    gint64 probed;

    const FfPolicy *policy;

    union {
        /* Of a directory. */
        FfDirectory *directory;
        /* Of a FIFO. Neither NULL nor alive: the creator is gone. NULL: it was never known. */
        FfProcess *creator;
    };
    FfNode *creator_next, *creator_previous;

    FfDeadline deadline;

    /* NUL-terminated; any bytes but '/'. Or the address of a long one: see ff_node_name(). */
    char inline_name[FF_NODE_INLINE_NAME];
    gid_t gid;
    /* Whose quota it counts against; kept by the registry, with quota.c. */
    uid_t charged_uid;
    /* How a FIFO was counted last; kept by metrics.c. */
    guint tallied : 1;
    guint tallied_state : 3;
    guint tallied_lifetime : 3;
    /*
     * Grows with every LOOKUP and every change of name, either of which makes a probe under way
     * meaningless.
     */
    guint lookup_serial : 24;
    /*
     * The daemon itself has the FIFO open (`hold`): a lookup count above 0 says nothing of others
     * then. Not kept by the journal.
     */
    guint holding : 1;
    /* Type and permission bits. */
    guint16 mode;
    guint16 has_long_name : 1;

    /* The rest is about FIFOs only: FfReference and FfUse. */
    guint16 reference : 2;
    guint16 use : 2;
    /* Opened and closed so fast just now that its reports would cost more than they tell. */
    guint16 busy : 1;
    /* It has been in use since people were told last that it is idle. */
    guint16 used_since_idle : 1;
    /* It was held when its name was cached again; when that ended may not have been reported. */
    guint16 doubted : 1;
    /* It is to be probed as soon as may be, due or not. */
    guint16 probe_wanted : 1;
    /* Somebody wants it to go as soon as nobody holds it; a use of it is an answer to that. */
    guint16 reap_wanted : 1;
    /* Its name may be cached for longer than its policy allows now, until a probe was undisturbed. */
    guint16 must_be_dropped : 1;
    /* Its creator has a handle that nobody has used: that open of his, which is reported, is none. */
    guint16 relayed : 1;

    /* Kept by journal.c: what of it is to be written, FfUnsaved; and in which round it was last. */
    guint16 unsaved : 3;
    guint16 saved_round : 1;
};

static inline gboolean ff_node_is_fifo(const FfNode *node)
{
    return S_ISFIFO(node->mode);
}

static inline const char *ff_node_name(const FfNode *node)
{
    const char *long_name;

    if (!node->has_long_name)
        return node->inline_name;
    memcpy(&long_name, node->inline_name, sizeof long_name);
    return long_name;
}

/* Has it a name still? */
static inline gboolean ff_node_is_linked(const FfNode *node)
{
    return node->parent != NULL || node->id == FF_ROOT_ID;
}

/**
 * ff_node_lifetime() - the lifetime in force
 *
 * The sticky bit of a FIFO says "keep", as systemd-tmpfiles reads it, whatever its policy says.
 */
FfLifetime ff_node_lifetime(const FfNode *node);

FfState ff_node_state(const FfNode *node);

/* "new", "idle", "in-use" or "cached". */
const char *ff_state_name(FfState state);

/* What a decision about the node's lifetime rests on. */
FfLifetimeFacts ff_node_facts(const FfNode *node);

/**
 * ff_node_path() - the path below the mount root
 *
 * Return: a new string without a leading '/', "" for the root; NULL for a node that has no name any
 * more.
 */
char *ff_node_path(const FfNode *node);

/**
 * ff_node_stat() - what stat(2) says of it
 * @out: filled in whole, but for st_dev
 */
void ff_node_stat(const FfNode *node, struct stat *out);
