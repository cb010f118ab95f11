/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <curses.h>
#include <term.h>
#include <unistd.h>

/* Whether terminfo knows how to draw there; what it read is given back. */
static gboolean is_known_to_terminfo(void)
{
    gboolean known;
    int error;

    if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
        return FALSE;

    known = cursor_address != NULL && clear_screen != NULL;
    del_curterm(cur_term);
    return known;
}

gboolean terminal_can_be_drawn_on(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && is_known_to_terminfo();
}
