/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attributes that are ACLs, as the kernel reads and sets them.
 *
 * It asks for one whenever it checks a permission that an ACL could decide and that it has not
 * cached, control files included: for want of one the answer is ENODATA, as any other error would
 * become that of open().
 */
#pragma once

#include "ops.h"

/* Is it such an attribute, and of which type? None is on a mount without ACLs. */
gboolean ff_ops_is_acl(fuse_req_t req, const char *name, FfAclType *type);

/* Its value; NULL where there is none. Takes the registry lock. */
GBytes *ff_ops_acl(fuse_req_t req, fuse_ino_t id, FfAclType type);

/* Set it to this value, and answer. @size: 0 to remove it. */
void ff_ops_set_acl(fuse_req_t req, fuse_ino_t id, FfAclType type, const char *value, size_t size);
