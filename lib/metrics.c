/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics.h"

#include <errno.h>

#define N_STATES    (FF_STATE_CACHED + 1)
#define N_LIFETIMES (FF_LIFETIME_KEEP + 1)
#define N_REASONS   (FF_REASON_MAX_AGE + 1)

struct FfMetrics {
    FfRegistry *registry;
    guint64 created_fifos, created_directories;
    guint64 opened, closed, released;
    guint64 removed[N_REASONS];
    guint fifos[N_STATES][N_LIFETIMES];
};

/* The node as it was counted last goes out, and as it is now comes in, if it has a name. */
static void recount(FfMetrics *metrics, FfNode *node)
{
    if (node->tallied)
        metrics->fifos[node->tallied_state][node->tallied_lifetime]--;
    node->tallied = ff_node_is_linked(node);
    if (!node->tallied)
        return;
    node->tallied_state = ff_node_state(node);
    node->tallied_lifetime = ff_node_lifetime(node);
    metrics->fifos[node->tallied_state][node->tallied_lifetime]++;
}

static void count_event(FfMetrics *metrics, const FfChange *change)
{
    switch (change->kind) {
    case FF_CHANGE_CREATED:
        if (ff_node_is_fifo(change->node))
            metrics->created_fifos++;
        else
            metrics->created_directories++;
        break;
    case FF_CHANGE_REMOVED:
        metrics->removed[change->reason]++;
        break;
    case FF_CHANGE_OPENED:
        metrics->opened++;
        break;
    case FF_CHANGE_CLOSED:
        metrics->closed++;
        break;
    case FF_CHANGE_RELEASED:
        metrics->released++;
        break;
    default:
        break;
    }
}

static void on_change(const FfChange *change, gpointer data)
{
    FfMetrics *metrics = data;

    count_event(metrics, change);
    if (ff_node_is_fifo(change->node))
        recount(metrics, change->node);
}

FfMetrics *ff_metrics_new(FfRegistry *registry)
{
    FfMetrics *metrics = g_new0(FfMetrics, 1);

    metrics->registry = registry;
    ff_registry_listen(registry, on_change, metrics);
    return metrics;
}

void ff_metrics_free(FfMetrics *metrics)
{
    g_free(metrics);
}

void ff_metrics_append_head(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_fifos(const FfMetrics *metrics, GString *out)
{
    ff_metrics_append_head(out, "fifofs_fifos", "gauge", "FIFOs that have a name.");
    for (guint state = 0; state < N_STATES; state++)
        for (guint lifetime = 0; lifetime < N_LIFETIMES; lifetime++)
            g_string_append_printf(out, "fifofs_fifos{state=\"%s\",lifetime=\"%s\"} %u\n",
                                   ff_state_name(state), ff_lifetime_name(lifetime),
                                   metrics->fifos[state][lifetime]);
}

static void append_users(const FfQuota *quota, const GArray *uids, FfQuotaKind kind,
                         const char *name, const char *help, GString *out)
{
    ff_metrics_append_head(out, name, "gauge", help);
    for (guint i = 0; i < uids->len; i++) {
        uid_t uid = g_array_index(uids, uid_t, i);
        guint n = ff_quota_used_by(quota, kind, uid);

        if (n > 0)
            g_string_append_printf(out, "%s{uid=\"%u\"} %u\n", name, uid, n);
    }
}

static void append_limit(GString *out, const char *name, guint limit, const char *help)
{
    ff_metrics_append_head(out, name, "gauge", help);
    if (limit == FF_QUOTA_INFINITY)
        g_string_append_printf(out, "%s +Inf\n", name);
    else
        g_string_append_printf(out, "%s %u\n", name, limit);
}

static void append_refused(const FfQuota *quota, GString *out)
{
    ff_metrics_append_head(out, "fifofs_refused_total", "counter",
                           "Names and owners refused, by whose limit was reached.");
    g_string_append_printf(out,
                           "fifofs_refused_total{limit=\"user\"} %" G_GUINT64_FORMAT "\n"
                           "fifofs_refused_total{limit=\"mount\"} %" G_GUINT64_FORMAT "\n",
                           ff_quota_n_refused(quota, -EDQUOT), ff_quota_n_refused(quota, -ENOSPC));
}

static void append_quota(const FfRegistry *registry, GString *out)
{
    const FfQuotaLimits *limits = &ff_registry_options(registry)->limits;
    const FfQuota *quota = ff_registry_quota(registry);
    g_autoptr(GArray) uids = ff_quota_users(quota);

    append_users(quota, uids, FF_QUOTA_PIPES, "fifofs_user_fifos", "FIFOs that count for a user.",
                 out);
    append_users(quota, uids, FF_QUOTA_DIRECTORIES, "fifofs_user_directories",
                 "Directories that count for a user.", out);
    append_limit(out, "fifofs_max_fifos", limits->mount[FF_QUOTA_PIPES],
                 "FIFOs that there may be.");
    append_limit(out, "fifofs_max_directories", limits->mount[FF_QUOTA_DIRECTORIES],
                 "Directories that there may be.");
    append_limit(out, "fifofs_user_max_fifos", limits->user[FF_QUOTA_PIPES],
                 "FIFOs that a user other than root may have.");
    append_limit(out, "fifofs_user_max_directories", limits->user[FF_QUOTA_DIRECTORIES],
                 "Directories that a user other than root may have.");
    append_refused(quota, out);
}

static void append_removed(const FfMetrics *metrics, GString *out)
{
    ff_metrics_append_head(out, "fifofs_removed_total", "counter",
                           "FIFOs and directories removed, by reason.");
    for (guint reason = FF_REASON_NONE + 1; reason < N_REASONS; reason++)
        g_string_append_printf(out, "fifofs_removed_total{reason=\"%s\"} %" G_GUINT64_FORMAT "\n",
                               ff_reason_name(reason), metrics->removed[reason]);
}

static void append_number(GString *out, const char *name, const char *type, guint64 value,
                          const char *help)
{
    ff_metrics_append_head(out, name, type, help);
    g_string_append_printf(out, "%s %" G_GUINT64_FORMAT "\n", name, value);
}

void ff_metrics_append(const FfMetrics *metrics, GString *out)
{
    append_fifos(metrics, out);
    append_quota(metrics->registry, out);
    append_number(out, "fifofs_directories", "gauge", ff_registry_n_directories(metrics->registry),
                  "Directories below the root.");
    append_number(out, "fifofs_created_fifos_total", "counter", metrics->created_fifos,
                  "FIFOs created.");
    append_number(out, "fifofs_created_directories_total", "counter", metrics->created_directories,
                  "Directories created.");
    append_removed(metrics, out);
    append_number(out, "fifofs_open_reports_total", "counter", metrics->opened,
                  "Opens that inotify has reported; equal ones in a row come as one.");
    append_number(out, "fifofs_close_reports_total", "counter", metrics->closed,
                  "Closes that inotify has reported; equal ones in a row come as one.");
    append_number(out, "fifofs_released_total", "counter", metrics->released,
                  "Threads let go that had waited in open() for too long.");
    append_number(out, "fifofs_lost_reports_total", "counter",
                  ff_registry_n_notes_lost(metrics->registry),
                  "Times that inotify has dropped reports.");
    append_number(out, "fifofs_probes_total", "counter", ff_registry_n_probes(metrics->registry),
                  "Times that the kernel was asked whether anybody holds a FIFO.");
}
