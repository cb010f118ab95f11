/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filelimit.h"
#include "transit.h"

/* Those that workers and their parts are given have lower numbers (workers.c). */
#define FIRST_FD 256

struct FfKeeper {
    /* Descriptors by FIFO. */
    GHashTable *fds;
    guint most;
    int transit, staging[2], not_kept;
    /* The list for the latest worker, or -1. */
    int list;
    gboolean complained;
};

static void close_value(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

/* Allocated, so that no access through a mapping can fail for want of memory. */
static int new_transit(void)
{
    int fd = memfd_create("fifofs-transit", MFD_CLOEXEC);

    if (fd >= 0 && fallocate(fd, 0, 0, FF_TRANSIT_BYTES) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int new_staging(int *staging)
{
    if (pipe2(staging, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    /* Else more is done in pieces. */
    fcntl(staging[0], F_SETPIPE_SZ, 2 * FF_TRANSIT_DATA_BYTES);
    return 0;
}

FfKeeper *ff_keeper_new(void)
{
    FfKeeper *keeper = g_new0(FfKeeper, 1);

    keeper->fds = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, close_value);
    keeper->most = ff_file_limit_relays(ff_file_limit());
    keeper->staging[0] = keeper->staging[1] = keeper->list = -1;
    keeper->not_kept = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    keeper->transit = new_transit();
    if (keeper->transit < 0 || keeper->not_kept < 0 || new_staging(keeper->staging) < 0) {
        ff_keeper_free(keeper);
        return NULL;
    }
    return keeper;
}

static void close_valid(int fd)
{
    if (fd >= 0)
        close(fd);
}

void ff_keeper_free(FfKeeper *keeper)
{
    if (keeper == NULL)
        return;
    g_hash_table_unref(keeper->fds);
    close_valid(keeper->transit);
    close_valid(keeper->staging[0]);
    close_valid(keeper->staging[1]);
    close_valid(keeper->list);
    close_valid(keeper->not_kept);
    g_free(keeper);
}

static gboolean abandon_record(FfKeeper *keeper, int transit)
{
    g_autofree FfTransit *old = g_new(FfTransit, 1), *new = g_new(FfTransit, 1);

    if (transit < 0 || pread(keeper->transit, old, sizeof *old, 0) != sizeof *old)
        return FALSE;
    ff_transit_abandon(old, new);
    return pwrite(transit, new, sizeof *new, 0) == sizeof *new;
}

gboolean ff_keeper_abandon(FfKeeper *keeper)
{
    int staging[2], transit = new_transit();

    if (!abandon_record(keeper, transit) || new_staging(staging) < 0) {
        close_valid(transit);
        return FALSE;
    }
    close(keeper->transit);
    close(keeper->staging[0]);
    close(keeper->staging[1]);
    keeper->transit = transit;
    memcpy(keeper->staging, staging, sizeof staging);
    return TRUE;
}

static void keep(FfKeeper *keeper, guint64 fifo, int fd)
{
    int kept = g_hash_table_size(keeper->fds) < keeper->most ? fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD)
                                                             : -1;

    if (kept >= 0)
        g_hash_table_insert(keeper->fds, g_memdup2(&fifo, sizeof fifo), GINT_TO_POINTER(kept));
    close(fd);
}

static void keep_no_more(FfKeeper *keeper, guint64 fifo)
{
    guint64 one = 1;

    g_hash_table_remove(keeper->fds, &fifo);
    if (write(keeper->not_kept, &one, sizeof one) < 0)
        g_debug("cannot tell that a FIFO is closed: %s", g_strerror(errno));
}

void ff_keeper_take(FfKeeper *keeper, const FfKeepMessage *message, int fd)
{
    if (message->kind == FF_KEEP && fd >= 0)
        keep(keeper, message->fifo, fd);
    else
        close_valid(fd);
    if (message->kind == FF_KEEP_NO_MORE)
        keep_no_more(keeper, message->fifo);
}

static int write_list(FfKeeper *keeper, GArray *numbers)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(FfKeepEntry));
    int fd = memfd_create("fifofs-relays", MFD_CLOEXEC);
    GHashTableIter iter;
    gpointer fifo, number;

    g_hash_table_iter_init(&iter, keeper->fds);
    while (g_hash_table_iter_next(&iter, &fifo, &number)) {
        FfKeepEntry entry = {.fifo = *(guint64 *)fifo, .fd = GPOINTER_TO_INT(number)};
        int value = GPOINTER_TO_INT(number);

        g_array_append_val(entries, entry);
        g_array_append_val(numbers, value);
    }
    if (fd >= 0 && entries->len > 0 &&
        write(fd, entries->data, entries->len * sizeof(FfKeepEntry)) !=
            (gssize)(entries->len * sizeof(FfKeepEntry))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The next workers are likely to go without them as well. */
static void complain(FfKeeper *keeper)
{
    if (keeper->complained || g_hash_table_size(keeper->fds) == 0)
        return;
    g_warning(
        "cannot hand the relays of %u FIFOs to the next worker: %s: close and create them again",
        g_hash_table_size(keeper->fds), g_strerror(errno));
    keeper->complained = TRUE;
}

GArray *ff_keeper_lend(FfKeeper *keeper, int *fds)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int));

    close_valid(keeper->list);
    keeper->list = write_list(keeper, numbers);
    if (keeper->list < 0) {
        complain(keeper);
        return NULL;
    }
    fds[FF_HANDOVER_TRANSIT] = keeper->transit;
    fds[FF_HANDOVER_STAGING_OUT] = keeper->staging[0];
    fds[FF_HANDOVER_STAGING_IN] = keeper->staging[1];
    fds[FF_HANDOVER_RELAYS] = keeper->list;
    fds[FF_HANDOVER_NOT_KEPT] = keeper->not_kept;
    return g_steal_pointer(&numbers);
}
