/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many of something each user has, where most have none: a table of uid to number. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Return: an empty one, for g_hash_table_unref(). */
GHashTable *ff_user_counts_new(void);

guint ff_user_counts_of(GHashTable *counts, uid_t uid);

/* @by: may be negative, but for no more than there are. */
void ff_user_counts_add(GHashTable *counts, uid_t uid, int by);
