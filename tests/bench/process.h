/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes of other programs: started, awaited and ended by their id, and never outliving the benchmark. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/**
 * process_start() - run a program beside us
 * @argv: the program, found on $PATH, and its arguments
 *
 * Return: its id, which process_end() takes back; 0 with @error set where it cannot be started.
 */
pid_t process_start(char **argv, GError **error);

/* Run a program to its end. Return: FALSE with @error set unless its exit code is 0. */
gboolean process_run(char **argv, GError **error);

/* Has it ended by itself? Its exit status is gone after that. */
gboolean process_has_ended(pid_t pid);

/* End it: it is asked first, and killed if it does not listen. */
void process_end(pid_t pid);

/* To be called in a child before anything else: it dies with its parent, and no signal is blocked. */
void process_follow_parent(gpointer unused);
