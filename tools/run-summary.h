/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of a pipeline, as JSON for programs. */
#pragma once

#include <stdio.h>

#include "flow.h"

/**
 * run_summary_write() - write it into a file
 * @status:  of the whole, as a shell has it
 * @elapsed: microseconds
 *
 * Return: whether all was written; errno is set where it was not.
 */
gboolean run_summary_write(FILE *file, const Crew *crew, const GArray *flows, int status,
                           gint64 elapsed);
