/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "packing.h"

#include <string.h>

/* 64 bits in pieces of seven. */
#define LONGEST_NUMBER 10

void ff_pack_unsigned(GByteArray *out, guint64 number)
{
    guint8 bytes[LONGEST_NUMBER];
    guint length = 0;

    for (; number >= 0x80; number >>= 7)
        bytes[length++] = (guint8)(number | 0x80);
    bytes[length++] = (guint8)number;
    g_byte_array_append(out, bytes, length);
}

void ff_pack_signed(GByteArray *out, gint64 number)
{
    guint64 bits = (guint64)number;

    ff_pack_unsigned(out, number < 0 ? ~(bits << 1) : bits << 1);
}

void ff_pack_bytes(GByteArray *out, gconstpointer bytes, gsize length)
{
    ff_pack_unsigned(out, length);
    g_byte_array_append(out, bytes, (guint)length);
}

void ff_pack_text(GByteArray *out, const char *text)
{
    ff_pack_bytes(out, text, strlen(text));
}

static guint64 fail(FfUnpacker *unpacker)
{
    unpacker->failed = TRUE;
    unpacker->at = unpacker->end;
    return 0;
}

guint64 ff_unpack_unsigned(FfUnpacker *unpacker)
{
    guint64 number = 0;

    for (guint shift = 0; shift < 64; shift += 7) {
        guint8 byte;

        if (unpacker->at == unpacker->end)
            break;
        byte = *unpacker->at++;
        number |= (guint64)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return number;
    }
    return fail(unpacker);
}

guint64 ff_unpack_below(FfUnpacker *unpacker, guint64 most)
{
    guint64 number = ff_unpack_unsigned(unpacker);

    return number <= most ? number : fail(unpacker);
}

gint64 ff_unpack_signed(FfUnpacker *unpacker)
{
    guint64 bits = ff_unpack_unsigned(unpacker);

    return (gint64)((bits & 1) != 0 ? ~(bits >> 1) : bits >> 1);
}

const guint8 *ff_unpack_bytes(FfUnpacker *unpacker, gsize *length)
{
    guint64 wanted = ff_unpack_unsigned(unpacker);
    const guint8 *bytes = unpacker->at;

    if (wanted > (guint64)(unpacker->end - unpacker->at)) {
        wanted = fail(unpacker);
        bytes = (const guint8 *)"";
    }
    unpacker->at += wanted;
    *length = wanted;
    return bytes;
}

char *ff_unpack_text(FfUnpacker *unpacker)
{
    gsize length;
    const guint8 *bytes = ff_unpack_bytes(unpacker, &length);

    if (memchr(bytes, '\0', length) != NULL) {
        fail(unpacker);
        length = 0;
    }
    return g_strndup((const char *)bytes, length);
}
