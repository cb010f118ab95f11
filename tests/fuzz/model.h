/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the registry must have in it, kept in the plainest way: a list of nodes, each with the id
 * of its directory and its name.
 *
 * It follows what was asked and what was answered, and shares nothing with the registry.
 */
#pragma once

#include "registry.h"

typedef struct {
    guint64 id;
    gboolean is_fifo;
    /* 0 once it has no name any more, and for the root. */
    guint64 parent;
    char *name;
    guint64 lookups;
    uid_t uid;
} ModelNode;

typedef struct {
    /* ModelNode, in the order in which they came; the first is the root. */
    GPtrArray *nodes;
} Model;

Model *model_new(void);
void model_free(Model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Model, model_free)

/* NULL where there is none. */
ModelNode *model_find(const Model *model, guint64 id);
ModelNode *model_child(const Model *model, guint64 parent, const char *name);

gboolean model_is_linked(const ModelNode *node);
guint model_n_children(const Model *model, guint64 parent);

/* Names of FIFOs, or of directories but the root, of one user or (NULL) of all. */
guint model_n_names(const Model *model, gboolean is_fifo, const uid_t *uid);

/* What each call must answer. */
int model_create_result(const Model *model, const ModelNode *directory, const char *name);
int model_remove_result(const Model *model, const ModelNode *directory, const char *name,
                        gboolean is_rmdir, uid_t caller);
gboolean model_may_rename(const Model *model, const ModelNode *from, const char *from_name,
                          const ModelNode *to, const char *to_name, guint flags, uid_t caller);

/* What the calls change. */
ModelNode *model_add(Model *model, guint64 id, gboolean is_fifo, guint64 parent, const char *name,
                     uid_t uid);
void model_unlink(Model *model, ModelNode *node);
void model_rename(Model *model, ModelNode *from, const char *from_name, ModelNode *to,
                  const char *to_name, guint flags);
void model_forget(Model *model, ModelNode *node, guint64 n);

/* Abort where the registry has anything else in it than the model. */
void model_check(const Model *model, const FfRegistry *registry);
