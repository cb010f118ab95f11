/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

#include "config.h"

#ifdef HAVE_SYSTEMD

#include <glib.h>
#include <systemd/sd-daemon.h>

void ff_service_ready(const char *mountpoint)
{
    g_autofree char *text = g_utf8_make_valid(mountpoint, -1);

    sd_notifyf(FALSE, "READY=1\nSTATUS=Mounted on %s", text);
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

void ff_service_reloading(void)
{
}

void ff_service_stopping(void)
{
}

#endif
