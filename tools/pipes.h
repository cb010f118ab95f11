/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of FIFOs that the daemon of a mount gives: MOUNTPOINT/.fifofs/pipes, one JSON object per
 * line.
 *
 * Anybody can mount something that calls itself fifofs, and root may be the one who lists it. So
 * nothing in the list is trusted: lines have a greatest length, what is missing or of the wrong
 * type gets a harmless value, and a daemon that does not answer is given up after a while.
 */
#pragma once

#include "fifo.h"

/**
 * pipes_read() - all FIFOs of one file system that the caller may list
 * @mount: a mount that shows the file system from its root
 * @take:  called for each FIFO, which it owns from then on
 *
 * Return: 0 or -errno; FIFOs may have been given to @take before a failure. -ETIMEDOUT: the daemon
 * does not answer; -EBADMSG: what it says is no list of FIFOs; -ESTALE: another mount hides this
 * one.
 */
int pipes_read(const Mount *mount, void (*take)(Fifo *fifo, gpointer data), gpointer data);
