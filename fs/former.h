/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that FIFOs had until a moment ago.
 *
 * A rename is in force in the registry a little before it is in the kernel. Who opens the FIFO in
 * between is reported under its former name.
 */
#pragma once

#include <glib.h>

typedef struct FfFormerNames FfFormerNames;

FfFormerNames *ff_former_names_new(void);
void ff_former_names_free(FfFormerNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfFormerNames, ff_former_names_free)

/* The node had this name in this directory until @now (microseconds, monotonic). */
void ff_former_names_note(FfFormerNames *names, guint64 directory, const char *name, guint64 node,
                          gint64 now);

/* Return: the id of the node that had the name last, lately, or 0. */
guint64 ff_former_names_find(FfFormerNames *names, guint64 directory, const char *name, gint64 now);
