/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deadline.h"

struct FfDeadlineQueue {
    GPtrArray *heap;
};

static FfDeadline *entry(const FfDeadlineQueue *queue, guint index)
{
    return g_ptr_array_index(queue->heap, index);
}

static void put(FfDeadlineQueue *queue, guint index, FfDeadline *deadline)
{
    g_ptr_array_index(queue->heap, index) = deadline;
    deadline->place = index + 1;
}

static void sift_up(FfDeadlineQueue *queue, guint index)
{
    FfDeadline *deadline = entry(queue, index);

    while (index > 0 && entry(queue, (index - 1) / 2)->at > deadline->at) {
        put(queue, index, entry(queue, (index - 1) / 2));
        index = (index - 1) / 2;
    }
    put(queue, index, deadline);
}

static void sift_down(FfDeadlineQueue *queue, guint index)
{
    FfDeadline *deadline = entry(queue, index);

    for (;;) {
        guint child = 2 * index + 1;

        if (child >= queue->heap->len)
            break;
        if (child + 1 < queue->heap->len && entry(queue, child + 1)->at < entry(queue, child)->at)
            child++;
        if (entry(queue, child)->at >= deadline->at)
            break;
        put(queue, index, entry(queue, child));
        index = child;
    }
    put(queue, index, deadline);
}

static void take_out(FfDeadlineQueue *queue, FfDeadline *deadline)
{
    guint index = deadline->place - 1;
    FfDeadline *last = entry(queue, queue->heap->len - 1);

    g_ptr_array_set_size(queue->heap, (gint)queue->heap->len - 1);
    deadline->place = 0;
    deadline->at = FF_NEVER;
    if (last == deadline)
        return;
    put(queue, index, last);
    sift_up(queue, index);
    sift_down(queue, last->place - 1);
}

FfDeadlineQueue *ff_deadline_queue_new(void)
{
    FfDeadlineQueue *queue = g_new0(FfDeadlineQueue, 1);

    queue->heap = g_ptr_array_new();
    return queue;
}

void ff_deadline_queue_free(FfDeadlineQueue *queue)
{
    if (queue == NULL)
        return;
    g_ptr_array_unref(queue->heap);
    g_free(queue);
}

void ff_deadline_set(FfDeadlineQueue *queue, FfDeadline *deadline, gint64 at)
{
    if (at == FF_NEVER) {
        if (deadline->place != 0)
            take_out(queue, deadline);
        return;
    }
    deadline->at = at;
    if (deadline->place == 0) {
        g_ptr_array_add(queue->heap, deadline);
        deadline->place = queue->heap->len;
    }
    sift_up(queue, deadline->place - 1);
    sift_down(queue, deadline->place - 1);
}

FfDeadline *ff_deadline_first(const FfDeadlineQueue *queue)
{
    return queue->heap->len == 0 ? NULL : entry(queue, 0);
}

gint64 ff_deadline_first_at(const FfDeadlineQueue *queue)
{
    const FfDeadline *first = ff_deadline_first(queue);

    return first == NULL ? FF_NEVER : first->at;
}
