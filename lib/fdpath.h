/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The name of what a descriptor leads to. An O_PATH descriptor can itself be neither opened nor asked for
 * its attributes; by this name it can, whatever has its former name by now (proc(5), /proc/PID/fd).
 */
#pragma once

#define FF_FD_PATH_SIZE 32

/* Write the name. Return: @path. */
const char *ff_fd_path(int fd, char path[FF_FD_PATH_SIZE]);

/* Open it once more, with O_CLOEXEC and @flags. Return: a descriptor, or -errno. */
int ff_fd_reopen(int fd, int flags);
