/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which nodes have which ACLs.
 *
 * Most have none, so a node has no place for it: what there is lies in tables beside them. Equal ACLs
 * are one, as a directory with a default ACL gives the same to all that is created in it.
 *
 * An access ACL that says no more than the mode is not kept. The registry sees to that, and to modes
 * and ACLs that agree; it alone changes these tables, under its lock.
 */
#pragma once

#include "acl.h"

typedef struct FfNode FfNode;
typedef struct FfAcls FfAcls;

FfAcls *ff_acls_new(void);
void ff_acls_free(FfAcls *acls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfAcls, ff_acls_free)

/* The node's ACL of that type, or NULL where it has none. */
const FfAcl *ff_acls_get(const FfAcls *acls, const FfNode *node, FfAclType type);

/* Has it an ACL of any type? */
gboolean ff_acls_has(const FfAcls *acls, const FfNode *node);

/* @acl: copied where it is not known yet; NULL for none. */
void ff_acls_set(FfAcls *acls, const FfNode *node, FfAclType type, const FfAcl *acl);

/* The node is about to go. */
void ff_acls_forget(FfAcls *acls, const FfNode *node);
