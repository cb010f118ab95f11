/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * While we hold a FIFO the kernel's lookup count is never 0, so that FORGET does not tell when
 * others have it no more. So a probe of such a FIFO goes on where the kernel can say no more: its
 * name is dropped from the cache, and the supervisor is asked to let it go if nobody would notice. If
 * it does, the answer is the kernel's as ever: FORGET, or the inode is there still and somebody has
 * it. Then the FIFO is held again; since its name is not in the cache, a FIFO that was found idle
 * stays so until somebody is answered a LOOKUP.
 *
 * From the moment at which it may be let go until it is held again, and before it is held for the
 * first time, no LOOKUP of it is answered: so there is no gap for those who come. These LOOKUPs, and
 * whoever sets the attribute, are let go on by a thread of our own. It cannot be the main thread,
 * which may be waiting, in a notification, for the lock of the directory that such a LOOKUP has.
 *
 * But nobody waits for long: the supervisor may be stopped, or somebody may have the lock of the
 * control directory.
 *
 * The supervisor finds the FIFO under a name in the control directory that is told nobody else and is
 * good for one LOOKUP. That one counts for nothing, and nobody watches that directory.
 */
#include "holds.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "control.h"
#include "handover.h"
#include "kernel.h"
#include "privileges.h"
#include "step.h"
#include "usercount.h"

/* As long a request is kept back at most, a little more or less. */
#define PATIENCE (3 * G_TIME_SPAN_SECOND)

/* The supervisor has more to read than is written at once. */
#define ASK_AGAIN (10 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    guint64 id;
    /* FfHold, or FF_HOLD_UNSURE. */
    guint ends;
    /* What is asked, FfHoldKind, or 0; and the number of that. */
    guint asked;
    guint32 number;
    /* Of a probe. */
    guint serial;
    /* It could not be opened with these ends; not before something changes. */
    gboolean failed;
    FfHold failed_ends;
    /* It was let go, and the FORGET that follows has not come. */
    gboolean released;
    /* While it is held: whom it counts for. */
    uid_t uid;
    char name[FF_HOLD_NAME_SIZE];
    /* Somebody has opened it (1) or closed it (-1), which could not be told. */
    int untold;
    GArray *waiters;
    /* When the first of them came. */
    gint64 waited_since;
    /* Some have waited for too long, and nobody waits until it is settled. */
    gboolean late;
} Hold;

struct FfHolds {
    FfRegistry *registry;
    struct fuse_session *fuse;
    int socket;
    gboolean able;
    FfHoldsFoundFunc found;
    gpointer found_data;
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    GSource *incoming, *outgoing, *impatient;
    /*
     * The rest is under the registry lock. What the supervisor holds is known; he was asked to get
     * ready, is, or cannot.
     */
    gboolean told, asked_to_prepare, prepared, unable;
    /* Something is to be held, or what will be made in some directory. */
    gboolean wanted;
    /* Who waits for him to be ready. */
    GArray *unprepared;
    /* By id; those that are held or were ever to be; and names that may be looked up -> Hold. */
    GHashTable *by_id, *by_name;
    /* Ids of those that are to be looked at by our thread, each once. */
    GHashTable *dirty;
    /* Who may go on. */
    GArray *settled;
    /* How many each user has (usercount.h). */
    GHashTable *n_by_user;
    guint n_asked, n_held;
    guint32 number;
    gboolean said_full;
};

static void hold_free(gpointer data)
{
    Hold *hold = data;

    g_array_unref(hold->waiters);
    g_free(hold);
}

static Hold *get(FfHolds *holds, guint64 id)
{
    Hold *hold = g_hash_table_lookup(holds->by_id, &id);

    if (hold != NULL)
        return hold;
    hold = g_new0(Hold, 1);
    hold->id = id;
    hold->waiters = ff_resumes_new();
    g_hash_table_insert(holds->by_id, &hold->id, hold);
    return hold;
}

static FfHold wanted_ends(const FfHolds *holds, const FfNode *node)
{
    if (!holds->able || holds->unable || node == NULL || !ff_node_is_fifo(node) ||
        !ff_node_is_linked(node))
        return FF_HOLD_NONE;
    return (FfHold)node->policy->hold;
}

/* Any thread, registry locked. */
static void look_again(FfHolds *holds, guint64 id)
{
    g_hash_table_add(holds->dirty, g_memdup2(&id, sizeof id));
    g_source_set_ready_time(holds->outgoing, 0);
}

/* --- how many --- */

static gboolean is_room(const FfHolds *holds, const FfNode *node)
{
    if (holds->n_held >= FF_HOLD_MOST)
        return FALSE;
    return node->charged_uid == 0 || node->charged_uid == ff_privileges_mounter() ||
           ff_user_counts_of(holds->n_by_user, node->charged_uid) < FF_HOLD_USER_MOST;
}

static void count(FfHolds *holds, uid_t uid, int by)
{
    holds->n_held += (guint)by;
    ff_user_counts_add(holds->n_by_user, uid, by);
}

static gboolean has_room(FfHolds *holds, const Hold *hold, const FfNode *node)
{
    if (hold->ends != FF_HOLD_NONE || is_room(holds, node))
        return TRUE;
    if (!holds->said_full)
        g_message(
            "%u FIFOs are held, %u of user %u, and no more can be: others are as without hold",
            holds->n_held, ff_user_counts_of(holds->n_by_user, node->charged_uid),
            node->charged_uid);
    holds->said_full = TRUE;
    return FALSE;
}

int ff_holds_check(const FfHolds *holds, const FfNode *node, FfHold ends)
{
    const Hold *hold = g_hash_table_lookup(holds->by_id, &node->id);

    if (!ff_node_is_fifo(node) || ends == FF_HOLD_NONE)
        return 0;
    if (!holds->able)
        return -EOPNOTSUPP;
    if (ff_privileges_mounter() != 0 && ff_privileges_mounter() != node->uid)
        return -EPERM;
    if (hold != NULL && hold->ends != FF_HOLD_NONE)
        return 0;
    return is_room(holds, node) ? 0 : -EMFILE;
}

/* --- asking --- */

static gboolean tell(FfHolds *holds, const FfHoldMessage *message)
{
    if (send(holds->socket, message, sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return TRUE;
    g_debug("cannot tell the supervisor: %s", g_strerror(errno));
    return FALSE;
}

/* Return: could it be asked? */
static gboolean ask(FfHolds *holds, Hold *hold, FfHoldMessage message)
{
    message.number = holds->number + 1;
    message.id = hold->id;
    FF_STEP("asking");
    if (!tell(holds, &message))
        return FALSE;
    hold->asked = message.kind;
    hold->number = ++holds->number;
    holds->n_asked++;
    return TRUE;
}

static gboolean ask_to_open(FfHolds *holds, Hold *hold, const FfNode *node)
{
    FfHoldMessage message = {
        .kind = FF_HOLD_OPEN,
        .ends = (guint32)node->policy->hold,
        .capacity = node->policy->capacity,
    };

    if (getrandom(message.token, sizeof message.token, 0) != sizeof message.token)
        g_error("no random numbers: %s", g_strerror(errno));
    g_snprintf(hold->name, sizeof hold->name, FF_HOLD_NAME_FORMAT, message.token[0],
               message.token[1]);
    if (!ask(holds, hold, message))
        return FALSE;
    /* The registry is locked, so that the name is not asked for before. */
    g_hash_table_insert(holds->by_name, hold->name, hold);
    hold->released = FALSE;
    return TRUE;
}

/*
 * A release is followed by a FORGET, which tells that nobody has it only if that comes before it is
 * looked up once more. That it comes may be the business of the main thread, which may wait for the
 * lock of a directory (ff_registry_forget_rest()); so it is not waited for while somebody waits.
 */
static gboolean awaits_forget(const Hold *hold, const FfNode *node)
{
    return hold->released && hold->waiters->len == 0 && node->reference == FF_REFERENCE_CACHED &&
           node->lookup_serial == hold->serial;
}

/* Is there nothing to be done or waited for? */
static gboolean is_settled(const Hold *hold, FfHold wanted)
{
    return hold->asked == 0 &&
           (hold->ends == wanted || (hold->failed && hold->failed_ends == wanted));
}

static void be_settled(FfHolds *holds, Hold *hold, FfHold wanted)
{
    hold->late = FALSE;
    ff_resumes_move(hold->waiters, holds->settled);
    if (wanted == FF_HOLD_NONE && hold->ends == FF_HOLD_NONE)
        g_hash_table_remove(holds->by_id, &hold->id);
}

/* Return: could it be told? */
static gboolean tell_look(FfHolds *holds, Hold *hold, gboolean opened)
{
    gboolean told = tell(holds,
                         &(FfHoldMessage){.kind = FF_HOLD_LOOK, .id = hold->id, .value = opened});

    hold->untold = told ? 0 : opened ? 1 : -1;
    return told;
}

/* Registry locked. Have what is be what is wanted. Return: FALSE where it has to wait for others. */
static gboolean consider(FfHolds *holds, guint64 id)
{
    FfNode *node = ff_registry_find(holds->registry, id);
    FfHold wanted = wanted_ends(holds, node);
    Hold *hold = get(holds, id);

    if (hold->untold != 0 && !tell_look(holds, hold, hold->untold > 0))
        return FALSE;
    /* Else it is looked at again at the answer. */
    if (hold->asked != 0)
        return TRUE;
    if (!is_settled(hold, wanted) && wanted != FF_HOLD_NONE && !has_room(holds, hold, node)) {
        hold->failed = TRUE;
        hold->failed_ends = wanted;
    }
    if (is_settled(hold, wanted)) {
        be_settled(holds, hold, wanted);
        return TRUE;
    }
    if (holds->n_asked >= FF_HOLD_REQUESTS)
        return FALSE;
    if (wanted == FF_HOLD_NONE)
        return ask(holds, hold, (FfHoldMessage){.kind = FF_HOLD_CLOSE});
    return awaits_forget(hold, node) || ask_to_open(holds, hold, node);
}

/* The lock is not held while they go on. */
static void resume_settled(FfHolds *holds)
{
    g_autoptr(GArray) settled = ff_resumes_new();

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);
        GArray *none = settled;

        settled = holds->settled;
        holds->settled = none;
    }
    ff_resumes_run(settled);
}

static void ask_to_prepare(FfHolds *holds)
{
    FfHoldMessage message = {.kind = FF_HOLD_PREPARE};

    if (!holds->asked_to_prepare)
        holds->asked_to_prepare = tell(holds, &message);
    if (!holds->asked_to_prepare)
        g_source_set_ready_time(holds->outgoing, g_get_monotonic_time() + ASK_AGAIN);
}

/* Registry locked. */
static gboolean is_prepared(const FfHolds *holds)
{
    return !holds->able || holds->unable || (holds->told && (holds->prepared || !holds->wanted));
}

static void consider_dirty(FfHolds *holds)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);
    GHashTableIter iter;
    gpointer id;

    if (!holds->told && holds->able)
        return;
    if (!is_prepared(holds)) {
        ask_to_prepare(holds);
        return;
    }
    ff_resumes_move(holds->unprepared, holds->settled);
    g_hash_table_iter_init(&iter, holds->dirty);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        if (!consider(holds, *(guint64 *)id)) {
            g_source_set_ready_time(holds->outgoing, g_get_monotonic_time() + ASK_AGAIN);
            break;
        }
        g_hash_table_iter_remove(&iter);
    }
}

static gboolean dispatch_outgoing(GSource *source, GSourceFunc callback, gpointer data)
{
    FfHolds *holds = data;

    g_source_set_ready_time(source, -1);
    consider_dirty(holds);
    resume_settled(holds);
    return G_SOURCE_CONTINUE;
}

void ff_holds_ask(FfHolds *holds, guint64 id, guint serial, gboolean force)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);
    FfNode *node = ff_registry_find(holds->registry, id);
    Hold *hold = g_hash_table_lookup(holds->by_id, &id);

    if (node == NULL || !ff_node_is_linked(node))
        return;
    /* Who has looked it up meanwhile may be about to open it. */
    if (hold == NULL || hold->asked != 0 || holds->n_asked >= FF_HOLD_REQUESTS ||
        hold->ends == FF_HOLD_NONE || node->lookup_serial != serial) {
        holds->found(node, serial, FF_HOLDS_UNSURE, holds->found_data);
        return;
    }
    hold->serial = serial;
    if (!ask(holds, hold, (FfHoldMessage){.kind = FF_HOLD_TRY_RELEASE, .value = force}))
        holds->found(node, serial, FF_HOLDS_UNSURE, holds->found_data);
}

/* Any thread, registry locked. */
static void on_change(const FfChange *change, gpointer data)
{
    FfHolds *holds = data;
    const FfNode *node = change->node;
    FfHold wanted;
    Hold *hold;

    if (!holds->wanted && node->policy->hold != FF_HOLD_NONE) {
        holds->wanted = TRUE;
        g_source_set_ready_time(holds->outgoing, 0);
    }
    if (!ff_node_is_fifo(node))
        return;
    hold = g_hash_table_lookup(holds->by_id, &node->id);
    wanted = wanted_ends(holds, node);
    if (hold == NULL && wanted == FF_HOLD_NONE)
        return;
    if (hold != NULL && hold->ends == FF_HOLD_READ &&
        (change->kind == FF_CHANGE_OPENED || change->kind == FF_CHANGE_CLOSED) &&
        !tell_look(holds, hold, change->kind == FF_CHANGE_OPENED))
        look_again(holds, node->id);
    /* What could not be opened by its mode may be now. */
    if (hold != NULL && change->kind == FF_CHANGE_ATTRIBUTES)
        hold->failed = FALSE;
    if (hold == NULL || !is_settled(hold, wanted))
        look_again(holds, node->id);
}

/* --- who waits for it --- */

gboolean ff_holds_is_settled(const FfHolds *holds, const FfNode *node)
{
    const Hold *hold = g_hash_table_lookup(holds->by_id, &node->id);
    FfHold wanted = wanted_ends(holds, node);

    if (holds->told && !holds->prepared)
        return TRUE;
    if (hold == NULL)
        return wanted == FF_HOLD_NONE;
    return hold->late || (holds->told && is_settled(hold, wanted));
}

gboolean ff_holds_ensure(FfHolds *holds, const FfNode *node, FfResume resume, gpointer data)
{
    gint64 now = g_get_monotonic_time();
    Hold *hold;

    if (ff_holds_is_settled(holds, node))
        return TRUE;
    hold = get(holds, node->id);
    if (hold->waiters->len == 0)
        hold->waited_since = now;
    ff_resumes_add(hold->waiters, resume, data);
    look_again(holds, node->id);
    if (g_source_get_ready_time(holds->impatient) < 0)
        g_source_set_ready_time(holds->impatient, now + PATIENCE);
    return FALSE;
}

/* Return: does somebody wait still? */
static gboolean give_up_late(FfHolds *holds, gint64 now)
{
    gboolean waits = FALSE;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, holds->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Hold *hold = value;

        if (hold->waiters->len == 0)
            continue;
        hold->late = hold->waited_since + PATIENCE <= now;
        if (hold->late)
            ff_resumes_move(hold->waiters, holds->settled);
        else
            waits = TRUE;
    }
    return waits;
}

static gboolean dispatch_impatient(GSource *source, GSourceFunc callback, gpointer data)
{
    FfHolds *holds = data;
    gint64 now = g_get_monotonic_time();

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);

        g_source_set_ready_time(source, give_up_late(holds, now) ? now + PATIENCE / 4 : -1);
    }
    resume_settled(holds);
    return G_SOURCE_CONTINUE;
}

gboolean ff_holds_prepare(FfHolds *holds, FfResume resume, gpointer data)
{
    if (is_prepared(holds))
        return TRUE;
    ff_resumes_add(holds->unprepared, resume, data);
    g_source_set_ready_time(holds->outgoing, 0);
    return FALSE;
}

guint64 ff_holds_find(FfHolds *holds, const char *name)
{
    const Hold *hold = g_hash_table_lookup(holds->by_name, name);
    guint64 id = hold == NULL ? 0 : hold->id;

    g_hash_table_remove(holds->by_name, name);
    return id;
}

/* --- answers --- */

static void set_ends(FfHolds *holds, Hold *hold, guint ends)
{
    FfNode *node = ff_registry_find(holds->registry, hold->id);

    if (hold->ends != FF_HOLD_NONE)
        count(holds, hold->uid, -1);
    if (ends != FF_HOLD_NONE) {
        hold->uid = node == NULL ? 0 : node->charged_uid;
        count(holds, hold->uid, 1);
    }
    hold->ends = ends;
    if (node != NULL)
        ff_registry_set_holding(holds->registry, node, ends != FF_HOLD_NONE);
}

static void note_opened(FfHolds *holds, Hold *hold, const FfHoldMessage *message)
{
    FfNode *node = ff_registry_find(holds->registry, hold->id);
    g_autofree char *path = node == NULL ? NULL : ff_node_path(node);

    if (message->kind == FF_HOLD_OPENED) {
        set_ends(holds, hold, message->ends);
        return;
    }
    hold->failed = TRUE;
    hold->failed_ends = (FfHold)message->ends;
    if (path != NULL)
        g_message("cannot hold %s, which is as without hold: %s", path, g_strerror(message->value));
}

/* @known: does the kernel know it now that it was let go? */
static void note_released(FfHolds *holds, Hold *hold, gboolean known)
{
    FfNode *node = ff_registry_find(holds->registry, hold->id);

    set_ends(holds, hold, FF_HOLD_NONE);
    hold->released = hold->asked == FF_HOLD_TRY_RELEASE && !known;
    if (node == NULL || !ff_node_is_linked(node))
        return;
    if (hold->asked == FF_HOLD_CLOSE)
        ff_registry_doubt(holds->registry, node);
    else
        holds->found(node, hold->serial, known ? FF_HOLDS_KNOWN : FF_HOLDS_UNKNOWN,
                     holds->found_data);
}

/* That of another worker tells what is held now, and is an answer to nothing. */
static void take_foreign(FfHolds *holds, const FfHoldMessage *message)
{
    FfNode *node = ff_registry_find(holds->registry, message->id);
    Hold *hold = get(holds, message->id);

    if (message->kind == FF_HOLD_OPENED)
        set_ends(holds, hold, message->ends);
    else if (message->kind == FF_HOLD_RELEASED)
        set_ends(holds, hold, FF_HOLD_NONE);
    if (node != NULL)
        ff_registry_doubt(holds->registry, node);
}

static void take_ours(FfHolds *holds, Hold *hold, const FfHoldMessage *message, gboolean known)
{
    FfNode *node = ff_registry_find(holds->registry, message->id);

    holds->n_asked--;
    if (hold->asked == FF_HOLD_OPEN) {
        g_hash_table_remove(holds->by_name, hold->name);
        note_opened(holds, hold, message);
    } else if (message->kind == FF_HOLD_RELEASED) {
        note_released(holds, hold, known);
    } else if (node != NULL && ff_node_is_linked(node)) {
        holds->found(node, hold->serial,
                     message->kind == FF_HOLD_BUSY ? FF_HOLDS_BUSY : FF_HOLDS_UNSURE,
                     holds->found_data);
    }
    hold->asked = 0;
}

static void take_prepared(FfHolds *holds, const FfHoldMessage *message)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);

    holds->prepared = message->kind == FF_HOLD_PREPARED;
    holds->unable = !holds->prepared;
    if (holds->unable)
        g_warning("no FIFO can be held: %s", g_strerror(message->value));
    g_source_set_ready_time(holds->outgoing, 0);
}

static void take_answer(FfHolds *holds, const FfHoldMessage *message)
{
    gboolean known = message->kind != FF_HOLD_RELEASED || ff_kernel_knows(holds->fuse, message->id);
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);
    Hold *hold = g_hash_table_lookup(holds->by_id, &message->id);

    FF_STEP("held");
    if (hold != NULL && hold->asked != 0 && hold->number == message->number)
        take_ours(holds, hold, message, known);
    else
        take_foreign(holds, message);
    look_again(holds, message->id);
}

static void take_list(FfHolds *holds, const FfHoldMessage *head, const FfHoldEntry *entries)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);

    for (gint32 i = 0; i < head->value; i++) {
        const FfHoldEntry *entry = &entries[i];
        FfNode *node = ff_registry_find(holds->registry, entry->id);

        set_ends(holds, get(holds, entry->id), (guint)entry->ends);
        /* It may have been probed before we knew that it was held. */
        if (node != NULL)
            ff_registry_doubt(holds->registry, node);
        look_again(holds, entry->id);
    }
    holds->told = TRUE;
    holds->prepared = head->ends != 0;
    g_source_set_ready_time(holds->outgoing, 0);
}

typedef union {
    FfHoldMessage message;
    guint8 bytes[sizeof(FfHoldMessage) + FF_HOLD_MOST * sizeof(FfHoldEntry)];
} Incoming;

static void take_message(FfHolds *holds, Incoming *incoming, gsize size)
{
    FfHoldMessage *message = &incoming->message;
    gint32 most = (gint32)((size - sizeof *message) / sizeof(FfHoldEntry));

    if (message->kind == FF_HOLD_LIST) {
        message->value = MIN(message->value, most);
        take_list(holds, message, (const FfHoldEntry *)(incoming->bytes + sizeof *message));
        return;
    }
    /* A FIFO has an id. */
    if (message->id == 0) {
        take_prepared(holds, message);
        return;
    }
    take_answer(holds, message);
}

static gboolean on_incoming(gint fd, GIOCondition condition, gpointer data)
{
    FfHolds *holds = data;
    g_autofree Incoming *incoming = g_new(Incoming, 1);
    ssize_t n = recv(fd, incoming, sizeof *incoming, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return G_SOURCE_REMOVE;
    if (n >= (ssize_t)sizeof incoming->message)
        take_message(holds, incoming, (gsize)n);
    return G_SOURCE_CONTINUE;
}

/* --- */

static gpointer work(gpointer data)
{
    FfHolds *holds = data;

    g_main_context_push_thread_default(holds->context);
    g_main_loop_run(holds->loop);
    g_main_context_pop_thread_default(holds->context);
    return NULL;
}

static void note_wanted(FfNode *node, gpointer data)
{
    FfHolds *holds = data;

    holds->wanted |= node->policy->hold != FF_HOLD_NONE;
    if (wanted_ends(holds, node) != FF_HOLD_NONE)
        look_again(holds, node->id);
}

void ff_holds_start(FfHolds *holds, struct fuse_session *fuse)
{
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(holds->registry);

        holds->fuse = fuse;
        ff_registry_foreach(holds->registry, note_wanted, holds);
    }
    holds->thread = g_thread_new("holds", work, holds);
}

GMainContext *ff_holds_context(const FfHolds *holds)
{
    return holds->context;
}

void ff_holds_listen(FfHolds *holds, FfHoldsFoundFunc func, gpointer data)
{
    holds->found = func;
    holds->found_data = data;
}

static GSource *add_source(FfHolds *holds, GSourceFuncs *funcs)
{
    GSource *source = g_source_new(funcs, sizeof(GSource));

    g_source_set_callback(source, NULL, holds, NULL);
    g_source_attach(source, holds->context);
    return source;
}

FfHolds *ff_holds_new(FfRegistry *registry, int socket, gboolean able)
{
    static GSourceFuncs outgoing = {.dispatch = dispatch_outgoing};
    static GSourceFuncs impatient = {.dispatch = dispatch_impatient};
    FfHolds *holds = g_new0(FfHolds, 1);

    holds->registry = registry;
    holds->socket = socket;
    holds->able = able;
    holds->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, hold_free);
    holds->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    holds->dirty = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    holds->settled = ff_resumes_new();
    holds->unprepared = ff_resumes_new();
    holds->n_by_user = ff_user_counts_new();
    holds->number = g_random_int();
    holds->context = g_main_context_new();
    holds->loop = g_main_loop_new(holds->context, FALSE);
    holds->outgoing = add_source(holds, &outgoing);
    holds->impatient = add_source(holds, &impatient);
    if (able) {
        holds->incoming = g_unix_fd_source_new(socket, G_IO_IN);
        g_source_set_callback(holds->incoming, G_SOURCE_FUNC(on_incoming), holds, NULL);
        g_source_attach(holds->incoming, holds->context);
    }
    ff_registry_listen(registry, on_change, holds);
    return holds;
}

static gboolean on_stop(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

void ff_holds_stop(FfHolds *holds)
{
    if (holds == NULL || holds->thread == NULL)
        return;
    g_main_context_invoke(holds->context, on_stop, holds->loop);
    g_clear_pointer(&holds->thread, g_thread_join);
}

static void drop_source(GSource *source)
{
    g_source_destroy(source);
    g_source_unref(source);
}

void ff_holds_free(FfHolds *holds)
{
    if (holds == NULL)
        return;
    ff_holds_stop(holds);
    drop_source(holds->outgoing);
    drop_source(holds->impatient);
    if (holds->incoming != NULL)
        drop_source(holds->incoming);
    g_main_loop_unref(holds->loop);
    g_main_context_unref(holds->context);
    g_hash_table_unref(holds->by_name);
    g_hash_table_unref(holds->by_id);
    g_hash_table_unref(holds->dirty);
    g_hash_table_unref(holds->n_by_user);
    g_array_unref(holds->settled);
    g_array_unref(holds->unprepared);
    g_free(holds);
}
