/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hard part is to end. The request thread sleeps in read() of /dev/fuse, which ends by itself
 * only when the mount is gone, and a mount that is in use is unmounted lazily and stays. So it is
 * woken by a signal, again until it has noticed: the signal may come just before the read().
 */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fuseoptions.h"
#include "fusewire.h"
#include "lost.h"
#include "packing.h"
#include "readiness.h"
#include "step.h"
#include "uring.h"

#define WAKE_SIGNAL   SIGUSR1
#define WAKE_INTERVAL (10 * G_TIME_SPAN_MILLISECOND)

/* Linux 6.9; include/uapi/linux/fuse.h of Debian 12 is older. */
#define NOTIFY_RESEND 7
#define UNIQUE_RESEND (G_GUINT64_CONSTANT(1) << 63)

/*
 * More than libfuse 3.12 to 3.16 wants to read at once (FUSE_MAX_MAX_PAGES and a header), so that it
 * takes a buffer of ours; and as much of it as ordinary requests are.
 */
#define BUFFER_BYTES         (2 * 1024 * 1024)
#define TOUCHED_BYTES        (128 * 1024)
#define BUFFER_IS_OURS_UNTIL 317

struct FfSession {
    FfSessionParts parts;
    struct fuse_session *fuse;
    gboolean io_uring;
    GThread *thread;
    /* Of the same thread, for pthread_kill(); set before it can sleep. */
    pthread_t thread_id;
    gint thread_started, thread_ended;
    gint quiet_wanted;
    /* Requests may be there that the kernel has sent before, to another worker. */
    gboolean again_expected;
    /* The kernel did not send again what a process before us has read. */
    gboolean may_have_lost;
    struct fuse_buf buffer;
};

/* What this thread is serving, as it was read; NULL while it serves nothing, or a ring's. */
static _Thread_local const struct fuse_in_header *current;

static void wake(int signal)
{
}

static void catch_wake_signal(void)
{
    /* No SA_RESTART: the read() is to end. */
    struct sigaction action = {.sa_handler = wake};

    sigaction(WAKE_SIGNAL, &action, NULL);
}

FfRequestNumber ff_session_current(void)
{
    if (current == NULL)
        return (FfRequestNumber){0};
    return (FfRequestNumber){current->unique & ~UNIQUE_RESEND,
                             (current->unique & UNIQUE_RESEND) != 0};
}

guint64 ff_session_current_poll(void)
{
    if (current == NULL || current->opcode != FUSE_POLL ||
        current->len < sizeof *current + sizeof(struct fuse_poll_in))
        return 0;
    return ((const struct fuse_poll_in *)(current + 1))->kh;
}

void ff_session_wake_poll(FfSession *session, guint64 number)
{
    struct fuse_notify_poll_wakeup_out body = {.kh = number};

    ff_fuse_write(session->parts.fd, 0, FUSE_NOTIFY_POLL, &body, sizeof body);
}

/* --- serving --- */

static void process(FfSession *session, const struct fuse_buf *buffer)
{
    current = buffer->mem;
    fuse_session_process_buf(session->fuse, buffer);
    current = NULL;
}

/* The next one takes it that the kernel knows the answer only where that is said. */
static void keep_init(FfSession *session, const struct fuse_buf *buffer, gboolean answered)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(session->parts.registry);
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    ff_pack_unsigned(bytes, answered);
    g_byte_array_append(bytes, buffer->mem, (guint)buffer->size);
    ff_journal_keep(session->parts.journal, FF_KEPT_INIT, 0, bytes);
}

static void serve_init(FfSession *session, const struct fuse_buf *buffer)
{
    keep_init(session, buffer, FALSE);
    process(session, buffer);
    keep_init(session, buffer, TRUE);
}

/* The buffer is still as it was read. */
static void interrupted(FfSession *session, const struct fuse_buf *buffer)
{
    const struct fuse_in_header *header = buffer->mem;
    const struct fuse_interrupt_in *body = (gconstpointer)(header + 1);

    if (session->may_have_lost && header->len >= sizeof *header + sizeof *body)
        ff_lost_interrupt(session->parts.journal, session->parts.fd, body->unique);
    session->parts.events->interrupted(session->parts.data);
}

static void serve_one(FfSession *session, const struct fuse_buf *buffer)
{
    /* Requests are spliced into a pipe only for file systems that take written data that way. */
    const struct fuse_in_header *header = buffer->mem;
    guint32 opcode = header->opcode;
    gint64 begin = ff_requests_clock();

    ff_lost_note(session->parts.journal, opcode, header->unique);
    ff_step_begin(opcode);
    FF_STEP("read");
    if (opcode == FUSE_INIT)
        serve_init(session, buffer);
    else
        process(session, buffer);
    FF_STEP("answered");
    ff_requests_note(session->parts.requests, opcode, ff_requests_clock() - begin);
    if (opcode == FUSE_INTERRUPT)
        interrupted(session, buffer);
}

/* Has the kernel sent something that was not read yet? */
static gboolean is_request_there(const FfSession *session)
{
    return ff_readiness_now(session->parts.fd, POLLIN) != 0;
}

static void be_quiet(FfSession *session)
{
    if (g_atomic_int_get(&session->quiet_wanted) == 0 || is_request_there(session))
        return;
    g_atomic_int_set(&session->quiet_wanted, 0);
    session->parts.events->quiet(session->parts.data);
}

static void end_of_again(FfSession *session)
{
    session->again_expected = FALSE;
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(session->parts.registry);

        ff_journal_forget_inherited_answers(session->parts.journal);
    }
    session->parts.events->settled(session->parts.data);
}

/*
 * What comes again comes before all else (fs/fuse/dev.c fuse_resend()): so none is left once there
 * is nothing, or something new. @header: NULL before something is read.
 */
static void look_for_end_of_again(FfSession *session, const struct fuse_in_header *header)
{
    if (!session->again_expected)
        return;
    if (header == NULL
            ? !is_request_there(session)
            : (header->unique & UNIQUE_RESEND) == 0 && ff_fuse_is_answered(header->opcode))
        end_of_again(session);
}

static gpointer serve(gpointer data)
{
    FfSession *session = data;

    session->thread_id = pthread_self();
    g_atomic_int_set(&session->thread_started, 1);
    while (!fuse_session_exited(session->fuse)) {
        int length;

        be_quiet(session);
        look_for_end_of_again(session, NULL);
        length = fuse_session_receive_buf(session->fuse, &session->buffer);
        if (length == -EINTR)
            continue;
        if (length <= 0)
            break;
        look_for_end_of_again(session, session->buffer.mem);
        serve_one(session, &session->buffer);
    }
    g_atomic_int_set(&session->thread_ended, 1);
    session->parts.events->ended(session->parts.data);
    return NULL;
}

/* --- beginning --- */

/*
 * libfuse has to know what was agreed on with the kernel when it was mounted, which is told once. So
 * it is told once more by us. The kernel does not wait for an answer to it: it refuses that with
 * ENOENT, which libfuse takes for an interrupted request.
 */
static void tell_init(FfSession *session, GBytes *kept)
{
    gsize length;
    const guint8 *bytes = g_bytes_get_data(kept, &length);
    g_autofree void *request = g_memdup2(bytes + 1, length - 1);
    struct fuse_buf buffer = {.mem = request, .size = length - 1};

    fuse_session_process_buf(session->fuse, &buffer);
}

static gboolean was_answered(GBytes *kept)
{
    return *(const guint8 *)g_bytes_get_data(kept, NULL) != 0;
}

/*
 * Where the one before us died while the kernel waited for it to begin, nobody knows who has had the
 * last word. If it waits still, that is the only request there is.
 */
static void begin_again(FfSession *session, GBytes *kept)
{
    gboolean waits = !was_answered(kept) && is_request_there(session) &&
                     fuse_session_receive_buf(session->fuse, &session->buffer) > 0;
    gboolean is_init = waits &&
                       ((const struct fuse_in_header *)session->buffer.mem)->opcode == FUSE_INIT;

    if (!is_init)
        tell_init(session, kept);
    if (waits)
        serve_one(session, &session->buffer);
}

static void take_over(FfSession *session)
{
    GBytes *kept;
    int r = ff_fuse_write(session->parts.fd, 0, NOTIFY_RESEND, NULL, 0);

    FF_STEP("resent");
    session->again_expected = TRUE;
    session->may_have_lost = r == -EINVAL;
    if (session->may_have_lost)
        g_message(
            "this kernel cannot send requests again (Linux 6.9 does): what waited for an answer "
            "is told to try again, or fails with EINTR");
    else if (r < 0)
        g_message("the kernel does not send requests again: %s", g_strerror(-r));
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(session->parts.registry);

        if (session->may_have_lost)
            ff_lost_answer(session->parts.journal, session->parts.registry, session->parts.fd);
        kept = ff_journal_kept(session->parts.journal, FF_KEPT_INIT, 0);
        if (kept != NULL)
            g_bytes_ref(kept);
    }
    if (kept == NULL)
        return;
    begin_again(session, kept);
    g_bytes_unref(kept);
}

/*
 * While the kernel writes a request to a page that is not there yet, and the process is killed, the
 * request is lost and its caller gets EIO (fs/fuse/dev.c fuse_copy_fill()). So they are there.
 */
static void touch_buffer(FfSession *session)
{
    if (fuse_version() >= BUFFER_IS_OURS_UNTIL)
        return;
    session->buffer.mem = g_malloc(BUFFER_BYTES);
    memset(session->buffer.mem, 0, TOUCHED_BYTES);
}

FfSession *ff_session_new(const FfSessionParts *parts, GError **error)
{
    g_autoptr(FfSession) session = g_new0(FfSession, 1);
    g_autofree char *device = g_strdup_printf("/dev/fd/%d", parts->fd);

    session->parts = *parts;
    session->io_uring = parts->options->io_uring;
    session->fuse = ff_fuse_session_new(parts->options, parts->ops, parts->data);
    if (session->fuse == NULL || fuse_session_mount(session->fuse, device) != 0) {
        g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "libfuse refuses to start");
        return NULL;
    }
    catch_wake_signal();
    touch_buffer(session);
    if (session->io_uring)
        ff_uring_prepare(parts->options->debug);
    return g_steal_pointer(&session);
}

struct fuse_session *ff_session_fuse(FfSession *session)
{
    return session->fuse;
}

void ff_session_start(FfSession *session)
{
    if (ff_journal_is_taken_over(session->parts.journal))
        take_over(session);
    session->thread = g_thread_new("requests", serve, session);
}

void ff_session_ask_quiet(FfSession *session)
{
    g_atomic_int_set(&session->quiet_wanted, 1);
    if (g_atomic_int_get(&session->thread_started) && !g_atomic_int_get(&session->thread_ended))
        pthread_kill(session->thread_id, WAKE_SIGNAL);
}

/*
 * The rings and their threads are libfuse's, and only its own loop takes them apart, when it ends;
 * with a session that has ended it does nothing else (lib/fuse_loop.c).
 */
static void stop_rings(FfSession *session)
{
    if (session->io_uring)
        fuse_session_loop(session->fuse);
}

void ff_session_stop(FfSession *session)
{
    fuse_session_exit(session->fuse);
    while (session->thread != NULL && !g_atomic_int_get(&session->thread_ended)) {
        if (g_atomic_int_get(&session->thread_started))
            pthread_kill(session->thread_id, WAKE_SIGNAL);
        g_usleep(WAKE_INTERVAL);
    }
    g_clear_pointer(&session->thread, g_thread_join);
    stop_rings(session);
}

void ff_session_free(FfSession *session)
{
    if (session == NULL)
        return;
    g_clear_pointer(&session->fuse, fuse_session_destroy);
    free(session->buffer.mem);
    g_free(session);
}
