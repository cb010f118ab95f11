/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of JSON appended to a string.
 *
 * A list of a million FIFOs is written as it is read, a line at a time, by the thread that also
 * answers the kernel; a tree of JsonNodes for each line would cost more than everything else. What
 * is needed is a few small functions.
 */
#pragma once

#include <glib.h>

/**
 * ff_json_append_string() - a quoted string
 * @bytes: NUL-terminated; what is not UTF-8 in it becomes U+FFFD, so that the text is valid JSON
 *         always
 */
void ff_json_append_string(GString *out, const char *bytes);

/* A quoted string of the bytes in base64. */
void ff_json_append_base64(GString *out, const char *bytes);

/* "KEY":"PATH", and "KEY_b64" besides where the bytes of the path are not UTF-8. */
void ff_json_append_path(GString *out, const char *key, const char *path);

void ff_json_append_unsigned(GString *out, guint64 number);

/* Microseconds as a number of seconds, to the microsecond. */
void ff_json_append_seconds(GString *out, gint64 usec);

/* The same, and null for FF_DURATION_INFINITY. */
void ff_json_append_seconds_or_null(GString *out, gint64 usec);
