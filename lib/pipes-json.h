/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of FIFOs as JSON lines: the content of `.fifofs/pipes`.
 *
 * It is made piece by piece. Between two pieces only the place in the tree is kept (directory ids
 * and cookies), so that a reader costs the same however many FIFOs there are. A FIFO that stays is
 * listed once, unless a directory above it is renamed meanwhile.
 */
#pragma once

#include <glib.h>

#include "packing.h"
#include "registry.h"

typedef struct FfPipesReader FfPipesReader;

/**
 * ff_pipes_reader_new() - start at the beginning
 * @caller:   whose list it is; copied. Directories that it may not list are left out.
 * @sees_all: list everything whatever the modes say
 */
FfPipesReader *ff_pipes_reader_new(const FfCaller *caller, gboolean sees_all);
void ff_pipes_reader_free(FfPipesReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfPipesReader, ff_pipes_reader_free)

/* Append where it is, without whose list it is; and go there. */
void ff_pipes_reader_save(const FfPipesReader *reader, GByteArray *out);
void ff_pipes_reader_go_to(FfPipesReader *reader, FfUnpacker *in);

/* Begin anew. */
void ff_pipes_reader_rewind(FfPipesReader *reader);

/**
 * ff_pipes_reader_fill() - the next lines
 * @registry: locked by the caller
 * @out:      lines are appended until it is @enough bytes long or the list ends
 */
void ff_pipes_reader_fill(FfPipesReader *reader, FfRegistry *registry, GString *out, gsize enough);
