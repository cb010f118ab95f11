/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything here is under the registry lock but the answers themselves, which go out when it is
 * released. Requests come and are interrupted in one thread, the request thread, so that between
 * the two there is no race.
 *
 * Over io_uring neither is so, and libfuse tells no interrupts (3.18: fuse_free_req()), nor which
 * request a number is. So after any interrupt all reads that came over a ring are ended with EINTR,
 * which those who were not meant take up again; else nobody could end a program that reads events
 * before the next one. It is done a moment later, as the read may not have come here yet.
 */
#include "stream.h"

#include <errno.h>
#include <poll.h>

#include "uring.h"

#define INTERRUPT_DELAY (20 * G_TIME_SPAN_MILLISECOND)

struct FfStreams {
    FfRegistry *registry;
    FfEvents *events;
    GSource *source;
    GSource *interrupt_source;
    /* The set of open streams. */
    GHashTable *open;
};

struct FfStream {
    FfStreams *streams;
    FfEventsReader *reader;
    FfStreamChanged changed;
    gpointer changed_data;
    /*
     * What begins at that offset of all that was ever read. The first of it was given to a read, of
     * which the next one shows whether it has had it.
     */
    GString *content;
    guint64 offset;
    gsize given;
    /* Reads that wait, oldest first. */
    GQueue waiting;
    struct fuse_pollhandle *poll;
    /* The kernel's number for that. */
    guint64 poll_number;
};

typedef struct {
    fuse_req_t req;
    size_t size;
    guint64 offset;
    gboolean over_ring;
} Read;

/* What is to be done once the lock is released. */
typedef struct {
    fuse_req_t req;
    /* NULL for EINTR. */
    GBytes *bytes;
    struct fuse_pollhandle *poll;
} Answer;

typedef struct {
    GSource source;
    FfStreams *streams;
} StreamsSource;

static gboolean has_content(FfStream *stream, size_t enough)
{
    if (stream->content->len < enough)
        ff_events_reader_fill(stream->reader, stream->content, enough);
    return stream->content->len > 0;
}

/* Is there something behind what was given to a read? */
static gboolean has_more(FfStream *stream)
{
    has_content(stream, stream->given + 1);
    return stream->content->len > stream->given;
}

/* The read before has had what it was given, if this one goes on behind it. */
static void drop_given(FfStream *stream, guint64 offset)
{
    if (offset < stream->offset + stream->given)
        return;
    g_string_erase(stream->content, 0, (gssize)stream->given);
    stream->offset += stream->given;
    stream->given = 0;
}

static GBytes *give_content(FfStream *stream, size_t size)
{
    stream->given = MIN(size, stream->content->len);
    stream->changed(stream->changed_data);
    return g_bytes_new(stream->content->str, stream->given);
}

static void collect(FfStream *stream, GArray *answers)
{
    while (!g_queue_is_empty(&stream->waiting)) {
        Read *first = g_queue_peek_head(&stream->waiting);
        Answer answer = {.req = first->req};

        drop_given(stream, first->offset);
        if (!has_content(stream, first->size))
            break;
        answer.bytes = give_content(stream, first->size);
        g_array_append_val(answers, answer);
        g_free(g_queue_pop_head(&stream->waiting));
    }
    if (stream->poll != NULL && has_more(stream)) {
        Answer answer = {.poll = g_steal_pointer(&stream->poll)};

        g_array_append_val(answers, answer);
    }
}

static void reply_bytes(fuse_req_t req, GBytes *bytes)
{
    size_t length;
    const char *data = g_bytes_get_data(bytes, &length);

    fuse_reply_buf(req, data, length);
    g_bytes_unref(bytes);
}

static void give(const Answer *answer)
{
    if (answer->req != NULL && answer->bytes != NULL)
        reply_bytes(answer->req, answer->bytes);
    else if (answer->req != NULL)
        fuse_reply_err(answer->req, EINTR);
    if (answer->poll == NULL)
        return;
    fuse_lowlevel_notify_poll(answer->poll);
    fuse_pollhandle_destroy(answer->poll);
}

static void give_and_free(gpointer data)
{
    give(data);
    g_free(data);
}

static void give_by_right_thread(const Answer *answer)
{
    if (answer->req != NULL && ff_uring_carries(answer->req))
        ff_uring_answer(give_and_free, g_memdup2(answer, sizeof *answer));
    else
        give(answer);
}

/* Main thread, registry not locked: give what @collect_func finds to be given on all streams. */
static void give_all(FfStreams *streams, void (*collect_func)(FfStream *stream, GArray *answers))
{
    g_autoptr(GArray) answers = g_array_new(FALSE, FALSE, sizeof(Answer));

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(streams->registry);
        GHashTableIter iter;
        gpointer stream;

        g_hash_table_iter_init(&iter, streams->open);
        while (g_hash_table_iter_next(&iter, &stream, NULL))
            collect_func(stream, answers);
    }
    for (guint i = 0; i < answers->len; i++)
        give_by_right_thread(&g_array_index(answers, Answer, i));
}

/* Main thread: something has happened. */
static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    FfStreams *streams = ((StreamsSource *)source)->streams;

    /* Before looking: what happens from now on wakes again. */
    g_source_set_ready_time(source, -1);
    give_all(streams, collect);
    return G_SOURCE_CONTINUE;
}

/* Take those that came over a ring out of the reads that wait, to be ended. */
static void collect_deaf(FfStream *stream, GArray *answers)
{
    for (GList *link = stream->waiting.head, *next; link != NULL; link = next) {
        Read *waiting = link->data;
        Answer answer = {.req = waiting->req};

        next = link->next;
        if (!waiting->over_ring)
            continue;
        g_array_append_val(answers, answer);
        g_queue_delete_link(&stream->waiting, link);
        g_free(waiting);
    }
}

static gboolean dispatch_interrupt(GSource *source, GSourceFunc callback, gpointer data)
{
    FfStreams *streams = ((StreamsSource *)source)->streams;

    g_source_set_ready_time(source, -1);
    give_all(streams, collect_deaf);
    return G_SOURCE_CONTINUE;
}

static void wake(gpointer data)
{
    FfStreams *streams = data;

    if (g_source_get_ready_time(streams->source) != 0)
        g_source_set_ready_time(streams->source, 0);
}

static GSource *new_source(FfStreams *streams, GSourceFuncs *funcs, GMainContext *context)
{
    GSource *source = g_source_new(funcs, sizeof(StreamsSource));

    ((StreamsSource *)source)->streams = streams;
    g_source_attach(source, context);
    return source;
}

FfStreams *ff_streams_new(FfRegistry *registry, GMainContext *context)
{
    static GSourceFuncs funcs = {.dispatch = dispatch};
    static GSourceFuncs interrupt_funcs = {.dispatch = dispatch_interrupt};
    FfStreams *streams = g_new0(FfStreams, 1);

    streams->registry = registry;
    streams->open = g_hash_table_new(NULL, NULL);
    streams->source = new_source(streams, &funcs, context);
    streams->interrupt_source = new_source(streams, &interrupt_funcs, context);
    streams->events = ff_events_new(registry, wake, streams);
    return streams;
}

static void end_source(GSource *source)
{
    g_source_destroy(source);
    g_source_unref(source);
}

void ff_streams_free(FfStreams *streams)
{
    if (streams == NULL)
        return;
    end_source(streams->source);
    end_source(streams->interrupt_source);
    g_hash_table_unref(streams->open);
    ff_events_free(streams->events);
    g_free(streams);
}

void ff_streams_interrupted(FfStreams *streams)
{
    g_source_set_ready_time(streams->interrupt_source, g_get_monotonic_time() + INTERRUPT_DELAY);
}

const FfEvents *ff_streams_events(const FfStreams *streams)
{
    return streams->events;
}

static FfStream *new_stream(FfStreams *streams, FfStreamChanged changed, gpointer data)
{
    FfStream *stream = g_new0(FfStream, 1);

    stream->streams = streams;
    stream->changed = changed;
    stream->changed_data = data;
    stream->content = g_string_new(NULL);
    g_queue_init(&stream->waiting);
    g_hash_table_add(streams->open, stream);
    return stream;
}

FfStream *ff_stream_open(FfStreams *streams, const FfCaller *caller, gboolean sees_all,
                         FfStreamChanged changed, gpointer data)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(streams->registry);
    FfStream *stream = new_stream(streams, changed, data);

    stream->reader = ff_events_reader_new(streams->events, caller, sees_all);
    return stream;
}

void ff_stream_save(const FfStream *stream, GByteArray *out)
{
    ff_pack_unsigned(out, ff_events_reader_next(stream->reader));
    ff_pack_unsigned(out, stream->offset);
    ff_pack_unsigned(out, stream->given);
    ff_pack_unsigned(out, stream->poll_number);
    ff_pack_bytes(out, stream->content->str, stream->content->len);
}

FfStream *ff_stream_open_again(FfStreams *streams, const FfCaller *caller, gboolean sees_all,
                               FfStreamChanged changed, gpointer data, FfUnpacker *in)
{
    FfStream *stream = new_stream(streams, changed, data);
    const guint8 *content;
    gsize length;

    stream->reader = ff_events_reader_new_at(streams->events, caller, sees_all,
                                             ff_unpack_unsigned(in));
    stream->offset = ff_unpack_unsigned(in);
    stream->given = ff_unpack_unsigned(in);
    stream->poll_number = ff_unpack_unsigned(in);
    content = ff_unpack_bytes(in, &length);
    g_string_append_len(stream->content, (const char *)content, (gssize)length);
    stream->given = MIN(stream->given, length);
    return stream;
}

void ff_streams_set_journal(FfStreams *streams, FfJournal *journal)
{
    ff_events_set_log(streams->events, ff_journal_log(journal));
}

void ff_streams_take_over(FfStreams *streams, FfSession *session)
{
    GHashTableIter iter;
    gpointer stream;

    ff_events_tell_takeover(streams->events);
    g_hash_table_iter_init(&iter, streams->open);
    while (g_hash_table_iter_next(&iter, &stream, NULL))
        if (((FfStream *)stream)->poll_number != 0)
            ff_session_wake_poll(session, ((FfStream *)stream)->poll_number);
}

void ff_stream_close(FfStream *stream)
{
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(stream->streams->registry);

        g_hash_table_remove(stream->streams->open, stream);
        ff_events_reader_free(stream->reader);
    }
    g_clear_pointer(&stream->poll, fuse_pollhandle_destroy);
    g_queue_clear_full(&stream->waiting, g_free);
    g_string_free(stream->content, TRUE);
    g_free(stream);
}

/* Take the read out of those that wait. Return: FALSE where it does not, or no longer. */
static gboolean give_up(FfStream *stream, fuse_req_t req)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(stream->streams->registry);

    for (GList *link = stream->waiting.head; link != NULL; link = link->next) {
        if (((Read *)link->data)->req == req) {
            g_free(link->data);
            g_queue_delete_link(&stream->waiting, link);
            return TRUE;
        }
    }
    return FALSE;
}

static void on_interrupted(fuse_req_t req, void *data)
{
    if (give_up(data, req))
        fuse_reply_err(req, EINTR);
}

/* Return: the bytes, or NULL where there is nothing; the read then waits, if it may. */
static GBytes *take_or_wait(FfStream *stream, fuse_req_t req, size_t size, guint64 offset,
                            gboolean may_wait)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(stream->streams->registry);

    drop_given(stream, offset);
    if (has_content(stream, size))
        return give_content(stream, size);
    if (may_wait) {
        Read *waiting = g_new(Read, 1);

        *waiting = (Read){req, size, offset, ff_uring_carries(req)};
        g_queue_push_tail(&stream->waiting, waiting);
    }
    return NULL;
}

void ff_stream_read(FfStream *stream, fuse_req_t req, size_t size, off_t offset, gboolean may_wait)
{
    GBytes *bytes;

    /* Before it waits: from then on it may be answered, and freed, by the main thread. */
    if (may_wait)
        fuse_req_interrupt_func(req, on_interrupted, stream);
    if (may_wait && fuse_req_interrupted(req)) {
        fuse_reply_err(req, EINTR);
        return;
    }
    bytes = take_or_wait(stream, req, size, (guint64)offset, may_wait);
    if (bytes != NULL)
        reply_bytes(req, bytes);
    else if (!may_wait)
        fuse_reply_err(req, EAGAIN);
}

void ff_stream_poll(FfStream *stream, fuse_req_t req, struct fuse_pollhandle *handle)
{
    gboolean readable;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(stream->streams->registry);

        readable = has_more(stream);
        if (handle != NULL && !readable) {
            g_clear_pointer(&stream->poll, fuse_pollhandle_destroy);
            stream->poll = g_steal_pointer(&handle);
            stream->poll_number = ff_session_current_poll();
            stream->changed(stream->changed_data);
        }
    }
    g_clear_pointer(&handle, fuse_pollhandle_destroy);
    fuse_reply_poll(req, readable ? POLLIN | POLLRDNORM : 0);
}
