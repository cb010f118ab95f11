/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a snapshot is shown by `fifoctl top`, in which order, and what is selected: everything
 * but how it looks.
 */
#pragma once

#include "columns.h"
#include "snapshot.h"

typedef struct {
    const char *heading;
    /* In cells of the terminal; the name gets what remains. */
    int width;
    gboolean align_right;
    /* Where there is no room, those with the greatest number go first; 0 stays. */
    int dispensable;
    /* The text, which may hold any bytes. */
    char *(*text)(const Fifo *fifo, gint64 now);
    /* Negative where @a comes before @b. */
    gint (*compare)(const Fifo *a, const Fifo *b, gint64 now);
} ViewColumn;

extern const ViewColumn view_columns[];
extern const guint n_view_columns;

/* A line: a FIFO, or one of its processes below it. */
typedef struct {
    Fifo *fifo;
    /* NULL for the line of the FIFO itself. */
    Holder *holder;
} ViewRow;

typedef struct View View;

View *view_new(void);
void view_free(View *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(View, view_free)

/* Show this one from now on; takes it over. What was selected stays so, if it is still there. */
void view_take(View *view, Snapshot *snapshot);

/* Array of ViewRow. */
const GArray *view_rows(const View *view);
const Snapshot *view_snapshot(const View *view);
/* Microseconds of the wall clock. */
gint64 view_now(const View *view);

/* Which row is selected; 0 where there is none. */
guint view_selected(const View *view);
const Fifo *view_selected_fifo(const View *view);
/* Move by so many rows, as far as there are any. */
void view_move(View *view, int rows);

guint view_sort_column(const View *view);
gboolean view_is_reversed(const View *view);
/* Sort by the column so many places further, round about. */
void view_sort_next(View *view, int places);
/* Return: FALSE where no column has this heading. */
gboolean view_sort_by(View *view, const char *heading);
void view_reverse(View *view);

/* Show only FIFOs with this text in their path; "" for all. */
void view_filter(View *view, const char *text);
const char *view_filter_text(const View *view);
/* Show only FIFOs on which this user is, or whose owner it is; "" for all. */
void view_filter_user(View *view, const char *name);
const char *view_filter_user_name(const View *view);
void view_toggle_waiting_only(View *view);
gboolean view_is_waiting_only(const View *view);

/* Show processes of all FIFOs, or of the selected one, or no longer. */
void view_toggle_all_processes(View *view);
void view_toggle_processes(View *view);

/* How many FIFOs there are, shown or not, with this state; NULL for all. */
guint view_count(const View *view, const char *state);
guint view_count_full(const View *view);
guint view_count_waiting(const View *view);

typedef struct {
    gboolean known;
    /* Per second, between the last two snapshots. */
    double created, removed, opened;
} ViewRates;

ViewRates view_rates(const View *view);
