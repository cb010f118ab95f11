/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as names: a path of directories, with a FIFO at its end. The last name is the command
 * name of its creator too.
 *
 * What `pipes` and `events` tell of it is one line each, UTF-8, and JSON; fifoctl reads from it the
 * very bytes of the path.
 */
#include "fuzz.h"

#include <string.h>

#include "events.h"
#include "pipes-json.h"
#include "tools/pipes.c"

#define MOST_NAMES 6

typedef struct {
    FfRegistry *registry;
    FfEventsReader *reader;
    JsonParser *parser;
} World;

static void ignore_wake(gpointer data)
{
}

static GPtrArray *names_of(const uint8_t *data, size_t size)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) parts = g_strsplit(text, "/", MOST_NAMES);

    for (char **part = parts; *part != NULL; part++) {
        char *slash = strchr(*part, '/');
        gsize length = slash == NULL ? strlen(*part) : (gsize)(slash - *part);

        if (length > 0)
            g_ptr_array_add(names, g_strndup(*part, MIN(length, FF_NAME_MAX)));
    }
    return names;
}

/* The path in the line, in text and, only where that does not tell all, in base64. */
static void check_path(JsonObject *object, const char *member, const char *path)
{
    g_autofree char *encoded_member = g_strconcat(member, "_b64", NULL);
    g_autofree char *decoded = json_path_dup(object, member);

    g_assert_cmpstr(decoded, ==, path);
    g_assert(g_utf8_validate(path, -1, NULL) != json_object_has_member(object, encoded_member));
    if (g_utf8_validate(path, -1, NULL))
        g_assert_cmpstr(json_object_get_string_member(object, member), ==, path);
}

/* One line, and JSON. Return: its object, good until the next. */
static JsonObject *check_line(const World *world, const char *text, gsize length)
{
    g_assert(length > 0 && memchr(text, '\n', length) == text + length - 1);
    g_assert(g_utf8_validate(text, (gssize)length, NULL));
    /* json-glib lets raw control characters pass, which other readers do not. */
    for (gsize i = 0; i + 1 < length; i++)
        g_assert((guchar)text[i] >= 0x20 && text[i] != 0x7f);
    g_assert(json_parser_load_from_data(world->parser, text, (gssize)length, NULL));
    return json_node_get_object(json_parser_get_root(world->parser));
}

static void check_listed(const World *world, const FfNode *node, const char *path)
{
    g_autoptr(FfPipesReader) reader = ff_pipes_reader_new(&(FfCaller){0}, TRUE);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(Fifo) fifo = NULL;
    JsonObject *object;

    ff_pipes_reader_fill(reader, world->registry, out, G_MAXSIZE);
    object = check_line(world, out->str, out->len);
    check_path(object, "path", path);
    fifo = fifo_from_line(world->parser, out->str, out->len);
    g_assert_cmpstr(fifo->path, ==, path);
    g_assert(fifo->id == node->id && fifo->mode == (node->mode & FF_MODE_BITS));
    g_assert(fifo->linger == ff_policy_linger(node->policy));
    g_assert(fifo->creator_pid == 7);
}

/* The one event that has happened since. */
static void check_event(const World *world, const char *name, const char *path,
                        const char *old_path)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonObject *object;

    ff_events_reader_fill(world->reader, out, G_MAXSIZE);
    object = check_line(world, out->str, out->len);
    g_assert_cmpstr(json_object_get_string_member(object, "event"), ==, name);
    check_path(object, "path", path);
    if (old_path != NULL)
        check_path(object, "old_path", old_path);
}

static void live_and_go(const World *world, FfNode *node, const char *path)
{
    const FfCaller root = {0};
    FfNode *directory = node->parent;
    g_autofree char *name = g_strdup(ff_node_name(node)), *renamed = g_strdup("\xff renamed");
    g_autofree char *parent = ff_node_path(directory);
    g_autofree char *new_path = *parent == '\0' ? g_strdup(renamed)
                                                : g_strconcat(parent, "/", renamed, NULL);
    FfPlace from = {directory, name}, to = {directory, renamed};
    gboolean moves = !g_str_equal(name, renamed);

    check_event(world, "created", path, NULL);
    check_listed(world, node, path);
    g_assert(ff_registry_rename(world->registry, from, to, 0, &root) == 0);
    if (moves)
        check_event(world, "renamed", new_path, path);
    g_assert(ff_registry_unlink(world->registry, directory, renamed, &root) == 0);
    check_event(world, "removed", new_path, NULL);
}

static FfNode *make(const World *world, FfNode *directory, const char *name, mode_t mode,
                    const char *command)
{
    g_autoptr(FfProcess) creator = ff_process_new(7, 0, command, 7, NULL);
    FfNewNode wanted = {.mode = mode, .creator = creator};
    FfNode *node;

    g_assert(ff_registry_create(world->registry, directory, name, &wanted, &node) == 0);
    return node;
}

/* Make all of it; what happens until the FIFO is there is not read. */
static void walk_through(World *world, FfEvents *events, const GPtrArray *names)
{
    FfNode *directory = ff_registry_root(world->registry), *node;
    const char *last = names->pdata[names->len - 1];
    g_autofree char *path = NULL;

    for (guint i = 0; i + 1 < names->len; i++)
        directory = make(world, directory, names->pdata[i], S_IFDIR | 0700, "");
    world->reader = ff_events_reader_new(events, &(FfCaller){0}, TRUE);
    node = make(world, directory, last, S_IFIFO | 0640, last);
    path = ff_node_path(node);
    live_and_go(world, node, path);
    ff_events_reader_free(world->reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const FfRegistryOptions options = {
        .modes = {.fifo_ceiling = 07777, .dir_ceiling = 0777},
        .policy = ff_policy_default,
    };
    g_autoptr(GPtrArray) names = names_of(data, size);
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &fuzz_clock);
    g_autoptr(FfEvents) events = ff_events_new(registry, ignore_wake, NULL);
    g_autoptr(JsonParser) parser = json_parser_new();
    World world = {.registry = registry, .parser = parser};

    if (names->len > 0)
        walk_through(&world, events, names);
    return 0;
}
