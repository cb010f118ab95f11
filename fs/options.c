/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define CONFIG_GROUP "fifofs"

G_DEFINE_QUARK(ff - options - error - quark, ff_options_error)

typedef struct Option Option;

struct Option {
    const char *name;
    /* What the value is called in --help; NULL for an option without one. */
    const char *value_name;
    const char *help;
    /* Take the value (NULL where there is none). Return: FALSE for a bad one. */
    gboolean (*take)(FfOptions *options, const Option *option, const char *value);
    /*
     * The effective value as text, NULL where there is none; itself NULL for options that are
     * passed on.
     */
    char *(*show)(const FfOptions *options, const Option *option);
};

static gboolean parse_mode(const char *value, mode_t *mode)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(value, 8, 0, FF_MODE_BITS, &number, NULL))
        return FALSE;
    *mode = (mode_t)number;
    return TRUE;
}

static char *show_mode(mode_t mode)
{
    return g_strdup_printf("%04o", mode);
}

static gboolean take_ceiling(FfOptions *options, const Option *option, const char *value)
{
    options->ceiling_set = TRUE;
    return parse_mode(value, &options->registry.modes.fifo_ceiling);
}

static char *show_ceiling(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.modes.fifo_ceiling);
}

static gboolean take_floor(FfOptions *options, const Option *option, const char *value)
{
    return parse_mode(value, &options->registry.modes.fifo_floor);
}

static char *show_floor(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.modes.fifo_floor);
}

static gboolean take_dir_ceiling(FfOptions *options, const Option *option, const char *value)
{
    options->dir_ceiling_set = TRUE;
    return parse_mode(value, &options->registry.modes.dir_ceiling);
}

static char *show_dir_ceiling(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.modes.dir_ceiling);
}

static gboolean take_root_mode(FfOptions *options, const Option *option, const char *value)
{
    options->root_mode_set = TRUE;
    return parse_mode(value, &options->registry.root_mode);
}

static char *show_root_mode(const FfOptions *options, const Option *option)
{
    return show_mode(options->registry.root_mode);
}

/* (uid_t)-1 means "nobody in particular" to chown(2), so it is no id. */
static gboolean parse_id(const char *value, guint32 *id)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT32 - 1, &number, NULL))
        return FALSE;
    *id = (guint32)number;
    return TRUE;
}

static gboolean take_uid(FfOptions *options, const Option *option, const char *value)
{
    const struct passwd *user;

    options->registry.fix_uid = TRUE;
    if (parse_id(value, &options->registry.uid))
        return TRUE;
    user = getpwnam(value);
    if (user == NULL)
        return FALSE;
    options->registry.uid = user->pw_uid;
    return TRUE;
}

static gboolean take_gid(FfOptions *options, const Option *option, const char *value)
{
    const struct group *group;

    options->registry.fix_gid = TRUE;
    if (parse_id(value, &options->registry.gid))
        return TRUE;
    group = getgrnam(value);
    if (group == NULL)
        return FALSE;
    options->registry.gid = group->gr_gid;
    return TRUE;
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

static gboolean take_allow_other(FfOptions *options, const Option *option, const char *value)
{
    options->allow_other = TRUE;
    return TRUE;
}

static char *show_allow_other(const FfOptions *options, const Option *option)
{
    return g_strdup(options->allow_other ? "true" : "false");
}

static gboolean pass_on(FfOptions *options, const Option *option, const char *value)
{
    g_string_append_printf(options->mount_options, "%s%s",
                           options->mount_options->len > 0 ? "," : "", option->name);
    return TRUE;
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
    {"dirceiling", "MODE", "most a directory's mode may allow (0700; 0777 with allow_other)",
     take_dir_ceiling, show_dir_ceiling},
    {"rootmode", "MODE", "mode of the mount's root (0700; 0777 with allow_other)", take_root_mode,
     show_root_mode},
    {"uid", "USER", "owner of everything that is created (its creator)", take_uid, show_uid},
    {"gid", "GROUP", "group of everything that is created (its creator's)", take_gid, show_gid},
    {"lifetime", "WHEN", "auto, use, process, session or keep (auto)", take_policy, show_policy},
    {"linger", "TIME", "how long an idle FIFO stays after its last use (30s)", take_policy,
     show_policy},
    {"grace", "TIME", "how long one that was never used stays (15min)", take_policy, show_policy},
    {"max-age", "TIME", "the greatest age of any FIFO (infinity)", take_policy, show_policy},
    {"ro", NULL, NULL, pass_on, NULL},
    {"noexec", NULL, NULL, pass_on, NULL},
    {"noatime", NULL, NULL, pass_on, NULL},
    {"rw", NULL, NULL, ignore, NULL},
    {"exec", NULL, NULL, ignore, NULL},
    {"nosuid", NULL, NULL, ignore, NULL},
    {"nodev", NULL, NULL, ignore, NULL},
    {"default_permissions", NULL, NULL, ignore, NULL},
};

static const Option *find_option(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        if (g_str_equal(table[i].name, name))
            return &table[i];
    return NULL;
}

static gboolean usage_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean usage_error(GError **error, const char *format, ...)
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
        {"WHEN", "auto, use, process, session or keep"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(descriptions); i++)
        if (g_str_equal(descriptions[i][0], value_name))
            return descriptions[i][1];
    return value_name;
}

static gboolean take_one(FfOptions *options, const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name = equals == NULL ? g_strdup(text) : g_strndup(text, equals - text);
    const char *value = equals == NULL ? NULL : equals + 1;
    const Option *option = find_option(name);

    if (option == NULL)
        return usage_error(error, "unknown option '%s': see 'fifofs --help'", name);
    if (option->value_name == NULL && value != NULL)
        return usage_error(error, "option '%s' takes no value: write '-o %s'", name, name);
    if (option->value_name != NULL && value == NULL)
        return usage_error(error, "option '%s' needs a value: write '-o %s=%s'", name, name,
                           option->value_name);
    if (!option->take(options, option, value))
        return usage_error(error, "bad value '%s' for option '%s': write %s", value, name,
                           describe_value(option->value_name));
    return TRUE;
}

static gboolean take_list(FfOptions *options, const char *list, GError **error)
{
    g_auto(GStrv) items = g_strsplit(list, ",", -1);

    for (char **item = items; *item != NULL; item++)
        if (**item != '\0' && !take_one(options, *item, error))
            return FALSE;
    return TRUE;
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
    registry->root_uid = registry->fix_uid ? registry->uid : geteuid();
    registry->root_gid = registry->fix_gid ? registry->gid : getegid();
}

static gboolean check_consistency(const FfOptions *options, GError **error)
{
    const FfModes *modes = &options->registry.modes;

    if ((modes->fifo_floor & ~modes->fifo_ceiling) != 0)
        return usage_error(error, "floor %04o allows what ceiling %04o forbids: raise the ceiling",
                           modes->fifo_floor, modes->fifo_ceiling);
    return TRUE;
}

static char *describe_options(void)
{
    GString *text = g_string_new("Mount options (-o NAME[=VALUE],...), defaults in brackets:\n");

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *left = NULL;

        if (table[i].help == NULL)
            continue;
        left = table[i].value_name == NULL
                   ? g_strdup(table[i].name)
                   : g_strconcat(table[i].name, "=", table[i].value_name, NULL);
        g_string_append_printf(text, "  %-18s %s\n", left, table[i].help);
    }
    g_string_append(text, "  ro, noexec, noatime, rw, exec, nosuid, nodev, default_permissions\n\n"
                          "TIME is 30, 30s, 500ms, 15min, 2h, 7d or infinity. End it with "
                          "'fusermount3 -u MOUNTPOINT'.");
    return g_string_free(text, FALSE);
}

static GOptionContext *new_context(FfOptions *options, char ***lists, char ***rest)
{
    const GOptionEntry entries[] = {
        {"options", 'o', 0, G_OPTION_ARG_STRING_ARRAY, lists, "Mount options, see below", "OPTS"},
        {"foreground", 'f', 0, G_OPTION_ARG_NONE, &options->foreground, "Stay in the foreground",
         NULL},
        {"debug", 'd', 0, G_OPTION_ARG_NONE, &options->debug,
         "Log requests and changes to stderr; implies -f", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &options->show_version, "Show the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, rest, NULL, "MOUNTPOINT"},
        {NULL}};
    GOptionContext *context = g_option_context_new(NULL);
    g_autofree char *description = describe_options();

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, "Mount a directory in which every name is a FIFO.");
    g_option_context_set_description(context, description);
    return context;
}

static gboolean take_mountpoint(FfOptions *options, char **rest, GError **error)
{
    if (rest == NULL || rest[0] == NULL || *rest[0] == '\0')
        return usage_error(error, "no mountpoint given: fifofs [-o OPTIONS] MOUNTPOINT");
    if (rest[1] != NULL)
        return usage_error(error, "one mountpoint wanted, also given '%s'", rest[1]);
    options->mountpoint = g_strdup(rest[0]);
    return TRUE;
}

static gboolean take_arguments(FfOptions *options, char **lists, char **rest, GError **error)
{
    for (char **list = lists; list != NULL && *list != NULL; list++)
        if (!take_list(options, *list, error))
            return FALSE;
    fill_defaults(options);
    options->foreground |= options->debug;
    return check_consistency(options, error) && take_mountpoint(options, rest, error);
}

FfOptions *ff_options_parse(int argc, char **argv, GError **error)
{
    g_autoptr(FfOptions) options = g_new0(FfOptions, 1);
    g_auto(GStrv) lists = NULL;
    g_auto(GStrv) rest = NULL;
    g_autoptr(GOptionContext) context = new_context(options, &lists, &rest);
    g_autoptr(GError) parse_error = NULL;

    options->mount_options = g_string_new(NULL);
    options->registry.policy = ff_policy_default;
    if (!g_option_context_parse(context, &argc, &argv, &parse_error)) {
        usage_error(error, "%s: see 'fifofs --help'", parse_error->message);
        return NULL;
    }
    if (!options->show_version && !take_arguments(options, lists, rest, error))
        return NULL;
    return g_steal_pointer(&options);
}

void ff_options_free(FfOptions *options)
{
    if (options == NULL)
        return;
    if (options->mount_options != NULL)
        g_string_free(options->mount_options, TRUE);
    g_free(options->mountpoint);
    g_free(options);
}

char *ff_options_to_text(const FfOptions *options)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    g_key_file_set_string(file, CONFIG_GROUP, "version", FIFOFS_VERSION);
    g_key_file_set_string(file, CONFIG_GROUP, "mountpoint", options->mountpoint);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *value = NULL;

        if (table[i].show == NULL)
            continue;
        value = table[i].show(options, &table[i]);
        if (value != NULL)
            g_key_file_set_string(file, CONFIG_GROUP, table[i].name, value);
    }
    return g_key_file_to_data(file, NULL, NULL);
}
