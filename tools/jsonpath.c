/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jsonpath.h"

static const char *text_of(JsonObject *object, const char *member)
{
    return json_object_get_string_member_with_default(object, member, NULL);
}

/* Cut at a NUL, which no true name has. */
char *json_path_dup(JsonObject *object, const char *member)
{
    g_autofree char *encoded_member = g_strconcat(member, "_b64", NULL);
    const char *encoded = text_of(object, encoded_member);
    g_autofree guchar *bytes = NULL;
    gsize length = 0;

    if (encoded == NULL)
        return g_strdup(text_of(object, member));
    bytes = g_base64_decode(encoded, &length);
    return g_strndup((const char *)bytes, length);
}
