/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl run: a pipeline over FIFOs of its own.
 *
 * The command line is a list of stages with a lone ':' between them. Each has its options, '--' and
 * its command; options that concern the whole stand before the first command.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "duration.h"
#include "message.h"
#include "options.h"
#include "pipeline-picture.h"
#include "pipeline.h"
#include "rundir.h"
#include "size.h"
#include "supervision.h"

#define SEPARATOR ":"

typedef struct {
    char *directory, *capacity, *kill_after, *progress, *summary, *format;
    gboolean quiet, allow_sigpipe, graph;
} Options;

static void options_clear(Options *options)
{
    g_free(options->directory);
    g_free(options->capacity);
    g_free(options->kill_after);
    g_free(options->progress);
    g_free(options->summary);
    g_free(options->format);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* --- the command line --- */

/* A ':' that is to be an argument has a '\' before it, one more than it would have otherwise. */
static char *unescape(const char *word)
{
    const char *colon = word + strspn(word, "\\");

    return g_strdup(colon > word && g_str_equal(colon, SEPARATOR) ? word + 1 : word);
}

static GStrv command_of(char **words, int count)
{
    GStrv command = g_new0(char *, count + 1);

    for (int i = 0; i < count; i++)
        command[i] = unescape(words[i]);
    return command;
}

static int find_word(char **words, int count, const char *wanted)
{
    int i = 0;

    while (i < count && !g_str_equal(words[i], wanted))
        i++;
    return i;
}

/* The options of one stage; with @options also those of the whole. */
static gboolean parse_options(char *name, char **words, int count, Options *options, GStrv *ins,
                              GStrv *outs, GStrv *rest)
{
    Options unused = {0};
    Options *to = options == NULL ? &unused : options;
    const GOptionEntry entries[] = {
        {"in", 'i', 0, G_OPTION_ARG_FILENAME_ARRAY, ins, "The stage reads this FIFO", "NAME"},
        {"out", 'o', 0, G_OPTION_ARG_FILENAME_ARRAY, outs, "The stage writes this FIFO", "NAME"},
        {"directory", 'd', 0, G_OPTION_ARG_FILENAME, &to->directory,
         "Create the FIFOs below this one", "DIR"},
        {"capacity", 'c', 0, G_OPTION_ARG_STRING, &to->capacity,
         "Bytes that each FIFO is to hold: 1M", "SIZE"},
        {"kill-after", 'k', 0, G_OPTION_ARG_STRING, &to->kill_after,
         "Time from SIGTERM to SIGKILL: 5s", "DURATION"},
        {"allow-sigpipe", 's', 0, G_OPTION_ARG_NONE, &to->allow_sigpipe,
         "Take an end by SIGPIPE as success", NULL},
        {"progress", 'p', 0, G_OPTION_ARG_STRING, &to->progress, "Show it auto, always or never",
         "WHEN"},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &to->quiet, "As --progress=never", NULL},
        {"json", 'J', 0, G_OPTION_ARG_FILENAME, &to->summary, "Write a summary into it at the end",
         "FILE"},
        {"graph", 'g', 0, G_OPTION_ARG_NONE, &to->graph, "Run nothing, but write the picture",
         NULL},
        {"format", 'f', 0, G_OPTION_ARG_STRING, &to->format,
         "Of the picture: dot (default) or mermaid", "FORMAT"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, rest, NULL, NULL},
        {NULL},
    };
    const GOptionEntry later[] = {
        entries[0], entries[1], entries[G_N_ELEMENTS(entries) - 2], {NULL}};
    g_autofree char **argv = g_new0(char *, count + 2);

    argv[0] = name;
    for (int i = 0; i < count; i++)
        argv[i + 1] = words[i];
    return options_parse(count + 1, argv, options == NULL ? later : entries,
                         "-- COMMAND... [: [-i NAME] [-o NAME] -- COMMAND...]...",
                         "Run a pipeline over FIFOs of its own. {NAME} in a command is the path of "
                         "a FIFO;\none that has none there is standard input or output.");
}

static gboolean wrong(const char *what, const char *which, const char *advice)
{
    message_error(what, which, advice);
    return FALSE;
}

static gboolean parse_stage(Pipeline *pipeline, char *name, char **words, int count,
                            Options *options)
{
    int end = find_word(words, count, "--");
    g_auto(GStrv) ins = NULL, outs = NULL, rest = NULL;
    g_autofree char *stage = g_strdup_printf("stage %u", pipeline->stages->len + 1);

    if (!parse_options(name, words, end, options, &ins, &outs, &rest))
        return FALSE;
    if (rest != NULL)
        return wrong("not an option", rest[0], "a command stands behind '--'");
    if (end + 1 >= count)
        return wrong("no command", stage, "write '-- COMMAND' behind its options");
    pipeline_add(pipeline, g_steal_pointer(&ins), g_steal_pointer(&outs),
                 command_of(words + end + 1, count - end - 1));
    return TRUE;
}

static Pipeline *parse(int argc, char **argv, Options *options)
{
    g_autoptr(Pipeline) pipeline = pipeline_new();
    int at = 1;

    do {
        int count = find_word(argv + at, argc - at, SEPARATOR);

        if (!parse_stage(pipeline, argv[0], argv + at, count, at == 1 ? options : NULL))
            return NULL;
        at += count + 1;
    } while (at <= argc);
    return pipeline_check(pipeline) ? g_steal_pointer(&pipeline) : NULL;
}

static gboolean parse_progress(const Options *options, ProgressWhen *when)
{
    static const char *const words[] = {"auto", "always", "never"};

    *when = options->quiet ? PROGRESS_NEVER : PROGRESS_AUTO;
    if (options->progress == NULL)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(options->progress, words[i])) {
            *when = options->quiet ? PROGRESS_NEVER : (ProgressWhen)i;
            return TRUE;
        }
    return wrong("no such time for progress", options->progress, "it is auto, always or never");
}

static gboolean complete(const Options *options, SupervisionOptions *supervision)
{
    supervision->kill_after = 5 * FF_SECOND;
    supervision->allow_sigpipe = options->allow_sigpipe;
    if (options->kill_after != NULL &&
        ff_duration_parse(options->kill_after, &supervision->kill_after) < 0)
        return wrong("bad time", options->kill_after, "it is a duration: 500ms, 30s, infinity");
    if (options->capacity != NULL && ff_size_parse(options->capacity, &supervision->capacity) < 0)
        return wrong("bad capacity", options->capacity, "it is a size: 65536, 64K, 1M");
    if (options->format != NULL && !options->graph)
        return wrong("a format of what", options->format, "add --graph");
    if (options->format != NULL && !g_str_equal(options->format, "dot") &&
        !g_str_equal(options->format, "mermaid"))
        return wrong("no such format", options->format, "there are dot and mermaid");
    return parse_progress(options, &supervision->progress);
}

/* --- what is asked for --- */

static ExitStatus draw(const Pipeline *pipeline, const char *format)
{
    g_autoptr(Picture) picture = pipeline_picture(pipeline);
    g_autofree char *text = g_strcmp0(format, "mermaid") == 0 ? picture_to_mermaid(picture)
                                                              : picture_to_dot(picture);

    return fputs(text, stdout) == EOF ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

/* So that no file of ours becomes a standard one of a stage. */
static void fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static gboolean open_summary(const char *path, FILE **file)
{
    if (path == NULL)
        return TRUE;
    *file = g_str_equal(path, "-") ? stdout : fopen(path, "we");
    if (*file != NULL)
        return TRUE;
    message_errno("cannot write the summary", path, errno);
    return FALSE;
}

static Outcome run(const Pipeline *pipeline, const Options *options,
                   SupervisionOptions *supervision)
{
    Outcome outcome = {EXIT_STATUS_FAILED, 0};
    ExitStatus status;
    g_autoptr(RunDir) directory = NULL;

    fill_standard_descriptors();
    if (!open_summary(options->summary, &supervision->summary))
        return outcome;
    directory = rundir_new(options->directory, &status);
    if (directory != NULL)
        outcome = supervise(pipeline, directory, supervision);
    else
        outcome.status = (int)status;
    if (supervision->summary != NULL && supervision->summary != stdout)
        fclose(supervision->summary);
    return outcome;
}

ExitStatus command_run(int argc, char **argv)
{
    g_auto(Options) options = {0};
    SupervisionOptions supervision = {0};
    g_autoptr(Pipeline) pipeline = parse(argc, argv, &options);
    Outcome outcome;

    if (pipeline == NULL || !complete(&options, &supervision))
        return EXIT_STATUS_USAGE;
    if (options.graph)
        return draw(pipeline, options.format);
    outcome = run(pipeline, &options, &supervision);
    if (outcome.signal != 0) {
        /* Whoever waits for us is to see that it was the signal. */
        fflush(stdout);
        signal(outcome.signal, SIG_DFL);
        raise(outcome.signal);
    }
    return (ExitStatus)outcome.status;
}
