/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A path in the JSON of a daemon: text, and in base64 besides where it is not UTF-8.
 */
#pragma once

#include <json-glib/json-glib.h>

/* Return: the raw bytes of @member as a new string, or NULL where there is none. */
char *json_path_dup(JsonObject *object, const char *member);
