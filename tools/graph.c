/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl graph: a picture of which processes are on which FIFOs.
 */
#include "command.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "options.h"
#include "picture.h"

typedef struct {
    char *format, *svg;
    gboolean all;
    char **paths;
} Options;

static void options_clear(Options *options)
{
    g_free(options->format);
    g_free(options->svg);
    g_strfreev(options->paths);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean parse(int argc, char **argv, Options *options)
{
    const GOptionEntry entries[] = {
        {"format", 'f', 0, G_OPTION_ARG_STRING, &options->format, "dot (default) or mermaid",
         "FORMAT"},
        {"svg", 's', 0, G_OPTION_ARG_FILENAME, &options->svg,
         "Draw it with graphviz (- for stdout)", "FILE"},
        {"all", 'a', 0, G_OPTION_ARG_NONE, &options->all, "Also FIFOs that nobody is on", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->paths, NULL, NULL},
        {NULL},
    };

    if (!options_parse(argc, argv, entries, "[PATH...]",
                       "Show processes and FIFOs as a graph: of all fifofs mounts, or below the "
                       "PATHs."))
        return FALSE;
    if (options->format != NULL && !g_str_equal(options->format, "dot") &&
        !g_str_equal(options->format, "mermaid")) {
        message_error("no such format", options->format, "there are dot and mermaid");
        return FALSE;
    }
    if (options->format != NULL && options->svg != NULL) {
        message_error("two formats", options->format, "leave out --format or --svg");
        return FALSE;
    }
    return TRUE;
}

/* Return: what graphviz makes of it, or NULL, which has been said. */
static GBytes *render(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) input = g_bytes_new(text, strlen(text));
    g_autoptr(GSubprocess)
        dot = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                               &error, "dot", "-Tsvg", NULL);
    GBytes *output = NULL;

    if (dot == NULL && g_error_matches(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT)) {
        message_error("cannot draw without graphviz", "dot",
                      "install the package graphviz, or use --format");
        return NULL;
    }
    if (dot != NULL && g_subprocess_communicate(dot, input, NULL, &output, NULL, &error) &&
        g_subprocess_get_successful(dot))
        return output;
    message_error("cannot draw", "dot",
                  error == NULL ? "it has failed: try 'fifoctl graph | dot -Tsvg'"
                                : error->message);
    g_clear_pointer(&output, g_bytes_unref);
    return NULL;
}

static gboolean write_into(const char *path, gconstpointer data, gsize size)
{
    FILE *file = fopen(path, "we");
    gboolean done = file != NULL && fwrite(data, 1, size, file) == size;

    if (file != NULL && fclose(file) == EOF)
        done = FALSE;
    if (!done)
        message_errno("cannot write the picture", path, errno);
    return done;
}

/* A file is replaced whole or not at all; a device or a FIFO is written into, and not replaced. */
static gboolean write_picture(const char *path, gconstpointer data, gsize size)
{
    char *real = realpath(path, NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;
    gboolean done;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        free(real);
        return write_into(path, data, size);
    }
    done = g_file_set_contents(real == NULL ? path : real, data, (gssize)size, &error);
    free(real);
    if (!done)
        message_error("cannot write the picture", path, error->message);
    return done;
}

static gboolean draw(const char *text, const char *path)
{
    g_autoptr(GBytes) image = render(text);
    gconstpointer data;
    gsize size;

    if (image == NULL)
        return FALSE;
    data = g_bytes_get_data(image, &size);
    if (g_str_equal(path, "-"))
        return fwrite(data, 1, size, stdout) == size;
    return write_picture(path, data, size);
}

static gboolean write_out(const Options *options, const Picture *picture)
{
    gboolean mermaid = options->format != NULL && g_str_equal(options->format, "mermaid");
    g_autofree char *text = mermaid ? picture_to_mermaid(picture) : picture_to_dot(picture);

    if (options->svg != NULL)
        return draw(text, options->svg);
    return fputs(text, stdout) != EOF;
}

/* No mount at all is a graph of nothing. */
static Selection *select_fifos(const Options *options)
{
    Selection *selection = selection_new();

    if (selection == NULL)
        return NULL;
    selection_add_paths(selection, options->paths);
    selection_load(selection);
    return selection;
}

ExitStatus command_graph(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(Selection) selection = NULL;
    g_autoptr(Picture) picture = NULL;
    ScanResult scan;

    if (!parse(argc, argv, &options))
        return EXIT_STATUS_USAGE;
    selection = select_fifos(&options);
    if (selection == NULL || !selection_scan(selection, TRUE, &scan))
        return EXIT_STATUS_FAILED;
    picture = picture_new(selection, &scan, options.all, g_get_real_time());
    return write_out(&options, picture) && !selection->failed ? EXIT_STATUS_OK : EXIT_STATUS_FAILED;
}
