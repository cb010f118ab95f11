/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests about attributes of an inode, and of the whole. */
#include "ops.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "control.h"

#define BLOCK_BYTES 4096

/* With no limit there is no last free inode; df wants a number. */
#define FREE_INODES (G_GUINT64_CONSTANT(1) << 31)

/* Answer with a node's attributes as they are now. */
static void reply_attributes(fuse_req_t req, int r, const struct stat *st, double timeout)
{
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, st, timeout);
}

/* The inode is a FIFO's or a directory's, or that of a relay of the node. Registry locked. */
static double fill_attributes(fuse_req_t req, fuse_ino_t id, const FfNode *node, struct stat *st)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    if (ff_relay_owns(id)) {
        ff_op_relay_stat(node, st);
        return 0;
    }
    ff_node_stat(node, st);
    ff_relays_adapt(daemon->relays, fuse_req_ctx(req)->pid, st);
    return ff_ops_attr_timeout(daemon, id);
}

void ff_op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    double timeout = FF_FOREVER;
    struct stat st;
    int r = -ESTALE;

    if (ff_control_owns(id)) {
        ff_control_stat(daemon, id, &st);
        r = 0;
    } else {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_registry_find(daemon->registry, ff_relay_fifo(id));

        if (node != NULL) {
            timeout = fill_attributes(req, id, node, &st);
            r = 0;
        }
    }
    reply_attributes(req, r, &st, timeout);
}

static FfAttributes wanted_attributes(const struct stat *attr, int to_set, struct timespec now)
{
    return (FfAttributes){
        .set_mode = (to_set & FUSE_SET_ATTR_MODE) != 0,
        .set_uid = (to_set & FUSE_SET_ATTR_UID) != 0,
        .set_gid = (to_set & FUSE_SET_ATTR_GID) != 0,
        .set_atime = (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) != 0,
        .set_mtime = (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) != 0,
        .mode = attr->st_mode,
        .uid = attr->st_uid,
        .gid = attr->st_gid,
        .atime = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0 ? now : attr->st_atim,
        .mtime = (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0 ? now : attr->st_mtim,
    };
}

void ff_op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *attr, int to_set,
                   struct fuse_file_info *fi)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    double timeout = FF_FOREVER;
    struct stat st;
    int r = -ESTALE;

    if (ff_control_owns(id)) {
        r = -EPERM;
    } else if (ff_relay_owns(id) && (to_set & FUSE_SET_ATTR_SIZE) != 0) {
        r = -EINVAL;
    } else {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_registry_find(daemon->registry, ff_relay_fifo(id));
        FfAttributes wanted = wanted_attributes(attr, to_set,
                                                ff_registry_realtime(daemon->registry));

        if (node != NULL)
            r = ff_registry_set_attributes(daemon->registry, node, &wanted);
        if (r == 0)
            timeout = fill_attributes(req, id, node, &st);
    }
    reply_attributes(req, r, &st, timeout);
}

/* Of one kind. None is free either where there are more than there may be by now. */
static guint64 free_inodes(const FfRegistry *registry, FfQuotaKind kind)
{
    guint limit = ff_registry_options(registry)->limits.mount[kind];
    guint used = ff_quota_used(ff_registry_quota(registry), kind);

    if (limit == FF_QUOTA_INFINITY)
        return FREE_INODES;
    return limit > used ? limit - used : 0;
}

static void count_inodes(const FfRegistry *registry, struct statvfs *st)
{
    st->f_ffree = free_inodes(registry, FF_QUOTA_PIPES) +
                  free_inodes(registry, FF_QUOTA_DIRECTORIES);
    st->f_favail = st->f_ffree;
    /* One more for the root. */
    st->f_files = st->f_ffree + ff_registry_n_fifos(registry) +
                  ff_registry_n_directories(registry) + 1;
}

void ff_op_statfs(fuse_req_t req, fuse_ino_t id)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    struct statvfs st = {
        .f_bsize = BLOCK_BYTES,
        .f_frsize = BLOCK_BYTES,
        .f_namemax = FF_NAME_MAX,
    };

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);

        count_inodes(daemon->registry, &st);
    }
    fuse_reply_statfs(req, &st);
}
