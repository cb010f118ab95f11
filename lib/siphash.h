/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012): a hash that nobody who does not know the key can make
 * collide. Names are chosen by users; with g_str_hash() anybody could choose a hundred thousand of
 * equal hash and so make each lookup walk through all of them.
 */
#pragma once

#include <glib.h>

typedef struct {
    guint64 words[2];
} FfSipKey;

/* A key from getrandom(2). */
FfSipKey ff_sip_key_random(void);

guint64 ff_siphash(const FfSipKey *key, gconstpointer data, gsize length);
