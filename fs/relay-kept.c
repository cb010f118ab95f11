/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How relays outlive the worker. What is open of a FIFO the supervisor keeps (kept.h). What is known
 * of a relay stands in the journal: from before its creation is answered, so that the next worker
 * opens the FIFO where this one has not come to that, until it is closed. And so does how far the
 * reads and writes have come that are not answered and will come again; what was done of the last
 * is found in the record of transfers (transit.h).
 */
#include "relay-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fusewire.h"
#include "packing.h"

enum { FLAG_OPENED = 1, FLAG_MET = 2, FLAG_USED = 4 };

/* --- relays: registry locked --- */

void ff_relay_save(FfRelays *relays, const Relayed *relayed)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (relays->transit == NULL || relays->journal == NULL)
        return;
    ff_pack_unsigned(bytes, (guint64)relayed->access);
    ff_pack_unsigned(bytes, (guint64)relayed->creator);
    ff_pack_unsigned(bytes, (relayed->opened ? FLAG_OPENED : 0U) | (relayed->met ? FLAG_MET : 0U) |
                                (relayed->used ? FLAG_USED : 0U));
    ff_pack_unsigned(bytes, relayed->poll_number);
    ff_journal_keep(relays->journal, FF_KEPT_RELAY, relayed->fifo, bytes);
}

void ff_relay_save_opened(FfRelays *relays, Relayed *relayed, const Relay *relay)
{
    relayed->opened = TRUE;
    relayed->met = relay->met;
    relayed->used = relay->used;
    ff_relay_save(relays, relayed);
}

void ff_relay_save_state(FfRelays *relays, const Relay *relay)
{
    Relayed *relayed = g_hash_table_lookup(relays->relayed, &relay->fifo);

    /* One that is being opened is saved when it is. */
    if (relayed != NULL && relayed->opened)
        ff_relay_save_opened(relays, relayed, relay);
}

void ff_relay_save_end(FfRelays *relays, guint64 fifo)
{
    if (relays->journal != NULL)
        ff_journal_drop(relays->journal, FF_KEPT_RELAY, fifo);
}

static void read_relayed(Relayed *relayed, GBytes *bytes)
{
    gsize length;
    gconstpointer start = g_bytes_get_data(bytes, &length);
    FfUnpacker in = ff_unpacker(start, length);
    guint64 flags;

    relayed->access = (int)ff_unpack_below(&in, O_ACCMODE);
    relayed->creator = (pid_t)ff_unpack_below(&in, G_MAXINT);
    flags = ff_unpack_unsigned(&in);
    relayed->opened = (flags & FLAG_OPENED) != 0;
    relayed->met = (flags & FLAG_MET) != 0;
    relayed->used = (flags & FLAG_USED) != 0;
    relayed->poll_number = ff_unpack_unsigned(&in);
}

static Message *message_to_adopt(const Relayed *relayed, int fd)
{
    Message *message = ff_relay_new_message(relayed->opened ? MESSAGE_ADOPT : MESSAGE_OPEN, NULL,
                                            relayed->fifo, 0);

    message->flags = relayed->access;
    message->tid = relayed->creator;
    message->fd = fd;
    message->met = relayed->met;
    message->used = relayed->used;
    return message;
}

typedef struct {
    FfRelays *relays;
    GPtrArray *messages;
    GArray *poll_numbers, *gone;
} Takeover;

static void take_over_relay(guint64 fifo, GBytes *bytes, gpointer data)
{
    Takeover *takeover = data;
    FfRelays *relays = takeover->relays;
    FfNode *node = ff_registry_find(relays->registry, fifo);
    int fd = ff_kept_take(fifo);
    Relayed *relayed;

    /* Whoever has it, nobody can find it: its last end is closed. */
    if (node == NULL) {
        ff_kept_forget(fifo);
        if (fd >= 0)
            close(fd);
        g_array_append_val(takeover->gone, fifo);
        return;
    }
    relayed = ff_relay_new_relayed(relays, node);
    read_relayed(relayed, bytes);
    relayed->posted = TRUE;
    relayed->opening = !relayed->opened;
    ff_registry_set_relayed(relays->registry, node, !relayed->used);
    if (relayed->poll_number != 0)
        g_array_append_val(takeover->poll_numbers, relayed->poll_number);
    g_ptr_array_add(takeover->messages, message_to_adopt(relayed, fd));
}

/* --- transfers --- */

enum { KIND_READ, KIND_WRITE };

/* @done: or -1 where nobody knows. */
static void keep_write(FfJournal *journal, guint64 unique, gint64 done)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    ff_pack_unsigned(bytes, KIND_WRITE);
    ff_pack_signed(bytes, done);
    ff_journal_keep(journal, FF_KEPT_TRANSFER, unique, bytes);
}

static void keep_read(FfJournal *journal, guint64 unique, GBytes *taken)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gsize length;
    gconstpointer data = g_bytes_get_data(taken, &length);

    ff_pack_unsigned(bytes, KIND_READ);
    ff_pack_bytes(bytes, data, length);
    ff_journal_keep(journal, FF_KEPT_TRANSFER, unique, bytes);
}

/* What the last transfer of the worker before us has come to is written down with the others. */
static void take_over_transit(FfRelays *relays)
{
    FfTransitLeft left;

    if (!ff_transit_recover(relays->transit, &left))
        return;
    if (left.bytes != NULL)
        keep_read(relays->journal, left.unique, left.bytes);
    else
        keep_write(relays->journal, left.unique, left.done);
    g_clear_pointer(&left.bytes, g_bytes_unref);
    ff_journal_commit(relays->journal);
    ff_transit_done(relays->transit);
}

void ff_relays_take_over(FfRelays *relays, FfSession *session)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new();
    g_autoptr(GArray) poll_numbers = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint64));
    Takeover takeover = {relays, messages, poll_numbers, gone};

    if (relays->transit == NULL)
        return;
    take_over_transit(relays);
    relays->fuse = ff_session_fuse(session);
    /* LOOKUPs come again; the thread tells when it has to walk. */
    relays->walks = FALSE;
    ff_journal_foreach_kept(relays->journal, FF_KEPT_RELAY, take_over_relay, &takeover);
    for (guint i = 0; i < gone->len; i++)
        ff_relay_save_end(relays, g_array_index(gone, guint64, i));
    for (guint i = 0; i < messages->len; i++)
        g_async_queue_push(relays->messages, messages->pdata[i]);
    /* They ask again. */
    for (guint i = 0; i < poll_numbers->len; i++)
        ff_session_wake_poll(session, g_array_index(poll_numbers, guint64, i));
    ff_kept_drop_rest();
}

/* --- the relay thread --- */

void ff_relay_record(FfRelays *relays, Message *message)
{
    g_autoptr(FfRegistryLocker) locker = NULL;

    if (relays->transit == NULL)
        return;
    if (message->done == message->recorded_done) {
        ff_transit_done(relays->transit);
        return;
    }
    locker = ff_registry_locker_new(relays->registry);
    keep_write(relays->journal, message->number.unique, (gint64)message->done);
    ff_journal_commit(relays->journal);
    message->recorded = TRUE;
    message->recorded_done = message->done;
    ff_transit_done(relays->transit);
}

void ff_relay_strike(FfRelays *relays, Message *message)
{
    g_autoptr(FfRegistryLocker) locker = NULL;

    if (!message->recorded)
        return;
    locker = ff_registry_locker_new(relays->registry);
    ff_journal_drop(relays->journal, FF_KEPT_TRANSFER, message->number.unique);
}

/* Return: (transfer full): what is written down of it, or NULL. */
static GBytes *find_recorded(FfRelays *relays, const Message *message)
{
    g_autoptr(FfRegistryLocker) locker = NULL;
    GBytes *bytes;

    if (relays->transit == NULL || !message->number.again)
        return NULL;
    locker = ff_registry_locker_new(relays->registry);
    bytes = ff_journal_kept(relays->journal, FF_KEPT_TRANSFER, message->number.unique);
    return bytes == NULL ? NULL : g_bytes_ref(bytes);
}

static void answer_read(Message *message, FfUnpacker *in)
{
    gsize length;
    const guint8 *bytes = ff_unpack_bytes(in, &length);

    fuse_reply_buf(message->req, (const char *)bytes, length);
}

/* Return: FALSE where it is answered. */
static gboolean resume_write(Message *message, gint64 done)
{
    message->done = message->recorded_done = (gsize)CLAMP(done, 0, FF_RELAY_BYTES);
    if (done < 0)
        fuse_reply_err(message->req, EIO);
    /* Where there was less room for what comes again it has come shorter. */
    else if (message->done >= message->size)
        fuse_reply_write(message->req, message->done);
    return done >= 0 && message->done < message->size;
}

gboolean ff_relay_resume(FfRelays *relays, Message *message)
{
    g_autoptr(GBytes) recorded = find_recorded(relays, message);
    gconstpointer start;
    gsize length;
    FfUnpacker in;
    guint64 kind;
    gboolean goes_on = FALSE;

    if (recorded == NULL)
        return TRUE;
    message->recorded = TRUE;
    start = g_bytes_get_data(recorded, &length);
    in = ff_unpacker(start, length);
    kind = ff_unpack_unsigned(&in);
    if (kind == KIND_WRITE && message->kind == MESSAGE_WRITE)
        goes_on = resume_write(message, ff_unpack_signed(&in));
    else if (kind == KIND_READ && message->kind == MESSAGE_READ)
        answer_read(message, &in);
    else
        fuse_reply_err(message->req, EIO);
    if (!goes_on)
        ff_relay_strike(relays, message);
    return goes_on;
}

static void collect_transfer(guint64 number, GBytes *bytes, gpointer data)
{
    g_array_append_val((GArray *)data, number);
}

/* Return: 0 with the body of an answer, or -errno. */
static int lost_answer(GBytes *recorded, GByteArray *body)
{
    gsize length;
    gconstpointer start = g_bytes_get_data(recorded, &length);
    FfUnpacker in = ff_unpacker(start, length);
    struct fuse_write_out written = {0};
    const guint8 *bytes;
    gint64 done;

    if (ff_unpack_unsigned(&in) == KIND_READ) {
        bytes = ff_unpack_bytes(&in, &length);
        g_byte_array_append(body, bytes, (guint)length);
        return 0;
    }
    done = ff_unpack_signed(&in);
    if (done <= 0)
        return done == 0 ? -EINTR : -EIO;
    written.size = (guint32)done;
    g_byte_array_append(body, (const guint8 *)&written, sizeof written);
    return 0;
}

void ff_relays_answer_lost(FfJournal *journal, int fuse_fd)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint64));

    ff_journal_foreach_kept(journal, FF_KEPT_TRANSFER, collect_transfer, numbers);
    for (guint i = 0; i < numbers->len; i++) {
        guint64 unique = g_array_index(numbers, guint64, i);
        g_autoptr(GByteArray) body = g_byte_array_new();
        int r = lost_answer(ff_journal_kept(journal, FF_KEPT_TRANSFER, unique), body);

        ff_fuse_write(fuse_fd, unique, r, body->data, body->len);
        ff_journal_drop(journal, FF_KEPT_TRANSFER, unique);
    }
}

static void leave_out_waiting(gpointer key, gpointer value, gpointer data)
{
    const Message *message = value;
    GArray *numbers = data;

    for (guint i = 0; i < numbers->len; i++)
        if (g_array_index(numbers, guint64, i) == message->number.unique)
            g_array_index(numbers, guint64, i) = 0;
}

void ff_relay_forget_others(FfRelays *relays)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(relays->registry);
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint64));

    ff_journal_foreach_kept(relays->journal, FF_KEPT_TRANSFER, collect_transfer, numbers);
    if (numbers->len > 0)
        g_hash_table_foreach(relays->waiting, leave_out_waiting, numbers);
    for (guint i = 0; i < numbers->len; i++)
        if (g_array_index(numbers, guint64, i) != 0)
            ff_journal_drop(relays->journal, FF_KEPT_TRANSFER, g_array_index(numbers, guint64, i));
}
