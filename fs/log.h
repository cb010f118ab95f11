/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where messages go: stderr while there is one, syslog in the background. */
#pragma once

#include <glib.h>

/* Send g_message() and its kin to stderr, a line each. @debug: g_debug() too. */
void ff_log_to_stderr(gboolean debug);

void ff_log_to_syslog(void);

/*
 * Say in one line what there is no going on with. Return: the exit code that an FF_OPTIONS_ERROR asks
 * for, FF_EXIT_FAILED for any other.
 */
int ff_log_complaint(const GError *error);
