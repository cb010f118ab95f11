/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl top: the FIFOs of all mounts, live.
 *
 * A thread of its own looks at the mounts, so that keys are answered while a daemon is not. What it
 * finds comes through a queue, with a byte in a pipe that poll() sees.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "duration.h"
#include "message.h"
#include "options.h"
#include "top-lines.h"
#include "top-screen.h"
#include "top-view.h"

#define DEFAULT_DELAY  (2 * FF_SECOND)
#define SHORTEST_DELAY (FF_SECOND / 10)

typedef enum {
    MODE_TABLE,
    MODE_HELP,
    MODE_FILTER,
    MODE_USER,
    MODE_DELAY,
    MODE_RELEASE,
} Mode;

/* Which FIFO, whatever its path. */
typedef struct {
    dev_t dev;
    guint64 id;
} Identity;

typedef struct {
    gint64 delay;
    char **paths;
    View *view;
    Mode mode;
    /* The FIFO that the question of MODE_RELEASE is about. */
    Identity asked;
    /* What was typed at a prompt. */
    GString *typed;
    char *notice;
    gboolean quit;
    gint64 next_look;
    gboolean looking;
} Top;

/* Between the two threads. What the other one is asked for: */
typedef struct {
    /* The full path of a FIFO to release, or NULL to look. */
    char *release;
} Wish;

/* Kept beyond the end of command_top(): the thread may be waiting for a daemon even then. */
static struct {
    GAsyncQueue *wishes, *snapshots;
    int pipe[2];
    char **paths;
} shared;

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    signalled = number;
}

/* --- the thread that looks --- */

/* It says what it has done, or why not, on the stderr that the screen keeps. */
static void release(char *path)
{
    const char *const command[] = {"/proc/self/exe", "release", "--", path, NULL};
    g_autofree char *out = NULL, *err = NULL;

    if (g_spawn_sync(NULL, (char **)command, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, NULL,
                     NULL))
        fprintf(stderr, "%s%s", out, err);
}

static gpointer look(gpointer data)
{
    for (;;) {
        Wish *wish = g_async_queue_pop(shared.wishes);

        if (wish->release != NULL)
            release(wish->release);
        g_free(wish->release);
        g_free(wish);
        g_async_queue_push(shared.snapshots, snapshot_take(shared.paths));
        while (write(shared.pipe[1], "", 1) < 0 && errno == EINTR)
            ;
    }
    return NULL;
}

static void wish(Top *top, char *path)
{
    Wish *wish = g_new0(Wish, 1);

    wish->release = path;
    top->looking = TRUE;
    top->next_look = g_get_monotonic_time() + top->delay;
    g_async_queue_push(shared.wishes, wish);
}

static gboolean start_thread(Top *top)
{
    shared.wishes = g_async_queue_new();
    shared.snapshots = g_async_queue_new();
    shared.paths = g_strdupv(top->paths);
    if (pipe2(shared.pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        message_errno("cannot make a pipe", "top", errno);
        return FALSE;
    }
    g_thread_unref(g_thread_new("look", look, NULL));
    return TRUE;
}

static Identity identity_of(const Fifo *fifo)
{
    return (Identity){fifo->mount->dev, fifo->id};
}

static gboolean is_selected(const Top *top, const Identity *identity)
{
    const Fifo *fifo = view_selected_fifo(top->view);

    return fifo != NULL && fifo->mount->dev == identity->dev && fifo->id == identity->id;
}

static void take_snapshot(Top *top)
{
    char bytes[64];
    Snapshot *snapshot;

    while (read(shared.pipe[0], bytes, sizeof bytes) > 0)
        ;
    while ((snapshot = g_async_queue_try_pop(shared.snapshots)) != NULL)
        view_take(top->view, snapshot);
    /* An answer must not be taken for another one. */
    if (top->mode == MODE_RELEASE && !is_selected(top, &top->asked))
        top->mode = MODE_TABLE;
    g_free(top->notice);
    top->notice = screen_take_message();
    top->looking = g_async_queue_length(shared.wishes) > 0;
}

/* --- prompts --- */

static void begin_prompt(Top *top, Mode mode, const char *text)
{
    top->mode = mode;
    g_string_assign(top->typed, text);
}

/* The end of a path says more than its beginning, and the question must be seen whole. */
static char *release_question(const Fifo *fifo)
{
    static const char question[] = "Release who waits in open() of ? (y/n)";
    g_autofree char *path = view_columns[0].text(fifo, 0);
    g_autofree char *safe = message_safe(path);
    g_autofree char *fitting = lines_fit(safe, screen_width() - (int)strlen(question), FALSE, TRUE);

    return g_strdup_printf("Release who waits in open() of %s? (y/n)", g_strchomp(fitting));
}

static char *prompt_text(const Top *top)
{
    const Fifo *fifo = view_selected_fifo(top->view);

    switch (top->mode) {
    case MODE_FILTER:
        return g_strdup_printf("Only paths with: %s_", top->typed->str);
    case MODE_USER:
        return g_strdup_printf("Only of user: %s_", top->typed->str);
    case MODE_DELAY:
        return g_strdup_printf("Delay (as 500ms or 2s): %s_", top->typed->str);
    case MODE_RELEASE:
        return fifo == NULL ? NULL : release_question(fifo);
    case MODE_TABLE:
    case MODE_HELP:
        break;
    }
    return NULL;
}

static void set_delay(Top *top, const char *text)
{
    gint64 delay;

    if (ff_duration_parse(text, &delay) == 0 && delay >= SHORTEST_DELAY &&
        delay != FF_DURATION_INFINITY)
        top->delay = delay;
    top->next_look = g_get_monotonic_time() + top->delay;
}

static void finish_prompt(Top *top)
{
    if (top->mode == MODE_FILTER)
        view_filter(top->view, top->typed->str);
    else if (top->mode == MODE_USER)
        view_filter_user(top->view, top->typed->str);
    else if (top->mode == MODE_DELAY)
        set_delay(top, top->typed->str);
    top->mode = MODE_TABLE;
}

/* A filter shows what it does while it is typed. */
static void follow_prompt(Top *top)
{
    if (top->mode == MODE_FILTER)
        view_filter(top->view, top->typed->str);
}

static void take_prompt_key(Top *top, gint32 key)
{
    const char *last = g_utf8_find_prev_char(top->typed->str, top->typed->str + top->typed->len);

    if (key == '\n') {
        finish_prompt(top);
    } else if (key == '\033') {
        g_string_truncate(top->typed, 0);
        follow_prompt(top);
        top->mode = MODE_TABLE;
    } else if (key == SCREEN_BACKSPACE && last != NULL) {
        g_string_truncate(top->typed, (gsize)(last - top->typed->str));
        follow_prompt(top);
    } else if (key < SCREEN_UP && g_unichar_isprint((gunichar)key)) {
        g_string_append_unichar(top->typed, (gunichar)key);
        follow_prompt(top);
    }
}

static void take_answer(Top *top, gint32 key)
{
    const Fifo *fifo = view_selected_fifo(top->view);

    top->mode = MODE_TABLE;
    if ((key == 'y' || key == 'Y') && fifo != NULL)
        wish(top, view_columns[0].text(fifo, 0));
}

/* --- keys of the table --- */

typedef struct {
    gint32 key;
    void (*act)(Top *top);
} KeyAction;

static void key_quit(Top *top)
{
    top->quit = TRUE;
}

static void key_up(Top *top)
{
    view_move(top->view, -1);
}

static void key_down(Top *top)
{
    view_move(top->view, 1);
}

static void key_page_up(Top *top)
{
    view_move(top->view, -screen_page());
}

static void key_page_down(Top *top)
{
    view_move(top->view, screen_page());
}

static void key_home(Top *top)
{
    view_move(top->view, G_MININT);
}

static void key_end(Top *top)
{
    view_move(top->view, G_MAXINT);
}

static void key_sort_before(Top *top)
{
    view_sort_next(top->view, -1);
}

static void key_sort_behind(Top *top)
{
    view_sort_next(top->view, 1);
}

static void key_reverse(Top *top)
{
    view_reverse(top->view);
}

static void key_filter(Top *top)
{
    begin_prompt(top, MODE_FILTER, view_filter_text(top->view));
}

static void key_user(Top *top)
{
    begin_prompt(top, MODE_USER, "");
}

static void key_no_filter(Top *top)
{
    view_filter(top->view, "");
    view_filter_user(top->view, "");
}

static void key_waiting(Top *top)
{
    view_toggle_waiting_only(top->view);
}

static void key_processes(Top *top)
{
    view_toggle_processes(top->view);
}

static void key_all_processes(Top *top)
{
    view_toggle_all_processes(top->view);
}

static void key_release(Top *top)
{
    const Fifo *fifo = view_selected_fifo(top->view);

    if (fifo == NULL)
        return;
    top->asked = identity_of(fifo);
    top->mode = MODE_RELEASE;
}

static void key_delay(Top *top)
{
    begin_prompt(top, MODE_DELAY, "");
}

static void key_look(Top *top)
{
    if (!top->looking)
        wish(top, NULL);
}

static void key_help(Top *top)
{
    top->mode = MODE_HELP;
}

static const KeyAction key_actions[] = {
    {'q', key_quit},
    {SCREEN_QUIT, key_quit},
    {SCREEN_UP, key_up},
    {'k', key_up},
    {SCREEN_DOWN, key_down},
    {'j', key_down},
    {SCREEN_PAGE_UP, key_page_up},
    {SCREEN_PAGE_DOWN, key_page_down},
    {SCREEN_HOME, key_home},
    {SCREEN_END, key_end},
    {'<', key_sort_before},
    {'>', key_sort_behind},
    {'s', key_sort_behind},
    {SCREEN_SORT, key_sort_behind},
    {'r', key_reverse},
    {'I', key_reverse},
    {'/', key_filter},
    {SCREEN_FILTER, key_filter},
    {'u', key_user},
    {'\033', key_no_filter},
    {'w', key_waiting},
    {'\n', key_processes},
    {'p', key_all_processes},
    {'R', key_release},
    {'d', key_delay},
    {' ', key_look},
    {'h', key_help},
    {'?', key_help},
    {SCREEN_HELP, key_help},
};

static void take_table_key(Top *top, gint32 key)
{
    for (guint i = 0; i < G_N_ELEMENTS(key_actions); i++)
        if (key_actions[i].key == key)
            key_actions[i].act(top);
}

static void take_key(Top *top, gint32 key)
{
    /* What cannot be seen is not to be answered. */
    if (screen_is_too_small()) {
        if (key == 'q' || key == SCREEN_QUIT)
            key_quit(top);
        return;
    }
    switch (top->mode) {
    case MODE_TABLE:
        take_table_key(top, key);
        break;
    case MODE_HELP:
        top->mode = key == SCREEN_RESIZED ? MODE_HELP : MODE_TABLE;
        break;
    case MODE_RELEASE:
        if (key != SCREEN_RESIZED)
            take_answer(top, key);
        break;
    case MODE_FILTER:
    case MODE_USER:
    case MODE_DELAY:
        take_prompt_key(top, key);
        break;
    }
}

/* --- the loop --- */

static void draw(const Top *top)
{
    g_autofree char *prompt = prompt_text(top);

    if (top->mode == MODE_HELP)
        screen_draw_help();
    else
        screen_draw(top->view, prompt, top->notice);
}

/* Signals that end us are let in only while we wait, so that none is missed. */
static void block_signals(sigset_t *while_waiting)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set;

    sigemptyset(&set);
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        sigaddset(&set, numbers[i]);
        sigaction(numbers[i], &action, NULL);
    }
    pthread_sigmask(SIG_BLOCK, &set, while_waiting);
}

/* Until something is typed or found, or it is time to look. */
static void wait_for_something(const Top *top, const sigset_t *signals)
{
    struct pollfd waiting[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = shared.pipe[0], .events = POLLIN},
    };
    gint64 left = MAX(top->next_look - g_get_monotonic_time(), 0);
    struct timespec timeout = {left / FF_SECOND, left % FF_SECOND * 1000};

    ppoll(waiting, G_N_ELEMENTS(waiting), top->looking ? NULL : &timeout, signals);
    /* The terminal is gone. */
    if ((waiting[0].revents & (POLLHUP | POLLERR)) != 0)
        signalled = SIGHUP;
}

static void run(Top *top, const sigset_t *signals)
{
    gint32 key;

    wish(top, NULL);
    while (!top->quit && signalled == 0) {
        draw(top);
        wait_for_something(top, signals);
        while (!top->quit && (key = screen_key()) != SCREEN_NO_KEY)
            take_key(top, key);
        take_snapshot(top);
        if (!top->looking && g_get_monotonic_time() >= top->next_look)
            wish(top, NULL);
    }
}

static ExitStatus run_on_screen(Top *top)
{
    sigset_t signals;

    if (!screen_start())
        return EXIT_STATUS_FAILED;
    block_signals(&signals);
    if (!start_thread(top)) {
        screen_end();
        return EXIT_STATUS_FAILED;
    }
    run(top, &signals);
    screen_end();
    return EXIT_STATUS_OK;
}

/* --- without a screen --- */

static void print_frame(const View *view)
{
    Layout layout = lines_layout(view, 0);
    g_autofree char *headings = lines_headings(&layout);

    for (guint i = 0; i < LINES_HEAD; i++) {
        g_autofree char *line = lines_head(view, i);

        puts(line);
    }
    puts(g_strchomp(headings));
    for (guint i = 0; i < view_rows(view)->len; i++) {
        g_autofree char *line = lines_row(view, &layout, i);

        puts(g_strchomp(line));
    }
}

static ExitStatus run_in_batch(Top *top, int frames)
{
    gboolean failed = FALSE;

    for (int i = 0; frames == 0 || i < frames; i++) {
        if (i > 0) {
            g_usleep((gulong)top->delay);
            putchar('\n');
        }
        view_take(top->view, snapshot_take(top->paths));
        failed |= !snapshot_is_whole(view_snapshot(top->view));
        print_frame(top->view);
        if (fflush(stdout) == EOF)
            return EXIT_STATUS_FAILED;
    }
    return failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

/* --- */

typedef struct {
    gboolean batch, processes;
    int frames;
    char *delay, *sort, *filter;
    char **paths;
} Options;

static void options_clear(Options *options)
{
    g_free(options->delay);
    g_free(options->sort);
    g_free(options->filter);
    g_strfreev(options->paths);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean parse(int argc, char **argv, Options *options)
{
    const GOptionEntry entries[] = {
        {"delay", 'd', 0, G_OPTION_ARG_STRING, &options->delay, "Time between two looks (2s)",
         "DURATION"},
        {"sort", 's', 0, G_OPTION_ARG_STRING, &options->sort, "Sort by this column (STATE)",
         "COLUMN"},
        {"filter", 'f', 0, G_OPTION_ARG_FILENAME, &options->filter,
         "Only FIFOs with this text in their path", "TEXT"},
        {"processes", 'p', 0, G_OPTION_ARG_NONE, &options->processes, "Show processes", NULL},
        {"batch", 'b', 0, G_OPTION_ARG_NONE, &options->batch, "Write text, for programs and files",
         NULL},
        {"frames", 'n', 0, G_OPTION_ARG_INT, &options->frames, "With -b: so often, then end",
         "COUNT"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->paths, NULL, NULL},
        {NULL},
    };

    return options_parse(argc, argv, entries, "[PATH...]",
                         "Show the FIFOs of all fifofs mounts, or below the PATHs, live.\n"
                         "'h' shows the keys.");
}

static gboolean apply(const Options *options, Top *top)
{
    if (options->delay != NULL &&
        (ff_duration_parse(options->delay, &top->delay) < 0 || top->delay < SHORTEST_DELAY ||
         top->delay == FF_DURATION_INFINITY)) {
        message_error("bad delay", options->delay, "it is a duration from 100ms on, as 2s");
        return FALSE;
    }
    if (options->sort != NULL && !view_sort_by(top->view, options->sort)) {
        message_error("no such column", options->sort, "there are those in the headings of top");
        return FALSE;
    }
    if (options->frames < 0) {
        message_error("bad number", "--frames", "it is how often, 0 for ever");
        return FALSE;
    }
    if (options->filter != NULL)
        view_filter(top->view, options->filter);
    if (options->processes)
        view_toggle_all_processes(top->view);
    return TRUE;
}

ExitStatus command_top(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(View) view = view_new();
    g_autoptr(GString) typed = g_string_new(NULL);
    Top top = {.delay = DEFAULT_DELAY, .view = view, .typed = typed};
    ExitStatus status;

    if (!parse(argc, argv, &options) || !apply(&options, &top))
        return EXIT_STATUS_USAGE;
    top.paths = options.paths;
    status = options.batch ? run_in_batch(&top, options.frames) : run_on_screen(&top);
    g_free(top.notice);
    return status;
}
