/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every command of fifoctl is, and how it ends.
 */
#pragma once

typedef enum {
    EXIT_STATUS_OK = 0,
    EXIT_STATUS_FAILED = 1,
    EXIT_STATUS_USAGE = 2,
    EXIT_STATUS_NO_MOUNT = 3,
    EXIT_STATUS_TIMED_OUT = 4,
} ExitStatus;

/**
 * command_NAME() - one command, one file of that name
 * @argc, @argv: the words from the command's own name on
 *
 * Return: how fifoctl ends; what went wrong has been said by then. That of `run` is what its stages
 * make of it.
 */
ExitStatus command_ls(int argc, char **argv);
ExitStatus command_info(int argc, char **argv);
ExitStatus command_top(int argc, char **argv);
ExitStatus command_watch(int argc, char **argv);
ExitStatus command_graph(int argc, char **argv);
ExitStatus command_run(int argc, char **argv);
ExitStatus command_wait(int argc, char **argv);
ExitStatus command_release(int argc, char **argv);
ExitStatus command_new(int argc, char **argv);
ExitStatus command_get(int argc, char **argv);
ExitStatus command_set(int argc, char **argv);
ExitStatus command_reap(int argc, char **argv);
ExitStatus command_quota(int argc, char **argv);
ExitStatus command_rm(int argc, char **argv);
