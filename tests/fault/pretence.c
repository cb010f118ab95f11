/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the daemon: a clock that was set, a kernel that is older than this one, and a machine
 * that is slow at the wrong moment.
 *
 * FIFOFS_PRETENCE names a file of two bytes of hours by which the wall clock is wrong, as a signed number in
 * the machine's order; it is mapped, so that a test can set the clock at any time. FIFOFS_OLD_KERNEL has the
 * kernel refuse to send requests again and to watch threads, as it did before Linux 6.9. With
 * FIFOFS_SLOW_LOOK it takes a while until who has opened the control directory goes on. Nobody executes a
 * worker while there is a file with the name that FIFOFS_SLOW_EXEC is set to. With FIFOFS_RESTARTING there
 * is a systemd that is restarting the service, else there is none.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NOTIFY_RESEND    7
#define LOOK_USEC        500000
#define EXEC_LOOK_USEC   10000
#define SECONDS_PER_HOUR 3600

/* PIDFD_THREAD, which the headers of Debian 12 do not have. */
#define OF_A_THREAD    O_EXCL
#define MOST_ARGUMENTS 6

static const volatile int16_t *hours;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_openat)(int, const char *, int, ...);
static long (*real_syscall)(long, ...);
static int (*real_fexecve)(int, char *const *, char *const *);

__attribute__((constructor)) static void prepare(void)
{
    const char *path = getenv("FIFOFS_PRETENCE");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map;

    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_syscall = dlsym(RTLD_NEXT, "syscall");
    real_fexecve = dlsym(RTLD_NEXT, "fexecve");
    if (fd < 0)
        return;
    map = mmap(NULL, sizeof *hours, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        hours = map;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int r = real_clock_gettime(clock, now);

    if (r == 0 && clock == CLOCK_REALTIME && hours != NULL)
        now->tv_sec += *hours * SECONDS_PER_HOUR;
    return r;
}

static int is_old_kernel(void)
{
    return getenv("FIFOFS_OLD_KERNEL") != NULL;
}

static int asks_for_requests(const struct iovec *parts)
{
    const struct fuse_out_header *header = parts[0].iov_base;

    return parts[0].iov_len == sizeof *header && header->unique == 0 &&
           header->error == NOTIFY_RESEND;
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    if (n > 0 && asks_for_requests(parts) && is_old_kernel()) {
        errno = EINVAL;
        return -1;
    }
    return real_writev(fd, parts, n);
}

/* Those that are not there are not looked at by the kernel. */
long syscall(long number, ...)
{
    long of[MOST_ARGUMENTS];
    va_list rest;

    va_start(rest, number);
    for (int i = 0; i < MOST_ARGUMENTS; i++)
        of[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_pidfd_open && ((unsigned)of[1] & OF_A_THREAD) != 0 && is_old_kernel()) {
        errno = EINVAL;
        return -1;
    }
    return real_syscall(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

/* The mode is there only where a file is made; elsewhere it is not looked at. */
int openat64(int directory, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list rest;
    int fd;

    va_start(rest, flags);
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)
        mode = va_arg(rest, mode_t);
    va_end(rest);
    fd = real_openat(directory, path, flags, mode);
    if (fd >= 0 && strcmp(path, ".fifofs") == 0 && getenv("FIFOFS_SLOW_LOOK") != NULL)
        usleep(LOOK_USEC);
    return fd;
}

/* A signal ends one nap, and what it does shows after that. */
int fexecve(int fd, char *const arguments[], char *const environment[])
{
    const char *path = getenv("FIFOFS_SLOW_EXEC");

    while (path != NULL && access(path, F_OK) == 0)
        usleep(EXEC_LOOK_USEC);
    return real_fexecve(fd, arguments, environment);
}

/* What fs/service.c asks on the bus; nothing else does. Their header is not everywhere. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

int sd_bus_open_system(void **bus)
{
    static int only;

    *bus = &only;
    return getenv("FIFOFS_RESTARTING") == NULL ? -ENOENT : 0;
}

int sd_bus_open_user(void **bus)
{
    return sd_bus_open_system(bus);
}

int sd_bus_set_method_call_timeout(void *bus, uint64_t usec)
{
    return 0;
}

int sd_bus_call_method(void *bus, const char *destination, const char *path, const char *interface,
                       const char *member, void *error, void **reply, const char *types, ...)
{
    return 0;
}

int sd_bus_get_property(void *bus, const char *destination, const char *path, const char *interface,
                        const char *member, void *error, void **reply, const char *type)
{
    return 0;
}

/* An object path, or the number of a job and one. */
int sd_bus_message_read(void *message, const char *types, ...)
{
    va_list rest;

    va_start(rest, types);
    if (strcmp(types, "(uo)") == 0)
        *va_arg(rest, uint32_t *) = 1;
    *va_arg(rest, const char **) = "/";
    va_end(rest);
    return 1;
}

int sd_bus_get_property_string(void *bus, const char *destination, const char *path,
                               const char *interface, const char *member, void *error, char **value)
{
    *value = strdup("restart");
    return 0;
}

void *sd_bus_flush_close_unref(void *bus)
{
    return NULL;
}
