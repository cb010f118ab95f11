/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <math.h>

#define TITLE_WIDTH 34

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

    g_print("  %-*s %-6s %10s %10s %12s %9s %12s\n", TITLE_WIDTH, row->measurement->title,
            row->measurement->unit->text, tmpfs, fifofs, passthrough, to_tmpfs, to_passthrough);
}

static void print_columns(const char *fourth, const char *fifth)
{
    g_print("\n  %-*s %-6s %10s %10s %12s %9s %12s\n", TITLE_WIDTH, "", "unit", "tmpfs", "fifofs",
            "passthrough", fourth, fifth);
}

static void print_head(const Row *row)
{
    static const char *const lie[] = {
        [SHAPE_FLAT] = "in the directory",
        [SHAPE_TREE] = "in a tree, " G_STRINGIFY(LEAF_SIZE) " in a directory",
    };

    if (row->measurement->scope >= SCOPE_SITE)
        g_print("\n== the whole mount");
    else
        g_print("\n== %s", placements[row->placement].title);
    if (row->n_fifos > 0)
        g_print(", %" G_GUINT64_FORMAT " FIFO%s %s", row->n_fifos, row->n_fifos == 1 ? "" : "s",
                lie[row->shape]);
    print_columns("/ tmpfs", "/ passthr.");
}

static gboolean belongs_to(const Row *row, const Row *previous)
{
    return previous != NULL && previous->placement == row->placement &&
           previous->n_fifos == row->n_fifos && previous->shape == row->shape &&
           (previous->measurement->scope >= SCOPE_SITE) == (row->measurement->scope >= SCOPE_SITE);
}

static void print_rows(const Results *results)
{
    const Row *previous = NULL;

    for (guint i = 0; i < results->rows->len; i++) {
        const Row *row = g_ptr_array_index(results->rows, i);

        if (!belongs_to(row, previous))
            print_head(row);
        print_row(row);
        previous = row;
    }
}

/* How many times as slow it is with many FIFOs as with few. */
static char *format_growth(const Row *many, const Row *few, TargetId target)
{
    return format_value(cell_median(&many->cells[target]) / cell_median(&few->cells[target]), 2);
}

static void print_growth_row(const Results *results, const Row *row)
{
    const Row *few = results_find(results, row, LEAF_SIZE);
    g_autofree char *title = NULL, *tmpfs = NULL, *fifofs = NULL;

    if (row->measurement->scope != SCOPE_COUNT || row->n_fifos <= LEAF_SIZE || few == NULL)
        return;
    title = g_strdup_printf("%s, %s", row->measurement->title, placements[row->placement].name);
    tmpfs = format_growth(row, few, TARGET_TMPFS);
    fifofs = format_growth(row, few, TARGET_FIFOFS);
    g_print("  %-*s %10" G_GUINT64_FORMAT " %-5s %10s %10s\n", TITLE_WIDTH + 8, title, row->n_fifos,
            row->shape == SHAPE_TREE ? "tree" : "flat", tmpfs, fifofs);
}

static void print_growth(const Results *results)
{
    g_print("\n== time with many FIFOs, where it is 1 with " G_STRINGIFY(
                LEAF_SIZE) "\n"
                           "  %-*s %10s %-5s %10s %10s\n",
            TITLE_WIDTH + 8, "", "FIFOs", "", "tmpfs", "fifofs");
    for (guint i = 0; i < results->rows->len; i++)
        print_growth_row(results, g_ptr_array_index(results->rows, i));
}

static gboolean has_many(const Settings *settings)
{
    for (guint i = 0; i < settings->counts->len; i++)
        if (g_array_index(settings->counts, guint64, i) > LEAF_SIZE)
            return TRUE;
    return FALSE;
}

void report_table(const Results *results, const Settings *settings)
{
    g_print("Medians of %u samples. Ratios say how good fifofs is: above 1 it is better.\n",
            settings->rounds);
    print_rows(results);
    if (has_many(settings))
        print_growth(results);
}
