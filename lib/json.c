/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <string.h>

#include "duration.h"

static void append_escaped(GString *out, const char *text)
{
    for (; *text != '\0'; text++) {
        guchar c = (guchar)*text;

        if (c == '"' || c == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            g_string_append_printf(out, "\\u%04x", c);
        } else {
            g_string_append_c(out, (char)c);
        }
    }
}

void ff_json_append_string(GString *out, const char *bytes)
{
    g_string_append_c(out, '"');
    if (g_utf8_validate(bytes, -1, NULL)) {
        append_escaped(out, bytes);
    } else {
        g_autofree char *valid = g_utf8_make_valid(bytes, -1);

        append_escaped(out, valid);
    }
    g_string_append_c(out, '"');
}

void ff_json_append_base64(GString *out, const char *bytes)
{
    g_autofree char *encoded = g_base64_encode((const guchar *)bytes, strlen(bytes));

    g_string_append_c(out, '"');
    g_string_append(out, encoded);
    g_string_append_c(out, '"');
}

void ff_json_append_path(GString *out, const char *key, const char *path)
{
    g_string_append_printf(out, "\"%s\":", key);
    ff_json_append_string(out, path);
    if (!g_utf8_validate(path, -1, NULL)) {
        g_string_append_printf(out, ",\"%s_b64\":", key);
        ff_json_append_base64(out, path);
    }
}

void ff_json_append_seconds(GString *out, gint64 usec)
{
    g_string_append_printf(out, "%" G_GINT64_FORMAT, usec / FF_SECOND);
    if (usec % FF_SECOND != 0)
        g_string_append_printf(out, ".%06d", (int)(usec % FF_SECOND));
}

void ff_json_append_seconds_or_null(GString *out, gint64 usec)
{
    if (usec == FF_DURATION_INFINITY)
        g_string_append(out, "null");
    else
        ff_json_append_seconds(out, usec);
}
