/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Until all who are to be on a FIFO have come, fifoctl has both ends of it open.
 *
 * So nobody waits in open(), in whatever order programs open their files, nor for a stage that
 * ended before it did; and no reader meets an end of file because the first writer went before the
 * second came. When all have come or ended we close: from then on a reader finds the end when
 * its writers have closed, and a writer gets SIGPIPE when its reader has.
 *
 * Who gets an end as standard input or output has it from the start. Others open a path when they
 * like: inotify says that somebody has opened or closed something, and /proc who it was.
 */
#pragma once

#include "crew.h"
#include "rundir.h"

typedef struct Meeting Meeting;

/**
 * meeting_new() - create the FIFOs of a pipeline, and be on them
 * @capacity: bytes that each is to hold; 0 for what the kernel gives
 *
 * Return: NULL where that failed, which has been said.
 */
Meeting *meeting_new(const Pipeline *pipeline, const RunDir *directory, gint64 capacity);
void meeting_free(Meeting *meeting);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Meeting, meeting_free)

/**
 * meeting_open_end() - an end for a stage, which thereby has come
 * @line: an index
 * @flag: O_RDONLY or O_WRONLY
 *
 * Return: a descriptor or -errno.
 */
int meeting_open_end(Meeting *meeting, int line, const Stage *stage, int flag);

/* A stage has ended, and opens nothing any more. */
void meeting_end_stage(Meeting *meeting, const Stage *stage);

/* Return: readable when something was opened or closed. */
int meeting_fd(const Meeting *meeting);
void meeting_read_events(Meeting *meeting);

/* Look who has come. Return: whether somebody is still missing. */
gboolean meeting_look(Meeting *meeting, Crew *crew);

/**
 * meeting_queued() - how many bytes wait in a FIFO
 * @capacity: filled in: how many it can hold
 *
 * They are asked for through a descriptor of a stage, which is not disturbed by that.
 * Return: bytes, or -1 where that cannot be known.
 */
gint64 meeting_queued(Meeting *meeting, guint line, Crew *crew, gint64 *capacity);
