/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving up what serving requests does not need, so that a mistake in the daemon that somebody can
 * make use of is worth little. What a mount keeps, and why, is said in fifofs(8) under PRIVILEGES.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What the mount is, as far as that decides what is kept. */
typedef struct {
    /* It is mounted, and nothing is mounted on it. */
    const char *mountpoint;
    /* (nullable): the configuration file, which is read again at a reload. */
    const char *config;
    /* Root has mounted it: there is something to be given up. */
    gboolean by_root;
    /* Others than who has mounted it are let in. */
    gboolean shared;
    /* Directories may belong to others than who has mounted it, though nobody else is let in. */
    gboolean foreign_owners;
    /* Processes are looked into: open-timeout and capacity. */
    gboolean trace;
    /* Requests come over io_uring. */
    gboolean io_uring;
    /* What goes wrong is looked at: core dumps are welcome, refusals go to the kernel's log. */
    gboolean debug;
    /* Who to be from now on, if another than now. */
    gboolean change_user;
    uid_t uid;
    gid_t gid;
} FfSandbox;

/**
 * ff_sandbox_enter() - give up what is not needed, for good
 *
 * Capabilities, no_new_privs, Landlock and seccomp are those of a thread and of the threads that it
 * starts: call it before there is a second one. What the kernel does not have is done without.
 *
 * Return: FALSE with an error where something could not be given up that can be; go no further.
 */
gboolean ff_sandbox_enter(const FfSandbox *sandbox, GError **error);

/* What is in force, in a few words, as "landlock, seccomp"; "none" before ff_sandbox_enter(). */
const char *ff_sandbox_text(void);
