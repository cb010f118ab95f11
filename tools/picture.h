/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes and FIFOs as a graph, to be drawn: what its nodes and edges are and say. How that is
 * written down is for dot.c and mermaid.c.
 */
#pragma once

#include "selection.h"

/* What is drawn so that it stands out. */
typedef enum {
    LOOK_PLAIN,
    /* Somebody waits in open(), and nobody has the other end. */
    LOOK_STUCK,
    /* So little room is left that a write of PIPE_BUF bytes has to wait. */
    LOOK_FULL,
    /* Refers to a FIFO without an end of it (O_PATH). */
    LOOK_FAINT,
} Look;

typedef struct {
    /* A name for it, such as "f0" or "p4711". */
    char *id;
    gboolean is_process;
    /* Lines of harmless text. */
    char *lines[2];
    Look look;
} PictureNode;

typedef struct {
    /* Of nodes. */
    const char *from, *to;
    /* Harmless text, or NULL. */
    char *label;
    Look look;
} PictureEdge;

typedef struct {
    /* PictureNode and PictureEdge, always in the same order for the same state of things. */
    GPtrArray *nodes, *edges;
    /* What is seen, and what could not be. */
    char *title;
} Picture;

/* Return: a picture of nothing, without a title. */
Picture *picture_new_empty(void);

/* Add a node; the picture takes the strings. Return: the node, which is the picture's. */
PictureNode *picture_add_node(Picture *picture, gboolean is_process, char *id, char *first,
                              char *second);

/* Add an edge; the picture takes @label. */
void picture_add_edge(Picture *picture, const PictureNode *from, const PictureNode *to, char *label,
                      Look look);

/**
 * picture_new() - from FIFOs with their holders and buffers
 * @with_unused: also those that nobody is on
 * @now:         microseconds of the wall clock
 */
Picture *picture_new(const Selection *selection, const ScanResult *scan, gboolean with_unused,
                     gint64 now);
void picture_free(Picture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Picture, picture_free)

/* Return: a new string, what graphviz reads. */
char *picture_to_dot(const Picture *picture);

/* Return: a new string, what Mermaid reads. */
char *picture_to_mermaid(const Picture *picture);
