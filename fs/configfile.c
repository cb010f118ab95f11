/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "configfile.h"

#include <errno.h>
#include <string.h>

#include "config.h"
#include "declared.h"

#define SUFFIX ".conf"

/* More than anybody writes by hand; what is larger is some other file. */
#define MAX_BYTES (8 * 1024 * 1024)

gboolean ff_config_is_name(const char *name)
{
    return *name != '\0' && *name != '.' && strchr(name, '/') == NULL;
}

/* Where NAME.conf is looked for, the first first: root's own directory is that of the system. */
static GPtrArray *directories(void)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);

    if (ff_privileges_mounter() != 0)
        g_ptr_array_add(found, g_build_filename(g_get_user_config_dir(), "fifofs", NULL));
    g_ptr_array_add(found, g_strdup(FIFOFS_SYSCONFDIR "/fifofs"));
    return found;
}

static char *find_name(const char *name, GError **error)
{
    g_autoptr(GPtrArray) places = directories();
    g_autofree char *file = g_strconcat(name, SUFFIX, NULL);

    for (guint i = 0; i < places->len; i++) {
        g_autofree char *path = g_build_filename(places->pdata[i], file, NULL);

        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&path);
    }
    ff_options_fail(error, "no configuration '%s': write %s/%s, or give a path with a '/' in it",
                    name, (const char *)places->pdata[0], file);
    return NULL;
}

char *ff_config_find(const char *text, const char *directory, GError **error)
{
    if (strchr(text, '/') != NULL)
        return g_canonicalize_filename(text, directory);
    if (!ff_config_is_name(text)) {
        ff_options_fail(
            error, "'%s' is no configuration: give its name, or a path with a '/' in it", text);
        return NULL;
    }
    return find_name(text, error);
}

/* --- which line? --- */

typedef struct {
    const char *text;
    /* Where each line begins, and where the last one ends. */
    GArray *starts;
} Lines;

static Lines lines_of(const char *text)
{
    Lines lines = {text, g_array_new(FALSE, FALSE, sizeof(gsize))};
    gsize at = 0;

    g_array_append_val(lines.starts, at);
    while (text[at] != '\0') {
        at += strcspn(text + at, "\n");
        at += text[at] == '\n';
        g_array_append_val(lines.starts, at);
    }
    return lines;
}

/* NULL for the key and the group: whatever makes the file unreadable. */
static gboolean have_reached(const Lines *lines, guint n_lines, const char *group, const char *key)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    gsize length = g_array_index(lines->starts, gsize, n_lines);

    if (!g_key_file_load_from_data(file, lines->text, length, G_KEY_FILE_NONE, NULL))
        return length > 0;
    return key != NULL && g_key_file_has_key(file, group, key, NULL);
}

/* The number of the first line with which it is so. What is so of some lines is so of more. */
static guint line_of(const char *text, const char *group, const char *key)
{
    Lines lines = lines_of(text);
    g_autoptr(GArray) starts = lines.starts;
    guint low = 0, high = starts->len - 1;

    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (have_reached(&lines, middle, group, key))
            high = middle;
        else
            low = middle;
    }
    return MAX(high, 1);
}

/* Group to the number of the line that it begins with; the latter as a pointer. */
static GHashTable *lines_of_groups(const char *text)
{
    GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);
        /* GKeyFile has let pass what it lets pass behind it. */
        const char *end = *line == '[' ? strchr(line, ']') : NULL;
        g_autofree char *group = NULL;

        if (end == NULL)
            continue;
        group = g_strndup(line + 1, (gsize)(end - line - 1));
        if (!g_hash_table_contains(found, group))
            g_hash_table_insert(found, g_steal_pointer(&group), GUINT_TO_POINTER(i + 1));
    }
    return found;
}

/* --- what does it say? --- */

typedef struct {
    const char *path;
    const char *text;
    GKeyFile *file;
    GHashTable *lines_of_groups;
    FfOptions *options;
} Reading;

/*
 * Put the place of a key in front of what is wrong with it; NULL twice for what makes the file
 * unreadable. Return: FALSE.
 */
static gboolean at_line(const Reading *reading, const char *group, const char *key, GError **error)
{
    g_prefix_error(error, "%s:%u: ", reading->path, line_of(reading->text, group, key));
    return FALSE;
}

static gboolean take_mountpoint(FfOptions *options, const char *value, GError **error)
{
    /* GKeyFile lists a key as often as it is written. */
    g_clear_pointer(&options->mountpoint, g_free);
    if (g_str_has_prefix(value, "~/"))
        options->mountpoint = g_build_filename(g_get_home_dir(), value + 2, NULL);
    else if (g_path_is_absolute(value))
        options->mountpoint = g_strdup(value);
    else
        return ff_options_fail(error, "mountpoint '%s': write a path that begins with '/' or '~/'",
                               value);
    return TRUE;
}

static gboolean take_flag(FfOptions *options, const char *key, const char *value, GError **error)
{
    if (g_str_equal(value, "false"))
        return TRUE;
    if (!g_str_equal(value, "true"))
        return ff_options_fail(error, "bad value '%s' for option '%s': write true or false", value,
                               key);
    return ff_options_take(options, key, NULL, error);
}

static gboolean take_option(const Reading *reading, const char *key, GError **error)
{
    FfOptions *options = reading->options;
    g_autoptr(GError) bad_text = NULL;
    g_autofree char *value = g_key_file_get_string(reading->file, FF_CONFIG_GROUP, key, &bad_text);

    if (value == NULL)
        return ff_options_fail(error, "%s", bad_text->message);
    /* What was read from .fifofs/config may be written back. */
    if (g_str_equal(key, FF_CONFIG_VERSION) || g_str_equal(key, FF_CONFIG_SANDBOX) ||
        g_str_equal(key, FF_OPTION_CONFIG))
        return TRUE;
    if (g_str_equal(key, FF_CONFIG_MOUNTPOINT))
        return take_mountpoint(options, value, error);
    if (ff_options_is_flag(key))
        return take_flag(options, key, value, error);
    return ff_options_take(options, key, value, error);
}

static gboolean take_options(const Reading *reading, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(reading->file, FF_CONFIG_GROUP, NULL, NULL);

    for (char **key = keys; key != NULL && *key != NULL; key++)
        if (!take_option(reading, *key, error))
            return at_line(reading, FF_CONFIG_GROUP, *key, error);
    return TRUE;
}

static gboolean take_declared_key(const Reading *reading, FfDeclared *declared, const char *group,
                                  const char *key, GError **error)
{
    g_autoptr(GError) bad_text = NULL;
    g_autofree char *value = g_key_file_get_string(reading->file, group, key, &bad_text);

    if (value == NULL)
        return ff_options_fail(error, "%s", bad_text->message);
    return ff_declared_take(declared, key, value, error);
}

static gboolean take_declared(const Reading *reading, const char *group, GError **error)
{
    guint line = GPOINTER_TO_UINT(g_hash_table_lookup(reading->lines_of_groups, group));
    FfDeclared *declared = ff_declared_new(group, error);
    g_auto(GStrv) keys = NULL;

    if (declared == NULL) {
        g_prefix_error(error, "%s:%u: ", reading->path, line);
        return FALSE;
    }
    declared->line = line;
    g_ptr_array_add(reading->options->declared, declared);
    keys = g_key_file_get_keys(reading->file, group, NULL, NULL);
    for (char **key = keys; key != NULL && *key != NULL; key++)
        if (!take_declared_key(reading, declared, group, *key, error))
            return at_line(reading, group, *key, error);
    return TRUE;
}

static gboolean take_groups(const Reading *reading, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(reading->file, NULL);

    for (char **group = groups; *group != NULL; group++) {
        if (g_str_equal(*group, FF_CONFIG_GROUP)) {
            if (!take_options(reading, error))
                return FALSE;
        } else if (!take_declared(reading, *group, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_text(const char *path, char **text, gsize *length, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (!g_file_get_contents(path, text, length, &failure))
        return ff_options_fail(error, "%s", failure->message);
    if (*length > MAX_BYTES || strlen(*text) != *length)
        return ff_options_fail(error, "%s: this is no configuration file: see fifofs.conf(5)",
                               path);
    return TRUE;
}

gboolean ff_config_load(const char *path, FfOptions *options, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;

    return read_text(path, &text, &length, error) && ff_config_take(path, text, options, error);
}

gboolean ff_config_take(const char *path, const char *text, FfOptions *options, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) failure = NULL;
    g_autoptr(GHashTable) groups = NULL;
    Reading reading = {.path = path, .text = text, .file = file, .options = options};

    g_free(options->config_text);
    options->config_text = g_strdup(text);
    reading.lines_of_groups = groups = lines_of_groups(text);
    if (*text == '\0')
        return TRUE;
    if (!g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, &failure)) {
        ff_options_fail(error, "%s", failure->message);
        return at_line(&reading, NULL, NULL, error);
    }
    return take_groups(&reading, error);
}
