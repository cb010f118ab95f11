/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of one command.
 */
#pragma once

#include <glib.h>

/**
 * options_parse() - the options of a command
 * @entries:  for GOption
 * @synopsis: what stands behind the options, for --help
 * @summary:  one line on what the command does, for --help
 *
 * Ends the program for --help. Return: whether all was understood; what was not has been said.
 */
gboolean options_parse(int argc, char **argv, const GOptionEntry *entries, const char *synopsis,
                       const char *summary);
