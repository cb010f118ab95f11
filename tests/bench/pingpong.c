/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pingpong.h"

#include <errno.h>
#include <unistd.h>

#include "channel.h"
#include "measurement.h"

#define TRIPS_AT_ONCE 32

typedef struct {
    Channel there;
    Channel back;
} Court;

static void court_close(Court *court)
{
    channel_close(&court->there);
    channel_close(&court->back);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Court, court_close)

static void return_balls(gpointer data)
{
    Court *court = data;
    char ball;

    channel_close_writer(&court->there);
    channel_close_reader(&court->back);
    while (read(court->there.reader, &ball, 1) == 1 && write(court->back.writer, &ball, 1) == 1)
        ;
}

static int play(const Court *court)
{
    char ball = 0;

    for (guint i = 0; i < TRIPS_AT_ONCE; i++)
        if (write(court->there.writer, &ball, 1) != 1 || read(court->back.reader, &ball, 1) != 1)
            return -EPIPE;
    return 0;
}

static int measure(const Court *court, gint64 enough, double *value)
{
    /* A first round while the other process comes up. */
    int r = play(court);
    gint64 start = clock_nsec(), elapsed;
    guint64 trips = 0;

    do {
        if (r == 0)
            r = play(court);
        if (r < 0)
            return r;
        trips += TRIPS_AT_ONCE;
        elapsed = clock_nsec() - start;
    } while (elapsed < enough);
    *value = (double)elapsed / (double)trips;
    return 0;
}

int pingpong_sample(const Site *site, gconstpointer what, double *value)
{
    g_auto(Court) court = {CHANNEL_INIT, CHANNEL_INIT};
    pid_t other = -1;
    int r = channel_make(&court.there, site, "ping");

    if (r == 0)
        r = channel_make(&court.back, site, "pong");
    if (r == 0)
        r = channel_open(&court.there);
    if (r == 0)
        r = channel_open(&court.back);
    if (r == 0) {
        other = child_start(return_balls, &court);
        r = MIN(other, 0);
    }
    channel_close_reader(&court.there);
    channel_close_writer(&court.back);
    if (r == 0)
        r = measure(&court, site->settings->sample_time * 1000, value);
    channel_close_writer(&court.there);
    if (other > 0)
        child_await(other);
    return r;
}
