/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line: that of fifofs, and the one by which mount(8) calls its helpers, when the
 * program has been started as mount.something.
 */
#pragma once

#include "options.h"

typedef struct FfArguments FfArguments;

/**
 * ff_arguments_parse() - read the command line
 *
 * A mount helper's --help is answered by printing and leaving.
 *
 * Return: the arguments, or NULL with an FF_OPTIONS_ERROR.
 */
FfArguments *ff_arguments_parse(int argc, char **argv, GError **error);
void ff_arguments_free(FfArguments *arguments);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfArguments, ff_arguments_free)

gboolean ff_arguments_want_version(const FfArguments *arguments);
gboolean ff_arguments_want_help(const FfArguments *arguments);
void ff_arguments_print_help(void);
gboolean ff_arguments_want_foreground(const FfArguments *arguments);
gboolean ff_arguments_want_debug(const FfArguments *arguments);

/* mount(8) only wants to know whether it would be done (-f). */
gboolean ff_arguments_want_nothing(const FfArguments *arguments);

/* Is there, or could there be, a configuration file to be read again? */
gboolean ff_arguments_have_config(const FfArguments *arguments);

/* Where the command was given, if not where the process is. */
void ff_arguments_set_directory(FfArguments *arguments, const char *directory);

/* A configuration file as it was when it was read. Both NULL where there was none. */
typedef struct {
    const char *path, *text;
} FfConfigCopy;

/**
 * ff_arguments_to_options() - what the mount is to be like
 * @copy: (nullable): what to take instead of the file
 *
 * Reads the configuration file, where there is one; may be called again to read it again. What the
 * command line says comes before what the file says.
 *
 * Return: the options, or NULL with an FF_OPTIONS_ERROR.
 */
FfOptions *ff_arguments_to_options(const FfArguments *arguments, const FfConfigCopy *copy,
                                   GError **error);
