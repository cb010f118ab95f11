/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quietthread.h"

#include <limits.h>
#include <signal.h>

int ff_quiet_thread_start(gpointer (*func)(gpointer data), gpointer data, gsize stack_bytes,
                          int wanted, pthread_t *thread)
{
    pthread_attr_t attributes;
    sigset_t blocked, before;
    int r;

    sigfillset(&blocked);
    if (wanted != 0)
        sigdelset(&blocked, wanted);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, MAX((gsize)PTHREAD_STACK_MIN, stack_bytes));
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    r = pthread_create(thread, &attributes, func, data);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -r;
}
