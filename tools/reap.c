/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl reap: have those FIFOs go now that would go later because nobody uses them, or only show
 * which.
 */
#include "command.h"

#include "message.h"
#include "options.h"
#include "reaping.h"
#include "report.h"

static gint compare_expiry(gconstpointer a, gconstpointer b)
{
    gint64 x = fifo_expires(*(const Fifo *const *)a), y = fifo_expires(*(const Fifo *const *)b);

    return (x > y) - (x < y);
}

static ExitStatus show(const Selection *selection, const ScanResult *scan, gboolean json)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new();
    g_autofree char *unknown = NULL;
    g_autoptr(GPtrArray) columns = columns_parse("PATH,STATE,REASON,EXPIRES", NULL, &unknown);
    Report report = {.columns = columns, .now = g_get_real_time()};
    int result = 0;

    for (guint i = 0; i < selection->fifos->len; i++)
        if (fifo_expires(g_ptr_array_index(selection->fifos, i)) != FIFO_UNKNOWN)
            g_ptr_array_add(due, g_ptr_array_index(selection->fifos, i));
    g_ptr_array_sort(due, compare_expiry);
    if (json)
        report_stream_json(&report, due, scan);
    else
        result = report_table(&report, due);
    if (result < 0)
        message_errno("cannot make the table", "reap", -result);
    return result < 0 || selection->failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

ExitStatus command_reap(int argc, char **argv)
{
    gboolean dry_run = FALSE, json = FALSE;
    g_auto(GStrv) paths = NULL;
    const GOptionEntry entries[] = {
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run,
         "Only show what goes by itself, when, and why", NULL},
        {"json", 'J', 0, G_OPTION_ARG_NONE, &json, "With -n: write JSON", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL},
        {NULL},
    };
    g_autoptr(Selection) selection = NULL;
    ScanResult scan;

    if (!options_parse(argc, argv, entries, "PATH...",
                       "Remove now what nobody uses and its lifetime would remove later."))
        return EXIT_STATUS_USAGE;
    if (paths == NULL && !dry_run) {
        message_error("nothing to reap", "reap", "name a mount, a directory or a FIFO");
        return EXIT_STATUS_USAGE;
    }
    if (json && !dry_run) {
        message_error("there is JSON only of what would be removed", "--json", "add --dry-run");
        return EXIT_STATUS_USAGE;
    }
    selection = selection_new();
    if (selection == NULL)
        return EXIT_STATUS_FAILED;
    if (!selection_add_paths(selection, paths)) {
        message_error("no fifofs mount", "/proc/self/mountinfo",
                      "mount one with 'fifofs MOUNTPOINT'");
        return EXIT_STATUS_NO_MOUNT;
    }
    selection_load(selection);
    if (!selection_scan(selection, FALSE, &scan))
        return EXIT_STATUS_FAILED;
    return dry_run ? show(selection, &scan, json) : reaping_run(selection);
}
