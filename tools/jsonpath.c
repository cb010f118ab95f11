/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jsonpath.h"

#include "jsonmember.h"

/* Cut at a NUL, which no true name has. */
char *json_path_dup(JsonObject *object, const char *member)
{
    g_autofree char *encoded_member = g_strconcat(member, "_b64", NULL);
    const char *encoded = json_member_text(object, encoded_member, NULL);
    g_autofree guchar *bytes = NULL;
    gsize length = 0;

    if (encoded == NULL)
        return g_strdup(json_member_text(object, member, NULL));
    bytes = g_base64_decode(encoded, &length);
    return g_strndup((const char *)bytes, length);
}
