/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where messages go: stderr while there is one, syslog in the background. */
#pragma once

#include <glib.h>

/* Send g_message() and its kin to stderr, a line each. @debug: g_debug() too. */
void ff_log_to_stderr(gboolean debug);

void ff_log_to_syslog(void);
