/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "single.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "autofd.h"

static Fifo *identify(const Place *place, int *error_number)
{
    FfFileInfo info;
    struct stat st;
    g_auto(FfAutoFd) fd = place_open(place, &info);
    Fifo *fifo;

    *error_number = fd < 0 ? -fd : 0;
    if (fd >= 0 && fstat(fd, &st) < 0)
        *error_number = errno;
    else if (fd >= 0 && !S_ISFIFO(st.st_mode))
        *error_number = EMEDIUMTYPE;
    if (*error_number != 0)
        return NULL;
    fifo = fifo_new();
    fifo->mount = place->mount;
    fifo->id = st.st_ino;
    fifo->mode = st.st_mode & ~(guint)S_IFMT;
    fifo->uid = st.st_uid;
    fifo->gid = st.st_gid;
    fifo->daemon_state = g_strdup("unknown");
    fifo->lifetime = g_strdup("unknown");
    return fifo;
}

Fifo *single_look(const GPtrArray *mounts, const char *path, gboolean want_buffers,
                  ScanResult *result, int *error_number)
{
    g_auto(Place) place;
    g_autoptr(GPtrArray) fifos = g_ptr_array_new();
    g_autoptr(Fifo) fifo = NULL;
    int r = place_find(mounts, path, &place);

    if (r < 0) {
        *error_number = -r;
        return NULL;
    }
    fifo = identify(&place, error_number);
    if (fifo == NULL)
        return NULL;
    g_ptr_array_add(fifos, fifo);
    r = procscan_run(mounts, fifos, want_buffers, result);
    *error_number = -r;
    return r < 0 ? NULL : g_steal_pointer(&fifo);
}
