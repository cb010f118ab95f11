/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arguments.h"

#include <stdio.h>
#include <string.h>

#include "configfile.h"

#define HELPER_PREFIX "mount."

struct FfArguments {
    gboolean foreground, debug, show_version, show_help;
    /* Of a mount helper: do everything but mount; and what nothing follows from. */
    gboolean fake, ignored_flag;
    char *ignored_word;
    /* The name of the mount, from which file and mountpoint follow; or NULL. */
    char *name;
    /* Lists of options. */
    char **lists;
    char **rest;
    /* Where the command was given, from which the path of a configuration file counts. */
    char *directory;
    /* Of @rest. */
    const char *source, *mountpoint;
};

static const char summary[] = "Mount a directory in which every name is a FIFO.";

static gboolean is_mount_helper(const char *program)
{
    g_autofree char *name = g_path_get_basename(program);

    return g_str_has_prefix(name, HELPER_PREFIX);
}

void ff_arguments_print_help(void)
{
    g_autofree char *mount_options = ff_options_describe();

    printf("Usage: fifofs [-fd] [-o OPTS] MOUNTPOINT, or fifofs --name NAME\n"
           "%s See fifofs(8).\n"
           "  -o, --options=OPTS  mount options, see below\n"
           "  -n, --name=NAME     mount what NAME.conf describes, see fifofs.conf(5)\n"
           "  -f, --foreground    stay in the foreground\n"
           "  -d, --debug         log requests and changes to stderr; implies -f\n"
           "  -V, --version       show the version\n"
           "  -h, --help          show this\n"
           "%s",
           summary, mount_options);
}

static GOptionContext *new_context(FfArguments *arguments)
{
    const GOptionEntry entries[] = {
        {"options", 'o', 0, G_OPTION_ARG_STRING_ARRAY, &arguments->lists, NULL, NULL},
        {"name", 'n', 0, G_OPTION_ARG_FILENAME, &arguments->name, NULL, NULL},
        {"foreground", 'f', 0, G_OPTION_ARG_NONE, &arguments->foreground, NULL, NULL},
        {"debug", 'd', 0, G_OPTION_ARG_NONE, &arguments->debug, NULL, NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &arguments->show_version, NULL, NULL},
        /* GOption's own text is longer than a screen. */
        {"help", 'h', 0, G_OPTION_ARG_NONE, &arguments->show_help, NULL, NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->rest, NULL, NULL},
        {NULL}};
    GOptionContext *context = g_option_context_new(NULL);

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    return context;
}

/* mount(8), "EXTERNAL HELPERS". */
static GOptionContext *new_helper_context(FfArguments *arguments)
{
    const GOptionEntry entries[] = {
        {"options", 'o', 0, G_OPTION_ARG_STRING_ARRAY, &arguments->lists,
         "Mount options, see fifofs(8)", "OPTS"},
        {"fake", 'f', 0, G_OPTION_ARG_NONE, &arguments->fake, "Do everything but mount", NULL},
        {"sloppy", 's', 0, G_OPTION_ARG_NONE, &arguments->ignored_flag, "Nothing", NULL},
        {"no-mtab", 'n', 0, G_OPTION_ARG_NONE, &arguments->ignored_flag, "Nothing", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &arguments->ignored_flag, "Nothing", NULL},
        {"types", 't', 0, G_OPTION_ARG_STRING, &arguments->ignored_word, "Nothing", "TYPE"},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &arguments->show_version, "Show the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->rest, NULL,
         "SOURCE MOUNTPOINT"},
        {NULL}};
    GOptionContext *context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, summary);
    return context;
}

static gboolean take_rest(FfArguments *arguments, GError **error)
{
    guint n = arguments->rest == NULL ? 0 : g_strv_length(arguments->rest);

    if (n > 1)
        return ff_options_fail(error, "one mountpoint wanted, also given '%s'", arguments->rest[1]);
    if (n == 1)
        arguments->mountpoint = arguments->rest[0];
    return TRUE;
}

static gboolean take_helper_rest(FfArguments *arguments, GError **error)
{
    if (arguments->rest == NULL || g_strv_length(arguments->rest) != 2)
        return ff_options_fail(error, "a source and a mountpoint wanted: mount.fifofs SOURCE "
                                      "MOUNTPOINT [-o OPTIONS]");
    arguments->source = arguments->rest[0];
    arguments->mountpoint = arguments->rest[1];
    return TRUE;
}

static gboolean check_name(const char *name, GError **error)
{
    if (name == NULL || ff_config_is_name(name))
        return TRUE;
    return ff_options_fail(error,
                           "'%s' is no name for a mount: write one without '/' and without a "
                           "'.' in front",
                           name);
}

FfArguments *ff_arguments_parse(int argc, char **argv, GError **error)
{
    g_autoptr(FfArguments) arguments = g_new0(FfArguments, 1);
    gboolean helper = is_mount_helper(argv[0]);
    g_autoptr(GOptionContext) context = helper ? new_helper_context(arguments)
                                               : new_context(arguments);
    g_autoptr(GError) parse_error = NULL;

    arguments->directory = g_get_current_dir();
    if (!g_option_context_parse(context, &argc, &argv, &parse_error)) {
        ff_options_fail(error, "%s: see 'fifofs --help'", parse_error->message);
        return NULL;
    }
    if (arguments->show_version || arguments->show_help)
        return g_steal_pointer(&arguments);
    if (!check_name(arguments->name, error) ||
        !(helper ? take_helper_rest(arguments, error) : take_rest(arguments, error)))
        return NULL;
    return g_steal_pointer(&arguments);
}

void ff_arguments_free(FfArguments *arguments)
{
    if (arguments == NULL)
        return;
    g_free(arguments->ignored_word);
    g_free(arguments->name);
    g_strfreev(arguments->lists);
    g_strfreev(arguments->rest);
    g_free(arguments->directory);
    g_free(arguments);
}

gboolean ff_arguments_want_version(const FfArguments *arguments)
{
    return arguments->show_version;
}

gboolean ff_arguments_want_help(const FfArguments *arguments)
{
    return arguments->show_help;
}

gboolean ff_arguments_want_foreground(const FfArguments *arguments)
{
    return arguments->foreground || arguments->debug;
}

gboolean ff_arguments_want_debug(const FfArguments *arguments)
{
    return arguments->debug;
}

gboolean ff_arguments_want_nothing(const FfArguments *arguments)
{
    return arguments->fake;
}

static gboolean take_lists(const FfArguments *arguments, FfOptions *options, GError **error)
{
    for (char **list = arguments->lists; list != NULL && *list != NULL; list++)
        if (!ff_options_take_list(options, *list, error))
            return FALSE;
    return TRUE;
}

/* The configuration file: sets @path to NULL where there is none and none was asked for. */
static gboolean find_config(const FfArguments *arguments, char **path, GError **error)
{
    g_autoptr(FfOptions) scratch = ff_options_new();

    *path = NULL;
    if (!take_lists(arguments, scratch, error))
        return FALSE;
    if (scratch->config != NULL) {
        *path = ff_config_find(scratch->config, arguments->directory, error);
        return *path != NULL;
    }
    if (arguments->name != NULL)
        *path = ff_config_find(arguments->name, arguments->directory, NULL);
    return TRUE;
}

gboolean ff_arguments_have_config(const FfArguments *arguments)
{
    g_autoptr(FfOptions) scratch = ff_options_new();

    return arguments->name != NULL ||
           (take_lists(arguments, scratch, NULL) && scratch->config != NULL);
}

/* The mountpoint of a mount that has a name and none of its own: in a directory for such things. */
static char *mountpoint_for_name(const char *name)
{
    return g_build_filename(ff_privileges_mounter() == 0 ? "/run" : g_get_user_runtime_dir(),
                            "fifofs", name, NULL);
}

static gboolean settle_mountpoint(const FfArguments *arguments, FfOptions *options, GError **error)
{
    if (arguments->mountpoint != NULL) {
        g_free(options->mountpoint);
        options->mountpoint = g_strdup(arguments->mountpoint);
    } else {
        options->make_mountpoint = TRUE;
        if (options->mountpoint == NULL && arguments->name != NULL)
            options->mountpoint = mountpoint_for_name(arguments->name);
    }
    if (options->mountpoint == NULL || *options->mountpoint == '\0')
        return ff_options_fail(error, "no mountpoint given: fifofs [-o OPTIONS] MOUNTPOINT");
    return TRUE;
}

void ff_arguments_set_directory(FfArguments *arguments, const char *directory)
{
    g_free(arguments->directory);
    arguments->directory = g_strdup(directory);
}

/* Sets @path to where the file is, NULL where there is none. */
static gboolean take_config(const FfArguments *arguments, const FfConfigCopy *copy,
                            FfOptions *options, char **path, GError **error)
{
    if (copy != NULL) {
        *path = g_strdup(copy->path);
        return *path == NULL || ff_config_take(*path, copy->text, options, error);
    }
    return find_config(arguments, path, error) &&
           (*path == NULL || ff_config_load(*path, options, error));
}

FfOptions *ff_arguments_to_options(const FfArguments *arguments, const FfConfigCopy *copy,
                                   GError **error)
{
    g_autoptr(FfOptions) options = ff_options_new();
    g_autofree char *config = NULL;

    if (!take_config(arguments, copy, options, &config, error) ||
        !take_lists(arguments, options, error))
        return NULL;
    g_free(options->config);
    options->config = g_steal_pointer(&config);
    options->debug = arguments->debug;
    if (arguments->source != NULL) {
        g_free(options->source);
        options->source = g_strdup(arguments->source);
    }
    if (!settle_mountpoint(arguments, options, error) || !ff_options_settle(options, error))
        return NULL;
    return g_steal_pointer(&options);
}
