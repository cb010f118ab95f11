/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flow.h"

/* The time over which a rate is taken. */
#define RATE_TIME G_USEC_PER_SEC

GArray *flow_new(const Pipeline *pipeline)
{
    GArray *flows = g_array_new(FALSE, TRUE, sizeof(Flow));

    for (guint i = 0; i < pipeline->lines->len; i++) {
        Flow flow = {.line = pipeline_line(pipeline, i),
                     .queued = FLOW_UNKNOWN,
                     .since = g_get_monotonic_time()};

        g_array_append_val(flows, flow);
    }
    return flows;
}

static gint64 written(const Flow *flow, const Crew *crew)
{
    gint64 sum = 0;

    for (guint i = 0; i < flow->line->writers->len; i++) {
        const Stage *stage = g_ptr_array_index(flow->line->writers, i);
        const Job *job = crew_job(crew, stage->number - 1);

        if (crew_is_unknown(job))
            return FLOW_UNKNOWN;
        sum += (gint64)job->all.written;
    }
    return sum;
}

static gint64 bound(const Flow *flow, const Crew *crew)
{
    const Job *reader = crew_job(crew, flow->line->reader->number - 1);
    gint64 in = written(flow, crew);
    gint64 out = crew_is_unknown(reader) ? FLOW_UNKNOWN : (gint64)reader->all.read;

    if (in == FLOW_UNKNOWN)
        return out;
    return out == FLOW_UNKNOWN ? in : MIN(in, out);
}

static void update_rate(Flow *flow, gint64 now)
{
    gint64 passed = now - flow->since;

    if (passed < RATE_TIME || flow->at_most == FLOW_UNKNOWN)
        return;
    flow->rate = MAX(flow->at_most - flow->base, 0) * G_USEC_PER_SEC / passed;
    flow->base = flow->at_most;
    flow->since = now;
}

void flow_update(GArray *flows, Crew *crew, Meeting *meeting, gint64 now)
{
    for (guint i = 0; i < flows->len; i++) {
        Flow *flow = &g_array_index(flows, Flow, i);

        flow->queued = meeting_queued(meeting, i, crew, &flow->capacity);
    }
    crew_count(crew);
    for (guint i = 0; i < flows->len; i++) {
        Flow *flow = &g_array_index(flows, Flow, i);

        flow->at_most = bound(flow, crew);
        update_rate(flow, now);
    }
}
