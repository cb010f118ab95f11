/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests about attributes of an inode, and of the whole. */
#include "ops.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "control.h"

#define BLOCK_BYTES 4096

/* With no quota there is no last free inode; df wants a number. */
#define FREE_INODES (G_GUINT64_CONSTANT(1) << 31)

/* Answer with a node's attributes as they are now. */
static void reply_attributes(fuse_req_t req, int r, const struct stat *st)
{
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, st, FF_FOREVER);
}

void ff_op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    struct stat st;
    int r = -ESTALE;

    if (ff_control_owns(id)) {
        ff_control_stat(daemon, id, &st);
        r = 0;
    } else {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_registry_find(daemon->registry, id);

        if (node != NULL) {
            ff_node_stat(node, &st);
            r = 0;
        }
    }
    reply_attributes(req, r, &st);
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
    struct stat st;
    int r = -ESTALE;

    if (ff_control_owns(id)) {
        r = -EPERM;
    } else {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_registry_find(daemon->registry, id);
        FfAttributes wanted = wanted_attributes(attr, to_set,
                                                ff_registry_realtime(daemon->registry));

        if (node != NULL)
            r = ff_registry_set_attributes(daemon->registry, node, &wanted);
        if (r == 0)
            ff_node_stat(node, &st);
    }
    reply_attributes(req, r, &st);
}

void ff_op_statfs(fuse_req_t req, fuse_ino_t id)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    struct statvfs st = {
        .f_bsize = BLOCK_BYTES,
        .f_frsize = BLOCK_BYTES,
        .f_ffree = FREE_INODES,
        .f_favail = FREE_INODES,
        .f_namemax = FF_NAME_MAX,
    };

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);

        /* One more for the root. */
        st.f_files = FREE_INODES + ff_registry_n_fifos(daemon->registry) +
                     ff_registry_n_directories(daemon->registry) + 1;
    }
    fuse_reply_statfs(req, &st);
}
