/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"

#include <string.h>

#define FIELD "\nVmRSS:"

gint64 resident_bytes(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = NULL;
    const char *field = NULL;

    if (pid > 0 && g_file_get_contents(path, &text, NULL, NULL))
        field = strstr(text, FIELD);
    return field == NULL ? 0 : g_ascii_strtoll(field + strlen(FIELD), NULL, 10) * 1024;
}
