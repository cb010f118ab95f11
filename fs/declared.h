/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Declared FIFOs: those that a configuration file wants to be there, as [pipe "build/log"].
 */
#pragma once

#include "registry.h"
#include "watch.h"

typedef struct {
    /* Below the root of the mount: names with one '/' between them, any bytes. */
    char *path;
    /* Where it is declared. */
    guint line;
    gboolean has_mode, has_owner, has_group;
    mode_t mode;
    uid_t owner;
    gid_t group;
    /* Of ff_policy_keys, to values that are good: what it has instead of its directory's. */
    GHashTable *policy;
} FfDeclared;

/* An empty array of FfDeclared. */
GPtrArray *ff_declared_list_new(void);

/**
 * ff_declared_new() - from the name of a group, [pipe "PATH"]
 *
 * In PATH, '\' begins what it does in C: "\377", "\"", "\135".
 *
 * Return: NULL with an FF_OPTIONS_ERROR for another group or a PATH that cannot be.
 */
FfDeclared *ff_declared_new(const char *group, GError **error);

/* Take the value of a key. Return: FALSE with an FF_OPTIONS_ERROR. */
gboolean ff_declared_take(FfDeclared *declared, const char *key, const char *value, GError **error);

/**
 * ff_declared_check() - do they go together, and with the options of the mount?
 * @file: where they are declared
 *
 * Return: FALSE with an FF_OPTIONS_ERROR that names the line.
 */
gboolean ff_declared_check(const GPtrArray *list, const char *file,
                           const FfRegistryOptions *options, GError **error);

/**
 * ff_declared_make() - see to it that they are there, and are as declared
 * @changed: array of the guint64 id of each node, known to the kernel or not, that was changed
 *
 * Missing directories are made. One that cannot be made, as a directory has its name, is logged.
 * Registry locked.
 */
void ff_declared_make(const GPtrArray *list, FfRegistry *registry, FfWatch *watch, GArray *changed);

/**
 * ff_declared_let_go() - those that are declared no more
 * @former: the list as it was
 * @list:   the list as it is
 *
 * They get what their directories have, so that they go when nobody needs them. Registry locked.
 */
void ff_declared_let_go(const GPtrArray *former, const GPtrArray *list, FfRegistry *registry);
