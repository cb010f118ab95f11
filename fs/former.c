/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "former.h"

#include <string.h>

/* On a busy machine the process that renames may have to wait for its turn. */
#define REMEMBERED (1 * G_TIME_SPAN_SECOND)

/* A process that does nothing but rename makes some ten thousand a second. */
#define MOST_NAMES 1024

typedef struct {
    guint64 directory, node;
    char *name;
    gint64 until;
} FormerName;

struct FfFormerNames {
    /* Latest first. */
    GQueue queue;
};

static void former_name_free(gpointer data)
{
    g_free(((FormerName *)data)->name);
    g_free(data);
}

FfFormerNames *ff_former_names_new(void)
{
    FfFormerNames *names = g_new(FfFormerNames, 1);

    g_queue_init(&names->queue);
    return names;
}

void ff_former_names_free(FfFormerNames *names)
{
    if (names == NULL)
        return;
    g_queue_clear_full(&names->queue, former_name_free);
    g_free(names);
}

static void drop_old(FfFormerNames *names, gint64 now)
{
    const FormerName *oldest;

    while ((oldest = g_queue_peek_tail(&names->queue)) != NULL &&
           (now - oldest->until > REMEMBERED || g_queue_get_length(&names->queue) > MOST_NAMES))
        former_name_free(g_queue_pop_tail(&names->queue));
}

void ff_former_names_note(FfFormerNames *names, guint64 directory, const char *name, guint64 node,
                          gint64 now)
{
    FormerName *former = g_new(FormerName, 1);

    *former = (FormerName){directory, node, g_strdup(name), now};
    g_queue_push_head(&names->queue, former);
    drop_old(names, now);
}

guint64 ff_former_names_find(FfFormerNames *names, guint64 directory, const char *name, gint64 now)
{
    drop_old(names, now);
    for (const GList *link = names->queue.head; link != NULL; link = link->next) {
        const FormerName *former = link->data;

        if (former->directory == directory && strcmp(former->name, name) == 0)
            return former->node;
    }
    return 0;
}
