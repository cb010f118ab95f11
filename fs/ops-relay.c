/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests about files: the inodes of relays (relay.h), and the control files.
 *
 * What a FIFO refuses, a relay's inode does too, as far as the kernel asks: it takes the inode for a
 * regular file, and decides some things by itself.
 */
#include "ops.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "control.h"
#include "fusewire.h"

G_STATIC_ASSERT(sizeof(FfCreated) == sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out));

void ff_op_relay_stat(const FfNode *fifo, struct stat *st)
{
    ff_node_stat(fifo, st);
    st->st_mode = S_IFREG | (st->st_mode & FF_MODE_BITS);
}

void ff_op_relay_fill_entry(FfDaemon *daemon, FfNode *fifo, int flags, pid_t creator,
                            struct fuse_entry_param *entry)
{
    /* It may be another worker's. */
    if (!ff_relays_has(daemon->relays, fifo->id))
        ff_relays_expect(daemon->relays, fifo, flags, creator);
    *entry = (struct fuse_entry_param){.ino = fifo->id | FF_RELAY_BIT, .generation = 1};
    ff_op_relay_stat(fifo, &entry->attr);
}

/*
 * A stream has no position, so that one thread can read while another writes
 * (fs/fuse/file.c fuse_finish_open(), FMODE_ATOMIC_POS).
 */
static FfCreated created_of(const struct fuse_entry_param *entry)
{
    return (FfCreated){
        .entry = {.nodeid = entry->ino,
                  .generation = entry->generation,
                  .attr = ff_fuse_attr(&entry->attr)},
        .open = {.fh = entry->ino,
                 .open_flags = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE | FOPEN_STREAM},
    };
}

FfCreated ff_op_relay_created(const FfNode *fifo)
{
    struct fuse_entry_param entry = {.ino = fifo->id | FF_RELAY_BIT, .generation = 1};

    ff_op_relay_stat(fifo, &entry.attr);
    return created_of(&entry);
}

void ff_op_relay_reply_created(fuse_req_t req, const struct fuse_entry_param *entry)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    guint64 fifo = ff_relay_fifo(entry->ino);
    FfCreated created = created_of(entry);
    struct iovec answer = {&created, sizeof created};

    /* Before the answer, as what comes after it is for the relay. */
    ff_relays_open(daemon->relays, fifo);
    if (fuse_reply_iov(req, &answer, 1) < 0)
        ff_relays_release(daemon->relays, NULL, fifo);
}

static gboolean is_relayed(const FfDaemon *daemon, guint64 fifo)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    return ff_relays_has(daemon->relays, fifo);
}

void ff_op_relay_forget(FfDaemon *daemon, guint64 id)
{
    if (ff_relay_owns(id) && is_relayed(daemon, ff_relay_fifo(id)))
        ff_relays_release(daemon->relays, NULL, ff_relay_fifo(id));
}

gboolean ff_op_relay_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    pid_t tid = fuse_req_ctx(req)->pid;
    struct fuse_entry_param entry;

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        guint64 id = ff_control_owns(parent) ? ff_relays_find(daemon->relays, tid, name) : 0;
        FfNode *fifo = id == 0 ? NULL : ff_registry_find(daemon->registry, id);

        if (fifo == NULL)
            return FALSE;
        ff_ops_fill_entry(daemon, fifo, &entry);
        ff_relays_adapt(daemon->relays, tid, &entry.attr);
        entry.entry_timeout = 0;
    }
    ff_ops_reply_entry(req, &entry);
    return TRUE;
}

/* Once more, by /proc/PID/fd: a second handle would have to be a relay of its own. */
void ff_op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    if (ff_relay_owns(id))
        fuse_reply_err(req, ENXIO);
    else
        ff_control_open(req, id, fi);
}

void ff_op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi)
{
    if (ff_relay_owns(id))
        ff_relays_read(ff_ops_daemon(req)->relays, req, ff_relay_fifo(id), size, fi->flags);
    else
        ff_control_read(req, id, size, offset, fi);
}

void ff_op_write(fuse_req_t req, fuse_ino_t id, const char *data, size_t size, off_t offset,
                 struct fuse_file_info *fi)
{
    if (ff_relay_owns(id))
        ff_relays_write(ff_ops_daemon(req)->relays, req, ff_relay_fifo(id), data, size, fi->flags);
    else
        fuse_reply_err(req, EBADF);
}

void ff_op_poll(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi,
                struct fuse_pollhandle *handle)
{
    if (ff_relay_owns(id))
        ff_relays_poll(ff_ops_daemon(req)->relays, req, ff_relay_fifo(id), fi->poll_events, handle);
    else
        ff_control_poll(req, id, fi, handle);
}

void ff_op_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    if (ff_relay_owns(id))
        ff_relays_release(ff_ops_daemon(req)->relays, req, ff_relay_fifo(id));
    else
        ff_control_release(req, id, fi);
}

void ff_op_fsync(fuse_req_t req, fuse_ino_t id, int data_only, struct fuse_file_info *fi)
{
    fuse_reply_err(req, ff_relay_owns(id) ? EINVAL : 0);
}

void ff_op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t offset, off_t length,
                     struct fuse_file_info *fi)
{
    fuse_reply_err(req, ESPIPE);
}

void ff_op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_offset,
                           struct fuse_file_info *from_info, fuse_ino_t to, off_t to_offset,
                           struct fuse_file_info *to_info, size_t length, int flags)
{
    fuse_reply_err(req, EINVAL);
}
