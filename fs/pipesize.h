/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving the pipe behind an open FIFO another size.
 *
 * Only somebody who has it open can do that (fcntl(2), F_SETPIPE_SZ), and to open it ourselves would
 * wake or fool those who wait for the other end. So the descriptor of a process that has it open is
 * borrowed, with pidfd_getfd(2), which needs the right to trace that process.
 */
#pragma once

#include <glib.h>

#include "fileid.h"

/*
 * With some capabilities a pipe may take any amount of memory, whosever it is. Whoever sets the
 * capacity of his FIFO is to get what he could give it himself (fs/pipe.c is_unprivileged_user()).
 * So the calling thread gives them up. Return: whether it could.
 */
gboolean ff_pipe_respect_limits(void);

/* As ff_pipe_resize(), of a descriptor that we have. */
gint64 ff_pipe_resize_end(int fd, gint64 capacity);

/**
 * ff_pipe_resize() - find a process that has the FIFO open, and set the size
 * @fifo:     which FIFO; the mount is not asked for it
 * @tids:     threads to look at, of which one has probably opened it just now; NULL for all there are
 * @capacity: bytes; where as many are not allowed, half of it, and so on
 *
 * Return: the size that it has now, or -errno; -ESRCH where nobody is seen to have it open.
 */
gint64 ff_pipe_resize(const FfFileId *fifo, const GArray *tids, gint64 capacity);
