/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "directory.h"
#include "duration.h"

/* A difference between the clocks of less than this is none. */
#define CLOCK_NOISE (10 * FF_MILLISECOND)

/* Offsets 1 and 2 of a directory are "." and "..". */
#define FIRST_COOKIE 3

typedef struct {
    FfChangeListener listener;
    gpointer data;
} Listening;

/* Microseconds: longer than it takes a thread to wake up. */
#define WAY_GIVEN_FOR   50
#define WAY_GIVEN_TIMES 20

void ff_registry_lock(FfRegistry *registry)
{
    if (g_mutex_trylock(&registry->lock))
        return;
    g_atomic_int_inc(&registry->n_waiting);
    g_mutex_lock(&registry->lock);
    g_atomic_int_add(&registry->n_waiting, -1);
}

void ff_registry_give_way(FfRegistry *registry)
{
    for (guint i = 0; i < WAY_GIVEN_TIMES && g_atomic_int_get(&registry->n_waiting) > 0; i++)
        g_usleep(WAY_GIVEN_FOR);
}

void ff_registry_unlock(FfRegistry *registry)
{
    registry->actor = (FfActor){0};
    if (registry->commit != NULL)
        registry->commit(registry->commit_data);
    g_mutex_unlock(&registry->lock);
}

FfRegistryLocker *ff_registry_locker_new_for(FfRegistry *registry, FfActor actor)
{
    ff_registry_lock(registry);
    registry->actor = actor;
    return registry;
}

void ff_registry_listen(FfRegistry *registry, FfChangeListener listener, gpointer data)
{
    Listening listening = {listener, data};

    g_array_append_val(registry->listeners, listening);
}

void ff_registry_set_commit(FfRegistry *registry, void (*commit)(gpointer data), gpointer data)
{
    registry->commit = commit;
    registry->commit_data = data;
    registry->unsaved = g_ptr_array_new();
    registry->gone = g_array_new(FALSE, FALSE, sizeof(guint64));
}

void ff_registry_mark(FfRegistry *registry, FfNode *node, FfUnsaved what)
{
    if (registry->commit == NULL)
        return;
    if (node->unsaved == 0)
        g_ptr_array_add(registry->unsaved, node);
    node->unsaved |= what;
}

/* It is about to be freed. */
static void mark_gone(FfRegistry *registry, const FfNode *node)
{
    guint i;

    if (registry->commit == NULL)
        return;
    g_array_append_val(registry->gone, node->id);
    if (node->unsaved == 0)
        return;
    /* What has changed last goes first. */
    for (i = registry->unsaved->len - 1; registry->unsaved->pdata[i] != node; i--)
        ;
    g_ptr_array_remove_index(registry->unsaved, i);
}

static void mark_changed(FfRegistry *registry, const FfChange *change)
{
    switch (change->kind) {
    case FF_CHANGE_CREATED:
    case FF_CHANGE_REMOVED:
    case FF_CHANGE_RENAMED:
    case FF_CHANGE_ATTRIBUTES:
    case FF_CHANGE_POLICY:
        ff_registry_mark(registry, change->node, FF_UNSAVED_ALL);
        break;
    case FF_CHANGE_REFERENCE:
    case FF_CHANGE_OPENED:
    case FF_CHANGE_CLOSED:
    case FF_CHANGE_IDLE:
        ff_registry_mark(registry, change->node, FF_UNSAVED_USE);
        break;
    case FF_CHANGE_RELEASED:
    case FF_CHANGE_CREATOR_ENDED:
        break;
    }
}

/* What comes to light now has happened before, and not by whoever has the lock. */
static gboolean is_told_by_others(FfChangeKind kind)
{
    return kind == FF_CHANGE_REFERENCE || kind == FF_CHANGE_OPENED || kind == FF_CHANGE_CLOSED ||
           kind == FF_CHANGE_IDLE || kind == FF_CHANGE_CREATOR_ENDED;
}

void ff_registry_emit(FfRegistry *registry, const FfChange *change)
{
    FfChange record = *change;

    mark_changed(registry, change);
    if (!is_told_by_others(change->kind))
        record.actor = registry->actor;
    for (guint i = 0; i < registry->listeners->len; i++) {
        const Listening *listening = &g_array_index(registry->listeners, Listening, i);

        listening->listener(&record, listening->data);
    }
}

void ff_registry_emit_plain(FfRegistry *registry, FfChangeKind kind, FfNode *node)
{
    ff_registry_emit(registry, &(FfChange){.kind = kind, .node = node});
}

const FfRegistryOptions *ff_registry_options(const FfRegistry *registry)
{
    return &registry->options;
}

gint64 ff_registry_now(const FfRegistry *registry)
{
    return ff_clock_monotonic(registry->clock);
}

struct timespec ff_registry_realtime(const FfRegistry *registry)
{
    return ff_clock_realtime(registry->clock);
}

gint64 ff_registry_to_realtime(FfRegistry *registry, gint64 monotonic)
{
    struct timespec now = ff_registry_realtime(registry);
    gint64 offset = now.tv_sec * FF_SECOND + now.tv_nsec / 1000 -
                    ff_clock_monotonic(registry->clock);

    /* The two clocks cannot be read at once. */
    if (ABS(offset - registry->realtime_offset) > CLOCK_NOISE)
        registry->realtime_offset = offset;
    return monotonic + registry->realtime_offset;
}

FfNode *ff_registry_root(const FfRegistry *registry)
{
    return registry->root;
}

/* --- the two tables --- */

/* Ids are given one after the other, which is as even as can be. */
static guint64 hash_id(guint64 id)
{
    return id;
}

static guint64 hash_by_id(const FfTableLink *link, gconstpointer data)
{
    return hash_id(ff_node_of_id_link((FfTableLink *)link)->id);
}

static FfNode *node_of_name_link(FfTableLink *link)
{
    return (FfNode *)((char *)link - G_STRUCT_OFFSET(FfNode, by_name));
}

static guint64 hash_name(const FfRegistry *registry, const FfNode *directory, const char *name)
{
    struct {
        guint64 directory;
        char name[FF_NAME_MAX];
    } key;
    gsize length = strlen(name);

    key.directory = directory->id;
    memcpy(key.name, name, length);
    return ff_siphash(&registry->name_key, &key, sizeof key.directory + length);
}

static guint64 hash_by_name(const FfTableLink *link, gconstpointer data)
{
    const FfNode *node = node_of_name_link((FfTableLink *)link);

    return hash_name(data, node->parent, ff_node_name(node));
}

static FfNode *find_name_at(const FfRegistry *registry, const FfNode *directory, const char *name,
                            guint64 hash)
{
    FfTableLink *link = ff_table_first(&registry->by_name, hash);

    for (; link != NULL; link = link->next) {
        FfNode *node = node_of_name_link(link);

        if (node->parent == directory && strcmp(ff_node_name(node), name) == 0)
            return node;
    }
    return NULL;
}

static FfNode *find_name(const FfRegistry *registry, const FfNode *directory, const char *name)
{
    return find_name_at(registry, directory, name, hash_name(registry, directory, name));
}

FfNode *ff_registry_find(const FfRegistry *registry, guint64 id)
{
    FfTableLink *link = ff_table_first(&registry->by_id, hash_id(id));

    while (link != NULL && ff_node_of_id_link(link)->id != id)
        link = link->next;
    return link == NULL ? NULL : ff_node_of_id_link(link);
}

typedef struct {
    void (*visit)(FfNode *node, gpointer data);
    gpointer data;
} Visiting;

static void visit_link(FfTableLink *link, gpointer data)
{
    const Visiting *visiting = data;

    visiting->visit(ff_node_of_id_link(link), visiting->data);
}

void ff_registry_foreach(FfRegistry *registry, void (*visit)(FfNode *node, gpointer data),
                         gpointer data)
{
    Visiting visiting = {visit, data};

    ff_table_foreach(&registry->by_id, visit_link, &visiting);
}

void ff_registry_adopt_options(FfRegistry *registry, const FfRegistryOptions *options)
{
    registry->options = *options;
}

guint ff_registry_n_fifos(const FfRegistry *registry)
{
    return ff_quota_used(registry->quota, FF_QUOTA_PIPES);
}

guint ff_registry_n_directories(const FfRegistry *registry)
{
    return ff_quota_used(registry->quota, FF_QUOTA_DIRECTORIES);
}

const FfQuota *ff_registry_quota(const FfRegistry *registry)
{
    return registry->quota;
}

FfNode *ff_registry_new_node(FfRegistry *registry, guint64 id, mode_t mode, const FfPolicy *policy)
{
    FfNode *node = g_new0(FfNode, 1);

    node->id = id;
    node->mode = mode;
    node->policy = ff_policy_pool_take(registry->policies, policy);
    node->deadline.at = FF_NEVER;
    if (S_ISDIR(mode))
        node->directory = ff_directory_new();
    ff_table_insert(&registry->by_id, &node->by_id);
    return node;
}

static FfNode *new_node_of_now(FfRegistry *registry, guint64 id, mode_t mode,
                               const FfPolicy *policy)
{
    FfNode *node = ff_registry_new_node(registry, id, mode, policy);

    node->atime = node->mtime = node->ctime = ff_registry_timestamp(registry);
    node->created = node->reference_since = ff_registry_now(registry);
    return node;
}

void ff_registry_adopt_policy(FfRegistry *registry, FfNode *node, const FfPolicy *policy)
{
    const FfPolicy *previous = node->policy;

    node->policy = ff_policy_pool_take(registry->policies, policy);
    ff_policy_pool_release(registry->policies, previous);
}

void ff_registry_set_creator(FfNode *node, FfProcess *creator)
{
    if (creator == NULL)
        return;
    node->creator = ff_process_ref(creator);
    node->creator_next = creator->created;
    if (creator->created != NULL)
        creator->created->creator_previous = node;
    creator->created = node;
}

static void clear_creator(FfNode *node)
{
    if (node->creator == NULL)
        return;
    if (node->creator->untold == node)
        node->creator->untold = node->creator_next;
    if (node->creator_previous != NULL)
        node->creator_previous->creator_next = node->creator_next;
    else
        node->creator->created = node->creator_next;
    if (node->creator_next != NULL)
        node->creator_next->creator_previous = node->creator_previous;
    node->creator_next = node->creator_previous = NULL;
    g_clear_pointer(&node->creator, ff_process_unref);
}

static void clear_name(FfNode *node)
{
    if (node->has_long_name)
        g_free((char *)ff_node_name(node));
    node->has_long_name = FALSE;
}

static void node_free(FfNode *node)
{
    if (ff_node_is_fifo(node))
        clear_creator(node);
    else
        ff_directory_free(node->directory);
    clear_name(node);
    g_free(node);
}

void ff_registry_free_node(FfRegistry *registry, FfNode *node)
{
    mark_gone(registry, node);
    ff_table_remove(&registry->by_id, &node->by_id);
    ff_acls_forget(registry->acls, node);
    ff_policy_pool_release(registry->policies, node->policy);
    node_free(node);
}

FfRegistry *ff_registry_new(const FfRegistryOptions *options, const FfClock *clock)
{
    FfRegistry *registry = g_new0(FfRegistry, 1);

    g_mutex_init(&registry->lock);
    registry->options = *options;
    registry->clock = clock;
    registry->name_key = ff_sip_key_random();
    ff_table_init(&registry->by_id, hash_by_id, NULL);
    ff_table_init(&registry->by_name, hash_by_name, registry);
    registry->next_id = FF_FIRST_ID;
    registry->next_cookie = FIRST_COOKIE;
    registry->policies = ff_policy_pool_new();
    registry->acls = ff_acls_new();
    registry->quota = ff_quota_new();
    registry->listeners = g_array_new(FALSE, FALSE, sizeof(Listening));
    registry->root = new_node_of_now(
        registry, FF_ROOT_ID, S_IFDIR | (options->root_mode & FF_MODE_BITS), &options->policy);
    registry->root->uid = options->root_uid;
    registry->root->gid = options->root_gid;
    return registry;
}

static void free_visited(FfTableLink *link, gpointer data)
{
    node_free(ff_node_of_id_link(link));
}

void ff_registry_free(FfRegistry *registry)
{
    if (registry == NULL)
        return;
    g_queue_clear_full(&registry->ended, (GDestroyNotify)ff_process_unref);
    ff_table_foreach(&registry->by_id, free_visited, NULL);
    ff_table_clear(&registry->by_id);
    ff_table_clear(&registry->by_name);
    ff_policy_pool_free(registry->policies);
    ff_acls_free(registry->acls);
    ff_quota_free(registry->quota);
    g_array_unref(registry->listeners);
    g_clear_pointer(&registry->unsaved, g_ptr_array_unref);
    g_clear_pointer(&registry->gone, g_array_unref);
    g_mutex_clear(&registry->lock);
    g_free(registry);
}

static int check_name(const char *name)
{
    return strlen(name) > FF_NAME_MAX ? -ENAMETOOLONG : 0;
}

int ff_registry_lookup(const FfRegistry *registry, const FfNode *directory, const char *name,
                       FfNode **node)
{
    int r = ff_node_is_fifo(directory) ? -ENOTDIR : check_name(name);
    FfNode *found;

    if (r < 0)
        return r;
    found = find_name(registry, directory, name);
    if (found == NULL)
        return -ENOENT;
    *node = found;
    return 0;
}

static void touch_directory(FfRegistry *registry, FfNode *directory)
{
    directory->mtime = directory->ctime = ff_registry_timestamp(registry);
    ff_registry_mark(registry, directory, FF_UNSAVED_TIMES);
}

void ff_registry_count_reference(const FfNode *node, int by)
{
    FfDirectory *directory = node->parent == NULL ? NULL : node->parent->directory;

    if (directory == NULL || !ff_node_is_fifo(node))
        return;
    /* One that the daemon holds is in the cache for all that FORGET tells. */
    if ((node->reference == FF_REFERENCE_CACHED ||
         (node->reference == FF_REFERENCE_HELD && node->holding)) &&
        !node->busy)
        directory->n_quiet_cached += (guint)by;
    if (node->reference != FF_REFERENCE_HELD || node->holding)
        return;
    directory->n_held += (guint)by;
    if (node->use != FF_USE_OPENED)
        directory->n_held_unopened += (guint)by;
    directory->latest_held = MAX(directory->latest_held, node->reference_since);
}

void ff_registry_set_name(FfNode *node, const char *name)
{
    clear_name(node);
    node->has_long_name = strlen(name) >= sizeof node->inline_name;
    if (node->has_long_name) {
        char *long_name = g_strdup(name);

        memcpy(node->inline_name, &long_name, sizeof long_name);
    } else {
        g_strlcpy(node->inline_name, name, sizeof node->inline_name);
    }
}

static void put_at(FfRegistry *registry, FfNode *node, guint64 hash)
{
    ff_table_insert_at(&registry->by_name, &node->by_name, hash);
    ff_directory_insert(node->parent->directory, node);
    ff_registry_count_reference(node, 1);
}

gboolean ff_registry_put_restored(FfRegistry *registry, FfNode *node)
{
    guint64 hash = hash_name(registry, node->parent, ff_node_name(node));

    if (find_name_at(registry, node->parent, ff_node_name(node), hash) != NULL ||
        ff_directory_has(node->parent->directory, node->cookie))
        return FALSE;
    put_at(registry, node, hash);
    return TRUE;
}

/* Give the node a name; @cookie is that of the name where there was one already, else 0. */
static void attach(FfRegistry *registry, FfNode *node, FfNode *directory, const char *name,
                   guint64 cookie)
{
    ff_registry_set_name(node, name);
    node->parent = directory;
    node->cookie = cookie != 0 ? cookie : registry->next_cookie++;
    put_at(registry, node, hash_name(registry, directory, name));
    touch_directory(registry, directory);
}

/* Take the node out of its directory, for good or to put it elsewhere. */
static void detach(FfRegistry *registry, FfNode *node)
{
    ff_registry_count_reference(node, -1);
    ff_table_remove(&registry->by_name, &node->by_name);
    ff_directory_remove(node->parent->directory, node);
    touch_directory(registry, node->parent);
    node->parent = NULL;
}

static gid_t group_of_new(const FfRegistry *registry, const FfNode *directory, gid_t wanted)
{
    if ((directory->mode & S_ISGID) != 0)
        return directory->gid;
    return registry->options.fix_gid ? registry->options.gid : wanted;
}

static void set_owner_of_new(const FfRegistry *registry, FfNode *node, const FfNode *directory,
                             const FfNewNode *wanted)
{
    node->uid = registry->options.fix_uid ? registry->options.uid : wanted->uid;
    node->gid = group_of_new(registry, directory, wanted->gid);
    node->charged_uid = wanted->uid;
    if (!ff_node_is_fifo(node))
        node->mode |= directory->mode & S_ISGID;
}

static int check_quota(FfRegistry *registry, const FfNewNode *wanted)
{
    int r = wanted->exempt ? 0
                           : ff_quota_check(registry->quota, &registry->options.limits,
                                            ff_quota_kind(wanted->mode), wanted->uid);

    ff_quota_note_refused(registry->quota, r);
    return r;
}

int ff_registry_may_create(FfRegistry *registry, const FfNode *directory, const char *name,
                           const FfNewNode *wanted)
{
    FfNode *found;
    int r = ff_registry_lookup(registry, directory, name, &found);

    if (r == 0)
        return -EEXIST;
    if (r != -ENOENT)
        return r;
    return ff_node_is_linked(directory) ? check_quota(registry, wanted) : -ENOENT;
}

int ff_registry_create(FfRegistry *registry, FfNode *directory, const char *name,
                       const FfNewNode *wanted, FfNode **node)
{
    mode_t type = wanted->mode & S_IFMT;
    FfNode *created;
    int r = ff_registry_may_create(registry, directory, name, wanted);

    if (r < 0)
        return r;
    created = new_node_of_now(registry, registry->next_id++,
                              type | ff_modes_new(&registry->options.modes, type, wanted->mode),
                              directory->policy);
    set_owner_of_new(registry, created, directory, wanted);
    ff_registry_inherit_acl(registry, created, directory, wanted->mode);
    if (ff_node_is_fifo(created))
        ff_registry_set_creator(created, wanted->creator);
    attach(registry, created, directory, name, 0);
    ff_quota_charge(registry->quota, created);
    ff_registry_emit_plain(registry, FF_CHANGE_CREATED, created);
    *node = created;
    return 0;
}

void ff_registry_remove(FfRegistry *registry, FfNode *node, FfReason reason)
{
    FfChange change = {
        .kind = FF_CHANGE_REMOVED,
        .node = node,
        .old_parent = node->parent,
        .old_name = ff_node_name(node),
        .reason = reason,
    };

    detach(registry, node);
    node->ctime = ff_registry_timestamp(registry);
    ff_quota_discharge(registry->quota, node);
    ff_registry_emit(registry, &change);
    if (node->lookups == 0)
        ff_registry_free_node(registry, node);
}

int ff_registry_unlink(FfRegistry *registry, FfNode *directory, const char *name,
                       const FfCaller *caller)
{
    FfNode *node;
    int r = ff_registry_lookup(registry, directory, name, &node);

    if (r < 0)
        return r;
    if (!ff_access_may_remove(caller, directory, node))
        return -EPERM;
    if (!ff_node_is_fifo(node))
        return -EISDIR;
    ff_registry_remove(registry, node, FF_REASON_UNLINK);
    return 0;
}

int ff_registry_rmdir(FfRegistry *registry, FfNode *directory, const char *name,
                      const FfCaller *caller)
{
    FfNode *node;
    int r = ff_registry_lookup(registry, directory, name, &node);

    if (r < 0)
        return r;
    if (!ff_access_may_remove(caller, directory, node))
        return -EPERM;
    if (ff_node_is_fifo(node))
        return -ENOTDIR;
    if (ff_directory_size(node->directory) > 0)
        return -ENOTEMPTY;
    ff_registry_remove(registry, node, FF_REASON_UNLINK);
    return 0;
}

static gboolean is_below(const FfNode *node, const FfNode *ancestor)
{
    for (; node != NULL; node = node->parent)
        if (node == ancestor)
            return TRUE;
    return FALSE;
}

/* May @node take the place of @target, which has the name already? */
static int check_replace(const FfNode *node, const FfNode *target)
{
    if (ff_node_is_fifo(node))
        return ff_node_is_fifo(target) ? 0 : -EISDIR;
    if (ff_node_is_fifo(target))
        return -ENOTDIR;
    return ff_directory_size(target->directory) > 0 ? -ENOTEMPTY : 0;
}

static int check_rename(FfPlace from, FfPlace to, const FfNode *node, const FfNode *target,
                        guint flags, const FfCaller *caller)
{
    if (target != NULL && (flags & RENAME_NOREPLACE) != 0)
        return -EEXIST;
    if (target == NULL && (flags & RENAME_EXCHANGE) != 0)
        return -ENOENT;
    if (!ff_access_may_remove(caller, from.directory, node))
        return -EPERM;
    if (target != NULL && !ff_access_may_remove(caller, to.directory, target))
        return -EPERM;
    if (is_below(to.directory, node))
        return -EINVAL;
    if ((flags & RENAME_EXCHANGE) != 0)
        return is_below(from.directory, target) ? -EINVAL : 0;
    return target == NULL ? 0 : check_replace(node, target);
}

static void emit_renamed(FfRegistry *registry, FfNode *node, FfNode *old_parent,
                         const char *old_name)
{
    node->ctime = ff_registry_timestamp(registry);
    node->lookup_serial++;
    ff_registry_emit(registry, &(FfChange){.kind = FF_CHANGE_RENAMED,
                                           .node = node,
                                           .old_parent = old_parent,
                                           .old_name = old_name});
}

/*
 * That it is busy was said of its directory, which is blind to it; the one it comes into is
 * watched.
 */
static void end_busy(FfRegistry *registry, FfNode *node)
{
    if (!node->busy)
        return;
    ff_registry_set_busy(registry, node, FALSE);
    ff_registry_note_closed(registry, node);
}

static void move(FfRegistry *registry, FfNode *node, FfPlace to, guint64 cookie)
{
    FfNode *old_parent = node->parent;
    g_autofree char *old_name = g_strdup(ff_node_name(node));

    end_busy(registry, node);
    detach(registry, node);
    attach(registry, node, to.directory, to.name, cookie);
    emit_renamed(registry, node, old_parent, old_name);
}

static void exchange(FfRegistry *registry, FfPlace from, FfPlace to, FfNode *node, FfNode *target)
{
    guint64 cookie = node->cookie, target_cookie = target->cookie;

    end_busy(registry, node);
    end_busy(registry, target);
    detach(registry, node);
    detach(registry, target);
    attach(registry, node, to.directory, to.name, target_cookie);
    attach(registry, target, from.directory, from.name, cookie);
    emit_renamed(registry, node, from.directory, from.name);
    emit_renamed(registry, target, to.directory, to.name);
}

int ff_registry_rename(FfRegistry *registry, FfPlace from, FfPlace to, guint flags,
                       const FfCaller *caller)
{
    FfNode *node, *target = NULL;
    guint64 cookie = 0;
    int r;

    if ((flags & ~(guint)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    r = ff_registry_lookup(registry, from.directory, from.name, &node);
    if (r < 0)
        return r;
    r = ff_registry_lookup(registry, to.directory, to.name, &target);
    if (r < 0 && r != -ENOENT)
        return r;
    if (!ff_node_is_linked(to.directory))
        return -ENOENT;
    if (node == target && (flags & RENAME_NOREPLACE) == 0)
        return 0;
    r = check_rename(from, to, node, target, flags, caller);
    if (r < 0)
        return r;
    if ((flags & RENAME_EXCHANGE) != 0) {
        exchange(registry, from, to, node, target);
        return 0;
    }
    if (target != NULL) {
        cookie = target->cookie;
        ff_registry_remove(registry, target, FF_REASON_REPLACED);
    }
    move(registry, node, to, cookie);
    return 0;
}
