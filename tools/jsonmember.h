/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of a JSON object that somebody else wrote: whatever is missing or of another type than it
 * should be gives the value for that.
 *
 * The functions of json-glib of a similar name give NULL, and complain on stderr, where a member is
 * there and of another type.
 */
#pragma once

#include <json-glib/json-glib.h>

/* The text, owned by the object, or @otherwise. */
const char *json_member_text(JsonObject *object, const char *member, const char *otherwise);

/* The number without what is behind its point, or 0. */
gint64 json_member_number(JsonObject *object, const char *member);

/* The number, or @otherwise. */
double json_member_real(JsonObject *object, const char *member, double otherwise);

/* TRUE only for true. */
gboolean json_member_flag(JsonObject *object, const char *member);
