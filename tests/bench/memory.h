/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of the processes that answer. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/*
 * What of the process and its children is in memory (VmRSS), and the journal of fifofs, in bytes; 0
 * where there is no process.
 */
gint64 resident_bytes(pid_t pid);
