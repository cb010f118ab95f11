/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The open file behind a descriptor of another process.
 *
 * To open an end of a FIFO only to look at its pipe would wake or fool whoever waits for it. With
 * pidfd_getfd(2) a holder's own open file is at hand instead. That needs the right to trace the
 * holder.
 */
#pragma once

#include "fileid.h"

/**
 * ff_borrow() - a descriptor of what another process has open
 * @pid, @number: the process and its descriptor, as they were seen
 * @file:         which file that was
 *
 * Return: a descriptor, or -errno; -ESRCH where the two numbers mean something else by now.
 */
int ff_borrow(pid_t pid, int number, const FfFileId *file);
