/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Having FIFOs go now that would go later.
 *
 * Whether anybody uses one is for its daemon to decide, at the moment of the removal. So nothing is
 * removed here: the time for which an unused FIFO stays is set to 0, and what stays all the same
 * gets its time back.
 */
#pragma once

#include "command.h"
#include "selection.h"

/* Do it for those of the FIFOs that only a time keeps, and tell of each. */
ExitStatus reaping_run(Selection *selection);
