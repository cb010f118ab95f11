/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A time of an inode in 8 bytes: 34 bits of seconds and 30 of nanoseconds, which is what ext4 keeps.
 * It reaches from 1901 to 2446; what lies outside becomes the nearest time inside, as on ext4.
 */
#pragma once

#include <glib.h>
#include <time.h>

typedef struct {
    guint64 packed;
} FfTimestamp;

#define FF_TIMESTAMP_FIRST (-G_GINT64_CONSTANT(0x80000000))
#define FF_TIMESTAMP_LAST  (FF_TIMESTAMP_FIRST + (G_GINT64_CONSTANT(1) << 34) - 1)

static inline FfTimestamp ff_timestamp_pack(struct timespec time)
{
    gint64 seconds = CLAMP((gint64)time.tv_sec, FF_TIMESTAMP_FIRST, FF_TIMESTAMP_LAST);
    guint64 nsec = seconds == time.tv_sec ? (guint64)time.tv_nsec : 0;

    return (FfTimestamp){(guint64)(seconds - FF_TIMESTAMP_FIRST) << 30 | nsec};
}

static inline struct timespec ff_timestamp_unpack(FfTimestamp time)
{
    return (struct timespec){
        .tv_sec = (time_t)((gint64)(time.packed >> 30) + FF_TIMESTAMP_FIRST),
        .tv_nsec = (long)(time.packed & ((1U << 30) - 1)),
    };
}
