/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIELD "\nVmRSS:"

#define JOURNAL "/memfd:fifofs-journal"

static gint64 own_bytes(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = NULL;
    const char *field = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL))
        field = strstr(text, FIELD);
    return field == NULL ? 0 : g_ascii_strtoll(field + strlen(FIELD), NULL, 10) * 1024;
}

/* What it keeps in a file without a name, of which nothing is mapped. */
static gint64 journal_bytes(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;
    struct stat st;

    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *link = g_build_filename(path, name, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);

        if (target != NULL && g_str_has_prefix(target, JOURNAL) && stat(link, &st) == 0)
            return (gint64)st.st_blocks * 512;
    }
    return 0;
}

gint64 resident_bytes(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    g_autofree char *text = NULL;
    gint64 bytes = own_bytes(pid);
    char *at;

    if (pid <= 0)
        return 0;
    bytes += journal_bytes(pid);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return bytes;
    for (at = text; *g_strchug(at) != '\0';)
        bytes += own_bytes((pid_t)strtol(at, &at, 10));
    return bytes;
}
