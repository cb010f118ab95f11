/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests of the kernel, each one a call of the registry and an answer.
 *
 * Under default_permissions the kernel has checked modes before a request is sent; what is checked
 * here is what modes do not say. Every answer that names a node adds to its lookup count first, and
 * takes that back if the answer was not delivered.
 */
#pragma once

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

/* Lock the registry for changes that the process behind the request wants. */
FfRegistryLocker *ff_ops_lock(fuse_req_t req);

/* Is this name of the root, or anything in this directory, the control directory's? */
gboolean ff_ops_is_reserved(guint64 parent, const char *name);

/*
 * What the kernel is told it can open unseen: a FIFO in a blind directory (watch.c) must wait. The
 * node has a name.
 */
gboolean ff_ops_may_be_told(const FfNode *node);

/* Count a lookup of the node, and fill in what the kernel is told. Registry locked. */
void ff_ops_fill_entry(FfDaemon *daemon, FfNode *node, struct fuse_entry_param *entry);

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

void ff_op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                   struct fuse_file_info *fi);
void ff_op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                       struct fuse_file_info *fi);

void ff_op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size);
void ff_op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size,
                    int flags);
void ff_op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size);
void ff_op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name);
