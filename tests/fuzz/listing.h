/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory that is listed piece by piece while names come and go: whatever stays must be met
 * exactly once.
 */
#pragma once

#include "registry.h"

typedef struct Listing Listing;

Listing *listing_new(void);
void listing_free(Listing *listing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listing, listing_free)

/* Begin anew, in this directory. */
void listing_begin(Listing *listing, const FfNode *directory);

/* A name is about to be taken out of a directory: it need not be met. */
void listing_note_gone(Listing *listing, guint64 directory, const char *name);

/* Go on by one name. */
void listing_step(Listing *listing, const FfRegistry *registry);
