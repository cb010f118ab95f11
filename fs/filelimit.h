/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/resource.h>

/* Let this process, and who it starts, have as many files open as it may. Return: how many; 0 where that is not known. */
rlim_t ff_file_limit_raise(void);

/*
 * A supervisor has files open for FIFOs that it holds and for relays that it keeps, and needs some for
 * all else, as to start a worker. So many of either there may be. @n_files: in all
 */
guint ff_file_limit_holds(rlim_t n_files);
guint ff_file_limit_relays(rlim_t n_files);

/* Return: as ff_file_limit_raise(), which is not done. */
rlim_t ff_file_limit(void);
