/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every fuzz target needs.
 *
 * A target is one file with LLVMFuzzerTestOneInput(), which libFuzzer calls with ever new bytes.
 * What must be so whatever the bytes are is said with g_assert(), which aborts: libFuzzer then
 * keeps the bytes. A static function is reached by including the file that has it.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* When the fuzzed world begins, in monotonic microseconds: not 0, which says "never" in places. */
#define FUZZ_START ((gint64)1000 * G_USEC_PER_SEC)

/* A clock that stands still until it is moved, so that the same bytes do the same again. */
extern gint64 fuzz_now;
extern const FfClock fuzz_clock;

/* Bytes that are eaten up one by one; behind the end come zeros. */
typedef struct {
    const uint8_t *next;
    gsize left;
} FuzzInput;

guint8 fuzz_byte(FuzzInput *input);

/* Return: 0 to @n - 1, from one byte; '0' is 0 and so on, so that seeds can be written. */
guint fuzz_below(FuzzInput *input, guint n);

/* The bytes as lines, each cut at its first NUL. */
GStrv fuzz_lines(const uint8_t *data, size_t size);

/**
 * fuzz_file() - a file with these bytes, for what reads files
 *
 * Return: its path. It is one and the same file, good until the next call.
 */
const char *fuzz_file(const void *bytes, size_t size);
