/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot.h"

#include <string.h>

#include "message.h"

#define METRICS ".fifofs/metrics"

/* The value of a line "NAME VALUE" or "NAME{...} VALUE"; 0 for another line. */
static guint64 value_of(const char *line, const char *name)
{
    gsize length = strlen(name);
    const char *value = strrchr(line, ' ');

    if (strncmp(line, name, length) != 0 || (line[length] != ' ' && line[length] != '{') ||
        value == NULL)
        return 0;
    return g_ascii_strtoull(value + 1, NULL, 10);
}

static void count(Snapshot *snapshot, const Mount *mount)
{
    g_autofree char *path = g_build_filename(mount->point, METRICS, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        snapshot->created += value_of(*line, "fifofs_created_fifos_total");
        snapshot->removed += value_of(*line, "fifofs_removed_total");
        snapshot->opened += value_of(*line, "fifofs_open_reports_total");
    }
}

/* Each file system once, but those whose daemons have not answered before. */
static void count_all(Snapshot *snapshot)
{
    const Selection *selection = snapshot->selection;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (guint i = 0; i < selection->targets->len; i++) {
        const Target *target = g_ptr_array_index(selection->targets, i);

        if (target->unread || !g_hash_table_add(seen, (gpointer)&target->mount->dev))
            continue;
        snapshot->counted += target->mount->dev;
        count(snapshot, mounts_find_dev(selection->mounts, target->mount->dev));
    }
    snapshot->n_mounts = g_hash_table_size(seen);
}

Snapshot *snapshot_take(char **paths)
{
    Snapshot *snapshot = g_new0(Snapshot, 1);
    Selection *selection = selection_new();

    snapshot->selection = selection;
    if (selection != NULL) {
        selection_add_paths(selection, paths);
        selection_load(selection);
        selection_scan(selection, TRUE, &snapshot->scan);
        count_all(snapshot);
    }
    snapshot->taken = g_get_monotonic_time();
    return snapshot;
}

gboolean snapshot_is_whole(const Snapshot *snapshot)
{
    return snapshot->selection != NULL && !snapshot->selection->failed;
}

void snapshot_free(Snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    selection_free(snapshot->selection);
    g_free(snapshot);
}
