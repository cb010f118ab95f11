/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attributes.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

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
    message_error("bad value", word,
                  strcmp(attribute->name, "lifetime") == 0
                      ? "it is auto, use, process, session or keep"
                      : "it is a duration: 500ms, 30s, 15min, 1h, 2d or infinity");
    return NULL;
}

/* xattrs cannot be reached through an O_PATH descriptor itself, only through its name. */
static void handle_of(int fd, char *buffer, gsize size)
{
    g_snprintf(buffer, size, "/proc/self/fd/%d", fd);
}

static int apply_one(const char *handle, const Attribute *attribute)
{
    g_autofree char *key = g_strconcat(PREFIX, attribute->name, NULL);
    int result = *attribute->value == '\0'
                     ? removexattr(handle, key)
                     : setxattr(handle, key, attribute->value, strlen(attribute->value), 0);

    return result < 0 ? -errno : 0;
}

int attributes_apply(int fd, const GPtrArray *attributes)
{
    char handle[64];
    int result = 0;

    handle_of(fd, handle, sizeof handle);
    for (guint i = 0; i < attributes->len && result == 0; i++)
        result = apply_one(handle, g_ptr_array_index(attributes, i));
    return result;
}

int attributes_each(int fd, void (*visit)(const char *name, const char *value, gpointer data),
                    gpointer data)
{
    g_autofree char *names = g_malloc(LONGEST_ATTRIBUTES);
    g_autofree char *value = g_malloc(LONGEST_ATTRIBUTES);
    char handle[64];
    gssize size;

    handle_of(fd, handle, sizeof handle);
    size = listxattr(handle, names, LONGEST_ATTRIBUTES);
    if (size < 0)
        return -errno;
    for (const char *name = names; name < names + size; name += strlen(name) + 1) {
        gssize length = g_str_has_prefix(name, PREFIX)
                            ? getxattr(handle, name, value, LONGEST_ATTRIBUTES - 1)
                            : -1;

        if (length < 0)
            continue;
        value[length] = '\0';
        visit(name + strlen(PREFIX), value, data);
    }
    return 0;
}
