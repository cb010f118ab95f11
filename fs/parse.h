/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modes, users and groups as people write them. */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "packing.h"

/* An octal mode of up to twelve bits. Return: FALSE for anything else; @mode is then untouched. */
gboolean ff_parse_mode(const char *text, mode_t *mode);

/* A number or a name. Return: FALSE where there is no such user or group. */
gboolean ff_parse_user(const char *text, uid_t *uid);
gboolean ff_parse_group(const char *text, gid_t *gid);

/*
 * Names that have been found, for a process that comes after us: what they mean does not change while
 * it is mounted, and the other one may not be let ask, or get another answer. Main thread, as all here.
 */
void ff_parse_save_names(GByteArray *out);
void ff_parse_load_names(FfUnpacker *in);

/* Names are looked up anew from here on. */
void ff_parse_forget_names(void);
