/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include <unistd.h>

#define MOST_ROUNDS 1000

/* What is taken unless the command line says otherwise. */
typedef struct {
    guint rounds;
    gint64 sample_time;
    const guint64 *counts;
    guint n_counts;
} Effort;

static const guint64 normal_counts[] = {1, 1000, 100000, 1000000};
static const guint64 quick_counts[] = {1, 1000};

static const Effort normal_effort = {7, 30 * G_TIME_SPAN_MILLISECOND, normal_counts,
                                     G_N_ELEMENTS(normal_counts)};
static const Effort quick_effort = {3, 5 * G_TIME_SPAN_MILLISECOND, quick_counts,
                                    G_N_ELEMENTS(quick_counts)};

/* The command line as GOption leaves it. */
typedef struct {
    gboolean quick, pin, list;
    int rounds;
    char *json;
    char *mount_options;
    char **counts;
    char **only;
    char **rest;
} Line;

static void line_clear(Line *line)
{
    g_free(line->json);
    g_free(line->mount_options);
    g_strfreev(line->counts);
    g_strfreev(line->only);
    g_strfreev(line->rest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear)

static gboolean line_read(Line *line, int argc, char **argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"count", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &line->counts,
         "FIFOs that lie there; may be given several times (1, 1000, 100000 and 1000000)", "N"},
        {"json", 'j', 0, G_OPTION_ARG_FILENAME, &line->json, "Write the results there", "FILE"},
        {"quick", 'q', 0, G_OPTION_ARG_NONE, &line->quick,
         "Ten seconds, rough numbers, up to 1000 FIFOs", NULL},
        {"pin", 'p', 0, G_OPTION_ARG_NONE, &line->pin,
         "Measure once more with all processes on one processor", NULL},
        {"rounds", 'r', 0, G_OPTION_ARG_INT, &line->rounds, "Medians of so many samples (7)", "N"},
        {"only", 'm', 0, G_OPTION_ARG_STRING_ARRAY, &line->only, "Only measurements of such a name",
         "GLOB"},
        {"options", 'o', 0, G_OPTION_ARG_STRING, &line->mount_options, "Mount with these options",
         "OPTIONS"},
        {"list", 'l', 0, G_OPTION_ARG_NONE, &line->list, "Name the measurements", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &line->rest, NULL, "[FIFOFS]"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_set_summary(
        context, "Compares a fifofs mount with FIFOs on tmpfs and with libfuse's passthrough_ll.\n"
                 "FIFOFS is the daemon's binary (otherwise $FIFOFS_BIN).");
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, &argc, &argv, error);
}

static gboolean bad_line(GError **error, const char *what, const char *value)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", value, what);
    return FALSE;
}

static gboolean take_counts(Settings *settings, const Effort *effort, char **counts, GError **error)
{
    if (counts == NULL)
        g_array_append_vals(settings->counts, effort->counts, effort->n_counts);
    for (char **text = counts; text != NULL && *text != NULL; text++) {
        guint64 count;

        if (!g_ascii_string_to_unsigned(*text, 10, 1, G_MAXUINT32, &count, NULL))
            return bad_line(error, "not a number of FIFOs", *text);
        g_array_append_val(settings->counts, count);
    }
    return TRUE;
}

/* Installed, it lies in the same folder; in a build, in one for tools. */
static char *find_fifoctl(const char *daemon)
{
    static const char *const places[] = {"fifoctl", "../bin/fifoctl", "../tools/fifoctl"};
    g_autofree char *folder = g_path_get_dirname(daemon);

    if (g_getenv("FIFOCTL_BIN") != NULL)
        return g_strdup(g_getenv("FIFOCTL_BIN"));
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(folder, places[i], NULL);

        if (access(path, X_OK) == 0)
            return g_steal_pointer(&path);
    }
    return NULL;
}

static gboolean take_daemon(Settings *settings, char **rest, GError **error)
{
    const char *path = rest != NULL ? rest[0] : g_getenv("FIFOFS_BIN");

    if (rest != NULL && rest[1] != NULL)
        return bad_line(error, "one binary is enough", rest[1]);
    if (path == NULL)
        return bad_line(error, "name the daemon's binary, here or in $FIFOFS_BIN", "FIFOFS");
    if (access(path, X_OK) < 0)
        return bad_line(error, "cannot be run", path);
    settings->daemon = g_canonicalize_filename(path, NULL);
    settings->fifoctl = find_fifoctl(settings->daemon);
    return TRUE;
}

static gboolean take_effort(Settings *settings, const Line *line, GError **error)
{
    const Effort *effort = line->quick ? &quick_effort : &normal_effort;

    settings->rounds = line->rounds > 0 ? (guint)line->rounds : effort->rounds;
    settings->sample_time = effort->sample_time;
    return take_counts(settings, effort, line->counts, error);
}

Settings *settings_parse(int argc, char **argv, GError **error)
{
    g_autoptr(Settings) settings = g_new0(Settings, 1);
    g_auto(Line) line = {0};

    settings->counts = g_array_new(FALSE, FALSE, sizeof(guint64));
    if (!line_read(&line, argc, argv, error))
        return NULL;
    if (line.rounds < 0 || line.rounds > MOST_ROUNDS) {
        bad_line(error, "from 1 to 1000, please", "--rounds");
        return NULL;
    }
    settings->list = line.list;
    settings->pin = line.pin;
    settings->json = g_steal_pointer(&line.json);
    /* A mount that can give FIFOs their capacity, which one of the modes is about. */
    settings->mount_options = line.mount_options == NULL
                                  ? g_strdup("trace")
                                  : g_strconcat("trace,", line.mount_options, NULL);
    settings->only = g_steal_pointer(&line.only);
    if (!take_effort(settings, &line, error))
        return NULL;
    if (!line.list && !take_daemon(settings, line.rest, error))
        return NULL;
    return g_steal_pointer(&settings);
}

void settings_free(Settings *settings)
{
    g_free(settings->daemon);
    g_free(settings->mount_options);
    g_free(settings->fifoctl);
    g_free(settings->json);
    g_strfreev(settings->only);
    g_array_unref(settings->counts);
    g_free(settings);
}

gboolean settings_want(const Settings *settings, const char *name)
{
    if (settings->only == NULL)
        return TRUE;
    for (char **glob = settings->only; *glob != NULL; glob++)
        if (g_pattern_match_simple(*glob, name))
            return TRUE;
    return FALSE;
}
