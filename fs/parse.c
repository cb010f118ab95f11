/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parse.h"

#include <grp.h>
#include <pwd.h>

#include "modes.h"

gboolean ff_parse_mode(const char *text, mode_t *mode)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 8, 0, FF_MODE_BITS, &number, NULL))
        return FALSE;
    *mode = (mode_t)number;
    return TRUE;
}

/* (uid_t)-1 means "nobody in particular" to chown(2), so it is no id. */
static gboolean parse_id(const char *text, guint32 *id)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &number, NULL))
        return FALSE;
    *id = (guint32)number;
    return TRUE;
}

gboolean ff_parse_user(const char *text, uid_t *uid)
{
    const struct passwd *user;

    if (parse_id(text, uid))
        return TRUE;
    user = getpwnam(text);
    if (user == NULL)
        return FALSE;
    *uid = user->pw_uid;
    return TRUE;
}

gboolean ff_parse_group(const char *text, gid_t *gid)
{
    const struct group *group;

    if (parse_id(text, gid))
        return TRUE;
    group = getgrnam(text);
    if (group == NULL)
        return FALSE;
    *gid = group->gr_gid;
    return TRUE;
}
