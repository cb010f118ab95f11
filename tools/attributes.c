/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attributes.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fdpath.h"
#include "fileid.h"
#include "message.h"
#include "policy.h"

/* The kernel passes no longer list or value of attributes than this. */
#define LONGEST_ATTRIBUTES (64 * 1024)

#define PREFIX "fifofs."

/* The one that can only be read. */
#define STATE "state"

void attribute_free(Attribute *attribute)
{
    if (attribute == NULL)
        return;
    g_free(attribute->name);
    g_free(attribute->value);
    g_free(attribute);
}

static void complain_of_name(const char *word)
{
    g_autofree char *names = g_strjoinv(", ", (char **)ff_policy_keys);
    g_autofree char *advice = g_strconcat("there are ", names, NULL);

    message_error("no such attribute", word, advice);
}

gboolean attribute_is_known(const char *name)
{
    if (ff_policy_has_key(name) || strcmp(name, STATE) == 0)
        return TRUE;
    complain_of_name(name);
    return FALSE;
}

/* What a value of that name has to be like. */
static const char *describe_value(const char *name)
{
    static const char *const descriptions[][2] = {
        {"lifetime", "it is auto, use, process, session or keep"},
        {"capacity", "it is a size: 65536, 64K, 1M or default"},
        {"hold", "it is none, read, write or both"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(descriptions); i++)
        if (strcmp(descriptions[i][0], name) == 0)
            return descriptions[i][1];
    return "it is a duration: 500ms, 30s, 15min, 1h, 2d or infinity";
}

Attribute *attribute_parse(const char *word)
{
    const char *equals = strchr(word, '=');
    FfPolicy policy = ff_policy_default;
    g_autoptr(Attribute) attribute = g_new0(Attribute, 1);

    if (equals == NULL) {
        message_error("no value", word, "write NAME=VALUE");
        return NULL;
    }
    attribute->name = g_strndup(word, (gsize)(equals - word));
    attribute->value = g_strdup(equals + 1);
    if (!ff_policy_has_key(attribute->name)) {
        complain_of_name(attribute->name);
        return NULL;
    }
    if (*attribute->value == '\0' || ff_policy_set(&policy, attribute->name, attribute->value) == 0)
        return g_steal_pointer(&attribute);
    message_error("bad value", word, describe_value(attribute->name));
    return NULL;
}

static int apply_one(const char *path, const Attribute *attribute)
{
    g_autofree char *key = g_strconcat(PREFIX, attribute->name, NULL);
    int result = *attribute->value == '\0'
                     ? removexattr(path, key)
                     : setxattr(path, key, attribute->value, strlen(attribute->value), 0);

    return result < 0 ? -errno : 0;
}

/* Not for want of its owner's consent: because the mount cannot keep what was asked for. */
static gboolean is_untraced(int fd, const Attribute *attribute)
{
    FfPolicy policy = ff_policy_default;
    FfFileInfo info;

    return ff_policy_set(&policy, attribute->name, attribute->value) == 0 &&
           ff_policy_wants_trace(&policy) && ff_file_look(fd, "", &info) == 0 &&
           (geteuid() == 0 || geteuid() == info.uid);
}

int attributes_apply(int fd, const GPtrArray *attributes)
{
    char path[FF_FD_PATH_SIZE];
    int result = 0;

    ff_fd_path(fd, path);
    for (guint i = 0; i < attributes->len && result == 0; i++) {
        const Attribute *attribute = g_ptr_array_index(attributes, i);

        result = apply_one(path, attribute);
        if (result == -EPERM && is_untraced(fd, attribute))
            result = ATTRIBUTES_UNTRACED;
    }
    return result;
}

int attributes_each(int fd, void (*visit)(const char *name, const char *value, gpointer data),
                    gpointer data)
{
    g_autofree char *names = g_malloc(LONGEST_ATTRIBUTES);
    g_autofree char *value = g_malloc(LONGEST_ATTRIBUTES);
    char path[FF_FD_PATH_SIZE];
    gssize size;

    ff_fd_path(fd, path);
    size = listxattr(path, names, LONGEST_ATTRIBUTES);
    if (size < 0)
        return -errno;
    for (const char *name = names; name < names + size; name += strlen(name) + 1) {
        gssize length = g_str_has_prefix(name, PREFIX)
                            ? getxattr(path, name, value, LONGEST_ATTRIBUTES - 1)
                            : -1;

        if (length < 0)
            continue;
        value[length] = '\0';
        visit(name + strlen(PREFIX), value, data);
    }
    return 0;
}
