/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <stdio.h>
#include <syslog.h>

#include "options.h"

static const char *message_of(const GLogField *fields, gsize n_fields)
{
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            return fields[i].value;
    return "";
}

static GLogWriterOutput write_stderr(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                     gpointer debug)
{
    if (level != G_LOG_LEVEL_DEBUG || GPOINTER_TO_INT(debug))
        fprintf(stderr, "fifofs: %s\n", message_of(fields, n_fields));
    return G_LOG_WRITER_HANDLED;
}

static int priority_of(GLogLevelFlags level)
{
    if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
        return LOG_ERR;
    if ((level & G_LOG_LEVEL_WARNING) != 0)
        return LOG_WARNING;
    return (level & G_LOG_LEVEL_DEBUG) != 0 ? LOG_DEBUG : LOG_INFO;
}

static GLogWriterOutput write_syslog(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                     gpointer data)
{
    if (level != G_LOG_LEVEL_DEBUG)
        syslog(priority_of(level), "%s", message_of(fields, n_fields));
    return G_LOG_WRITER_HANDLED;
}

/* GLib takes a writer once only, so it is one that chooses. */
static gint to_syslog;

static GLogWriterOutput write_message(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                      gpointer data)
{
    if (g_atomic_int_get(&to_syslog))
        return write_syslog(level, fields, n_fields, data);
    return write_stderr(level, fields, n_fields, data);
}

void ff_log_to_stderr(gboolean debug)
{
    g_log_set_writer_func(write_message, GINT_TO_POINTER(debug), NULL);
}

void ff_log_to_syslog(void)
{
    openlog("fifofs", LOG_PID, LOG_DAEMON);
    g_atomic_int_set(&to_syslog, 1);
}

/* One line, whatever bytes a name has in it: control characters are written as in C. */
static char *in_one_line(const char *message)
{
    char exceptions[2 + 128 + 1] = "\"\\";

    for (int i = 0; i < 128; i++)
        exceptions[2 + i] = (char)(128 + i);
    return g_strescape(message, exceptions);
}

int ff_log_complaint(const GError *error)
{
    g_autofree char *message = in_one_line(error->message);

    if (g_atomic_int_get(&to_syslog))
        syslog(LOG_ERR, "%s", message);
    else
        fprintf(stderr, "fifofs: %s\n", message);
    /* The codes of others mean something else, and 0 is one of them. */
    return error->domain == FF_OPTIONS_ERROR ? error->code : FF_EXIT_FAILED;
}
