/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Results for people and for programs. */
#pragma once

#include "results.h"

/* Print a table to standard output. */
void report_table(const Results *results, const Settings *settings);

/* Write everything, each sample included, to @path. Return: FALSE with @error set. */
gboolean report_json(const Results *results, const Settings *settings, const char *path,
                     GError **error);
