/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a terminal can do: alone in its file, as term.h defines words like "lines" and "columns". */
#pragma once

#include <glib.h>

/* Return: whether the terminal of stdin and stdout can be drawn on, as its description says. */
gboolean terminal_can_be_drawn_on(void);
