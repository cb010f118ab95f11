/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops.h"

#include <string.h>

#include "control.h"
#include "directory.h"

FfDaemon *ff_ops_daemon(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

FfCaller ff_ops_caller(fuse_req_t req)
{
    const struct fuse_ctx *context = fuse_req_ctx(req);

    return (FfCaller){.uid = context->uid, .gid = context->gid};
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

void ff_ops_fill_entry(FfDaemon *daemon, FfNode *node, struct fuse_entry_param *entry)
{
    ff_registry_add_lookup(daemon->registry, node);
    *entry = (struct fuse_entry_param){
        .ino = node->id,
        .generation = 1,
        .attr_timeout = FF_FOREVER,
        .entry_timeout = wants_lookups(node) ? 0 : FF_FOREVER,
    };
    ff_node_stat(node, &entry->attr);
}

void ff_ops_forget(FfDaemon *daemon, guint64 id, guint64 n)
{
    FfNode *node = ff_registry_find(daemon->registry, id);

    if (node != NULL)
        ff_registry_forget(daemon->registry, node, n);
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
    conn->want |= conn->capable & FUSE_CAP_DONT_MASK;
    conn->time_gran = 1;
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
    .open = ff_control_open,
    .read = ff_control_read,
    .release = ff_control_release,
    .poll = ff_control_poll,
};
