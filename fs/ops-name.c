/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that find, make, move and remove names.
 *
 * A request that would bring a FIFO into a directory that is not watched yet is kept back (watch.h)
 * and served again by the watch thread. It is therefore a value of its own, NameRequest.
 */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "uring.h"

typedef struct NameRequest NameRequest;

/* Not an answer: the watch thread will serve the request once more. */
#define KEPT_BACK 1

struct NameRequest {
    /*
     * Carry it out. Registry locked. Return: 0, -errno or KEPT_BACK; @entry is filled in where that
     * is the answer.
     */
    int (*carry_out)(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry);
    fuse_req_t req;
    /* It makes a FIFO, or moves what may be one. */
    gboolean brings_fifo;
    /* Where to. */
    guint64 parent;
    char *name;
    mode_t mode;
    /* A rename's source. */
    guint64 old_parent;
    char *old_name;
    guint flags;
};

static void name_request_free(NameRequest *request)
{
    g_free(request->name);
    g_free(request->old_name);
    g_free(request);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NameRequest, name_request_free)

static void answer(fuse_req_t req, int r, const struct fuse_entry_param *entry)
{
    if (r == 0 && entry->ino != 0)
        ff_ops_reply_entry(req, entry);
    else
        fuse_reply_err(req, -r);
}

static void serve_again(gpointer data);

/* May a FIFO come into this directory now? Else the request is kept back until it may. */
static gboolean may_come_into(NameRequest *request, FfDaemon *daemon, guint64 id)
{
    FfNode *directory = ff_registry_find(daemon->registry, id);

    return directory == NULL || !ff_node_is_linked(directory) ||
           ff_watch_ensure(daemon->watch, directory, serve_again, request);
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

        r = may_go_on(request, daemon) ? request->carry_out(request, daemon, &entry) : KEPT_BACK;
        /* From here on it is the watch thread's, and may be gone once the lock is released. */
        if (r == KEPT_BACK)
            g_steal_pointer(&request);
    }
    if (r != KEPT_BACK)
        answer(request->req, r, &entry);
}

/* The watch thread lets it go on. */
static void serve_again(gpointer data)
{
    const NameRequest *request = data;

    if (ff_uring_carries(request->req))
        ff_uring_answer(serve, data);
    else
        serve(data);
}

void ff_op_forget(fuse_req_t req, fuse_ino_t id, uint64_t n)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);

        ff_watch_catch_up(daemon->watch);
        ff_ops_forget(daemon, id, n);
    }
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

    if (r == 0)
        ff_ops_fill_entry(daemon, node, entry);
    return r;
}

/*
 * open(O_CREAT) of a missing name. FUSE takes nothing but a regular file for an answer; at ESTALE
 * the kernel walks the path again (fs/namei.c do_filp_open()), finds the FIFO, and opens it itself.
 * It does so once; retry.h says what becomes of a second time.
 */
static int make_for_open(NameRequest *request, FfDaemon *daemon, struct fuse_entry_param *entry)
{
    FfNode *node;
    int r = make(request, daemon, &node);

    if (r == -EEXIST)
        r = ff_registry_lookup(daemon->registry,
                               ff_registry_find(daemon->registry, request->parent), request->name,
                               &node);
    if (r < 0)
        return r;
    return ff_retries_answer(daemon->retries, fuse_req_ctx(request->req)->pid, node,
                             ff_registry_now(daemon->registry));
}

static NameRequest *new_request(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    NameRequest *request = g_new0(NameRequest, 1);

    request->carry_out = make_and_enter;
    request->brings_fifo = S_ISFIFO(mode);
    request->req = req;
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
        ff_control_lookup(req, parent, name);
        return;
    }
    request = new_request(req, parent, name, 0);
    request->carry_out = look_up;
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

    if (r == 0 && (fi->flags & O_EXCL) != 0)
        r = -EOPNOTSUPP;
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    request = new_request(req, parent, name, S_IFIFO | (mode & FF_MODE_BITS));
    request->carry_out = make_for_open;
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
    int r = -EPERM;

    if (!ff_ops_is_reserved(parent, name)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *directory = ff_registry_find(daemon->registry, parent);

        ff_watch_catch_up(daemon->watch);
        r = directory == NULL ? -ENOENT : remove_func(daemon->registry, directory, name, &caller);
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
