/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program runs as a supervisor, which looks whether it can be mounted and does that, and again
 * as the worker that it starts.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "config.h"
#include "handover.h"
#include "log.h"
#include "mountpoint.h"
#include "supervisor.h"
#include "worker.h"

/* @stored: it is mounted already, and nobody answers there just now, so it must not be asked. */
static FfOptions *look(const FfArguments *arguments, const FfStored *stored, GError **error)
{
    g_autoptr(FfOptions) options = ff_arguments_to_options(arguments, NULL, error);
    char *mountpoint;

    if (options == NULL)
        return NULL;
    if (stored != NULL && stored->mountpoint != NULL) {
        ff_mountpoint_keep(options, stored->mountpoint);
        return g_steal_pointer(&options);
    }
    if (stored == NULL && options->make_mountpoint &&
        !ff_mountpoint_make(options->mountpoint, error))
        return NULL;
    mountpoint = stored != NULL ? ff_mountpoint_resolve(options->mountpoint, error)
                                : ff_mountpoint_check(options->mountpoint, error);
    if (mountpoint == NULL)
        return NULL;
    g_free(options->mountpoint);
    options->mountpoint = mountpoint;
    return g_steal_pointer(&options);
}

/* As when it is told to read it again: what is wrong now is no reason to end what is there. */
static FfOptions *go_on_without(FfStored *stored, const GError *error)
{
    FfOptions *options = ff_stored_options(stored);

    if (options == NULL)
        return NULL;
    stored->configured = FALSE;
    g_warning("%s: going on with what was in force", error->message);
    return options;
}

static int supervise(const FfArguments *arguments, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FfOptions) options = NULL;
    g_auto(FfStored) stored;
    gboolean mounted = ff_stored_find(&stored);

    ff_log_to_stderr(ff_arguments_want_debug(arguments));
    options = look(arguments, mounted ? &stored : NULL, &error);
    if (options == NULL && mounted)
        options = go_on_without(&stored, error);
    if (options == NULL)
        return ff_log_complaint(error);
    if (ff_arguments_want_nothing(arguments))
        return FF_EXIT_OK;
    return ff_supervise(options, mounted ? &stored : NULL, argv,
                        ff_arguments_want_foreground(arguments));
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FfArguments) arguments = NULL;
    /* Parsing takes out what it has understood. */
    g_auto(GStrv) words = g_strdupv(argv);

    /* Whoever starts us may ignore it, and then nobody would tell how a worker has ended. */
    signal(SIGCHLD, SIG_DFL);
    setlocale(LC_ALL, "");
    arguments = ff_arguments_parse(argc, argv, &error);
    if (arguments == NULL)
        return ff_log_complaint(error);
    if (ff_arguments_want_version(arguments)) {
        printf("fifofs %s\n", FIFOFS_VERSION);
        return FF_EXIT_OK;
    }
    if (ff_arguments_want_help(arguments)) {
        ff_arguments_print_help();
        return FF_EXIT_OK;
    }
    if (ff_handover_mountpoint() != NULL)
        return ff_work(arguments);
    return supervise(arguments, words);
}
