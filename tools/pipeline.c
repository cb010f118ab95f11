/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline.h"

#include <limits.h>
#include <string.h>

#include "message.h"

static void stage_free(gpointer data)
{
    Stage *stage = data;

    g_strfreev(stage->ins);
    g_strfreev(stage->outs);
    g_strfreev(stage->command);
    g_free(stage);
}

static void line_free(gpointer data)
{
    Line *line = data;

    g_free(line->name);
    g_ptr_array_unref(line->writers);
    g_free(line);
}

Pipeline *pipeline_new(void)
{
    Pipeline *pipeline = g_new0(Pipeline, 1);

    pipeline->stages = g_ptr_array_new_with_free_func(stage_free);
    pipeline->lines = g_ptr_array_new_with_free_func(line_free);
    return pipeline;
}

void pipeline_free(Pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    g_ptr_array_unref(pipeline->lines);
    g_ptr_array_unref(pipeline->stages);
    g_free(pipeline);
}

void pipeline_add(Pipeline *pipeline, GStrv ins, GStrv outs, GStrv command)
{
    Stage *stage = g_new0(Stage, 1);

    *stage = (Stage){
        .number = pipeline->stages->len + 1,
        .ins = ins == NULL ? g_new0(char *, 1) : ins,
        .outs = outs == NULL ? g_new0(char *, 1) : outs,
        .command = command,
        .standard_in = PIPELINE_NONE,
        .standard_out = PIPELINE_NONE,
    };
    g_ptr_array_add(pipeline->stages, stage);
}

int pipeline_find(const Pipeline *pipeline, const char *name)
{
    for (guint i = 0; i < pipeline->lines->len; i++)
        if (strcmp(pipeline_line(pipeline, i)->name, name) == 0)
            return (int)i;
    return PIPELINE_NONE;
}

/* --- {NAME} --- */

/*
 * The longest name of the pipeline that stands here in braces. Names may have braces in them, so
 * the first '}' need not be the end. Return: an index, or PIPELINE_NONE.
 */
static int braced_at(const Pipeline *pipeline, const char *text)
{
    int found = PIPELINE_NONE;
    gsize longest = 0;

    for (guint i = 0; *text == '{' && i < pipeline->lines->len; i++) {
        const char *name = pipeline_line(pipeline, i)->name;
        gsize length = strlen(name);

        if (length > longest && strncmp(text + 1, name, length) == 0 && text[length + 1] == '}') {
            found = (int)i;
            longest = length;
        }
    }
    return found;
}

typedef struct {
    const Pipeline *pipeline;
    const char *directory;
    GString *out;
    /* Called for each {NAME} that stands for a FIFO. */
    void (*met)(int line, gpointer data);
    gpointer data;
} Substitution;

/* Return: how long the {NAME} is that is meant itself, because {{NAME}} stands here; or 0. */
static gsize literal_at(const Pipeline *pipeline, const char *text)
{
    int line = *text == '{' ? braced_at(pipeline, text + 1) : PIPELINE_NONE;
    gsize length = line < 0 ? 0 : strlen(pipeline_line(pipeline, (guint)line)->name) + 2;

    return length > 0 && text[1 + length] == '}' ? length : 0;
}

/* Braces around anything else mean nothing. */
static void substitute(const Substitution *substitution, const char *text)
{
    while (*text != '\0') {
        gsize literal = literal_at(substitution->pipeline, text);
        int line = literal > 0 ? PIPELINE_NONE : braced_at(substitution->pipeline, text);

        if (literal > 0) {
            g_string_append_len(substitution->out, text + 1, (gssize)literal);
            text += literal + 2;
        } else if (line >= 0) {
            const char *name = pipeline_line(substitution->pipeline, (guint)line)->name;

            g_string_append_printf(substitution->out, "%s/%s", substitution->directory, name);
            if (substitution->met != NULL)
                substitution->met(line, substitution->data);
            text += strlen(name) + 2;
        } else {
            g_string_append_c(substitution->out, *text++);
        }
    }
}

GStrv pipeline_words(const Pipeline *pipeline, const Stage *stage, const char *directory)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();

    for (char **word = stage->command; *word != NULL; word++) {
        g_autoptr(GString) out = g_string_new(NULL);

        substitute(&(Substitution){pipeline, directory, out, NULL, NULL}, *word);
        g_strv_builder_add(words, out->str);
    }
    return g_strv_builder_end(words);
}

static void note_line(int line, gpointer data)
{
    g_hash_table_add(data, GINT_TO_POINTER(line));
}

/* Return: a set of the FIFOs that the command gets by their paths. */
static GHashTable *lines_by_path(const Pipeline *pipeline, const Stage *stage)
{
    GHashTable *met = g_hash_table_new(NULL, NULL);

    for (char **word = stage->command; *word != NULL; word++) {
        g_autoptr(GString) out = g_string_new(NULL);

        substitute(&(Substitution){pipeline, "", out, note_line, met}, *word);
    }
    return met;
}

/* --- checks --- */

/* Always returns FALSE. */
static gboolean complain(const Stage *stage, const char *what, const char *name, const char *advice)
{
    g_autofree char *where = stage == NULL ? g_strdup(what)
                                           : g_strdup_printf("stage %u: %s", stage->number, what);

    message_error(where, name, advice);
    return FALSE;
}

static gboolean check_name(const Stage *stage, const char *name)
{
    if (*name == '\0' || strchr(name, '/') != NULL || g_str_equal(name, ".") ||
        g_str_equal(name, ".."))
        return complain(stage, "not a name for a FIFO", name, "it is one name without slashes");
    return strlen(name) <= NAME_MAX ||
           complain(stage, "name too long", name, "it may have 255 bytes");
}

static Line *line_of(Pipeline *pipeline, const char *name)
{
    int found = pipeline_find(pipeline, name);
    Line *line;

    if (found >= 0)
        return g_ptr_array_index(pipeline->lines, (guint)found);
    line = g_new0(Line, 1);
    line->name = g_strdup(name);
    line->writers = g_ptr_array_new();
    g_ptr_array_add(pipeline->lines, line);
    return line;
}

static gboolean add_writer(Pipeline *pipeline, const Stage *stage, const char *name)
{
    Line *line;

    if (!check_name(stage, name))
        return FALSE;
    line = line_of(pipeline, name);
    if (g_ptr_array_find(line->writers, stage, NULL))
        return complain(stage, "written twice", name, "name it in one --out");
    g_ptr_array_add(line->writers, (gpointer)stage);
    return TRUE;
}

static gboolean add_reader(Pipeline *pipeline, const Stage *stage, const char *name)
{
    Line *line;

    if (!check_name(stage, name))
        return FALSE;
    line = line_of(pipeline, name);
    if (line->reader != NULL)
        return complain(stage, "a second --in", name,
                        "each byte would go to one of them only; give each a FIFO of its own, as "
                        "with 'tee {a}'");
    line->reader = stage;
    return TRUE;
}

static gboolean connect(Pipeline *pipeline, const Stage *stage)
{
    for (char **name = stage->ins; *name != NULL; name++)
        if (!add_reader(pipeline, stage, *name))
            return FALSE;
    for (char **name = stage->outs; *name != NULL; name++)
        if (!add_writer(pipeline, stage, *name))
            return FALSE;
    return TRUE;
}

static gboolean check_line(const Line *line)
{
    if (line->reader == NULL)
        return complain(NULL, "nothing reads", line->name, "give a stage --in with this name");
    return line->writers->len > 0 ||
           complain(NULL, "nothing writes", line->name, "give a stage --out with this name");
}

static gboolean check_paths(const Pipeline *pipeline, const Stage *stage, GHashTable *by_path)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, by_path);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const char *name = pipeline_line(pipeline, (guint)GPOINTER_TO_INT(key))->name;

        if (!g_strv_contains((const char *const *)stage->ins, name) &&
            !g_strv_contains((const char *const *)stage->outs, name))
            return complain(stage, "{...} without --in or --out", name,
                            "add it, or double the braces where they mean themselves");
    }
    return TRUE;
}

/* The one FIFO of @names that has no path in the command. Return: FALSE where there are several. */
static gboolean find_standard(const Pipeline *pipeline, const Stage *stage, GStrv names,
                              GHashTable *by_path, int *standard)
{
    for (char **name = names; *name != NULL; name++) {
        int line = pipeline_find(pipeline, *name);

        if (g_hash_table_contains(by_path, GINT_TO_POINTER(line)))
            continue;
        if (*standard != PIPELINE_NONE)
            return complain(stage, "the command does not say where it takes", *name,
                            "write {NAME} into its arguments; only one can do without");
        *standard = line;
    }
    return TRUE;
}

static gboolean assign(const Pipeline *pipeline, Stage *stage)
{
    g_autoptr(GHashTable) by_path = lines_by_path(pipeline, stage);

    return check_paths(pipeline, stage, by_path) &&
           find_standard(pipeline, stage, stage->ins, by_path, &stage->standard_in) &&
           find_standard(pipeline, stage, stage->outs, by_path, &stage->standard_out);
}

static gboolean is_fed(const Pipeline *pipeline, const Stage *stage, const gboolean *done)
{
    for (char **name = stage->ins; *name != NULL; name++) {
        const Line *line = pipeline_line(pipeline, (guint)pipeline_find(pipeline, *name));

        for (guint i = 0; i < line->writers->len; i++)
            if (!done[((const Stage *)g_ptr_array_index(line->writers, i))->number - 1])
                return FALSE;
    }
    return TRUE;
}

/* Take away stages that only stages taken away before feed. What remains waits for itself. */
static gboolean check_loops(const Pipeline *pipeline)
{
    g_autofree gboolean *done = g_new0(gboolean, pipeline->stages->len);
    gboolean changed = TRUE;

    while (changed) {
        changed = FALSE;
        for (guint i = 0; i < pipeline->stages->len; i++)
            if (!done[i] && is_fed(pipeline, pipeline_stage(pipeline, i), done))
                changed = done[i] = TRUE;
    }
    for (guint i = 0; i < pipeline->stages->len; i++)
        if (!done[i])
            return complain(pipeline_stage(pipeline, i), "a loop",
                            pipeline_stage(pipeline, i)->ins[0],
                            "what it reads comes from itself, so it would never end");
    return TRUE;
}

gboolean pipeline_check(Pipeline *pipeline)
{
    for (guint i = 0; i < pipeline->stages->len; i++)
        if (!connect(pipeline, pipeline_stage(pipeline, i)))
            return FALSE;
    for (guint i = 0; i < pipeline->lines->len; i++)
        if (!check_line(pipeline_line(pipeline, i)))
            return FALSE;
    for (guint i = 0; i < pipeline->stages->len; i++)
        if (!assign(pipeline, g_ptr_array_index(pipeline->stages, i)))
            return FALSE;
    return check_loops(pipeline);
}
