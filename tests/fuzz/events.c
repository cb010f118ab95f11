/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what a daemon gives for `.fifofs/events`, to fifoctl, which must not trust it. */
#include "fuzz.h"
#include "leaky-parser.h"

#include "tools/follow.c"

static void take_event(const Event *event, gpointer data)
{
    guint *n_events = data;

    g_assert(event->name != NULL && strchr(event->line, '\n') == NULL);
    g_assert(event->time >= 0);
    (*n_events)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Mount mount = {.id = 36, .dev = 31, .root = (char *)"", .point = (char *)"/m"};
    g_autoptr(GString) text = g_string_new_len((const char *)data, (gssize)size);
    g_autoptr(JsonParser) parser = json_parser_new();
    Follower follower = {.mount = &mount, .fd = -1, .text = text, .parser = parser};
    guint n_events = 0, n_lines = 0;
    int result;

    for (size_t i = 0; i < size; i++)
        n_lines += data[i] == '\n';
    result = take_lines(&follower, take_event, &n_events);
    g_assert(result == -EBADMSG || (result == 0 && n_events == n_lines));
    return 0;
}
