/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl info: all that is known of a FIFO, or of a directory and what is in it.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "acltext.h"
#include "attributes.h"
#include "autofd.h"
#include "message.h"
#include "options.h"
#include "report.h"
#include "selection.h"

/* --- the attributes of a directory --- */

typedef void (*AttributeVisit)(const char *name, const char *value, gpointer data);

/* Most directories have no ACL, and those need not be told so. */
static void visit_acl(int fd, FfAclType type, AttributeVisit visit, gpointer data)
{
    g_autofree char *text = acltext_read(fd, type);

    if (text != NULL)
        visit(type == FF_ACL_ACCESS ? "acl" : "default-acl", text, data);
}

/* Return: 0 or -errno. */
static int for_each_attribute(const char *path, AttributeVisit visit, gpointer data)
{
    g_auto(FfAutoFd) fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    visit_acl(fd, FF_ACL_ACCESS, visit, data);
    visit_acl(fd, FF_ACL_DEFAULT, visit, data);
    return attributes_each(fd, visit, data);
}

static void print_attribute(const char *name, const char *value, gpointer data)
{
    g_autoptr(GString) label = g_string_new(name);

    label->str[0] = g_ascii_toupper(label->str[0]);
    g_string_replace(label, "acl", "ACL", 1);
    g_string_replace(label, "Acl", "ACL", 1);
    report_detail(label->str, value);
}

static void add_attribute(const char *name, const char *value, gpointer data)
{
    json_object_set_member(data, name, value_json_string(value));
}

/* --- what is in a directory --- */

/* State to how many FIFOs below the directory are in it. */
static GHashTable *count_states(const Target *target, const GPtrArray *fifos)
{
    GHashTable *counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < fifos->len; i++) {
        const Fifo *fifo = g_ptr_array_index(fifos, i);
        const char *state = fifo_state(fifo);
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, state));

        if (target_has(target, fifo))
            g_hash_table_replace(counts, g_strdup(state), GUINT_TO_POINTER(count + 1));
    }
    return counts;
}

static char *states_to_text(GHashTable *counts, guint total)
{
    GString *text = g_string_new(NULL);
    const char *separator = ": ";
    GHashTableIter iter;
    gpointer state, count;

    g_string_append_printf(text, "%u", total);
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &state, &count)) {
        g_string_append_printf(text, "%s%u %s", separator, GPOINTER_TO_UINT(count), (char *)state);
        separator = ", ";
    }
    return g_string_free(text, FALSE);
}

static JsonObject *states_to_json(GHashTable *counts)
{
    JsonObject *object = json_object_new();
    GHashTableIter iter;
    gpointer state, count;

    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &state, &count))
        json_object_set_int_member(object, state, GPOINTER_TO_UINT(count));
    return object;
}

/* --- output --- */

static int print_directory(const Target *target, const GPtrArray *fifos)
{
    g_autoptr(GHashTable) counts = count_states(target, fifos);
    g_autofree char *states = states_to_text(counts, target->n_found);

    report_detail("Directory", target->argument);
    report_detail("Mount", target->mount->point);
    report_detail("FIFOs below", states);
    return for_each_attribute(target->argument, print_attribute, NULL);
}

static int add_directory(const Target *target, const GPtrArray *fifos, JsonArray *array)
{
    g_autoptr(GHashTable) counts = count_states(target, fifos);
    JsonObject *object = json_object_new();

    json_object_set_member(object, "path", value_json_string(target->argument));
    json_object_set_member(object, "mount", value_json_string(target->mount->point));
    json_object_set_int_member(object, "fifos", target->n_found);
    json_object_set_object_member(object, "states", states_to_json(counts));
    json_array_add_object_element(array, object);
    return for_each_attribute(target->argument, add_attribute, object);
}

/* With -J the array to add to, else NULL to print. */
static void show_directory(Selection *selection, const Target *target, JsonArray *array)
{
    int result = array != NULL ? add_directory(target, selection->fifos, array)
                               : print_directory(target, selection->fifos);

    if (result == 0)
        return;
    selection->failed = TRUE;
    message_errno("cannot read the attributes", target->argument, -result);
}

static void print_target(const Report *report, Selection *selection, const Target *target)
{
    if (target->directory != NULL) {
        show_directory(selection, target, NULL);
        return;
    }
    for (guint i = 0; i < selection->fifos->len; i++) {
        const Fifo *fifo = g_ptr_array_index(selection->fifos, i);

        if (target_has(target, fifo))
            report_details(report, fifo);
    }
}

static void print_all(const Report *report, Selection *selection)
{
    for (guint i = 0; i < selection->targets->len; i++) {
        if (i > 0)
            putchar('\n');
        print_target(report, selection, g_ptr_array_index(selection->targets, i));
    }
}

/* The FIFOs that were asked for themselves, not those that are only below a directory that was. */
static GPtrArray *named_fifos(const Selection *selection)
{
    GPtrArray *named = g_ptr_array_new();

    for (guint i = 0; i < selection->fifos->len; i++) {
        Fifo *fifo = g_ptr_array_index(selection->fifos, i);
        gboolean is_named = FALSE;

        for (guint j = 0; j < selection->targets->len; j++) {
            const Target *target = g_ptr_array_index(selection->targets, j);

            is_named |= target->directory == NULL && target_has(target, fifo);
        }
        if (is_named)
            g_ptr_array_add(named, fifo);
    }
    return named;
}

static void print_json(const Report *report, Selection *selection, const ScanResult *scan)
{
    g_autoptr(GPtrArray) named = named_fifos(selection);
    JsonObject *object = report_json(report, named, scan);
    JsonArray *directories = json_array_new();

    for (guint i = 0; i < selection->targets->len; i++) {
        const Target *target = g_ptr_array_index(selection->targets, i);

        if (target->directory != NULL)
            show_directory(selection, target, directories);
    }
    json_object_set_array_member(object, "directories", directories);
    report_print_json(object);
}

/* --- the command --- */

/*
 * A FIFO that can be seen need not be listed: the caller may not list its directory, or it is gone
 * by now.
 */
static void complain_of_missing(Selection *selection)
{
    /* Where a mount could not be listed, that has been said. */
    if (selection->failed)
        return;
    for (guint i = 0; i < selection->targets->len; i++) {
        const Target *target = g_ptr_array_index(selection->targets, i);

        if (target->directory == NULL && target->n_found == 0) {
            message_error("not in the list of its mount", target->argument,
                          "it is gone by now, or you may not list its directory");
            selection->failed = TRUE;
        }
    }
}

static ExitStatus show(Selection *selection, gboolean json)
{
    g_autoptr(GPtrArray) columns = columns_all();
    Report report = {.columns = columns, .with_processes = TRUE};
    ScanResult scan;
    gboolean scanned;

    selection_load(selection);
    complain_of_missing(selection);
    scanned = selection_scan(selection, TRUE, &scan);
    report.now = g_get_real_time();
    if (json) {
        print_json(&report, selection, scanned ? &scan : NULL);
    } else {
        if (scanned)
            report_scan_notes(&scan);
        print_all(&report, selection);
    }
    return selection->failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

ExitStatus command_info(int argc, char **argv)
{
    gboolean json = FALSE;
    g_auto(GStrv) paths = NULL;
    const GOptionEntry entries[] = {
        {"json", 'J', 0, G_OPTION_ARG_NONE, &json, "Write JSON", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL},
        {NULL},
    };
    g_autoptr(Selection) selection = NULL;

    if (!options_parse(argc, argv, entries, "PATH...",
                       "Tell all about FIFOs and directories of a fifofs mount."))
        return EXIT_STATUS_USAGE;
    if (paths == NULL) {
        message_error("nothing to tell about", "info", "name a FIFO or a directory");
        return EXIT_STATUS_USAGE;
    }
    selection = selection_new();
    if (selection == NULL)
        return EXIT_STATUS_FAILED;
    selection_add_paths(selection, paths);
    return show(selection, json);
}
