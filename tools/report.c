/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define PROCESS_INDENT "    "

typedef struct libscols_table Table;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, scols_unref_table)

/* --- words for processes --- */

typedef struct {
    guint ends;
    const char *word;
} EndWord;

static const EndWord end_words[] = {
    {FIFO_END_READ | FIFO_END_WRITE, "both"},
    {FIFO_END_READ, "read"},
    {FIFO_END_WRITE, "write"},
    {FIFO_END_PATH, "path"},
};

static const char *end_word(guint ends)
{
    for (guint i = 0; i < G_N_ELEMENTS(end_words); i++)
        if ((ends & end_words[i].ends) == end_words[i].ends)
            return end_words[i].word;
    return "-";
}

static const char *user_word(const Holder *holder)
{
    return holder->uid == (uid_t)-1 ? "-" : value_user_name(holder->uid);
}

static const char *command_word(const Holder *holder)
{
    return holder->command == NULL ? "-" : holder->command;
}

char *report_holder_state(const Holder *holder, gint64 now)
{
    g_autofree char *age = NULL;

    if (!holder->stuck)
        return g_strdup(holder->relayed ? "open by relay" : "open");
    if (holder->since == FIFO_UNKNOWN)
        return g_strdup("stuck");
    age = value_age_text(MAX(now - holder->since, 0));
    return g_strdup_printf("stuck for %s%s", holder->since_is_bound ? "at most " : "", age);
}

/* --- tables --- */

/* Return: a new table, or NULL. It escapes whatever could disturb a terminal. */
static Table *table_new(const Report *report, gboolean headings)
{
    Table *table = scols_new_table();

    if (table == NULL)
        return NULL;
    scols_table_enable_raw(table, report->raw);
    scols_table_enable_noheadings(table, !headings);
    return table;
}

/* Return: the lines of the table, or NULL. */
static GStrv table_lines(Table *table)
{
    char *text = NULL;
    GStrv lines;

    if (scols_print_table_to_string(table, &text) < 0)
        return NULL;
    lines = g_strsplit(text == NULL ? "" : text, "\n", -1);
    free(text);
    return lines;
}

static gboolean add_fifo_line(const Report *report, Table *table, const Fifo *fifo)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);

    for (guint i = 0; line != NULL && i < report->columns->len; i++) {
        const Column *column = g_ptr_array_index(report->columns, i);
        g_auto(Value) value = {0};
        g_autofree char *text = NULL;

        column->get(fifo, report->now, &value);
        text = value_to_text(column->format, &value, report->exact);
        if (scols_line_set_data(line, i, text) < 0)
            return FALSE;
    }
    return line != NULL;
}

static GStrv fifo_lines(const Report *report, const GPtrArray *fifos)
{
    g_autoptr(Table) table = table_new(report, !report->no_headings);

    if (table == NULL)
        return NULL;
    for (guint i = 0; i < report->columns->len; i++) {
        const Column *column = g_ptr_array_index(report->columns, i);

        if (scols_table_new_column(table, column->name, 0,
                                   column->format->align_right ? SCOLS_FL_RIGHT : 0) == NULL)
            return NULL;
    }
    for (guint i = 0; i < fifos->len; i++)
        if (!add_fifo_line(report, table, g_ptr_array_index(fifos, i)))
            return NULL;
    return table_lines(table);
}

static gboolean add_process_line(Table *table, const Holder *holder, gint64 now)
{
    g_autofree char *pid = g_strdup_printf("%d", holder->pid);
    g_autofree char *state = report_holder_state(holder, now);
    const char *cells[] = {pid, command_word(holder), user_word(holder), end_word(holder->ends),
                           state};
    struct libscols_line *line = scols_table_new_line(table, NULL);

    for (guint i = 0; line != NULL && i < G_N_ELEMENTS(cells); i++)
        if (scols_line_set_data(line, i, cells[i]) < 0)
            return FALSE;
    return line != NULL;
}

/* The processes of all FIFOs in one table, so that they are aligned; in the order of the FIFOs. */
static GStrv process_lines(const Report *report, Fifo *const *fifos, guint n_fifos)
{
    g_autoptr(Table) table = table_new(report, FALSE);

    if (table == NULL)
        return NULL;
    if (scols_table_new_column(table, "PID", 0, SCOLS_FL_RIGHT) == NULL ||
        scols_table_new_column(table, "COMMAND", 0, 0) == NULL ||
        scols_table_new_column(table, "USER", 0, 0) == NULL ||
        scols_table_new_column(table, "END", 0, 0) == NULL ||
        scols_table_new_column(table, "STATE", 0, 0) == NULL)
        return NULL;
    for (guint i = 0; i < n_fifos; i++)
        for (guint j = 0; j < fifos[i]->holders->len; j++)
            if (!add_process_line(table, g_ptr_array_index(fifos[i]->holders, j), report->now))
                return NULL;
    return table_lines(table);
}

static char **print_indented(char **lines, guint count)
{
    for (; count > 0 && *lines != NULL; count--)
        printf(PROCESS_INDENT "%s\n", *lines++);
    return lines;
}

int report_table(const Report *report, const GPtrArray *fifos)
{
    g_auto(GStrv) lines = NULL;
    g_auto(GStrv) processes = NULL;
    char **line, **process;

    if (fifos->len == 0)
        return 0;
    lines = fifo_lines(report, fifos);
    processes = process_lines(report, (Fifo *const *)fifos->pdata,
                              report->with_processes ? fifos->len : 0);
    if (lines == NULL || processes == NULL)
        return -ENOMEM;
    line = lines;
    process = processes;
    if (!report->no_headings)
        puts(*line++);
    for (guint i = 0; i < fifos->len && *line != NULL; i++) {
        const Fifo *fifo = g_ptr_array_index(fifos, i);

        puts(*line++);
        process = print_indented(process, fifo->holders->len);
    }
    return 0;
}

/* --- details --- */

void report_detail(const char *label, const char *value)
{
    g_autofree char *safe = message_safe(value);

    g_autofree char *key = g_strconcat(label, ":", NULL);

    printf("%-13s %s\n", key, safe);
}

void report_details(const Report *report, const Fifo *fifo)
{
    g_auto(GStrv) processes = process_lines(report, (Fifo *const *)&fifo, 1);

    for (guint i = 0; i < report->columns->len; i++) {
        const Column *column = g_ptr_array_index(report->columns, i);
        g_auto(Value) value = {0};
        g_autofree char *text = NULL;

        column->get(fifo, report->now, &value);
        text = value_to_text(column->format, &value, report->exact);
        report_detail(column->label, text);
    }
    if (fifo->holders->len == 0)
        return;
    puts("Processes:");
    if (processes != NULL)
        print_indented(processes, fifo->holders->len);
}

/* --- JSON --- */

static JsonObject *holder_to_json(const Holder *holder)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "pid", holder->pid);
    json_object_set_int_member(object, "tid", holder->tid);
    json_object_set_member(object, "command", value_json_string(command_word(holder)));
    json_object_set_member(object, "user", value_json_string(user_word(holder)));
    json_object_set_string_member(object, "end", end_word(holder->ends));
    json_object_set_string_member(object, "state", holder->stuck ? "stuck" : "open");
    json_object_set_member(object, "since",
                           holder->since == FIFO_UNKNOWN ? json_node_new(JSON_NODE_NULL)
                                                         : value_json_seconds(holder->since));
    json_object_set_boolean_member(object, "relayed", holder->relayed);
    if (holder->stuck)
        json_object_set_boolean_member(object, "since_is_bound", holder->since_is_bound);
    return object;
}

static JsonArray *holders_to_json(const GPtrArray *holders)
{
    JsonArray *array = json_array_sized_new(holders->len);

    for (guint i = 0; i < holders->len; i++)
        json_array_add_object_element(array, holder_to_json(g_ptr_array_index(holders, i)));
    return array;
}

/*
 * The raw bytes of a name that JSON cannot hold, as in the daemon's own list: from the root of the
 * file system.
 */
static void add_raw_path(JsonObject *object, const char *path)
{
    g_autofree char *encoded = NULL;

    if (g_utf8_validate(path, -1, NULL))
        return;
    encoded = g_base64_encode((const guchar *)path, strlen(path));
    json_object_set_string_member(object, "path_b64", encoded);
}

static JsonObject *fifo_to_json(const Report *report, const Fifo *fifo)
{
    JsonObject *object = json_object_new();

    for (guint i = 0; i < report->columns->len; i++) {
        const Column *column = g_ptr_array_index(report->columns, i);
        g_autofree char *key = g_ascii_strdown(column->name, -1);
        g_auto(Value) value = {0};

        column->get(fifo, report->now, &value);
        json_object_set_member(object, key, value_to_json(column->format, &value));
    }
    add_raw_path(object, fifo->path);
    if (report->with_processes)
        json_object_set_array_member(object, "processes", holders_to_json(fifo->holders));
    return object;
}

static JsonObject *scan_to_json(const ScanResult *scan)
{
    JsonObject *object = json_object_new();

    if (scan == NULL)
        return object;
    json_object_set_int_member(object, "unknown_processes", scan->unknown_processes);
    json_object_set_int_member(object, "unresolved_waiters", scan->unresolved_waiters);
    json_object_set_boolean_member(object, "processes_hidden", scan->processes_hidden);
    return object;
}

JsonObject *report_json(const Report *report, const GPtrArray *fifos, const ScanResult *scan)
{
    JsonObject *object = scan_to_json(scan);
    JsonArray *array = json_array_sized_new(fifos->len);

    for (guint i = 0; i < fifos->len; i++)
        json_array_add_object_element(array, fifo_to_json(report, g_ptr_array_index(fifos, i)));
    json_object_set_array_member(object, "fifofs", array);
    return object;
}

/* Takes the node. Return: it on one line. */
static char *to_line(JsonNode *node)
{
    char *text = json_to_string(node, FALSE);

    json_node_unref(node);
    return text;
}

static void stream_fifo(const Report *report, const Fifo *fifo, gboolean first)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *text = NULL;

    json_node_take_object(node, fifo_to_json(report, fifo));
    text = to_line(node);
    printf("%s\n    %s", first ? "" : ",", text);
}

void report_stream_json(const Report *report, const GPtrArray *fifos, const ScanResult *scan)
{
    JsonObject *rest = scan_to_json(scan);
    g_autoptr(GList) names = json_object_get_members(rest);

    fputs("{\n  \"fifofs\" : [", stdout);
    for (guint i = 0; i < fifos->len; i++)
        stream_fifo(report, g_ptr_array_index(fifos, i), i == 0);
    fputs(fifos->len > 0 ? "\n  ]" : "]", stdout);
    for (const GList *name = names; name != NULL; name = name->next) {
        g_autofree char *value = to_line(json_object_dup_member(rest, name->data));

        printf(",\n  \"%s\" : %s", (const char *)name->data, value);
    }
    puts("\n}");
    json_object_unref(rest);
}

void report_print_json(JsonObject *object)
{
    g_autoptr(JsonNode) root = json_node_init_object(json_node_alloc(), object);
    g_autofree char *text = json_to_string(root, TRUE);

    json_object_unref(object);
    puts(text);
}

void report_scan_notes(const ScanResult *scan)
{
    if (scan->unknown_processes > 0)
        message_note(
            "unknown processes: %u: they may not be looked into, and may be readers or writers too",
            scan->unknown_processes);
    if (scan->unresolved_waiters > 0)
        message_note(
            "unresolved waiters: %u: they wait in open() for a FIFO that cannot be told from here",
            scan->unresolved_waiters);
    if (scan->processes_hidden)
        message_note("unknown processes: /proc hides those of other users, which may be readers or "
                     "writers too");
}
