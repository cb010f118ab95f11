/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that get no signal which is meant for the process, need little memory, and are waited for by
 * nobody.
 */
#pragma once

#include <glib.h>
#include <pthread.h>

/**
 * ff_quiet_thread_start() - start one
 * @stack_bytes: what it needs at most
 * @wanted:      the signal that it gets all the same, by pthread_kill(); 0 for none
 * @thread:      set to it
 *
 * Return: 0 or -errno.
 */
int ff_quiet_thread_start(gpointer (*func)(gpointer data), gpointer data, gsize stack_bytes,
                          int wanted, pthread_t *thread);
