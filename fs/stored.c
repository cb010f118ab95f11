/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stored.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "autofd.h"
#include "mounting.h"
#include "service.h"

/* A path, and some words. */
#define MOST_SETTINGS (2 * PATH_MAX)

/* What the service manager keeps for us, by FfHandover. */
static const char *const stored_names[] = {
    [FF_HANDOVER_FUSE] = "fuse",
    [FF_HANDOVER_JOURNAL] = "journal",
    [FF_HANDOVER_INOTIFY] = "inotify",
};

/* Neither is in a worker's hands. */
#define STORED_SETTINGS "settings"

/* Two texts, each with its NUL. */
static void store_settings(const char *mountpoint, const char *privileges)
{
    const char *texts[] = {mountpoint, privileges};
    g_auto(FfAutoFd) fd = memfd_create("fifofs-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    gboolean written = fd >= 0;

    for (guint i = 0; i < G_N_ELEMENTS(texts) && written; i++)
        written = write(fd, texts[i], strlen(texts[i]) + 1) == (gssize)strlen(texts[i]) + 1;
    if (written && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) == 0)
        ff_service_store(STORED_SETTINGS, fd);
}

static void take_settings(FfStored *stored)
{
    g_auto(FfAutoFd) fd = ff_service_take_stored(STORED_SETTINGS);
    char text[MOST_SETTINGS];
    gssize length = fd < 0 ? -1 : pread(fd, text, sizeof text, 0);
    const char *end = length < 0 ? NULL : memchr(text, '\0', (gsize)length);

    if (end == NULL || text[length - 1] != '\0' || end == text + length - 1)
        return;
    stored->mountpoint = g_strdup(text);
    stored->privileges = g_strdup(end + 1);
}

void ff_stored_clear(FfStored *stored)
{
    g_clear_pointer(&stored->mountpoint, g_free);
    g_clear_pointer(&stored->privileges, g_free);
}

FfOptions *ff_stored_options(const FfStored *stored)
{
    FfOptions *options;

    if (stored->mountpoint == NULL)
        return NULL;
    options = ff_options_new();
    g_free(options->mountpoint);
    options->mountpoint = g_strdup(stored->mountpoint);
    return options;
}

void ff_stored_store(const int *fds, const char *mountpoint, const char *privileges)
{
    /* The manager knows a descriptor again that it has, but these are in another file each time. */
    ff_service_remove_stored(STORED_SETTINGS);
    store_settings(mountpoint, privileges);
    for (int i = FF_HANDOVER_FUSE; i <= FF_HANDOVER_INOTIFY; i++)
        ff_service_store(stored_names[i], fds[i]);
}

void ff_stored_remove(void)
{
    ff_service_remove_stored(STORED_SETTINGS);
    for (int i = FF_HANDOVER_FUSE; i <= FF_HANDOVER_INOTIFY; i++)
        ff_service_remove_stored(stored_names[i]);
}

gboolean ff_stored_find(FfStored *stored)
{
    gboolean all = TRUE, any;

    *stored = (FfStored){.configured = TRUE};
    take_settings(stored);
    any = stored->mountpoint != NULL;
    for (int i = FF_HANDOVER_FUSE; i <= FF_HANDOVER_INOTIFY; i++) {
        stored->fds[i] = ff_service_take_stored(stored_names[i]);
        all = all && stored->fds[i] >= 0;
        any = any || stored->fds[i] >= 0;
    }
    if (all && ff_mounting_is_alive(stored->fds[FF_HANDOVER_FUSE]))
        return TRUE;
    for (int i = FF_HANDOVER_FUSE; i <= FF_HANDOVER_INOTIFY; i++)
        if (stored->fds[i] >= 0)
            close(stored->fds[i]);
    /* A store that is full takes nothing of the next mount. */
    if (any)
        ff_stored_remove();
    return FALSE;
}
