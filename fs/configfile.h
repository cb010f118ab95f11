/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files; fifofs.conf(5) is what users are told.
 *
 * A GKeyFile: the group [fifofs] has the options of the mount, each group [pipe "PATH"] declares a
 * FIFO. A complaint names the line, which GKeyFile itself does not tell.
 */
#pragma once

#include "options.h"

/* May a mount be called that? */
gboolean ff_config_is_name(const char *name);

/**
 * ff_config_find() - the file that is meant
 * @text:      with a '/' in it a path, else a name: NAME.conf in the user's directory for
 *             configuration files or that of the system
 * @directory: from which a relative path counts
 *
 * Return: a new string, or NULL with an FF_OPTIONS_ERROR where there is no such file.
 */
char *ff_config_find(const char *text, const char *directory, GError **error);

/* Take what the file says. Return: FALSE with an FF_OPTIONS_ERROR; @options is then half filled. */
gboolean ff_config_load(const char *path, FfOptions *options, GError **error);

/* The same for the text of a file; @path is for complaints. The text is kept in the options. */
gboolean ff_config_take(const char *path, const char *text, FfOptions *options, GError **error);
