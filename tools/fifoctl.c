/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl: look at fifofs mounts and tidy them.
 *
 * Each command is a file of its own; this one finds it.
 */
#include <errno.h>
#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "config.h"
#include "message.h"

typedef struct {
    const char *name;
    ExitStatus (*run)(int argc, char **argv);
    const char *synopsis;
    const char *help;
} Command;

static const Command commands[] = {
    {"ls", command_ls, "[OPTIONS] [PATH...]", "list FIFOs and who is on them"},
    {"info", command_info, "[-J] PATH...", "tell all about a FIFO or a directory"},
    {"top", command_top, "[OPTIONS] [PATH...]", "show FIFOs live, full screen"},
    {"watch", command_watch, "[-J] [-e EVENT] [PATH...]", "show what happens, as it happens"},
    {"graph", command_graph, "[-a] [-s FILE] [PATH...]", "draw which processes are on which FIFOs"},
    {"run", command_run, "[OPTIONS] -- COMMAND [: ...]", "run a pipeline over FIFOs of its own"},
    {"wait", command_wait, "PATH --for WHAT", "wait until something is so of a FIFO"},
    {"new", command_new, "[OPTIONS] PATH...", "create FIFOs with their attributes"},
    {"get", command_get, "[-R] [-a NAME] PATH...", "show attributes"},
    {"set", command_set, "[-R] NAME=VALUE... PATH...", "change attributes"},
    {"quota", command_quota, "[-J] [PATH...]", "show how many there are and may be"},
    {"release", command_release, "[-r] [-w] PATH...", "let go on who waits in open()"},
    {"reap", command_reap, "[-n] PATH...", "remove now what would go by itself"},
    {"rm", command_rm, "[-f] PATH...", "remove FIFOs"},
};

static ExitStatus print_help(void)
{
    puts("Usage: fifoctl COMMAND ...\nLook at fifofs mounts and tidy them. More in "
         "fifoctl(1).\n\nCommands:");
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        printf("  %-7s %-26s %s\n", commands[i].name, commands[i].synopsis, commands[i].help);
    puts("\nOptions:\n"
         "  -h, --help     this text; 'fifoctl COMMAND --help' for one command\n"
         "  -V, --version  the version\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no fifofs mount, 4 timed out.");
    return EXIT_STATUS_OK;
}

static ExitStatus print_version(void)
{
    puts("fifoctl " FIFOFS_VERSION);
    return EXIT_STATUS_OK;
}

typedef struct {
    const char *name;
    ExitStatus (*run)(void);
} GlobalOption;

static const GlobalOption global_options[] = {
    {"-h", print_help},
    {"--help", print_help},
    {"-V", print_version},
    {"--version", print_version},
};

static ExitStatus dispatch(int argc, char **argv)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    for (gsize i = 0; i < G_N_ELEMENTS(global_options); i++)
        if (strcmp(argv[0], global_options[i].name) == 0)
            return global_options[i].run();
    message_error("no such command", argv[0], "see 'fifoctl --help'");
    return EXIT_STATUS_USAGE;
}

int main(int argc, char **argv)
{
    ExitStatus status;

    setlocale(LC_ALL, "");
    if (argc < 2) {
        message_error("no command", "fifoctl", "see 'fifoctl --help'");
        return EXIT_STATUS_USAGE;
    }
    status = dispatch(argc - 1, argv + 1);
    if (fflush(stdout) == EOF || ferror(stdout)) {
        message_errno("cannot write", "standard output", errno);
        return EXIT_STATUS_FAILED;
    }
    return status;
}
