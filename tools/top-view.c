/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "top-view.h"

#include <string.h>

#include "value.h"

struct View {
    Snapshot *snapshot;
    gint64 now;
    ViewRates rates;
    GArray *rows;
    guint selected;
    guint sort;
    gboolean reversed;
    char *filter, *user;
    gboolean waiting_only, all_processes;
    /* FileKey of FIFOs whose processes are shown. */
    GHashTable *expanded;
};

/* --- columns --- */

static char *shown(const ValueFormat *format, gint64 number)
{
    Value value = {.known = number != FIFO_UNKNOWN, .number = number};

    return value_to_text(format, &value, FALSE);
}

static gint compare_numbers(gint64 a, gint64 b)
{
    return (a > b) - (a < b);
}

/* What is not known comes last. */
static gint compare_known(gint64 a, gint64 b)
{
    if ((a == FIFO_UNKNOWN) != (b == FIFO_UNKNOWN))
        return a == FIFO_UNKNOWN ? 1 : -1;
    return compare_numbers(a, b);
}

static char *path_of(const Fifo *fifo)
{
    char *path = mount_outside(fifo->mount, fifo->path);

    return path == NULL ? g_strdup(fifo->path) : path;
}

static char *name_text(const Fifo *fifo, gint64 now)
{
    return path_of(fifo);
}

static gint compare_names(const Fifo *a, const Fifo *b, gint64 now)
{
    gint result = strcmp(a->mount->point, b->mount->point);

    return result != 0 ? result : strcmp(a->path, b->path);
}

static char *owner_text(const Fifo *fifo, gint64 now)
{
    return g_strdup(value_user_name(fifo->uid));
}

static gint compare_owners(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_numbers(a->uid, b->uid);
}

static char *state_text(const Fifo *fifo, gint64 now)
{
    return g_strdup(fifo_state(fifo));
}

/* What needs somebody's attention comes first. */
static int state_rank(const Fifo *fifo)
{
    static const char *const states[] = {"stuck", "open", "held", "in-use", "cached", "idle", NULL};
    const char *state = fifo_state(fifo);
    int rank = 0;

    while (states[rank] != NULL && strcmp(states[rank], state) != 0)
        rank++;
    return rank;
}

static gint compare_states(const Fifo *a, const Fifo *b, gint64 now)
{
    return state_rank(a) - state_rank(b);
}

static char *readers_text(const Fifo *fifo, gint64 now)
{
    return g_strdup_printf("%u", fifo_count(fifo, FIFO_END_READ, FALSE));
}

static gint compare_readers(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_numbers(fifo_count(b, FIFO_END_READ, FALSE),
                           fifo_count(a, FIFO_END_READ, FALSE));
}

static char *writers_text(const Fifo *fifo, gint64 now)
{
    return g_strdup_printf("%u", fifo_count(fifo, FIFO_END_WRITE, FALSE));
}

static gint compare_writers(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_numbers(fifo_count(b, FIFO_END_WRITE, FALSE),
                           fifo_count(a, FIFO_END_WRITE, FALSE));
}

static guint n_waiting(const Fifo *fifo)
{
    return fifo_count(fifo, FIFO_END_READ | FIFO_END_WRITE, TRUE);
}

static char *waiting_text(const Fifo *fifo, gint64 now)
{
    return g_strdup_printf("%u", n_waiting(fifo));
}

static gint compare_waiting(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_numbers(n_waiting(b), n_waiting(a));
}

static char *queued_text(const Fifo *fifo, gint64 now)
{
    return shown(&value_format_size, fifo->queued_bytes);
}

static gint compare_queued(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_numbers(b->queued_bytes, a->queued_bytes);
}

static gint64 fill_of(const Fifo *fifo)
{
    if (fifo->queued_bytes == FIFO_UNKNOWN || fifo->capacity_bytes <= 0)
        return FIFO_UNKNOWN;
    return fifo->queued_bytes * 100 / fifo->capacity_bytes;
}

static char *fill_text(const Fifo *fifo, gint64 now)
{
    gint64 fill = fill_of(fifo);

    return fill == FIFO_UNKNOWN ? g_strdup("-") : g_strdup_printf("%d%%", (int)fill);
}

static gint compare_fill(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_numbers(fill_of(b), fill_of(a));
}

/* Microseconds since its last use, of one that is not in use. */
static gint64 idle_of(const Fifo *fifo, gint64 now)
{
    if (fifo->last_used == FIFO_UNKNOWN || strcmp(fifo_state(fifo), "idle") != 0)
        return FIFO_UNKNOWN;
    return MAX(now - fifo->last_used, 0);
}

static char *idle_text(const Fifo *fifo, gint64 now)
{
    return shown(&value_format_age, idle_of(fifo, now));
}

static gint compare_idle(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_known(idle_of(a, now), idle_of(b, now));
}

static char *lifetime_text(const Fifo *fifo, gint64 now)
{
    return g_strdup(fifo->lifetime);
}

static gint compare_lifetimes(const Fifo *a, const Fifo *b, gint64 now)
{
    return strcmp(a->lifetime, b->lifetime);
}

static char *expires_text(const Fifo *fifo, gint64 now)
{
    gint64 at = fifo_expires(fifo);

    return shown(&value_format_age, at == FIFO_UNKNOWN ? at : MAX(at - now, 0));
}

static gint compare_expiry(const Fifo *a, const Fifo *b, gint64 now)
{
    return compare_known(fifo_expires(a), fifo_expires(b));
}

#define NAME_COLUMN  0
#define STATE_COLUMN 2

const ViewColumn view_columns[] = {
    [NAME_COLUMN] = {"NAME", 0, FALSE, 0, name_text, compare_names},
    {"OWNER", 8, FALSE, 3, owner_text, compare_owners},
    [STATE_COLUMN] = {"STATE", 6, FALSE, 0, state_text, compare_states},
    {"R", 3, TRUE, 2, readers_text, compare_readers},
    {"W", 3, TRUE, 2, writers_text, compare_writers},
    {"WAIT", 4, TRUE, 1, waiting_text, compare_waiting},
    {"QUEUED", 6, TRUE, 4, queued_text, compare_queued},
    {"FILL", 4, TRUE, 5, fill_text, compare_fill},
    {"IDLE", 5, TRUE, 6, idle_text, compare_idle},
    {"LIFE", 7, FALSE, 7, lifetime_text, compare_lifetimes},
    {"EXPIRES", 7, TRUE, 6, expires_text, compare_expiry},
};
const guint n_view_columns = G_N_ELEMENTS(view_columns);

/* --- which rows, in which order --- */

typedef struct {
    dev_t dev;
    guint64 id;
} FileKey;

static guint key_hash(gconstpointer data)
{
    const FileKey *key = data;

    return g_int64_hash(&key->id) ^ (guint)key->dev;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const FileKey *x = a, *y = b;

    return x->dev == y->dev && x->id == y->id;
}

static FileKey key_of(const Fifo *fifo)
{
    return (FileKey){fifo->mount->dev, fifo->id};
}

static gboolean is_of_user(const View *view, const Fifo *fifo)
{
    if (strcmp(value_user_name(fifo->uid), view->user) == 0)
        return TRUE;
    for (guint i = 0; fifo->holders != NULL && i < fifo->holders->len; i++) {
        const Holder *holder = g_ptr_array_index(fifo->holders, i);

        if (strcmp(value_user_name(holder->uid), view->user) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean is_shown(const View *view, const Fifo *fifo)
{
    g_autofree char *path = path_of(fifo);

    return (*view->filter == '\0' || strstr(path, view->filter) != NULL) &&
           (*view->user == '\0' || is_of_user(view, fifo)) &&
           (!view->waiting_only || n_waiting(fifo) > 0);
}

static gint compare_fifos(gconstpointer a, gconstpointer b, gpointer data)
{
    const View *view = data;
    const Fifo *x = *(Fifo *const *)a, *y = *(Fifo *const *)b;
    gint result = view_columns[view->sort].compare(x, y, view->now);

    if (result != 0)
        return view->reversed ? -result : result;
    return compare_names(x, y, view->now);
}

static gboolean has_processes_shown(const View *view, const Fifo *fifo)
{
    FileKey key = key_of(fifo);

    return view->all_processes || g_hash_table_contains(view->expanded, &key);
}

static void add_rows(View *view, Fifo *fifo)
{
    ViewRow row = {fifo, NULL};

    g_array_append_val(view->rows, row);
    if (fifo->holders == NULL || !has_processes_shown(view, fifo))
        return;
    for (guint i = 0; i < fifo->holders->len; i++) {
        row.holder = g_ptr_array_index(fifo->holders, i);
        g_array_append_val(view->rows, row);
    }
}

/* What is selected: the FIFO, and which of its rows. */
typedef struct {
    FileKey key;
    pid_t tid;
    guint row;
} Selected;

static Selected remember_selected(const View *view)
{
    Selected selected = {.row = view->selected};
    const ViewRow *row;

    if (view->selected >= view->rows->len)
        return selected;
    row = &g_array_index(view->rows, ViewRow, view->selected);
    selected.key = key_of(row->fifo);
    selected.tid = row->holder == NULL ? 0 : row->holder->tid + row->holder->pid;
    return selected;
}

static void select_again(View *view, const Selected *selected)
{
    guint found = G_MAXUINT;

    for (guint i = 0; i < view->rows->len; i++) {
        const ViewRow *row = &g_array_index(view->rows, ViewRow, i);
        FileKey key = key_of(row->fifo);
        pid_t tid = row->holder == NULL ? 0 : row->holder->tid + row->holder->pid;

        if (!key_equal(&key, &selected->key))
            continue;
        if (found == G_MAXUINT || tid == selected->tid)
            found = i;
        if (tid == selected->tid)
            break;
    }
    view->selected = found != G_MAXUINT ? found : selected->row;
    if (view->selected >= view->rows->len)
        view->selected = view->rows->len == 0 ? 0 : view->rows->len - 1;
}

static void build_rows(View *view)
{
    g_autoptr(GPtrArray) fifos = g_ptr_array_new();
    const Selection *selection = view->snapshot == NULL ? NULL : view->snapshot->selection;

    for (guint i = 0; selection != NULL && i < selection->fifos->len; i++)
        if (is_shown(view, g_ptr_array_index(selection->fifos, i)))
            g_ptr_array_add(fifos, g_ptr_array_index(selection->fifos, i));
    g_ptr_array_sort_with_data(fifos, compare_fifos, view);
    g_array_set_size(view->rows, 0);
    for (guint i = 0; i < fifos->len; i++)
        add_rows(view, g_ptr_array_index(fifos, i));
}

static void arrange(View *view)
{
    Selected selected = remember_selected(view);

    build_rows(view);
    select_again(view, &selected);
}

/* --- */

View *view_new(void)
{
    View *view = g_new0(View, 1);

    view->rows = g_array_new(FALSE, FALSE, sizeof(ViewRow));
    view->expanded = g_hash_table_new_full(key_hash, key_equal, g_free, NULL);
    view->filter = g_strdup("");
    view->user = g_strdup("");
    view->sort = STATE_COLUMN;
    return view;
}

void view_free(View *view)
{
    if (view == NULL)
        return;
    snapshot_free(view->snapshot);
    g_array_unref(view->rows);
    g_hash_table_unref(view->expanded);
    g_free(view->filter);
    g_free(view->user);
    g_free(view);
}

static double rate(guint64 before, guint64 now, gint64 usec)
{
    return now < before ? 0 : (double)(now - before) * G_USEC_PER_SEC / (double)usec;
}

void view_take(View *view, Snapshot *snapshot)
{
    const Snapshot *before = view->snapshot;
    Selected selected = remember_selected(view);

    view->rates = (ViewRates){0};
    if (before != NULL && snapshot->n_mounts > 0 && before->counted == snapshot->counted &&
        snapshot->taken > before->taken) {
        gint64 usec = snapshot->taken - before->taken;

        view->rates = (ViewRates){TRUE, rate(before->created, snapshot->created, usec),
                                  rate(before->removed, snapshot->removed, usec),
                                  rate(before->opened, snapshot->opened, usec)};
    }
    g_array_set_size(view->rows, 0);
    snapshot_free(view->snapshot);
    view->snapshot = snapshot;
    view->now = g_get_real_time();
    build_rows(view);
    select_again(view, &selected);
}

const GArray *view_rows(const View *view)
{
    return view->rows;
}

const Snapshot *view_snapshot(const View *view)
{
    return view->snapshot;
}

gint64 view_now(const View *view)
{
    return view->now;
}

guint view_selected(const View *view)
{
    return view->selected;
}

const Fifo *view_selected_fifo(const View *view)
{
    if (view->selected >= view->rows->len)
        return NULL;
    return g_array_index(view->rows, ViewRow, view->selected).fifo;
}

void view_move(View *view, int rows)
{
    gint64 last = (gint64)view->rows->len - 1;

    view->selected = (guint)CLAMP((gint64)view->selected + rows, 0, MAX(last, 0));
}

guint view_sort_column(const View *view)
{
    return view->sort;
}

gboolean view_is_reversed(const View *view)
{
    return view->reversed;
}

void view_sort_next(View *view, int places)
{
    int n = (int)n_view_columns;

    view->sort = (guint)((((int)view->sort + places) % n + n) % n);
    view->reversed = FALSE;
    arrange(view);
}

gboolean view_sort_by(View *view, const char *heading)
{
    for (guint i = 0; i < n_view_columns; i++) {
        if (g_ascii_strcasecmp(view_columns[i].heading, heading) == 0) {
            view->sort = i;
            arrange(view);
            return TRUE;
        }
    }
    return FALSE;
}

void view_reverse(View *view)
{
    view->reversed = !view->reversed;
    arrange(view);
}

void view_filter(View *view, const char *text)
{
    g_free(view->filter);
    view->filter = g_strdup(text);
    arrange(view);
}

const char *view_filter_text(const View *view)
{
    return view->filter;
}

void view_filter_user(View *view, const char *name)
{
    g_free(view->user);
    view->user = g_strdup(name);
    arrange(view);
}

const char *view_filter_user_name(const View *view)
{
    return view->user;
}

void view_toggle_waiting_only(View *view)
{
    view->waiting_only = !view->waiting_only;
    arrange(view);
}

gboolean view_is_waiting_only(const View *view)
{
    return view->waiting_only;
}

void view_toggle_all_processes(View *view)
{
    view->all_processes = !view->all_processes;
    g_hash_table_remove_all(view->expanded);
    arrange(view);
}

void view_toggle_processes(View *view)
{
    const Fifo *fifo = view_selected_fifo(view);
    FileKey key;

    if (fifo == NULL)
        return;
    key = key_of(fifo);
    if (!g_hash_table_remove(view->expanded, &key))
        g_hash_table_add(view->expanded, g_memdup2(&key, sizeof key));
    arrange(view);
}

static guint count_if(const View *view, gboolean (*is)(const Fifo *fifo, const char *text),
                      const char *text)
{
    const Selection *selection = view->snapshot == NULL ? NULL : view->snapshot->selection;
    guint n = 0;

    for (guint i = 0; selection != NULL && i < selection->fifos->len; i++)
        n += is(g_ptr_array_index(selection->fifos, i), text) ? 1 : 0;
    return n;
}

static gboolean has_state(const Fifo *fifo, const char *state)
{
    return state == NULL || strcmp(fifo_state(fifo), state) == 0;
}

guint view_count(const View *view, const char *state)
{
    return count_if(view, has_state, state);
}

static gboolean is_full(const Fifo *fifo, const char *text)
{
    return fifo_is_full(fifo);
}

guint view_count_full(const View *view)
{
    return count_if(view, is_full, NULL);
}

guint view_count_waiting(const View *view)
{
    const Selection *selection = view->snapshot == NULL ? NULL : view->snapshot->selection;
    guint n = 0;

    for (guint i = 0; selection != NULL && i < selection->fifos->len; i++)
        n += n_waiting(g_ptr_array_index(selection->fifos, i));
    return n;
}

ViewRates view_rates(const View *view)
{
    return view->rates;
}
