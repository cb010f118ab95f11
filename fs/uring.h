/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests over io_uring: can it be had, and is it in use?
 *
 * libfuse then serves requests from a ring and a thread for each processor (the *ring threads*);
 * the request thread is left with FORGET and INTERRUPT. Where something is missing at run time,
 * libfuse does without, says little, and the mount works as any other. So we look and say more.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

/* Return: what this build lacks for it, for people to read, or NULL. */
const char *ff_uring_missing(void);

/*
 * The session is about to begin: libfuse says nothing, unless @debug, until one of the checks below
 * has said it in one line.
 */
void ff_uring_prepare(gboolean debug);

/*
 * Have a request that came over a ring answered by @func, in a thread which does nothing else. The
 * place in the ring is then that thread's, and a next request that comes by it cannot be served
 * before the thread has run once (io_uring_cmd_complete_in_task()). So it must be one that never
 * waits for the mount: not the watch thread, nor the main thread with its notifications.
 */
void ff_uring_answer(void (*func)(gpointer data), gpointer data);

/* Have a request that was kept back answered by @func: so where it came over a ring, else now. */
void ff_uring_go_on(fuse_req_t req, void (*func)(gpointer data), gpointer data);

/* Wait for what ff_uring_answer() was given; nothing more comes. */
void ff_uring_finish(void);

/* Did the request come over a ring? Before it is answered. */
gboolean ff_uring_carries(fuse_req_t req);

/*
 * The kernel and we are about to agree on what is used: warn where it offers no rings. From the
 * init request.
 */
void ff_uring_check_offer(const struct fuse_conn_info *conn);

/*
 * Warn, once, where libfuse could not make the rings: the kernel sends nothing in another way
 * before they work (fs/fuse/dev.c fuse_block_alloc()), so the first request shows it.
 */
void ff_uring_check_request(fuse_req_t req);
