/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfuse's own example of a file system that passes everything on, passthrough_ll: what FIFOs cost on an ordinary FUSE
 * mount. Distributions ship it as source, so it is built for each run.
 */
#pragma once

#include "target.h"

/* Mount it over a folder of @tmpfs. Return: FALSE with @error set where it is not to be had. */
gboolean passthrough_start(Target *target, const Target *tmpfs, const Workspace *workspace,
                           GError **error);
