/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process that is killed is not gone before its last thread is. But a thread that waits for the
 * mount, in fstat() of a directory or for the lock of one which somebody has that is being served,
 * waits for an answer that only the next worker will give: the kernel lets no signal end that (fs/fuse/dev.c
 * request_wait_answer()). So whoever waited for the end of the process, to start the next one, would
 * wait for ever.
 *
 * The *canary* is a thread that does nothing. Its end says that the process is being killed.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/**
 * ff_canary_start() - have one in this process
 *
 * Return: its number, or -errno.
 */
pid_t ff_canary_start(void);

/**
 * ff_canary_watch() - a descriptor that can be read once that thread is gone
 *
 * Return: it, or -errno: -EINVAL before Linux 6.9.
 */
int ff_canary_watch(pid_t canary);

/* For where it cannot be watched: is that thread of the process still there? */
gboolean ff_canary_is_there(pid_t process, pid_t canary);
