/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * open-timeout and capacity look into processes, for which the daemon of root would have to keep the
 * right to look into all of them. It does so only if something at the time of mounting asks for it.
 * The daemon of an ordinary user has that right for processes of his own, and loses it only by
 * Landlock (sandbox.c), so there it is the other way round.
 */
#include "privileges.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "declared.h"
#include "options.h"
#include "parse.h"

/* Made by packages of fifofs, for daemons of root's shared mounts. */
#define DEFAULT_USER "fifofs"

static struct {
    gboolean known;
    uid_t uid;
    gid_t gid;
} mounter;

static void remember_mounter(void)
{
    if (mounter.known)
        return;
    mounter.known = TRUE;
    mounter.uid = geteuid();
    mounter.gid = getegid();
}

uid_t ff_privileges_mounter(void)
{
    remember_mounter();
    return mounter.uid;
}

gid_t ff_privileges_mounter_group(void)
{
    remember_mounter();
    return mounter.gid;
}

/* --- the user --- */

/* One that has a number and no name has a group of that number, as far as we are concerned. */
static void set_user(FfPrivileges *privileges, uid_t uid)
{
    const struct passwd *entry = getpwuid(uid);

    privileges->uid = uid;
    privileges->gid = entry == NULL ? (gid_t)uid : entry->pw_gid;
}

gboolean ff_privileges_take_user(FfPrivileges *privileges, const char *text)
{
    uid_t uid;

    if (!ff_parse_user(text, &uid))
        return FALSE;
    privileges->user_chosen = TRUE;
    set_user(privileges, uid);
    return TRUE;
}

char *ff_privileges_show_user(const FfPrivileges *privileges)
{
    const struct passwd *entry = privileges->change_user ? getpwuid(privileges->uid) : NULL;

    if (!privileges->change_user)
        return NULL;
    return entry == NULL ? g_strdup_printf("%u", privileges->uid) : g_strdup(entry->pw_name);
}

static void choose_default_user(FfPrivileges *privileges)
{
    const struct passwd *entry = getpwnam(DEFAULT_USER);

    if (entry != NULL)
        set_user(privileges, entry->pw_uid);
    else
        privileges->uid = 0;
}

static gboolean settle_user(FfOptions *options, GError **error)
{
    FfPrivileges *privileges = &options->privileges;
    uid_t uid = ff_privileges_mounter();

    if (privileges->user_chosen && uid != 0 && privileges->uid != uid)
        return ff_options_fail(error, "option 'user': only a daemon of root can become another "
                                      "user: leave it out");
    if (privileges->user_chosen && privileges->uid != uid && !options->allow_other)
        return ff_options_fail(error, "option 'user' needs 'allow_other': the kernel lets nobody "
                                      "but root into a private mount of root, the daemon included");
    if (!privileges->user_chosen && uid == 0 && options->allow_other)
        choose_default_user(privileges);
    else if (!privileges->user_chosen)
        privileges->uid = uid;
    privileges->change_user = privileges->uid != uid;
    return TRUE;
}

/* --- looking into processes --- */

static gboolean declared_wants_trace(const FfDeclared *declared)
{
    FfPolicy policy = ff_policy_default;
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, declared->policy);
    while (g_hash_table_iter_next(&iter, &key, &value))
        ff_policy_set(&policy, key, value);
    return ff_policy_wants_trace(&policy);
}

static gboolean wants_trace(const FfOptions *options)
{
    for (guint i = 0; i < options->declared->len; i++)
        if (declared_wants_trace(g_ptr_array_index(options->declared, i)))
            return TRUE;
    return ff_policy_wants_trace(&options->registry.policy);
}

static gboolean settle_trace(FfOptions *options, GError **error)
{
    FfPrivileges *privileges = &options->privileges;

    if (privileges->trace_refused && privileges->trace_wanted)
        return ff_options_fail(error, "'trace' and 'notrace' exclude each other: leave one out");
    if (privileges->trace_refused && wants_trace(options))
        return ff_options_fail(error, "open-timeout and capacity look into processes, which "
                                      "'notrace' forbids: leave it out");
    privileges->trace = privileges->trace_wanted || wants_trace(options) ||
                        (ff_privileges_mounter() != 0 && !privileges->trace_refused);
    return TRUE;
}

gboolean ff_privileges_settle(FfOptions *options, GError **error)
{
    return settle_trace(options, error) && settle_user(options, error);
}

/* --- */

gboolean ff_privileges_keep(const FfOptions *is, FfOptions *wanted, GError **error)
{
    const FfPrivileges *has = &is->privileges;

    if (wanted->privileges.trace && !has->trace)
        return ff_options_fail(error,
                               "open-timeout, capacity and trace need a right that was given "
                               "up: unmount it and mount it again");
    if (wanted->privileges.user_chosen && wanted->privileges.uid != has->uid)
        return ff_options_fail(error,
                               "user cannot change while it is mounted: unmount it and mount "
                               "it again");
    wanted->privileges = *has;
    return TRUE;
}

/* The path comes last, as there may be anything in it. */
#define TEXT_FORMAT "shared=%d owners=%d trace=%d io_uring=%d user=%d:%u:%u config="

char *ff_privileges_to_text(const FfOptions *options)
{
    const FfPrivileges *privileges = &options->privileges;
    const FfRegistryOptions *registry = &options->registry;
    gboolean foreign_owners = registry->fix_uid && registry->uid != ff_privileges_mounter();

    return g_strdup_printf(TEXT_FORMAT "%s", options->allow_other, foreign_owners,
                           privileges->trace, options->io_uring, privileges->change_user,
                           privileges->uid, privileges->gid,
                           options->config == NULL ? "" : options->config);
}

gboolean ff_privileges_from_text(FfSandbox *sandbox, const char *text)
{
    FfSandbox found = {.by_root = ff_privileges_mounter() == 0};
    int path = 0;

    if (text == NULL ||
        sscanf(text, TEXT_FORMAT "%n", &found.shared, &found.foreign_owners, &found.trace,
               &found.io_uring, &found.change_user, &found.uid, &found.gid, &path) != 7 ||
        path == 0)
        return FALSE;
    found.config = text[path] == '\0' ? NULL : text + path;
    *sandbox = found;
    return TRUE;
}

void ff_privileges_adopt(FfOptions *options, const FfSandbox *sandbox, const char *in_force)
{
    FfPrivileges *privileges = &options->privileges;

    if (wants_trace(options) && !sandbox->trace)
        g_warning("open-timeout and capacity do nothing, as the right was given up that they need: "
                  "unmount and mount again");
    privileges->trace = sandbox->trace;
    privileges->change_user = sandbox->change_user;
    privileges->uid = sandbox->uid;
    privileges->gid = sandbox->gid;
    privileges->in_force = in_force;
}

gboolean ff_privileges_allow(const FfPrivileges *privileges, const char *key, const char *value)
{
    FfPolicy policy = ff_policy_default;

    if (privileges->trace || value == NULL || ff_policy_set(&policy, key, value) < 0)
        return TRUE;
    return !ff_policy_wants_trace(&policy);
}
