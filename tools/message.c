/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int number;
    const char *text;
} Advice;

static const Advice advices[] = {
    {EACCES, "a private mount answers its owner only; otherwise see the modes of the directories"},
    {EPERM, "ask the owner of the FIFO, the owner of its directory, or root"},
    {ENOENT, "see the names with 'fifoctl ls'"},
    {ENOTDIR, "see the names with 'fifoctl ls'"},
    {EEXIST, "there is something of that name already"},
    {EXDEV, "only one directory of this fifofs is mounted here; do it where all is"},
    {ESTALE, "another mount lies on top of it, or another FIFO has its name by now"},
    {EISDIR, "remove a directory with rmdir"},
    {ENOTCONN, "its daemon is gone: unmount it with 'fusermount3 -u' and mount again"},
    {ECONNABORTED, "its daemon is gone: unmount it with 'fusermount3 -u' and mount again"},
    {ETIMEDOUT, "see whether its daemon is stopped or stuck"},
    {EBADMSG, "see whether daemon and fifoctl are of the same version"},
};

static const char *advice_for(int error_number)
{
    for (guint i = 0; i < G_N_ELEMENTS(advices); i++)
        if (advices[i].number == error_number)
            return advices[i].text;
    return "see fifoctl(1)";
}

static gboolean is_harmless(const char *text, gunichar c)
{
    if (c == '\\')
        return text[1] != 'x';
    return g_unichar_isprint(c);
}

char *message_safe(const char *bytes)
{
    GString *safe = g_string_new(NULL);

    while (*bytes != '\0') {
        gunichar c = g_utf8_get_char_validated(bytes, -1);
        gsize length = 1;

        /*
         * Both ways in which the function above says "no character" are huge, unprintable values.
         */
        if (is_harmless(bytes, c)) {
            length = (gsize)(g_utf8_next_char(bytes) - bytes);
            g_string_append_len(safe, bytes, (gssize)length);
        } else {
            g_string_append_printf(safe, "\\x%02x", (guchar)*bytes);
        }
        bytes += length;
    }
    return g_string_free(safe, FALSE);
}

void message_error(const char *what, const char *which, const char *advice)
{
    g_autofree char *safe = message_safe(which);

    fprintf(stderr, "fifoctl: %s: %s: %s\n", what, safe, advice);
}

void message_errno(const char *what, const char *which, int error_number)
{
    g_autofree char *full = g_strdup_printf("%s (%s)", what, g_strerror(error_number));

    message_error(full, which, advice_for(error_number));
}

void message_note(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fprintf(stderr, "fifoctl: note: %s\n", text);
}
