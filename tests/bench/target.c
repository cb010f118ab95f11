/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "memory.h"
#include "passthrough.h"
#include "process.h"

#define MOUNT_PATIENCE (10 * G_TIME_SPAN_SECOND)
#define LOOK_EVERY     (G_TIME_SPAN_MILLISECOND / 5)
#define WARMING_TIMES  10000

/* A tmpfs that everybody may write to, for those who cannot mount one. */
#define SHARED_TMPFS "/dev/shm"

const char *const target_names[N_TARGETS] = {
    [TARGET_TMPFS] = "tmpfs",
    [TARGET_FIFOFS] = "fifofs",
    [TARGET_PASSTHROUGH] = "passthrough",
};

typedef gboolean (*TargetStart)(Targets *targets, Target *target, const Workspace *workspace,
                                const Settings *settings, GError **error);

static gboolean fail(GError **error, const char *path, const char *what)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", path, what);
    return FALSE;
}

/* An ordinary user's part of a tmpfs that is there already. */
static gboolean borrow_tmpfs(Target *target, GError **error)
{
    g_autofree char *folder = g_strdup(SHARED_TMPFS "/fifofs-bench-XXXXXX");
    struct statfs st;

    if (statfs(SHARED_TMPFS, &st) < 0 || st.f_type != TMPFS_MAGIC)
        return fail(error, SHARED_TMPFS, "not a tmpfs, and mounting one is not permitted");
    if (g_mkdtemp_full(folder, 0700) == NULL)
        return fail(error, folder, g_strerror(errno));
    target->folder = g_strdup(folder);
    target->root = g_steal_pointer(&folder);
    return TRUE;
}

static gboolean start_tmpfs(Targets *targets, Target *target, const Workspace *workspace,
                            const Settings *settings, GError **error)
{
    g_autofree char *mountpoint = workspace_make_folder(workspace, target->name, error);

    if (mountpoint == NULL)
        return FALSE;
    if (mount("fifofs-bench", mountpoint, "tmpfs", 0, "mode=0700,nr_inodes=0") < 0)
        return borrow_tmpfs(target, error);
    target->mountpoint = g_strdup(mountpoint);
    target->root = g_steal_pointer(&mountpoint);
    return TRUE;
}

static gboolean await_mount(const Target *target, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + MOUNT_PATIENCE;
    struct statfs st;

    while (!path_is_mounted(target->mountpoint)) {
        if (process_has_ended(target->daemon))
            return fail(error, target->name, "ended before it had mounted anything");
        if (g_get_monotonic_time() > deadline)
            return fail(error, target->name, "did not mount in time");
        g_usleep(LOOK_EVERY);
    }
    /* This one waits until it answers. */
    if (statfs(target->mountpoint, &st) < 0)
        return fail(error, target->mountpoint, g_strerror(errno));
    return TRUE;
}

gboolean target_mount(Target *target, char **argv, GError **error)
{
    target->daemon = process_start(argv, error);
    if (target->daemon == 0 || !await_mount(target, error))
        return FALSE;
    target->root = g_strdup(target->mountpoint);
    return TRUE;
}

/* What daemons take once, for records of what has happened and such, is not memory per FIFO. */
static void warm_up(Target *target)
{
    g_autofree char *path = NULL;

    if (target->daemon == 0)
        return;
    path = g_build_filename(target->root, "warming", NULL);
    for (guint i = 0; i < WARMING_TIMES && mkfifo(path, 0600) == 0; i++)
        unlink(path);
    target->bytes_at_start = resident_bytes(target->daemon);
}

static gboolean mount_fifofs(Target *target, const Settings *settings, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, settings->daemon);
    g_ptr_array_add(argv, (char *)"-f");
    g_ptr_array_add(argv, (char *)"-o");
    g_ptr_array_add(argv, settings->mount_options);
    g_ptr_array_add(argv, target->mountpoint);
    g_ptr_array_add(argv, NULL);
    return target_mount(target, (char **)argv->pdata, error);
}

static gboolean start_fifofs(Targets *targets, Target *target, const Workspace *workspace,
                             const Settings *settings, GError **error)
{
    target->mountpoint = workspace_make_folder(workspace, target->name, error);
    return target->mountpoint != NULL && mount_fifofs(target, settings, error);
}

gboolean target_start_another(Target *another, const Target *fifofs, const Settings *settings,
                              GError **error)
{
    *another = (Target){.name = fifofs->name};
    another->mountpoint = g_strconcat(fifofs->mountpoint, "-another", NULL);
    if (mkdir(another->mountpoint, 0700) < 0)
        return fail(error, another->mountpoint, g_strerror(errno));
    another->folder = g_strdup(another->mountpoint);
    return mount_fifofs(another, settings, error);
}

gboolean target_is_fifofs(const Target *target)
{
    return g_str_equal(target->name, target_names[TARGET_FIFOFS]);
}

static gboolean start_passthrough(Targets *targets, Target *target, const Workspace *workspace,
                                  const Settings *settings, GError **error)
{
    return passthrough_start(target, &targets->all[TARGET_TMPFS], workspace, error);
}

static const struct {
    gboolean required;
    guint64 most_fifos;
    TargetStart start;
} kinds[N_TARGETS] = {
    [TARGET_TMPFS] = {TRUE, G_MAXUINT64, start_tmpfs},
    [TARGET_FIFOFS] = {TRUE, G_MAXUINT64, start_fifofs},
    /* It keeps its inodes in a list, and a file descriptor open on each. */
    [TARGET_PASSTHROUGH] = {FALSE, 10000, start_passthrough},
};

void target_stop(Target *target)
{
    /* The daemon unmounts when it is asked to end. */
    process_end(target->daemon);
    if (target->mountpoint != NULL)
        path_unmount(target->mountpoint);
    if (target->folder != NULL)
        path_remove(target->folder);
    g_free(target->root);
    g_free(target->mountpoint);
    g_free(target->folder);
    *target = (Target){0};
}

gboolean targets_start(Targets *targets, const Workspace *workspace, const Settings *settings,
                       GError **error)
{
    *targets = (Targets){0};
    for (guint i = 0; i < N_TARGETS; i++) {
        Target *target = &targets->all[i];
        g_autoptr(GError) reason = NULL;

        target->name = target_names[i];
        target->required = kinds[i].required;
        target->most_fifos = kinds[i].most_fifos;
        if (kinds[i].start(targets, target, workspace, settings, &reason)) {
            warm_up(target);
            continue;
        }
        if (target->required) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return FALSE;
        }
        g_printerr("%s is left out: %s\n", target->name, reason->message);
    }
    return TRUE;
}

void targets_stop(Targets *targets)
{
    /* Later ones may stand on earlier ones. */
    for (guint i = N_TARGETS; i-- > 0;)
        target_stop(&targets->all[i]);
}
