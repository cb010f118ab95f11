/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "siphash.h"

#include <string.h>
#include <sys/random.h>

#define ROUNDS_PER_WORD 1
#define ROUNDS_AT_END   3

typedef struct {
    guint64 v0, v1, v2, v3;
} State;

FfSipKey ff_sip_key_random(void)
{
    FfSipKey key;

    /* Not before the kernel has had some entropy, which is long before anything is mounted. */
    while (getrandom(&key, sizeof key, 0) != sizeof key)
        ;
    return key;
}

static inline guint64 rotate(guint64 word, guint bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void mix(State *s, guint n_rounds)
{
    for (guint i = 0; i < n_rounds; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static inline void take_word(State *s, guint64 word)
{
    s->v3 ^= word;
    mix(s, ROUNDS_PER_WORD);
    s->v0 ^= word;
}

static inline guint64 word_at(const guint8 *bytes, gsize length)
{
    guint64 word = 0;

    memcpy(&word, bytes, length);
    return GUINT64_FROM_LE(word);
}

guint64 ff_siphash(const FfSipKey *key, gconstpointer data, gsize length)
{
    const guint8 *bytes = data;
    gsize whole = length / 8 * 8;
    State s = {
        key->words[0] ^ G_GUINT64_CONSTANT(0x736f6d6570736575),
        key->words[1] ^ G_GUINT64_CONSTANT(0x646f72616e646f6d),
        key->words[0] ^ G_GUINT64_CONSTANT(0x6c7967656e657261),
        key->words[1] ^ G_GUINT64_CONSTANT(0x7465646279746573),
    };

    for (gsize i = 0; i < whole; i += 8)
        take_word(&s, word_at(bytes + i, 8));
    take_word(&s, word_at(bytes + whole, length - whole) | (guint64)length << 56);
    s.v2 ^= 0xff;
    mix(&s, ROUNDS_AT_END);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
