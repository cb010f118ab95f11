/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "autofd.h"
#include "fileid.h"
#include "jsonmember.h"
#include "jsonpath.h"

/* A path may be longer than PATH_MAX, and JSON and base64 make it longer still. */
#define LONGEST_LINE  (1024 * 1024)
#define PIECE_SIZE    (64 * 1024)
#define PATIENCE_MSEC 5000

/* --- one line --- */

static gint64 to_usec(JsonObject *object, const char *member)
{
    double seconds = json_member_real(object, member, FIFO_UNKNOWN);

    if (!(seconds >= 0 && seconds < (double)(G_MAXINT64 / G_USEC_PER_SEC)))
        return FIFO_UNKNOWN;
    return (gint64)(seconds * G_USEC_PER_SEC + 0.5);
}

static guint to_uint(JsonObject *object, const char *member)
{
    return (guint)json_member_number(object, member);
}

static char *to_text(JsonObject *object, const char *member, const char *otherwise)
{
    return g_strdup(json_member_text(object, member, otherwise));
}

static void fill_creator(Fifo *fifo, JsonObject *object)
{
    JsonNode *node = json_object_get_member(object, "creator");
    JsonObject *creator;

    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return;
    creator = json_node_get_object(node);
    fifo->creator_pid = (pid_t)to_uint(creator, "pid");
    fifo->creator_command = to_text(creator, "comm", "");
    fifo->creator_alive = json_member_flag(creator, "alive");
}

static Fifo *fifo_from_object(JsonObject *object)
{
    g_autofree char *mode = to_text(object, "mode", "0");
    Fifo *fifo = fifo_new();

    fifo->path = json_path_dup(object, "path");
    if (fifo->path == NULL)
        fifo->path = g_strdup("");
    fifo->id = (guint64)json_member_number(object, "id");
    fifo->mode = (guint)g_ascii_strtoull(mode, NULL, 8);
    fifo->uid = to_uint(object, "uid");
    fifo->gid = to_uint(object, "gid");
    fill_creator(fifo, object);
    fifo->daemon_state = to_text(object, "state", "unknown");
    fifo->used = json_member_flag(object, "used");
    fifo->created = to_usec(object, "created");
    fifo->last_used = to_usec(object, "last_used");
    fifo->expires = to_usec(object, "expires");
    fifo->reason = to_text(object, "reason", NULL);
    fifo->lifetime = to_text(object, "lifetime", "unknown");
    fifo->linger = to_usec(object, "linger");
    fifo->grace = to_usec(object, "grace");
    fifo->max_age = to_usec(object, "max_age");
    fifo->open_timeout = to_usec(object, "open_timeout");
    fifo->asked_bytes = json_member_number(object, "capacity");
    if (fifo->asked_bytes <= 0)
        fifo->asked_bytes = FIFO_UNKNOWN;
    return fifo;
}

static Fifo *fifo_from_line(JsonParser *parser, const char *line, gsize length)
{
    JsonNode *node;

    if (!json_parser_load_from_data(parser, line, (gssize)length, NULL))
        return NULL;
    node = json_parser_get_root(parser);
    return node == NULL || !JSON_NODE_HOLDS_OBJECT(node)
               ? NULL
               : fifo_from_object(json_node_get_object(node));
}

/*
 * --- reading, by a child that is left alone where the daemon keeps it waiting: such a wait may not
 * even end with SIGKILL ---
 */

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
static int copy_list(const Mount *mount, const char *path, int to)
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

static int source_start(Source *source, const Mount *mount)
{
    g_autofree char *path = g_build_filename(mount->point, ".fifofs", "pipes", NULL);
    int ends[2];

    collect_abandoned();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    source->fd = ends[0];
    source->child = fork();
    if (source->child == 0)
        _exit(copy_list(mount, path, ends[1]));
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

/* Give every whole line of the text to @take and leave the rest of the text. */
static int take_lines(const Mount *mount, GString *text, JsonParser *parser,
                      void (*take)(Fifo *, gpointer), gpointer data)
{
    const char *line = text->str;
    const char *end;

    while ((end = memchr(line, '\n', text->len - (gsize)(line - text->str))) != NULL) {
        Fifo *fifo = fifo_from_line(parser, line, (gsize)(end - line));

        if (fifo == NULL)
            return -EBADMSG;
        fifo->mount = mount;
        take(fifo, data);
        line = end + 1;
    }
    g_string_erase(text, 0, line - text->str);
    return text->len > LONGEST_LINE ? -EBADMSG : 0;
}

static int take_all(const Mount *mount, const Source *source, void (*take)(Fifo *, gpointer),
                    gpointer data)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *piece = g_malloc(PIECE_SIZE);
    gssize length;

    while ((length = source_read(source, piece)) > 0) {
        int result;

        g_string_append_len(text, piece, length);
        result = take_lines(mount, text, parser, take, data);
        if (result < 0)
            return result;
    }
    return length == 0 && text->len > 0 ? -EBADMSG : (int)length;
}

int pipes_read(const Mount *mount, void (*take)(Fifo *fifo, gpointer data), gpointer data)
{
    g_auto(Source) source = {.child = -1, .fd = -1};
    int result = source_start(&source, mount);

    if (result < 0)
        return result;
    result = take_all(mount, &source, take, data);
    if (result < 0) {
        source_abandon(&source);
        return result;
    }
    return source_finish(&source);
}
