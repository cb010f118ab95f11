/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any lines as /proc/self/mountinfo, and any bytes as names of directories in it, written as the
 * kernel writes them.
 */
#include "fuzz.h"

#include "tools/mounts.c"

/* A path as the kernel has it: no two slashes in a row, none at the end. */
static gboolean is_tidy(const char *path)
{
    return strstr(path, "//") == NULL && !g_str_has_suffix(path, "/");
}

/* Outside and back inside is where one was. */
static void check_way(const Mount *mount, const char *inside)
{
    g_autofree char *outside = mount_outside(mount, inside);
    g_autofree char *back = NULL;

    g_assert(outside != NULL);
    back = mount_inside(mount, outside);
    g_assert_cmpstr(back, ==, inside);
}

static void check_mount(const Mount *mount)
{
    g_autofree char *below = join(mount->root, "a/b");

    g_assert(*mount->root != '/');
    if (*mount->point != '/' || !is_tidy(mount->point) || !is_tidy(mount->root))
        return;
    check_way(mount, mount->root);
    check_way(mount, below);
}

static void take_line(const char *text)
{
    g_autofree char *line = g_strdup(text);
    g_autoptr(Mount) mount = parse_line(line);

    if (mount != NULL)
        check_mount(mount);
}

/* fs/proc_namespace.c: show_mountinfo() gives seq_path() these to escape. */
static char *escape(const char *name)
{
    GString *escaped = g_string_new(NULL);

    for (; *name != '\0'; name++)
        if (strchr(" \t\n\\#", *name) != NULL)
            g_string_append_printf(escaped, "\\%03o", (guchar)*name);
        else
            g_string_append_c(escaped, *name);
    return g_string_free(escaped, FALSE);
}

/* Whatever a directory is called, it is found again. */
static void check_name(const char *name)
{
    g_autofree char *path = g_strconcat("/", name, NULL);
    g_autofree char *escaped = escape(path);
    g_autofree char *line = g_strdup_printf("36 25 0:31 %s %s rw - fuse.fifofs fifofs rw\n",
                                            escaped, escaped);
    g_autoptr(Mount) mount = parse_line(line);

    g_assert(mount != NULL);
    g_assert(mount->id == 36 && mount->dev == makedev(0, 31));
    g_assert_cmpstr(mount->point, ==, path);
    g_assert_cmpstr(mount->root, ==, skip_slashes(path));
    check_mount(mount);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(GStrv) lines = fuzz_lines(data, size);
    g_autofree char *name = g_strndup((const char *)data, size);

    for (char **line = lines; *line != NULL; line++)
        take_line(*line);
    check_name(name);
    return 0;
}
