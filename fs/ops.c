/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops.h"

#include <fcntl.h>
#include <string.h>

#include "autofd.h"
#include "control.h"
#include "directory.h"
#include "procfs.h"
#include "relay.h"

FfDaemon *ff_ops_daemon(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

FfCaller ff_ops_caller(fuse_req_t req)
{
    const struct fuse_ctx *context = fuse_req_ctx(req);

    return (FfCaller){.uid = context->uid, .gid = context->gid};
}

/* libfuse's own fuse_req_getgroups() reads beyond its buffer where there are many (3.14). */
FfCaller ff_ops_caller_with_groups(fuse_req_t req)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", fuse_req_ctx(req)->pid);
    g_auto(FfAutoFd) process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    FfCaller caller = {0};

    if (process >= 0)
        ff_procfs_caller(process, &caller);
    caller.uid = fuse_req_ctx(req)->uid;
    caller.gid = fuse_req_ctx(req)->gid;
    return caller;
}

FfRegistryLocker *ff_ops_lock(fuse_req_t req)
{
    const struct fuse_ctx *context = fuse_req_ctx(req);

    return ff_registry_locker_new_for(ff_ops_daemon(req)->registry,
                                      (FfActor){context->pid, context->uid});
}

gboolean ff_ops_is_reserved(guint64 parent, const char *name)
{
    return ff_control_owns(parent) ||
           (parent == FF_ROOT_ID && strcmp(name, FF_CONTROL_DIRECTORY) == 0);
}

gboolean ff_ops_may_be_told(const FfNode *node)
{
    return !ff_node_is_fifo(node) || node->busy || !node->parent->directory->blind;
}

static gboolean wants_lookups(const FfNode *node)
{
    return ff_node_is_fifo(node) && ff_policy_wants_lookups(node->policy);
}

double ff_ops_attr_timeout(const FfDaemon *daemon, guint64 id)
{
    return ff_relays_has(daemon->relays, id) ? 0 : FF_FOREVER;
}

gboolean ff_ops_was_carried_out(FfDaemon *daemon, FfRequestNumber request, guint64 *node_id)
{
    return request.again && ff_journal_find_answer(daemon->journal, request.unique, node_id);
}

void ff_ops_fill_entry(FfDaemon *daemon, FfNode *node, struct fuse_entry_param *entry)
{
    ff_registry_add_lookup(daemon->registry, node);
    ff_ops_describe_entry(daemon, node, entry);
}

void ff_ops_describe_entry(const FfDaemon *daemon, const FfNode *node,
                           struct fuse_entry_param *entry)
{
    *entry = (struct fuse_entry_param){
        .ino = node->id,
        .generation = 1,
        .attr_timeout = ff_ops_attr_timeout(daemon, node->id),
        .entry_timeout = wants_lookups(node) || ff_relays_has(daemon->relays, node->id)
                             ? 0
                             : FF_FOREVER,
    };
    ff_node_stat(node, &entry->attr);
}

void ff_ops_forget(FfDaemon *daemon, guint64 id, guint64 n)
{
    FfNode *node = ff_registry_find(daemon->registry, id);
    gboolean rest = node != NULL && node->lookups > n;

    if (node != NULL)
        ff_registry_forget(daemon->registry, node, n);
    /* Of those that a former worker has counted and told nobody: asked again, the kernel knows none. */
    if (rest && ff_journal_is_taken_over(daemon->journal) && ff_node_is_fifo(node) &&
        ff_node_is_linked(node))
        ff_registry_doubt(daemon->registry, node);
}

void ff_ops_reply_entry(fuse_req_t req, const struct fuse_entry_param *entry)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    if (fuse_reply_entry(req, entry) < 0) {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        ff_ops_forget(daemon, entry->ino, 1);
    }
}

static void op_init(void *data, struct fuse_conn_info *conn)
{
    FfDaemon *daemon = data;

    conn->want |= conn->capable & FUSE_CAP_DONT_MASK;
    if (!daemon->options->no_acl)
        conn->want |= conn->capable & FUSE_CAP_POSIX_ACL;
    daemon->has_acls = (conn->want & FUSE_CAP_POSIX_ACL) != 0;
    conn->time_gran = 1;
    conn->max_write = MIN(conn->max_write, FF_RELAY_BYTES);
    /* RELEASE is sent in the background: one that had to wait would be overtaken by a LOOKUP. */
    conn->max_background = G_MAXUINT16;
}

const struct fuse_lowlevel_ops ff_ops = {
    .init = op_init,
    .lookup = ff_op_lookup,
    .forget = ff_op_forget,
    .forget_multi = ff_op_forget_multi,
    .mknod = ff_op_mknod,
    .create = ff_op_create,
    .mkdir = ff_op_mkdir,
    .symlink = ff_op_symlink,
    .link = ff_op_link,
    .unlink = ff_op_unlink,
    .rmdir = ff_op_rmdir,
    .rename = ff_op_rename,
    .getattr = ff_op_getattr,
    .setattr = ff_op_setattr,
    .statfs = ff_op_statfs,
    .readdir = ff_op_readdir,
    .readdirplus = ff_op_readdirplus,
    .getxattr = ff_op_getxattr,
    .setxattr = ff_op_setxattr,
    .listxattr = ff_op_listxattr,
    .removexattr = ff_op_removexattr,
    .open = ff_op_open,
    .read = ff_op_read,
    .write = ff_op_write,
    .release = ff_op_release,
    .poll = ff_op_poll,
    .fsync = ff_op_fsync,
    .fallocate = ff_op_fallocate,
    .copy_file_range = ff_op_copy_file_range,
};
