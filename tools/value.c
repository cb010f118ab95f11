/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "value.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "duration.h"

void value_clear(Value *value)
{
    g_clear_pointer(&value->text, g_free);
}

/* --- text --- */

static char *text_to_text(const Value *value, gboolean exact)
{
    return g_strdup(value->text);
}

static char *count_to_text(const Value *value, gboolean exact)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, value->number);
}

static char *size_to_text(const Value *value, gboolean exact)
{
    static const char units[] = "BKMGTPE";
    double amount = (double)value->number;
    guint unit = 0;

    if (exact || value->number < 1024)
        return count_to_text(value, exact);
    for (; amount >= 1024 && units[unit + 1] != '\0'; unit++)
        amount /= 1024;
    return g_strdup_printf("%.*f%c", amount < 10 && amount != (double)(gint64)amount, amount,
                           units[unit]);
}

char *value_age_text(gint64 usec)
{
    static const gint64 units[] = {24 * 60 * FF_MINUTE, 60 * FF_MINUTE, FF_MINUTE};
    gint64 unit = FF_SECOND;

    for (guint i = 0; i < G_N_ELEMENTS(units) && unit == FF_SECOND; i++)
        if (usec >= units[i])
            unit = units[i];
    return ff_duration_format(usec - usec % unit);
}

static char *age_to_text(const Value *value, gboolean exact)
{
    return value_age_text(value->number);
}

static char *duration_to_text(const Value *value, gboolean exact)
{
    return ff_duration_format(value->number);
}

static char *moment_to_text(const Value *value, gboolean exact)
{
    g_autoptr(GDateTime) moment = g_date_time_new_from_unix_local(value->number / G_USEC_PER_SEC);

    return moment == NULL ? g_strdup("-") : g_date_time_format(moment, "%Y-%m-%dT%H:%M:%S");
}

static char *process_to_text(const Value *value, gboolean exact)
{
    return g_strdup_printf("%s %" G_GINT64_FORMAT "%s", value->text, value->number,
                           value->flag ? "" : " (gone)");
}

/* --- JSON --- */

JsonNode *value_json_string(const char *bytes)
{
    g_autofree char *text = g_utf8_make_valid(bytes, -1);

    return json_node_init_string(json_node_alloc(), text);
}

JsonNode *value_json_seconds(gint64 usec)
{
    if (usec % G_USEC_PER_SEC == 0)
        return json_node_init_int(json_node_alloc(), usec / G_USEC_PER_SEC);
    return json_node_init_double(json_node_alloc(), (double)usec / G_USEC_PER_SEC);
}

static JsonNode *text_to_json(const Value *value)
{
    return value_json_string(value->text);
}

static JsonNode *count_to_json(const Value *value)
{
    return json_node_init_int(json_node_alloc(), value->number);
}

static JsonNode *age_to_json(const Value *value)
{
    return value_json_seconds(value->number - value->number % G_USEC_PER_SEC);
}

static JsonNode *seconds_to_json(const Value *value)
{
    return value_json_seconds(value->number);
}

static JsonNode *process_to_json(const Value *value)
{
    JsonObject *object = json_object_new();
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_object_set_int_member(object, "pid", value->number);
    json_object_set_member(object, "command", value_json_string(value->text));
    json_object_set_boolean_member(object, "alive", value->flag);
    json_node_take_object(node, object);
    return node;
}

/* --- formats --- */

const ValueFormat value_format_text = {"string", text_to_text, text_to_json, FALSE};
const ValueFormat value_format_count = {"number", count_to_text, count_to_json, TRUE};
const ValueFormat value_format_size = {"number", size_to_text, count_to_json, TRUE};
const ValueFormat value_format_age = {"seconds", age_to_text, age_to_json, TRUE};
const ValueFormat value_format_duration = {"seconds", duration_to_text, seconds_to_json, TRUE};
const ValueFormat value_format_moment = {"time", moment_to_text, seconds_to_json, FALSE};
const ValueFormat value_format_process = {"object", process_to_text, process_to_json, FALSE};

char *value_to_text(const ValueFormat *format, const Value *value, gboolean exact)
{
    return value->known ? format->to_text(value, exact) : g_strdup("-");
}

JsonNode *value_to_json(const ValueFormat *format, const Value *value)
{
    return value->known ? format->to_json(value) : json_node_new(JSON_NODE_NULL);
}

/* --- names of users and groups, each asked for once --- */

static const char *find_user(guint id)
{
    const struct passwd *entry = getpwuid(id);

    return entry == NULL ? NULL : entry->pw_name;
}

static const char *find_group(guint id)
{
    const struct group *entry = getgrgid(id);

    return entry == NULL ? NULL : entry->gr_name;
}

static const char *cached_name(GHashTable **cache, guint id, const char *(*find)(guint))
{
    char *name;

    if (*cache == NULL)
        *cache = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    name = g_hash_table_lookup(*cache, GUINT_TO_POINTER(id));
    if (name == NULL) {
        const char *found = find(id);

        name = found != NULL ? g_strdup(found) : g_strdup_printf("%u", id);
        g_hash_table_insert(*cache, GUINT_TO_POINTER(id), name);
    }
    return name;
}

const char *value_user_name(uid_t uid)
{
    static GHashTable *cache;

    return cached_name(&cache, uid, find_user);
}

const char *value_group_name(gid_t gid)
{
    static GHashTable *cache;

    return cached_name(&cache, gid, find_group);
}
