/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hard part is to end. The request thread sleeps in read() of /dev/fuse, which ends by itself
 * only when the mount is gone, and a mount that is in use is unmounted lazily and stays. So it is
 * woken by a signal, again until it has noticed: the signal may come just before the read().
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "uring.h"

#define DEVICE "/dev/fuse"

/*
 * How many requests each ring can have at a time: those that are kept back, or that read events and
 * find none, have a place until they are answered. When all are taken, others on that CPU wait.
 */
#define RING_PLACES "64"

#define WAKE_SIGNAL   SIGUSR1
#define WAKE_INTERVAL (10 * G_TIME_SPAN_MILLISECOND)

/* As much of what fusermount3 prints as is kept. */
#define MESSAGE_BYTES 4096

struct FfSession {
    struct fuse_session *fuse;
    FfRequests *requests;
    const FfSessionEvents *events;
    gpointer data;
    gboolean io_uring;
    GThread *thread;
    /* Of the same thread, for pthread_kill(); set before it can sleep. */
    pthread_t thread_id;
    gint thread_started, thread_ended;
};

static void wake(int signal)
{
}

static void catch_wake_signal(void)
{
    /* No SA_RESTART: the read() is to end. */
    struct sigaction action = {.sa_handler = wake};

    sigaction(WAKE_SIGNAL, &action, NULL);
}

/* libfuse takes apart a list with commas, and wants those in a value escaped. */
static char *escape_value(const char *value)
{
    GString *text = g_string_new(value);

    g_string_replace(text, "\\", "\\\\", 0);
    g_string_replace(text, ",", "\\,", 0);
    return g_string_free(text, FALSE);
}

static char *mount_option_text(const FfOptions *options)
{
    g_autofree char *source = escape_value(options->source);
    g_autofree char *passed_on = ff_options_passed_on(options);

    return g_strconcat("default_permissions,subtype=fifofs,fsname=", source,
                       options->allow_other ? ",allow_other" : "",
                       options->io_uring ? ",io_uring,io_uring_q_depth=" RING_PLACES : "",
                       passed_on, NULL);
}

static struct fuse_session *new_fuse_session(const FfOptions *options,
                                             const struct fuse_lowlevel_ops *ops, gpointer data)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    g_autofree char *text = mount_option_text(options);
    struct fuse_session *fuse;

    fuse_opt_add_arg(&args, "fifofs");
    fuse_opt_add_arg(&args, "-o");
    fuse_opt_add_arg(&args, text);
    if (options->debug)
        fuse_opt_add_arg(&args, "-d");
    fuse = fuse_session_new(&args, ops, sizeof *ops, data);
    fuse_opt_free_args(&args);
    return fuse;
}

/* The first line, without the name of whoever printed it. */
static char *first_line(char *text)
{
    const char *colon;

    text[strcspn(text, "\n")] = '\0';
    colon = strstr(text, ": ");
    return g_strdup(colon == NULL ? text : colon + 2);
}

static char *read_message(int fd)
{
    char text[MESSAGE_BYTES];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);

    text[MAX(length, 0)] = '\0';
    return first_line(text);
}

/*
 * Mount, and keep what libfuse and fusermount3 print on stderr meanwhile.
 *
 * Return: NULL if it is mounted, else what was said.
 */
static char *mount_quietly(struct fuse_session *fuse, const char *mountpoint)
{
    int memory = memfd_create("mount-messages", MFD_CLOEXEC);
    int saved = memory < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    char *message = NULL;

    if (saved >= 0)
        dup2(memory, STDERR_FILENO);
    if (fuse_session_mount(fuse, mountpoint) != 0)
        message = memory < 0 ? g_strdup("refused") : read_message(memory);
    if (saved >= 0) {
        dup2(saved, STDERR_FILENO);
        close(saved);
    }
    if (memory >= 0)
        close(memory);
    return message;
}

static gboolean no_fuse(GError **error, const char *object, const char *problem, const char *remedy)
{
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_NO_FUSE, "%s: %s: %s", object, problem, remedy);
    return FALSE;
}

static gboolean check_fuse(GError **error)
{
    g_autofree char *helper = g_find_program_in_path("fusermount3");
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    int code = errno;

    if (fd >= 0)
        close(fd);
    else if (code == EACCES || code == EPERM)
        return no_fuse(error, DEVICE, g_strerror(code),
                       "have root let users in with 'chmod 666 " DEVICE "'");
    else
        return no_fuse(error, DEVICE, g_strerror(code), "load the module with 'modprobe fuse'");
    if (geteuid() != 0 && helper == NULL)
        return no_fuse(error, "fusermount3", "not found, and only root can mount without it",
                       "install the package fuse3");
    return TRUE;
}

FfSession *ff_session_new(const FfOptions *options, const struct fuse_lowlevel_ops *ops,
                          gpointer data, FfRequests *requests, const FfSessionEvents *events,
                          GError **error)
{
    g_autoptr(FfSession) session = g_new0(FfSession, 1);
    g_autofree char *message = NULL;

    if (!check_fuse(error))
        return NULL;
    session->requests = requests;
    session->events = events;
    session->data = data;
    session->io_uring = options->io_uring;
    session->fuse = new_fuse_session(options, ops, data);
    if (session->fuse == NULL) {
        g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "libfuse refuses to start");
        return NULL;
    }
    message = mount_quietly(session->fuse, options->mountpoint);
    if (message != NULL) {
        g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "%s: cannot mount: %s",
                    options->mountpoint, message);
        return NULL;
    }
    catch_wake_signal();
    if (options->io_uring)
        ff_uring_prepare(options->debug);
    return g_steal_pointer(&session);
}

struct fuse_session *ff_session_fuse(FfSession *session)
{
    return session->fuse;
}

static void serve_one(FfSession *session, const struct fuse_buf *buffer)
{
    /* Requests are spliced into a pipe only for file systems that take written data that way. */
    guint32 opcode = ((const struct fuse_in_header *)buffer->mem)->opcode;
    gint64 begin = ff_requests_clock();

    fuse_session_process_buf(session->fuse, buffer);
    ff_requests_note(session->requests, opcode, ff_requests_clock() - begin);
    if (opcode == FUSE_INTERRUPT)
        session->events->interrupted(session->data);
}

static gpointer serve(gpointer data)
{
    FfSession *session = data;
    struct fuse_buf buffer = {0};

    session->thread_id = pthread_self();
    g_atomic_int_set(&session->thread_started, 1);
    while (!fuse_session_exited(session->fuse)) {
        int length = fuse_session_receive_buf(session->fuse, &buffer);

        if (length == -EINTR)
            continue;
        if (length <= 0)
            break;
        serve_one(session, &buffer);
    }
    free(buffer.mem);
    g_atomic_int_set(&session->thread_ended, 1);
    session->events->ended(session->data);
    return NULL;
}

void ff_session_start(FfSession *session)
{
    session->thread = g_thread_new("requests", serve, session);
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
    fuse_session_unmount(session->fuse);
}

void ff_session_free(FfSession *session)
{
    if (session == NULL)
        return;
    g_clear_pointer(&session->fuse, fuse_session_destroy);
    g_free(session);
}
