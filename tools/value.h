/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values as people and as programs read them.
 *
 * Each kind of value has one format: its text for tables and its node for JSON. A value that is not
 * known is "-" and null.
 */
#pragma once

#include <json-glib/json-glib.h>
#include <sys/types.h>

typedef struct {
    gboolean known;
    gint64 number;
    /* Any bytes; owned by the value. */
    char *text;
    gboolean flag;
} Value;

void value_clear(Value *value);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Value, value_clear)

typedef struct {
    /* What --list-columns calls it. */
    const char *name;
    /* @exact asks for all digits. The text is for a table: any bytes may be in it. */
    char *(*to_text)(const Value *value, gboolean exact);
    JsonNode *(*to_json)(const Value *value);
    gboolean align_right;
} ValueFormat;

/* Value.text. */
extern const ValueFormat value_format_text;
/* Value.number: how many. */
extern const ValueFormat value_format_count;
/* Value.number: bytes, shown as 64K. */
extern const ValueFormat value_format_size;
/* Value.number: microseconds, shown to the largest unit. In JSON whole seconds. */
extern const ValueFormat value_format_age;
/* Value.number: microseconds of a setting, shown as it is set; not known means no limit. */
extern const ValueFormat value_format_duration;
/* Value.number: microseconds of the wall clock. */
extern const ValueFormat value_format_moment;
/* Value.number: pid, Value.text: command, Value.flag: alive. */
extern const ValueFormat value_format_process;

char *value_to_text(const ValueFormat *format, const Value *value, gboolean exact);
JsonNode *value_to_json(const ValueFormat *format, const Value *value);

/* Any bytes as a JSON string; what is not UTF-8 becomes U+FFFD. */
JsonNode *value_json_string(const char *bytes);

/* Microseconds as a number of seconds. */
JsonNode *value_json_seconds(gint64 usec);

/* Microseconds to the largest unit: "5s", "3min". */
char *value_age_text(gint64 usec);

/* The name of a user or group, or its number. The string stays valid. */
const char *value_user_name(uid_t uid);
const char *value_group_name(gid_t gid);
