/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers and bytes packed one behind the other: seven bits of a number in each byte, the lowest
 * first (LEB128), and bytes behind their length.
 *
 * Reading believes nothing: beyond the end everything is 0 or empty, and `failed` says so once and
 * for all, so that a whole record is read before anybody asks.
 */
#pragma once

#include <glib.h>

void ff_pack_unsigned(GByteArray *out, guint64 number);

/* A number that may be negative; small ones are short either way. */
void ff_pack_signed(GByteArray *out, gint64 number);
void ff_pack_bytes(GByteArray *out, gconstpointer bytes, gsize length);
void ff_pack_text(GByteArray *out, const char *text);

typedef struct {
    const guint8 *at, *end;
    gboolean failed;
} FfUnpacker;

static inline FfUnpacker ff_unpacker(gconstpointer bytes, gsize length)
{
    return (FfUnpacker){bytes, (const guint8 *)bytes + length, FALSE};
}

guint64 ff_unpack_unsigned(FfUnpacker *unpacker);

/* The same for what must not be above @most; 0 and a failure where it is. */
guint64 ff_unpack_below(FfUnpacker *unpacker, guint64 most);
gint64 ff_unpack_signed(FfUnpacker *unpacker);

/* Return: where the bytes are, in what is being read; "" with a @length of 0 where it has failed. */
const guint8 *ff_unpack_bytes(FfUnpacker *unpacker, gsize *length);

/* Return: a new string. A NUL inside is a failure. */
char *ff_unpack_text(FfUnpacker *unpacker);

static inline gboolean ff_unpacker_at_end(const FfUnpacker *unpacker)
{
    return unpacker->at == unpacker->end;
}
