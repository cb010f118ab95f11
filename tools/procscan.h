/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is on the FIFOs: one walk through /proc for all of them.
 *
 * A holder is recognised by device and inode number behind the links in /proc/PID/fd. The text of
 * these links says nothing: the daemon lets the kernel forget names to find out who holds them, and
 * then it ends in "(deleted)".
 *
 * Descriptors that are on their way in a socket, mapped by io_uring or in a thread with a table of
 * its own are not found. What the caller may not look into is counted, so that nobody takes silence
 * for absence.
 */
#pragma once

#include "fifo.h"

typedef struct {
    /* Processes whose descriptors the caller may not see. */
    guint unknown_processes;
    /* Threads that wait in the open() of some FIFO that could not be told. */
    guint unresolved_waiters;
    /* /proc is mounted so that it leaves out processes of other users. */
    gboolean processes_hidden;
} ScanResult;

/**
 * procscan_run() - fill in the holders of FIFOs
 * @mounts:       array of Mount: all fifofs mounts
 * @fifos:        array of Fifo
 * @want_buffers: also fill in queued_bytes and capacity_bytes
 *
 * Return: 0 or -errno where there is no /proc.
 */
int procscan_run(const GPtrArray *mounts, const GPtrArray *fifos, gboolean want_buffers,
                 ScanResult *result);
