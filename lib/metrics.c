/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics.h"

#define N_STATES    (FF_STATE_CACHED + 1)
#define N_LIFETIMES (FF_LIFETIME_KEEP + 1)
#define N_REASONS   (FF_REASON_MAX_AGE + 1)

struct FfMetrics {
    FfRegistry *registry;
    guint64 created_fifos, created_directories;
    guint64 opened, closed, released;
    guint64 removed[N_REASONS];
    guint fifos[N_STATES][N_LIFETIMES];
    /* uid -> count, while it is not 0. */
    GHashTable *users;
};

static void count_user(FfMetrics *metrics, uid_t uid, int by)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(metrics->users, GUINT_TO_POINTER(uid)));

    n += (guint)by;
    if (n == 0)
        g_hash_table_remove(metrics->users, GUINT_TO_POINTER(uid));
    else
        g_hash_table_insert(metrics->users, GUINT_TO_POINTER(uid), GUINT_TO_POINTER(n));
}

/* The node as it was counted last goes out, and as it is now comes in, if it has a name. */
static void recount(FfMetrics *metrics, FfNode *node)
{
    if (node->tallied) {
        metrics->fifos[node->tallied_state][node->tallied_lifetime]--;
        count_user(metrics, node->tallied_uid, -1);
    }
    node->tallied = ff_node_is_linked(node);
    if (!node->tallied)
        return;
    node->tallied_state = ff_node_state(node);
    node->tallied_lifetime = ff_node_lifetime(node);
    node->tallied_uid = node->uid;
    metrics->fifos[node->tallied_state][node->tallied_lifetime]++;
    count_user(metrics, node->tallied_uid, 1);
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
    metrics->users = g_hash_table_new(NULL, NULL);
    ff_registry_listen(registry, on_change, metrics);
    return metrics;
}

void ff_metrics_free(FfMetrics *metrics)
{
    if (metrics == NULL)
        return;
    g_hash_table_unref(metrics->users);
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

static void append_users(const FfMetrics *metrics, GString *out)
{
    GHashTableIter iter;
    gpointer uid, n;

    ff_metrics_append_head(out, "fifofs_user_fifos", "gauge", "FIFOs that a user owns.");
    g_hash_table_iter_init(&iter, metrics->users);
    while (g_hash_table_iter_next(&iter, &uid, &n))
        g_string_append_printf(out, "fifofs_user_fifos{uid=\"%u\"} %u\n", GPOINTER_TO_UINT(uid),
                               GPOINTER_TO_UINT(n));
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
    append_users(metrics, out);
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
