/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "background.h"
#include "canary.h"
#include "control.h"
#include "filelimit.h"
#include "handover.h"
#include "kept.h"
#include "log.h"
#include "ops.h"
#include "packing.h"
#include "reload.h"
#include "slice.h"
#include "step.h"
#include "uring.h"

typedef struct {
    FfDaemon daemon;
    FfArguments *arguments;
    FfSandbox sandbox;
    /* FF_BACKGROUND_NOW or _LATER, or NULL. */
    const char *background;
    gboolean io_uring;
    GMainLoop *loop;
    int exit_code;
} Life;

/* A supervisor that is not there any more is noticed otherwise. */
static void tell(FfTold told)
{
    char message = (char)told;

    FF_STEP("telling");
    if (send(FF_HANDOVER_SOCKET, &message, 1, MSG_NOSIGNAL) != 1)
        g_debug("cannot tell the supervisor: %s", g_strerror(errno));
}

static void tell_canary(void)
{
    const FfToldNumber message = {FF_TOLD_CANARY, ff_canary_start()};

    if (message.number < 0)
        g_warning("cannot start a thread: %s", g_strerror(-message.number));
    else if (send(FF_HANDOVER_SOCKET, &message, sizeof message, MSG_NOSIGNAL) < 0)
        g_debug("cannot tell the supervisor: %s", g_strerror(errno));
}

static gboolean on_unmounted(gpointer data)
{
    g_main_loop_quit(((Life *)data)->loop);
    return G_SOURCE_REMOVE;
}

/* The main loop may not run yet, and would not know then that it was told to end. */
static void on_session_ended(gpointer data)
{
    FfDaemon *daemon = data;

    /* The daemon is the first member. */
    g_idle_add(on_unmounted, (Life *)daemon);
}

/* Where libfuse tells nobody else (stream.c). */
static void on_interrupted(gpointer data)
{
    FfDaemon *daemon = data;

    if (((Life *)daemon)->io_uring)
        ff_streams_interrupted(daemon->streams);
}

static void on_settled(gpointer data)
{
    FfDaemon *daemon = data;

    ff_relays_settled(daemon->relays);
}

static void on_quiet(gpointer data)
{
    FfDaemon *daemon = data;

    ff_reaper_forget_rest(daemon->reaper);
}

/* Whoever comes next has the kernel send again what is not answered yet. */
static gboolean on_hand_over(gpointer data)
{
    Life *life = data;

    life->exit_code = FF_EXIT_HANDED_OVER;
    g_main_loop_quit(life->loop);
    return G_SOURCE_CONTINUE;
}

/* The supervisor looks after that, but may be what is gone. */
static gboolean on_terminate(gpointer data)
{
    alarm(FF_END_SECONDS);
    g_main_loop_quit(((Life *)data)->loop);
    return G_SOURCE_CONTINUE;
}

static void reload(Life *life)
{
    g_autoptr(GError) error = NULL;

    tell(FF_TOLD_RELOADING);
    if (ff_reload(&life->daemon, life->arguments, &error))
        g_message("configuration read again");
    else
        g_warning("nothing is changed: %s", error->message);
    tell(FF_TOLD_RELOADED);
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

static gboolean system_failure(GError **error, const char *what)
{
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED, "cannot get %s: %s", what,
                g_strerror(errno));
    return FALSE;
}

/* The parts that listen to the registry, before there is anything in it. */
static gboolean make_listeners(FfDaemon *daemon, GError **error)
{
    const char *mountpoint = ff_handover_mountpoint();

    daemon->retries = ff_retries_new();
    daemon->watch = ff_watch_new(daemon->registry, mountpoint, FF_HANDOVER_INOTIFY, NULL);
    daemon->relays = ff_relays_new(daemon->registry, daemon->watch, mountpoint);
    if (daemon->relays == NULL)
        return system_failure(error, "an epoll instance");
    daemon->reaper = ff_reaper_new(daemon->registry, daemon->watch, NULL);
    daemon->openers = ff_openers_new(daemon->registry, mountpoint, NULL);
    daemon->capacities = ff_capacities_new(daemon->registry, mountpoint);
    daemon->holds = ff_holds_new(daemon->registry, FF_HANDOVER_SOCKET,
                                 g_getenv(FF_ENV_HOLDS) != NULL);
    ff_reaper_set_holds(daemon->reaper, daemon->holds);
    ff_relays_be_impatient(daemon->relays, ff_holds_context(daemon->holds));
    daemon->metrics = ff_metrics_new(daemon->registry);
    daemon->requests = ff_requests_new();
    daemon->streams = ff_streams_new(daemon->registry, NULL);
    daemon->creators = ff_creators_new(daemon->registry, NULL);
    return daemon->creators != NULL || system_failure(error, "an epoll instance");
}

/* Read what is written down, and go on with it. */
static gboolean open_journal(FfDaemon *daemon, FfLogfile *log, GError **error)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    ff_logfile_claim(log);
    ff_logfile_set_number(log, FF_LOGFILE_N_OPENED,
                          ff_logfile_number(log, FF_LOGFILE_N_OPENED) + 1);
    ff_watch_claim_inbox(log);
    daemon->journal = ff_journal_new(daemon->registry, log, error);
    FF_STEP("restored");
    return daemon->journal != NULL;
}

static gboolean settle_options(Life *life, GError **error)
{
    FfDaemon *daemon = &life->daemon;
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    if (ff_journal_is_taken_over(daemon->journal)) {
        g_autoptr(FfOptions) options = ff_reload_kept_options(daemon, life->arguments, error);

        if (options == NULL)
            return FALSE;
        ff_privileges_adopt(options, &life->sandbox, ff_sandbox_text());
        ff_registry_adopt_options(daemon->registry, &options->registry);
        ff_options_free(daemon->options);
        daemon->options = g_steal_pointer(&options);
    }
    /* Where there was one before us he may have died before he came to that. */
    if (ff_journal_kept(daemon->journal, FF_KEPT_CONFIG, 0) == NULL)
        ff_reload_keep_config(daemon);
    g_free(daemon->options->mountpoint);
    daemon->options->mountpoint = g_strdup(ff_handover_mountpoint());
    return TRUE;
}

static void keep_mounted(FfDaemon *daemon)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    ff_pack_signed(bytes, daemon->mounted.tv_sec);
    ff_pack_signed(bytes, daemon->mounted.tv_nsec);
    ff_journal_keep(daemon->journal, FF_KEPT_MOUNTED, 0, bytes);
}

static struct timespec kept_mounted(FfDaemon *daemon)
{
    GBytes *kept = ff_journal_kept(daemon->journal, FF_KEPT_MOUNTED, 0);
    struct timespec time = {0};
    gsize length = 0;
    gconstpointer bytes = kept == NULL ? NULL : g_bytes_get_data(kept, &length);
    FfUnpacker in = ff_unpacker(bytes, length);

    time.tv_sec = ff_unpack_signed(&in);
    time.tv_nsec = ff_unpack_signed(&in);
    return time;
}

/* Find again what the one before us has had besides its nodes. */
static void adopt(FfDaemon *daemon)
{
    g_autoptr(GPtrArray) processes = NULL;
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    processes = ff_journal_take_processes(daemon->journal);
    for (guint i = 0; i < processes->len; i++)
        ff_creators_adopt(daemon->creators, processes->pdata[i]);
    daemon->mounted = kept_mounted(daemon);
    ff_watch_take_over(daemon->watch);
    ff_control_handles_take_over(daemon);
    ff_relays_take_over(daemon->relays, daemon->session);
    ff_retries_take_over(daemon->retries, ff_registry_now(daemon->registry));
    ff_openers_take_over(daemon->openers);
    ff_reaper_take_over(daemon->reaper);
    ff_capacities_take_over(daemon->capacities);
}

static gboolean has_begun(FfDaemon *daemon)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    return ff_journal_kept(daemon->journal, FF_KEPT_MOUNTED, 0) != NULL;
}

/* That it was mounted is kept last: it says that all of this is done, whoever did it. */
static void begin(FfDaemon *daemon)
{
    g_autoptr(FfRegistryLocker) locker = NULL;

    daemon->mounted = ff_registry_realtime(daemon->registry);
    ff_reload_make_declared(daemon);
    locker = ff_registry_locker_new(daemon->registry);
    keep_mounted(daemon);
}

static gboolean build_session(Life *life, GError **error)
{
    static const FfSessionEvents events = {on_session_ended, on_interrupted, on_quiet, on_settled};
    FfDaemon *daemon = &life->daemon;
    FfSessionParts parts = {
        .options = daemon->options,
        .fd = FF_HANDOVER_FUSE,
        .ops = daemon->options->io_uring ? &ff_ring_ops : &ff_ops,
        .data = daemon,
        .requests = daemon->requests,
        .journal = daemon->journal,
        .registry = daemon->registry,
        .events = &events,
    };

    life->io_uring = daemon->options->io_uring;
    daemon->session = ff_session_new(&parts, error);
    return daemon->session != NULL;
}

/* Takes the log over. */
static gboolean build(Life *life, FfLogfile *log, GError **error)
{
    FfDaemon *daemon = &life->daemon;

    life->loop = g_main_loop_new(NULL, FALSE);
    daemon->registry = ff_registry_new(&daemon->options->registry, ff_clock_system());
    daemon->owner = daemon->options->registry.root_uid;
    daemon->owner_group = daemon->options->registry.root_gid;
    if (daemon->options->debug)
        ff_registry_listen(daemon->registry, log_change, NULL);
    if (!make_listeners(daemon, error) || !open_journal(daemon, log, error) ||
        !settle_options(life, error))
        return FALSE;
    daemon->handles = ff_control_handles_new();
    ff_watch_set_journal(daemon->watch, daemon->journal);
    ff_relays_set_journal(daemon->relays, daemon->journal);
    ff_reaper_set_journal(daemon->reaper, daemon->journal);
    ff_streams_set_journal(daemon->streams, daemon->journal);
    ff_retries_set_journal(daemon->retries, daemon->journal);
    return build_session(life, error);
}

static void tell_ready(gpointer data)
{
    const Life *life = data;

    if (life->background != NULL)
        ff_background_let_go();
    tell(FF_TOLD_READY);
}

/* Whoever is told so may unmount at once, for which the mount must not be busy with us. */
static void be_ready(gpointer data)
{
    Life *life = data;

    if (life->io_uring)
        tell_ready(life);
    else
        ff_relays_prepare(life->daemon.relays, tell_ready, life);
}

/* The root is being watched, which only a mount that answers lets happen. */
static void on_root_watched(gpointer data)
{
    Life *life = data;
    FfDaemon *daemon = &life->daemon;
    gboolean prepared;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        prepared = ff_holds_prepare(daemon->holds, be_ready, life);
    }
    if (prepared)
        be_ready(life);
}

static void watch_root(Life *life)
{
    FfDaemon *daemon = &life->daemon;
    gboolean watched;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        watched = ff_watch_ensure(daemon->watch, ff_registry_root(daemon->registry),
                                  on_root_watched, life);
    }
    if (watched)
        on_root_watched(life);
}

static void run(Life *life)
{
    FfDaemon *daemon = &life->daemon;

    if (ff_journal_is_taken_over(daemon->journal))
        adopt(daemon);
    if (!has_begun(daemon))
        begin(daemon);
    FF_STEP("adopted");
    ff_reaper_start(daemon->reaper, daemon->session);
    ff_session_start(daemon->session);
    ff_holds_start(daemon->holds, ff_session_fuse(daemon->session));
    watch_root(life);
    FF_STEP("begun");
    g_main_loop_run(life->loop);
}

/*
 * Threads that may wait for the mount first, while it answers; then requests: what else there is may
 * be in the middle of answering one. Only rings must go after the last who answers what came over
 * them.
 */
static void take_apart(Life *life)
{
    FfDaemon *daemon = &life->daemon;

    ff_holds_stop(daemon->holds);
    ff_watch_stop(daemon->watch);
    ff_openers_stop(daemon->openers);
    ff_capacities_stop(daemon->capacities);
    if (life->io_uring && daemon->session != NULL)
        ff_uring_finish();
    ff_relays_stop(daemon->relays);
    if (daemon->session != NULL)
        ff_session_stop(daemon->session);
    ff_daemon_free_parts(daemon);
    g_clear_pointer(&life->loop, g_main_loop_unref);
}

static void add_signals(Life *life)
{
    g_unix_signal_add(SIGTERM, on_terminate, life);
    g_unix_signal_add(SIGINT, on_terminate, life);
    g_unix_signal_add(SIGHUP, on_hangup, life);
    g_unix_signal_add(FF_SIGNAL_HAND_OVER, on_hand_over, life);
    signal(SIGPIPE, SIG_IGN);
}

/* A supervisor of an earlier program does not say. */
static gboolean take_privileges(FfSandbox *sandbox, GError **error)
{
    if (ff_privileges_from_text(sandbox, g_getenv(FF_ENV_PRIVILEGES)))
        return TRUE;
    g_set_error(error, FF_OPTIONS_ERROR, FF_EXIT_FAILED,
                "not told what to give up: unmount, and mount again");
    return FALSE;
}

/*
 * Before there is a second thread, and before anything is read that the worker before us has
 * written: he may have been taken over by somebody. So what we keep is what the supervisor says.
 */
static gboolean enter_sandbox(Life *life, GError **error)
{
    if (!take_privileges(&life->sandbox, error))
        return FALSE;
    life->sandbox.mountpoint = ff_handover_mountpoint();
    life->sandbox.debug = life->daemon.options->debug;
    if (!ff_sandbox_enter(&life->sandbox, error))
        return FALSE;
    ff_privileges_adopt(life->daemon.options, &life->sandbox, ff_sandbox_text());
    return TRUE;
}

static void live(Life *life, FfLogfile *log)
{
    g_autoptr(GError) error = NULL;

    /* A pidfd per creator: as many as the system lets us have. */
    ff_file_limit_raise();
    ff_slice_shorten();
    if (!enter_sandbox(life, &error)) {
        life->exit_code = ff_log_complaint(error);
        ff_logfile_free(log);
        return;
    }
    tell_canary();
    add_signals(life);
    if (!build(life, log, &error))
        life->exit_code = ff_log_complaint(error);
    else
        run(life);
    take_apart(life);
}

/*
 * Everything that another program could not be able to do, but serving. What is read was written by
 * a worker, who may have been taken over by somebody: so no more is kept for it than serving needs.
 */
static int try(Life *life, FfLogfile *log)
{
    const FfRegistryOptions any = {.policy = ff_policy_default};
    g_autoptr(FfLogfile) owned = log;
    g_autoptr(GError) error = NULL;

    if (!enter_sandbox(life, &error))
        return ff_log_complaint(error);
    FF_STEP("trying");
    if (ff_journal_can_be_read(owned, &any, &error)) {
        tell(FF_TOLD_READY);
        return FF_EXIT_OK;
    }
    g_warning("%s", error->message);
    return FF_EXIT_FAILED;
}

/*
 * What is in force is what the one before us had, and that is known once the journal is read: the
 * configuration file may say something else by now, or nothing that makes sense.
 */
static FfOptions *first_options(const FfArguments *arguments, const FfLogfile *log, GError **error)
{
    FfOptions *options;

    if (ff_logfile_bytes(log) == 0)
        return ff_arguments_to_options(arguments, NULL, error);
    options = ff_options_new();
    options->debug = ff_arguments_want_debug(arguments);
    return options;
}

int ff_work(FfArguments *arguments)
{
    Life life = {.arguments = arguments, .background = g_getenv(FF_ENV_BACKGROUND)};
    g_autoptr(GError) error = NULL;
    const char *directory = g_getenv(FF_ENV_DIRECTORY);
    FfLogfile *log = NULL;

    ff_kept_adopt();
    prctl(PR_SET_NAME, FF_WORKER_NAME);
    ff_log_to_stderr(ff_arguments_want_debug(arguments));
    if (g_strcmp0(life.background, FF_BACKGROUND_NOW) == 0)
        ff_log_to_syslog();
    if (directory != NULL)
        ff_arguments_set_directory(arguments, directory);
    log = ff_logfile_open(FF_HANDOVER_JOURNAL, &error);
    if (log == NULL)
        return ff_log_complaint(error);
    life.daemon.options = first_options(arguments, log, &error);
    if (life.daemon.options == NULL) {
        ff_logfile_free(log);
        return ff_log_complaint(error);
    }
    if (g_getenv(FF_ENV_TRY) != NULL)
        life.exit_code = try(&life, log);
    else
        live(&life, log);
    ff_options_free(life.daemon.options);
    return life.exit_code;
}
