/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All samples, in rows of one cell for each target, and what is told from them. */
#pragma once

#include "measurement.h"
#include "placement.h"
#include "target.h"

typedef struct {
    /* double */
    GArray *samples;
    /* -errno of a sample that failed: there are no further ones. */
    int failure;
} Cell;

typedef struct {
    const Measurement *measurement;
    PlacementId placement;
    /* 0 where it does not depend on that. */
    guint64 n_fifos;
    Shape shape;
    Cell cells[N_TARGETS];
} Row;

typedef struct {
    /* Row *, in the order in which they were asked for first. */
    GPtrArray *rows;
} Results;

Results *results_new(void);
void results_free(Results *results);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Results, results_free)

/* The row of this measurement: there is one after the first call. */
Row *results_row(Results *results, const Measurement *measurement, PlacementId placement,
                 guint64 n_fifos, Shape shape);

/* Return: the row like @row of another number of FIFOs in one directory; NULL where there is none. */
const Row *results_find(const Results *results, const Row *row, guint64 n_fifos);

/* Take a sample into account, or that there was none. */
void cell_add(Cell *cell, int r, double value);

/* Return: the median of the samples, NAN where the target cannot do it. */
double cell_median(const Cell *cell);

/* How good fifofs is compared with @other: above 1 it is better. Return: NAN where one of them has no result. */
double row_ratio(const Row *row, TargetId other);
