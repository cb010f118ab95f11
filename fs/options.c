/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <string.h>

#include "config.h"
#include "declared.h"
#include "parse.h"
#include "uring.h"

/*
 * How many there may be where nobody says: about half a gigabyte of FIFOs on a mount, 16 MB of a user of a shared one.
 * A directory may take one of the system's inotify watches besides.
 */
#define DEFAULT_MAX_PIPES      (2 * 1024 * 1024)
#define DEFAULT_MAX_DIRS       (1024 * 1024)
#define DEFAULT_USER_MAX_PIPES (64 * 1024)
#define DEFAULT_USER_MAX_DIRS  (4 * 1024)

G_DEFINE_QUARK(ff - options - error - quark, ff_options_error)

typedef struct Option Option;

struct Option {
    const char *name;
    /* What the value is called in --help; NULL for an option without one. */
    const char *value_name;
    /* NULL: it is not described. "": with the next one, in one line. */
    const char *help;
    /* Take the value (NULL where there is none). Return: FALSE for a bad one. */
    gboolean (*take)(FfOptions *options, const Option *option, const char *value);
    /*
     * The effective value as text, NULL where there is none; itself NULL for options that are
     * passed on.
     */
    char *(*show)(const FfOptions *options, const Option *option);
};

static char *show_mode(mode_t mode)
{
    return g_strdup_printf("%04o", mode);
}

static gboolean take_ceiling(FfOptions *options, const Option *option, const char *value)
{
    options->ceiling_set = TRUE;
    return ff_parse_mode(value, &options->registry.modes.fifo_ceiling);
}

static char *show_ceiling(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.modes.fifo_ceiling);
}

static gboolean take_floor(FfOptions *options, const Option *option, const char *value)
{
    return ff_parse_mode(value, &options->registry.modes.fifo_floor);
}

static char *show_floor(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.modes.fifo_floor);
}

static gboolean take_dir_ceiling(FfOptions *options, const Option *option, const char *value)
{
    options->dir_ceiling_set = TRUE;
    return ff_parse_mode(value, &options->registry.modes.dir_ceiling);
}

static char *show_dir_ceiling(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.modes.dir_ceiling);
}

static gboolean take_root_mode(FfOptions *options, const Option *option, const char *value)
{
    options->root_mode_set = TRUE;
    return ff_parse_mode(value, &options->registry.root_mode);
}

static char *show_root_mode(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.root_mode);
}

static gboolean take_uid(FfOptions *options, const Option *option, const char *value)
{
    options->registry.fix_uid = TRUE;
    return ff_parse_user(value, &options->registry.uid);
}

static gboolean take_gid(FfOptions *options, const Option *option, const char *value)
{
    options->registry.fix_gid = TRUE;
    return ff_parse_group(value, &options->registry.gid);
}

static char *show_uid(const FfOptions *options, const Option *option)
{
    return options->registry.fix_uid ? g_strdup_printf("%u", options->registry.uid) : NULL;
}

static char *show_gid(const FfOptions *options, const Option *option)
{
    return options->registry.fix_gid ? g_strdup_printf("%u", options->registry.gid) : NULL;
}

static gboolean take_policy(FfOptions *options, const Option *option, const char *value)
{
    return ff_policy_set(&options->registry.policy, option->name, value) == 0;
}

static char *show_policy(const FfOptions *options, const Option *option)
{
    return ff_policy_get(&options->registry.policy, option->name);
}

static gboolean take_limit(FfOptions *options, const Option *option, const char *value)
{
    return ff_quota_parse(value, ff_quota_find_limit(&options->registry.limits, option->name)) == 0;
}

static gboolean take_user_pipes(FfOptions *options, const Option *option, const char *value)
{
    options->user_pipes_set = TRUE;
    return take_limit(options, option, value);
}

static gboolean take_user_dirs(FfOptions *options, const Option *option, const char *value)
{
    options->user_dirs_set = TRUE;
    return take_limit(options, option, value);
}

static char *show_limit(const FfOptions *options, const Option *option)
{
    FfQuotaLimits limits = options->registry.limits;

    return ff_quota_format(*ff_quota_find_limit(&limits, option->name));
}

static gboolean take_allow_other(FfOptions *options, const Option *option, const char *value)
{
    options->allow_other = TRUE;
    return TRUE;
}

static char *show_allow_other(const FfOptions *options, const Option *option)
{
    return g_strdup(options->allow_other ? "true" : "false");
}

static gboolean take_io_uring(FfOptions *options, const Option *option, const char *value)
{
    options->io_uring = TRUE;
    return TRUE;
}

static char *show_io_uring(const FfOptions *options, const Option *option)
{
    return g_strdup(options->io_uring ? "true" : "false");
}

static gboolean take_trace(FfOptions *options, const Option *option, const char *value)
{
    options->privileges.trace_wanted = TRUE;
    return TRUE;
}

static char *show_trace(const FfOptions *options, const Option *option)
{
    return g_strdup(options->privileges.trace ? "true" : "false");
}

static gboolean take_no_trace(FfOptions *options, const Option *option, const char *value)
{
    options->privileges.trace_refused = TRUE;
    return TRUE;
}

/* `trace=false` is no wish, so that what is shown may be used as a configuration. */
static char *show_no_trace(const FfOptions *options, const Option *option)
{
    return options->privileges.trace_refused ? g_strdup("true") : NULL;
}

static gboolean take_user(FfOptions *options, const Option *option, const char *value)
{
    return ff_privileges_take_user(&options->privileges, value);
}

static char *show_user(const FfOptions *options, const Option *option)
{
    return ff_privileges_show_user(&options->privileges);
}

static gboolean take_no_acl(FfOptions *options, const Option *option, const char *value)
{
    options->no_acl = TRUE;
    return TRUE;
}

static char *show_no_acl(const FfOptions *options, const Option *option)
{
    return g_strdup(options->no_acl ? "true" : "false");
}

static gboolean take_config(FfOptions *options, const Option *option, const char *value)
{
    g_free(options->config);
    options->config = g_strdup(value);
    return *value != '\0';
}

static char *show_config(const FfOptions *options, const Option *option)
{
    return g_strdup(options->config);
}

/* The options that are the kernel's or fusermount3's business. */
static const char *const passed_on[] = {"ro", "noexec", "noatime"};

static guint passed_on_bit(const char *name)
{
    guint i = 0;

    while (!g_str_equal(passed_on[i], name))
        i++;
    return 1u << i;
}

static gboolean pass_on(FfOptions *options, const Option *option, const char *value)
{
    options->passed_on |= passed_on_bit(option->name);
    return TRUE;
}

static char *show_passed_on(const FfOptions *options, const Option *option)
{
    return g_strdup((options->passed_on & passed_on_bit(option->name)) != 0 ? "true" : "false");
}

char *ff_options_passed_on(const FfOptions *options)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(passed_on); i++)
        if ((options->passed_on & (1u << i)) != 0)
            g_string_append_printf(list, ",%s", passed_on[i]);
    return g_string_free(list, FALSE);
}

/* What mount(8) and fstab say to each other, and what is so anyhow. */
static gboolean ignore(FfOptions *options, const Option *option, const char *value)
{
    return TRUE;
}

static const Option table[] = {
    {"allow_other", NULL, "let other users in; modes decide what they may do", take_allow_other,
     show_allow_other},
    {"ceiling", "MODE", "most a FIFO's mode may allow (0600; 0660 with allow_other)", take_ceiling,
     show_ceiling},
    {"floor", "MODE", "what every FIFO's mode allows (0)", take_floor, show_floor},
    {"dirceiling", "MODE", "the same of a directory (0700; 0777 with allow_other)",
     take_dir_ceiling, show_dir_ceiling},
    {"rootmode", "MODE", "mode of the mount's root (0700; 0777 with allow_other)", take_root_mode,
     show_root_mode},
    {"uid", "USER", "", take_uid, show_uid},
    {"gid", "GROUP", "owner, group of all that is created (its creator's)", take_gid, show_gid},
    {"lifetime", "WHEN", "auto, use, process, session or keep (auto)", take_policy, show_policy},
    {"linger", "TIME", "how long an idle FIFO stays after its last use (30s)", take_policy,
     show_policy},
    {"grace", "TIME", "how long one that was never used stays (15min)", take_policy, show_policy},
    {"max-age", "TIME", "the greatest age of any FIFO (infinity)", take_policy, show_policy},
    {"open-timeout", "TIME", "how long a process may wait in open() (infinity)", take_policy,
     show_policy},
    {"capacity", "SIZE", "", take_policy, show_policy},
    {"hold", "END", "bytes it holds; what is kept open: read, write, both", take_policy,
     show_policy},
    {"max-pipes", "N", "", take_limit, show_limit},
    {"max-dirs", "N", "", take_limit, show_limit},
    {"user-max-pipes", "N", "", take_user_pipes, show_limit},
    {"user-max-dirs", "N", "quotas: fifofs(8)", take_user_dirs, show_limit},
    {"trace", NULL, NULL, take_trace, show_trace},
    {"notrace", NULL, NULL, take_no_trace, show_no_trace},
    {"user", "USER", NULL, take_user, show_user},
    {FF_OPTION_CONFIG, "FILE", "take options and declared FIFOs from it: fifofs.conf(5)",
     take_config, show_config},
    {"ro", NULL, NULL, pass_on, show_passed_on},
    {"noexec", NULL, NULL, pass_on, show_passed_on},
    {"noatime", NULL, NULL, pass_on, show_passed_on},
    {"io_uring", NULL, NULL, take_io_uring, show_io_uring},
    {"noacl", NULL, NULL, take_no_acl, show_no_acl},
    {"rw", NULL, NULL, ignore, NULL},
    {"exec", NULL, NULL, ignore, NULL},
    {"nosuid", NULL, NULL, ignore, NULL},
    {"nodev", NULL, NULL, ignore, NULL},
    {"default_permissions", NULL, NULL, ignore, NULL},
    {"relatime", NULL, NULL, ignore, NULL},
    {"defaults", NULL, NULL, ignore, NULL},
    {"auto", NULL, NULL, ignore, NULL},
    {"noauto", NULL, NULL, ignore, NULL},
    {"user", NULL, NULL, ignore, NULL},
    {"users", NULL, NULL, ignore, NULL},
    {"nouser", NULL, NULL, ignore, NULL},
    {"owner", NULL, NULL, ignore, NULL},
    {"group", NULL, NULL, ignore, NULL},
    {"nofail", NULL, NULL, ignore, NULL},
    {"_netdev", NULL, NULL, ignore, NULL},
};

/* One name, "user", is two options: with a value ours, without one fstab's. */
static const Option *find_option(const char *name, gboolean has_value)
{
    const Option *found = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(table[i].name, name) &&
            (found == NULL || (table[i].value_name != NULL) == has_value))
            found = &table[i];
    return found;
}

gboolean ff_options_fail(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL)
        *error = g_error_new_valist(FF_OPTIONS_ERROR, FF_EXIT_USAGE, format, arguments);
    va_end(arguments);
    return FALSE;
}

/* What a value of that name has to be like. */
static const char *describe_value(const char *value_name)
{
    static const char *const descriptions[][2] = {
        {"MODE", "an octal mode such as 0660"},
        {"USER", "the name or number of a user"},
        {"GROUP", "the name or number of a group"},
        {"TIME", "a time such as 500ms, 30s, 15min or infinity"},
        {"SIZE", "a size such as 65536, 64K, 1M or default"},
        {"N", "a number from 1, or infinity"},
        {"WHEN", "auto, use, process, session or keep"},
        {"END", "none, read, write or both"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(descriptions); i++)
        if (g_str_equal(descriptions[i][0], value_name))
            return descriptions[i][1];
    return value_name;
}

/* For mount(8), systemd and people, in fstab(5). */
static gboolean is_remark(const char *name)
{
    return g_str_has_prefix(name, "x-") || g_str_has_prefix(name, "X-") ||
           g_str_equal(name, "comment");
}

gboolean ff_options_take(FfOptions *options, const char *name, const char *value, GError **error)
{
    const Option *option = find_option(name, value != NULL);

    if (option == NULL)
        return ff_options_fail(error, "unknown option '%s': see 'fifofs --help'", name);
    if (option->value_name == NULL && value != NULL)
        return ff_options_fail(error, "option '%s' takes no value: write '%s'", name, name);
    if (option->value_name != NULL && value == NULL)
        return ff_options_fail(error, "option '%s' needs a value: write '%s=%s'", name, name,
                               option->value_name);
    if (!option->take(options, option, value))
        return ff_options_fail(error, "bad value '%s' for option '%s': write %s", value, name,
                               describe_value(option->value_name));
    return TRUE;
}

static gboolean take_item(FfOptions *options, const char *item, GError **error)
{
    const char *equals = strchr(item, '=');
    g_autofree char *name = equals == NULL ? g_strdup(item) : g_strndup(item, equals - item);

    if (is_remark(name))
        return TRUE;
    return ff_options_take(options, name, equals == NULL ? NULL : equals + 1, error);
}

gboolean ff_options_take_list(FfOptions *options, const char *list, GError **error)
{
    g_auto(GStrv) items = g_strsplit(list, ",", -1);

    for (char **item = items; *item != NULL; item++)
        if (**item != '\0' && !take_item(options, *item, error))
            return FALSE;
    return TRUE;
}

gboolean ff_options_is_flag(const char *name)
{
    const Option *option = find_option(name, TRUE);

    return option != NULL && option->value_name == NULL;
}

static void fill_defaults(FfOptions *options)
{
    FfRegistryOptions *registry = &options->registry;

    if (!options->ceiling_set)
        registry->modes.fifo_ceiling = options->allow_other ? 0660 : 0600;
    if (!options->dir_ceiling_set)
        registry->modes.dir_ceiling = options->allow_other ? 0777 : 0700;
    if (!options->root_mode_set)
        registry->root_mode = options->allow_other ? 0777 : 0700;
    if (!options->user_pipes_set && options->allow_other)
        registry->limits.user[FF_QUOTA_PIPES] = DEFAULT_USER_MAX_PIPES;
    if (!options->user_dirs_set && options->allow_other)
        registry->limits.user[FF_QUOTA_DIRECTORIES] = DEFAULT_USER_MAX_DIRS;
    registry->root_uid = registry->fix_uid ? registry->uid : ff_privileges_mounter();
    registry->root_gid = registry->fix_gid ? registry->gid : ff_privileges_mounter_group();
}

gboolean ff_options_settle(FfOptions *options, GError **error)
{
    const FfModes *modes = &options->registry.modes;
    const char *missing = options->io_uring ? ff_uring_missing() : NULL;

    fill_defaults(options);

    if (missing != NULL)
        return ff_options_fail(error, "option 'io_uring' cannot be had: %s", missing);
    if ((modes->fifo_floor & ~modes->fifo_ceiling) != 0)
        return ff_options_fail(error,
                               "floor %04o allows what ceiling %04o forbids: raise the ceiling",
                               modes->fifo_floor, modes->fifo_ceiling);
    return ff_declared_check(options->declared, options->config, &options->registry, error) &&
           ff_privileges_settle(options, error);
}

static void append_name(GString *names, const Option *option)
{
    if (names->len > 0)
        g_string_append(names, ", ");
    g_string_append(names, option->name);
    if (option->value_name != NULL)
        g_string_append_printf(names, "=%s", option->value_name);
}

char *ff_options_describe(void)
{
    g_autoptr(GString) left = g_string_new(NULL);
    GString *text = g_string_new(
        "Mount options (-o NAME[=VALUE],...; also ro, io_uring, noacl, trace, user):\n");

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].help == NULL)
            continue;
        append_name(left, &table[i]);
        if (*table[i].help == '\0')
            continue;
        g_string_append_printf(text, "  %-18s %s\n", left->str, table[i].help);
        g_string_truncate(left, 0);
    }
    return g_string_free(text, FALSE);
}

FfOptions *ff_options_new(void)
{
    FfOptions *options = g_new0(FfOptions, 1);

    options->source = g_strdup("fifofs");
    options->declared = ff_declared_list_new();
    options->registry.policy = ff_policy_default;
    options->registry.limits.mount[FF_QUOTA_PIPES] = DEFAULT_MAX_PIPES;
    options->registry.limits.mount[FF_QUOTA_DIRECTORIES] = DEFAULT_MAX_DIRS;
    return options;
}

void ff_options_free(FfOptions *options)
{
    if (options == NULL)
        return;
    g_ptr_array_unref(options->declared);
    g_free(options->config);
    g_free(options->config_text);
    g_free(options->source);
    g_free(options->mountpoint);
    g_free(options);
}

char *ff_options_to_text(const FfOptions *options)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    g_key_file_set_string(file, FF_CONFIG_GROUP, FF_CONFIG_VERSION, FIFOFS_VERSION);
    g_key_file_set_string(file, FF_CONFIG_GROUP, FF_CONFIG_MOUNTPOINT, options->mountpoint);
    g_key_file_set_string(file, FF_CONFIG_GROUP, FF_CONFIG_SANDBOX,
                          options->privileges.in_force == NULL ? "none"
                                                               : options->privileges.in_force);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *value = NULL;

        if (table[i].show == NULL)
            continue;
        value = table[i].show(options, &table[i]);
        if (value != NULL)
            g_key_file_set_string(file, FF_CONFIG_GROUP, table[i].name, value);
    }
    return g_key_file_to_data(file, NULL, NULL);
}
