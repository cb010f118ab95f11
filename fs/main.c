/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of the daemon: look, go into the background, put the parts together, mount, serve, take
 * apart.
 */
#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "arguments.h"
#include "background.h"
#include "config.h"
#include "control.h"
#include "log.h"
#include "mountpoint.h"
#include "ops.h"
#include "reload.h"
#include "service.h"
#include "slice.h"
#include "session.h"
#include "uring.h"

typedef struct {
    FfDaemon daemon;
    const FfArguments *arguments;
    /* That of the options, which may be replaced. */
    char *mountpoint;
    FfSession *session;
    gboolean io_uring;
    FfBackground background;
    GMainLoop *loop;
} Life;

static void on_session_ended(gpointer data)
{
    FfDaemon *daemon = data;

    /* The daemon is the first member. */
    g_main_loop_quit(((Life *)daemon)->loop);
}

/* Where libfuse tells nobody else (stream.c). */
static void on_interrupted(gpointer data)
{
    FfDaemon *daemon = data;

    if (((Life *)daemon)->io_uring)
        ff_streams_interrupted(daemon->streams);
}

static gboolean on_terminate(gpointer data)
{
    g_main_loop_quit(((Life *)data)->loop);
    return G_SOURCE_CONTINUE;
}

static void reload(Life *life)
{
    g_autoptr(GError) error = NULL;

    ff_service_reloading();
    if (ff_reload(&life->daemon, life->arguments, &error))
        g_message("configuration read again");
    else
        g_warning("nothing is changed: %s", error->message);
    ff_service_ready(life->mountpoint);
}

/* Where there is nothing to read again it means what it always means: the terminal is gone. */
static gboolean on_hangup(gpointer data)
{
    Life *life = data;

    if (!ff_arguments_have_config(life->arguments))
        return on_terminate(life);
    reload(life);
    return G_SOURCE_CONTINUE;
}

static void log_change(const FfChange *change, gpointer data)
{
    g_autofree char *path = ff_node_path(change->node);

    g_debug("%s: node %" G_GUINT64_FORMAT " %s%s%s", ff_change_name(change->kind), change->node->id,
            path == NULL ? change->old_name : path, change->reason == FF_REASON_NONE ? "" : ": ",
            change->reason == FF_REASON_NONE ? "" : ff_reason_name(change->reason));
}

/* A pidfd per creator: as many as the system lets us have. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        g_message("cannot raise the limit of open files: %s", g_strerror(errno));
}

static gboolean system_failure(GError **error, const char *what)
{
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "cannot get %s: %s", what,
                g_strerror(errno));
    return FALSE;
}

static gboolean build(Life *life, GError **error)
{
    static const FfSessionEvents events = {on_session_ended, on_interrupted};
    FfDaemon *daemon = &life->daemon;
    const FfOptions *options = daemon->options;

    life->loop = g_main_loop_new(NULL, FALSE);
    daemon->registry = ff_registry_new(&options->registry, ff_clock_system());
    daemon->retries = ff_retries_new();
    daemon->handles = ff_control_handles_new();
    daemon->mounted = ff_registry_realtime(daemon->registry);
    if (options->debug)
        ff_registry_listen(daemon->registry, log_change, NULL);
    daemon->watch = ff_watch_new(daemon->registry, options->mountpoint, NULL);
    if (daemon->watch == NULL)
        return system_failure(error, "an inotify instance");
    daemon->reaper = ff_reaper_new(daemon->registry, daemon->watch, NULL);
    daemon->openers = ff_openers_new(daemon->registry, options->mountpoint, NULL);
    daemon->capacities = ff_capacities_new(daemon->registry, options->mountpoint);
    daemon->metrics = ff_metrics_new(daemon->registry);
    daemon->requests = ff_requests_new();
    daemon->streams = ff_streams_new(daemon->registry, NULL);
    daemon->creators = ff_creators_new(daemon->registry, NULL);
    if (daemon->creators == NULL)
        return system_failure(error, "an epoll instance");
    life->io_uring = options->io_uring;
    life->session = ff_session_new(options, life->io_uring ? &ff_ring_ops : &ff_ops, daemon,
                                   daemon->requests, &events, error);
    if (life->session == NULL)
        return FALSE;
    daemon->session = ff_session_fuse(life->session);
    return TRUE;
}

/* The root is being watched, which only a mount that answers lets happen. Watch thread. */
static void on_root_watched(gpointer data)
{
    Life *life = data;

    ff_background_ready(&life->background);
    ff_service_ready(life->mountpoint);
}

static void run(Life *life)
{
    FfDaemon *daemon = &life->daemon;

    ff_reload_make_declared(daemon);
    ff_reaper_start(daemon->reaper, daemon->session);
    ff_session_start(life->session);
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        ff_watch_ensure(daemon->watch, ff_registry_root(daemon->registry), on_root_watched, life);
    }
    g_main_loop_run(life->loop);
    ff_service_stopping();
}

/*
 * Requests first: what else there is may be in the middle of answering one. Only rings must go
 * after the last who answers what came over them.
 */
static void take_apart(Life *life)
{
    if (life->io_uring) {
        ff_watch_stop(life->daemon.watch);
        ff_uring_finish();
    }
    if (life->session != NULL)
        ff_session_stop(life->session);
    ff_watch_free(life->daemon.watch);
    ff_session_free(life->session);
    ff_openers_free(life->daemon.openers);
    ff_capacities_free(life->daemon.capacities);
    ff_creators_free(life->daemon.creators);
    ff_reaper_free(life->daemon.reaper);
    ff_metrics_free(life->daemon.metrics);
    ff_requests_free(life->daemon.requests);
    g_clear_pointer(&life->daemon.handles, g_hash_table_unref);
    ff_streams_free(life->daemon.streams);
    ff_retries_free(life->daemon.retries);
    ff_registry_free(life->daemon.registry);
    g_clear_pointer(&life->loop, g_main_loop_unref);
}

/* One line, whatever bytes a name has in it: control characters are written as in C. */
static char *in_one_line(const char *message)
{
    char exceptions[2 + 128 + 1] = "\"\\";

    for (int i = 0; i < 128; i++)
        exceptions[2 + i] = (char)(128 + i);
    return g_strescape(message, exceptions);
}

static int complain(const GError *error)
{
    g_autofree char *message = in_one_line(error->message);

    fprintf(stderr, "fifofs: %s\n", message);
    return error->code;
}

static FfOptions *look(const FfArguments *arguments, GError **error)
{
    g_autoptr(FfOptions) options = ff_arguments_to_options(arguments, error);
    char *mountpoint;

    if (options == NULL ||
        (options->make_mountpoint && !ff_mountpoint_make(options->mountpoint, error)))
        return NULL;
    mountpoint = ff_mountpoint_check(options->mountpoint, error);
    if (mountpoint == NULL)
        return NULL;
    g_free(options->mountpoint);
    options->mountpoint = mountpoint;
    return g_steal_pointer(&options);
}

static int live(Life *life)
{
    g_autoptr(GError) error = NULL;
    int code = FF_EXIT_OK;

    life->background = ff_background_enter(ff_arguments_want_foreground(life->arguments));
    raise_file_limit();
    ff_slice_shorten();
    g_unix_signal_add(SIGTERM, on_terminate, life);
    g_unix_signal_add(SIGINT, on_terminate, life);
    g_unix_signal_add(SIGHUP, on_hangup, life);
    signal(SIGPIPE, SIG_IGN);
    if (build(life, &error))
        run(life);
    else
        code = complain(error);
    take_apart(life);
    return code;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FfArguments) arguments = NULL;
    Life life = {0};
    int code = FF_EXIT_OK;

    setlocale(LC_ALL, "");
    arguments = ff_arguments_parse(argc, argv, &error);
    if (arguments == NULL)
        return complain(error);
    if (ff_arguments_want_version(arguments)) {
        printf("fifofs %s\n", FIFOFS_VERSION);
        return FF_EXIT_OK;
    }
    if (ff_arguments_want_help(arguments)) {
        ff_arguments_print_help();
        return FF_EXIT_OK;
    }
    life.arguments = arguments;
    life.daemon.options = look(arguments, &error);
    if (life.daemon.options == NULL)
        return complain(error);
    life.mountpoint = g_strdup(life.daemon.options->mountpoint);
    ff_log_to_stderr(life.daemon.options->debug);
    if (!ff_arguments_want_nothing(arguments))
        code = live(&life);
    ff_options_free(life.daemon.options);
    g_free(life.mountpoint);
    return code;
}
