/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a journal back to a registry.
 *
 * Records come in the order in which they were written, and the last word on a node is in force. But
 * in which order nodes come says nothing: the directory of a name may follow it. So all nodes are
 * read first, with the number of the directory in place of its address, and are put together then,
 * in the order of their cookies, which is the one in which directories like to get their names.
 *
 * A record that cannot be is an error, never a guess: the process which wrote it is asked to go on,
 * or the mount is given up with a message.
 */
#include "journal-private.h"

#include <errno.h>
#include <string.h>

#include "directory.h"
#include "heap.h"
#include "packing.h"

/* A node of 200 bytes, and what leads to it, is 60 to 90 in the log; more where the log says things twice. */
#define HEAP_GROWTH 4

typedef struct {
    FfJournal *journal;
    FfRegistry *registry;
    /* Number to FfPolicy, of the pool, and FfProcess, as records name them from here on. */
    GHashTable *policies, *processes;
    /* FfProcess by what makes it one: restored as one, whatever numbers it had. */
    GHashTable *known;
} Restore;

static void release_policy(gpointer number, gpointer policy, gpointer data)
{
    ff_policy_pool_release(((FfRegistry *)data)->policies, policy);
}

static void restore_clear(Restore *restore)
{
    g_hash_table_foreach(restore->policies, release_policy, restore->registry);
    g_hash_table_unref(restore->policies);
    g_hash_table_unref(restore->processes);
    g_hash_table_unref(restore->known);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Restore, restore_clear)

/* While records are read, the parent of a node is the number of it. */
static void set_parent_id(FfNode *node, guint64 id)
{
    node->parent = (FfNode *)(guintptr)id;
}

static guint64 parent_id(const FfNode *node)
{
    return (guint64)(guintptr)node->parent;
}

static void take_flags(FfNode *node, guint64 flags)
{
    if (!ff_node_is_fifo(node)) {
        node->directory->watched = (flags & FF_FLAG_WATCHED) != 0;
        node->directory->blind = (flags & FF_FLAG_BLIND) != 0;
        return;
    }
    node->busy = (flags & FF_FLAG_BUSY) != 0;
    node->used_since_idle = (flags & FF_FLAG_USED_SINCE_IDLE) != 0;
    node->doubted = (flags & FF_FLAG_DOUBTED) != 0;
    node->probe_wanted = (flags & FF_FLAG_PROBE_WANTED) != 0;
    node->reap_wanted = (flags & FF_FLAG_REAP_WANTED) != 0;
    node->must_be_dropped = (flags & FF_FLAG_MUST_BE_DROPPED) != 0;
    node->reference = flags / FF_FLAG_REFERENCE & 3;
    node->use = flags / FF_FLAG_USE & 3;
}

typedef struct {
    guint64 id, flags, lookups;
    gint64 last_used, reference_since;
} Use;

static gboolean unpack_use(FfUnpacker *in, Use *use)
{
    *use = (Use){.id = ff_unpack_unsigned(in), .flags = ff_unpack_unsigned(in)};
    use->lookups = ff_unpack_unsigned(in);
    use->last_used = ff_unpack_signed(in);
    use->reference_since = ff_unpack_signed(in);
    return !in->failed && use->id != 0 &&
           (use->flags / FF_FLAG_REFERENCE & 3) <= FF_REFERENCE_HELD &&
           (use->flags / FF_FLAG_USE & 3) <= FF_USE_OPENED;
}

static void take_use(FfNode *node, const Use *use)
{
    take_flags(node, use->flags);
    node->lookups = use->lookups;
    node->last_used = use->last_used;
    node->reference_since = use->reference_since;
}

static FfTimestamp unpack_time(FfUnpacker *in)
{
    FfTimestamp time = {.seconds = ff_unpack_signed(in)};

    time.nsec = (guint32)ff_unpack_below(in, FF_TIMESTAMP_MAX_NSEC);
    return time;
}

static FfTimestamp unpack_time_beside(FfUnpacker *in, FfTimestamp other)
{
    FfTimestamp time = {
        .seconds = (gint64)((guint64)other.seconds + (guint64)ff_unpack_signed(in))};
    gint64 nsec = ff_unpack_signed(in);

    time.nsec = (guint32)((gint64)other.nsec +
                          CLAMP(nsec, -FF_TIMESTAMP_MAX_NSEC, FF_TIMESTAMP_MAX_NSEC));
    if (time.nsec > FF_TIMESTAMP_MAX_NSEC)
        in->failed = TRUE;
    return time;
}

/* The node with that id and type, made where there is none. NULL for another type than it had. */
static FfNode *find_or_make(Restore *restore, guint64 id, mode_t mode, const FfPolicy *policy)
{
    FfNode *node = ff_registry_find(restore->registry, id);

    if (node == NULL)
        return ff_registry_new_node(restore->registry, id, mode, policy);
    if (((mode_t)node->mode & S_IFMT) != (mode & S_IFMT))
        return NULL;
    ff_registry_adopt_policy(restore->registry, node, policy);
    node->mode = (guint16)mode;
    return node;
}

/* @name: has room for a NUL behind FF_NAME_MAX. Return: FALSE where it can be no node's. */
static gboolean read_name(FfUnpacker *in, char *name)
{
    gsize length;
    const guint8 *bytes = ff_unpack_bytes(in, &length);

    if (length > FF_NAME_MAX)
        return FALSE;
    memcpy(name, bytes, length);
    name[length] = '\0';
    return strlen(name) == length && strchr(name, '/') == NULL;
}

static gboolean is_good_name(const char *name, guint64 id)
{
    return (id == FF_ROOT_ID) == (*name == '\0');
}

/* They are behind all else. What is not there, the node has no more. */
static gboolean read_acls(Restore *restore, FfNode *node, FfUnpacker *in)
{
    gboolean has_some = !ff_unpacker_at_end(in);

    for (FfAclType type = 0; type < FF_ACL_N_TYPES; type++) {
        gsize length = 0;
        const guint8 *bytes = has_some ? ff_unpack_bytes(in, &length) : NULL;
        g_autoptr(FfAcl) acl = NULL;

        if (length > 0 && ff_acl_parse(bytes, length, &acl) < 0)
            return FALSE;
        ff_registry_restore_acl(restore->registry, node, type, acl);
    }
    return TRUE;
}

static gboolean read_node(Restore *restore, FfUnpacker *in)
{
    Use use;
    gboolean ok = unpack_use(in, &use);
    guint64 parent = ff_unpack_unsigned(in);
    guint64 cookie = ff_unpack_unsigned(in);
    mode_t mode = (mode_t)ff_unpack_below(in, G_MAXUINT16);
    uid_t uid = (uid_t)ff_unpack_below(in, G_MAXUINT32);
    gid_t gid = (gid_t)ff_unpack_below(in, G_MAXUINT32);
    guint64 policy_number = ff_unpack_unsigned(in);
    guint64 creator_number = ff_unpack_unsigned(in);
    gint64 created = ff_unpack_signed(in);
    FfTimestamp ctime = unpack_time(in);
    FfTimestamp mtime = unpack_time_beside(in, ctime);
    FfTimestamp atime = unpack_time_beside(in, ctime);
    char name[FF_NAME_MAX + 1];
    gboolean has_name = read_name(in, name);
    uid_t charged_uid = (use.flags & FF_FLAG_CHARGED) != 0 ? (uid_t)ff_unpack_below(in, G_MAXUINT32)
                                                           : uid;
    const FfPolicy *policy = g_hash_table_lookup(restore->policies, &policy_number);
    FfProcess *creator = g_hash_table_lookup(restore->processes, &creator_number);
    FfNode *node;

    if (!ok || in->failed || !has_name || policy == NULL ||
        (creator == NULL) != (creator_number == 0) || !(S_ISFIFO(mode) || S_ISDIR(mode)) ||
        !is_good_name(name, use.id))
        return FALSE;
    node = find_or_make(restore, use.id, mode, policy);
    if (node == NULL)
        return FALSE;
    take_use(node, &use);
    ff_registry_set_name(node, name);
    set_parent_id(node, (use.flags & FF_FLAG_LINKED) != 0 ? parent : 0);
    node->cookie = cookie;
    node->uid = uid;
    node->charged_uid = charged_uid;
    node->gid = gid;
    node->created = created;
    node->ctime = ctime;
    node->mtime = mtime;
    node->atime = atime;
    if (ff_node_is_fifo(node) && node->creator == NULL)
        ff_registry_set_creator(node, creator);
    restore->registry->next_id = MAX(restore->registry->next_id, use.id + 1);
    restore->registry->next_cookie = MAX(restore->registry->next_cookie, cookie + 1);
    return read_acls(restore, node, in);
}

/* One that is not there was written before this part of the log, and will be once more. */
static gboolean read_use(Restore *restore, FfUnpacker *in)
{
    Use use;
    FfNode *node;

    if (!unpack_use(in, &use))
        return FALSE;
    node = ff_registry_find(restore->registry, use.id);
    if (node != NULL)
        take_use(node, &use);
    return TRUE;
}

static gboolean read_times(Restore *restore, FfUnpacker *in)
{
    FfNode *node = ff_registry_find(restore->registry, ff_unpack_unsigned(in));
    FfTimestamp time = unpack_time(in);

    if (node != NULL && !in->failed)
        node->mtime = node->ctime = time;
    return TRUE;
}

static gboolean read_gone(Restore *restore, FfUnpacker *in)
{
    FfNode *node = ff_registry_find(restore->registry, ff_unpack_unsigned(in));

    if (node == restore->registry->root)
        return FALSE;
    if (node != NULL)
        ff_registry_free_node(restore->registry, node);
    return TRUE;
}

/* Two processes are one if number and beginning are the same, and the session it was in. */
static char *identity_of(guint64 pid, gint64 started, guint64 session)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT, pid,
                           started, session);
}

static FfProcess *find_or_make_process(Restore *restore, guint64 pid, gint64 started,
                                       const char *comm, guint64 session, FfProcess *leader)
{
    g_autofree char *identity = identity_of(pid, started, session);
    FfProcess *process = g_hash_table_lookup(restore->known, identity);

    if (process == NULL) {
        process = ff_process_new((pid_t)pid, started, comm, (pid_t)session, leader);
        g_hash_table_insert(restore->known, g_steal_pointer(&identity), process);
        g_ptr_array_add(restore->journal->processes, process);
    }
    return process;
}

static gboolean read_process(Restore *restore, FfUnpacker *in)
{
    guint64 number = ff_unpack_unsigned(in);
    guint64 pid = ff_unpack_below(in, G_MAXINT32);
    gint64 started = ff_unpack_signed(in);
    guint64 session = ff_unpack_below(in, G_MAXINT32);
    guint64 leader_number = ff_unpack_unsigned(in);
    gboolean alive = ff_unpack_unsigned(in) != 0;
    g_autofree char *comm = ff_unpack_text(in);
    FfProcess *leader = g_hash_table_lookup(restore->processes, &leader_number);
    FfProcess *process;

    if (in->failed || number == 0 || (leader == NULL) != (leader_number == 0))
        return FALSE;
    process = find_or_make_process(restore, pid, started, comm, session, leader);
    process->alive = alive;
    g_hash_table_insert(restore->processes, g_memdup2(&number, sizeof number), process);
    return TRUE;
}

static gboolean read_policy(Restore *restore, FfUnpacker *in)
{
    guint64 number = ff_unpack_unsigned(in);
    FfPolicy policy = ff_policy_default;
    const FfPolicy *former, *pooled;

    while (!in->failed && !ff_unpacker_at_end(in)) {
        g_autofree char *key = ff_unpack_text(in);
        g_autofree char *value = ff_unpack_text(in);

        if (ff_policy_set(&policy, key, value) < 0)
            return FALSE;
    }
    former = g_hash_table_lookup(restore->policies, &number);
    pooled = ff_policy_pool_take(restore->registry->policies, &policy);
    g_hash_table_insert(restore->policies, g_memdup2(&number, sizeof number), (gpointer)pooled);
    if (former != NULL)
        ff_policy_pool_release(restore->registry->policies, former);
    return number != 0;
}

static gboolean read_next(Restore *restore, FfUnpacker *in)
{
    FfRegistry *registry = restore->registry;
    guint64 id = ff_unpack_unsigned(in), cookie = ff_unpack_unsigned(in);

    registry->next_id = MAX(registry->next_id, id);
    registry->next_cookie = MAX(registry->next_cookie, cookie);
    return TRUE;
}

static gboolean read_keep(Restore *restore, FfUnpacker *in)
{
    guint kind = (guint)ff_unpack_below(in, G_MAXUINT32);
    guint64 number = ff_unpack_unsigned(in);

    if (in->failed)
        return FALSE;
    g_hash_table_insert(ff_journal_kept_table(restore->journal, kind),
                        g_memdup2(&number, sizeof number),
                        g_bytes_new(in->at, (gsize)(in->end - in->at)));
    return TRUE;
}

static gboolean read_drop(Restore *restore, FfUnpacker *in)
{
    guint kind = (guint)ff_unpack_below(in, G_MAXUINT32);
    guint64 number = ff_unpack_unsigned(in);

    g_hash_table_remove(ff_journal_kept_table(restore->journal, kind), &number);
    return TRUE;
}

static gboolean read_answer(Restore *restore, FfUnpacker *in)
{
    FfAnswer answer = {.unique = ff_unpack_unsigned(in)};

    answer.node_id = ff_unpack_unsigned(in);
    /* Earlier programs did not say. */
    answer.life = ff_unpacker_at_end(in) ? 0 : ff_unpack_unsigned(in);
    ff_journal_remember_answer(restore->journal, answer);
    return TRUE;
}

static gboolean read_errand(Restore *restore, FfUnpacker *in)
{
    FfErrand errand = {.parent = ff_unpack_unsigned(in)};

    errand.id = ff_unpack_unsigned(in);
    errand.name = ff_unpack_text(in);
    g_array_append_val(restore->journal->errands, errand);
    return TRUE;
}

static gboolean read_errands_done(Restore *restore, FfUnpacker *in)
{
    g_array_set_size(restore->journal->errands, 0);
    return TRUE;
}

static gboolean read_record(guint kind, const guint8 *bytes, gsize length, gpointer data,
                            GError **error)
{
    static gboolean (*const readers[])(Restore * restore, FfUnpacker * in) = {
        [FF_RECORD_NODE] = read_node,       [FF_RECORD_USE] = read_use,
        [FF_RECORD_TIMES] = read_times,     [FF_RECORD_GONE] = read_gone,
        [FF_RECORD_PROCESS] = read_process, [FF_RECORD_POLICY] = read_policy,
        [FF_RECORD_NEXT] = read_next,       [FF_RECORD_KEEP] = read_keep,
        [FF_RECORD_DROP] = read_drop,       [FF_RECORD_ANSWER] = read_answer,
        [FF_RECORD_ERRAND] = read_errand,   [FF_RECORD_ERRANDS_DONE] = read_errands_done,
    };
    FfUnpacker in = ff_unpacker(bytes, length);

    if (kind < G_N_ELEMENTS(readers) && readers[kind] != NULL && readers[kind](data, &in) &&
        !in.failed)
        return TRUE;
    g_set_error(error, FF_LOGFILE_ERROR, 0,
                "a record of the journal (kind %u, %" G_GSIZE_FORMAT " bytes) cannot be understood",
                kind, length);
    return FALSE;
}

/* --- putting it together --- */

static void collect(FfTableLink *link, gpointer data)
{
    g_ptr_array_add(data, ff_node_of_id_link(link));
}

static gint by_cookie(gconstpointer a, gconstpointer b)
{
    guint64 first = (*(FfNode *const *)a)->cookie, second = (*(FfNode *const *)b)->cookie;

    return (first > second) - (first < second);
}

/* As they are where nothing was renamed: they were written in that order, or nearly so. */
static void sort_by_cookie(GPtrArray *nodes)
{
    for (guint i = 1; i < nodes->len; i++) {
        if (by_cookie(&nodes->pdata[i - 1], &nodes->pdata[i]) > 0) {
            g_ptr_array_sort(nodes, by_cookie);
            return;
        }
    }
}

/* Numbers of directories become addresses, also of those that follow. */
static gboolean resolve_parents(const GPtrArray *nodes, FfRegistry *registry)
{
    for (guint i = 0; i < nodes->len; i++) {
        FfNode *node = nodes->pdata[i];
        FfNode *parent = ff_registry_find(registry, parent_id(node));

        if (parent == NULL ? parent_id(node) != 0 : ff_node_is_fifo(parent))
            return FALSE;
        /* A directory that has lost its name is empty. */
        if (parent != NULL && parent != registry->root && parent->parent == NULL)
            return FALSE;
        node->parent = parent;
    }
    return TRUE;
}

/* Each name has to lead to the root, or it would lead in a circle. */
static gboolean is_rooted(const FfNode *node, guint n_nodes)
{
    for (guint i = 0; i <= n_nodes && node->parent != NULL; i++)
        node = node->parent;
    return node->parent == NULL;
}

static gboolean put_all(const GPtrArray *nodes, FfRegistry *registry)
{
    for (guint i = 0; i < nodes->len; i++) {
        FfNode *node = nodes->pdata[i];

        if (node->parent == NULL)
            continue;
        if ((!ff_node_is_fifo(node) && !is_rooted(node, nodes->len)) ||
            !ff_registry_put_restored(registry, node))
            return FALSE;
        ff_quota_charge(registry->quota, node);
    }
    return TRUE;
}

static gboolean put_together(FfRegistry *registry)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new();

    ff_table_foreach(&registry->by_id, collect, nodes);
    if (!resolve_parents(nodes, registry))
        return FALSE;
    sort_by_cookie(nodes);
    ff_table_reserve(&registry->by_name, nodes->len);
    return registry->root->parent == NULL && put_all(nodes, registry);
}

static void announce(FfTableLink *link, gpointer data)
{
    FfNode *node = ff_node_of_id_link(link);

    if (ff_node_is_fifo(node) && ff_node_is_linked(node))
        ff_registry_emit_plain(data, FF_CHANGE_REFERENCE, node);
}

static gboolean restore_all(FfJournal *journal, GError **error)
{
    g_auto(Restore) restore = {
        .journal = journal,
        .registry = journal->registry,
        .policies = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .processes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };

    if (!ff_logfile_read(journal->log, read_record, &restore, error))
        return FALSE;
    if (!put_together(journal->registry)) {
        g_set_error(error, FF_LOGFILE_ERROR, 0, "names in the journal contradict each other");
        return FALSE;
    }
    ff_table_foreach(&journal->registry->by_id, announce, journal->registry);
    return TRUE;
}

gboolean ff_journal_restore(FfJournal *journal, GError **error)
{
    gboolean ok;

    ff_heap_expect(ff_logfile_bytes(journal->log) * HEAP_GROWTH);
    ok = restore_all(journal, error);
    ff_heap_relax();
    return ok;
}
