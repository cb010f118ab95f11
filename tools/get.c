/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl get: the attributes of FIFOs, or of what will be created in directories.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attributes.h"
#include "message.h"
#include "options.h"
#include "report.h"
#include "tree.h"
#include "value.h"

typedef struct {
    gboolean recursive, json;
    /* Only this one, or NULL. */
    char *name;
    char **paths;
    /* With --json. */
    JsonArray *array;
} Getting;

/* Text being put together for one file, or an object. */
typedef struct {
    const char *name;
    GString *text;
    JsonObject *object;
} Line;

static void add(const char *name, const char *value, gpointer data)
{
    Line *line = data;

    if (line->name != NULL && strcmp(line->name, name) != 0)
        return;
    if (line->object != NULL)
        json_object_set_member(line->object, name, value_json_string(value));
    else if (line->name != NULL)
        g_string_append_printf(line->text, " %s", value);
    else
        g_string_append_printf(line->text, " %s=%s", name, value);
}

static int get_json(Getting *getting, int fd, const char *path)
{
    Line line = {.name = getting->name, .object = json_object_new()};

    json_object_set_member(line.object, "path", value_json_string(path));
    json_array_add_object_element(getting->array, line.object);
    return attributes_each(fd, add, &line);
}

static int get_text(const Getting *getting, int fd, const char *path)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Line line = {.name = getting->name, .text = text};
    int result = attributes_each(fd, add, &line);
    gboolean is_alone = getting->paths[1] == NULL && !getting->recursive;
    g_autofree char *safe = message_safe(path);

    if (result < 0)
        return result;
    if (text->len == 0)
        return -ENODATA;
    if (is_alone && getting->name != NULL)
        puts(text->str + 1);
    else
        printf("%s:%s\n", safe, text->str);
    return 0;
}

static int get_one(int fd, const char *path, gpointer data)
{
    Getting *getting = data;

    return getting->json ? get_json(getting, fd, path) : get_text(getting, fd, path);
}

static ExitStatus get_all(Getting *getting)
{
    ExitStatus status;
    JsonObject *object;

    if (getting->json)
        getting->array = json_array_new();
    status = tree_visit(getting->paths, getting->recursive, "cannot read the attributes", get_one,
                        getting);
    if (!getting->json)
        return status;
    object = json_object_new();
    json_object_set_array_member(object, "attributes", getting->array);
    report_print_json(object);
    return status;
}

ExitStatus command_get(int argc, char **argv)
{
    Getting getting = {0};
    const GOptionEntry entries[] = {
        {"recursive", 'R', 0, G_OPTION_ARG_NONE, &getting.recursive, "Also all that is below",
         NULL},
        {"attribute", 'a', 0, G_OPTION_ARG_STRING, &getting.name, "Only this one", "NAME"},
        {"json", 'J', 0, G_OPTION_ARG_NONE, &getting.json, "Write JSON", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &getting.paths, NULL, NULL},
        {NULL},
    };
    ExitStatus status = EXIT_STATUS_USAGE;

    if (options_parse(argc, argv, entries, "PATH...",
                      "Show the attributes of FIFOs and directories of a fifofs mount.")) {
        if (getting.paths == NULL)
            message_error("nothing to look at", "get", "name a FIFO or a directory");
        else if (getting.name == NULL || attribute_is_known(getting.name))
            status = get_all(&getting);
    }
    g_free(getting.name);
    g_strfreev(getting.paths);
    return status;
}
