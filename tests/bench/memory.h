/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of the process that answers. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What of the process is in memory (VmRSS), in bytes; 0 where there is none. */
gint64 resident_bytes(pid_t pid);
