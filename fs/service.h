/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a service manager is told: sd_notify(3). Without one, or built without libsystemd, these do
 * nothing. Any thread.
 */
#pragma once

#include <glib.h>

/* The mount answers. */
void ff_service_ready(const char *mountpoint);

/*
 * Descriptors that the manager keeps while we are not there, under a name: sd_pid_notify_with_fds(3).
 */
void ff_service_store(const char *name, int fd);

/**
 * ff_service_take_stored() - one that was given to the manager before
 *
 * Return: a descriptor that is the caller's, or -1.
 */
int ff_service_take_stored(const char *name);

/* It is not needed any more. */
void ff_service_remove_stored(const char *name);

/**
 * ff_service_is_restarting() - we were asked to end: are we to be started again at once?
 *
 * Asks the manager what it is about. FALSE where there is none, or it does not say.
 */
gboolean ff_service_is_restarting(void);

void ff_service_reloading(void);
void ff_service_stopping(void);
