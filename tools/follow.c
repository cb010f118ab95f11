/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "autofd.h"
#include "fileid.h"
#include "jsonmember.h"
#include "jsonpath.h"

#define PIECE_SIZE (64 * 1024)

/* A path may be longer than PATH_MAX, and an event may have two. */
#define LONGEST_LINE (2 * 1024 * 1024)

const char *const event_names[] = {
    "created", "removed", "renamed",  "attributes", "policy", "opened",
    "closed",  "idle",    "released", "takeover",   "missed", NULL,
};

struct Follower {
    const Mount *mount;
    int fd;
    /* The beginning of a line that is not whole yet. */
    GString *text;
    JsonParser *parser;
};

/* Return: a descriptor or -errno; -ESTALE where another mount lies on top of this one. */
static int open_events(const Mount *mount)
{
    g_autofree char *path = g_build_filename(mount->point, ".fifofs", "events", NULL);
    g_auto(FfAutoFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FfFileInfo info;
    int result = fd < 0 ? -errno : ff_file_look(fd, "", &info);

    if (result < 0)
        return result;
    return info.id.dev == mount->dev ? ff_auto_fd_steal(&fd) : -ESTALE;
}

static int open_any(const GPtrArray *mounts, dev_t dev)
{
    int result = -EXDEV;

    for (guint i = 0; i < mounts->len && (result == -EXDEV || result == -ESTALE); i++) {
        const Mount *mount = g_ptr_array_index(mounts, i);

        if (mount->dev == dev && *mount->root == '\0')
            result = open_events(mount);
    }
    return result;
}

Follower *follower_new(const GPtrArray *mounts, const Mount *mount, int *error_number)
{
    int fd = open_any(mounts, mount->dev);
    Follower *follower;

    if (fd < 0) {
        *error_number = -fd;
        return NULL;
    }
    follower = g_new0(Follower, 1);
    follower->mount = mount;
    follower->fd = fd;
    follower->text = g_string_new(NULL);
    follower->parser = json_parser_new();
    return follower;
}

void follower_free(Follower *follower)
{
    if (follower == NULL)
        return;
    close(follower->fd);
    g_string_free(follower->text, TRUE);
    g_object_unref(follower->parser);
    g_free(follower);
}

gboolean follower_is_mounted(const Follower *follower)
{
    g_autoptr(GPtrArray) mounts = mounts_load();

    return mounts == NULL || mounts_find_dev(mounts, follower->mount->dev) != NULL;
}

int follower_fd(const Follower *follower)
{
    return follower->fd;
}

static Event event_of(const Follower *follower, const char *line, JsonObject *object)
{
    double time = json_member_real(object, "time", 0);

    return (Event){
        .mount = follower->mount,
        .line = line,
        .name = json_member_text(object, "event", "unknown"),
        .time = time > 0 && time < 1e12 ? (gint64)(time * G_USEC_PER_SEC) : 0,
        .id = (guint64)json_member_number(object, "id"),
        .path = json_path_dup(object, "path"),
        .old_path = json_path_dup(object, "old_path"),
        .reason = json_member_text(object, "reason", NULL),
        .pid = (pid_t)json_member_number(object, "pid"),
        .uid = (uid_t)json_member_number(object, "uid"),
        .count = (guint64)json_member_number(object, "count"),
    };
}

static int take_line(Follower *follower, const char *line,
                     void (*take)(const Event *event, gpointer data), gpointer data)
{
    JsonNode *root;
    Event event;

    if (!json_parser_load_from_data(follower->parser, line, -1, NULL))
        return -EBADMSG;
    root = json_parser_get_root(follower->parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return -EBADMSG;
    event = event_of(follower, line, json_node_get_object(root));
    take(&event, data);
    g_free(event.path);
    g_free(event.old_path);
    return 0;
}

static int take_lines(Follower *follower, void (*take)(const Event *event, gpointer data),
                      gpointer data)
{
    GString *text = follower->text;
    char *line = text->str;
    char *end;
    int result = 0;

    while (result == 0 && (end = memchr(line, '\n', text->len - (gsize)(line - text->str)))) {
        *end = '\0';
        result = take_line(follower, line, take, data);
        line = end + 1;
    }
    g_string_erase(text, 0, line - text->str);
    return text->len > LONGEST_LINE ? -EBADMSG : result;
}

int follower_take(Follower *follower, void (*take)(const Event *event, gpointer data),
                  gpointer data)
{
    char piece[PIECE_SIZE];
    gssize length = 0;
    int result = 0;

    while (result == 0 && (length = read(follower->fd, piece, sizeof piece)) > 0) {
        g_string_append_len(follower->text, piece, length);
        result = take_lines(follower, take, data);
    }
    if (result < 0)
        return result;
    if (length == 0)
        return -ENOTCONN;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}
