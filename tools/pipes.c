/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipes.h"

#include <errno.h>
#include <json-glib/json-glib.h>

#include "acltext.h"
#include "jsonmember.h"
#include "jsonpath.h"
#include "lines.h"

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

static void fill_acl(Fifo *fifo, JsonObject *object)
{
    const char *text = json_member_text(object, "acl", NULL);

    if (text != NULL)
        fifo->acl = acltext_with_names(text);
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
    fill_acl(fifo, object);
    fill_creator(fifo, object);
    fifo->daemon_state = to_text(object, "state", "unknown");
    fifo->used = json_member_flag(object, "used");
    fifo->created = to_usec(object, "created");
    fifo->last_used = to_usec(object, "last_used");
    fifo->expires = to_usec(object, "expires");
    fifo->reason = to_text(object, "reason", NULL);
    fifo->lifetime = to_text(object, "lifetime", "unknown");
    fifo->hold = to_text(object, "hold", "none");
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

/* --- all of them --- */

typedef struct {
    const Mount *mount;
    JsonParser *parser;
    void (*take)(Fifo *fifo, gpointer data);
    gpointer data;
} Reading;

static int take_line(const char *line, gsize length, gpointer data)
{
    const Reading *reading = data;
    Fifo *fifo = fifo_from_line(reading->parser, line, length);

    if (fifo == NULL)
        return -EBADMSG;
    fifo->mount = reading->mount;
    reading->take(fifo, reading->data);
    return 0;
}

int pipes_read(const GPtrArray *mounts, dev_t dev, void (*take)(Fifo *fifo, gpointer data),
               gpointer data)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    Reading reading = {mounts_find_dev(mounts, dev), parser, take, data};

    return lines_read(mounts, dev, "pipes", take_line, &reading);
}
