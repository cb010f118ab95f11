/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests of the kernel, each one a call of the registry and an answer.
 *
 * Under default_permissions the kernel has checked modes before a request is sent; what is checked
 * here is what modes do not say. Every answer that names a node adds to its lookup count first, and
 * takes that back if the answer was not delivered.
 */
#pragma once

#include <linux/fuse.h>

#include "daemon.h"

extern const struct fuse_lowlevel_ops ff_ops;

/* The same for a mount with io_uring, where they come from several threads at once. */
extern const struct fuse_lowlevel_ops ff_ring_ops;

/* Timeouts of entries and attributes, in seconds: until the daemon says otherwise. */
#define FF_FOREVER 1e9

/* The daemon behind a request. */
FfDaemon *ff_ops_daemon(fuse_req_t req);

/* The process behind a request, without its supplementary groups. */
FfCaller ff_ops_caller(fuse_req_t req);

/*
 * The same with supplementary groups, none where they cannot be read. Give it back with
 * ff_caller_clear().
 */
FfCaller ff_ops_caller_with_groups(fuse_req_t req);

/* Lock the registry for changes that the process behind the request wants. */
FfRegistryLocker *ff_ops_lock(fuse_req_t req);

/* Is this name of the root, or anything in this directory, the control directory's? */
gboolean ff_ops_is_reserved(guint64 parent, const char *name);

/*
 * What the kernel is told it can open unseen: a FIFO in a blind directory (watch.c) must wait. The
 * node has a name.
 */
gboolean ff_ops_may_be_told(const FfNode *node);

/* Fill in what the kernel is told of the node. Registry locked. */
void ff_ops_describe_entry(const FfDaemon *daemon, const FfNode *node,
                           struct fuse_entry_param *entry);

/**
 * ff_ops_was_carried_out() - was this request carried out already, and its answer lost?
 * @node_id: set to the node that the answer names, or 0
 *
 * That may have happened where a process before us died between the two. Lookups are counted.
 * Registry locked.
 */
gboolean ff_ops_was_carried_out(FfDaemon *daemon, FfRequestNumber request, guint64 *node_id);

/* Count a lookup of the node, and fill in what the kernel is told. Registry locked. */
void ff_ops_fill_entry(FfDaemon *daemon, FfNode *node, struct fuse_entry_param *entry);

/* How long the kernel may keep the attributes of a node. Registry locked. */
double ff_ops_attr_timeout(const FfDaemon *daemon, guint64 id);

/* Answer with an entry of which a lookup was counted. Registry not locked. */
void ff_ops_reply_entry(fuse_req_t req, const struct fuse_entry_param *entry);

/* Take back lookups of a node. Registry locked. */
void ff_ops_forget(FfDaemon *daemon, guint64 id, guint64 n);

void ff_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ff_op_forget(fuse_req_t req, fuse_ino_t id, uint64_t n);
void ff_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ff_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void ff_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                  struct fuse_file_info *fi);

/* Fill in what a FIFO that was created exclusively is for its creator. Registry locked. */
void ff_op_relay_fill_entry(FfDaemon *daemon, FfNode *fifo, int flags, pid_t creator,
                            struct fuse_entry_param *entry);

/* As FUSE_CREATE wants it; libfuse knows no FOPEN_STREAM. */
typedef struct {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
} FfCreated;

/* What its creator is answered. Registry locked. */
FfCreated ff_op_relay_created(const FfNode *fifo);

/* Answer with that, and have it relayed. */
void ff_op_relay_reply_created(fuse_req_t req, const struct fuse_entry_param *entry);

/*
 * The kernel has forgotten an inode. If that of a relay, nobody has its handle any more, though a
 * former worker may have read the RELEASE and said nothing.
 */
void ff_op_relay_forget(FfDaemon *daemon, guint64 id);

/* Attributes of the inode that its creator has. Registry locked. */
void ff_op_relay_stat(const FfNode *fifo, struct stat *st);

/* Answer the relay thread, which looks for a FIFO. Return: FALSE where it is something else. */
gboolean ff_op_relay_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);

void ff_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ff_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ff_op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t parent, const char *name);
void ff_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ff_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ff_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                  const char *new_name, unsigned int flags);

void ff_op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void ff_op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *attr, int to_set,
                   struct fuse_file_info *fi);
void ff_op_statfs(fuse_req_t req, fuse_ino_t id);

void ff_op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void ff_op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                struct fuse_file_info *fi);
void ff_op_write(fuse_req_t req, fuse_ino_t id, const char *data, size_t size, off_t offset,
                 struct fuse_file_info *fi);
void ff_op_poll(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi,
                struct fuse_pollhandle *handle);
void ff_op_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void ff_op_fsync(fuse_req_t req, fuse_ino_t id, int data_only, struct fuse_file_info *fi);
void ff_op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t offset, off_t length,
                     struct fuse_file_info *fi);
void ff_op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_offset,
                           struct fuse_file_info *from_info, fuse_ino_t to, off_t to_offset,
                           struct fuse_file_info *to_info, size_t length, int flags);

void ff_op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                   struct fuse_file_info *fi);
void ff_op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                       struct fuse_file_info *fi);

void ff_op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size);
void ff_op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size,
                    int flags);
void ff_op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size);
void ff_op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name);
