/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autofd.h"

/* Of the flags in stat(5): include/linux/sched.h. */
#define PF_KTHREAD 0x00200000

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, closedir)

gssize ff_procfs_read(int dirfd, const char *name, char *buffer, gsize size)
{
    g_auto(FfAutoFd) fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    gssize length;

    if (fd < 0)
        return -errno;
    length = read(fd, buffer, size - 1);
    if (length < 0)
        return -errno;
    buffer[length] = '\0';
    return length;
}

int ff_procfs_stat(int dirfd, FfProcfsStat *stat)
{
    char text[1024];
    gssize length = ff_procfs_read(dirfd, "stat", text, sizeof text);
    const char *open, *close;
    guint flags;
    guint64 ticks;

    if (length < 0)
        return (int)length;
    /*
     * The command stands in parentheses and may hold any byte, parentheses too: the last one closes
     * it.
     */
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open)
        return -EBADMSG;
    if (sscanf(close + 1,
               " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
               " %" G_GUINT64_FORMAT,
               &stat->state, &stat->parent, &flags, &ticks) != 4)
        return -EBADMSG;
    g_snprintf(stat->command, sizeof stat->command, "%.*s", (int)(close - open - 1), open + 1);
    stat->has_files = (flags & PF_KTHREAD) == 0 && stat->state != 'Z' && stat->state != 'X';
    stat->started = (gint64)(ticks * G_USEC_PER_SEC / (guint64)sysconf(_SC_CLK_TCK));
    return 0;
}

/* The text behind a key in status(5), up to the end of the file. Return: 0 or -errno. */
static int find_status(int dirfd, const char *key, char *text, gsize size, const char **value)
{
    gssize length = ff_procfs_read(dirfd, "status", text, size);
    const char *found;

    *value = "";
    if (length < 0)
        return (int)length;
    found = strstr(text, key);
    if (found == NULL)
        return -EBADMSG;
    *value = found + strlen(key);
    return 0;
}

int ff_procfs_process(int dirfd, pid_t *pid)
{
    char text[4096];
    const char *value;
    int r = find_status(dirfd, "\nTgid:", text, sizeof text, &value);

    if (r < 0)
        return r;
    return sscanf(value, "%d", pid) == 1 ? 0 : -EBADMSG;
}

int ff_procfs_uid(int dirfd, uid_t *uid)
{
    char text[4096];
    const char *value;
    int r = find_status(dirfd, "\nUid:", text, sizeof text, &value);

    if (r < 0)
        return r;
    return sscanf(value, "%*u %u", uid) == 1 ? 0 : -EBADMSG;
}

static guint64 pending(int dirfd, const char *key)
{
    char text[4096];
    const char *value;

    return find_status(dirfd, key, text, sizeof text, &value) < 0
               ? 0
               : g_ascii_strtoull(g_strchug((char *)value), NULL, 16);
}

gboolean ff_procfs_is_ending(int dirfd)
{
    const guint64 kill = 1ULL << (SIGKILL - 1);
    FfProcfsStat stat;

    return ff_procfs_stat(dirfd, &stat) == 0 &&
           (stat.state == 'Z' ||
            ((pending(dirfd, "\nSigPnd:") | pending(dirfd, "\nShdPnd:")) & kill) != 0);
}

/* There may be many groups, so the file may be long. Return: a new string, or NULL. */
static char *read_whole(int dirfd, const char *name)
{
    g_auto(FfAutoFd) fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    g_autoptr(GString) text = g_string_new(NULL);
    char piece[4096];
    gssize length;

    if (fd < 0)
        return NULL;
    while ((length = read(fd, piece, sizeof piece)) > 0)
        g_string_append_len(text, piece, length);
    return length < 0 ? NULL : g_string_free(g_steal_pointer(&text), FALSE);
}

static GArray *parse_groups(const char *line)
{
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    char *end;

    for (; *line != '\n' && *line != '\0'; line = end) {
        gid_t gid = (gid_t)strtoul(line, &end, 10);

        if (end == line)
            break;
        g_array_append_val(groups, gid);
        end += strspn(end, " \t");
    }
    return groups;
}

int ff_procfs_caller(int dirfd, FfCaller *caller)
{
    static const char groups_key[] = "\nGroups:";
    g_autofree char *status = read_whole(dirfd, "status");
    const char *uid = status == NULL ? NULL : strstr(status, "\nUid:");
    const char *gid = status == NULL ? NULL : strstr(status, "\nGid:");
    const char *groups = status == NULL ? NULL : strstr(status, groups_key);
    g_autoptr(GArray) found = NULL;

    *caller = (FfCaller){0};
    if (uid == NULL || gid == NULL || groups == NULL ||
        sscanf(uid, "\nUid: %*u %*u %*u %u", &caller->uid) != 1 ||
        sscanf(gid, "\nGid: %*u %*u %*u %u", &caller->gid) != 1)
        return -EBADMSG;
    found = parse_groups(groups + strlen(groups_key));
    caller->n_groups = found->len;
    caller->groups = g_array_steal(found, NULL);
    return 0;
}

static int read_last_run(int dirfd, gint64 *usec)
{
    char text[4096];
    gssize length = ff_procfs_read(dirfd, "sched", text, sizeof text);
    const char *line;
    double msec;

    if (length < 0)
        return (int)length;
    line = strstr(text, "\nse.exec_start");
    if (line == NULL || sscanf(line, "\nse.exec_start : %lf", &msec) != 1 ||
        !(msec > 0 && msec < (double)(G_MAXINT64 / 1000)))
        return -ENODATA;
    *usec = (gint64)(msec * 1000);
    return 0;
}

int ff_procfs_asleep_since(int dirfd, gint64 *elapsed)
{
    gint64 then, now;
    int result = read_last_run(dirfd, &then);

    if (result == 0) {
        g_auto(FfAutoFd) own = open("/proc/thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);

        result = read_last_run(own, &now);
    }
    if (result == 0)
        *elapsed = MAX(now - then, 0);
    return result;
}

gint64 ff_procfs_boottime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

int ff_procfs_open(int parentfd, int number)
{
    char name[16];

    g_snprintf(name, sizeof name, "%d", number);
    return openat(parentfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int ff_procfs_each_number(int parentfd, const char *name,
                          gboolean (*visit)(int listfd, int number, gpointer data), gpointer data)
{
    g_auto(FfAutoFd) fd = openat(parentfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DIR) directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int count = 0;

    if (directory == NULL)
        return -errno;
    /* It is closed with the stream now. */
    ff_auto_fd_steal(&fd);
    while ((entry = readdir(directory)) != NULL) {
        if (!g_ascii_isdigit(entry->d_name[0]))
            continue;
        count++;
        if (!visit(dirfd(directory), (int)g_ascii_strtoll(entry->d_name, NULL, 10), data))
            break;
    }
    return count;
}
