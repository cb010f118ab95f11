/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "meeting.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "autofd.h"
#include "borrow.h"
#include "message.h"

typedef struct {
    const Line *line;
    char *path;
    FfFileId file;
    /* Both ends, until all have come; -1 then. */
    int held;
    gboolean reader_came;
    /* For each of its writers. */
    gboolean *writers_came;
} Meet;

struct Meeting {
    const Pipeline *pipeline;
    /* Of Meet, one for each FIFO. */
    GArray *meets;
    int events;
};

static Meet *meet_at(const Meeting *meeting, guint i)
{
    return &g_array_index(meeting->meets, Meet, i);
}

static void meet_clear(gpointer data)
{
    Meet *meet = data;

    if (meet->held >= 0)
        close(meet->held);
    g_free(meet->path);
    g_free(meet->writers_came);
}

static void tell_capacity(const char *name, int bytes)
{
    g_autofree char *safe = message_safe(name);

    message_note("%s holds %d bytes: the kernel does not give more, see "
                 "/proc/sys/fs/pipe-max-size and pipe-user-pages-soft in pipe(7)",
                 safe, bytes);
}

/* Return: 0 or -errno. */
static int create(Meeting *meeting, const RunDir *directory, guint i, gint64 capacity)
{
    const Line *line = pipeline_line(meeting->pipeline, i);
    Meet meet = {
        .line = line,
        .path = g_build_filename(directory->path, line->name, NULL),
        .writers_came = g_new0(gboolean, line->writers->len),
    };

    meet.held = rundir_make_fifo(directory, line->name, &meet.file);
    g_array_append_val(meeting->meets, meet);
    if (meet.held < 0)
        return meet.held;
    if (capacity > 0 && fcntl(meet.held, F_SETPIPE_SZ, (int)capacity) < 0)
        tell_capacity(line->name, fcntl(meet.held, F_GETPIPE_SZ));
    return 0;
}

Meeting *meeting_new(const Pipeline *pipeline, const RunDir *directory, gint64 capacity)
{
    g_autoptr(Meeting) meeting = g_new0(Meeting, 1);

    meeting->pipeline = pipeline;
    meeting->meets = g_array_new(FALSE, TRUE, sizeof(Meet));
    g_array_set_clear_func(meeting->meets, meet_clear);
    meeting->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (guint i = 0; i < pipeline->lines->len; i++) {
        int result = create(meeting, directory, i, capacity);

        if (result < 0) {
            message_errno("cannot create", pipeline_line(pipeline, i)->name, -result);
            return NULL;
        }
    }
    if (inotify_add_watch(meeting->events, directory->path, IN_OPEN | IN_CLOSE) < 0) {
        message_errno("cannot watch", directory->path, errno);
        return NULL;
    }
    return g_steal_pointer(&meeting);
}

void meeting_free(Meeting *meeting)
{
    if (meeting == NULL)
        return;
    g_array_unref(meeting->meets);
    if (meeting->events >= 0)
        close(meeting->events);
    g_free(meeting);
}

/* --- coming --- */

static gboolean all_came(const Meet *meet)
{
    for (guint i = 0; i < meet->line->writers->len; i++)
        if (!meet->writers_came[i])
            return FALSE;
    return meet->reader_came;
}

static void part_if_all_came(Meet *meet)
{
    if (meet->held >= 0 && all_came(meet)) {
        close(meet->held);
        meet->held = -1;
    }
}

static void note_writer(Meet *meet, const Stage *stage)
{
    for (guint i = 0; i < meet->line->writers->len; i++)
        if (g_ptr_array_index(meet->line->writers, i) == stage)
            meet->writers_came[i] = TRUE;
}

int meeting_open_end(Meeting *meeting, int line, const Stage *stage, int flag)
{
    Meet *meet = meet_at(meeting, (guint)line);
    int fd = open(meet->path, flag | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (flag == O_RDONLY)
        meet->reader_came = TRUE;
    else
        note_writer(meet, stage);
    part_if_all_came(meet);
    return fd;
}

void meeting_end_stage(Meeting *meeting, const Stage *stage)
{
    for (guint i = 0; i < meeting->meets->len; i++) {
        Meet *meet = meet_at(meeting, i);

        if (meet->line->reader == stage)
            meet->reader_came = TRUE;
        note_writer(meet, stage);
        part_if_all_came(meet);
    }
}

/* --- being told --- */

int meeting_fd(const Meeting *meeting)
{
    return meeting->events;
}

/*
 * Somebody has closed an end: so there was one, though it may be gone before we look. Where there
 * are several writers it is not known which; the others are waited for anyway.
 */
static void note_event(Meeting *meeting, const struct inotify_event *event)
{
    int line = event->len == 0 ? PIPELINE_NONE : pipeline_find(meeting->pipeline, event->name);
    Meet *meet = line < 0 ? NULL : meet_at(meeting, (guint)line);

    if (meet == NULL || meet->held < 0)
        return;
    if ((event->mask & IN_CLOSE_NOWRITE) != 0)
        meet->reader_came = TRUE;
    if ((event->mask & IN_CLOSE_WRITE) != 0 && meet->line->writers->len == 1)
        meet->writers_came[0] = TRUE;
    part_if_all_came(meet);
}

void meeting_read_events(Meeting *meeting)
{
    char buffer[sizeof(struct inotify_event) + NAME_MAX + 1]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    gssize n;

    while ((n = read(meeting->events, buffer, sizeof buffer)) > 0)
        for (gssize at = 0; at < n;) {
            const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

            note_event(meeting, event);
            at += (gssize)(sizeof *event + event->len);
        }
}

/* --- looking --- */

static gboolean has_come(const Meet *meet, const Stage *stage, int want, Crew *crew)
{
    pid_t pid;
    int fd;

    return crew_find_end(crew, stage, &meet->file, want, &pid, &fd);
}

static void look_at(Meet *meet, Crew *crew)
{
    if (!meet->reader_came)
        meet->reader_came = has_come(meet, meet->line->reader, O_RDONLY, crew);
    for (guint i = 0; i < meet->line->writers->len; i++)
        if (!meet->writers_came[i])
            meet->writers_came[i] = has_come(meet, g_ptr_array_index(meet->line->writers, i),
                                             O_WRONLY, crew);
    part_if_all_came(meet);
}

gboolean meeting_look(Meeting *meeting, Crew *crew)
{
    gboolean missing = FALSE;

    for (guint i = 0; i < meeting->meets->len; i++) {
        Meet *meet = meet_at(meeting, i);

        if (meet->held >= 0)
            look_at(meet, crew);
        missing |= meet->held >= 0;
    }
    return missing;
}

/* --- what waits in it --- */

/* Return: a descriptor of it that is the caller's, or -1. */
static int borrow_end(const Meet *meet, Crew *crew)
{
    pid_t pid;
    int fd;

    if (meet->held >= 0)
        return fcntl(meet->held, F_DUPFD_CLOEXEC, 0);
    if (!crew_find_end(crew, meet->line->reader, &meet->file, O_RDONLY, &pid, &fd))
        return -1;
    return ff_borrow(pid, fd, &meet->file);
}

gint64 meeting_queued(Meeting *meeting, guint line, Crew *crew, gint64 *capacity)
{
    g_auto(FfAutoFd) fd = borrow_end(meet_at(meeting, line), crew);
    int queued;

    if (fd < 0 || ioctl(fd, FIONREAD, &queued) < 0)
        return -1;
    *capacity = fcntl(fd, F_GETPIPE_SZ);
    return queued;
}
