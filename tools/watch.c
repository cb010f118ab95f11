/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl watch: what happens on the mounts, as it happens.
 */
#include "command.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "autofd.h"
#include "follow.h"
#include "message.h"
#include "options.h"
#include "place.h"
#include "value.h"

/* What a PATH stands for: this path inside, and all below it. */
typedef struct {
    const Mount *mount;
    char *inside;
} Wanted;

typedef struct {
    GPtrArray *mounts;
    /* Wanted; none means everything. */
    GPtrArray *wanted;
    /* Names of events; NULL means all. */
    char **events;
    gboolean json;
    GPtrArray *followers;
} Watching;

static void wanted_free(Wanted *wanted)
{
    g_free(wanted->inside);
    g_free(wanted);
}

/* --- what is wanted --- */

static int find_wanted(Watching *watching, const char *path)
{
    Wanted *wanted = g_new0(Wanted, 1);

    g_ptr_array_add(watching->wanted, wanted);
    return place_inside(watching->mounts, path, &wanted->mount, &wanted->inside);
}

static gboolean is_on(const Wanted *wanted, const Event *event)
{
    if (wanted->mount->dev != event->mount->dev)
        return FALSE;
    return (event->path != NULL && path_below(event->path, wanted->inside) != NULL) ||
           (event->old_path != NULL && path_below(event->old_path, wanted->inside) != NULL);
}

static gboolean is_missed(const Event *event)
{
    return strcmp(event->name, "missed") == 0;
}

static gboolean is_takeover(const Event *event)
{
    return strcmp(event->name, "takeover") == 0;
}

/* How much was missed concerns everybody, and who tells it. */
static gboolean is_wanted(const Watching *watching, const Event *event)
{
    if (is_missed(event))
        return TRUE;
    if (watching->events != NULL &&
        !g_strv_contains((const char *const *)watching->events, event->name))
        return FALSE;
    if (is_takeover(event))
        return TRUE;
    for (guint i = 0; i < watching->wanted->len; i++)
        if (is_on(g_ptr_array_index(watching->wanted, i), event))
            return TRUE;
    return watching->wanted->len == 0;
}

/* --- what is written --- */

static char *time_text(gint64 usec)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(usec / G_USEC_PER_SEC);
    g_autoptr(GDateTime) local = utc == NULL ? NULL : g_date_time_to_local(utc);
    g_autofree char *seconds = local == NULL ? g_strdup("--:--:--")
                                             : g_date_time_format(local, "%H:%M:%S");

    return g_strdup_printf("%s.%03d", seconds, (int)(usec / 1000 % 1000));
}

static char *shown_path(const Event *event, const char *path)
{
    g_autofree char *outside = mount_outside(event->mount, path);

    return message_safe(outside == NULL ? path : outside);
}

/* Earlier daemons gave no reason, and had one. */
static void print_missed(const Event *event)
{
    gboolean is_lost = g_strcmp0(event->reason, "takeover") == 0;

    printf("--:--:--.---  missed    %" G_GUINT64_FORMAT " events: %s\n", event->count,
           is_lost ? "the daemon's worker was replaced before they were read" : "too many at once");
}

static void print_takeover(const Event *event)
{
    g_autofree char *time = time_text(event->time);

    printf("%s  takeover  another worker goes on\n", time);
}

static void print_event(const Event *event)
{
    g_autofree char *time = time_text(event->time);
    g_autofree char *path = event->path == NULL ? g_strdup("(no name)")
                                                : shown_path(event, event->path);

    printf("%s  %-8s  %s", time, event->name, path);
    if (event->old_path != NULL) {
        g_autofree char *old_path = shown_path(event, event->old_path);

        printf("  was %s", old_path);
    }
    if (event->reason != NULL)
        printf("  %s", event->reason);
    if (event->pid > 0)
        printf("  by %d (%s)", event->pid, value_user_name(event->uid));
    putchar('\n');
}

static void take_event(const Event *event, gpointer data)
{
    const Watching *watching = data;

    if (!is_wanted(watching, event))
        return;
    if (watching->json)
        puts(event->line);
    else if (is_missed(event))
        print_missed(event);
    else if (is_takeover(event))
        print_takeover(event);
    else
        print_event(event);
}

/* --- following --- */

static void follow(Watching *watching, const Mount *mount)
{
    int error_number;
    Follower *follower = follower_new(watching->mounts, mount, &error_number);

    if (follower == NULL) {
        message_errno("cannot follow", mount->point, error_number);
        return;
    }
    g_ptr_array_add(watching->followers, follower);
}

static gboolean is_wanted_mount(const Watching *watching, const Mount *mount)
{
    for (guint i = 0; i < watching->wanted->len; i++)
        if (((const Wanted *)g_ptr_array_index(watching->wanted, i))->mount->dev == mount->dev)
            return TRUE;
    return watching->wanted->len == 0;
}

/* One that cannot be followed has been named; the others are followed all the same. */
static gboolean follow_all(Watching *watching)
{
    for (guint i = 0; i < watching->mounts->len; i++) {
        const Mount *mount = g_ptr_array_index(watching->mounts, i);

        if (mounts_find_dev(watching->mounts, mount->dev) == mount &&
            is_wanted_mount(watching, mount))
            follow(watching, mount);
    }
    return watching->followers->len > 0;
}

/* Return: 0 or -errno of the first mount that can no longer be followed. */
static int take_all(Watching *watching, const struct pollfd *waiting)
{
    for (guint i = 0; i < watching->followers->len; i++) {
        int result = waiting[i].revents == 0
                         ? 0
                         : follower_take(g_ptr_array_index(watching->followers, i), take_event,
                                         watching);

        if (result < 0)
            return result;
    }
    return 0;
}

/* Return: 0, or -ENOTCONN where one is mounted nowhere any more. */
static int check_mounts(const Watching *watching)
{
    for (guint i = 0; i < watching->followers->len; i++)
        if (!follower_is_mounted(g_ptr_array_index(watching->followers, i)))
            return -ENOTCONN;
    return 0;
}

/* Wait for something to happen, and write it. Return: 0 or -errno. */
static int step(Watching *watching, struct pollfd *waiting)
{
    guint n = watching->followers->len;
    int result = poll(waiting, n + 1, -1) < 0 ? -errno : take_all(watching, waiting);

    if (result == 0 && waiting[n].revents != 0)
        result = check_mounts(watching);
    return result == -EINTR ? 0 : result;
}

/* Until a mount goes, or a signal ends us. */
static ExitStatus run(Watching *watching)
{
    guint n = watching->followers->len;
    g_auto(FfAutoFd) changes = mounts_open_changes();
    g_autofree struct pollfd *waiting = g_new0(struct pollfd, n + 1);
    int result = check_mounts(watching);

    for (guint i = 0; i < n; i++)
        waiting[i] = (struct pollfd){.fd = follower_fd(g_ptr_array_index(watching->followers, i)),
                                     .events = POLLIN};
    waiting[n] = (struct pollfd){.fd = changes, .events = POLLPRI};
    while (result == 0) {
        if (fflush(stdout) == EOF)
            return EXIT_STATUS_FAILED;
        result = step(watching, waiting);
    }
    message_errno("can follow no longer", "watch", -result);
    return EXIT_STATUS_FAILED;
}

static ExitStatus watch(Watching *watching, char **paths)
{
    for (char **path = paths; path != NULL && *path != NULL; path++) {
        int result = find_wanted(watching, *path);

        if (result == 0)
            continue;
        place_complain("cannot watch", *path, result);
        return EXIT_STATUS_FAILED;
    }
    if (watching->mounts->len == 0) {
        message_error("no fifofs mount", "/proc/self/mountinfo",
                      "mount one with 'fifofs MOUNTPOINT'");
        return EXIT_STATUS_NO_MOUNT;
    }
    return follow_all(watching) ? run(watching) : EXIT_STATUS_FAILED;
}

static ExitStatus watch_with(Watching *watching, char **paths)
{
    ExitStatus status = EXIT_STATUS_FAILED;

    watching->mounts = mounts_load();
    watching->wanted = g_ptr_array_new_with_free_func((GDestroyNotify)wanted_free);
    watching->followers = g_ptr_array_new_with_free_func((GDestroyNotify)follower_free);
    if (watching->mounts == NULL)
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
    else
        status = watch(watching, paths);
    g_ptr_array_unref(watching->followers);
    g_ptr_array_unref(watching->wanted);
    g_clear_pointer(&watching->mounts, g_ptr_array_unref);
    return status;
}

static gboolean check_events(char **events)
{
    for (char **event = events; event != NULL && *event != NULL; event++) {
        g_autofree char *known = NULL;

        if (g_strv_contains(event_names, *event))
            continue;
        known = g_strjoinv(", ", (char **)event_names);
        message_error("no such event", *event, known);
        return FALSE;
    }
    return TRUE;
}

ExitStatus command_watch(int argc, char **argv)
{
    Watching watching = {0};
    g_auto(GStrv) paths = NULL;
    g_auto(GStrv) events = NULL;
    const GOptionEntry entries[] = {
        {"event", 'e', 0, G_OPTION_ARG_STRING_ARRAY, &events,
         "Only this: created, opened, closed, removed, ...", "EVENT"},
        {"json", 'J', 0, G_OPTION_ARG_NONE, &watching.json, "Write JSON, an object per line", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL},
        {NULL},
    };

    if (!options_parse(argc, argv, entries, "[PATH...]",
                       "Show what happens on all fifofs mounts, or below the PATHs."))
        return EXIT_STATUS_USAGE;
    if (!check_events(events))
        return EXIT_STATUS_USAGE;
    watching.events = events;
    return watch_with(&watching, paths);
}
