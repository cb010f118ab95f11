/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

#include "config.h"

#ifdef HAVE_SYSTEMD

#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>
#include <unistd.h>

/* org.freedesktop.systemd1(5) */
#define MANAGER  "org.freedesktop.systemd1"
#define OBJECT   "/org/freedesktop/systemd1"
#define ASK_USEC (2 * G_TIME_SPAN_SECOND)

void ff_service_ready(const char *mountpoint)
{
    g_autofree char *text = g_utf8_make_valid(mountpoint, -1);

    sd_notifyf(FALSE, "READY=1\nSTATUS=Mounted on %s", text);
}

void ff_service_store(const char *name, int fd)
{
    g_autofree char *text = g_strdup_printf("FDSTORE=1\nFDNAME=%s", name);

    sd_pid_notify_with_fds(0, FALSE, text, &fd, 1);
}

int ff_service_take_stored(const char *name)
{
    static char **names;
    static int n;
    int found = -1;

    /* It can be asked once only, as it takes what it tells out of the environment. */
    if (names == NULL)
        n = sd_listen_fds_with_names(TRUE, &names);
    for (int i = 0; i < n && found < 0; i++) {
        if (!g_str_equal(names[i], name))
            continue;
        found = SD_LISTEN_FDS_START + i;
        *names[i] = '\0';
    }
    return found;
}

void ff_service_remove_stored(const char *name)
{
    sd_notifyf(FALSE, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

static gboolean job_is_restart(sd_bus *bus, const char *unit_path)
{
    g_autofree char *type = NULL;
    sd_bus_message *reply = NULL;
    const char *job_path = NULL;
    guint32 job;
    gboolean answer = FALSE;

    if (sd_bus_get_property(bus, MANAGER, unit_path, MANAGER ".Unit", "Job", NULL, &reply,
                            "(uo)") >= 0 &&
        sd_bus_message_read(reply, "(uo)", &job, &job_path) >= 0 && job != 0 &&
        sd_bus_get_property_string(bus, MANAGER, job_path, MANAGER ".Job", "JobType", NULL,
                                   &type) >= 0)
        answer = g_str_equal(type, "restart") || g_str_equal(type, "try-restart");
    sd_bus_message_unref(reply);
    return answer;
}

static gboolean ask(sd_bus *bus)
{
    sd_bus_message *reply = NULL;
    const char *unit_path = NULL;
    gboolean answer = FALSE;

    sd_bus_set_method_call_timeout(bus, ASK_USEC);
    if (sd_bus_call_method(bus, MANAGER, OBJECT, MANAGER ".Manager", "GetUnitByPID", NULL, &reply,
                           "u", (guint32)getpid()) >= 0 &&
        sd_bus_message_read(reply, "o", &unit_path) >= 0)
        answer = job_is_restart(bus, unit_path);
    sd_bus_message_unref(reply);
    return answer;
}

/* The manager of a user has a bus of its own. */
static int open_bus(sd_bus **bus)
{
    char *unit = NULL;
    int r = sd_pid_get_user_unit(0, &unit);

    free(unit);
    return r >= 0 ? sd_bus_open_user(bus) : sd_bus_open_system(bus);
}

gboolean ff_service_is_restarting(void)
{
    sd_bus *bus = NULL;
    gboolean answer;

    if (g_getenv("NOTIFY_SOCKET") == NULL || open_bus(&bus) < 0)
        return FALSE;
    answer = ask(bus);
    sd_bus_flush_close_unref(bus);
    return answer;
}

void ff_service_reloading(void)
{
    sd_notifyf(FALSE, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
}

void ff_service_stopping(void)
{
    sd_notify(FALSE, "STOPPING=1");
}

#else

void ff_service_ready(const char *mountpoint)
{
}

void ff_service_store(const char *name, int fd)
{
}

int ff_service_take_stored(const char *name)
{
    return -1;
}

void ff_service_remove_stored(const char *name)
{
}

gboolean ff_service_is_restarting(void)
{
    return FALSE;
}

void ff_service_reloading(void)
{
}

void ff_service_stopping(void)
{
}

#endif
