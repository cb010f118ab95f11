/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl ls: the FIFOs of all mounts, or of some paths, and who is on them.
 */
#include "command.h"

#include "message.h"
#include "options.h"
#include "report.h"
#include "selection.h"

typedef struct {
    gboolean processes, json, raw, no_headings, bytes, all_columns, list_columns;
    char *columns;
    char **paths;
} Options;

static void options_clear(Options *options)
{
    g_free(options->columns);
    g_strfreev(options->paths);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean parse(int argc, char **argv, Options *options)
{
    const GOptionEntry entries[] = {
        {"processes", 'p', 0, G_OPTION_ARG_NONE, &options->processes,
         "Add a line for each process on a FIFO", NULL},
        {"output", 'o', 0, G_OPTION_ARG_STRING, &options->columns,
         "Columns to show; +LIST adds to the default", "LIST"},
        {"output-all", 0, 0, G_OPTION_ARG_NONE, &options->all_columns, "Show all columns", NULL},
        {"json", 'J', 0, G_OPTION_ARG_NONE, &options->json, "Write JSON", NULL},
        {"raw", 'r', 0, G_OPTION_ARG_NONE, &options->raw, "Do not align columns", NULL},
        {"noheadings", 'n', 0, G_OPTION_ARG_NONE, &options->no_headings, "Do not write headings",
         NULL},
        {"bytes", 'b', 0, G_OPTION_ARG_NONE, &options->bytes, "Show sizes in bytes", NULL},
        {"list-columns", 0, 0, G_OPTION_ARG_NONE, &options->list_columns,
         "List the columns, and end", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->paths, NULL, NULL},
        {NULL},
    };

    return options_parse(argc, argv, entries, "[PATH...]",
                         "List the FIFOs of all fifofs mounts, or below the PATHs.");
}

static GPtrArray *choose_columns(const Options *options, gboolean with_mount)
{
    g_autoptr(GPtrArray) defaults = options->all_columns ? columns_all()
                                                         : columns_default(with_mount);
    g_autofree char *unknown = NULL;
    GPtrArray *chosen;

    if (options->columns == NULL)
        return g_steal_pointer(&defaults);
    chosen = columns_parse(options->columns, defaults, &unknown);
    if (chosen == NULL)
        message_error("no such column", unknown, "see 'fifoctl ls --list-columns'");
    return chosen;
}

/* Return: FALSE where there is nothing to list at all, which has been said. */
static gboolean choose_fifos(const Options *options, Selection *selection)
{
    if (selection_add_paths(selection, options->paths))
        return TRUE;
    message_error("no fifofs mount", "/proc/self/mountinfo", "mount one with 'fifofs MOUNTPOINT'");
    return FALSE;
}

static int print(const Options *options, const Report *report, const Selection *selection,
                 const ScanResult *scan)
{
    if (options->json) {
        report_stream_json(report, selection->fifos, scan);
        return 0;
    }
    if (scan != NULL)
        report_scan_notes(scan);
    return report_table(report, selection->fifos);
}

static ExitStatus list(const Options *options, Selection *selection)
{
    gboolean with_mount = options->json || selection_has_several_mounts(selection);
    g_autoptr(GPtrArray) columns = choose_columns(options, with_mount);
    ColumnNeeds needs = columns_needs(columns) | (options->processes ? COLUMN_NEEDS_SCAN : 0);
    ScanResult scan;
    gboolean scanned;
    int result;

    selection_load(selection);
    scanned = needs != 0 && selection_scan(selection, (needs & COLUMN_NEEDS_BUFFERS) != 0, &scan);
    Report report = {
        .columns = columns,
        .with_processes = options->processes,
        .raw = options->raw,
        .no_headings = options->no_headings,
        .exact = options->bytes,
        .now = g_get_real_time(),
    };
    result = print(options, &report, selection, scanned ? &scan : NULL);
    if (result < 0)
        message_errno("cannot make the table", "ls", -result);
    return result < 0 || selection->failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

ExitStatus command_ls(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(GPtrArray) columns = NULL;
    g_autoptr(Selection) selection = NULL;

    if (!parse(argc, argv, &options))
        return EXIT_STATUS_USAGE;
    if (options.list_columns) {
        columns_print_list();
        return EXIT_STATUS_OK;
    }
    /* Only to find mistakes before anything is asked: the default ones depend on the mounts. */
    columns = choose_columns(&options, FALSE);
    if (columns == NULL)
        return EXIT_STATUS_USAGE;
    selection = selection_new();
    if (selection == NULL)
        return EXIT_STATUS_FAILED;
    return choose_fifos(&options, selection) ? list(&options, selection) : EXIT_STATUS_NO_MOUNT;
}
