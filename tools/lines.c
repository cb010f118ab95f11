/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child reads, and is left alone where the daemon keeps it waiting: such a wait may not even end with SIGKILL.
 */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "autofd.h"
#include "fileid.h"
#include "message.h"

/* A path may be longer than PATH_MAX, and JSON and base64 make it longer still. */
#define LONGEST_LINE  (1024 * 1024)
#define PIECE_SIZE    (64 * 1024)
#define PATIENCE_MSEC 5000

/* --- the child --- */

typedef struct {
    pid_t child;
    /* What the child has read comes out here. */
    int fd;
} Source;

static void source_clear(Source *source)
{
    close(source->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Source, source_clear)

static int copy_all(int from, int to)
{
    char piece[PIECE_SIZE];
    gssize length;

    while ((length = read(from, piece, sizeof piece)) > 0)
        for (gssize done = 0, n; done < length; done += n)
            if ((n = write(to, piece + done, (gsize)(length - done))) < 0)
                return errno;
    return length < 0 ? errno : 0;
}

/* Return: 0 or an errno, which becomes the exit status of the child. */
static int copy_file(const Mount *mount, const char *path, int to)
{
    g_auto(FfAutoFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FfFileInfo info;
    int result = fd < 0 ? -errno : ff_file_look(fd, "", &info);

    if (result < 0)
        return -result;
    return info.id.dev == mount->dev ? copy_all(fd, to) : ESTALE;
}

/* Children that may never end; whoever has ended by the next look is collected then. */
static GSList *abandoned;

static void source_abandon(const Source *source)
{
    kill(source->child, SIGKILL);
    abandoned = g_slist_prepend(abandoned, GINT_TO_POINTER(source->child));
}

static void collect_abandoned(void)
{
    GSList **link = &abandoned;

    while (*link != NULL)
        if (waitpid(GPOINTER_TO_INT((*link)->data), NULL, WNOHANG) == 0)
            link = &(*link)->next;
        else
            *link = g_slist_delete_link(*link, *link);
}

static int source_start(Source *source, const Mount *mount, const char *name)
{
    g_autofree char *path = g_build_filename(mount->point, ".fifofs", name, NULL);
    int ends[2];

    collect_abandoned();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    source->fd = ends[0];
    source->child = fork();
    if (source->child == 0)
        _exit(copy_file(mount, path, ends[1]));
    close(ends[1]);
    return source->child < 0 ? -errno : 0;
}

/* Return: the length of the next piece, 0 at the end, or -errno. */
static gssize source_read(const Source *source, char *piece)
{
    struct pollfd waiting = {.fd = source->fd, .events = POLLIN};
    gssize length = poll(&waiting, 1, PATIENCE_MSEC);

    if (length == 0)
        return -ETIMEDOUT;
    if (length > 0)
        length = read(source->fd, piece, PIECE_SIZE);
    return length < 0 ? -errno : length;
}

/* Return: how the child fared, as 0 or -errno. */
static int source_finish(const Source *source)
{
    int status;

    if (waitpid(source->child, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* --- lines --- */

int lines_take(GString *text, LineTaker take, gpointer data)
{
    const char *line = text->str;
    const char *end;

    while ((end = memchr(line, '\n', text->len - (gsize)(line - text->str))) != NULL) {
        int result = take(line, (gsize)(end - line), data);

        if (result < 0)
            return result;
        line = end + 1;
    }
    g_string_erase(text, 0, line - text->str);
    return text->len > LONGEST_LINE ? -EBADMSG : 0;
}

static int take_all(const Source *source, LineTaker take, gpointer data)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *piece = g_malloc(PIECE_SIZE);
    gssize length;

    while ((length = source_read(source, piece)) > 0) {
        int result;

        g_string_append_len(text, piece, length);
        result = lines_take(text, take, data);
        if (result < 0)
            return result;
    }
    return length == 0 && text->len > 0 ? -EBADMSG : (int)length;
}

static int read_mount(const Mount *mount, const char *name, LineTaker take, gpointer data)
{
    g_auto(Source) source = {.child = -1, .fd = -1};
    int result = source_start(&source, mount, name);

    if (result < 0)
        return result;
    result = take_all(&source, take, data);
    if (result < 0) {
        source_abandon(&source);
        return result;
    }
    return source_finish(&source);
}

/*
 * Only a mount of the whole file system shows the control directory, and another mount may lie on
 * top of it: try all.
 */
int lines_read(const GPtrArray *mounts, dev_t dev, const char *name, LineTaker take, gpointer data)
{
    int result = -EXDEV;

    for (guint i = 0; i < mounts->len && (result == -EXDEV || result == -ESTALE); i++) {
        const Mount *mount = g_ptr_array_index(mounts, i);

        if (mount->dev == dev && *mount->root == '\0')
            result = read_mount(mount, name, take, data);
    }
    return result;
}

void lines_complain(const char *what, const Mount *mount, int result)
{
    if (result == -EXDEV)
        message_error(what, mount->point,
                      "only one directory of this fifofs is mounted here; list it where all is");
    else if (result == -ESTALE)
        message_error(what, mount->point, "another mount lies on top of it; unmount that first");
    else
        message_errno(what, mount->point, -result);
}
