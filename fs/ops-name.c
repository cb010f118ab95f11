/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that find, make, move and remove names.
 *
 * A request that would bring a FIFO into a directory that is not watched yet is kept back (watch.h)
 * and served again by the watch thread; so is one that asks for a FIFO which is about to be held
 * (holds.h). It is therefore a value of its own, NameRequest.
 */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "kernel.h"
#include "step.h"
#include "uring.h"

typedef struct NameRequest NameRequest;

/* Not an answer: the watch thread, or that of the holds, will serve the request once more. */
#define KEPT_BACK 1
/* Not an answer either: the kernel sends it again, to another worker. */
#define LEFT 2

struct NameRequest {
    /*
     * Carry it out. Registry locked. Return: 0, -errno, KEPT_BACK or LEFT; @entry is filled in where
     * that is the answer.
     */
    int (*carry_out)(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry);
    fuse_req_t req;
    FfRequestNumber number;
    /* It makes a FIFO, or moves what may be one. */
    gboolean brings_fifo;
    /* Carried out twice it would not have the same outcome. */
    gboolean is_change;
    /* Where to. */
    guint64 parent;
    char *name;
    /* With a type where it makes something, else 0. */
    mode_t mode;
    /* Those of an open(), where it is exclusive. */
    int open_flags;
    /* A rename's source. */
    guint64 old_parent;
    char *old_name;
    guint flags;
    /* Set where a name was made and the answer does not tell the kernel. */
    gboolean unseen;
};

static void name_request_free(NameRequest *request)
{
    g_free(request->name);
    g_free(request->old_name);
    g_free(request);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NameRequest, name_request_free)

static void answer(const NameRequest *request, int r, const struct fuse_entry_param *entry)
{
    if (r < 0 || entry->ino == 0)
        fuse_reply_err(request->req, -r);
    else if (ff_relay_owns(entry->ino))
        ff_op_relay_reply_created(request->req, entry);
    else
        ff_ops_reply_entry(request->req, entry);
}

static void serve_again(gpointer data);

/* May a FIFO come into this directory now? Else the request is kept back until it may. */
static gboolean may_come_into(NameRequest *request, FfDaemon *daemon, guint64 id)
{
    FfNode *directory = ff_registry_find(daemon->registry, id);

    return directory == NULL || !ff_node_is_linked(directory) ||
           ff_watch_ensure(daemon->watch, directory, serve_again, request);
}

/*
 * Is there no room for what it wants to make? Before anything is done for it: it must not cost others the watch of
 * their directory, nor us a look at the process, whenever somebody tries once more. Return: 0, -EDQUOT or -ENOSPC.
 */
static int check_room(const NameRequest *request, const FfDaemon *daemon)
{
    const FfNode *directory = ff_registry_find(daemon->registry, request->parent);
    FfNewNode wanted = {.mode = request->mode, .uid = fuse_req_ctx(request->req)->uid};
    int r = 0;

    if (request->mode != 0 && directory != NULL)
        r = ff_registry_may_create(daemon->registry, directory, request->name, &wanted);
    return r == -EDQUOT || r == -ENOSPC ? r : 0;
}

static gboolean may_go_on(NameRequest *request, FfDaemon *daemon)
{
    if (!request->brings_fifo)
        return TRUE;
    /*
     * What was reported under a name must be noted before another FIFO gets that name, and before
     * the directory is looked at: noting it can make the directory go blind.
     */
    ff_watch_catch_up(daemon->watch);
    if (!may_come_into(request, daemon, request->parent))
        return FALSE;
    /* An exchange brings what is there to where the other comes from. */
    return (request->flags & RENAME_EXCHANGE) == 0 ||
           may_come_into(request, daemon, request->old_parent);
}

/* One that is to be held and is not yet cannot be opened before it was looked up. */
static void describe_new(FfDaemon *daemon, const FfNode *node, struct fuse_entry_param *entry)
{
    ff_ops_describe_entry(daemon, node, entry);
    if (!ff_holds_is_settled(daemon->holds, node))
        entry->entry_timeout = 0;
}

static void fill_relay_entry(const NameRequest *request, FfDaemon *daemon, FfNode *fifo,
                             struct fuse_entry_param *entry)
{
    ff_op_relay_fill_entry(daemon, fifo, request->open_flags, fuse_req_ctx(request->req)->pid,
                           entry);
}

/* The answer to a request that a process before us has carried out. */
static int answer_of(const NameRequest *request, FfDaemon *daemon, guint64 node_id,
                     struct fuse_entry_param *entry)
{
    FfNode *node = node_id == 0 ? NULL : ff_registry_find(daemon->registry, ff_relay_fifo(node_id));

    if (node != NULL && ff_relay_owns(node_id))
        fill_relay_entry(request, daemon, node, entry);
    else if (node != NULL) {
        ff_registry_answer_lookup_again(daemon->registry, node);
        describe_new(daemon, node, entry);
    }
    return node_id != 0 && node == NULL ? -ENOENT : 0;
}

/* Registry locked. */
static int carry_out_once(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    guint64 node_id;
    int r;

    if (ff_ops_was_carried_out(daemon, request->number, &node_id))
        return answer_of(request, daemon, node_id, entry);
    r = check_room(request, daemon);
    if (r < 0)
        return r;
    if (!may_go_on(request, daemon))
        return KEPT_BACK;
    r = request->carry_out(request, daemon, entry);
    if (r == 0 && request->is_change)
        ff_journal_note_answer(daemon->journal, request->number.unique, entry->ino);
    return r;
}

/*
 * Serve a request, or keep it back; takes it over. That it may go on holds only until the lock is
 * released.
 */
static void serve(gpointer data)
{
    g_autoptr(NameRequest) request = data;
    FfDaemon *daemon = ff_ops_daemon(request->req);
    struct fuse_entry_param entry = {0};
    int r;

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(request->req);

        r = carry_out_once(request, daemon, &entry);
        /* From here on it is that thread's, and may be gone once the lock is released. */
        if (r == KEPT_BACK)
            g_steal_pointer(&request);
    }
    if (r == LEFT)
        fuse_reply_none(request->req);
    if (r == KEPT_BACK || r == LEFT)
        return;
    if (request->unseen)
        ff_kernel_refresh(ff_session_fuse(daemon->session), request->parent);
    answer(request, r, &entry);
}

/* Whoever has kept it back lets it go on. */
static void serve_again(gpointer data)
{
    const NameRequest *request = data;

    ff_step_begin(FF_STEP_KEPT_BACK);
    ff_uring_go_on(request->req, serve, data);
    ff_step_begin(0);
}

void ff_op_forget(fuse_req_t req, fuse_ino_t id, uint64_t n)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);

        ff_watch_catch_up(daemon->watch);
        ff_ops_forget(daemon, id, n);
    }
    ff_op_relay_forget(daemon, id);
    fuse_reply_none(req);
}

void ff_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);

        ff_watch_catch_up(daemon->watch);
        for (size_t i = 0; i < count; i++)
            ff_ops_forget(daemon, forgets[i].ino, forgets[i].nlookup);
    }
    for (size_t i = 0; i < count; i++)
        ff_op_relay_forget(daemon, forgets[i].ino);
    fuse_reply_none(req);
}

/* Make a node of the type and mode that the request names. */
static int make(NameRequest *request, FfDaemon *daemon, FfNode **node)
{
    const struct fuse_ctx *context = fuse_req_ctx(request->req);
    FfNode *directory = ff_registry_find(daemon->registry, request->parent);
    FfNewNode wanted = {.mode = request->mode, .uid = context->uid, .gid = context->gid};

    if (directory == NULL)
        return -ENOENT;
    if (S_ISFIFO(request->mode))
        wanted.creator = ff_creators_get(daemon->creators, context->pid);
    return ff_registry_create(daemon->registry, directory, request->name, &wanted, node);
}

static int make_and_enter(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    FfNode *node;
    int r = make(request, daemon, &node);

    if (r < 0)
        return r;
    ff_registry_add_lookup(daemon->registry, node);
    describe_new(daemon, node, entry);
    return 0;
}

/*
 * open(O_CREAT) of a missing name. FUSE takes nothing but a regular file for an answer; at ESTALE
 * the kernel walks the path again (fs/namei.c do_filp_open()), finds the FIFO, and opens it itself.
 * It does so once; retry.h says what becomes of a second time.
 *
 * As that is a failure to the kernel, it goes on with what it knows of the directory; but for one
 * that it looks up again on its walk.
 */
static int make_for_open(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    FfNode *node;
    int r = make(request, daemon, &node);

    /* Also where it has been made by a request that was lost with a worker. */
    request->unseen = TRUE;
    if (r == -EEXIST)
        r = ff_registry_lookup(daemon->registry,
                               ff_registry_find(daemon->registry, request->parent), request->name,
                               &node);
    if (r < 0)
        return r;
    return ff_retries_answer(daemon->retries, fuse_req_ctx(request->req)->pid,
                             request->number.unique, node, ff_registry_now(daemon->registry));
}

static uid_t owner_of_new(fuse_req_t req)
{
    const FfRegistryOptions *options = ff_registry_options(ff_ops_daemon(req)->registry);

    return options->fix_uid ? options->uid : fuse_req_ctx(req)->uid;
}

/*
 * open(O_CREAT|O_EXCL) of a missing name. The kernel does not walk the path again for it, so its
 * handle is what FUSE takes for an answer (relay.h).
 */
static int make_exclusively(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    FfNode *node;
    int r;

    if (ff_relays_are_left(daemon->relays))
        return LEFT;
    if (ff_uring_carries(request->req) ||
        !ff_relays_can_serve(daemon->relays, owner_of_new(request->req)))
        return -EOPNOTSUPP;
    r = ff_relays_check_room(daemon->relays, fuse_req_ctx(request->req)->uid);
    if (r == 0)
        r = make(request, daemon, &node);
    if (r == 0)
        fill_relay_entry(request, daemon, node, entry);
    return r;
}

static NameRequest *new_request(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    NameRequest *request = g_new0(NameRequest, 1);

    request->carry_out = make_and_enter;
    request->is_change = TRUE;
    request->brings_fifo = S_ISFIFO(mode);
    request->req = req;
    request->number = ff_session_current();
    request->parent = parent;
    request->name = g_strdup(name);
    request->mode = mode;
    return request;
}

/* Names that cannot be made whatever they are for. Return: 0 or -errno. */
static int check_new_name(fuse_ino_t parent, const char *name)
{
    if (ff_control_owns(parent))
        return -EPERM;
    return ff_ops_is_reserved(parent, name) ? -EEXIST : 0;
}

static int look_up(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    FfNode *directory = ff_registry_find(daemon->registry, request->parent);
    FfNode *node;
    int r = directory == NULL
                ? -ENOENT
                : ff_registry_lookup(daemon->registry, directory, request->name, &node);

    if (r < 0)
        return r;
    if (!ff_ops_may_be_told(node) &&
        !ff_watch_ensure(daemon->watch, directory, serve_again, request))
        return KEPT_BACK;
    if (ff_relays_is_opening(daemon->relays, node->id)) {
        ff_relays_wait(daemon->relays, node->id, serve_again, request);
        return KEPT_BACK;
    }
    if (!ff_holds_ensure(daemon->holds, node, serve_again, request))
        return KEPT_BACK;
    ff_retries_found(daemon->retries, fuse_req_ctx(request->req)->pid, node);
    ff_openers_note(daemon->openers, node, fuse_req_ctx(request->req)->pid);
    ff_capacities_note(daemon->capacities, node, fuse_req_ctx(request->req)->pid);
    ff_ops_fill_entry(daemon, node, entry);
    return 0;
}

void ff_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    NameRequest *request;

    if (ff_ops_is_reserved(parent, name)) {
        if (!ff_op_relay_lookup(req, parent, name))
            ff_control_lookup(req, parent, name);
        return;
    }
    request = new_request(req, parent, name, 0);
    request->carry_out = look_up;
    request->is_change = FALSE;
    serve(request);
}

void ff_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    int r = S_ISFIFO(mode) ? check_new_name(parent, name) : -EPERM;

    if (r < 0)
        fuse_reply_err(req, -r);
    else
        serve(new_request(req, parent, name, mode));
}

void ff_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                  struct fuse_file_info *fi)
{
    int r = check_new_name(parent, name);
    NameRequest *request;

    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    request = new_request(req, parent, name, S_IFIFO | (mode & FF_MODE_BITS));
    request->carry_out = (fi->flags & O_EXCL) != 0 ? make_exclusively : make_for_open;
    request->open_flags = fi->flags;
    serve(request);
}

void ff_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    int r = check_new_name(parent, name);

    if (r < 0)
        fuse_reply_err(req, -r);
    else
        serve(new_request(req, parent, name, S_IFDIR | (mode & FF_MODE_BITS)));
}

void ff_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(req, EPERM);
}

void ff_op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(req, EPERM);
}

typedef int (*RemoveFunc)(FfRegistry *registry, FfNode *directory, const char *name,
                          const FfCaller *caller);

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, RemoveFunc remove_func)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    FfCaller caller = ff_ops_caller(req);
    FfRequestNumber number = ff_session_current();
    guint64 node_id;
    int r = -EPERM;

    if (!ff_ops_is_reserved(parent, name)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *directory = ff_registry_find(daemon->registry, parent);

        ff_watch_catch_up(daemon->watch);
        if (ff_ops_was_carried_out(daemon, number, &node_id))
            r = 0;
        else
            r = directory == NULL ? -ENOENT
                                  : remove_func(daemon->registry, directory, name, &caller);
        if (r == 0)
            ff_journal_note_answer(daemon->journal, number.unique, 0);
    }
    fuse_reply_err(req, -r);
}

void ff_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    remove_name(req, parent, name, ff_registry_unlink);
}

void ff_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    remove_name(req, parent, name, ff_registry_rmdir);
}

static int carry_out_rename(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    FfCaller caller = ff_ops_caller(request->req);
    FfPlace from = {ff_registry_find(daemon->registry, request->old_parent), request->old_name};
    FfPlace to = {ff_registry_find(daemon->registry, request->parent), request->name};

    if (from.directory == NULL || to.directory == NULL)
        return -ENOENT;
    return ff_registry_rename(daemon->registry, from, to, request->flags, &caller);
}

void ff_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                  const char *new_name, unsigned int flags)
{
    NameRequest *request;

    if (ff_ops_is_reserved(parent, name) || ff_ops_is_reserved(new_parent, new_name)) {
        fuse_reply_err(req, EPERM);
        return;
    }
    request = new_request(req, new_parent, new_name, 0);
    request->carry_out = carry_out_rename;
    request->brings_fifo = TRUE;
    request->old_parent = parent;
    request->old_name = g_strdup(name);
    request->flags = flags;
    serve(request);
}
