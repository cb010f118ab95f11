/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Closing what a new process has no use for. */
#pragma once

#include <glib.h>

/**
 * ff_close_all_but() - close every descriptor from a number on, but some
 * @first: the number
 * @kept:  descriptors of at least that number; are sorted
 * @n:     how many these are
 */
void ff_close_all_but(guint first, int *kept, gsize n);
