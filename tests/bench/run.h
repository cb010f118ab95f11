/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order in which everything is measured. */
#pragma once

#include "results.h"

/**
 * run_all() - measure what the settings ask for
 * @results: gets the samples
 *
 * Return: FALSE where something that a required target should be able to do failed, of which standard error tells.
 */
gboolean run_all(const Settings *settings, const Targets *targets, Results *results);
