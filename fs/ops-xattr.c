/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes "fifofs.*": the policy of a FIFO, or of what will be created in a directory.
 *
 * The kernel has checked read or write permission of the inode (fs/xattr.c xattr_permission());
 * only owner and root may set.
 */
#include "ops.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "control.h"

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

void ff_op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    const char *key = key_of(name);
    g_autofree char *value = NULL;

    if (key == NULL) {
        fuse_reply_err(req, EOPNOTSUPP);
        return;
    }
    if (!ff_control_owns(id)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        const FfNode *node = ff_registry_find(daemon->registry, id);

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
    int r = check_change(caller, node, key, flags);

    return r < 0 ? r : ff_registry_set_policy(daemon->registry, node, key, value);
}

static gboolean is_reap(const FfNode *node, const char *key)
{
    return node != NULL && key != NULL && ff_node_is_fifo(node) && strcmp(key, REAP_KEY) == 0;
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
        FfNode *node = ff_control_owns(id) ? NULL : ff_registry_find(daemon->registry, id);

        if (is_reap(node, key))
            r = reap(daemon, &caller, node, value);
        else
            r = set_policy(daemon, &caller, node, key, value, flags);
    }
    fuse_reply_err(req, -r);
}

void ff_op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size,
                    int flags)
{
    g_autofree char *text = g_strndup(value, size);

    /* With a NUL inside it is no text. */
    if (strlen(text) != size)
        fuse_reply_err(req, EINVAL);
    else
        change(req, id, name, text, flags);
}

void ff_op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
    change(req, id, name, NULL, 0);
}

static void append_name(GString *names, const char *key)
{
    g_string_append(names, PREFIX);
    g_string_append_len(names, key, (gssize)strlen(key) + 1);
}

void ff_op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    g_autoptr(GString) names = g_string_new(NULL);

    if (!ff_control_owns(id)) {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        const FfNode *node = ff_registry_find(daemon->registry, id);

        for (const char *const *key = ff_policy_keys; *key != NULL; key++)
            append_name(names, *key);
        if (node != NULL && ff_node_is_fifo(node))
            append_name(names, STATE_KEY);
    }
    reply_bytes(req, names->str, names->len, size);
}
