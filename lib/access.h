/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may do what, where the kernel's own check of modes (default_permissions) does not say it.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "acls.h"

typedef struct {
    uid_t uid;
    gid_t gid;
    /* (nullable): supplementary groups. */
    const gid_t *groups;
    guint n_groups;
} FfCaller;

/* Owner of the node, or root: may change attributes. */
gboolean ff_access_owns(const FfCaller *caller, const FfNode *node);

/**
 * ff_access_may_remove() - may the caller take this name out of its directory?
 *
 * Only the owner of what it names, the owner of the directory, and root may, sticky bit or not: a
 * sticky world-writable directory would make fs.protected_fifos refuse other users' `> fifo`
 * (fs/namei.c may_create_in_sticky()).
 */
gboolean ff_access_may_remove(const FfCaller *caller, const FfNode *directory, const FfNode *node);

/* The same caller with supplementary groups of its own, to be given back with ff_caller_clear(). */
FfCaller ff_caller_copy(const FfCaller *caller);
void ff_caller_clear(FfCaller *caller);

gboolean ff_access_in_group(const FfCaller *caller, gid_t gid);

/* Whose it is, and who may use it. */
typedef struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
    /* (nullable) */
    const FfAcl *acl;
} FfPermissions;

/* Do these permissions allow what is wanted, 4 to read and 2 to write, as open(2) asks? */
gboolean ff_access_allows(const FfCaller *caller, const FfPermissions *permissions, mode_t wanted);

/* May the caller come to this directory and list it? Its ancestors are asked as well. */
gboolean ff_access_may_reach(const FfCaller *caller, const FfAcls *acls, const FfNode *directory);

/*
 * May the caller read the names in this directory and look at what they name? Its ancestors are not
 * asked.
 */
gboolean ff_access_may_list(const FfCaller *caller, const FfAcls *acls, const FfNode *directory);
