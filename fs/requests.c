/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "requests.h"

#include <linux/fuse.h>
#include <time.h>

#include "metrics.h"

#define METRIC "fifofs_request_duration_seconds"

static const struct {
    guint32 opcode;
    const char *name;
} kinds[] = {
    {FUSE_LOOKUP, "lookup"},
    {FUSE_FORGET, "forget"},
    {FUSE_BATCH_FORGET, "forget"},
    {FUSE_GETATTR, "getattr"},
    {FUSE_SETATTR, "setattr"},
    {FUSE_MKNOD, "mknod"},
    {FUSE_CREATE, "create"},
    {FUSE_MKDIR, "mkdir"},
    {FUSE_UNLINK, "unlink"},
    {FUSE_RMDIR, "rmdir"},
    {FUSE_RENAME, "rename"},
    {FUSE_RENAME2, "rename"},
    {FUSE_OPENDIR, "opendir"},
    {FUSE_READDIR, "readdir"},
    {FUSE_READDIRPLUS, "readdirplus"},
    {FUSE_RELEASEDIR, "releasedir"},
    {FUSE_STATFS, "statfs"},
    {FUSE_GETXATTR, "getxattr"},
    {FUSE_SETXATTR, "setxattr"},
    {FUSE_LISTXATTR, "listxattr"},
    {FUSE_REMOVEXATTR, "removexattr"},
    {FUSE_OPEN, "open"},
    {FUSE_READ, "read"},
    {FUSE_WRITE, "write"},
    {FUSE_RELEASE, "release"},
    {FUSE_POLL, "poll"},
};

/* Upper bounds of the buckets, in nanoseconds, and as Prometheus wants them. */
static const struct {
    gint64 nsec;
    const char *seconds;
} buckets[] = {
    {1000, "0.000001"},  {2500, "0.0000025"}, {5000, "0.000005"}, {10000, "0.00001"},
    {25000, "0.000025"}, {50000, "0.00005"},  {100000, "0.0001"}, {250000, "0.00025"},
    {1000000, "0.001"},  {10000000, "0.01"},  {100000000, "0.1"},
};

/*
 * Rings of io_uring note in several threads at once. A lock would cost each request more than
 * noting it, so these are counted atomically, and each request in one bucket only: those below it,
 * which Prometheus wants too, follow when they are read.
 */
typedef struct {
    const char *name;
    gint64 nsec;
    /* The last one has no bound. */
    guint64 buckets[G_N_ELEMENTS(buckets) + 1];
} Kind;

struct FfRequests {
    /* One for each name, and one for all other requests. */
    Kind kinds[G_N_ELEMENTS(kinds) + 1];
    guint n_kinds;
    /* opcode -> Kind */
    GHashTable *by_opcode;
    Kind *other;
};

static Kind *find_or_add(FfRequests *requests, const char *name)
{
    for (guint i = 0; i < requests->n_kinds; i++)
        if (g_str_equal(requests->kinds[i].name, name))
            return &requests->kinds[i];
    requests->kinds[requests->n_kinds].name = name;
    return &requests->kinds[requests->n_kinds++];
}

FfRequests *ff_requests_new(void)
{
    FfRequests *requests = g_new0(FfRequests, 1);

    requests->by_opcode = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        g_hash_table_insert(requests->by_opcode, GUINT_TO_POINTER(kinds[i].opcode),
                            find_or_add(requests, kinds[i].name));
    requests->other = find_or_add(requests, "other");
    return requests;
}

void ff_requests_free(FfRequests *requests)
{
    if (requests == NULL)
        return;
    g_hash_table_unref(requests->by_opcode);
    g_free(requests);
}

gint64 ff_requests_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

void ff_requests_note(FfRequests *requests, guint32 opcode, gint64 nsec)
{
    Kind *kind = g_hash_table_lookup(requests->by_opcode, GUINT_TO_POINTER(opcode));
    guint bucket = 0;

    if (kind == NULL)
        kind = requests->other;
    while (bucket < G_N_ELEMENTS(buckets) && nsec > buckets[bucket].nsec)
        bucket++;
    __atomic_fetch_add(&kind->nsec, nsec, __ATOMIC_RELAXED);
    __atomic_fetch_add(&kind->buckets[bucket], 1, __ATOMIC_RELAXED);
}

static void append_kind(const Kind *kind, GString *out)
{
    gint64 nsec = __atomic_load_n(&kind->nsec, __ATOMIC_RELAXED);
    guint64 count = 0;

    for (guint i = 0; i <= G_N_ELEMENTS(buckets); i++) {
        count += __atomic_load_n(&kind->buckets[i], __ATOMIC_RELAXED);
        g_string_append_printf(out, METRIC "_bucket{kind=\"%s\",le=\"%s\"} %" G_GUINT64_FORMAT "\n",
                               kind->name, i < G_N_ELEMENTS(buckets) ? buckets[i].seconds : "+Inf",
                               count);
    }
    g_string_append_printf(out,
                           METRIC "_sum{kind=\"%s\"} %" G_GINT64_FORMAT ".%09d\n" METRIC
                                  "_count{kind=\"%s\"} %" G_GUINT64_FORMAT "\n",
                           kind->name, nsec / 1000000000, (int)(nsec % 1000000000), kind->name,
                           count);
}

void ff_requests_append(const FfRequests *requests, GString *out)
{
    ff_metrics_append_head(out, METRIC, "histogram",
                           "Time that the daemon took to serve requests of the kernel, by kind.");
    for (guint i = 0; i < requests->n_kinds; i++)
        append_kind(&requests->kinds[i], out);
}
