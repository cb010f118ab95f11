/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order matters: files that rules name are opened while every path can be reached, the user is
 * changed while that is allowed, and the filter of system calls comes last, as it forbids all the
 * rest. Landlock and seccomp each need no_new_privs, if not by a capability that is gone by then.
 *
 * The kernel lets nobody but uid and gid of who has mounted it into a private mount, whatever his
 * capabilities (fs/fuse/dir.c fuse_allow_current_process()), and the daemon watches directories of
 * its own mount. So the daemon of a private mount of root's stays uid 0, which owns most files there
 * are: there Landlock is what keeps it from them.
 *
 * Landlock also forbids to look into any process that is not under the same rules, by ptrace's own
 * check (security/landlock/task.c hook_ptrace_access_check()), which everything asks that
 * open-timeout and capacity are made of: /proc/PID/syscall, wchan and fd, process_vm_readv(2),
 * pidfd_getfd(2). So it is either Landlock or those.
 */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "landlock.h"
#include "syscalls.h"

/*
 * Sanitizers look into the process at its end, from a process of their own, and write files. Under
 * them only what does not disturb that is given up.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED TRUE
#elif defined(__has_feature)
/* As clang says it. */
#define IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define IS_SANITIZED FALSE
#endif

static char in_force[128] = "none";

static gboolean fail(GError **error, const char *what)
{
    int code = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code), "cannot %s: %s", what,
                g_strerror(code));
    return FALSE;
}

/* --- capabilities --- */

static gboolean reaches_directories_of_others(const FfSandbox *sandbox)
{
    return sandbox->shared || sandbox->foreign_owners || sandbox->trace;
}

static gboolean traces(const FfSandbox *sandbox)
{
    return sandbox->trace;
}

/* Each is explained in fifofs(8). */
static const struct {
    guint capability;
    gboolean (*is_needed)(const FfSandbox *sandbox);
} needs[] = {
    /* To watch directories of the mount that others have closed to us; /proc/PID/fd, syscall. */
    {CAP_DAC_READ_SEARCH, reaches_directories_of_others},
    /* To look into processes of others, and to borrow their descriptors. */
    {CAP_SYS_PTRACE, traces},
    /*
     * To open FIFOs of others: for who has created one exclusively, and the writing end for a reader
     * who has waited for too long.
     */
    {CAP_DAC_OVERRIDE, reaches_directories_of_others},
};

/* Before the user is changed, which needs some of those that go. What we do not have, as in a container, we do without. */
static void choose_capabilities(const FfSandbox *sandbox)
{
    gboolean have[G_N_ELEMENTS(needs)];

    capng_get_caps_process();
    for (guint i = 0; i < G_N_ELEMENTS(needs); i++)
        have[i] = capng_have_capability(CAPNG_PERMITTED, needs[i].capability) != 0;
    capng_clear(CAPNG_SELECT_ALL);
    for (guint i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (!sandbox->by_root || !needs[i].is_needed(sandbox))
            continue;
        if (have[i])
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, needs[i].capability);
        else
            g_message("without the capability %s some of what was asked for will not work",
                      capng_capability_to_name(needs[i].capability));
    }
}

/* An ordinary user may not, and need not: nothing is ever executed. */
static void empty_bounding_set(void)
{
    for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
            return;
}

static gboolean change_user(const FfSandbox *sandbox, GError **error)
{
    pid_t parent = getppid();
    int death_signal = 0;

    if (sandbox->by_root && setgroups(0, NULL) < 0)
        return fail(error, "give up the supplementary groups");
    if (!sandbox->change_user)
        return TRUE;
    prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
        setresgid(sandbox->gid, sandbox->gid, sandbox->gid) < 0 ||
        setresuid(sandbox->uid, sandbox->uid, sandbox->uid) < 0)
        return fail(error, "become the user of the daemon");
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    /* A change of user takes it back (kernel/cred.c commit_creds()). */
    prctl(PR_SET_PDEATHSIG, (unsigned long)death_signal, 0, 0, 0);
    if (death_signal == 0 || getppid() == parent)
        return TRUE;
    errno = ESRCH;
    return fail(error, "go on without the supervisor");
}

static gboolean drop_capabilities(GError **error)
{
    /* With the inheritable set go the ambient ones (kernel/capability.c). */
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        return fail(error, "give up capabilities");
    return TRUE;
}

/* --- */

static void set_limits(const FfSandbox *sandbox)
{
    const struct rlimit nothing = {0, 0};

    /* A core has in it what the daemon knows of everybody. */
    if (!sandbox->debug)
        setrlimit(RLIMIT_CORE, &nothing);
    /*
     * Nobody else of the same user, as another of our daemons, is to look into or change this one.
     * A user's own daemon he may look into as into all of his.
     */
    if (sandbox->by_root && !IS_SANITIZED)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static gboolean is_alone(void)
{
    struct stat st;

    /* A directory for each thread, and "." and "..". */
    return IS_SANITIZED || stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
}

static void note(const char *what)
{
    if (g_str_equal(in_force, "none"))
        *in_force = '\0';
    else
        g_strlcat(in_force, ", ", sizeof in_force);
    g_strlcat(in_force, what, sizeof in_force);
}

static gboolean restrict_files(FfLandlock *landlock, GError **error)
{
    int r = landlock == NULL ? 0 : ff_landlock_enter(landlock);

    if (r >= 0) {
        if (landlock != NULL)
            note("landlock");
        return TRUE;
    }
    errno = -r;
    return fail(error, "enter the Landlock rules");
}

static gboolean restrict_calls(const FfSandbox *sandbox, GError **error)
{
    const FfSyscalls calls = {
        .trace = sandbox->trace,
        .io_uring = sandbox->io_uring,
        /* A capability would open sockets that are closed to that user. */
        .connections = sandbox->change_user && !sandbox->trace,
        .log = sandbox->debug,
    };
    int r = IS_SANITIZED ? -EOPNOTSUPP : ff_syscalls_restrict(&calls);

    /* The kernel has none. */
    if (r == -EOPNOTSUPP)
        return TRUE;
    if (r == 0) {
        note("seccomp");
        return TRUE;
    }
    errno = -r;
    return fail(error, "have system calls filtered");
}

gboolean ff_sandbox_enter(const FfSandbox *sandbox, GError **error)
{
    g_autoptr(FfLandlock) landlock = NULL;

    if (!is_alone()) {
        errno = EBUSY;
        return fail(error, "give up privileges while there are several threads");
    }
    if (!sandbox->trace && !IS_SANITIZED)
        landlock = ff_landlock_new(sandbox->mountpoint, sandbox->config);
    choose_capabilities(sandbox);
    empty_bounding_set();
    if (!change_user(sandbox, error) || !drop_capabilities(error))
        return FALSE;
    set_limits(sandbox);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(error, "give up new privileges");
    if (!restrict_files(landlock, error) || !restrict_calls(sandbox, error))
        return FALSE;
    g_debug("user %u, group %u; in force: %s", geteuid(), getegid(), in_force);
    return TRUE;
}

const char *ff_sandbox_text(void)
{
    return in_force;
}
