/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The terminal of `fifoctl top`: ncurses, and what is written to stderr meanwhile.
 */
#pragma once

#include "top-view.h"

/* Keys that are no characters. */
typedef enum {
    SCREEN_NO_KEY = -1,
    SCREEN_UP = 0x110000, /* Above every character. */
    SCREEN_DOWN,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_HOME,
    SCREEN_END,
    SCREEN_BACKSPACE,
    SCREEN_HELP,
    SCREEN_FILTER,
    SCREEN_SORT,
    SCREEN_QUIT,
    SCREEN_RESIZED,
    SCREEN_OTHER,
} ScreenKey;

/**
 * screen_start() - take the terminal over
 *
 * Return: FALSE where it cannot show anything but lines, which has been said.
 */
gboolean screen_start(void);

/* Give the terminal back as it was. May be called more than once. */
void screen_end(void);

/**
 * screen_draw() - show
 * @prompt: in the last line, instead of the keys; or NULL
 * @notice: below the head, in place of the rates; or NULL
 */
void screen_draw(const View *view, const char *prompt, const char *notice);
void screen_draw_help(void);

/* How many rows of the table there is room for. */
int screen_page(void);

/* In cells. */
int screen_width(void);

/* Is there no room for the table? Then nothing is shown of it, nor of a question. */
gboolean screen_is_too_small(void);

/* Return: a character or a ScreenKey; SCREEN_NO_KEY where none waits. */
gint32 screen_key(void);

/* Return: the last line written to stderr since, or NULL; a new string. */
char *screen_take_message(void);
