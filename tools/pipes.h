/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of FIFOs that the daemon of a mount gives: MOUNTPOINT/.fifofs/pipes, one JSON object per
 * line.
 *
 * Nothing in the list is trusted (lines.h): what is missing or of the wrong type gets a harmless
 * value.
 */
#pragma once

#include "fifo.h"

/**
 * pipes_read() - all FIFOs of one file system that the caller may list
 * @mounts: array of Mount, through one of which the list is seen
 * @take:   called for each FIFO, which it owns from then on
 *
 * Return: 0 or -errno, as lines_read(); FIFOs may have been given to @take before a failure.
 */
int pipes_read(const GPtrArray *mounts, dev_t dev, void (*take)(Fifo *fifo, gpointer data),
               gpointer data);
