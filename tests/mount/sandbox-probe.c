/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goes into the sandbox of the daemon, with the daemon's own code, and tries what a daemon that
 * somebody has taken over would: a line for each, with its name and the errno that it got, or "ok".
 * /proc/self/status comes first.
 *
 *     sandbox-probe MOUNTPOINT [shared] [trace] [owners] [debug] [user=UID]
 *
 * FIFO and SECRET in the environment are a FIFO on the mount and a file that root alone may read.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

static int try_execve(void)
{
    char program[] = "/bin/true", *arguments[] = {program, NULL};

    return execve(program, arguments, NULL);
}

static int try_fork(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : waitpid(child, NULL, 0);
}

static int try_mount(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int try_umount(void)
{
    return umount2("/mnt", 0);
}

static int try_ptrace(void)
{
    return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int try_kill(void)
{
    return kill(getppid(), 0);
}

static int try_setuid(void)
{
    return setuid(0);
}

static int try_setgroups(void)
{
    return setgroups(0, NULL);
}

static int try_bpf(void)
{
    return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int try_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}

static int try_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static int try_unix_stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int try_unix(void)
{
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int try_create(void)
{
    return open("/tmp/sandbox-probe", O_WRONLY | O_CREAT, 0600);
}

static int try_mkdir(void)
{
    return mkdir("/tmp/sandbox-probe", 0700);
}

static int try_unlink(void)
{
    return unlink(getenv("SECRET"));
}

static int try_chmod(void)
{
    return chmod(getenv("SECRET"), 0666);
}

static int try_write(void)
{
    return open(getenv("SECRET"), O_WRONLY);
}

/* A filter of system calls lets these by, or cannot see what they do. */
static int try_write_as_fifo(void)
{
    return open(getenv("SECRET"), O_WRONLY | O_NONBLOCK);
}

static int try_write_openat2(void)
{
    struct open_how how = {.flags = O_WRONLY};

    return (int)syscall(SYS_openat2, AT_FDCWD, getenv("SECRET"), &how, sizeof how);
}

static int try_read_secret(void)
{
    return open(getenv("SECRET"), O_RDONLY);
}

static int try_memory_of_others(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/mem", getppid());
    return open(path, O_RDONLY);
}

static int try_root_of_others(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/root", getppid());
    return open(path, O_PATH);
}

static int try_status_of_others(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/status", getppid());
    return open(path, O_RDONLY);
}

/* Without a reader: ENXIO, which comes after all permissions. */
static int try_fifo(void)
{
    return open(getenv("FIFO"), O_WRONLY | O_NONBLOCK);
}

static int try_watch(void)
{
    char *directory = strdup(getenv("FIFO"));
    int fd = inotify_init1(IN_CLOEXEC), r;

    *strrchr(directory, '/') = '\0';
    r = inotify_add_watch(fd, directory, IN_OPEN);
    free(directory);
    return r;
}

static int try_passwd(void)
{
    return getpwnam("root") == NULL ? -1 : 0;
}

static void *do_nothing(void *data)
{
    return data;
}

static int try_thread(void)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, do_nothing, NULL);
    if (errno != 0)
        return -1;
    return pthread_join(thread, NULL);
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"execve", try_execve},
    {"fork", try_fork},
    {"mount", try_mount},
    {"umount", try_umount},
    {"ptrace", try_ptrace},
    {"kill", try_kill},
    {"setuid", try_setuid},
    {"setgroups", try_setgroups},
    {"bpf", try_bpf},
    {"unshare", try_unshare},
    {"inet", try_inet},
    {"netlink", try_netlink},
    {"create", try_create},
    {"mkdir", try_mkdir},
    {"unlink", try_unlink},
    {"chmod", try_chmod},
    {"write", try_write},
    {"write-as-fifo", try_write_as_fifo},
    {"write-openat2", try_write_openat2},
    {"read-secret", try_read_secret},
    {"memory-of-others", try_memory_of_others},
    {"root-of-others", try_root_of_others},
    {"status-of-others", try_status_of_others},
    {"unix-stream", try_unix_stream},
    {"unix", try_unix},
    {"fifo", try_fifo},
    {"watch", try_watch},
    {"passwd", try_passwd},
    {"thread", try_thread},
};

static void show_status(void)
{
    char line[256];
    struct rlimit limit = {0};
    FILE *status = fopen("/proc/self/status", "re");

    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        fputs(line, stdout);
    printf("dumpable: %d\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    printf("in force: %s\n", ff_sandbox_text());
    getrlimit(RLIMIT_CORE, &limit);
    printf("core limit: %lld\n", (long long)limit.rlim_max);
}

static void take_word(FfSandbox *sandbox, const char *word)
{
    if (strcmp(word, "shared") == 0)
        sandbox->shared = TRUE;
    else if (strcmp(word, "trace") == 0)
        sandbox->trace = TRUE;
    else if (strcmp(word, "owners") == 0)
        sandbox->foreign_owners = TRUE;
    else if (strcmp(word, "debug") == 0)
        sandbox->debug = TRUE;
    else if (g_str_has_prefix(word, "user=")) {
        sandbox->change_user = TRUE;
        sandbox->uid = sandbox->gid = (uid_t)strtoul(word + strlen("user="), NULL, 10);
    }
}

int main(int argc, char **argv)
{
    FfSandbox sandbox = {.mountpoint = argv[1], .by_root = geteuid() == 0};
    g_autoptr(GError) error = NULL;

    for (int i = 2; i < argc; i++)
        take_word(&sandbox, argv[i]);
    if (!ff_sandbox_enter(&sandbox, &error)) {
        fprintf(stderr, "sandbox-probe: %s\n", error->message);
        return 1;
    }
    show_status();
    for (gsize i = 0; i < G_N_ELEMENTS(attempts); i++) {
        errno = 0;
        printf("%s: %s\n", attempts[i].name,
               attempts[i].attempt() < 0 ? strerrorname_np(errno) : "ok");
    }
    return 0;
}
