/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config.h"

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, text);
}

static void add_number(JsonBuilder *builder, const char *name, gint64 number)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, number);
}

static void add_result(JsonBuilder *builder, const char *name, double value)
{
    json_builder_set_member_name(builder, name);
    if (isnan(value))
        json_builder_add_null_value(builder);
    else
        json_builder_add_double_value(builder, value);
}

static void add_cell(JsonBuilder *builder, const Row *row, TargetId target)
{
    const Cell *cell = &row->cells[target];

    json_builder_set_member_name(builder, target_names[target]);
    json_builder_begin_object(builder);
    add_result(builder, "median", cell_median(cell));
    json_builder_set_member_name(builder, "samples");
    json_builder_begin_array(builder);
    for (guint i = 0; i < cell->samples->len; i++)
        json_builder_add_double_value(builder, g_array_index(cell->samples, double, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
}

static void add_row(JsonBuilder *builder, const Row *row)
{
    const Measurement *measurement = row->measurement;

    json_builder_begin_object(builder);
    add_text(builder, "name", measurement->name);
    add_text(builder, "title", measurement->title);
    add_text(builder, "unit", measurement->unit->text);
    add_text(builder, "better", measurement->unit->is_rate ? "more" : "less");
    add_text(builder, "placement", placements[row->placement].name);
    json_builder_set_member_name(builder, "fifos");
    if (row->n_fifos > 0)
        json_builder_add_int_value(builder, (gint64)row->n_fifos);
    else
        json_builder_add_null_value(builder);
    add_text(builder, "shape", row->shape == SHAPE_TREE ? "tree" : "flat");
    json_builder_set_member_name(builder, "targets");
    json_builder_begin_object(builder);
    for (TargetId target = 0; target < N_TARGETS; target++)
        add_cell(builder, row, target);
    json_builder_end_object(builder);
    json_builder_set_member_name(builder, "ratios");
    json_builder_begin_object(builder);
    for (TargetId other = 0; other < N_TARGETS; other++)
        if (other != TARGET_FIFOFS)
            add_result(builder, target_names[other], row_ratio(row, other));
    json_builder_end_object(builder);
    json_builder_end_object(builder);
}

/* What the numbers are worth nothing without. */
static void add_circumstances(JsonBuilder *builder, const Settings *settings)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *date = g_date_time_format_iso8601(now);
    struct utsname machine;

    uname(&machine);
    add_text(builder, "fifofs", FIFOFS_VERSION);
    add_text(builder, "options", settings->mount_options);
    add_text(builder, "date", date);
    add_text(builder, "kernel", machine.release);
    add_text(builder, "machine", machine.machine);
    add_number(builder, "processors", sysconf(_SC_NPROCESSORS_ONLN));
    add_number(builder, "rounds", settings->rounds);
    add_number(builder, "sample_usec", settings->sample_time);
}

gboolean report_json(const Results *results, const Settings *settings, const char *path,
                     GError **error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = NULL;

    json_builder_begin_object(builder);
    add_circumstances(builder, settings);
    json_builder_set_member_name(builder, "results");
    json_builder_begin_array(builder);
    for (guint i = 0; i < results->rows->len; i++)
        add_row(builder, g_ptr_array_index(results->rows, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, TRUE);
    return json_generator_to_file(generator, path, error);
}
