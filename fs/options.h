/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the command line says.
 *
 * One table in options.c describes every -o option; parsing, --help and the file `.fifofs/config`
 * follow from it.
 */
#pragma once

#include <glib.h>

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

typedef struct {
    gboolean foreground;
    gboolean debug;
    gboolean show_version;
    gboolean allow_other;
    /* Absolute, symlinks resolved, once ff_mountpoint_check() has seen it. */
    char *mountpoint;
    /* Options that are the kernel's or fusermount3's business ("ro", "noexec"), comma-separated. */
    GString *mount_options;
    FfRegistryOptions registry;
    /* Which of the defaults that depend on allow_other were chosen. */
    gboolean ceiling_set, dir_ceiling_set, root_mode_set;
} FfOptions;

/**
 * ff_options_parse() - read the command line
 *
 * --help is answered by printing and leaving.
 *
 * Return: the options, or NULL with an FF_OPTIONS_ERROR.
 */
FfOptions *ff_options_parse(int argc, char **argv, GError **error);
void ff_options_free(FfOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfOptions, ff_options_free)

/* The effective options as GKeyFile text. */
char *ff_options_to_text(const FfOptions *options);
