/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include <string.h>

#include "duration.h"
#include "json.h"

/* What is kept for the slowest reader: this many events, and this many bytes of text. */
#define MOST_EVENTS ((guint64)1 << 16)
#define MOST_BYTES  ((gsize)32 << 20)

/* What of a place is told. */
typedef enum {
    TELL_NEW = 1 << 0,
    TELL_OLD = 1 << 1,
} Places;

typedef struct {
    /* What decides who may see it: ids, 0 for none. The former is that of a rename from elsewhere. */
    guint64 directory, old_directory;
    uid_t owner;
    gboolean for_all;
    char *line;
    /* For who may see but one of the two. */
    char *line_of_new, *line_of_old;
} Event;

struct FfEvents {
    FfRegistry *registry;
    void (*wake)(gpointer data);
    gpointer data;
    guint n_readers;
    guint64 n_missed;
    FfLogfile *log;

    /* The number of the first event that this process could tell; what was before went with another. */
    guint64 begun;
    /* A ring: the event with number n, from first to next - 1, is at n % MOST_EVENTS. */
    Event *ring;
    guint64 first, next;
    gsize bytes;
};

struct FfEventsReader {
    FfEvents *events;
    FfCaller caller;
    gboolean sees_all;
    guint64 next;
};

static Event *event_at(const FfEvents *events, guint64 number)
{
    return &events->ring[number % MOST_EVENTS];
}

static gsize event_bytes(const Event *event)
{
    gsize bytes = strlen(event->line);

    if (event->old_directory != 0)
        bytes += strlen(event->line_of_new) + strlen(event->line_of_old);
    return bytes;
}

static void drop_first(FfEvents *events)
{
    Event *event = event_at(events, events->first);

    events->bytes -= event_bytes(event);
    g_clear_pointer(&event->line, g_free);
    g_clear_pointer(&event->line_of_new, g_free);
    g_clear_pointer(&event->line_of_old, g_free);
    events->first++;
}

static void drop_all(FfEvents *events)
{
    while (events->first < events->next)
        drop_first(events);
    g_clear_pointer(&events->ring, g_free);
}

/* The name of the event that a change is, or NULL for a change that is none. */
static const char *event_name(const FfChange *change)
{
    switch (change->kind) {
    case FF_CHANGE_CREATOR_ENDED:
    case FF_CHANGE_REFERENCE:
        return NULL;
    default:
        return ff_change_name(change->kind);
    }
}

static void append_path(GString *line, const char *key, const FfNode *directory, const char *name)
{
    g_autofree char *prefix = ff_node_path(directory);
    g_autofree char *path = prefix == NULL || *prefix == '\0'
                                ? g_strdup(name)
                                : g_strconcat(prefix, "/", name, NULL);

    g_string_append_c(line, ',');
    ff_json_append_path(line, key, path);
}

static void append_place(GString *line, const FfChange *change, Places places)
{
    const FfNode *node = change->node;

    if (change->kind == FF_CHANGE_REMOVED)
        append_path(line, "path", change->old_parent, change->old_name);
    else if (ff_node_is_linked(node) && node->parent != NULL && (places & TELL_NEW) != 0)
        append_path(line, "path", node->parent, ff_node_name(node));
    if (change->kind == FF_CHANGE_RENAMED && (places & TELL_OLD) != 0)
        append_path(line, "old_path", change->old_parent, change->old_name);
}

static void append_actor(GString *line, const FfActor *actor)
{
    if (actor->pid == 0)
        g_string_append(line, ",\"pid\":null,\"uid\":null");
    else
        g_string_append_printf(line, ",\"pid\":%d,\"uid\":%u", actor->pid, actor->uid);
}

static GString *begin_line(FfEvents *events, const char *name)
{
    struct timespec now = ff_registry_realtime(events->registry);
    GString *line = g_string_new("{\"time\":");

    ff_json_append_seconds(line, now.tv_sec * FF_SECOND + now.tv_nsec / 1000);
    g_string_append_printf(line, ",\"event\":\"%s\"", name);
    return line;
}

static char *describe(FfEvents *events, const FfChange *change, const char *name, Places places)
{
    GString *line = begin_line(events, name);

    g_string_append_printf(line, ",\"type\":\"%s\",\"id\":%" G_GUINT64_FORMAT,
                           ff_node_is_fifo(change->node) ? "fifo" : "directory", change->node->id);
    append_place(line, change, places);
    if (change->kind == FF_CHANGE_REMOVED)
        g_string_append_printf(line, ",\"reason\":\"%s\"", ff_reason_name(change->reason));
    append_actor(line, &change->actor);
    g_string_append(line, "}\n");
    return g_string_free(line, FALSE);
}

static Event *next_event(FfEvents *events)
{
    if (events->next - events->first == MOST_EVENTS)
        drop_first(events);
    if (events->log != NULL)
        ff_logfile_set_number(events->log, FF_LOGFILE_N_EVENTS, events->next + 1);
    return event_at(events, events->next++);
}

static void append_event(FfEvents *events, const FfChange *change, const char *name)
{
    const FfNode *directory = change->kind == FF_CHANGE_REMOVED ? change->old_parent
                                                                : change->node->parent;
    Event *event = next_event(events);

    *event = (Event){
        .directory = directory == NULL ? 0 : directory->id,
        .owner = change->node->uid,
        .line = describe(events, change, name, TELL_NEW | TELL_OLD),
    };
    if (change->kind == FF_CHANGE_RENAMED && change->old_parent != directory) {
        event->old_directory = change->old_parent->id;
        event->line_of_new = describe(events, change, name, TELL_NEW);
        event->line_of_old = describe(events, change, name, TELL_OLD);
    }
    events->bytes += event_bytes(event);
    while (events->bytes > MOST_BYTES)
        drop_first(events);
}

static void on_change(const FfChange *change, gpointer data)
{
    FfEvents *events = data;
    const char *name = events->n_readers == 0 ? NULL : event_name(change);

    if (name == NULL)
        return;
    append_event(events, change, name);
    events->wake(events->data);
}

FfEvents *ff_events_new(FfRegistry *registry, void (*wake)(gpointer data), gpointer data)
{
    FfEvents *events = g_new0(FfEvents, 1);

    events->registry = registry;
    events->wake = wake;
    events->data = data;
    ff_registry_listen(registry, on_change, events);
    return events;
}

void ff_events_free(FfEvents *events)
{
    if (events == NULL)
        return;
    drop_all(events);
    g_free(events);
}

guint64 ff_events_n_missed(const FfEvents *events)
{
    return events->n_missed;
}

void ff_events_set_log(FfEvents *events, FfLogfile *log)
{
    events->log = log;
    events->begun = events->first = events->next = ff_logfile_number(log, FF_LOGFILE_N_EVENTS);
}

void ff_events_tell_takeover(FfEvents *events)
{
    GString *line;

    if (events->n_readers == 0)
        return;
    line = begin_line(events, "takeover");
    g_string_append(line, "}\n");
    *next_event(events) = (Event){.for_all = TRUE, .line = g_string_free(line, FALSE)};
    events->wake(events->data);
}

guint64 ff_events_reader_next(const FfEventsReader *reader)
{
    return reader->next;
}

FfEventsReader *ff_events_reader_new_at(FfEvents *events, const FfCaller *caller, gboolean sees_all,
                                        guint64 next)
{
    FfEventsReader *reader = ff_events_reader_new(events, caller, sees_all);

    reader->next = MIN(next, events->next);
    return reader;
}

FfEventsReader *ff_events_reader_new(FfEvents *events, const FfCaller *caller, gboolean sees_all)
{
    FfEventsReader *reader = g_new0(FfEventsReader, 1);

    if (events->n_readers++ == 0)
        events->ring = g_new0(Event, MOST_EVENTS);
    reader->events = events;
    reader->caller = ff_caller_copy(caller);
    reader->sees_all = sees_all;
    reader->next = events->next;
    return reader;
}

void ff_events_reader_free(FfEventsReader *reader)
{
    if (--reader->events->n_readers == 0)
        drop_all(reader->events);
    ff_caller_clear(&reader->caller);
    g_free(reader);
}

static gboolean may_see(const FfEventsReader *reader, guint64 id)
{
    const FfNode *directory = ff_registry_find(reader->events->registry, id);

    return directory != NULL &&
           ff_access_may_reach(&reader->caller, ff_registry_acls(reader->events->registry),
                               directory);
}

/* What the reader may see of it: a line, or NULL. */
static const char *line_for(const FfEventsReader *reader, const Event *event)
{
    if (reader->sees_all || event->for_all || event->owner == reader->caller.uid)
        return event->line;
    if (event->old_directory == 0)
        return may_see(reader, event->directory) ? event->line : NULL;
    if (!may_see(reader, event->old_directory))
        return may_see(reader, event->directory) ? event->line_of_new : NULL;
    return may_see(reader, event->directory) ? event->line : event->line_of_old;
}

/* Up to that one. Nothing where that is not before it. */
static void tell_missed(FfEventsReader *reader, guint64 next, const char *reason, GString *out)
{
    FfEvents *events = reader->events;
    guint64 missed = next - reader->next;

    if (reader->next >= next)
        return;
    g_string_append_printf(
        out, "{\"event\":\"missed\",\"count\":%" G_GUINT64_FORMAT ",\"reason\":\"%s\"}\n", missed,
        reason);
    events->n_missed += missed;
    reader->next = next;
}

void ff_events_reader_fill(FfEventsReader *reader, GString *out, gsize enough)
{
    const FfEvents *events = reader->events;

    tell_missed(reader, events->begun, "takeover", out);
    tell_missed(reader, events->first, "slow", out);
    for (; reader->next < events->next && out->len < enough; reader->next++) {
        const char *line = line_for(reader, event_at(events, reader->next));

        if (line != NULL)
            g_string_append(out, line);
    }
}
