/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "size.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_TEXT "default"

static const struct {
    const char *name;
    guint shift;
} units[] = {{"G", 30}, {"M", 20}, {"K", 10}, {"", 0}};

static gboolean is_unit(const char *text, const char *name)
{
    gsize length = strlen(name);

    if (strncmp(text, name, length) != 0)
        return FALSE;
    return text[length] == '\0' || (length > 0 && strcmp(text + length, "iB") == 0);
}

int ff_size_parse(const char *text, gint64 *bytes)
{
    guint64 number;
    char *end;

    if (strcmp(text, DEFAULT_TEXT) == 0) {
        *bytes = FF_SIZE_DEFAULT;
        return 0;
    }
    if (!g_ascii_isdigit(*text))
        return -EINVAL;
    number = g_ascii_strtoull(text, &end, 10);
    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!is_unit(end, units[i].name))
            continue;
        if (number == 0 || number > (guint64)FF_SIZE_MOST >> units[i].shift)
            return -EINVAL;
        *bytes = (gint64)(number << units[i].shift);
        return 0;
    }
    return -EINVAL;
}

char *ff_size_format(gint64 bytes)
{
    guint i = 0;

    if (bytes == FF_SIZE_DEFAULT)
        return g_strdup(DEFAULT_TEXT);
    while (bytes % (G_GINT64_CONSTANT(1) << units[i].shift) != 0)
        i++;
    return g_strdup_printf("%" G_GINT64_FORMAT "%s", bytes >> units[i].shift, units[i].name);
}
