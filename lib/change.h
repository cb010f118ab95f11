/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happened to a node, told to whoever listens.
 *
 * The registry tells every change, after it has been made and under its lock, once. Deadlines
 * follow from these records, and so will anything else that must not miss a change. A listener may
 * read nodes and set deadlines; it must not change the registry.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "lifetime.h"

typedef struct FfNode FfNode;

typedef enum {
    FF_CHANGE_CREATED,
    /* The name is gone; `old_parent` is where it was. The node may live on until the kernel forgets
       it. */
    FF_CHANGE_REMOVED,
    /* From `old_parent`/`old_name` to where the node is now. */
    FF_CHANGE_RENAMED,
    FF_CHANGE_ATTRIBUTES,
    FF_CHANGE_POLICY,
    /* What is known of the kernel's references or of past use is not what it was. */
    FF_CHANGE_REFERENCE,
    FF_CHANGE_OPENED,
    FF_CHANGE_CLOSED,
    /* Nobody holds it any more; once for every time that it was in use. */
    FF_CHANGE_IDLE,
    /* The actor has waited in open() for too long, and was let go. */
    FF_CHANGE_RELEASED,
    /* Its creator, or the leader of its creator's session, has ended. */
    FF_CHANGE_CREATOR_ENDED,
} FfChangeKind;

/* The process on whose behalf something is changed; pid 0 is the daemon itself. */
typedef struct {
    pid_t pid;
    uid_t uid;
} FfActor;

typedef struct {
    FfChangeKind kind;
    FfNode *node;
    FfActor actor;
    FfNode *old_parent;
    const char *old_name;
    FfReason reason;
} FfChange;

typedef void (*FfChangeListener)(const FfChange *change, gpointer data);

/* "created", "removed", ... */
const char *ff_change_name(FfChangeKind kind);
