/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Having FIFOs go now that would go later.
 *
 * Whether anybody uses one is for its daemon to decide, at the moment of the removal. So nothing is
 * removed here: the daemon is asked to, by the attribute fifofs.reap, and its events tell what has
 * become of each.
 */
#pragma once

#include "command.h"
#include "selection.h"

/* Do it for those of the FIFOs that only a time keeps, and tell of each. */
ExitStatus reaping_run(Selection *selection);
