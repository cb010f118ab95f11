/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pipeline as it is asked for on the command line of `fifoctl run`: stages, the FIFOs between
 * them, and which stage gets which end how. Nothing here starts or creates anything.
 *
 * A FIFO goes to a command by its path where the command says {NAME}, and else as standard input or
 * output, of which there is only one each. Paths are known only later: pipeline_words() puts them in.
 */
#pragma once

#include <glib.h>

/* No FIFO. */
#define PIPELINE_NONE (-1)

typedef struct {
    /* From 1 on, as people count. */
    guint number;
    /* Names, any bytes but '/'. */
    GStrv ins, outs;
    GStrv command;
    /* Indices of the FIFOs that are its standard input and output, or PIPELINE_NONE. */
    int standard_in, standard_out;
} Stage;

typedef struct {
    char *name;
    /* Of const Stage. */
    GPtrArray *writers;
    const Stage *reader;
} Line;

typedef struct {
    /* Of Stage, and of Line, which is what is called a pipe everywhere else. */
    GPtrArray *stages, *lines;
} Pipeline;

Pipeline *pipeline_new(void);
void pipeline_free(Pipeline *pipeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pipeline, pipeline_free)

/* Add a stage behind the others; the pipeline takes what it is given. */
void pipeline_add(Pipeline *pipeline, GStrv ins, GStrv outs, GStrv command);

/**
 * pipeline_check() - whether it can work, and who gets what how
 *
 * Return: FALSE where it cannot, and why has been said.
 */
gboolean pipeline_check(Pipeline *pipeline);

/* Return: the index of the FIFO with this name, or PIPELINE_NONE. */
int pipeline_find(const Pipeline *pipeline, const char *name);

/**
 * pipeline_words() - the command of a stage with paths in place of {NAME}
 * @directory: the one that the FIFOs are in
 */
GStrv pipeline_words(const Pipeline *pipeline, const Stage *stage, const char *directory);

static inline const Stage *pipeline_stage(const Pipeline *pipeline, guint i)
{
    return g_ptr_array_index(pipeline->stages, i);
}

static inline const Line *pipeline_line(const Pipeline *pipeline, guint i)
{
    return g_ptr_array_index(pipeline->lines, i);
}
