/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session of libfuse with the options of the mount, for whoever mounts and whoever answers. */
#pragma once

#include <fuse_lowlevel.h>

#include "options.h"

/* Return: NULL where libfuse refuses the options. Nothing is mounted yet. */
struct fuse_session *ff_fuse_session_new(const FfOptions *options,
                                         const struct fuse_lowlevel_ops *ops, gpointer data);
