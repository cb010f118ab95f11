/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount whose daemon has gone answers ENOTCONN to everything. But a daemon that was killed, both of
 * its processes at once, may not be able to go: a thread waits for the mount, which has a request
 * that the killed one will not answer. Then all wait for ever, and so would we.
 */
#include "stalemount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "autofd.h"
#include "handover.h"
#include "procfs.h"

#define MOUNT_INFO "/proc/self/mountinfo"

/* Fields of a line of mountinfo (proc(5)); the type comes behind a lone "-". */
#define FIELD_DEVICE     2
#define FIELD_MOUNTPOINT 4

/* A daemon that lives has answered by then, or will do so. */
#define ANSWER_MS (5 * 1000)

/* The decimal number of the device, as the connection is called (Documentation/filesystems/fuse.rst). */
#define CONNECTION_ABORT "/sys/fs/fuse/connections/%u/abort"

/* Return: the fields of its line in mountinfo, or NULL. */
static char **fields_of_fifofs(const char *line, const char *path)
{
    g_auto(GStrv) halves = g_strsplit(line, " - ", 2);
    g_auto(GStrv) fields = NULL;
    g_autofree char *mountpoint = NULL;

    if (g_strv_length(halves) != 2 || !g_str_has_prefix(halves[1], "fuse.fifofs "))
        return NULL;
    fields = g_strsplit(halves[0], " ", 0);
    if (g_strv_length(fields) <= FIELD_MOUNTPOINT)
        return NULL;
    /* Blanks and backslashes are written as \040 and so on, which is what C does with them too. */
    mountpoint = g_strcompress(fields[FIELD_MOUNTPOINT]);
    return g_str_equal(mountpoint, path) ? g_steal_pointer(&fields) : NULL;
}

/* Of the one on top, which is the last. */
static char **find_fifofs(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    char **found = NULL;

    if (!g_file_get_contents(MOUNT_INFO, &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", 0);
    for (char **line = lines; *line != NULL; line++) {
        char **fields = fields_of_fifofs(*line, path);

        if (fields != NULL) {
            g_strfreev(found);
            found = fields;
        }
    }
    return found;
}

gboolean ff_mount_is_fifofs(const char *path)
{
    g_auto(GStrv) fields = find_fifofs(path);

    return fields != NULL;
}

/* Attributes may be cached, so that stat() knows nothing of it; this is asked for always. */
static gboolean is_disconnected(const char *path)
{
    struct statvfs st;

    return statvfs(path, &st) < 0 && errno == ENOTCONN;
}

static gboolean ends_in_time(pid_t pid)
{
    g_auto(FfAutoFd) pidfd = pidfd_open(pid, 0);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    return pidfd < 0 || TEMP_FAILURE_RETRY(poll(&end, 1, ANSWER_MS)) != 0;
}

typedef enum { ANSWER_ALIVE, ANSWER_DISCONNECTED, ANSWER_NONE } Answer;

/* Whoever asks may wait for ever, and cannot even be killed: so that is another process. */
static Answer ask(const char *path)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(is_disconnected(path) ? ANSWER_DISCONNECTED : ANSWER_ALIVE);
    if (pid < 0)
        return is_disconnected(path) ? ANSWER_DISCONNECTED : ANSWER_ALIVE;
    if (!ends_in_time(pid)) {
        kill(pid, SIGKILL);
        return ANSWER_NONE;
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return ANSWER_NONE;
    return WEXITSTATUS(status);
}

typedef gboolean (*Condition)(int listfd, int process, const FfProcfsStat *stat);

typedef struct {
    Condition condition;
    gboolean found;
} Search;

static gboolean look_at_process(int listfd, int number, gpointer data)
{
    g_auto(FfAutoFd) process = ff_procfs_open(listfd, number);
    Search *search = data;
    FfProcfsStat stat;

    search->found = ff_procfs_stat(process, &stat) == 0 &&
                    g_str_equal(stat.command, FF_WORKER_NAME) &&
                    search->condition(listfd, process, &stat);
    return !search->found;
}

static gboolean is_any_worker(Condition condition)
{
    Search search = {.condition = condition};

    ff_procfs_each_number(AT_FDCWD, "/proc", look_at_process, &search);
    return search.found;
}

static gboolean is_killed(int listfd, int process, const FfProcfsStat *stat)
{
    return ff_procfs_is_ending(process);
}

/* Supervisors are called fifofs, mount.fifofs or mount.fuse.fifofs, cut to 15 bytes. */
static gboolean has_no_supervisor(int listfd, int process, const FfProcfsStat *stat)
{
    g_auto(FfAutoFd) parent = ff_procfs_open(listfd, stat->parent);
    FfProcfsStat of_parent;

    return ff_procfs_stat(parent, &of_parent) < 0 || strstr(of_parent.command, "fifo") == NULL;
}

gboolean ff_mount_may_become_stale(void)
{
    return is_any_worker(has_no_supervisor);
}

/* Whose mount it is may do it there; root needs nothing for it. */
void ff_mount_cut_off(const char *path)
{
    g_auto(GStrv) fields = find_fifofs(path);
    const char *minor = fields == NULL ? NULL : strchr(fields[FIELD_DEVICE], ':');
    g_autofree char *name = NULL;
    g_auto(FfAutoFd) fd = -1;

    if (minor == NULL)
        return;
    name = g_strdup_printf(CONNECTION_ABORT, (guint)g_ascii_strtoull(minor + 1, NULL, 10));
    fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1", 1) != 1)
        umount2(path, MNT_FORCE | UMOUNT_NOFOLLOW);
}

gboolean ff_mount_is_stale(const char *path)
{
    Answer answer;

    if (!ff_mount_is_fifofs(path))
        return FALSE;
    answer = ask(path);
    /* It may be another mount's, but then ours may have none that lives. */
    if (answer == ANSWER_NONE && is_any_worker(is_killed)) {
        ff_mount_cut_off(path);
        answer = ask(path);
    }
    return answer == ANSWER_DISCONNECTED;
}

gboolean ff_mount_detach(const char *path)
{
    const char *const command[] = {"fusermount3", "-uzq", "--", path, NULL};
    int status;

    if (geteuid() == 0)
        return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
    return g_spawn_sync("/", (char **)command, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
                            G_SPAWN_STDERR_TO_DEV_NULL,
                        NULL, NULL, NULL, NULL, &status, NULL) &&
           g_spawn_check_wait_status(status, NULL);
}
