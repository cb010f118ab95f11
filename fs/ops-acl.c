/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops-acl.h"

#include <errno.h>
#include <string.h>

#include "control.h"

gboolean ff_ops_is_acl(fuse_req_t req, const char *name, FfAclType *type)
{
    if (!ff_ops_daemon(req)->has_acls)
        return FALSE;
    if (strcmp(name, FF_ACL_ACCESS_NAME) == 0)
        *type = FF_ACL_ACCESS;
    else if (strcmp(name, FF_ACL_DEFAULT_NAME) == 0)
        *type = FF_ACL_DEFAULT;
    else
        return FALSE;
    return TRUE;
}

GBytes *ff_ops_acl(fuse_req_t req, fuse_ino_t id, FfAclType type)
{
    FfRegistry *registry = ff_ops_daemon(req)->registry;
    g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
    const FfNode *node = ff_control_owns(id) ? NULL : ff_registry_find(registry, ff_relay_fifo(id));

    return node == NULL ? NULL : ff_registry_acl(registry, node, type);
}

/*
 * As fs/attr.c setattr_prepare() does for chmod. The kernel would say so, but libfuse does not hand it
 * on (FUSE_SETXATTR_ACL_KILL_SGID).
 */
static gboolean may_keep_setgid(const FfCaller *caller, const FfNode *node)
{
    return caller->uid == 0 || ff_access_in_group(caller, node->gid);
}

static int set_acl(fuse_req_t req, fuse_ino_t id, FfAclType type, const FfAcl *acl)
{
    FfRegistry *registry = ff_ops_daemon(req)->registry;
    FfCaller caller = ff_ops_caller_with_groups(req);
    int r = -EOPNOTSUPP;

    if (!ff_control_owns(id)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_registry_find(registry, ff_relay_fifo(id));

        r = node == NULL
                ? -ESTALE
                : ff_registry_set_acl(registry, node, type, acl, may_keep_setgid(&caller, node));
    }
    ff_caller_clear(&caller);
    return r;
}

void ff_ops_set_acl(fuse_req_t req, fuse_ino_t id, FfAclType type, const char *value, size_t size)
{
    g_autoptr(FfAcl) acl = NULL;
    int r = size == 0 ? 0 : ff_acl_parse(value, size, &acl);

    if (r == 0)
        r = set_acl(req, id, type, acl);
    fuse_reply_err(req, -r);
}
