/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

#include "message.h"
#include "report.h"
#include "value.h"

typedef struct {
    Picture *picture;
    const ScanResult *scan;
    gint64 now;
    /* pid -> the PictureNode of the process. */
    GHashTable *processes;
    guint n_fifos, n_stuck;
} Drawing;

static void node_free(gpointer data)
{
    PictureNode *node = data;

    g_free(node->id);
    g_free(node->lines[0]);
    g_free(node->lines[1]);
    g_free(node);
}

static void edge_free(gpointer data)
{
    PictureEdge *edge = data;

    g_free(edge->label);
    g_free(edge);
}

Picture *picture_new_empty(void)
{
    Picture *picture = g_new0(Picture, 1);

    picture->nodes = g_ptr_array_new_with_free_func(node_free);
    picture->edges = g_ptr_array_new_with_free_func(edge_free);
    return picture;
}

PictureNode *picture_add_node(Picture *picture, gboolean is_process, char *id, char *first,
                              char *second)
{
    PictureNode *node = g_new0(PictureNode, 1);

    *node = (PictureNode){.id = id, .is_process = is_process, .lines = {first, second}};
    g_ptr_array_add(picture->nodes, node);
    return node;
}

static char *process_line(const Holder *holder)
{
    return g_strdup_printf("%d %s", holder->pid, value_user_name(holder->uid));
}

static PictureNode *process_node(Drawing *drawing, const Holder *holder)
{
    PictureNode *node = g_hash_table_lookup(drawing->processes, GINT_TO_POINTER(holder->pid));

    if (node != NULL)
        return node;
    node = picture_add_node(drawing->picture, TRUE, g_strdup_printf("p%d", holder->pid),
                            message_safe(holder->command), process_line(holder));
    g_hash_table_insert(drawing->processes, GINT_TO_POINTER(holder->pid), node);
    return node;
}

static char *size_text(gint64 bytes)
{
    return value_to_text(&value_format_size, &(Value){.known = TRUE, .number = bytes}, FALSE);
}

/* How much waits in it, as far as that is known. */
static char *fill_line(const Fifo *fifo)
{
    g_autofree char *queued = NULL, *capacity = NULL;

    if (fifo->queued_bytes == FIFO_UNKNOWN || fifo->capacity_bytes <= 0)
        return g_strdup(fifo_state(fifo));
    queued = size_text(fifo->queued_bytes);
    capacity = size_text(fifo->capacity_bytes);
    return g_strdup_printf("%s%s of %s", fifo_is_full(fifo) ? "full: " : "", queued, capacity);
}

static Look look_of(const Fifo *fifo)
{
    if (fifo_is_full(fifo))
        return LOOK_FULL;
    return g_str_equal(fifo_state(fifo), "stuck") ? LOOK_STUCK : LOOK_PLAIN;
}

static PictureNode *fifo_node(Drawing *drawing, const Fifo *fifo)
{
    g_autofree char *path = mount_outside(fifo->mount, fifo->path);
    PictureNode *node = picture_add_node(
        drawing->picture, FALSE, g_strdup_printf("f%u", drawing->n_fifos++),
        message_safe(path == NULL ? fifo->path : path), fill_line(fifo));

    node->look = look_of(fifo);
    return node;
}

void picture_add_edge(Picture *picture, const PictureNode *from, const PictureNode *to, char *label,
                      Look look)
{
    PictureEdge *edge = g_new0(PictureEdge, 1);

    *edge = (PictureEdge){from->id, to->id, label, look};
    g_ptr_array_add(picture->edges, edge);
}

static void draw_holder(Drawing *drawing, const PictureNode *fifo, const Holder *holder)
{
    PictureNode *process = process_node(drawing, holder);
    char *label = holder->stuck ? report_holder_state(holder, drawing->now) : NULL;

    if (holder->stuck) {
        process->look = LOOK_STUCK;
        drawing->n_stuck++;
    }
    if ((holder->ends & FIFO_END_WRITE) != 0)
        picture_add_edge(drawing->picture, process, fifo, g_strdup(label),
                         holder->stuck ? LOOK_STUCK : LOOK_PLAIN);
    if ((holder->ends & FIFO_END_READ) != 0)
        picture_add_edge(drawing->picture, fifo, process, g_strdup(label),
                         holder->stuck ? LOOK_STUCK : LOOK_PLAIN);
    if (holder->ends == FIFO_END_PATH)
        picture_add_edge(drawing->picture, process, fifo, g_strdup("O_PATH"), LOOK_FAINT);
    g_free(label);
}

static gint compare_holders(gconstpointer a, gconstpointer b)
{
    const Holder *x = *(const Holder *const *)a, *y = *(const Holder *const *)b;

    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

static void draw_fifo(Drawing *drawing, const Fifo *fifo)
{
    const PictureNode *node = fifo_node(drawing, fifo);

    if (fifo->holders == NULL)
        return;
    g_ptr_array_sort(fifo->holders, compare_holders);
    for (guint i = 0; i < fifo->holders->len; i++)
        draw_holder(drawing, node, g_ptr_array_index(fifo->holders, i));
}

static char *title_of(const Drawing *drawing)
{
    GString *title = g_string_new(NULL);

    g_string_append_printf(title, "FIFOs: %u, processes: %u, waiting in open(): %u",
                           drawing->n_fifos, g_hash_table_size(drawing->processes),
                           drawing->n_stuck);
    if (drawing->scan->unknown_processes > 0)
        g_string_append_printf(title, "; processes that may not be looked into: %u",
                               drawing->scan->unknown_processes);
    if (drawing->scan->unresolved_waiters > 0)
        g_string_append_printf(title, "; waiting for a FIFO that cannot be told: %u",
                               drawing->scan->unresolved_waiters);
    if (drawing->scan->processes_hidden)
        g_string_append(title, "; processes of others are hidden");
    return g_string_free(title, FALSE);
}

Picture *picture_new(const Selection *selection, const ScanResult *scan, gboolean with_unused,
                     gint64 now)
{
    g_autoptr(GHashTable) processes = g_hash_table_new(NULL, NULL);
    Picture *picture = picture_new_empty();
    Drawing drawing = {.picture = picture, .scan = scan, .now = now, .processes = processes};

    for (guint i = 0; i < selection->fifos->len; i++) {
        const Fifo *fifo = g_ptr_array_index(selection->fifos, i);

        if (with_unused || fifo_is_held(fifo))
            draw_fifo(&drawing, fifo);
    }
    picture->title = title_of(&drawing);
    return picture;
}

void picture_free(Picture *picture)
{
    if (picture == NULL)
        return;
    g_ptr_array_unref(picture->nodes);
    g_ptr_array_unref(picture->edges);
    g_free(picture->title);
    g_free(picture);
}
