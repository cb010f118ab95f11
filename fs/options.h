/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a mount is to be like.
 *
 * One table in options.c describes every -o option; the command line (arguments.c), configuration
 * files (configfile.c), --help and the file `.fifofs/config` follow from it.
 */
#pragma once

#include <glib.h>

#include "privileges.h"
#include "registry.h"

/* Exit codes; fifofs(8) lists them. */
typedef enum {
    FF_EXIT_OK = 0,
    FF_EXIT_FAILED = 1,
    FF_EXIT_USAGE = 2,
    FF_EXIT_MOUNTPOINT = 3,
    FF_EXIT_NO_FUSE = 4,
} FfExit;

/* An error whose code is the FfExit to leave with. */
#define FF_OPTIONS_ERROR ff_options_error_quark()
GQuark ff_options_error_quark(void);

/* Names in configuration files, and in `.fifofs/config`, which can be used as one. */
#define FF_CONFIG_GROUP      "fifofs"
#define FF_CONFIG_VERSION    "version"
#define FF_CONFIG_MOUNTPOINT "mountpoint"
#define FF_CONFIG_SANDBOX    "sandbox"

/* The one option that has no place in a configuration file. */
#define FF_OPTION_CONFIG "config"

struct FfOptions {
    gboolean debug;
    gboolean allow_other;
    /* Absolute, symlinks resolved, once ff_mountpoint_check() has seen it. May be NULL before. */
    char *mountpoint;
    /* Make the mountpoint where there is none. */
    gboolean make_mountpoint;
    /* What mount tables show as the source. */
    char *source;
    /* The configuration file, as it was named or, later, where it was found; or NULL. */
    char *config;
    /* What that said when it was read; or NULL. */
    char *config_text;
    /* Which of ro, noexec and noatime; bits. */
    guint passed_on;
    gboolean io_uring;
    gboolean no_acl;
    FfPrivileges privileges;
    FfRegistryOptions registry;
    /* FfDeclared, from the configuration file. */
    GPtrArray *declared;
    /* Which of the defaults that depend on allow_other were chosen. */
    gboolean ceiling_set, dir_ceiling_set, root_mode_set;
    gboolean user_pipes_set, user_dirs_set;
};

/* Options of which none is chosen; fill in, then ff_options_settle(). */
FfOptions *ff_options_new(void);
void ff_options_free(FfOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfOptions, ff_options_free)

/**
 * ff_options_take() - choose one
 * @value: NULL for an option without a value
 */
gboolean ff_options_take(FfOptions *options, const char *name, const char *value, GError **error);

/* Choose those of a list with commas, as behind -o and in fstab(5). */
gboolean ff_options_take_list(FfOptions *options, const char *list, GError **error);

/* Return: whether it is an option that takes no value. */
gboolean ff_options_is_flag(const char *name);

/**
 * ff_options_settle() - fill in the defaults, and see whether it all goes together
 */
gboolean ff_options_settle(FfOptions *options, GError **error);

/* Set an FF_OPTIONS_ERROR of FF_EXIT_USAGE. Return: FALSE. */
gboolean ff_options_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The part of --help about them. */
char *ff_options_describe(void);

/* Return: a new string, ",ro,noexec" for those that are the kernel's business. */
char *ff_options_passed_on(const FfOptions *options);

/* The effective options as GKeyFile text. */
char *ff_options_to_text(const FfOptions *options);
