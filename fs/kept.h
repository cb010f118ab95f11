/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's half of what outlives it of relays (keeper.h): descriptors of FIFOs, which it finds
 * open where another worker has had them, and hands over to be kept.
 */
#pragma once

#include <glib.h>

#include "transit.h"

/*
 * First of all: close what is open beyond what a worker is given, but for what was kept.
 */
void ff_kept_adopt(void);

/* Return: the descriptor of a FIFO, which then is the caller's; or -1. */
int ff_kept_take(guint64 fifo);

/* What nobody has taken is not needed any more. */
void ff_kept_drop_rest(void);

/* Is there somebody who keeps? Return: (nullable): where transfers are written down. */
const FfTransitEnd *ff_kept_transit(void);

/* Have it kept; whatever happens to us after this, it is. Any thread. */
void ff_kept_keep(guint64 fifo, int fd);

/* It is kept no more, and closed when this returns. The relay thread, or before there is one. */
void ff_kept_forget(guint64 fifo);
