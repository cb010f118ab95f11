/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of `fifoctl top` as text: for the screen, and for -b.
 */
#pragma once

#include "top-view.h"

/* How many lines there are above the headings. */
#define LINES_HEAD 3

/* Which columns there is room for. */
typedef struct {
    /* In cells of the terminal. */
    int name_width;
    /* Of view_columns; bits. */
    guint32 columns;
} Layout;

/**
 * lines_layout() - make it fit
 * @width: of the terminal; 0 for as much as it takes
 */
Layout lines_layout(const View *view, int width);

/* Each of these returns a new string without control characters. */
char *lines_head(const View *view, guint line);
char *lines_headings(const Layout *layout);
char *lines_row(const View *view, const Layout *layout, guint row);

/**
 * lines_fit() - a text with just so many cells
 * @tail: keep its end rather than its beginning
 */
char *lines_fit(const char *text, int width, gboolean align_right, gboolean tail);
