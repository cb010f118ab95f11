/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes of a pipe's buffer as people write them: "65536", "64K", "1M", "1MiB", "default".
 *
 * The units are binary, as everywhere where memory is meant. (GLib formats sizes and does not read
 * them.)
 */
#pragma once

#include <glib.h>

/* Whatever the kernel gives. */
#define FF_SIZE_DEFAULT 0
#define FF_SIZE_MOST    (G_GINT64_CONSTANT(1) << 30)

/**
 * ff_size_parse() - text to bytes
 * @text:  NUMBER[UNIT], where the unit is K, M or G, with or without "iB" behind it, or "default"
 * @bytes: where they go; untouched on failure
 *
 * Return: 0, or -EINVAL for what is no size from 1 byte to 1 GiB.
 */
int ff_size_parse(const char *text, gint64 *bytes);

/* Return: a new string that ff_size_parse() reads back as the same, in the largest unit that fits. */
char *ff_size_format(gint64 bytes);
