/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the configuration file again while the mount is in use.
 */
#pragma once

#include "arguments.h"
#include "daemon.h"

/**
 * ff_reload() - take what the file says now
 *
 * What only a new mount can change is logged, and stays. Main thread.
 *
 * Return: FALSE with an FF_OPTIONS_ERROR, and nothing changed.
 */
gboolean ff_reload(FfDaemon *daemon, const FfArguments *arguments, GError **error);

/* Make the FIFOs that are declared. Main thread. */
void ff_reload_make_declared(FfDaemon *daemon);

/* Keep the configuration that is in force for who may come after us. Registry locked. */
void ff_reload_keep_config(FfDaemon *daemon);

/* The options with the configuration that was kept, or that of the file where none was. Return: NULL with an FF_OPTIONS_ERROR. */
FfOptions *ff_reload_kept_options(FfDaemon *daemon, const FfArguments *arguments, GError **error);
