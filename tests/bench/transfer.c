/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reader decides when it is over and closes its end, which ends the writers with EPIPE.
 */
#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capacity.h"
#include "channel.h"
#include "measurement.h"

#define PAGE         4096
#define MOST_WRITERS 16

#define LASTING_AFTER (1500 * G_TIME_SPAN_MILLISECOND)

/* The reader reads the clock once for so many bytes. */
#define BYTES_AT_ONCE (64 * 1024)

typedef struct Pump Pump;

struct Pump {
    Channel channel;
    gsize block;
    /* What is written and read; splice has files in place of it. */
    char *buffer;
    int source, drain;
    /* Move up to a block. Return: bytes, 0 at the end, -1 with errno set. */
    ssize_t (*put)(const Pump *pump);
    ssize_t (*take)(const Pump *pump);
};

static ssize_t put_copy(const Pump *pump)
{
    return write(pump->channel.writer, pump->buffer, pump->block);
}

static ssize_t take_copy(const Pump *pump)
{
    return read(pump->channel.reader, pump->buffer, pump->block);
}

static ssize_t put_spliced(const Pump *pump)
{
    off_t start = 0;

    return splice(pump->source, &start, pump->channel.writer, NULL, pump->block, SPLICE_F_MOVE);
}

static ssize_t take_spliced(const Pump *pump)
{
    return splice(pump->channel.reader, NULL, pump->drain, NULL, pump->block, SPLICE_F_MOVE);
}

static void pump_close(Pump *pump)
{
    channel_close(&pump->channel);
    g_aligned_free(pump->buffer);
    if (pump->source >= 0)
        close(pump->source);
    if (pump->drain >= 0)
        close(pump->drain);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pump, pump_close)

/* A file whose pages are all there. */
static int open_source(const Pump *pump)
{
    int fd = memfd_create("fifofs-bench", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, pump->buffer, pump->block) != (ssize_t)pump->block) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_channel(Channel *channel, const Site *site, const Transfer *transfer)
{
    int r;

    if (transfer->relayed && target_is_fifofs(site->target))
        return channel_create(channel, site, "transfer");
    r = channel_make(channel, site, "transfer");
    if (r == 0 && transfer->large)
        r = capacity_ask(site, channel->name);
    return r == 0 ? channel_open(channel) : r;
}

/* Only fifofs makes the difference. */
static void let_last(const Site *site, const Transfer *transfer)
{
    if (transfer->lasting && target_is_fifofs(site->target))
        g_usleep(LASTING_AFTER);
}

static int pump_open(Pump *pump, const Site *site, const Transfer *transfer)
{
    pump->block = transfer->block;
    pump->buffer = g_aligned_alloc0(1, transfer->block, PAGE);
    pump->put = transfer->splice ? put_spliced : put_copy;
    pump->take = transfer->splice ? take_spliced : take_copy;
    if (transfer->splice) {
        pump->source = open_source(pump);
        pump->drain = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (pump->source < 0 || pump->drain < 0)
            return -errno;
    }
    return open_channel(&pump->channel, site, transfer);
}

static void write_on(gpointer data)
{
    Pump *pump = data;

    channel_close_reader(&pump->channel);
    while (pump->put(pump) > 0)
        ;
}

/* Read for a while. Return: 0 with the bytes and the time added up, or -errno. */
static int read_for(const Pump *pump, gint64 enough, guint64 *bytes, gint64 *elapsed)
{
    gint64 start = clock_nsec();
    guint64 next_look = BYTES_AT_ONCE;

    for (*bytes = 0, *elapsed = 0; *elapsed < enough;) {
        ssize_t n = pump->take(pump);

        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        *bytes += (guint64)n;
        if (*bytes < next_look)
            continue;
        next_look = *bytes + BYTES_AT_ONCE;
        *elapsed = clock_nsec() - start;
    }
    return 0;
}

static int measure(const Pump *pump, const Site *site, double *value)
{
    gint64 enough = site->settings->sample_time * 1000, elapsed;
    guint64 bytes;
    /* The writers are on their way still, and the buffers untouched. */
    int r = read_for(pump, enough / 8, &bytes, &elapsed);

    if (r == 0)
        r = read_for(pump, enough, &bytes, &elapsed);
    if (r == 0)
        *value = (double)bytes / (1024 * 1024) / ((double)elapsed / 1e9);
    return r;
}

int transfer_sample(const Site *site, gconstpointer what, double *value)
{
    const Transfer *transfer = what;
    g_auto(Pump) pump = {.channel = CHANNEL_INIT, .source = -1, .drain = -1};
    pid_t writers[MOST_WRITERS];
    guint n_writers = 0;
    int r = pump_open(&pump, site, transfer);

    if (r == 0)
        let_last(site, transfer);
    while (r == 0 && n_writers < MIN(transfer->n_writers, MOST_WRITERS)) {
        writers[n_writers] = child_start(write_on, &pump);
        r = MIN(writers[n_writers], 0);
        n_writers += r == 0;
    }
    channel_close_writer(&pump.channel);
    if (r == 0)
        r = measure(&pump, site, value);
    channel_close_reader(&pump.channel);
    for (guint i = 0; i < n_writers; i++)
        child_await(writers[i]);
    return r;
}
