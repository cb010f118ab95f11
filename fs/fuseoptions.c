/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuseoptions.h"

/*
 * How many requests each ring can have at a time: those that are kept back, or that read events and
 * find none, have a place until they are answered. When all are taken, others on that CPU wait.
 */
#define RING_PLACES "64"

/* libfuse takes apart a list with commas, and wants those in a value escaped. */
static char *escape_value(const char *value)
{
    GString *text = g_string_new(value);

    g_string_replace(text, "\\", "\\\\", 0);
    g_string_replace(text, ",", "\\,", 0);
    return g_string_free(text, FALSE);
}

static char *mount_option_text(const FfOptions *options)
{
    g_autofree char *source = escape_value(options->source);
    g_autofree char *passed_on = ff_options_passed_on(options);

    return g_strconcat("default_permissions,subtype=fifofs,fsname=", source,
                       options->allow_other ? ",allow_other" : "",
                       options->io_uring ? ",io_uring,io_uring_q_depth=" RING_PLACES : "",
                       passed_on, NULL);
}

struct fuse_session *ff_fuse_session_new(const FfOptions *options,
                                         const struct fuse_lowlevel_ops *ops, gpointer data)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    g_autofree char *text = mount_option_text(options);
    struct fuse_session *fuse;

    fuse_opt_add_arg(&args, "fifofs");
    fuse_opt_add_arg(&args, "-o");
    fuse_opt_add_arg(&args, text);
    if (options->debug)
        fuse_opt_add_arg(&args, "-d");
    fuse = fuse_session_new(&args, ops, sizeof *ops, data);
    fuse_opt_free_args(&args);
    return fuse;
}
