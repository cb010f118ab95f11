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
} ExitStatus;

/**
 * command_ls(), command_info(), command_rm() - one command, one file of that name
 * @argc, @argv: the words from the command's own name on
 *
 * Return: how fifoctl ends; what went wrong has been said by then.
 */
ExitStatus command_ls(int argc, char **argv);
ExitStatus command_info(int argc, char **argv);
ExitStatus command_rm(int argc, char **argv);
