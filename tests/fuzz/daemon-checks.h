/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must be so of all options, wherever they come from. */
#pragma once

#include "fs/options.h"

/* One that a person can read, with the exit code for wrong usage. */
void check_usage_error(const GError *error);

/* As a configuration file, what `.fifofs/config` tells gives the same options. */
void check_config_text(const FfOptions *options);
