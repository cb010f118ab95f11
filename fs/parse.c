/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parse.h"

#include <grp.h>
#include <pwd.h>

#include "modes.h"

/* Names of users and groups to boxed guint32; NULL until there is one. */
static GHashTable *users, *groups;

static gboolean recall(GHashTable *names, const char *name, guint32 *id)
{
    const guint32 *known = names == NULL ? NULL : g_hash_table_lookup(names, name);

    if (known != NULL)
        *id = *known;
    return known != NULL;
}

static void remember(GHashTable **names, const char *name, guint32 id)
{
    if (*names == NULL)
        *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert(*names, g_strdup(name), g_memdup2(&id, sizeof id));
}

static void save_names(GHashTable *names, GByteArray *out)
{
    GHashTableIter iter;
    gpointer name, id;

    ff_pack_unsigned(out, names == NULL ? 0 : g_hash_table_size(names));
    if (names == NULL)
        return;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, &id)) {
        ff_pack_text(out, name);
        ff_pack_unsigned(out, *(guint32 *)id);
    }
}

static void load_names(GHashTable **names, FfUnpacker *in)
{
    for (guint64 n = ff_unpack_unsigned(in); n > 0 && !in->failed; n--) {
        g_autofree char *name = ff_unpack_text(in);

        remember(names, name, (guint32)ff_unpack_below(in, G_MAXUINT32));
    }
}

void ff_parse_save_names(GByteArray *out)
{
    save_names(users, out);
    save_names(groups, out);
}

void ff_parse_load_names(FfUnpacker *in)
{
    load_names(&users, in);
    load_names(&groups, in);
}

void ff_parse_forget_names(void)
{
    g_clear_pointer(&users, g_hash_table_unref);
    g_clear_pointer(&groups, g_hash_table_unref);
}

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

    if (parse_id(text, uid) || recall(users, text, uid))
        return TRUE;
    user = getpwnam(text);
    if (user == NULL)
        return FALSE;
    *uid = user->pw_uid;
    remember(&users, text, *uid);
    return TRUE;
}

gboolean ff_parse_group(const char *text, gid_t *gid)
{
    const struct group *group;

    if (parse_id(text, gid) || recall(groups, text, gid))
        return TRUE;
    group = getgrnam(text);
    if (group == NULL)
        return FALSE;
    *gid = group->gr_gid;
    remember(&groups, text, *gid);
    return TRUE;
}
