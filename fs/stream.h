/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open handles of `.fifofs/events`: reads that wait, and polls.
 *
 * A read that finds nothing is kept until there is something, in as little as a record each, and is
 * answered by the main thread. It can be interrupted at any time.
 */
#pragma once

#include <fuse_lowlevel.h>
#include <glib.h>

#include "events.h"
#include "journal.h"
#include "packing.h"
#include "session.h"

/* All of a mount's. */
typedef struct FfStreams FfStreams;
/* One open handle. */
typedef struct FfStream FfStream;

/* @context: where reads that have waited are answered. */
FfStreams *ff_streams_new(FfRegistry *registry, GMainContext *context);

/* Some request was interrupted, of which libfuse may not tell. Any thread. */
void ff_streams_interrupted(FfStreams *streams);

/* No stream is open any more, or the session is gone. Accepts NULL. */
void ff_streams_free(FfStreams *streams);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfStreams, ff_streams_free)

/* Where it is kept how many events there were. Before there are streams. */
void ff_streams_set_journal(FfStreams *streams, FfJournal *journal);

/* All streams that there were are open again: tell their readers. Registry locked. */
void ff_streams_take_over(FfStreams *streams, FfSession *session);

const FfEvents *ff_streams_events(const FfStreams *streams);

/* Of an open handle: called, with the registry locked, when what ff_stream_save() says changes. */
typedef void (*FfStreamChanged)(gpointer data);

FfStream *ff_stream_open(FfStreams *streams, const FfCaller *caller, gboolean sees_all,
                         FfStreamChanged changed, gpointer data);
void ff_stream_close(FfStream *stream);

/* Append all that another process needs to go on with it. Registry locked. */
void ff_stream_save(const FfStream *stream, GByteArray *out);

/* The same stream again; who polls it is woken by ff_streams_take_over(). Registry locked. */
FfStream *ff_stream_open_again(FfStreams *streams, const FfCaller *caller, gboolean sees_all,
                               FfStreamChanged changed, gpointer data, FfUnpacker *in);

/**
 * ff_stream_read() - answer the read now or later
 * @offset:   how much was read before
 * @may_wait: else it is answered EAGAIN where there is nothing
 */
void ff_stream_read(FfStream *stream, fuse_req_t req, size_t size, off_t offset, gboolean may_wait);

/* Answer the poll; @handle (nullable) is notified once when there is something to read. */
void ff_stream_poll(FfStream *stream, fuse_req_t req, struct fuse_pollhandle *handle);
