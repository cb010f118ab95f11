/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acltext.h"

#include <string.h>
#include <sys/xattr.h>

#include "fdpath.h"
#include "value.h"

/* "user:1001:rw-" with a name for the number. */
static char *entry_with_name(const char *entry)
{
    g_auto(GStrv) fields = g_strsplit(entry, ":", 3);
    guint64 id;
    const char *name;

    if (g_strv_length(fields) != 3 ||
        !g_ascii_string_to_unsigned(fields[1], 10, 0, G_MAXUINT32 - 1, &id, NULL))
        return g_strdup(entry);
    name = strcmp(fields[0], "group") == 0 ? value_group_name((gid_t)id)
                                           : value_user_name((uid_t)id);
    return g_strdup_printf("%s:%s:%s", fields[0], name, fields[2]);
}

char *acltext_with_names(const char *text)
{
    g_auto(GStrv) entries = g_strsplit(text, ",", -1);

    for (char **entry = entries; *entry != NULL; entry++) {
        char *named = entry_with_name(*entry);

        g_free(*entry);
        *entry = named;
    }
    return g_strjoinv(",", entries);
}

char *acltext_read(int fd, FfAclType type)
{
    char path[FF_FD_PATH_SIZE], value[FF_ACL_MOST_BYTES];
    g_autofree char *text = NULL;
    g_autoptr(FfAcl) acl = NULL;
    gssize size;

    size = getxattr(ff_fd_path(fd, path),
                    type == FF_ACL_ACCESS ? FF_ACL_ACCESS_NAME : FF_ACL_DEFAULT_NAME, value,
                    sizeof value);
    if (size <= 0 || ff_acl_parse(value, (gsize)size, &acl) < 0 || acl == NULL)
        return NULL;
    text = ff_acl_to_text(acl);
    return acltext_with_names(text);
}
