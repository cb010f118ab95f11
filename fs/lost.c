/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lost.h"

#include <errno.h>

#include "fusewire.h"
#include "node.h"
#include "ops.h"
#include "relay.h"

/* The opcode stands in the lowest eight bits. */
#define OPCODE_BITS 8
#define OPCODE_MASK ((1 << OPCODE_BITS) - 1)

void ff_lost_note(FfJournal *journal, guint32 opcode, guint64 unique)
{
    guint64 *numbers = ff_journal_lately_read(journal);

    /* The beginning is told the next one in another way (session.c). */
    if (opcode == FUSE_INIT || !ff_fuse_is_answered(opcode))
        return;
    numbers[1 + numbers[0]++ % (FF_LOGFILE_N_LATELY_READ - 1)] = unique << OPCODE_BITS |
                                                                 (opcode & OPCODE_MASK);
}

/* It may be one for which nobody waits. */
static void answer(int fuse_fd, guint64 unique, int error, gconstpointer body, gsize length)
{
    int r = ff_fuse_write(fuse_fd, unique, error, body, length);

    if (r < 0 && r != -ENOENT)
        g_warning("cannot answer a request of a process before us: %s", g_strerror(-r));
}

/* The kernel is to keep nothing of it; it asks again when it wants it. */
static struct fuse_entry_out entry_of(const FfNode *node)
{
    struct stat st;

    ff_node_stat(node, &st);
    return (struct fuse_entry_out){.nodeid = node->id, .generation = 1, .attr = ff_fuse_attr(&st)};
}

/* It was carried out, and counted as a lookup if it has an entry for its answer. */
static void answer_carried_out(FfRegistry *registry, int fuse_fd, guint32 opcode, guint64 unique,
                               guint64 node_id)
{
    FfNode *node = node_id == 0 ? NULL : ff_registry_find(registry, ff_relay_fifo(node_id));

    if (node_id == 0) {
        answer(fuse_fd, unique, 0, NULL, 0);
    } else if (node != NULL && (opcode == FUSE_MKNOD || opcode == FUSE_MKDIR)) {
        struct fuse_entry_out entry = entry_of(node);

        answer(fuse_fd, unique, 0, &entry, sizeof entry);
    } else if (node != NULL && opcode == FUSE_CREATE && ff_relay_owns(node_id)) {
        FfCreated created = ff_op_relay_created(node);

        answer(fuse_fd, unique, 0, &created, sizeof created);
    } else {
        answer(fuse_fd, unique, -EIO, NULL, 0);
    }
}

/* What to say of a request of which nothing has been done. */
static int error_of(guint32 opcode)
{
    switch (opcode) {
    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_POLL:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
        return -EINTR;
    case FUSE_FLUSH:
        return 0;
    default:
        return -ESTALE;
    }
}

void ff_lost_answer(FfJournal *journal, FfRegistry *registry, int fuse_fd)
{
    guint64 *numbers = ff_journal_lately_read(journal);

    ff_relays_answer_lost(journal, fuse_fd);
    for (gsize i = 1; i < FF_LOGFILE_N_LATELY_READ; i++) {
        guint32 opcode = numbers[i] & OPCODE_MASK;
        guint64 unique = numbers[i] >> OPCODE_BITS, node_id;

        numbers[i] = 0;
        if (unique == 0)
            continue;
        if (ff_journal_find_answer(journal, unique, &node_id))
            answer_carried_out(registry, fuse_fd, opcode, unique, node_id);
        else
            answer(fuse_fd, unique, error_of(opcode), NULL, 0);
    }
}

void ff_lost_interrupt(FfJournal *journal, int fuse_fd, guint64 unique)
{
    const guint64 *numbers = ff_journal_lately_read(journal);

    for (gsize i = 1; i < FF_LOGFILE_N_LATELY_READ; i++) {
        if (numbers[i] >> OPCODE_BITS == unique)
            return;
    }
    answer(fuse_fd, unique, -EINTR, NULL, 0);
}
