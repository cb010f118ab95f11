/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "columns.h"

#include <stdio.h>
#include <string.h>

/* --- kinds of answers --- */

static void set_number(Value *value, gint64 number)
{
    value->known = TRUE;
    value->number = number;
}

static void set_number_unless_unknown(Value *value, gint64 number)
{
    if (number != FIFO_UNKNOWN)
        set_number(value, number);
}

static void set_text(Value *value, const char *text)
{
    value->known = text != NULL;
    value->text = g_strdup(text);
}

/* --- columns --- */

static void get_name(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, path_below(fifo->path, fifo->mount->root));
}

static void get_path(const Fifo *fifo, gint64 now, Value *value)
{
    value->text = mount_outside(fifo->mount, fifo->path);
    value->known = value->text != NULL;
}

static void get_mount(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, fifo->mount->point);
}

static void get_id(const Fifo *fifo, gint64 now, Value *value)
{
    set_number(value, (gint64)fifo->id);
}

static void get_mode(const Fifo *fifo, gint64 now, Value *value)
{
    value->known = TRUE;
    value->text = g_strdup_printf("%04o", fifo->mode);
}

static void get_acl(const Fifo *fifo, gint64 now, Value *value)
{
    if (fifo->acl != NULL)
        set_text(value, fifo->acl);
}

static void get_owner(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, value_user_name(fifo->uid));
}

static void get_group(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, value_group_name(fifo->gid));
}

static void get_uid(const Fifo *fifo, gint64 now, Value *value)
{
    set_number(value, fifo->uid);
}

static void get_gid(const Fifo *fifo, gint64 now, Value *value)
{
    set_number(value, fifo->gid);
}

static void get_state(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, fifo_state(fifo));
}

static void get_readers(const Fifo *fifo, gint64 now, Value *value)
{
    set_number(value, fifo_count(fifo, FIFO_END_READ, FALSE));
}

static void get_writers(const Fifo *fifo, gint64 now, Value *value)
{
    set_number(value, fifo_count(fifo, FIFO_END_WRITE, FALSE));
}

static void get_waiting(const Fifo *fifo, gint64 now, Value *value)
{
    set_number(value, fifo_count(fifo, FIFO_END_READ | FIFO_END_WRITE, TRUE));
}

static void get_queued(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->queued_bytes);
}

static void get_capacity(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->capacity_bytes);
}

static void get_asked(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->asked_bytes);
}

static void get_age(const Fifo *fifo, gint64 now, Value *value)
{
    if (fifo->created != FIFO_UNKNOWN)
        set_number(value, MAX(now - fifo->created, 0));
}

/* Only what is known to be idle, not what may be. */
static void get_idle(const Fifo *fifo, gint64 now, Value *value)
{
    if (fifo->last_used != FIFO_UNKNOWN && strcmp(fifo_state(fifo), "idle") == 0)
        set_number(value, MAX(now - fifo->last_used, 0));
}

static void get_created(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->created);
}

static void get_last_used(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->last_used);
}

static void get_lifetime(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, fifo->lifetime);
}

static void get_linger(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->linger);
}

static void get_grace(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->grace);
}

static void get_max_age(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->max_age);
}

static void get_open_timeout(const Fifo *fifo, gint64 now, Value *value)
{
    set_number_unless_unknown(value, fifo->open_timeout);
}

static void get_hold(const Fifo *fifo, gint64 now, Value *value)
{
    set_text(value, fifo->hold);
}

static void get_expires(const Fifo *fifo, gint64 now, Value *value)
{
    gint64 expires = fifo_expires(fifo);

    if (expires != FIFO_UNKNOWN)
        set_number(value, MAX(expires - now, 0));
}

static void get_reason(const Fifo *fifo, gint64 now, Value *value)
{
    const char *reason = fifo_reason(fifo);

    if (reason != NULL)
        set_text(value, reason);
}

static void get_creator(const Fifo *fifo, gint64 now, Value *value)
{
    if (fifo->creator_pid == 0)
        return;
    set_text(value, fifo->creator_command);
    value->number = fifo->creator_pid;
    value->flag = fifo->creator_alive;
}

#define SCAN    COLUMN_NEEDS_SCAN
#define BUFFERS (COLUMN_NEEDS_SCAN | COLUMN_NEEDS_BUFFERS)

/* The default ones fit into 80 to 100 columns for ordinary values. */
static const Column columns[] = {
    {"MOUNT", "Mount", &value_format_text, 0, FALSE, get_mount,
     "mount point through which it is seen"},
    {"NAME", "Name", &value_format_text, 0, TRUE, get_name, "name from the mount point on"},
    {"PATH", "Path", &value_format_text, 0, FALSE, get_path, "full path"},
    {"ID", "Inode", &value_format_count, 0, FALSE, get_id, "inode number"},
    {"MODE", "Mode", &value_format_text, 0, TRUE, get_mode, "permissions, octal"},
    {"ACL", "ACL", &value_format_text, 0, FALSE, get_acl,
     "who may do what besides, as setfacl takes it"},
    {"OWNER", "Owner", &value_format_text, 0, TRUE, get_owner,
     "user name of the owner, or the number"},
    {"GROUP", "Group", &value_format_text, 0, FALSE, get_group, "group name, or the number"},
    {"UID", "Owner number", &value_format_count, 0, FALSE, get_uid, "user number of the owner"},
    {"GID", "Group number", &value_format_count, 0, FALSE, get_gid, "group number"},
    {"STATE", "State", &value_format_text, SCAN, TRUE, get_state,
     "stuck, open, held, idle, new, in-use, cached"},
    {"READERS", "Readers", &value_format_count, SCAN, TRUE, get_readers,
     "processes that have the read end open"},
    {"WRITERS", "Writers", &value_format_count, SCAN, TRUE, get_writers,
     "processes that have the write end open"},
    {"WAITING", "Waiting", &value_format_count, SCAN, TRUE, get_waiting,
     "threads that wait in open()"},
    {"QUEUED", "Queued", &value_format_size, BUFFERS, TRUE, get_queued,
     "bytes written and not yet read"},
    {"CAPACITY", "Capacity", &value_format_size, BUFFERS, FALSE, get_capacity,
     "bytes that it can hold"},
    {"ASKED", "Capacity asked for", &value_format_size, 0, FALSE, get_asked,
     "bytes that it is to hold, where that was said"},
    {"AGE", "Age", &value_format_age, 0, TRUE, get_age, "time since it was created"},
    {"IDLE", "Idle", &value_format_age, SCAN, TRUE, get_idle, "time since it was last in use"},
    {"CREATED", "Created", &value_format_moment, 0, FALSE, get_created, "when it was created"},
    {"LASTUSED", "Last used", &value_format_moment, 0, FALSE, get_last_used,
     "when it was last known to be in use"},
    {"LIFETIME", "Lifetime", &value_format_text, 0, TRUE, get_lifetime,
     "auto, use, process, session, keep"},
    {"LINGER", "Linger", &value_format_duration, 0, FALSE, get_linger,
     "how long it stays once it is idle"},
    {"GRACE", "Grace", &value_format_duration, 0, FALSE, get_grace,
     "how long it stays if it is never used"},
    {"MAXAGE", "Greatest age", &value_format_duration, 0, FALSE, get_max_age,
     "how old it may become at all"},
    {"OPENTIMEOUT", "Open timeout", &value_format_duration, 0, FALSE, get_open_timeout,
     "how long a process may wait in open()"},
    {"HOLD", "Hold", &value_format_text, 0, FALSE, get_hold,
     "what the daemon keeps open: none, read, write, both"},
    {"EXPIRES", "Expires in", &value_format_age, SCAN, TRUE, get_expires,
     "time until it is removed if nothing changes"},
    {"REASON", "Reason", &value_format_text, SCAN, FALSE, get_reason,
     "why it will be removed: idle, unused, creator-gone, session-ended, max-age"},
    {"CREATOR", "Creator", &value_format_process, 0, FALSE, get_creator,
     "command and pid that created it"},
};

GPtrArray *columns_all(void)
{
    GPtrArray *all = g_ptr_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
        g_ptr_array_add(all, (gpointer)&columns[i]);
    return all;
}

GPtrArray *columns_default(gboolean with_mount)
{
    GPtrArray *chosen = g_ptr_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
        if (columns[i].is_default || (with_mount && columns[i].get == get_mount))
            g_ptr_array_add(chosen, (gpointer)&columns[i]);
    return chosen;
}

static const Column *find_column(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
        if (g_ascii_strcasecmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}

GPtrArray *columns_parse(const char *text, const GPtrArray *defaults, char **error)
{
    gboolean adds = text[0] == '+';
    g_auto(GStrv) names = g_strsplit(adds ? text + 1 : text, ",", -1);
    g_autoptr(GPtrArray) chosen = adds ? g_ptr_array_copy((GPtrArray *)defaults, NULL, NULL)
                                       : g_ptr_array_new();

    for (guint i = 0; names[i] != NULL; i++) {
        const Column *column = find_column(names[i]);

        if (column == NULL) {
            *error = g_strdup(names[i]);
            return NULL;
        }
        if (!g_ptr_array_find(chosen, column, NULL))
            g_ptr_array_add(chosen, (gpointer)column);
    }
    return g_steal_pointer(&chosen);
}

ColumnNeeds columns_needs(const GPtrArray *chosen)
{
    ColumnNeeds needs = 0;

    for (guint i = 0; i < chosen->len; i++)
        needs |= ((const Column *)g_ptr_array_index(chosen, i))->needs;
    return needs;
}

void columns_print_list(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
        printf("%8s  %-7s  %s\n", columns[i].name, columns[i].format->name, columns[i].help);
}
