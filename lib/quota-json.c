/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quota-json.h"

#include "json.h"

static void append_kind(GString *out, const char *name, guint used, guint limit)
{
    g_string_append_printf(out, ",\"%s\":%u,\"max_%s\":", name, used, name);
    if (limit == FF_QUOTA_INFINITY)
        g_string_append(out, "null");
    else
        ff_json_append_unsigned(out, limit);
}

static void append_mount(const FfQuota *quota, const FfQuotaLimits *limits, GString *out)
{
    g_string_append(out, "{\"scope\":\"mount\"");
    append_kind(out, "pipes", ff_quota_used(quota, FF_QUOTA_PIPES), limits->mount[FF_QUOTA_PIPES]);
    append_kind(out, "dirs", ff_quota_used(quota, FF_QUOTA_DIRECTORIES),
                limits->mount[FF_QUOTA_DIRECTORIES]);
    g_string_append(out, "}\n");
}

static void append_user(const FfQuota *quota, const FfQuotaLimits *limits, uid_t uid, GString *out)
{
    g_string_append(out, "{\"scope\":\"user\",\"uid\":");
    ff_json_append_unsigned(out, uid);
    append_kind(out, "pipes", ff_quota_used_by(quota, FF_QUOTA_PIPES, uid),
                ff_quota_limit_of(limits, FF_QUOTA_PIPES, uid));
    append_kind(out, "dirs", ff_quota_used_by(quota, FF_QUOTA_DIRECTORIES, uid),
                ff_quota_limit_of(limits, FF_QUOTA_DIRECTORIES, uid));
    g_string_append(out, "}\n");
}

void ff_quota_append_json(const FfQuota *quota, const FfQuotaLimits *limits, uid_t reader,
                          gboolean sees_all, GString *out)
{
    g_autoptr(GArray) uids = ff_quota_users(quota);

    append_mount(quota, limits, out);
    append_user(quota, limits, reader, out);
    for (guint i = 0; sees_all && i < uids->len; i++)
        if (g_array_index(uids, uid_t, i) != reader)
            append_user(quota, limits, g_array_index(uids, uid_t, i), out);
}
