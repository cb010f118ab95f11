/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <string.h>

#include "duration.h"

/* Enough for any 64 bits. */
#define LONGEST_NUMBER 20

static gboolean is_plain(char c)
{
    return (guchar)c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static void append_escape(GString *out, char c)
{
    if (c == '"' || c == '\\') {
        g_string_append_c(out, '\\');
        g_string_append_c(out, c);
    } else {
        g_string_append_printf(out, "\\u%04x", (guchar)c);
    }
}

static void append_escaped(GString *out, const char *text)
{
    while (*text != '\0') {
        gsize length = 0;

        while (is_plain(text[length]))
            length++;
        g_string_append_len(out, text, (gssize)length);
        text += length;
        if (*text != '\0')
            append_escape(out, *text++);
    }
}

/* printf() would take half of the time of a whole list. */
static void append_digits(GString *out, guint64 number, guint at_least)
{
    char digits[LONGEST_NUMBER];
    guint n = 0;

    for (; number > 0 || n < at_least; number /= 10)
        digits[LONGEST_NUMBER - ++n] = (char)('0' + number % 10);
    g_string_append_len(out, digits + LONGEST_NUMBER - n, n);
}

void ff_json_append_unsigned(GString *out, guint64 number)
{
    append_digits(out, number, 1);
}

static void append_quoted(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    append_escaped(out, text);
    g_string_append_c(out, '"');
}

void ff_json_append_string(GString *out, const char *bytes)
{
    g_autofree char *valid = g_utf8_validate(bytes, -1, NULL) ? NULL : g_utf8_make_valid(bytes, -1);

    append_quoted(out, valid == NULL ? bytes : valid);
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
    gboolean is_utf8 = g_utf8_validate(path, -1, NULL);

    g_string_append_c(out, '"');
    g_string_append(out, key);
    g_string_append(out, "\":");
    if (is_utf8) {
        append_quoted(out, path);
    } else {
        ff_json_append_string(out, path);
        g_string_append_printf(out, ",\"%s_b64\":", key);
        ff_json_append_base64(out, path);
    }
}

void ff_json_append_seconds(GString *out, gint64 usec)
{
    if (usec < 0) {
        g_string_append_c(out, '-');
        usec = -usec;
    }
    append_digits(out, (guint64)usec / FF_SECOND, 1);
    if (usec % FF_SECOND == 0)
        return;
    g_string_append_c(out, '.');
    append_digits(out, (guint64)usec % FF_SECOND, 6);
}

void ff_json_append_seconds_or_null(GString *out, gint64 usec)
{
    if (usec == FF_DURATION_INFINITY)
        g_string_append(out, "null");
    else
        ff_json_append_seconds(out, usec);
}
