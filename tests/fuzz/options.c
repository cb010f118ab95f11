/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any lines as a command line: the first is the name of the program, the others are its arguments.
 *
 * Either they are refused with a line for people, or the options go together and come out again as
 * `.fifofs/config` tells them.
 */
#include "fuzz.h"

#include <string.h>

#include "daemon-checks.h"
#include "fs/arguments.h"

/* GOption answers a mount helper's --help itself, and leaves. */
static gboolean may_leave(const char *argument)
{
    return *argument == '-' && strpbrk(argument, "h?") != NULL;
}

/* Nothing but a given file is to be read, and the machine has others: config.c has that part. */
static gboolean names_file(const char *argument)
{
    return strstr(argument, "config") != NULL;
}

static gboolean is_out_of_bounds(char *const *arguments)
{
    for (; *arguments != NULL; arguments++)
        if (may_leave(*arguments) || names_file(*arguments))
            return TRUE;
    return FALSE;
}

static void check_passed_on(const FfOptions *options)
{
    g_autofree char *list = ff_options_passed_on(options);
    g_autoptr(FfOptions) again = ff_options_new();

    g_assert(ff_options_take_list(again, list, NULL));
    g_assert(again->passed_on == options->passed_on);
}

static void check_options(const FfOptions *options)
{
    const FfRegistryOptions *registry = &options->registry;

    g_assert(options->mountpoint != NULL && *options->mountpoint != '\0');
    g_assert((registry->modes.fifo_floor & ~registry->modes.fifo_ceiling) == 0);
    g_assert(!registry->fix_uid || registry->uid != (uid_t)-1);
    g_assert(!registry->fix_gid || registry->gid != (gid_t)-1);
    check_passed_on(options);
    check_config_text(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(GStrv) lines = fuzz_lines(data, size);
    /* GOption moves them about and frees none. */
    g_autofree char **argv = g_memdup2(lines, (g_strv_length(lines) + 1) * sizeof *lines);
    g_autoptr(FfArguments) arguments = NULL;
    g_autoptr(FfOptions) options = NULL;
    g_autoptr(GError) error = NULL;

    if (lines[0] == NULL || is_out_of_bounds(lines + 1))
        return 0;
    arguments = ff_arguments_parse((int)g_strv_length(argv), argv, &error);
    if (arguments != NULL && !ff_arguments_want_version(arguments) &&
        !ff_arguments_want_help(arguments))
        options = ff_arguments_to_options(arguments, NULL, &error);
    if (options != NULL)
        check_options(options);
    if (arguments == NULL || error != NULL)
        check_usage_error(error);
    g_assert(options == NULL || error == NULL);
    return 0;
}
