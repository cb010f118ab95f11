/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "canary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "quietthread.h"

/* Linux 6.9; include/uapi/linux/pidfd.h of Debian 12 is older. */
#define THREAD_FLAG O_EXCL

#define STACK_BYTES (64 * 1024)

typedef struct {
    pid_t number;
    sem_t known;
} Canary;

static gpointer sit(gpointer data)
{
    Canary *canary = data;

    /* A stopped process does not hear SIGTERM, which the main thread has for this (workers.c). */
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    canary->number = gettid();
    sem_post(&canary->known);
    for (;;)
        poll(NULL, 0, -1);
    return NULL;
}

pid_t ff_canary_start(void)
{
    /* The thread has no end at which it could be freed. */
    static Canary canary;
    pthread_t thread;
    int r;

    sem_init(&canary.known, 0, 0);
    r = ff_quiet_thread_start(sit, &canary, STACK_BYTES, 0, &thread);
    if (r < 0)
        return r;
    while (sem_wait(&canary.known) < 0)
        ;
    return canary.number;
}

int ff_canary_watch(pid_t canary)
{
    int fd = (int)syscall(SYS_pidfd_open, canary, THREAD_FLAG);

    return fd < 0 ? -errno : fd;
}

gboolean ff_canary_is_there(pid_t process, pid_t canary)
{
    return tgkill(process, canary, 0) == 0 || errno != ESRCH;
}
