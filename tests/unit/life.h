/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that goes on with a journal, as far as the journal and the registry are concerned. */
#pragma once

#include "support.h"

#include "journal.h"

typedef struct {
    int fd;
    FfRegistry *registry;
    FfJournal *journal;
} Life;

/* @fd: the file of the journal, which stays the caller's. It must be good. */
Life life_begin(int fd);

void life_end(Life *life);
