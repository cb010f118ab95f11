/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <math.h>

/* More digits than the machine can promise would only distract. */
static char *format_value(double value, int digits)
{
    return isnan(value) ? g_strdup("-") : g_strdup_printf("%.*f", digits, value);
}

static char *format_median(const Row *row, TargetId target)
{
    double median = cell_median(&row->cells[target]);

    return format_value(median, median < 100 ? 1 : 0);
}

static char *format_ratio(const Row *row, TargetId other)
{
    return format_value(row_ratio(row, other), 2);
}

static void print_row(const Row *row)
{
    g_autofree char *tmpfs = format_median(row, TARGET_TMPFS);
    g_autofree char *fifofs = format_median(row, TARGET_FIFOFS);
    g_autofree char *passthrough = format_median(row, TARGET_PASSTHROUGH);
    g_autofree char *to_tmpfs = format_ratio(row, TARGET_TMPFS);
    g_autofree char *to_passthrough = format_ratio(row, TARGET_PASSTHROUGH);

    g_print("  %-30s %-6s %10s %10s %12s %9s %12s\n", row->measurement->title,
            row->measurement->unit->text, tmpfs, fifofs, passthrough, to_tmpfs, to_passthrough);
}

static void print_head(const Row *row)
{
    g_print("\n== %s", row->measurement->scope == SCOPE_FRESH ? "a daemon just started"
                                                              : placements[row->placement].title);
    if (row->n_fifos > 0)
        g_print(", %" G_GUINT64_FORMAT " FIFO%s in the directory", row->n_fifos,
                row->n_fifos == 1 ? "" : "s");
    g_print("\n  %-30s %-6s %10s %10s %12s %9s %12s\n", "", "unit", "tmpfs", "fifofs",
            "passthrough", "/ tmpfs", "/ passthr.");
}

static gboolean belongs_to(const Row *row, const Row *previous)
{
    return previous != NULL && previous->placement == row->placement &&
           previous->n_fifos == row->n_fifos &&
           (previous->measurement->scope == SCOPE_FRESH) ==
               (row->measurement->scope == SCOPE_FRESH);
}

void report_table(const Results *results, const Settings *settings)
{
    const Row *previous = NULL;

    g_print("Medians of %u samples. Ratios say how good fifofs is: above 1 it is better.\n",
            settings->rounds);
    for (guint i = 0; i < results->rows->len; i++) {
        const Row *row = g_ptr_array_index(results->rows, i);

        if (!belongs_to(row, previous))
            print_head(row);
        print_row(row);
        previous = row;
    }
}
