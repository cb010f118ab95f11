/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "procscan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "autofd.h"
#include "fileid.h"
#include "pipebuf.h"
#include "procfs.h"
#include "waiter.h"

/* How the text of a link to a relay's end ends. */
#define RELAY_NAME "/.fifofs/relay"

G_STATIC_ASSERT(sizeof(dev_t) == sizeof(gint64));

typedef struct {
    const GPtrArray *fifos;
    /* FfFileId to Fifo. */
    GHashTable *by_id;
    /*
     * dev_t of each fifofs to whether its daemon may be asked: it gave some of the FIFOs, so it
     * answers.
     */
    GHashTable *daemons;
    gboolean want_buffers;
    gboolean saw_first_process;
    ScanResult *result;
} Scan;

typedef struct {
    Scan *scan;
    pid_t pid;
    int fd;
    /* The kernel refused a look behind one of its descriptors. */
    gboolean refused;
    /* Has it the name of a daemon, and which user? Not known of those that have nothing to do with FIFOs. */
    gboolean name_known, named_as_daemon;
    uid_t uid;
} Process;

/* --- holders --- */

static guint ends_from_link(int listfd, const char *name)
{
    struct stat link;
    guint ends = 0;

    if (fstatat(listfd, name, &link, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (link.st_mode & S_IRUSR)
        ends |= FIFO_END_READ;
    if (link.st_mode & S_IWUSR)
        ends |= FIFO_END_WRITE;
    return ends != 0 ? ends : FIFO_END_PATH;
}

static void describe(Holder *holder, const Process *process)
{
    FfProcfsStat stat;

    if (ff_procfs_stat(process->fd, &stat) == 0)
        holder->command = g_strdup(stat.command);
    if (ff_procfs_uid(process->fd, &holder->uid) < 0)
        holder->uid = (uid_t)-1;
}

/*
 * One entry per process and FIFO, however many descriptors. Processes come one after the other, so
 * it can only be the last.
 */
static Holder *holder_for(Fifo *fifo, const Process *process)
{
    Holder *holder = NULL;

    if (fifo->holders->len > 0)
        holder = g_ptr_array_index(fifo->holders, fifo->holders->len - 1);
    if (holder != NULL && holder->pid == process->pid && !holder->stuck)
        return holder;
    holder = fifo_add_holder(fifo, process->pid);
    describe(holder, process);
    return holder;
}

/*
 * A private FUSE mount refuses attributes to strangers, root too; the link's text is refused only
 * by the process.
 */
static gboolean is_refused_by_process(int listfd, const char *name)
{
    char text[1];

    return readlinkat(listfd, name, text, sizeof text) < 0 && errno != ENOENT;
}

/*
 * The daemon has the FIFO open for who has created it exclusively, under a name that leads nowhere
 * for anybody else (fs/fifoend.h). It is him who is to be shown.
 */
static gboolean is_end_of_relay(int listfd, const char *name)
{
    char text[PATH_MAX];
    ssize_t length = readlinkat(listfd, name, text, sizeof text - 1);

    text[MAX(length, 0)] = '\0';
    return g_str_has_suffix(text, RELAY_NAME) || g_str_has_suffix(text, RELAY_NAME " (deleted)");
}

static void read_buffer(const Process *process, Fifo *fifo, int number)
{
    if (process->scan->want_buffers && fifo->capacity_bytes == FIFO_UNKNOWN)
        pipebuf_read(fifo, process->pid, number);
}

static gboolean has_name_of_daemon(int processfd)
{
    FfProcfsStat stat;

    return ff_procfs_stat(processfd, &stat) == 0 && strcmp(stat.command, "fifofs") == 0;
}

/*
 * Who serves a mount may hold FIFOs of it, which is shown as such and not as somebody's use. A name is
 * what there is to tell him by, and that he is who has mounted it: others may call themselves so.
 */
static gboolean is_daemon_of(Process *process, const Fifo *fifo)
{
    if (!process->name_known)
        process->named_as_daemon = has_name_of_daemon(process->fd) &&
                                   ff_procfs_uid(process->fd, &process->uid) == 0;
    process->name_known = TRUE;
    return process->named_as_daemon && process->uid == fifo->mount->owner;
}

static gboolean visit_descriptor(int listfd, int number, gpointer data)
{
    Process *process = data;
    FfFileInfo info;
    Holder *holder;
    Fifo *fifo;
    guint ends;
    char name[16];
    int result;

    g_snprintf(name, sizeof name, "%d", number);
    result = ff_file_look(listfd, name, &info);
    if (result == -EACCES || result == -EPERM)
        process->refused = is_refused_by_process(listfd, name);
    if (result < 0)
        return !process->refused;

    fifo = g_hash_table_lookup(process->scan->by_id, &info.id);
    ends = fifo == NULL ? 0 : ends_from_link(listfd, name);
    if (ends == 0)
        return TRUE;
    if (ends != FIFO_END_PATH)
        read_buffer(process, fifo, number);
    if (is_end_of_relay(listfd, name) || is_daemon_of(process, fifo))
        return TRUE;
    holder = holder_for(fifo, process);
    holder->ends |= ends;
    holder->relayed |= S_ISREG(info.mode);
    return TRUE;
}

/* --- those who wait in open() --- */

/*
 * It cannot have waited for longer than it sleeps now, nor than it lives; the kernel tells no more.
 */
static void fill_since(Holder *holder, int threadfd)
{
    gint64 now = g_get_real_time();
    gint64 age, asleep;
    FfProcfsStat stat;

    if (ff_procfs_stat(threadfd, &stat) < 0)
        return;
    age = MAX(ff_procfs_boottime() - stat.started, 0);
    holder->since_is_bound = ff_procfs_asleep_since(threadfd, &asleep) < 0 ||
                             asleep > age + G_USEC_PER_SEC;
    holder->since = now - (holder->since_is_bound ? age : asleep);
}

static gboolean visit_thread(int listfd, int tid, gpointer data)
{
    Process *process = data;
    ScanResult *result = process->scan->result;
    const FfWaiterLimits limits = {.daemons = process->scan->daemons, .trust_own = TRUE};
    FfWaiter waiter;
    Holder *holder;
    Fifo *fifo;
    g_auto(FfAutoFd) threadfd = ff_procfs_open(listfd, tid);

    switch (ff_waiter_look(threadfd, tid, &limits, &waiter, NULL)) {
    case FF_WAITER_NONE:
        return TRUE;
    case FF_WAITER_UNRESOLVED:
        result->unresolved_waiters++;
        return TRUE;
    case FF_WAITER_FOUND:
        break;
    }
    fifo = g_hash_table_lookup(process->scan->by_id, &waiter.file);
    if (fifo == NULL || is_daemon_of(process, fifo))
        return TRUE;
    holder = fifo_add_holder(fifo, process->pid);
    describe(holder, process);
    holder->tid = tid;
    holder->ends = waiter.access == O_RDONLY ? FIFO_END_READ : FIFO_END_WRITE;
    holder->stuck = TRUE;
    fill_since(holder, threadfd);
    return TRUE;
}

/* --- the walk --- */

static gboolean has_files(int processfd)
{
    FfProcfsStat stat;

    return ff_procfs_stat(processfd, &stat) == 0 && stat.has_files;
}

static gboolean visit_process(int listfd, int pid, gpointer data)
{
    Scan *scan = data;
    int result;
    g_auto(FfAutoFd) fd = ff_procfs_open(listfd, pid);
    Process process = {.scan = scan, .pid = pid, .fd = fd};

    scan->saw_first_process |= pid == 1;
    result = ff_procfs_each_number(fd, "fd", visit_descriptor, &process);
    if (result == -EACCES || result == -EPERM)
        process.refused = has_files(fd);
    if (process.refused)
        scan->result->unknown_processes++;
    else
        ff_procfs_each_number(fd, "task", visit_thread, &process);
    return TRUE;
}

/*
 * Nobody has it open, and that is known: by the scan, by the daemon, or because somebody waits for
 * just that.
 */
static gboolean is_surely_empty(const Fifo *fifo)
{
    if (fifo_count(fifo, FIFO_END_READ | FIFO_END_WRITE, FALSE) > 0)
        return FALSE;
    return fifo->scan == FIFO_SCAN_COMPLETE || fifo_is_held(fifo) ||
           strcmp(fifo->daemon_state, "new") == 0 || strcmp(fifo->daemon_state, "idle") == 0;
}

static void conclude(const Scan *scan)
{
    const ScanResult *result = scan->result;
    gboolean complete = result->unknown_processes == 0 && result->unresolved_waiters == 0 &&
                        !result->processes_hidden;

    for (guint i = 0; i < scan->fifos->len; i++) {
        Fifo *fifo = g_ptr_array_index(scan->fifos, i);

        fifo->scan = complete ? FIFO_SCAN_COMPLETE : FIFO_SCAN_PARTIAL;
        if (scan->want_buffers && is_surely_empty(fifo))
            fifo->queued_bytes = 0;
    }
}

static void index_fifos(Scan *scan, const GPtrArray *mounts)
{
    const GPtrArray *fifos = scan->fifos;

    for (guint i = 0; i < mounts->len; i++) {
        const Mount *mount = g_ptr_array_index(mounts, i);

        g_hash_table_insert(scan->daemons, (gpointer)&mount->dev, GINT_TO_POINTER(FALSE));
    }
    for (guint i = 0; i < fifos->len; i++) {
        Fifo *fifo = g_ptr_array_index(fifos, i);
        FfFileId id = {.dev = fifo->mount->dev, .ino = fifo->id};

        g_hash_table_insert(scan->by_id, g_memdup2(&id, sizeof id), fifo);
        g_hash_table_insert(scan->daemons, (gpointer)&fifo->mount->dev, GINT_TO_POINTER(TRUE));
    }
}

int procscan_run(const GPtrArray *mounts, const GPtrArray *fifos, gboolean want_buffers,
                 ScanResult *result)
{
    g_autoptr(GHashTable)
        by_id = g_hash_table_new_full(ff_file_id_hash, ff_file_id_equal, g_free, NULL);
    g_autoptr(GHashTable) daemons = g_hash_table_new(g_int64_hash, g_int64_equal);
    Scan scan = {.fifos = fifos,
                 .by_id = by_id,
                 .daemons = daemons,
                 .want_buffers = want_buffers,
                 .result = result};
    int count;

    *result = (ScanResult){0};
    index_fifos(&scan, mounts);
    count = ff_procfs_each_number(AT_FDCWD, "/proc", visit_process, &scan);
    if (count < 0)
        return count;
    /* Process 1 always is; where it is left out, so may be others. */
    result->processes_hidden = !scan.saw_first_process;
    conclude(&scan);
    return 0;
}
