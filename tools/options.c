/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include "message.h"

gboolean options_parse(int argc, char **argv, const GOptionEntry *entries, const char *synopsis,
                       const char *summary)
{
    g_autoptr(GOptionContext) context = g_option_context_new(synopsis);
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_strdup_printf("fifoctl %s", argv[0]);
    g_autofree char *advice = g_strdup_printf("see '%s --help'", program);

    g_set_prgname(program);
    g_option_context_set_summary(context, summary);
    g_option_context_add_main_entries(context, entries, NULL);
    if (g_option_context_parse(context, &argc, &argv, &error))
        return TRUE;
    message_error("cannot understand the options", error->message, advice);
    return FALSE;
}
