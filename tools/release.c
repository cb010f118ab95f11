/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl release: let those go on who wait in open().
 *
 * The missing end is opened, without waiting, and closed. That is enough: the kernel wakes who
 * waits as soon as an end is opened, and a counter of opens tells it that it may go on
 * (fs/pipe.c wait_for_partner()). A reader then finds the end of the file, a writer EPIPE.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "autofd.h"
#include "fdpath.h"
#include "message.h"
#include "options.h"
#include "single.h"
#include "value.h"

typedef struct {
    GPtrArray *mounts;
    guint ends;
    gboolean failed;
} Releasing;

/*
 * Return: 0 or -errno; -ESTALE where another FIFO has the name by now. That nobody is left who
 * waits to read is well.
 */
static int open_and_close(const GPtrArray *mounts, const char *path, guint64 id, int flags)
{
    g_auto(Place) place;
    g_auto(FfAutoFd) found = -1, opened = -1;
    FfFileInfo info;
    int result = place_find(mounts, path, &place);

    if (result < 0)
        return result;
    found = place_open(&place, &info);
    if (found < 0)
        return found;
    if (info.id.ino != id)
        return -ESTALE;
    /* What was looked at, whatever has its name now. */
    opened = ff_fd_reopen(found, flags | O_NONBLOCK);
    return opened < 0 && opened != -ENXIO ? opened : 0;
}

static void tell(const char *path, const Fifo *fifo, guint end)
{
    g_autofree char *safe = message_safe(path);

    for (guint i = 0; fifo->holders != NULL && i < fifo->holders->len; i++) {
        const Holder *holder = g_ptr_array_index(fifo->holders, i);
        g_autofree char *command = message_safe(holder->command);

        if (holder->stuck && holder->ends == end)
            printf("%s: released %d (%s, %s), which waited to %s\n", safe, holder->pid, command,
                   value_user_name(holder->uid), end == FIFO_END_READ ? "read" : "write");
    }
}

static gboolean release_end(const Releasing *releasing, const char *path, const Fifo *fifo,
                            guint end)
{
    int result = open_and_close(releasing->mounts, path, fifo->id,
                                end == FIFO_END_READ ? O_WRONLY : O_RDONLY);

    if (result == 0)
        tell(path, fifo, end);
    else if (result == -EACCES)
        message_error("cannot release", path,
                      "its mode does not let you open the other end; do it as root");
    else
        message_errno("cannot release", path, -result);
    return result == 0;
}

/* Return: FALSE where it cannot be known whether anybody waits. */
static gboolean tell_of_nobody(const char *path, const Fifo *fifo)
{
    /* Nobody sees more than root. */
    if (fifo->scan == FIFO_SCAN_COMPLETE || fifo_is_held(fifo) || geteuid() == 0) {
        g_autofree char *safe = message_safe(path);

        message_note("nobody waits in open() of %s", safe);
        return TRUE;
    }
    message_error("nobody is seen to wait, but not all processes can be seen", path,
                  "do it as root");
    return FALSE;
}

static gboolean release_fifo(const Releasing *releasing, const char *path, const Fifo *fifo)
{
    gboolean reader_waits = (releasing->ends & FIFO_END_READ) != 0 &&
                            fifo_count(fifo, FIFO_END_READ, TRUE) > 0;
    gboolean writer_waits = (releasing->ends & FIFO_END_WRITE) != 0 &&
                            fifo_count(fifo, FIFO_END_WRITE, TRUE) > 0;
    gboolean done = TRUE;

    if (getuid() != 0 && getuid() != fifo->uid) {
        message_errno("cannot release", path, EPERM);
        return FALSE;
    }
    if (!reader_waits && !writer_waits)
        return tell_of_nobody(path, fifo);
    if (reader_waits)
        done &= release_end(releasing, path, fifo, FIFO_END_READ);
    if (writer_waits)
        done &= release_end(releasing, path, fifo, FIFO_END_WRITE);
    return done;
}

static gboolean release_one(const Releasing *releasing, const char *path)
{
    ScanResult scan;
    int error_number;
    g_autoptr(Fifo) fifo = single_look(releasing->mounts, path, FALSE, &scan, &error_number);

    if (fifo != NULL)
        return release_fifo(releasing, path, fifo);
    place_complain("cannot release", path, -error_number);
    return FALSE;
}

static ExitStatus release_all(Releasing *releasing, char **paths)
{
    releasing->mounts = mounts_load();
    if (releasing->mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return EXIT_STATUS_FAILED;
    }
    for (char **path = paths; *path != NULL; path++)
        if (!release_one(releasing, *path))
            releasing->failed = TRUE;
    g_ptr_array_unref(releasing->mounts);
    return releasing->failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

ExitStatus command_release(int argc, char **argv)
{
    Releasing releasing = {0};
    gboolean readers = FALSE, writers = FALSE;
    g_auto(GStrv) paths = NULL;
    const GOptionEntry entries[] = {
        {"readers", 'r', 0, G_OPTION_ARG_NONE, &readers, "Only those that want to read", NULL},
        {"writers", 'w', 0, G_OPTION_ARG_NONE, &writers, "Only those that want to write", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL},
        {NULL},
    };

    if (!options_parse(argc, argv, entries, "PATH...",
                       "Let processes go on that wait in open() of a FIFO for its other end.\n"
                       "A reader finds the end of the file, a writer a broken pipe."))
        return EXIT_STATUS_USAGE;
    if (paths == NULL) {
        message_error("nothing to release", "release", "name a FIFO");
        return EXIT_STATUS_USAGE;
    }
    releasing.ends = (readers || !writers ? FIFO_END_READ : 0) |
                     (writers || !readers ? FIFO_END_WRITE : 0);
    return release_all(&releasing, paths);
}
