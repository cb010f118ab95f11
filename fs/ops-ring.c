/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The request handlers as ring threads call them (uring.h). libfuse calls from its own loops, so
 * what session.c does around each request is done here.
 */
#include "ops.h"

#include <linux/fuse.h>
#include <pthread.h>

#include "uring.h"

typedef struct {
    FfRequests *requests;
    gint64 begin;
    gboolean carried;
} Served;

static Served begin(fuse_req_t req)
{
    /*
     * libfuse wakes its threads when it is to end, and cancels them too: a thread that has the
     * registry lock must not vanish in the middle of a read().
     */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    ff_uring_check_request(req);
    return (Served){ff_ops_daemon(req)->requests, ff_requests_clock(), ff_uring_carries(req)};
}

/* The request is answered, and may be another one by now. */
static void end(const Served *served, guint32 opcode)
{
    /* session.c counts those that it has read itself. */
    if (served->carried)
        ff_requests_note(served->requests, opcode, ff_requests_clock() - served->begin);
}

#define HANDLER(opcode, handler, parameters, ...)                                                  \
    static void ring_##handler parameters                                                          \
    {                                                                                              \
        Served served = begin(req);                                                                \
                                                                                                   \
        handler(__VA_ARGS__);                                                                      \
        end(&served, opcode);                                                                      \
    }

HANDLER(FUSE_LOOKUP, ff_op_lookup, (fuse_req_t req, fuse_ino_t parent, const char *name), req,
        parent, name)
HANDLER(FUSE_MKNOD, ff_op_mknod,
        (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device), req,
        parent, name, mode, device)
HANDLER(FUSE_CREATE, ff_op_create,
        (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
         struct fuse_file_info *fi),
        req, parent, name, mode, fi)
HANDLER(FUSE_MKDIR, ff_op_mkdir, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode),
        req, parent, name, mode)
HANDLER(FUSE_SYMLINK, ff_op_symlink,
        (fuse_req_t req, const char *target, fuse_ino_t parent, const char *name), req, target,
        parent, name)
HANDLER(FUSE_LINK, ff_op_link, (fuse_req_t req, fuse_ino_t id, fuse_ino_t parent, const char *name),
        req, id, parent, name)
HANDLER(FUSE_UNLINK, ff_op_unlink, (fuse_req_t req, fuse_ino_t parent, const char *name), req,
        parent, name)
HANDLER(FUSE_RMDIR, ff_op_rmdir, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent,
        name)
HANDLER(FUSE_RENAME2, ff_op_rename,
        (fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
         const char *new_name, unsigned int flags),
        req, parent, name, new_parent, new_name, flags)
HANDLER(FUSE_GETATTR, ff_op_getattr, (fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi),
        req, id, fi)
HANDLER(FUSE_SETATTR, ff_op_setattr,
        (fuse_req_t req, fuse_ino_t id, struct stat *attr, int to_set, struct fuse_file_info *fi),
        req, id, attr, to_set, fi)
HANDLER(FUSE_STATFS, ff_op_statfs, (fuse_req_t req, fuse_ino_t id), req, id)
HANDLER(FUSE_READDIR, ff_op_readdir,
        (fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi), req,
        id, size, offset, fi)
HANDLER(FUSE_READDIRPLUS, ff_op_readdirplus,
        (fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi), req,
        id, size, offset, fi)
HANDLER(FUSE_GETXATTR, ff_op_getxattr,
        (fuse_req_t req, fuse_ino_t id, const char *name, size_t size), req, id, name, size)
HANDLER(FUSE_SETXATTR, ff_op_setxattr,
        (fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size,
         int flags),
        req, id, name, value, size, flags)
HANDLER(FUSE_LISTXATTR, ff_op_listxattr, (fuse_req_t req, fuse_ino_t id, size_t size), req, id,
        size)
HANDLER(FUSE_REMOVEXATTR, ff_op_removexattr, (fuse_req_t req, fuse_ino_t id, const char *name), req,
        id, name)
HANDLER(FUSE_OPEN, ff_op_open, (fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi), req, id,
        fi)
HANDLER(FUSE_READ, ff_op_read,
        (fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi), req,
        id, size, offset, fi)
HANDLER(FUSE_WRITE, ff_op_write,
        (fuse_req_t req, fuse_ino_t id, const char *data, size_t size, off_t offset,
         struct fuse_file_info *fi),
        req, id, data, size, offset, fi)
HANDLER(FUSE_RELEASE, ff_op_release, (fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi),
        req, id, fi)
HANDLER(FUSE_POLL, ff_op_poll,
        (fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi, struct fuse_pollhandle *handle),
        req, id, fi, handle)
HANDLER(FUSE_FSYNC, ff_op_fsync,
        (fuse_req_t req, fuse_ino_t id, int data_only, struct fuse_file_info *fi), req, id,
        data_only, fi)
HANDLER(FUSE_FALLOCATE, ff_op_fallocate,
        (fuse_req_t req, fuse_ino_t id, int mode, off_t offset, off_t length,
         struct fuse_file_info *fi),
        req, id, mode, offset, length, fi)
HANDLER(FUSE_COPY_FILE_RANGE, ff_op_copy_file_range,
        (fuse_req_t req, fuse_ino_t from, off_t from_offset, struct fuse_file_info *from_info,
         fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_info, size_t length, int flags),
        req, from, from_offset, from_info, to, to_offset, to_info, length, flags)

static void ring_init(void *data, struct fuse_conn_info *conn)
{
    ff_ops.init(data, conn);
    ff_uring_check_offer(conn);
}

const struct fuse_lowlevel_ops ff_ring_ops = {
    .init = ring_init,
    /* The kernel sends these in the ordinary way (fs/fuse/dev_uring.c fuse_io_uring_ops). */
    .forget = ff_op_forget,
    .forget_multi = ff_op_forget_multi,
    .lookup = ring_ff_op_lookup,
    .mknod = ring_ff_op_mknod,
    .create = ring_ff_op_create,
    .mkdir = ring_ff_op_mkdir,
    .symlink = ring_ff_op_symlink,
    .link = ring_ff_op_link,
    .unlink = ring_ff_op_unlink,
    .rmdir = ring_ff_op_rmdir,
    .rename = ring_ff_op_rename,
    .getattr = ring_ff_op_getattr,
    .setattr = ring_ff_op_setattr,
    .statfs = ring_ff_op_statfs,
    .readdir = ring_ff_op_readdir,
    .readdirplus = ring_ff_op_readdirplus,
    .getxattr = ring_ff_op_getxattr,
    .setxattr = ring_ff_op_setxattr,
    .listxattr = ring_ff_op_listxattr,
    .removexattr = ring_ff_op_removexattr,
    .open = ring_ff_op_open,
    .read = ring_ff_op_read,
    .write = ring_ff_op_write,
    .release = ring_ff_op_release,
    .poll = ring_ff_op_poll,
    .fsync = ring_ff_op_fsync,
    .fallocate = ring_ff_op_fallocate,
    .copy_file_range = ring_ff_op_copy_file_range,
};
