/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a configuration file.
 *
 * Either it is refused with one line that names the line, or: what it says comes out again as
 * `.fifofs/config` tells it, and the FIFOs that it declares can be made, as declared.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "daemon-checks.h"
#include "fs/configfile.h"
#include "fs/declared.h"

static void check_error(const GError *error, const char *path, guint n_lines)
{
    char *rest;

    check_usage_error(error);
    g_assert(g_str_has_prefix(error->message, path));
    rest = error->message + strlen(path);
    g_assert(*rest++ == ':');
    if (g_ascii_isdigit(*rest)) {
        guint64 line = g_ascii_strtoull(rest, &rest, 10);

        g_assert(line >= 1 && line <= MAX(n_lines, 1));
        g_assert(g_str_has_prefix(rest, ": "));
    }
}

static guint count_lines(const uint8_t *data, size_t size)
{
    guint n = size > 0 && data[size - 1] != '\n';

    for (size_t i = 0; i < size; i++)
        n += data[i] == '\n';
    return n;
}

static const FfNode *find_path(FfRegistry *registry, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    FfNode *node = ff_registry_root(registry);

    for (char **name = names; *name != NULL; name++)
        g_assert(ff_registry_lookup(registry, node, *name, &node) == 0);
    return node;
}

static void check_made(FfRegistry *registry, const FfDeclared *declared)
{
    const FfNode *node = find_path(registry, declared->path);
    FfPolicy wanted = *node->policy;
    GHashTableIter iter;
    gpointer key, value;

    g_assert(ff_node_is_fifo(node));
    g_assert(!declared->has_mode ||
             (node->mode & FF_MODE_BITS & ~S_ISVTX) == (declared->mode & ~(mode_t)S_ISVTX));
    g_assert(!declared->has_owner || node->uid == declared->owner);
    g_assert(!declared->has_group || node->gid == declared->group);
    g_hash_table_iter_init(&iter, declared->policy);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_assert(ff_policy_set(&wanted, key, value) == 0);
        g_assert(ff_policy_equal_in(node->policy, &wanted, key));
    }
}

/* Made twice, as on a reload: the second time all is there already. */
static void make_declared(const FfOptions *options)
{
    g_autoptr(FfRegistry) registry = ff_registry_new(&options->registry, &fuzz_clock);

    for (int i = 0; i < 2; i++) {
        g_autoptr(GArray) changed = g_array_new(FALSE, FALSE, sizeof(guint64));

        ff_declared_make(options->declared, registry, NULL, changed);
        for (guint k = 0; k < options->declared->len; k++)
            check_made(registry, options->declared->pdata[k]);
        g_assert(ff_registry_n_fifos(registry) == options->declared->len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(FfOptions) options = ff_options_new();
    g_autoptr(GError) error = NULL;
    const char *path = fuzz_file(data, size);

    options->config = g_strdup(path);
    if (!ff_config_load(path, options, &error) || !ff_options_settle(options, &error)) {
        /* What is wrong with the options as a whole is in no one line. */
        if (error != NULL && g_str_has_prefix(error->message, path))
            check_error(error, path, count_lines(data, size));
        else
            check_usage_error(error);
        return 0;
    }
    g_assert(error == NULL);
    check_config_text(options);
    make_declared(options);
    return 0;
}
