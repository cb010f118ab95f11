/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "requests.h"

#include <linux/fuse.h>

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

typedef struct {
    const char *name;
    guint64 count;
    gint64 nsec;
    guint64 buckets[G_N_ELEMENTS(buckets)];
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

void ff_requests_note(FfRequests *requests, guint32 opcode, gint64 nsec)
{
    Kind *kind = g_hash_table_lookup(requests->by_opcode, GUINT_TO_POINTER(opcode));

    if (kind == NULL)
        kind = requests->other;
    kind->count++;
    kind->nsec += nsec;
    for (guint i = 0; i < G_N_ELEMENTS(buckets); i++)
        if (nsec <= buckets[i].nsec)
            kind->buckets[i]++;
}

static void append_kind(const Kind *kind, GString *out)
{
    for (guint i = 0; i < G_N_ELEMENTS(buckets); i++)
        g_string_append_printf(out, METRIC "_bucket{kind=\"%s\",le=\"%s\"} %" G_GUINT64_FORMAT "\n",
                               kind->name, buckets[i].seconds, kind->buckets[i]);
    g_string_append_printf(out,
                           METRIC "_bucket{kind=\"%s\",le=\"+Inf\"} %" G_GUINT64_FORMAT "\n" METRIC
                                  "_sum{kind=\"%s\"} %" G_GINT64_FORMAT ".%09d\n" METRIC
                                  "_count{kind=\"%s\"} %" G_GUINT64_FORMAT "\n",
                           kind->name, kind->count, kind->name, kind->nsec / 1000000000,
                           (int)(kind->nsec % 1000000000), kind->name, kind->count);
}

void ff_requests_append(const FfRequests *requests, GString *out)
{
    ff_metrics_append_head(out, METRIC, "histogram",
                           "Time that the daemon took to serve requests of the kernel, by kind.");
    for (guint i = 0; i < requests->n_kinds; i++)
        append_kind(&requests->kinds[i], out);
}
