/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl wait: until something is so of one FIFO.
 *
 * The daemon's events say when to look again. It is not told of everything: who waits in open(), or
 * how much was written, can only be seen by looking, so that is done a few times a second besides.
 * And it tells of names before the kernel has them: one that was removed can be found until its
 * unlink() goes on. So after each event it is looked more than once.
 */
#include "command.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "duration.h"
#include "follow.h"
#include "message.h"
#include "options.h"
#include "report.h"
#include "single.h"

#define LOOK_INTERVAL (250 * FF_MILLISECOND)
/* The kernel, or rather whoever called it, is done so long after an event. */
#define SETTLING (5 * FF_SECOND)

/* What may come without an event of the daemon. */
typedef struct {
    const char *name;
    gboolean (*holds)(const Fifo *fifo);
    gboolean needs_buffers;
    /* It can come, or go, without an event. */
    gboolean needs_looking;
} Condition;

typedef struct {
    GPtrArray *mounts;
    const char *path;
    const Condition *condition;
    /* Monotonic; FF_DURATION_INFINITY for never. */
    gint64 deadline;
    /* When the last event came; monotonic. */
    gint64 event_at;
    Follower *follower;
    /* Says when something is mounted or unmounted; negative where that cannot be known. */
    int changes;
    gboolean told_of_hidden;
} Waiting;

static gboolean exists(const Fifo *fifo)
{
    return fifo != NULL;
}

static gboolean is_gone(const Fifo *fifo)
{
    return fifo == NULL;
}

static gboolean has_end(const Fifo *fifo, FifoEnds end)
{
    return fifo != NULL && (fifo_count(fifo, end, FALSE) > 0 || fifo_count(fifo, end, TRUE) > 0);
}

static gboolean has_reader(const Fifo *fifo)
{
    return has_end(fifo, FIFO_END_READ);
}

static gboolean has_writer(const Fifo *fifo)
{
    return has_end(fifo, FIFO_END_WRITE);
}

static gboolean has_data(const Fifo *fifo)
{
    return fifo != NULL && fifo->queued_bytes > 0;
}

/* One that is idle goes after a while: whoever comes too late to see it idle need not wait for ever.
 */
static gboolean is_idle(const Fifo *fifo)
{
    return fifo == NULL || !fifo_is_held(fifo);
}

static const Condition conditions[] = {
    {"exists", exists, FALSE, FALSE},    {"gone", is_gone, FALSE, FALSE},
    {"reader", has_reader, FALSE, TRUE}, {"writer", has_writer, FALSE, TRUE},
    {"data", has_data, TRUE, TRUE},      {"idle", is_idle, FALSE, TRUE},
};

static const Condition *find_condition(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(conditions); i++)
        if (strcmp(conditions[i].name, name) == 0)
            return &conditions[i];
    message_error("no such thing to wait for", name,
                  "it is exists, reader, writer, data, idle or gone");
    return NULL;
}

static void tell_of_hidden(Waiting *waiting, const ScanResult *scan)
{
    if (!waiting->told_of_hidden)
        report_scan_notes(scan);
    waiting->told_of_hidden = TRUE;
}

/* Return: 1 where it is so, 0 where it is not yet, or -errno. */
static int look(Waiting *waiting)
{
    const Condition *condition = waiting->condition;
    ScanResult scan = {0};
    int error_number = 0;
    g_autoptr(Fifo) fifo = single_look(waiting->mounts, waiting->path, condition->needs_buffers,
                                       &scan, &error_number);

    if (fifo == NULL && error_number != ENOENT && error_number != ENOTDIR)
        return -error_number;
    /* That it is not there says nothing where the whole mount is not. */
    if (fifo == NULL && !follower_is_mounted(waiting->follower))
        return -ENOTCONN;
    if (fifo != NULL && condition->needs_looking)
        tell_of_hidden(waiting, &scan);
    return condition->holds(fifo) ? 1 : 0;
}

static gboolean needs_looking(const Waiting *waiting)
{
    return waiting->condition->needs_looking ||
           g_get_monotonic_time() < waiting->event_at + SETTLING;
}

static gint64 remaining(const Waiting *waiting)
{
    gint64 left = waiting->deadline == FF_DURATION_INFINITY
                      ? FF_DURATION_INFINITY
                      : MAX(waiting->deadline - g_get_monotonic_time(), 0);

    return needs_looking(waiting) ? MIN(left, LOOK_INTERVAL) : left;
}

static void note_event(const Event *event, gpointer data)
{
    ((Waiting *)data)->event_at = g_get_monotonic_time();
}

/* Until there is a reason to look again. Return: 0 or -errno. */
static int sleep_a_while(Waiting *waiting)
{
    struct pollfd polled[] = {
        {.fd = follower_fd(waiting->follower), .events = POLLIN},
        {.fd = waiting->changes, .events = POLLPRI},
    };
    gint64 left = remaining(waiting);
    int n = poll(polled, G_N_ELEMENTS(polled),
                 left == FF_DURATION_INFINITY
                     ? -1
                     : (int)MIN((left + FF_MILLISECOND - 1) / FF_MILLISECOND, G_MAXINT));

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return polled[0].revents == 0 ? 0 : follower_take(waiting->follower, note_event, waiting);
}

static ExitStatus wait_until(Waiting *waiting)
{
    int result;

    while ((result = look(waiting)) == 0) {
        if (g_get_monotonic_time() >= waiting->deadline) {
            message_error("timed out", waiting->path, "see who is on it with 'fifoctl info'");
            return EXIT_STATUS_TIMED_OUT;
        }
        result = sleep_a_while(waiting);
        if (result < 0)
            break;
    }
    if (result > 0)
        return EXIT_STATUS_OK;
    place_complain("cannot wait for", waiting->path, result);
    return EXIT_STATUS_FAILED;
}

static ExitStatus follow_and_wait(Waiting *waiting)
{
    const Mount *mount;
    g_autofree char *inside = NULL;
    int error_number = -place_inside(waiting->mounts, waiting->path, &mount, &inside);

    /* Before the first look, so that nothing happens between. */
    if (error_number == 0)
        waiting->follower = follower_new(waiting->mounts, mount, &error_number);
    if (waiting->follower == NULL) {
        place_complain("cannot wait for", waiting->path, -error_number);
        return EXIT_STATUS_FAILED;
    }
    return wait_until(waiting);
}

static gboolean set_deadline(Waiting *waiting, const char *timeout)
{
    gint64 duration = FF_DURATION_INFINITY;

    if (timeout != NULL && ff_duration_parse(timeout, &duration) < 0) {
        message_error("bad timeout", timeout, "it is a duration: 500ms, 30s, 15min, 1h");
        return FALSE;
    }
    waiting->deadline = ff_time_after(g_get_monotonic_time(), duration);
    return TRUE;
}

static ExitStatus wait_for(const char *path, const char *what, const char *timeout)
{
    Waiting waiting = {
        .path = path, .condition = find_condition(what), .event_at = g_get_monotonic_time()};
    ExitStatus status;

    if (waiting.condition == NULL || !set_deadline(&waiting, timeout))
        return EXIT_STATUS_USAGE;
    waiting.mounts = mounts_load();
    if (waiting.mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return EXIT_STATUS_FAILED;
    }
    waiting.changes = mounts_open_changes();
    status = follow_and_wait(&waiting);
    if (waiting.changes >= 0)
        close(waiting.changes);
    follower_free(waiting.follower);
    g_ptr_array_unref(waiting.mounts);
    return status;
}

ExitStatus command_wait(int argc, char **argv)
{
    g_autofree char *what = NULL, *timeout = NULL;
    g_auto(GStrv) paths = NULL;
    const GOptionEntry entries[] = {
        {"for", 'f', 0, G_OPTION_ARG_STRING, &what, "exists, reader, writer, data, idle or gone",
         "WHAT"},
        {"timeout", 't', 0, G_OPTION_ARG_STRING, &timeout,
         "Give up after so long, with exit status 4", "DURATION"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL},
        {NULL},
    };

    if (!options_parse(
            argc, argv, entries, "PATH",
            "Wait until a FIFO exists, has a reader, a writer or data, is gone or idle.\n"
            "Who waits in open() counts as a reader or writer."))
        return EXIT_STATUS_USAGE;
    if (paths == NULL || paths[1] != NULL || what == NULL) {
        message_error(what == NULL ? "nothing to wait for" : "not one FIFO", "wait",
                      "write 'fifoctl wait PATH --for WHAT'");
        return EXIT_STATUS_USAGE;
    }
    return wait_for(paths[0], what, timeout);
}
