/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "results.h"

#include <math.h>

static void row_free(gpointer data)
{
    Row *row = data;

    for (guint i = 0; i < N_TARGETS; i++)
        g_array_unref(row->cells[i].samples);
    g_free(row);
}

Results *results_new(void)
{
    Results *results = g_new(Results, 1);

    results->rows = g_ptr_array_new_with_free_func(row_free);
    return results;
}

void results_free(Results *results)
{
    g_ptr_array_unref(results->rows);
    g_free(results);
}

static Row *find(const Results *results, const Measurement *measurement, PlacementId placement,
                 guint64 n_fifos, Shape shape)
{
    for (guint i = 0; i < results->rows->len; i++) {
        Row *row = g_ptr_array_index(results->rows, i);

        if (row->measurement == measurement && row->placement == placement &&
            row->n_fifos == n_fifos && row->shape == shape)
            return row;
    }
    return NULL;
}

const Row *results_find(const Results *results, const Row *row, guint64 n_fifos)
{
    return find(results, row->measurement, row->placement, n_fifos, SHAPE_FLAT);
}

Row *results_row(Results *results, const Measurement *measurement, PlacementId placement,
                 guint64 n_fifos, Shape shape)
{
    Row *row;

    if (measurement->scope == SCOPE_PLACEMENT) {
        n_fifos = 0;
        shape = SHAPE_FLAT;
    }
    row = find(results, measurement, placement, n_fifos, shape);
    if (row != NULL)
        return row;
    row = g_new0(Row, 1);
    row->measurement = measurement;
    row->placement = placement;
    row->n_fifos = n_fifos;
    row->shape = shape;
    for (guint i = 0; i < N_TARGETS; i++)
        row->cells[i].samples = g_array_new(FALSE, FALSE, sizeof(double));
    g_ptr_array_add(results->rows, row);
    return row;
}

void cell_add(Cell *cell, int r, double value)
{
    if (r < 0)
        cell->failure = r;
    else
        g_array_append_val(cell->samples, value);
}

static int compare_samples(gconstpointer a, gconstpointer b)
{
    const double *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

double cell_median(const Cell *cell)
{
    guint n = cell->samples->len;
    g_autoptr(GArray) sorted = NULL;

    if (cell->failure < 0 || n == 0)
        return NAN;
    sorted = g_array_copy(cell->samples);
    g_array_sort(sorted, compare_samples);
    return (g_array_index(sorted, double, (n - 1) / 2) + g_array_index(sorted, double, n / 2)) / 2;
}

double row_ratio(const Row *row, TargetId other)
{
    double ours = cell_median(&row->cells[TARGET_FIFOFS]);
    double theirs = cell_median(&row->cells[other]);

    if (ours <= 0 || theirs <= 0)
        return NAN;
    return row->measurement->unit->is_rate ? ours / theirs : theirs / ours;
}
