/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "declared.h"

#include <errno.h>
#include <string.h>

#include "control.h"
#include "options.h"
#include "parse.h"

#define GROUP_PREFIX "pipe \""
#define GROUP_SUFFIX "\""

/* Ceiling and floor make the rest of it. In such a directory its owner alone makes further names. */
#define FIFO_MODE      0666
#define DIRECTORY_MODE 0755

static void declared_free(gpointer data)
{
    FfDeclared *declared = data;

    g_free(declared->path);
    g_hash_table_unref(declared->policy);
    g_free(declared);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfDeclared, declared_free)

GPtrArray *ff_declared_list_new(void)
{
    return g_ptr_array_new_with_free_func(declared_free);
}

/* --- reading --- */

static gboolean is_good_name(const char *name, gboolean first)
{
    gsize length = strlen(name);

    return length > 0 && length <= FF_NAME_MAX && !g_str_equal(name, ".") &&
           !g_str_equal(name, "..") && !(first && g_str_equal(name, FF_CONTROL_DIRECTORY));
}

static gboolean is_good_path(const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);

    for (guint i = 0; names[i] != NULL; i++)
        if (!is_good_name(names[i], i == 0))
            return FALSE;
    return names[0] != NULL;
}

FfDeclared *ff_declared_new(const char *group, GError **error)
{
    g_autoptr(FfDeclared) declared = g_new0(FfDeclared, 1);
    gsize length = strlen(group);
    g_autofree char *quoted = NULL;

    declared->policy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (length < strlen(GROUP_PREFIX GROUP_SUFFIX) || !g_str_has_prefix(group, GROUP_PREFIX) ||
        !g_str_has_suffix(group, GROUP_SUFFIX)) {
        ff_options_fail(
            error, "unknown section [%s]: write [" FF_CONFIG_GROUP "] or [pipe \"PATH\"]", group);
        return NULL;
    }
    quoted = g_strndup(group + strlen(GROUP_PREFIX), length - strlen(GROUP_PREFIX GROUP_SUFFIX));
    declared->path = g_strcompress(quoted);
    if (!is_good_path(declared->path)) {
        ff_options_fail(error,
                        "no FIFO can be called '%s': write names with a '/' between them, "
                        "as build/log",
                        declared->path);
        return NULL;
    }
    g_hash_table_insert(declared->policy, g_strdup("lifetime"),
                        g_strdup(ff_lifetime_name(FF_LIFETIME_KEEP)));
    return g_steal_pointer(&declared);
}

static gboolean take_mode(FfDeclared *declared, const char *value, GError **error)
{
    declared->has_mode = TRUE;
    return ff_parse_mode(value, &declared->mode) ||
           ff_options_fail(error, "bad mode '%s': write an octal mode such as 0660", value);
}

static gboolean take_owner(FfDeclared *declared, const char *value, GError **error)
{
    declared->has_owner = TRUE;
    return ff_parse_user(value, &declared->owner) ||
           ff_options_fail(error, "no user '%s': write the name or number of a user", value);
}

static gboolean take_group(FfDeclared *declared, const char *value, GError **error)
{
    declared->has_group = TRUE;
    return ff_parse_group(value, &declared->group) ||
           ff_options_fail(error, "no group '%s': write the name or number of a group", value);
}

/* It has no creator whose end could be waited for. */
static gboolean needs_creator(const FfPolicy *policy)
{
    return policy->lifetime == FF_LIFETIME_PROCESS || policy->lifetime == FF_LIFETIME_SESSION;
}

static gboolean take_policy(FfDeclared *declared, const char *key, const char *value,
                            GError **error)
{
    FfPolicy policy = ff_policy_default;

    if (ff_policy_set(&policy, key, value) < 0)
        return ff_options_fail(error, "bad value '%s' for '%s': see fifofs.conf(5)", value, key);
    if (needs_creator(&policy))
        return ff_options_fail(error,
                               "lifetime '%s' is that of a process which creates the FIFO, "
                               "and a declared one has none: write keep, auto or use",
                               value);
    g_hash_table_replace(declared->policy, g_strdup(key), g_strdup(value));
    return TRUE;
}

gboolean ff_declared_take(FfDeclared *declared, const char *key, const char *value, GError **error)
{
    if (g_str_equal(key, "mode"))
        return take_mode(declared, value, error);
    if (g_str_equal(key, "owner"))
        return take_owner(declared, value, error);
    if (g_str_equal(key, "group"))
        return take_group(declared, value, error);
    if (ff_policy_has_key(key))
        return take_policy(declared, key, value, error);
    return ff_options_fail(error, "unknown key '%s' for a FIFO: see fifofs.conf(5)", key);
}

/* --- do they go together? --- */

static gboolean check_one(const FfDeclared *declared, const FfRegistryOptions *options,
                          GError **error)
{
    const FfModes *modes = &options->modes;

    if (declared->has_mode && !ff_modes_allow(modes, S_IFIFO, declared->mode))
        return ff_options_fail(error,
                               "mode %04o of '%s' is not between the mount's floor %04o and "
                               "ceiling %04o",
                               declared->mode, declared->path, modes->fifo_floor,
                               modes->fifo_ceiling);
    if ((declared->has_owner && options->fix_uid && declared->owner != options->uid) ||
        (declared->has_group && options->fix_gid && declared->group != options->gid))
        return ff_options_fail(error,
                               "'%s' has another owner than the mount's uid= and gid= give "
                               "to all: leave it out",
                               declared->path);
    return TRUE;
}

/* A FIFO cannot be a directory of another too. */
static gboolean check_parents(const FfDeclared *declared, GHashTable *paths, GError **error)
{
    g_autofree char *path = g_strdup(declared->path);

    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (g_hash_table_contains(paths, path))
            return ff_options_fail(error, "'%s' is declared as a FIFO, so '%s' cannot be in it",
                                   path, declared->path);
    }
    return TRUE;
}

static GHashTable *paths_of(const GPtrArray *list)
{
    GHashTable *paths = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < list->len; i++)
        g_hash_table_add(paths, ((const FfDeclared *)list->pdata[i])->path);
    return paths;
}

gboolean ff_declared_check(const GPtrArray *list, const char *file,
                           const FfRegistryOptions *options, GError **error)
{
    g_autoptr(GHashTable) paths = paths_of(list), seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < list->len; i++) {
        FfDeclared *declared = list->pdata[i];
        gboolean good = TRUE;

        if (!g_hash_table_add(seen, declared->path))
            good = ff_options_fail(error, "'%s' is declared twice", declared->path);
        if (!good || !check_one(declared, options, error) ||
            !check_parents(declared, paths, error)) {
            g_prefix_error(error, "%s:%u: ", file, declared->line);
            return FALSE;
        }
    }
    return TRUE;
}

/* --- making --- */

typedef struct {
    FfRegistry *registry;
    FfWatch *watch;
    GArray *changed;
} Making;

static void note_changed(const Making *making, const FfNode *node)
{
    g_array_append_val(making->changed, node->id);
}

static int create(const Making *making, FfNode *directory, const char *name, mode_t mode,
                  FfNode **node)
{
    const FfRegistryOptions *options = ff_registry_options(making->registry);
    FfNewNode wanted = {
        .mode = mode, .uid = options->root_uid, .gid = options->root_gid, .exempt = TRUE};
    int r;

    if (S_ISFIFO(mode))
        ff_watch_expect(making->watch, directory);
    r = ff_registry_create(making->registry, directory, name, &wanted, node);
    if (r == 0)
        note_changed(making, directory);
    return r;
}

/* What has the name, made where nothing has. Return: 0 or -errno. */
static int find_or_create(const Making *making, FfNode *directory, const char *name, mode_t mode,
                          FfNode **node)
{
    int r = ff_registry_lookup(making->registry, directory, name, node);

    return r == -ENOENT ? create(making, directory, name, mode, node) : r;
}

static int find_or_make(const Making *making, const char *path, FfNode **node)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    FfNode *directory = ff_registry_root(making->registry);
    guint i;

    for (i = 0; names[i + 1] != NULL; i++) {
        int r = find_or_create(making, directory, names[i], S_IFDIR | DIRECTORY_MODE, &directory);

        if (r < 0)
            return r;
        if (ff_node_is_fifo(directory))
            return -ENOTDIR;
    }
    return find_or_create(making, directory, names[i], S_IFIFO | FIFO_MODE, node);
}

static mode_t mode_of(const FfDeclared *declared, const FfRegistryOptions *options)
{
    return declared->has_mode ? declared->mode : ff_modes_new(&options->modes, S_IFIFO, FIFO_MODE);
}

static uid_t owner_of(const FfDeclared *declared, const FfRegistryOptions *options)
{
    if (declared->has_owner)
        return declared->owner;
    return options->fix_uid ? options->uid : options->root_uid;
}

static gid_t group_of(const FfDeclared *declared, const FfRegistryOptions *options,
                      const FfNode *node)
{
    if (declared->has_group)
        return declared->group;
    if ((node->parent->mode & S_ISGID) != 0)
        return node->parent->gid;
    return options->fix_gid ? options->gid : options->root_gid;
}

static void enforce_attributes(const Making *making, const FfDeclared *declared, FfNode *node)
{
    const FfRegistryOptions *options = ff_registry_options(making->registry);
    FfAttributes wanted = {
        .mode = mode_of(declared, options),
        .uid = owner_of(declared, options),
        .gid = group_of(declared, options, node),
        .exempt = TRUE,
    };
    int r;

    wanted.set_mode = (node->mode & FF_MODE_BITS) != wanted.mode;
    wanted.set_uid = node->uid != wanted.uid;
    wanted.set_gid = node->gid != wanted.gid;
    if (!wanted.set_mode && !wanted.set_uid && !wanted.set_gid)
        return;
    r = ff_registry_set_attributes(making->registry, node, &wanted);
    if (r < 0)
        g_warning("pipe '%s': cannot set mode and owner: %s", declared->path, g_strerror(-r));
    note_changed(making, node);
}

/* The value for the FIFO, NULL for its directory's. */
static void enforce_value(const Making *making, FfNode *node, const char *key, const char *value)
{
    FfPolicy wanted = *node->parent->policy;

    if (value != NULL)
        ff_policy_set(&wanted, key, value);
    if (!ff_policy_equal_in(node->policy, &wanted, key))
        ff_registry_set_policy(making->registry, node, key, value);
}

static void enforce(const Making *making, const FfDeclared *declared, FfNode *node)
{
    enforce_attributes(making, declared, node);
    for (guint i = 0; ff_policy_keys[i] != NULL; i++)
        enforce_value(making, node, ff_policy_keys[i],
                      g_hash_table_lookup(declared->policy, ff_policy_keys[i]));
}

void ff_declared_make(const GPtrArray *list, FfRegistry *registry, FfWatch *watch, GArray *changed)
{
    Making making = {registry, watch, changed};

    for (guint i = 0; i < list->len; i++) {
        const FfDeclared *declared = list->pdata[i];
        FfNode *node;
        int r = find_or_make(&making, declared->path, &node);

        if (r == 0 && !ff_node_is_fifo(node))
            r = -EISDIR;
        if (r == 0)
            enforce(&making, declared, node);
        else
            g_warning("pipe '%s' cannot be made: %s: remove what has the name, and reload",
                      declared->path, g_strerror(-r));
    }
}

static FfNode *find(FfRegistry *registry, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    FfNode *node = ff_registry_root(registry);

    for (char **name = names; *name != NULL; name++)
        if (ff_node_is_fifo(node) || ff_registry_lookup(registry, node, *name, &node) < 0)
            return NULL;
    return ff_node_is_fifo(node) ? node : NULL;
}

void ff_declared_let_go(const GPtrArray *former, const GPtrArray *list, FfRegistry *registry)
{
    g_autoptr(GHashTable) paths = paths_of(list);

    for (guint i = 0; i < former->len; i++) {
        const FfDeclared *declared = former->pdata[i];
        FfNode *node = g_hash_table_contains(paths, declared->path)
                           ? NULL
                           : find(registry, declared->path);

        for (guint k = 0; node != NULL && ff_policy_keys[k] != NULL; k++)
            ff_registry_set_policy(registry, node, ff_policy_keys[k], NULL);
    }
}
