/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes "fifofs.*": the policy of a FIFO, or of what will be created in a directory. Those
 * that are ACLs are passed on to ops-acl.c.
 *
 * The kernel has checked read or write permission of the inode (fs/xattr.c xattr_permission());
 * only owner and root may set.
 */
#include "ops-acl.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "control.h"
#include "uring.h"

#define PREFIX    "fifofs."
#define STATE_KEY "state"
/* Can be set only; to the number of the node that is meant, whatever has its name by then. */
#define REAP_KEY "reap"

/* The part behind "fifofs.", or NULL for a name that is not ours. */
static const char *key_of(const char *name)
{
    return g_str_has_prefix(name, PREFIX) ? name + strlen(PREFIX) : NULL;
}

static gboolean has_state(const FfNode *node, const char *key)
{
    return ff_node_is_fifo(node) && strcmp(key, STATE_KEY) == 0;
}

static char *value_of(const FfNode *node, const char *key)
{
    if (has_state(node, key))
        return g_strdup(ff_state_name(ff_node_state(node)));
    if (strcmp(key, "lifetime") == 0)
        return g_strdup(ff_lifetime_name(ff_node_lifetime(node)));
    return ff_policy_get(node->policy, key);
}

/* Answer with bytes, or with how many there are where the caller asks for that. */
static void reply_bytes(fuse_req_t req, const char *bytes, size_t length, size_t size)
{
    if (size == 0)
        fuse_reply_xattr(req, length);
    else if (length > size)
        fuse_reply_err(req, ERANGE);
    else
        fuse_reply_buf(req, bytes, length);
}

static void get_acl(fuse_req_t req, fuse_ino_t id, FfAclType type, size_t size)
{
    g_autoptr(GBytes) value = ff_ops_acl(req, id, type);

    if (value == NULL)
        fuse_reply_err(req, ENODATA);
    else
        reply_bytes(req, g_bytes_get_data(value, NULL), g_bytes_get_size(value), size);
}

void ff_op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    const char *key = key_of(name);
    g_autofree char *value = NULL;
    FfAclType type;

    if (ff_ops_is_acl(req, name, &type)) {
        get_acl(req, id, type, size);
        return;
    }
    if (key == NULL) {
        fuse_reply_err(req, EOPNOTSUPP);
        return;
    }
    if (!ff_control_owns(id)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        const FfNode *node = ff_registry_find(daemon->registry, ff_relay_fifo(id));

        value = node == NULL ? NULL : value_of(node, key);
    }
    if (value == NULL)
        fuse_reply_err(req, ENODATA);
    else
        reply_bytes(req, value, strlen(value), size);
}

/*
 * Every policy value is always there, inherited or not: so it can be replaced, and not created.
 *
 * Return: 0 where the key may be set or taken back, else -errno.
 */
static int check_change(const FfCaller *caller, const FfNode *node, const char *key, int flags)
{
    if (node == NULL || key == NULL)
        return -EOPNOTSUPP;
    if (has_state(node, key))
        return -EROFS;
    if (!ff_policy_has_key(key))
        return -EOPNOTSUPP;
    if (!ff_access_owns(caller, node))
        return -EPERM;
    return (flags & XATTR_CREATE) != 0 ? -EEXIST : 0;
}

static int reap(FfDaemon *daemon, const FfCaller *caller, FfNode *node, const char *value)
{
    guint64 id = node->id;

    if (!ff_access_owns(caller, node))
        return -EPERM;
    if (value != NULL && !g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &id, NULL))
        return -EINVAL;
    if (id != node->id)
        return -ENOENT;
    /* A use that has ended already is no answer. */
    ff_watch_catch_up(daemon->watch);
    return ff_node_is_linked(node) ? ff_registry_reap(daemon->registry, node, value != NULL)
                                   : -ENOENT;
}

static int set_policy(FfDaemon *daemon, const FfCaller *caller, FfNode *node, const char *key,
                      const char *value, int flags)
{
    FfPolicy wanted = ff_policy_default;
    int r = check_change(caller, node, key, flags);

    if (r == 0 && value != NULL && ff_policy_set(&wanted, key, value) == 0)
        r = ff_holds_check(daemon->holds, node, (FfHold)wanted.hold);
    if (r == 0 && !ff_privileges_allow(&daemon->options->privileges, key, value))
        r = -EPERM;
    return r < 0 ? r : ff_registry_set_policy(daemon->registry, node, key, value);
}

static gboolean is_reap(const FfNode *node, const char *key)
{
    return node != NULL && key != NULL && ff_node_is_fifo(node) && strcmp(key, REAP_KEY) == 0;
}

typedef struct {
    fuse_req_t req;
    guint64 id;
} Change;

static void finish_change(gpointer data);

static void finish_again(gpointer data)
{
    const Change *change = data;

    ff_uring_go_on(change->req, finish_change, data);
}

/* Whoever has set `hold` may rely on it when he is told so. */
static void finish_change(gpointer data)
{
    g_autofree Change *change = data;
    FfDaemon *daemon = ff_ops_daemon(change->req);
    fuse_req_t req = change->req;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);
        const FfNode *node = ff_registry_find(daemon->registry, change->id);

        /* It has the lock of what is changed (fs/xattr.c vfs_setxattr()). */
        if (node != NULL && change->id != FF_ROOT_ID &&
            (!ff_holds_prepare(daemon->holds, finish_again, change) ||
             !ff_holds_ensure(daemon->holds, node, finish_again, change))) {
            g_steal_pointer(&change);
            return;
        }
    }
    fuse_reply_err(req, 0);
}

static void reply_change(fuse_req_t req, fuse_ino_t id)
{
    Change *change = g_new0(Change, 1);

    *change = (Change){req, id};
    finish_change(change);
}

/* @value: NULL to take the value back. */
static void change(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, int flags)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    FfCaller caller = ff_ops_caller(req);
    const char *key = key_of(name);
    int r;

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_control_owns(id) ? NULL
                                           : ff_registry_find(daemon->registry, ff_relay_fifo(id));

        if (is_reap(node, key))
            r = reap(daemon, &caller, node, value);
        else
            r = set_policy(daemon, &caller, node, key, value, flags);
    }
    if (r == 0 && key != NULL && strcmp(key, "hold") == 0)
        reply_change(req, id);
    else
        fuse_reply_err(req, -r);
}

void ff_op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size,
                    int flags)
{
    g_autofree char *text = g_strndup(value, size);
    FfAclType type;

    if (ff_ops_is_acl(req, name, &type)) {
        ff_ops_set_acl(req, id, type, value, size);
        return;
    }
    if (key_of(name) == NULL)
        fuse_reply_err(req, EOPNOTSUPP);
    /* With a NUL inside it is no text. */
    else if (strlen(text) != size)
        fuse_reply_err(req, EINVAL);
    else
        change(req, id, name, text, flags);
}

void ff_op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
    FfAclType type;

    if (ff_ops_is_acl(req, name, &type))
        ff_ops_set_acl(req, id, type, NULL, 0);
    else
        change(req, id, name, NULL, 0);
}

static void append_name(GString *names, const char *prefix, const char *key)
{
    g_string_append(names, prefix);
    g_string_append_len(names, key, (gssize)strlen(key) + 1);
}

static void append_names(GString *names, const FfRegistry *registry, const FfNode *node)
{
    for (const char *const *key = ff_policy_keys; *key != NULL; key++)
        append_name(names, PREFIX, *key);
    if (ff_node_is_fifo(node))
        append_name(names, PREFIX, STATE_KEY);
    if (ff_acls_get(ff_registry_acls(registry), node, FF_ACL_ACCESS) != NULL)
        append_name(names, "", FF_ACL_ACCESS_NAME);
    if (ff_acls_get(ff_registry_acls(registry), node, FF_ACL_DEFAULT) != NULL)
        append_name(names, "", FF_ACL_DEFAULT_NAME);
}

void ff_op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    g_autoptr(GString) names = g_string_new(NULL);

    if (!ff_control_owns(id)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        const FfNode *node = ff_registry_find(daemon->registry, ff_relay_fifo(id));

        if (node != NULL)
            append_names(names, daemon->registry, node);
    }
    reply_bytes(req, names->str, names->len, size);
}
