/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/resource.h>

/* Let this process, and who it starts, have as many files open as it may. Return: how many; 0 where that is not known. */
rlim_t ff_file_limit_raise(void);
