/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What no rule allows is forbidden, if it is of a kind that the rules are about; of what the kernel
 * at hand does not know yet there can be none (the ABI versions in Documentation/userspace-api/landlock.rst).
 * Descriptors that are open already stay as they are: /dev/fuse, the journal, the log.
 *
 * A rule is about what is at a path now and all below it. So files that others replace, as they do
 * with /etc/passwd, can only be allowed with all of their directory.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "autofd.h"
#include "config.h"
#include "fileid.h"
#include "node.h"

/* The headers may be older than the kernel. */
#define ACCESS_FS_UP_TO(bit) ((G_GUINT64_CONSTANT(1) << ((bit) + 1)) - 1)
#define ACCESS_NET_TCP       G_GUINT64_CONSTANT(3)
#define SCOPE_ABSTRACT_UNIX  G_GUINT64_CONSTANT(1)

#define READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE LANDLOCK_ACCESS_FS_WRITE_FILE

struct FfLandlock {
    int ruleset;
};

/* struct landlock_ruleset_attr as of ABI 6. Older kernels take it if what they do not know is 0. */
typedef struct {
    guint64 files;
    guint64 net;
    guint64 scoped;
} Handled;

static int version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* All that there is, but for ioctls of devices (ABI 5), which is one right more. */
static Handled everything(int abi)
{
    static const guint last_bits[] = {0, 12, 13, 14, 14, 15};
    guint last = last_bits[CLAMP(abi, 1, (int)G_N_ELEMENTS(last_bits) - 1)];

    return (Handled){
        .files = ACCESS_FS_UP_TO(last),
        .net = abi >= 4 ? ACCESS_NET_TCP : 0,
        /* Not signals: relays send SIGPIPE, and the filter of system calls lets no other go. */
        .scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX : 0,
    };
}

static void allow_descriptor(const FfLandlock *landlock, int fd, guint64 access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};

    if (syscall(SYS_landlock_add_rule, landlock->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        g_debug("no rule of Landlock: %s", g_strerror(errno));
}

/* What is not there needs no rule. */
static void allow(const FfLandlock *landlock, const char *path, guint64 access)
{
    g_auto(FfAutoFd) fd = open(path, O_PATH | O_CLOEXEC);

    if (fd >= 0)
        allow_descriptor(landlock, fd, access);
}

/* Nobody answers yet, so it is looked at as the kernel knows it. */
static void allow_mount(const FfLandlock *landlock, const char *mountpoint)
{
    g_auto(FfAutoFd) fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    FfFileInfo info;

    if (fd < 0 || ff_file_look(fd, "", &info) < 0 || info.id.ino != FF_ROOT_ID)
        g_warning("%s is not mounted where it was: its FIFOs cannot be opened", mountpoint);
    else
        allow_descriptor(landlock, fd, READ | WRITE);
}

static void allow_directory_of(const FfLandlock *landlock, const char *file)
{
    g_autofree char *directory = g_path_get_dirname(file);

    allow(landlock, directory, READ);
}

FfLandlock *ff_landlock_new(const char *mountpoint, const char *config)
{
    /* Names of users and groups are looked up at a reload, by whatever modules (nsswitch.conf(5)). */
    static const char *const readable[] = {
        "/proc",
        "/etc",
        "/usr",
        "/lib",
        "/lib64",
        FIFOFS_SYSCONFDIR "/fifofs",
        "/run/systemd/userdb",
        "/run/nscd",
        "/var/lib/sss",
    };
    int abi = version();
    Handled handled = everything(abi);
    g_autoptr(FfLandlock) landlock = g_new0(FfLandlock, 1);

    landlock->ruleset =
        abi < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (landlock->ruleset < 0) {
        g_debug("this kernel has no Landlock: files are protected by their modes alone");
        return NULL;
    }
    for (guint i = 0; i < G_N_ELEMENTS(readable); i++)
        allow(landlock, readable[i], READ);
    allow(landlock, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | WRITE);
    if (config != NULL)
        allow_directory_of(landlock, config);
    allow_mount(landlock, mountpoint);
    return g_steal_pointer(&landlock);
}

void ff_landlock_free(FfLandlock *landlock)
{
    if (landlock == NULL)
        return;
    if (landlock->ruleset >= 0)
        close(landlock->ruleset);
    g_free(landlock);
}

int ff_landlock_enter(const FfLandlock *landlock)
{
    return syscall(SYS_landlock_restrict_self, landlock->ruleset, 0) < 0 ? -errno : 0;
}
