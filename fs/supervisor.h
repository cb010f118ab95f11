/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process that mounts, keeps what must not be lost, has a worker serve, and unmounts.
 *
 * It answers no request, so that there is little that it could die of. A worker that has died is
 * replaced by one that finds everything in the journal. At SIGUSR2 the worker makes room for one of
 * the program that is on the disk by then.
 */
#pragma once

#include "arguments.h"
#include "options.h"
#include "stored.h"

/**
 * ff_supervise() - mount and see to it until the end
 * @options:    what was looked at already, or ff_stored_options(); their mountpoint is absolute
 * @stored:     (nullable): go on with that mount; the descriptors are taken over
 * @argv:       what a worker is started with
 * @foreground: else it goes into the background, and returns only there
 *
 * Return: the exit code; what is to be said has been said.
 */
int ff_supervise(const FfOptions *options, const FfStored *stored, char **argv,
                 gboolean foreground);
