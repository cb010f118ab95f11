/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pidfd is readable from the moment its process has ended. All of them sit in one epoll, which is
 * one GSource: the main loop's poll() does not grow with the number of creators.
 *
 * A process stays known until it ends, also while nothing it created is left, for it is likely to
 * create more. The cache is keyed by pid, and a pid may have been given to another process before
 * the end of the first was noticed: so a cached pidfd is asked before it is used.
 */
#include "creator.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "autofd.h"
#include "procfs.h"
#include "readiness.h"

#define EVENTS_AT_ONCE 64

/* A process may have made a million FIFOs; others get the lock between so many of them. */
#define TOLD_AT_ONCE 1024

typedef struct {
    FfProcess *process;
    /* The same process as it was before it made a session of its own; NULL for most. */
    FfProcess *former;
    int pidfd;
} Watched;

struct FfCreators {
    FfRegistry *registry;
    int epoll;
    GSource *source;
    /* Is ready while not all FIFOs of processes that have ended are told. */
    GSource *teller;
    /* pid -> Watched; under the registry lock. */
    GHashTable *watched;
};

typedef struct {
    GSource source;
    FfCreators *creators;
} TellerSource;

typedef struct {
    char comm[16];
    pid_t session;
    /* In microseconds of CLOCK_BOOTTIME. */
    gint64 started;
} ProcessStat;

static void watched_free(gpointer data)
{
    Watched *watched = data;

    close(watched->pidfd);
    ff_process_unref(watched->process);
    ff_process_unref(watched->former);
    g_free(watched);
}

static gboolean has_ended(int pidfd)
{
    return ff_readiness_now(pidfd, POLLIN) != 0;
}

/* proc(5): from STATE, the third field, to STARTTIME, the 22nd. */
#define STAT_FORMAT                                                                                \
    " %*c %*s %*s %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld"

/* proc(5): "PID (COMM) STATE ..."; COMM may contain anything, also ')'. */
static gboolean read_stat(pid_t pid, ProcessStat *out)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    char *open, *close;
    long long ticks;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (open == NULL || close == NULL || sscanf(close + 1, STAT_FORMAT, &out->session, &ticks) != 2)
        return FALSE;
    *close = '\0';
    out->started = ticks * G_USEC_PER_SEC / sysconf(_SC_CLK_TCK);
    g_strlcpy(out->comm, open + 1, sizeof out->comm);
    return TRUE;
}

/* The process that a thread belongs to, or 0. */
static pid_t process_of_thread(pid_t tid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", tid);
    g_auto(FfAutoFd) fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    pid_t pid;

    return fd >= 0 && ff_procfs_process(fd, &pid) == 0 ? pid : 0;
}

/* Takes the process and its pidfd over. Return: NULL where it cannot be watched. */
static FfProcess *watch_process(FfCreators *creators, FfProcess *process, int pidfd)
{
    Watched *watched = g_new0(Watched, 1);
    pid_t pid = process->pid;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (guint64)pid};

    watched->pidfd = pidfd;
    watched->process = process;
    if (epoll_ctl(creators->epoll, EPOLL_CTL_ADD, pidfd, &event) < 0) {
        watched_free(watched);
        return NULL;
    }
    g_hash_table_insert(creators->watched, GINT_TO_POINTER(pid), watched);
    return watched->process;
}

/* Main thread. */
static gboolean tell(GSource *source, GSourceFunc callback, gpointer data)
{
    FfCreators *creators = ((TellerSource *)source)->creators;

    ff_registry_give_way(creators->registry);
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(creators->registry);

        if (!ff_registry_tell_ended(creators->registry, TOLD_AT_ONCE))
            g_source_set_ready_time(source, -1);
    }
    return G_SOURCE_CONTINUE;
}

/* Tell the registry of the end, and forget the process here; nodes may go on naming it. */
static void process_ended(FfCreators *creators, pid_t pid, Watched *watched)
{
    g_autoptr(FfProcess) process = ff_process_ref(watched->process);
    g_autoptr(FfProcess) former = g_steal_pointer(&watched->former);

    g_hash_table_remove(creators->watched, GINT_TO_POINTER(pid));
    ff_registry_process_ended(creators->registry, process);
    if (former != NULL)
        ff_registry_process_ended(creators->registry, former);
    if (ff_registry_tell_ended(creators->registry, TOLD_AT_ONCE))
        g_source_set_ready_time(creators->teller, 0);
}

/*
 * setsid(2) succeeds once in the life of a process, which then leads a session of its own. What it
 * created before belongs to the session that it was in then.
 */
static void notice_new_session(Watched *watched, pid_t pid)
{
    pid_t session = getsid(pid);

    if (session != pid || watched->process->session == pid)
        return;
    watched->former = watched->process;
    watched->process = ff_process_new(pid, watched->former->started, watched->former->comm, session,
                                      NULL);
}

/* A process that is known and still the one with this pid, or NULL. */
static FfProcess *find_process(FfCreators *creators, pid_t pid)
{
    Watched *watched = g_hash_table_lookup(creators->watched, GINT_TO_POINTER(pid));

    if (watched == NULL)
        return NULL;
    if (has_ended(watched->pidfd)) {
        process_ended(creators, pid, watched);
        return NULL;
    }
    notice_new_session(watched, pid);
    return watched->process;
}

/*
 * A session leader needs no leader of its own. A session whose leader is gone already counts as not
 * known.
 */
static FfProcess *find_leader(FfCreators *creators, pid_t pid)
{
    FfProcess *known = find_process(creators, pid);
    ProcessStat stat;
    int pidfd;

    if (known != NULL || pid <= 0)
        return known;
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return NULL;
    if (!read_stat(pid, &stat)) {
        close(pidfd);
        return NULL;
    }
    return watch_process(creators, ff_process_new(pid, stat.started, stat.comm, stat.session, NULL),
                         pidfd);
}

static FfProcess *add_process(FfCreators *creators, pid_t pid, int pidfd)
{
    FfProcess *leader = NULL;
    ProcessStat stat;

    if (!read_stat(pid, &stat)) {
        close(pidfd);
        return NULL;
    }
    if (stat.session != pid)
        leader = find_leader(creators, stat.session);
    return watch_process(creators,
                         ff_process_new(pid, stat.started, stat.comm, stat.session, leader), pidfd);
}

FfProcess *ff_creators_get(FfCreators *creators, pid_t tid)
{
    FfProcess *known = find_process(creators, tid);
    pid_t pid = tid;
    int pidfd;

    if (known != NULL || tid <= 0)
        return known;
    pidfd = pidfd_open(tid, 0);
    if (pidfd < 0) {
        /* Not the first thread of its process. */
        pid = process_of_thread(tid);
        known = find_process(creators, pid);
        if (known != NULL || pid <= 0)
            return known;
        pidfd = pidfd_open(pid, 0);
    }
    return pidfd < 0 ? NULL : add_process(creators, pid, pidfd);
}

/*
 * Return: a pidfd of the very process; -ESRCH where that has ended, or another -errno where that is
 * not known.
 */
static int open_again(const FfProcess *process)
{
    g_auto(FfAutoFd) pidfd = pidfd_open(process->pid, 0);
    ProcessStat stat;
    gboolean has_stat;

    /* EINVAL: the number is that of a thread by now. */
    if (pidfd < 0)
        return errno == EINVAL ? -ESRCH : -errno;
    has_stat = read_stat(process->pid, &stat);
    /* The number may be another's by now; not while its pidfd says that it lives. */
    if (has_ended(pidfd) || (has_stat && stat.started != process->started))
        return -ESRCH;
    return has_stat ? ff_auto_fd_steal(&pidfd) : -EIO;
}

void ff_creators_adopt(FfCreators *creators, FfProcess *process)
{
    Watched *known = g_hash_table_lookup(creators->watched, GINT_TO_POINTER(process->pid));
    int pidfd;

    if (!process->alive)
        return;
    if (known != NULL && known->process->started == process->started) {
        FfProcess **place = process->session == process->pid ? &known->process : &known->former;

        if (place == &known->process)
            known->former = g_steal_pointer(&known->process);
        *place = ff_process_ref(process);
        return;
    }
    pidfd = open_again(process);
    if (pidfd == -ESRCH) {
        ff_registry_process_ended(creators->registry, process);
        g_source_set_ready_time(creators->teller, 0);
    } else if (pidfd < 0 || watch_process(creators, ff_process_ref(process), pidfd) == NULL) {
        /* What it has made is rather left over than lost. */
        g_warning("cannot watch process %d any more, whose FIFOs stay when it ends: %s",
                  process->pid, g_strerror(pidfd < 0 ? -pidfd : errno));
    }
}

static gboolean on_ended(gint fd, GIOCondition condition, gpointer data)
{
    FfCreators *creators = data;
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(creators->epoll, events, EVENTS_AT_ONCE, 0);
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(creators->registry);

    /* find_process() tells of each that has ended, once. */
    for (int i = 0; i < n; i++)
        find_process(creators, (pid_t)events[i].data.u64);
    return G_SOURCE_CONTINUE;
}

FfCreators *ff_creators_new(FfRegistry *registry, GMainContext *context)
{
    static GSourceFuncs teller_funcs = {.dispatch = tell};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    FfCreators *creators;

    if (epoll < 0)
        return NULL;
    creators = g_new0(FfCreators, 1);
    creators->registry = registry;
    creators->epoll = epoll;
    creators->watched = g_hash_table_new_full(NULL, NULL, NULL, watched_free);
    creators->source = g_unix_fd_source_new(epoll, G_IO_IN);
    g_source_set_callback(creators->source, G_SOURCE_FUNC(on_ended), creators, NULL);
    g_source_attach(creators->source, context);
    creators->teller = g_source_new(&teller_funcs, sizeof(TellerSource));
    ((TellerSource *)creators->teller)->creators = creators;
    g_source_attach(creators->teller, context);
    return creators;
}

void ff_creators_free(FfCreators *creators)
{
    if (creators == NULL)
        return;
    g_source_destroy(creators->source);
    g_source_unref(creators->source);
    g_source_destroy(creators->teller);
    g_source_unref(creators->teller);
    g_hash_table_unref(creators->watched);
    close(creators->epoll);
    g_free(creators);
}
