/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-summary.h"

#include <string.h>

#include "value.h"

static JsonNode *words_node(char *const *words)
{
    JsonArray *array = json_array_new();
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    for (; *words != NULL; words++)
        json_array_add_element(array, value_json_string(*words));
    json_node_take_array(node, array);
    return node;
}

static JsonNode *number_node(gint64 number, gboolean known)
{
    return known ? json_node_init_int(json_node_alloc(), number) : json_node_new(JSON_NODE_NULL);
}

static JsonNode *signal_node(int number)
{
    const char *name = number == 0 ? NULL : sigabbrev_np(number);
    g_autofree char *text = name == NULL ? g_strdup_printf("%d", number)
                                         : g_strconcat("SIG", name, NULL);

    return number == 0 ? json_node_new(JSON_NODE_NULL) : value_json_string(text);
}

static JsonObject *stage_object(const Job *job)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "stage", job->stage->number);
    json_object_set_member(object, "command", words_node(job->stage->command));
    json_object_set_member(object, "in", words_node(job->stage->ins));
    json_object_set_member(object, "out", words_node(job->stage->outs));
    json_object_set_member(object, "status", number_node(job->status, job->ended));
    json_object_set_member(object, "signal", signal_node(job->signal));
    json_object_set_boolean_member(object, "told_to_end", job->told);
    json_object_set_member(object, "read_bytes",
                           number_node((gint64)job->all.read, !crew_is_unknown(job)));
    json_object_set_member(object, "written_bytes",
                           number_node((gint64)job->all.written, !crew_is_unknown(job)));
    return object;
}

static JsonObject *flow_object(const Flow *flow)
{
    JsonObject *object = json_object_new();
    JsonArray *writers = json_array_new();

    json_object_set_member(object, "name", value_json_string(flow->line->name));
    for (guint i = 0; i < flow->line->writers->len; i++)
        json_array_add_int_element(
            writers, ((const Stage *)g_ptr_array_index(flow->line->writers, i))->number);
    json_object_set_array_member(object, "writers", writers);
    json_object_set_int_member(object, "reader", flow->line->reader->number);
    json_object_set_member(object, "bytes_at_most",
                           number_node(flow->at_most, flow->at_most != FLOW_UNKNOWN));
    return object;
}

static JsonNode *summary_node(const Crew *crew, const GArray *flows, int status, gint64 elapsed)
{
    JsonObject *object = json_object_new();
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonArray *stages = json_array_new(), *pipes = json_array_new();

    for (guint i = 0; i < crew->jobs->len; i++)
        json_array_add_object_element(stages, stage_object(crew_job(crew, i)));
    for (guint i = 0; i < flows->len; i++)
        json_array_add_object_element(pipes, flow_object(&g_array_index(flows, Flow, i)));
    json_object_set_int_member(object, "status", status);
    json_object_set_member(object, "seconds", value_json_seconds(elapsed));
    json_object_set_array_member(object, "stages", stages);
    json_object_set_array_member(object, "pipes", pipes);
    json_node_take_object(node, object);
    return node;
}

gboolean run_summary_write(FILE *file, const Crew *crew, const GArray *flows, int status,
                           gint64 elapsed)
{
    g_autoptr(JsonNode) node = summary_node(crew, flows, status, elapsed);
    g_autofree char *text = json_to_string(node, TRUE);

    return fprintf(file, "%s\n", text) >= 0 && fflush(file) != EOF;
}
