/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MOUNTINFO "/proc/self/mountinfo"

/*
 * Fields of a line of mountinfo, as proc_pid_mountinfo(5) counts them, from 0; the rest follows a
 * field "-".
 */
enum { FIELD_ID, FIELD_PARENT, FIELD_DEV, FIELD_ROOT, FIELD_POINT, N_FIXED_FIELDS };

#define FSTYPE "fuse.fifofs"

static void mount_free(Mount *mount)
{
    g_free(mount->root);
    g_free(mount->point);
    g_free(mount);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mount, mount_free)

static const char *skip_slashes(const char *path)
{
    return path + strspn(path, "/");
}

const char *path_below(const char *path, const char *directory)
{
    gsize length = strlen(directory);

    if (length == 0)
        return path;
    if (strncmp(path, directory, length) != 0)
        return NULL;
    return path[length] == '/'    ? skip_slashes(path + length)
           : path[length] == '\0' ? path + length
                                  : NULL;
}

/* The kernel writes blank, tab, newline and backslash in a name as \ooo. */
static char *unescape(const char *field)
{
    GString *plain = g_string_new(NULL);

    for (; *field != '\0'; field++) {
        guint value;
        int length;

        if (sscanf(field, "\\%3o%n", &value, &length) == 1) {
            g_string_append_c(plain, (char)value);
            field += length - 1;
        } else {
            g_string_append_c(plain, *field);
        }
    }
    return g_string_free(plain, FALSE);
}

/* What follows "-": the type, the source, and the options of the file system. */
static char *const *find_rest(char *const *fields)
{
    for (guint i = N_FIXED_FIELDS; fields[i] != NULL; i++)
        if (strcmp(fields[i], "-") == 0)
            return fields + i + 1;
    return NULL;
}

/* fs/fuse/inode.c fuse_show_options() */
static uid_t find_owner(char *const *rest)
{
    unsigned int uid;
    const char *option = rest[0] != NULL && rest[1] != NULL && rest[2] != NULL
                             ? strstr(rest[2], "user_id=")
                             : NULL;

    return option != NULL && sscanf(option, "user_id=%u", &uid) == 1 ? (uid_t)uid : (uid_t)-1;
}

/* Return: what the line says of a fifofs mount, or NULL where it speaks of something else. */
static Mount *parse_line(char *line)
{
    g_auto(GStrv) fields = g_strsplit(g_strchomp(line), " ", -1);
    char *const *rest;
    g_autofree char *root = NULL;
    guint dev_major, dev_minor;
    Mount *mount;

    rest = g_strv_length(fields) <= N_FIXED_FIELDS ? NULL : find_rest(fields);
    if (rest == NULL || g_strcmp0(rest[0], FSTYPE) != 0 ||
        sscanf(fields[FIELD_DEV], "%u:%u", &dev_major, &dev_minor) != 2)
        return NULL;
    root = unescape(fields[FIELD_ROOT]);
    mount = g_new0(Mount, 1);
    mount->id = g_ascii_strtoull(fields[FIELD_ID], NULL, 10);
    mount->dev = makedev(dev_major, dev_minor);
    mount->root = g_strdup(skip_slashes(root));
    mount->point = unescape(fields[FIELD_POINT]);
    mount->owner = find_owner(rest);
    return mount;
}

static void close_stream(FILE *stream)
{
    fclose(stream);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FILE, close_stream)

GPtrArray *mounts_load(void)
{
    g_autoptr(FILE) stream = fopen(MOUNTINFO, "re");
    g_autoptr(GPtrArray) mounts = g_ptr_array_new_with_free_func((GDestroyNotify)mount_free);
    char *line = NULL;
    size_t size = 0;

    if (stream == NULL)
        return NULL;
    while (getline(&line, &size, stream) >= 0) {
        Mount *mount = parse_line(line);

        if (mount != NULL)
            g_ptr_array_add(mounts, mount);
    }
    free(line);
    return g_steal_pointer(&mounts);
}

int mounts_open_changes(void)
{
    int fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

const Mount *mounts_find_id(const GPtrArray *mounts, guint64 id)
{
    for (guint i = 0; i < mounts->len; i++) {
        const Mount *mount = g_ptr_array_index(mounts, i);

        if (mount->id == id)
            return mount;
    }
    return NULL;
}

const Mount *mounts_find_dev(const GPtrArray *mounts, dev_t dev)
{
    const Mount *found = NULL;

    for (guint i = 0; i < mounts->len; i++) {
        const Mount *mount = g_ptr_array_index(mounts, i);

        if (mount->dev == dev && (found == NULL || (*mount->root == '\0' && *found->root != '\0')))
            found = mount;
    }
    return found;
}

static char *join(const char *directory, const char *name)
{
    if (*directory == '\0' || *name == '\0')
        return g_strconcat(directory, name, NULL);
    return g_strconcat(directory, g_str_has_suffix(directory, "/") ? "" : "/", name, NULL);
}

char *mount_inside(const Mount *mount, const char *path)
{
    const char *rest = path_below(path, strcmp(mount->point, "/") == 0 ? "" : mount->point);

    return rest == NULL ? NULL : join(mount->root, skip_slashes(rest));
}

char *mount_outside(const Mount *mount, const char *path)
{
    const char *rest = path_below(path, mount->root);

    return rest == NULL ? NULL : join(mount->point, rest);
}
