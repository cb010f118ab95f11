/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kept.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "closefds.h"
#include "handover.h"

/* A supervisor that lives has done it by then. */
#define PATIENCE_MS 1000

/* A process has one of each. FfKeepEntry, by FIFO. */
static GHashTable *found;
static FfTransitEnd transit = {.out = FF_HANDOVER_STAGING_OUT, .in = FF_HANDOVER_STAGING_IN};

static GArray *read_list(void)
{
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(FfKeepEntry));
    FfKeepEntry entry;

    for (off_t at = 0; pread(FF_HANDOVER_RELAYS, &entry, sizeof entry, at) == sizeof entry;
         at += (off_t)sizeof entry)
        if (entry.fd > FF_HANDOVER_LAST && entry.fd < G_MAXINT)
            g_array_append_val(entries, entry);
    return entries;
}

/* Whatever else is open is of no use here: the program itself is one. */
static void close_others(const GArray *entries)
{
    g_autofree int *kept = g_new(int, entries->len);

    for (guint i = 0; i < entries->len; i++)
        kept[i] = (int)g_array_index(entries, FfKeepEntry, i).fd;
    ff_close_all_but(FF_HANDOVER_LAST + 1, kept, entries->len);
}

static void note(const FfKeepEntry *entry)
{
    g_hash_table_add(found, g_memdup2(entry, sizeof *entry));
}

void ff_kept_adopt(void)
{
    g_autoptr(GArray) entries = NULL;

    if (g_getenv(FF_ENV_RELAYS) == NULL) {
        close_range(FF_HANDOVER_LAST_OF_ALL + 1, ~0U, 0);
        return;
    }
    entries = read_list();
    close_others(entries);
    close(FF_HANDOVER_RELAYS);
    transit.record = mmap(NULL, FF_TRANSIT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                          FF_HANDOVER_TRANSIT, 0);
    close(FF_HANDOVER_TRANSIT);
    if (transit.record == MAP_FAILED)
        transit.record = NULL;
    found = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; i < entries->len; i++)
        note(&g_array_index(entries, FfKeepEntry, i));
}

const FfTransitEnd *ff_kept_transit(void)
{
    return transit.record == NULL ? NULL : &transit;
}

int ff_kept_take(guint64 fifo)
{
    const FfKeepEntry *entry = found == NULL ? NULL : g_hash_table_lookup(found, &fifo);
    int fd = entry == NULL ? -1 : (int)entry->fd;

    if (entry != NULL)
        g_hash_table_remove(found, &fifo);
    return fd;
}

void ff_kept_drop_rest(void)
{
    GHashTableIter iter;
    gpointer key;

    if (found == NULL)
        return;
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const FfKeepEntry *entry = key;

        ff_kept_forget(entry->fifo);
        close((int)entry->fd);
    }
    g_clear_pointer(&found, g_hash_table_unref);
}

/* @fd: -1 for none. A supervisor that is not there any more is noticed otherwise. */
static void tell(FfKeep kind, guint64 fifo, int fd)
{
    FfKeepMessage message = {.kind = kind, .fifo = fifo};
    struct iovec what = {&message, sizeof message};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct msghdr header = {.msg_iov = &what, .msg_iovlen = 1};

    if (fd >= 0) {
        header.msg_control = &control;
        header.msg_controllen = sizeof control;
        control.aligned = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(&control.aligned), &fd, sizeof fd);
    }
    if (sendmsg(FF_HANDOVER_SOCKET, &header, MSG_NOSIGNAL) < 0)
        g_debug("cannot tell the supervisor: %s", g_strerror(errno));
}

void ff_kept_keep(guint64 fifo, int fd)
{
    if (transit.record != NULL)
        tell(FF_KEEP, fifo, fd);
}

/* What was told of another one after its time is told no more. */
static void drain(void)
{
    guint64 n;

    if (read(FF_HANDOVER_NOT_KEPT, &n, sizeof n) > 0)
        g_debug("the supervisor has closed a FIFO late");
}

/* Else somebody would take what is closed a moment later for the other end. */
static void await_close(void)
{
    struct pollfd told = {.fd = FF_HANDOVER_NOT_KEPT, .events = POLLIN};
    guint64 n;

    if (TEMP_FAILURE_RETRY(poll(&told, 1, PATIENCE_MS)) != 1 ||
        read(FF_HANDOVER_NOT_KEPT, &n, sizeof n) < 0)
        g_debug("the supervisor does not say that a FIFO is closed");
}

void ff_kept_forget(guint64 fifo)
{
    if (transit.record == NULL)
        return;
    drain();
    tell(FF_KEEP_NO_MORE, fifo, -1);
    await_close();
}
