/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quota.h"

#include <errno.h>
#include <sys/stat.h>

#include "node.h"

#define INFINITY_TEXT "infinity"

typedef struct {
    guint n[FF_QUOTA_KINDS];
} Usage;

struct FfQuota {
    Usage all;
    /* uid -> Usage, of those who have anything. */
    GHashTable *users;
    guint64 n_user_refused, n_mount_refused;
};

FfQuota *ff_quota_new(void)
{
    FfQuota *quota = g_new0(FfQuota, 1);

    quota->users = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return quota;
}

void ff_quota_free(FfQuota *quota)
{
    if (quota == NULL)
        return;
    g_hash_table_unref(quota->users);
    g_free(quota);
}

FfQuotaKind ff_quota_kind(mode_t mode)
{
    return S_ISDIR(mode) ? FF_QUOTA_DIRECTORIES : FF_QUOTA_PIPES;
}

/* --- limits --- */

guint ff_quota_limit_of(const FfQuotaLimits *limits, FfQuotaKind kind, uid_t uid)
{
    return uid == 0 ? FF_QUOTA_INFINITY : limits->user[kind];
}

static gboolean is_full(guint used, guint limit)
{
    return limit != FF_QUOTA_INFINITY && used >= limit;
}

int ff_quota_check_user(const FfQuota *quota, const FfQuotaLimits *limits, FfQuotaKind kind,
                        uid_t uid)
{
    return is_full(ff_quota_used_by(quota, kind, uid), ff_quota_limit_of(limits, kind, uid))
               ? -EDQUOT
               : 0;
}

int ff_quota_check(const FfQuota *quota, const FfQuotaLimits *limits, FfQuotaKind kind, uid_t uid)
{
    /* First what the caller himself can do something about. */
    int r = ff_quota_check_user(quota, limits, kind, uid);

    if (r == 0 && is_full(quota->all.n[kind], limits->mount[kind]))
        r = -ENOSPC;
    return r;
}

void ff_quota_note_refused(FfQuota *quota, int error)
{
    if (error == -EDQUOT)
        quota->n_user_refused++;
    else if (error == -ENOSPC)
        quota->n_mount_refused++;
}

guint64 ff_quota_n_refused(const FfQuota *quota, int error)
{
    return error == -EDQUOT ? quota->n_user_refused : quota->n_mount_refused;
}

/* --- charges --- */

static Usage *find_usage(const FfQuota *quota, uid_t uid)
{
    return g_hash_table_lookup(quota->users, GUINT_TO_POINTER(uid));
}

static Usage *find_or_add_usage(FfQuota *quota, uid_t uid)
{
    Usage *usage = find_usage(quota, uid);

    if (usage == NULL) {
        usage = g_new0(Usage, 1);
        g_hash_table_insert(quota->users, GUINT_TO_POINTER(uid), usage);
    }
    return usage;
}

void ff_quota_charge(FfQuota *quota, const FfNode *node)
{
    FfQuotaKind kind = ff_quota_kind(node->mode);

    quota->all.n[kind]++;
    find_or_add_usage(quota, node->charged_uid)->n[kind]++;
}

static gboolean has_nothing(const Usage *usage)
{
    return usage->n[FF_QUOTA_PIPES] == 0 && usage->n[FF_QUOTA_DIRECTORIES] == 0;
}

void ff_quota_discharge(FfQuota *quota, const FfNode *node)
{
    FfQuotaKind kind = ff_quota_kind(node->mode);
    Usage *usage = find_usage(quota, node->charged_uid);

    quota->all.n[kind]--;
    usage->n[kind]--;
    if (has_nothing(usage))
        g_hash_table_remove(quota->users, GUINT_TO_POINTER(node->charged_uid));
}

void ff_quota_move(FfQuota *quota, FfNode *node, uid_t uid)
{
    ff_quota_discharge(quota, node);
    node->charged_uid = uid;
    ff_quota_charge(quota, node);
}

guint ff_quota_used(const FfQuota *quota, FfQuotaKind kind)
{
    return quota->all.n[kind];
}

guint ff_quota_used_by(const FfQuota *quota, FfQuotaKind kind, uid_t uid)
{
    const Usage *usage = find_usage(quota, uid);

    return usage == NULL ? 0 : usage->n[kind];
}

static gint compare_uids(gconstpointer a, gconstpointer b)
{
    uid_t left = *(const uid_t *)a, right = *(const uid_t *)b;

    return left < right ? -1 : left > right;
}

GArray *ff_quota_users(const FfQuota *quota)
{
    GArray *uids = g_array_new(FALSE, FALSE, sizeof(uid_t));
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, quota->users);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        uid_t uid = GPOINTER_TO_UINT(key);

        g_array_append_val(uids, uid);
    }
    g_array_sort(uids, compare_uids);
    return uids;
}

/* --- limits as text --- */

guint *ff_quota_find_limit(FfQuotaLimits *limits, const char *name)
{
    const struct {
        const char *name;
        guint *limit;
    } named[] = {
        {"max-pipes", &limits->mount[FF_QUOTA_PIPES]},
        {"max-dirs", &limits->mount[FF_QUOTA_DIRECTORIES]},
        {"user-max-pipes", &limits->user[FF_QUOTA_PIPES]},
        {"user-max-dirs", &limits->user[FF_QUOTA_DIRECTORIES]},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(named); i++)
        if (g_str_equal(named[i].name, name))
            return named[i].limit;
    return NULL;
}

int ff_quota_parse(const char *text, guint *limit)
{
    guint64 number = FF_QUOTA_INFINITY;

    if (!g_str_equal(text, INFINITY_TEXT) &&
        !g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT32, &number, NULL))
        return -EINVAL;
    *limit = (guint)number;
    return 0;
}

char *ff_quota_format(guint limit)
{
    return limit == FF_QUOTA_INFINITY ? g_strdup(INFINITY_TEXT) : g_strdup_printf("%u", limit);
}
