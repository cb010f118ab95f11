/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "directory.h"

static void node_free(gpointer data)
{
    ModelNode *node = data;

    g_free(node->name);
    g_free(node);
}

Model *model_new(void)
{
    Model *model = g_new0(Model, 1);

    model->nodes = g_ptr_array_new_with_free_func(node_free);
    model_add(model, FF_ROOT_ID, FALSE, 0, "", 0);
    return model;
}

void model_free(Model *model)
{
    g_ptr_array_unref(model->nodes);
    g_free(model);
}

ModelNode *model_find(const Model *model, guint64 id)
{
    for (guint i = 0; i < model->nodes->len; i++) {
        ModelNode *node = model->nodes->pdata[i];

        if (node->id == id)
            return node;
    }
    return NULL;
}

ModelNode *model_child(const Model *model, guint64 parent, const char *name)
{
    for (guint i = 0; i < model->nodes->len; i++) {
        ModelNode *node = model->nodes->pdata[i];

        if (node->parent == parent && strcmp(node->name, name) == 0)
            return node;
    }
    return NULL;
}

gboolean model_is_linked(const ModelNode *node)
{
    return node->parent != 0 || node->id == FF_ROOT_ID;
}

guint model_n_children(const Model *model, guint64 parent)
{
    guint n = 0;

    for (guint i = 0; i < model->nodes->len; i++)
        n += ((const ModelNode *)model->nodes->pdata[i])->parent == parent;
    return n;
}

guint model_n_names(const Model *model, gboolean is_fifo, const uid_t *uid)
{
    guint n = 0;

    for (guint i = 0; i < model->nodes->len; i++) {
        const ModelNode *node = model->nodes->pdata[i];

        n += node->parent != 0 && node->is_fifo == is_fifo && (uid == NULL || node->uid == *uid);
    }
    return n;
}

/* --- what must be answered --- */

static gboolean is_too_long(const char *name)
{
    return strlen(name) > 255;
}

static gboolean may_remove(const ModelNode *directory, const ModelNode *node, uid_t caller)
{
    return caller == 0 || caller == node->uid || caller == directory->uid;
}

static gboolean is_below(const Model *model, const ModelNode *node, const ModelNode *ancestor)
{
    for (; node != NULL; node = model_find(model, node->parent))
        if (node == ancestor)
            return TRUE;
    return FALSE;
}

int model_create_result(const Model *model, const ModelNode *directory, const char *name)
{
    if (is_too_long(name))
        return -ENAMETOOLONG;
    if (model_child(model, directory->id, name) != NULL)
        return -EEXIST;
    return model_is_linked(directory) ? 0 : -ENOENT;
}

int model_remove_result(const Model *model, const ModelNode *directory, const char *name,
                        gboolean is_rmdir, uid_t caller)
{
    const ModelNode *node = model_child(model, directory->id, name);

    if (is_too_long(name))
        return -ENAMETOOLONG;
    if (node == NULL)
        return -ENOENT;
    if (!may_remove(directory, node, caller))
        return -EPERM;
    if (!is_rmdir)
        return node->is_fifo ? 0 : -EISDIR;
    if (node->is_fifo)
        return -ENOTDIR;
    return model_n_children(model, node->id) > 0 ? -ENOTEMPTY : 0;
}

static gboolean may_exchange(const Model *model, const ModelNode *from, const ModelNode *node,
                             const ModelNode *to, const ModelNode *target)
{
    return !is_below(model, to, node) && !is_below(model, from, target);
}

static gboolean may_replace(const Model *model, const ModelNode *node, const ModelNode *target)
{
    return node->is_fifo == target->is_fifo &&
           (node->is_fifo || model_n_children(model, target->id) == 0);
}

gboolean model_may_rename(const Model *model, const ModelNode *from, const char *from_name,
                          const ModelNode *to, const char *to_name, guint flags, uid_t caller)
{
    const ModelNode *node = model_child(model, from->id, from_name);
    const ModelNode *target = model_child(model, to->id, to_name);

    if (flags > RENAME_EXCHANGE || is_too_long(to_name) || node == NULL || !model_is_linked(to))
        return FALSE;
    if (target != NULL && flags == RENAME_NOREPLACE)
        return FALSE;
    if (node == target)
        return TRUE;
    if (!may_remove(from, node, caller) || (target != NULL && !may_remove(to, target, caller)))
        return FALSE;
    if (flags == RENAME_EXCHANGE)
        return target != NULL && may_exchange(model, from, node, to, target);
    return !is_below(model, to, node) && (target == NULL || may_replace(model, node, target));
}

/* --- what changes --- */

ModelNode *model_add(Model *model, guint64 id, gboolean is_fifo, guint64 parent, const char *name,
                     uid_t uid)
{
    ModelNode *node = g_new0(ModelNode, 1);

    node->id = id;
    node->is_fifo = is_fifo;
    node->parent = parent;
    node->name = g_strdup(name);
    node->uid = uid;
    g_ptr_array_add(model->nodes, node);
    return node;
}

static void remove_if_unknown(Model *model, ModelNode *node)
{
    if (!model_is_linked(node) && node->lookups == 0)
        g_ptr_array_remove(model->nodes, node);
}

void model_unlink(Model *model, ModelNode *node)
{
    node->parent = 0;
    remove_if_unknown(model, node);
}

static void put(ModelNode *node, const ModelNode *directory, const char *name)
{
    g_free(node->name);
    node->name = g_strdup(name);
    node->parent = directory->id;
}

void model_rename(Model *model, ModelNode *from, const char *from_name, ModelNode *to,
                  const char *to_name, guint flags)
{
    ModelNode *node = model_child(model, from->id, from_name);
    ModelNode *target = model_child(model, to->id, to_name);

    if (node == target)
        return;
    put(node, to, to_name);
    if (target == NULL)
        return;
    if (flags == RENAME_EXCHANGE)
        put(target, from, from_name);
    else
        model_unlink(model, target);
}

void model_forget(Model *model, ModelNode *node, guint64 n)
{
    node->lookups -= MIN(n, node->lookups);
    remove_if_unknown(model, node);
}

/* --- is it so? --- */

static void check_node(const Model *model, const FfRegistry *registry, const ModelNode *expected)
{
    FfNode *node = ff_registry_find(registry, expected->id);
    struct stat st;

    g_assert(node != NULL);
    g_assert(ff_node_is_fifo(node) == expected->is_fifo);
    g_assert(ff_node_is_linked(node) == model_is_linked(expected));
    g_assert((node->parent == NULL ? 0 : node->parent->id) == expected->parent);
    g_assert(node->lookups == expected->lookups && node->uid == expected->uid);
    ff_node_stat(node, &st);
    g_assert((st.st_nlink == 0) == !model_is_linked(expected));
    g_assert(expected->is_fifo ||
             ff_directory_size(node->directory) == model_n_children(model, expected->id));
}

static void check_name(const FfRegistry *registry, const ModelNode *expected)
{
    FfNode *directory = ff_registry_find(registry, expected->parent);
    FfNode *node;

    g_assert(directory != NULL);
    g_assert(ff_registry_lookup(registry, directory, expected->name, &node) == 0);
    g_assert(node->id == expected->id);
    g_assert_cmpstr(ff_node_name(node), ==, expected->name);
}

/* The counts that a directory keeps of what is in it, and the order of its names. */
static void check_directory(const FfNode *node)
{
    const FfDirectory *directory = node->directory;
    guint position = ff_directory_seek(directory, 0);
    guint n_subdirectories = 0, n_quiet = 0, n_held = 0, n_unopened = 0;
    guint64 cookie = 0;
    FfNode *child;

    while ((child = ff_directory_next(directory, &position)) != NULL) {
        gboolean is_held = ff_node_is_fifo(child) && child->reference == FF_REFERENCE_HELD;

        g_assert(child->parent == node && child->cookie > cookie);
        cookie = child->cookie;
        n_subdirectories += !ff_node_is_fifo(child);
        n_quiet += ff_node_is_fifo(child) && child->reference == FF_REFERENCE_CACHED &&
                   !child->busy;
        n_held += is_held;
        n_unopened += is_held && child->use != FF_USE_OPENED;
    }
    g_assert(directory->n_subdirectories == n_subdirectories);
    g_assert(directory->n_quiet_cached == n_quiet);
    g_assert(directory->n_held == n_held && directory->n_held_unopened == n_unopened);
}

/* What is known of the kernel's references agrees with its lookups. */
static void check_fifo(const FfNode *node)
{
    g_assert((node->reference == FF_REFERENCE_NONE) == (node->lookups == 0));
}

void model_check(const Model *model, const FfRegistry *registry)
{
    guint n_fifos = 0, n_directories = 0;

    for (guint i = 0; i < model->nodes->len; i++) {
        const ModelNode *expected = model->nodes->pdata[i];
        const FfNode *node = ff_registry_find(registry, expected->id);

        check_node(model, registry, expected);
        if (expected->is_fifo)
            check_fifo(node);
        else
            check_directory(node);
        if (expected->parent == 0)
            continue;
        check_name(registry, expected);
        n_fifos += expected->is_fifo;
        n_directories += !expected->is_fifo;
    }
    g_assert(ff_registry_n_fifos(registry) == n_fifos);
    g_assert(ff_registry_n_directories(registry) == n_directories);
}
