/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A time of an inode in 12 bytes, where struct timespec takes 16. */
#pragma once

#include <glib.h>
#include <time.h>

typedef struct __attribute__((packed, aligned(4))) {
    gint64 seconds;
    guint32 nsec;
} FfTimestamp;

#define FF_TIMESTAMP_MAX_NSEC 999999999

static inline gboolean ff_timestamp_can_pack(struct timespec time)
{
    return time.tv_nsec >= 0 && time.tv_nsec <= FF_TIMESTAMP_MAX_NSEC;
}

static inline FfTimestamp ff_timestamp_pack(struct timespec time)
{
    return (FfTimestamp){time.tv_sec, (guint32)time.tv_nsec};
}

static inline struct timespec ff_timestamp_unpack(FfTimestamp time)
{
    return (struct timespec){.tv_sec = time.seconds, .tv_nsec = time.nsec};
}
