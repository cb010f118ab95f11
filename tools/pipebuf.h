/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much waits in a FIFO, and how much it can hold, without disturbing either end.
 *
 * To open an end only to look would wake or fool whoever waits for it. Instead a holder's own open
 * file is borrowed (pidfd_getfd), which needs the right to trace that process.
 */
#pragma once

#include "fifo.h"

/**
 * pipebuf_read() - fill in queued_bytes and capacity_bytes
 * @pid: a process that seems to have the FIFO open as its descriptor @number, not with O_PATH
 *
 * Return: whether it could be read; the FIFO is unchanged otherwise.
 */
gboolean pipebuf_read(Fifo *fifo, pid_t pid, int number);
