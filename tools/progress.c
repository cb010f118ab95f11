/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "message.h"
#include "top-lines.h"
#include "value.h"

#define DRAWN_MILLISECONDS 100
#define OTHER_MILLISECONDS 1000
#define TOLD_EVERY         (5 * G_USEC_PER_SEC)
#define USUAL_WIDTH        80

void progress_init(Progress *progress, ProgressWhen when)
{
    *progress = (Progress){
        .silent = when == PROGRESS_NEVER,
        .drawn = when == PROGRESS_ALWAYS || isatty(STDERR_FILENO),
        .started = g_get_monotonic_time(),
    };
    progress->told = progress->started;
}

guint progress_interval(const Progress *progress)
{
    return progress->drawn && !progress->silent ? DRAWN_MILLISECONDS : OTHER_MILLISECONDS;
}

/* --- text --- */

static char *size_text(gint64 bytes)
{
    return value_to_text(&value_format_size, &(Value){.known = TRUE, .number = bytes}, FALSE);
}

/* Whether somebody waits for room, or for bytes, shows which side is the slower one. */
static void append_fill(GString *text, const Flow *flow)
{
    if (flow->queued == FLOW_UNKNOWN || flow->capacity <= 0)
        return;
    if (flow->queued == 0)
        g_string_append(text, " empty");
    else if (flow->capacity - flow->queued < PIPE_BUF)
        g_string_append(text, " full");
    else
        g_string_append_printf(text, " %" G_GINT64_FORMAT "%%",
                               flow->queued * 100 / flow->capacity);
}

static void append_flow(GString *text, const Flow *flow, gint64 rate)
{
    g_autofree char *name = message_safe(flow->line->name);

    g_string_append_printf(text, "  %s ", name);
    if (flow->at_most == FLOW_UNKNOWN) {
        g_string_append(text, "-");
    } else {
        g_autofree char *bytes = size_text(flow->at_most);
        g_autofree char *speed = size_text(rate);

        g_string_append_printf(text, "%s%s %s/s", g_get_charset(NULL) ? "≤" : "<=", bytes, speed);
    }
}

static GString *begin_text(const Progress *progress, gint64 now)
{
    GString *text = g_string_new(NULL);
    gint64 seconds = (now - progress->started) / G_USEC_PER_SEC;

    g_string_printf(text, "%" G_GINT64_FORMAT ":%02d:%02d", seconds / 3600,
                    (int)(seconds / 60 % 60), (int)(seconds % 60));
    return text;
}

/* --- lines --- */

static int terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : USUAL_WIDTH;
}

/* A job in the background does not write over what is in the foreground. */
static gboolean is_in_background(void)
{
    pid_t group = tcgetpgrp(STDERR_FILENO);

    return group > 0 && group != getpgrp();
}

static void draw(Progress *progress, const char *text)
{
    /* In the last column some terminals would begin a new line. */
    g_autofree char *fitting = lines_fit(text, terminal_width() - 1, FALSE, FALSE);

    fprintf(stderr, "\r%s", fitting);
    progress->visible = TRUE;
}

void progress_clear(Progress *progress)
{
    if (progress->visible)
        fprintf(stderr, "\r%*s\r", terminal_width() - 1, "");
    progress->visible = FALSE;
}

void progress_show(Progress *progress, const GArray *flows, gint64 now)
{
    g_autoptr(GString) text = NULL;

    if (progress->silent ||
        (progress->drawn ? is_in_background() : now - progress->told < (gint64)TOLD_EVERY))
        return;
    text = begin_text(progress, now);
    for (guint i = 0; i < flows->len; i++) {
        const Flow *flow = &g_array_index(flows, Flow, i);

        append_flow(text, flow, flow->rate);
        append_fill(text, flow);
    }
    if (progress->drawn)
        draw(progress, text->str);
    else
        fprintf(stderr, "fifoctl: %s\n", text->str);
    progress->told = now;
}

void progress_end(Progress *progress, const GArray *flows, gint64 now)
{
    g_autoptr(GString) text = NULL;
    gint64 passed = MAX(now - progress->started, 1);

    progress_clear(progress);
    if (progress->silent || progress->drawn)
        return;
    text = begin_text(progress, now);
    for (guint i = 0; i < flows->len; i++) {
        const Flow *flow = &g_array_index(flows, Flow, i);

        append_flow(text, flow, (gint64)((double)flow->at_most * G_USEC_PER_SEC / (double)passed));
    }
    fprintf(stderr, "fifoctl: %s  in all\n", text->str);
}
