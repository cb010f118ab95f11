/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be shown of a FIFO: one table, from which tables, JSON, info, the option -o and
 * --list-columns follow.
 */
#pragma once

#include "fifo.h"
#include "value.h"

/* What has to be found out before a column can be filled; bits. */
typedef enum {
    COLUMN_NEEDS_SCAN = 1 << 0,
    COLUMN_NEEDS_BUFFERS = 1 << 1,
} ColumnNeeds;

typedef struct {
    const char *name;
    /* What `info` calls it. */
    const char *label;
    const ValueFormat *format;
    ColumnNeeds needs;
    gboolean is_default;
    /* Fill in a value that is all zero, thus not known. @now: microseconds of the wall clock. */
    void (*get)(const Fifo *fifo, gint64 now, Value *value);
    const char *help;
} Column;

/* Return: all columns, in the order in which they are listed. */
GPtrArray *columns_all(void);

/**
 * columns_default() - those that are shown without -o
 * @with_mount: also the mount point, because there may be more than one
 */
GPtrArray *columns_default(gboolean with_mount);

/**
 * columns_parse() - the value of -o
 * @text:     "NAME,MODE", or "+ID" for what comes behind the default ones
 * @defaults: columns to add to
 *
 * Return: an array of Column, or NULL with @error set to the word that is no column.
 */
GPtrArray *columns_parse(const char *text, const GPtrArray *defaults, char **error);

/* Return: what all these columns need, together. */
ColumnNeeds columns_needs(const GPtrArray *columns);

/* Write names, types and meanings to stdout. */
void columns_print_list(void);
