/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "top-lines.h"

#include <string.h>

#include "message.h"
#include "report.h"
#include "value.h"

#define NARROWEST_NAME 16
#define ELLIPSIS       "…"

/* --- cells --- */

static int cells_of_char(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

static int cells_of(const char *text)
{
    int cells = 0;

    for (; *text != '\0'; text = g_utf8_next_char(text))
        cells += cells_of_char(g_utf8_get_char(text));
    return cells;
}

/* Where @text begins when no more than so many cells of its end are wanted. */
static const char *tail_of(const char *text, int width)
{
    int cells = cells_of(text);

    for (; cells > width; text = g_utf8_next_char(text))
        cells -= cells_of_char(g_utf8_get_char(text));
    return text;
}

/* How many bytes of @text have no more than so many cells. */
static gsize head_of(const char *text, int width)
{
    const char *end = text;

    for (; *end != '\0'; end = g_utf8_next_char(end)) {
        width -= cells_of_char(g_utf8_get_char(end));
        if (width < 0)
            break;
    }
    return (gsize)(end - text);
}

static char *cut(const char *text, int width, gboolean tail)
{
    if (cells_of(text) <= width)
        return g_strdup(text);
    if (width < 1)
        return g_strdup("");
    if (tail)
        return g_strconcat(ELLIPSIS, tail_of(text, width - 1), NULL);
    return g_strdup_printf("%.*s" ELLIPSIS, (int)head_of(text, width - 1), text);
}

char *lines_fit(const char *text, int width, gboolean align_right, gboolean tail)
{
    g_autofree char *fitting = cut(text, width, tail);
    g_autofree char *blanks = g_strnfill((gsize)MAX(width - cells_of(fitting), 0), ' ');

    return align_right ? g_strconcat(blanks, fitting, NULL) : g_strconcat(fitting, blanks, NULL);
}

/* --- the table --- */

/* As wide as the longest name that is shown. */
static int widest_name(const View *view)
{
    const GArray *rows = view_rows(view);
    int width = NARROWEST_NAME;

    for (guint i = 0; i < rows->len; i++) {
        const ViewRow *row = &g_array_index(rows, ViewRow, i);
        g_autofree char *name = view_columns[0].text(row->fifo, 0);
        g_autofree char *safe = message_safe(name);

        width = MAX(width, cells_of(safe));
    }
    return width;
}

static int width_of_others(guint32 columns)
{
    int width = 0;

    for (guint i = 1; i < n_view_columns; i++)
        if ((columns & (1u << i)) != 0)
            width += 1 + view_columns[i].width;
    return width;
}

/* The column that can be done without most easily; 0 for none. */
static guint most_dispensable(guint32 columns)
{
    guint found = 0;

    for (guint i = 1; i < n_view_columns; i++)
        if ((columns & (1u << i)) != 0 &&
            view_columns[i].dispensable > view_columns[found].dispensable)
            found = i;
    return found;
}

Layout lines_layout(const View *view, int width)
{
    Layout layout = {.columns = (1u << n_view_columns) - 1};
    guint dispensable;

    if (width == 0) {
        layout.name_width = widest_name(view);
        return layout;
    }
    while (width - width_of_others(layout.columns) < NARROWEST_NAME &&
           (dispensable = most_dispensable(layout.columns)) != 0)
        layout.columns &= ~(1u << dispensable);
    layout.name_width = MAX(width - width_of_others(layout.columns), 1);
    return layout;
}

static void append_cell(GString *line, const Layout *layout, guint column, const char *text)
{
    const ViewColumn *one = &view_columns[column];
    g_autofree char *cell = lines_fit(text, column == 0 ? layout->name_width : one->width,
                                      one->align_right, column == 0);

    if (column > 0)
        g_string_append_c(line, ' ');
    g_string_append(line, cell);
}

char *lines_headings(const Layout *layout)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < n_view_columns; i++)
        if ((layout->columns & (1u << i)) != 0)
            append_cell(line, layout, i, view_columns[i].heading);
    return g_string_free(line, FALSE);
}

static char *fifo_row(const View *view, const Layout *layout, const Fifo *fifo)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < n_view_columns; i++) {
        g_autofree char *text = NULL, *safe = NULL;

        if ((layout->columns & (1u << i)) == 0)
            continue;
        text = view_columns[i].text(fifo, view_now(view));
        safe = message_safe(text);
        append_cell(line, layout, i, safe);
    }
    return g_string_free(line, FALSE);
}

static const char *end_word(guint ends)
{
    switch (ends & (FIFO_END_READ | FIFO_END_WRITE)) {
    case FIFO_END_READ:
        return "read";
    case FIFO_END_WRITE:
        return "write";
    case FIFO_END_READ | FIFO_END_WRITE:
        return "both";
    default:
        return "path";
    }
}

static char *holder_row(const View *view, const Holder *holder)
{
    g_autofree char *command = message_safe(holder->command == NULL ? "-" : holder->command);
    g_autofree char *state = report_holder_state(holder, view_now(view));

    return g_strdup_printf("  %7d %s %s %s %s", holder->pid, command, value_user_name(holder->uid),
                           end_word(holder->ends), state);
}

char *lines_row(const View *view, const Layout *layout, guint row)
{
    const ViewRow *one = &g_array_index(view_rows(view), ViewRow, row);

    return one->holder == NULL ? fifo_row(view, layout, one->fifo) : holder_row(view, one->holder);
}

/* --- the head --- */

static char *summary_line(const View *view)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *clock = g_date_time_format(now, "%H:%M:%S");
    const Snapshot *snapshot = view_snapshot(view);

    if (snapshot == NULL)
        return g_strdup_printf("fifoctl top - %s, looking ...", clock);
    return g_strdup_printf("fifoctl top - %s, mounts: %u, FIFOs: %u, by %s%s", clock,
                           snapshot->n_mounts, view_count(view, NULL),
                           view_columns[view_sort_column(view)].heading,
                           view_is_reversed(view) ? " (reversed)" : "");
}

static char *states_line(const View *view)
{
    static const char *const states[] = {"stuck",  "open", "held", "in-use",
                                         "cached", "idle", "new"};
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        guint n = view_count(view, states[i]);

        /* The first two are always of interest. */
        if (n > 0 || i < 2)
            g_string_append_printf(line, "%s %u, ", states[i], n);
    }
    g_string_append_printf(line, "full %u, waiting in open() %u", view_count_full(view),
                           view_count_waiting(view));
    return g_string_free(line, FALSE);
}

static void append_filters(GString *line, const View *view)
{
    g_autofree char *filter = message_safe(view_filter_text(view));
    g_autofree char *user = message_safe(view_filter_user_name(view));

    if (*filter != '\0')
        g_string_append_printf(line, ", only '%s'", filter);
    if (*user != '\0')
        g_string_append_printf(line, ", only of %s", user);
    if (view_is_waiting_only(view))
        g_string_append(line, ", only those waited for");
}

static char *rates_line(const View *view)
{
    GString *line = g_string_new(NULL);
    ViewRates rates = view_rates(view);
    const Snapshot *snapshot = view_snapshot(view);

    if (rates.known)
        g_string_append_printf(line, "per second: created %.1f, removed %.1f, opened %.1f",
                               rates.created, rates.removed, rates.opened);
    else
        g_string_append(line, "per second: -");
    if (snapshot != NULL && snapshot->scan.unknown_processes > 0)
        g_string_append_printf(line, ", unknown processes %u", snapshot->scan.unknown_processes);
    append_filters(line, view);
    return g_string_free(line, FALSE);
}

char *lines_head(const View *view, guint line)
{
    switch (line) {
    case 0:
        return summary_line(view);
    case 1:
        return states_line(view);
    default:
        return rates_line(view);
    }
}
