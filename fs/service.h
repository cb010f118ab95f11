/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a service manager is told: sd_notify(3). Without one, or built without libsystemd, these do
 * nothing. Any thread.
 */
#pragma once

/* The mount answers. */
void ff_service_ready(const char *mountpoint);

void ff_service_reloading(void);
void ff_service_stopping(void);
