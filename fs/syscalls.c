/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A call that is on the list without conditions costs nothing: the kernel keeps a bitmap of those
 * (kernel/seccomp.c seccomp_cache_check_allow()).
 *
 * An unexpected call is not worth the life of the daemon, which would come again after each
 * restart: it fails as if the kernel were too old for it.
 *
 * A filter sees numbers, not what pointers lead to. So it cannot tell what openat2(2) is to do,
 * which is needed to walk the mount without waiting; nor clone3(2), which libc does without. And
 * what is asked for through the rings of io_uring is no system call. What files can be written is
 * up to Landlock, where that is; what is said of openat(2) here stops mistakes, nobody on purpose.
 */
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* fcntl.h has O_TMPFILE, which is this and O_DIRECTORY. */
#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)

/* Of the flags of an open, those that make, empty or write files. */
#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | TMPFILE)

/* The calls by name, as what one architecture has another may not. */
static const char *const always[] = {
    /* what is open */
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "lseek",
    "_llseek",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "fcntl64",
    "ftruncate",
    "ftruncate64",
    "fallocate",
    "fadvise64",
    "splice",
    "tee",
    "vmsplice",
    "sendfile",
    "memfd_create",
    /* names and attributes, read only */
    "openat2",
    "stat",
    "stat64",
    "lstat",
    "lstat64",
    "fstat",
    "fstat64",
    "newfstatat",
    "fstatat64",
    "statx",
    "getxattr",
    "statfs",
    "statfs64",
    "fstatfs",
    "fstatfs64",
    "readlink",
    "readlinkat",
    "access",
    "faccessat",
    "faccessat2",
    "getdents64",
    "getcwd",
    "chdir",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    /* memory */
    "brk",
    "mmap",
    "mmap2",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "msync",
    "membarrier",
    /* waiting */
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "pselect6_time64",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_settime64",
    "timerfd_gettime",
    "signalfd4",
    "pipe2",
    "futex",
    "futex_time64",
    "futex_waitv",
    "nanosleep",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "restart_syscall",
    /* time */
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "clock_getres_time64",
    "gettimeofday",
    "time",
    "times",
    /* threads and signals of our own */
    "set_robust_list",
    "get_robust_list",
    "set_tid_address",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "sigaltstack",
    "alarm",
    "setitimer",
    "sched_yield",
    "sched_getaffinity",
    "sched_getattr",
    "sched_setattr",
    "sched_getparam",
    "sched_getscheduler",
    "exit",
    "exit_group",
    /* who am I, and who is that */
    "getpid",
    "gettid",
    "getppid",
    "getpgid",
    "getpgrp",
    "getsid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "getresuid",
    "getresgid",
    "getuid32",
    "geteuid32",
    "getgid32",
    "getegid32",
    "getpriority",
    "getrlimit",
    "ugetrlimit",
    "getrusage",
    "uname",
    "sysinfo",
    "getrandom",
    "pidfd_open",
    "capget",
    /* Can only give up more. */
    "capset",
    /* unix sockets: the log, names of users, the supervisor */
    "connect",
    "sendto",
    "recvfrom",
    "sendmsg",
    "sendmmsg",
    "recvmsg",
    "getsockopt",
    "setsockopt",
    "getsockname",
    "getpeername",
    "shutdown",
};

static const char *const tracing[] = {"process_vm_readv", "pidfd_getfd"};

static const char *const rings[] = {"io_uring_setup", "io_uring_enter", "io_uring_register"};

static const unsigned int ioctls[] = {FIONREAD, FIONBIO, FIOCLEX, TCGETS};

static const int prctls[] = {
    PR_SET_NAME,     PR_GET_NAME,    PR_GET_DUMPABLE,     PR_CAP_AMBIENT,
    PR_CAPBSET_READ, PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS, PR_SET_PDEATHSIG,
};

/* Adds up what goes wrong, so that it needs to be looked at only once. */
typedef struct {
    scmp_filter_ctx filter;
    int result;
} Rules;

static void allow_if(Rules *rules, const char *name, guint n, const struct scmp_arg_cmp *conditions)
{
    int number = seccomp_syscall_resolve_name(name);
    int r;

    /* This libseccomp or this architecture has none of that name. */
    if (number == __NR_SCMP_ERROR || number < 0)
        return;
    r = seccomp_rule_add_array(rules->filter, SCMP_ACT_ALLOW, number, n, conditions);
    if (r < 0)
        rules->result = r;
}

/* Said to be not permitted, which those who ask can live with: no reason to be ended. */
static void refuse_if(Rules *rules, const char *name, guint n,
                      const struct scmp_arg_cmp *conditions)
{
    int number = seccomp_syscall_resolve_name(name);
    int r = number == __NR_SCMP_ERROR || number < 0
                ? 0
                : seccomp_rule_add_array(rules->filter, SCMP_ACT_ERRNO(EACCES), number, n,
                                         conditions);

    /* EACCES: that is what happens to all others anyway. */
    if (r < 0 && r != -EACCES)
        rules->result = r;
}

static void allow_all(Rules *rules, const char *const *names, guint n)
{
    for (guint i = 0; i < n; i++)
        allow_if(rules, names[i], 0, NULL);
}

static void allow_where(Rules *rules, const char *name, guint argument, guint64 mask, guint64 value)
{
    const struct scmp_arg_cmp condition = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);

    allow_if(rules, name, 1, &condition);
}

/* Integers are 32 bits wide, and what is above them in the register is nobody's business. */
#define WHOLE 0xffffffff

static void allow_opens(Rules *rules, const char *name, guint argument)
{
    allow_where(rules, name, argument, WRITING, O_RDONLY);
    /* An end of a FIFO. */
    allow_where(rules, name, argument, WRITING | O_NONBLOCK, O_WRONLY | O_NONBLOCK);
    /* Both ends of one, and /dev/null, for libfuse and when we go into the background. */
    allow_where(rules, name, argument, WRITING, O_RDWR);
    /* O_PATH ignores the rest. */
    allow_where(rules, name, argument, O_PATH, O_PATH);
}

/* What is above the type of a socket are flags (net/socket.c). */
#define SOCK_TYPES 0xf

static void allow_on_conditions(Rules *rules, const FfSyscalls *calls)
{
    /* Datagrams are for the log. */
    const struct scmp_arg_cmp unix_socket[] = {
        SCMP_A0_64(SCMP_CMP_MASKED_EQ, WHOLE, AF_UNIX),
        SCMP_A1_64(SCMP_CMP_MASKED_EQ, SOCK_TYPES, SOCK_DGRAM)};
    const struct scmp_arg_cmp unix_stream[] = {
        SCMP_A0_64(SCMP_CMP_MASKED_EQ, WHOLE, AF_UNIX),
        SCMP_A1_64(SCMP_CMP_MASKED_EQ, SOCK_TYPES, SOCK_STREAM)};
    const struct scmp_arg_cmp only_ask[] = {SCMP_A0_64(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0)};

    allow_opens(rules, "open", 1);
    allow_opens(rules, "openat", 2);
    allow_if(rules, "socket", calls->connections ? 1 : 2, unix_socket);
    /* For names of users glibc asks a server first, and files if it is not to be had. */
    if (!calls->connections)
        refuse_if(rules, "socket", G_N_ELEMENTS(unix_stream), unix_stream);
    allow_where(rules, "socketpair", 0, WHOLE, AF_UNIX);
    allow_where(rules, "clone", 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM);
    allow_where(rules, "tgkill", 0, WHOLE, (guint64)getpid());
    /* Who writes to a FIFO without readers by a relay. */
    allow_where(rules, "tkill", 1, WHOLE, SIGPIPE);
    allow_if(rules, "prlimit64", G_N_ELEMENTS(only_ask), only_ask);
    for (guint i = 0; i < G_N_ELEMENTS(ioctls); i++)
        allow_where(rules, "ioctl", 1, WHOLE, ioctls[i]);
    for (guint i = 0; i < G_N_ELEMENTS(prctls); i++)
        allow_where(rules, "prctl", 0, WHOLE, (guint64)prctls[i]);
}

/* --- for tests --- */

static void write_text(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return;
}

/* Only what may be called in a handler. */
static void on_refused(int signal_number, siginfo_t *info, void *context)
{
    char digits[16], *digit = digits + sizeof digits - 1;
    unsigned int number = (unsigned int)info->si_syscall;

    *digit = '\0';
    do
        *--digit = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    write_text("fifofs: not on the list of system calls: ");
    write_text(digit);
    write_text("\n");
    signal(SIGSYS, SIG_DFL);
    raise(SIGSYS);
}

static gboolean wants_trap(void)
{
    return g_strcmp0(g_getenv("FIFOFS_SECCOMP"), "trap") == 0;
}

static void catch_refusals(void)
{
    struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};

    sigaction(SIGSYS, &action, NULL);
}

/* --- */

static void add_rules(Rules *rules, const FfSyscalls *calls)
{
    int clone3 = seccomp_syscall_resolve_name("clone3");

    allow_all(rules, always, G_N_ELEMENTS(always));
    if (calls->trace)
        allow_all(rules, tracing, G_N_ELEMENTS(tracing));
    /* Without CAP_DAC_READ_SEARCH it is refused by the kernel itself. */
    allow_if(rules, "open_by_handle_at", 0, NULL);
    if (calls->io_uring)
        allow_all(rules, rings, G_N_ELEMENTS(rings));
    allow_on_conditions(rules, calls);
    /* libc takes clone() then, trap or not. */
    if (wants_trap() && clone3 >= 0)
        rules->result = MIN(rules->result,
                            seccomp_rule_add(rules->filter, SCMP_ACT_ERRNO(ENOSYS), clone3, 0));
}

int ff_syscalls_restrict(const FfSyscalls *calls)
{
    uint32_t refuse = wants_trap() ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(ENOSYS);
    Rules rules = {.filter = seccomp_init(refuse)};

    if (rules.filter == NULL)
        return -ENOMEM;
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        seccomp_release(rules.filter);
        return -EOPNOTSUPP;
    }
    add_rules(&rules, calls);
    seccomp_attr_set(rules.filter, SCMP_FLTATR_CTL_LOG, calls->log);
    if (wants_trap())
        catch_refusals();
    if (rules.result == 0)
        rules.result = seccomp_load(rules.filter);
    seccomp_release(rules.filter);
    return rules.result;
}
