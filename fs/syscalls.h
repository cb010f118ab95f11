/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which system calls the daemon has: a list of what it needs (seccomp(2)). */
#pragma once

#include <glib.h>

typedef struct {
    /* Those that look into other processes. */
    gboolean trace;
    /* Those of io_uring. */
    gboolean io_uring;
    /*
     * Connections over unix sockets, as to who knows users (nscd, sssd). Not for anybody whom the
     * service manager or a container engine would listen to.
     */
    gboolean connections;
    /* Have the kernel log what is refused. */
    gboolean log;
} FfSyscalls;

/**
 * ff_syscalls_restrict() - forbid all that are not on the list, to this thread and those it starts
 *
 * It needs no_new_privs. What is forbidden fails with ENOSYS, as on a kernel without it: libraries
 * then do without. With FIFOFS_SECCOMP=trap in the environment the process is ended by SIGSYS instead,
 * after a line on stderr that names the call; so tests find what is missing on the list.
 *
 * Return: 0, -EOPNOTSUPP where the kernel has no such filters, or -errno.
 */
int ff_syscalls_restrict(const FfSyscalls *calls);
