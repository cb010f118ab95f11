/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file systems that are compared, from start to unmount.
 *
 * They are set up once and measured side by side. One that this machine does not have (no source of passthrough_ll) has
 * no @root, and its cells stay empty.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "settings.h"
#include "workspace.h"

/* The order of the columns. */
typedef enum {
    TARGET_TMPFS,
    TARGET_FIFOFS,
    TARGET_PASSTHROUGH,
    N_TARGETS,
} TargetId;

extern const char *const target_names[N_TARGETS];

typedef struct {
    const char *name;
    /* Without this one there is no benchmark. */
    gboolean required;
    /* More FIFOs than this take it too long. */
    guint64 most_fifos;
    /* Where its FIFOs are; NULL while it is not there. */
    char *root;
    /* What must be unmounted and removed in the end; NULL: nothing. */
    char *mountpoint;
    char *folder;
    /* Who answers its requests; 0 where that is the kernel. */
    pid_t daemon;
    /* Its memory before anything has happened. */
    gint64 bytes_at_start;
} Target;

typedef struct {
    Target all[N_TARGETS];
} Targets;

/**
 * targets_start() - mount everything
 * @targets: need no initialization; targets_stop() is due afterwards, whatever this returns
 *
 * Return: FALSE with @error set where a required one cannot be had.
 */
gboolean targets_start(Targets *targets, const Workspace *workspace, const Settings *settings,
                       GError **error);

void targets_stop(Targets *targets);

gboolean target_is_fifofs(const Target *target);

/**
 * target_start_another() - mount fifofs once more, in the folder beside the other mount
 * @another: needs no initialization; target_stop() is due afterwards, whatever this returns
 *
 * Return: FALSE with @error set.
 */
gboolean target_start_another(Target *another, const Target *fifofs, const Settings *settings,
                              GError **error);

void target_stop(Target *target);

/* Mount with a program that stays until it is unmounted. Return: FALSE with @error set. */
gboolean target_mount(Target *target, char **argv, GError **error);
