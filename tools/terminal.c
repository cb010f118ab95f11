/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <curses.h>
#include <term.h>
#include <unistd.h>

gboolean terminal_can_be_drawn_on(void)
{
    int error;

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
           setupterm(NULL, STDOUT_FILENO, &error) == OK && cursor_address != NULL &&
           clear_screen != NULL;
}
