/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes that create FIFOs, and how their end is noticed: one pidfd each, however many FIFOs
 * they create.
 */
#pragma once

#include <glib.h>

#include "registry.h"

typedef struct FfCreators FfCreators;

/**
 * ff_creators_new() - watch over creators
 * @context: where ends are noticed and told to the registry
 *
 * Return: NULL with errno set where the kernel gives no epoll.
 */
FfCreators *ff_creators_new(FfRegistry *registry, GMainContext *context);
void ff_creators_free(FfCreators *creators);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfCreators, ff_creators_free)

/**
 * ff_creators_get() - the process behind a request that is being served
 * @tid: the thread that FUSE names; it waits for the answer, so neither it nor its process can be
 *       mistaken for another. 0 for one in a pid namespace that the daemon cannot see.
 *
 * Registry locked.
 *
 * Return: (nullable): the process, good until the lock is released; NULL where it cannot be
 * watched.
 */
FfProcess *ff_creators_get(FfCreators *creators, pid_t tid);

/**
 * ff_creators_adopt() - watch over a creator from a journal
 *
 * One that has ended meanwhile counts as ended, also where another process has its number now.
 * Registry locked.
 */
void ff_creators_adopt(FfCreators *creators, FfProcess *process);
