/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All nodes of a mount, and the only place where they change.
 *
 * Read ff_registry_create() and detach() in registry.c first: a node is made by the one and loses
 * its name by the other, whoever asks.
 *
 * Locking: one mutex for everything. Every function here, but for new, free and lock, wants it held
 * by the caller; a node pointer is good while it is held (afterwards keep the id). Nothing that may
 * wait for the kernel happens under it.
 *
 * Errors are -errno, and are those of tmpfs.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

#include "access.h"
#include "acls.h"
#include "change.h"
#include "clock.h"
#include "modes.h"
#include "node.h"
#include "quota.h"

typedef struct FfRegistry FfRegistry;

typedef struct {
    FfModes modes;
    /* What applies where no directory says otherwise. */
    FfPolicy policy;
    FfQuotaLimits limits;
    mode_t root_mode;
    uid_t root_uid;
    gid_t root_gid;
    /* Where set, every new node belongs to this user or group. */
    gboolean fix_uid, fix_gid;
    uid_t uid;
    gid_t gid;
} FfRegistryOptions;

FfRegistry *ff_registry_new(const FfRegistryOptions *options, const FfClock *clock);
void ff_registry_free(FfRegistry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfRegistry, ff_registry_free)

void ff_registry_lock(FfRegistry *registry);
void ff_registry_unlock(FfRegistry *registry);

/*
 * Without the lock: let those have it who wait for it, for a millisecond or so. For whoever takes it many times in a row:
 * it is not fair, and a thread that wakes up to get it comes too late each time.
 */
void ff_registry_give_way(FfRegistry *registry);

/* A lock for a scope: g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(registry); */
typedef FfRegistry FfRegistryLocker;

static inline FfRegistryLocker *ff_registry_locker_new(FfRegistry *registry)
{
    ff_registry_lock(registry);
    return registry;
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfRegistryLocker, ff_registry_unlock)

/* The same, for changes that a process has asked for: records name it until the lock is released. */
FfRegistryLocker *ff_registry_locker_new_for(FfRegistry *registry, FfActor actor);

/* Listeners are told in the order in which they came and stay as long as the registry. */
void ff_registry_listen(FfRegistry *registry, FfChangeListener listener, gpointer data);

/*
 * Have @commit called at the end of each time that the lock was held, before others can get it: what
 * has been changed meanwhile is complete then, and nobody has been told. From now on it is kept
 * which nodes have changed (registry-private.h); see journal.h.
 */
void ff_registry_set_commit(FfRegistry *registry, void (*commit)(gpointer data), gpointer data);

const FfRegistryOptions *ff_registry_options(const FfRegistry *registry);

/**
 * ff_registry_set_options() - from now on others
 *
 * They are for what is created from then on. Directories which have the former default of a value
 * get the new one. The mode of the root follows, its owner does not.
 */
void ff_registry_set_options(FfRegistry *registry, const FfRegistryOptions *options);
gint64 ff_registry_now(const FfRegistry *registry);

/**
 * ff_registry_to_realtime() - the wall-clock time of a monotonic time
 *
 * The same time gives the same answer, to the microsecond, until somebody sets the clock.
 *
 * Return: microseconds since the epoch.
 */
gint64 ff_registry_to_realtime(FfRegistry *registry, gint64 monotonic);

/* For a registry that has just been read from a journal: its options, with no node following them. */
void ff_registry_adopt_options(FfRegistry *registry, const FfRegistryOptions *options);

FfNode *ff_registry_root(const FfRegistry *registry);

/* The node with that id, also one without a name; NULL where there is none. */
FfNode *ff_registry_find(const FfRegistry *registry, guint64 id);

/* Visit every node, also those without a name; @visit must not make or free one. */
void ff_registry_foreach(FfRegistry *registry, void (*visit)(FfNode *node, gpointer data),
                         gpointer data);

/* Counts of names: FIFOs, and directories without the root. */
guint ff_registry_n_fifos(const FfRegistry *registry);
guint ff_registry_n_directories(const FfRegistry *registry);

/* Who has how many of them. */
const FfQuota *ff_registry_quota(const FfRegistry *registry);

/* How often a probe was begun, and how often reports were lost. */
guint64 ff_registry_n_probes(const FfRegistry *registry);
guint64 ff_registry_n_notes_lost(const FfRegistry *registry);

/**
 * ff_registry_lookup() - the node of a name
 * @node: set to the node on success
 *
 * Return: 0, -ENOENT, -ENOTDIR, or -ENAMETOOLONG.
 */
int ff_registry_lookup(const FfRegistry *registry, const FfNode *directory, const char *name,
                       FfNode **node);

typedef struct {
    /* Type (S_IFIFO or S_IFDIR) and requested permission bits. */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    /* (nullable): a reference is taken. */
    FfProcess *creator;
    /*
     * The daemon wants it, and no limit refuses it. (That the actor has no pid does not say so: nor has a
     * process of a pid namespace that the daemon's is not above of.)
     */
    gboolean exempt;
} FfNewNode;

/**
 * ff_registry_may_create() - would ff_registry_create() make it?
 *
 * Where a limit is reached that counts as a refusal. Return: 0, or what it would fail with.
 */
int ff_registry_may_create(FfRegistry *registry, const FfNode *directory, const char *name,
                           const FfNewNode *wanted);

/**
 * ff_registry_create() - make a FIFO or a directory
 * @node: set to it on success
 *
 * Mode and owner follow the options and the directory (set-group-ID); the policy is the
 * directory's.
 *
 * Return: 0, -EEXIST, -ENAMETOOLONG, -ENOENT in a directory that was removed, -EDQUOT where the user has as many
 * as he may, or -ENOSPC where the mount has.
 */
int ff_registry_create(FfRegistry *registry, FfNode *directory, const char *name,
                       const FfNewNode *wanted, FfNode **node);

/**
 * ff_registry_unlink() - remove the name of a FIFO
 *
 * Return: 0, -ENOENT, -ENAMETOOLONG, -EISDIR, or -EPERM for a caller who may not.
 */
int ff_registry_unlink(FfRegistry *registry, FfNode *directory, const char *name,
                       const FfCaller *caller);

/* Remove an empty directory. Return: 0, or as unlink but for -ENOTDIR and -ENOTEMPTY. */
int ff_registry_rmdir(FfRegistry *registry, FfNode *directory, const char *name,
                      const FfCaller *caller);

typedef struct {
    FfNode *directory;
    const char *name;
} FfPlace;

/**
 * ff_registry_rename() - as renameat2(2)
 * @flags: RENAME_NOREPLACE or RENAME_EXCHANGE; others are refused with -EINVAL
 */
int ff_registry_rename(FfRegistry *registry, FfPlace from, FfPlace to, guint flags,
                       const FfCaller *caller);

/* A removal that nobody asked for by a call: the node loses its name for this reason. */
void ff_registry_remove(FfRegistry *registry, FfNode *node, FfReason reason);

/* What a SETATTR may change; the flags say which are meant. */
typedef struct {
    gboolean set_mode, set_uid, set_gid, set_atime, set_mtime;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct timespec atime, mtime;
    /* The daemon wants it, and no quota refuses it. */
    gboolean exempt;
} FfAttributes;

/**
 * ff_registry_set_attributes() - chmod, chown, utimensat
 *
 * All or nothing. Who may is the kernel's to check; what may be set is checked here.
 *
 * Return: 0, -EPERM for a mode outside of ceiling and floor or an owner other than the fixed one,
 * -EDQUOT where the new owner has as many as he may, or -EINVAL for what is no time.
 */
int ff_registry_set_attributes(FfRegistry *registry, FfNode *node, const FfAttributes *wanted);

/* The ACLs of all nodes, to look into. */
const FfAcls *ff_registry_acls(const FfRegistry *registry);

/* An ACL of the node as the value of its attribute, or NULL where there is none. */
GBytes *ff_registry_acl(const FfRegistry *registry, const FfNode *node, FfAclType type);

/**
 * ff_registry_set_acl() - set or remove an ACL, and the mode with it
 * @acl:         (nullable): NULL to remove it; the mode stays then
 * @keep_setgid: the caller may set the set-group-ID bit; else an access ACL clears it
 *
 * Who may is the kernel's to check. An access ACL that says no more than a mode becomes the mode.
 *
 * Return: 0; -EPERM where somebody would get more than the ceiling allows, or the mode less than the
 * floor; -EACCES for a default ACL of a FIFO.
 */
int ff_registry_set_acl(FfRegistry *registry, FfNode *node, FfAclType type, const FfAcl *acl,
                        gboolean keep_setgid);

/*
 * Have an ACL be what ff_registry_acl() has told: nothing is checked, and nobody is told. The mode is
 * the caller's to restore.
 */
void ff_registry_restore_acl(FfRegistry *registry, FfNode *node, FfAclType type, const FfAcl *acl);

/* The current time, for an attribute that is to be "now". */
struct timespec ff_registry_realtime(const FfRegistry *registry);

/**
 * ff_registry_set_policy() - set one value of a node's policy
 * @key:   one of ff_policy_keys
 * @value: its text, or NULL to take the parent directory's (the mount's, for the root)
 *
 * On a directory it is for what will be created in it. A lifetime that is set on a FIFO clears its
 * sticky bit, which would hide it.
 *
 * Return: 0, -ENODATA for an unknown key, -EINVAL for a bad value.
 */
int ff_registry_set_policy(FfRegistry *registry, FfNode *node, const char *key, const char *value);

/* The kernel was told the node once more (the answer to a LOOKUP or to its kin). */
void ff_registry_add_lookup(FfRegistry *registry, FfNode *node);

/*
 * The same, where it was told the daemon itself, which is about to hold it: nothing follows from that
 * about others.
 */
void ff_registry_add_own_lookup(FfRegistry *registry, FfNode *node);

/* The daemon has it open from now on, or (FALSE) no longer, and others may have had all the time. */
void ff_registry_set_holding(FfRegistry *registry, FfNode *node, gboolean holding);

/**
 * ff_registry_end_holding_probe() - what a probe of a FIFO has found that the daemon goes on holding
 * @in_use: somebody else has it open; else that could not be found out
 */
void ff_registry_end_holding_probe(FfRegistry *registry, FfNode *node, guint serial,
                                   gboolean in_use);

/* The kernel forgets @n of them. A node without a name is freed with the last. */
void ff_registry_forget(FfRegistry *registry, FfNode *node, guint64 n);

/**
 * ff_registry_doubt() - have it found out whether somebody holds what was known to be held or cached
 *
 * For what another process has known, which may have missed the end of it.
 */
void ff_registry_doubt(FfRegistry *registry, FfNode *node);

/**
 * ff_registry_reap() - have a FIFO go now that would go later because nobody uses it
 * @wanted: FALSE to take that back
 *
 * The time for which it would stay ends now. Whether anybody holds it is found out as ever; a use that
 * begins or ends before that is an answer too, and it stays.
 *
 * Return: 0, or -EBUSY where it is held, or it is not time that keeps it but its lifetime.
 */
int ff_registry_reap(FfRegistry *registry, FfNode *node, gboolean wanted);

/* A probe was begun at the node; keep what this returns for ff_registry_end_probe(). */
guint ff_registry_begin_probe(FfRegistry *registry, FfNode *node);

/*
 * The answer that goes with a lookup is given once more, as nobody knows whether the first was. If it
 * was found out before that the kernel does not know the node, that means nothing any more.
 */
void ff_registry_answer_lookup_again(FfRegistry *registry, FfNode *node);

/**
 * ff_registry_end_probe() - what a probe has found
 * @serial: from ff_registry_begin_probe(); where a LOOKUP or a rename came between, the finding
 *          means nothing
 * @held:   the kernel has the inode although its name was dropped from the cache
 */
void ff_registry_end_probe(FfRegistry *registry, FfNode *node, guint serial, gboolean held);

/**
 * ff_registry_forget_rest() - the kernel knows no such inode, and no FORGET of it is under way
 * @serial: the lookup_serial from before that was found out
 *
 * For lookups that were counted and of which the kernel never heard, or whose FORGET was lost with a
 * process that died. Does nothing where a LOOKUP has come since.
 */
void ff_registry_forget_rest(FfRegistry *registry, FfNode *node, guint serial);

/*
 * Its creator has it open by a relay (fs/relay.h), and opens that are reported are not noted; or
 * (FALSE) they are again.
 */
void ff_registry_set_relayed(FfRegistry *registry, FfNode *node, gboolean relayed);

/* Somebody opened or closed it just now. Reports may come late, together, or not at all. */
void ff_registry_note_opened(FfRegistry *registry, FfNode *node);
void ff_registry_note_closed(FfRegistry *registry, FfNode *node);

/* The process for which the registry is locked waited in open() of it, and was let go. */
void ff_registry_note_released(FfRegistry *registry, FfNode *node);

/* Reports were lost: whatever the kernel has cached may have been used meanwhile. */
void ff_registry_notes_lost(FfRegistry *registry);

/* From now on opens and closes in this directory are reported, or (FALSE) they cannot be. */
void ff_registry_set_watched(FfRegistry *registry, FfNode *directory, gboolean watched);

/*
 * May reports of this directory be suspended for a fraction of a second? Only while no FIFO in it
 * can be opened without a LOOKUP.
 */
gboolean ff_registry_may_pause(const FfRegistry *registry, const FfNode *directory);

/*
 * May they be suspended for as long as nothing happens in it? Then, besides, none may be held that
 * was never opened, as by a bind mount or an O_PATH handle, through which it can be; and time enough
 * must have passed for an opener who was not let run.
 */
gboolean ff_registry_may_rest(const FfRegistry *registry, const FfNode *directory);

/* Reports of this directory are suspended, or (FALSE) come again. */
void ff_registry_set_blind(FfRegistry *registry, FfNode *directory, gboolean blind);

/* The FIFO is being opened and closed very often just now, or (FALSE) no longer is. */
void ff_registry_set_busy(FfRegistry *registry, FfNode *node, gboolean busy);

/**
 * ff_registry_probe_quiet() - have FIFOs of a directory probed that are cached and not busy
 * @cookie:  of the name behind which to begin; 0 for the first
 * @n_names: how many names to look at
 * @since:   only those that have been cached since then, or longer
 *
 * Return: the cookie to go on with, 0 at the end.
 */
guint64 ff_registry_probe_quiet(FfRegistry *registry, FfNode *directory, guint64 cookie,
                                guint n_names, gint64 since);

/* The process has ended. What it has created is to be told so, by ff_registry_tell_ended(). */
void ff_registry_process_ended(FfRegistry *registry, FfProcess *process);

/**
 * ff_registry_tell_ended() - emit FF_CHANGE_CREATOR_ENDED for what processes that have ended have created
 * @n: for so many nodes at most, as others wait for the lock
 *
 * Return: TRUE where some are left.
 */
gboolean ff_registry_tell_ended(FfRegistry *registry, guint n);
