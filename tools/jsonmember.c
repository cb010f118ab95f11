/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jsonmember.h"

/* The member, if it is a value and no array or object; or NULL. */
static JsonNode *value_of(JsonObject *object, const char *member)
{
    JsonNode *node = json_object_get_member(object, member);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

const char *json_member_text(JsonObject *object, const char *member, const char *otherwise)
{
    JsonNode *node = value_of(object, member);
    const char *text = node == NULL ? NULL : json_node_get_string(node);

    return text == NULL ? otherwise : text;
}

gint64 json_member_number(JsonObject *object, const char *member)
{
    JsonNode *node = value_of(object, member);

    return node == NULL ? 0 : json_node_get_int(node);
}

double json_member_real(JsonObject *object, const char *member, double otherwise)
{
    JsonNode *node = value_of(object, member);

    return node == NULL ? otherwise : json_node_get_double(node);
}

gboolean json_member_flag(JsonObject *object, const char *member)
{
    JsonNode *node = value_of(object, member);

    return node != NULL && json_node_get_boolean(node);
}
