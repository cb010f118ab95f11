/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a mount keeps of the rights of who has mounted it: the options `trace`, `notrace` and `user`,
 * and what follows from others. sandbox.h gives the rest up.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "sandbox.h"

typedef struct FfOptions FfOptions;

/* The environment in which who mounts tells who serves: ff_privileges_to_text(). */
#define FF_ENV_PRIVILEGES "FIFOFS_PRIVILEGES"

/* Part of FfOptions. */
typedef struct {
    /* Chosen. */
    gboolean trace_wanted, trace_refused, user_chosen;
    /* In force. */
    gboolean trace;
    gboolean change_user;
    uid_t uid;
    gid_t gid;
    /* ff_sandbox_text(), or NULL while nothing is given up. */
    const char *in_force;
} FfPrivileges;

/*
 * Who has mounted it: who the process was when it first asked, which is not who it is once it has
 * given that up.
 */
uid_t ff_privileges_mounter(void);
gid_t ff_privileges_mounter_group(void);

/* Take the name or number of a user. Return: FALSE where there is none. */
gboolean ff_privileges_take_user(FfPrivileges *privileges, const char *text);

/* Return: a new string with the user that is changed to, or NULL. */
char *ff_privileges_show_user(const FfPrivileges *privileges);

/* Fill in what follows, once all else is settled. Return: FALSE with an FF_OPTIONS_ERROR. */
gboolean ff_privileges_settle(FfOptions *options, GError **error);

/**
 * ff_privileges_keep() - what was given up cannot be had again by a reload
 * @is:     the options in force
 * @wanted: others that are to come into force; gets the privileges that there are
 *
 * Return: FALSE with an FF_OPTIONS_ERROR where they need what is gone.
 */
gboolean ff_privileges_keep(const FfOptions *is, FfOptions *wanted, GError **error);

/**
 * ff_privileges_to_text() - what was decided when it was mounted, for whoever serves
 *
 * That is so for as long as it is mounted, whatever a configuration file says when another process
 * comes to serve.
 */
char *ff_privileges_to_text(const FfOptions *options);

/**
 * ff_privileges_from_text() - and back
 * @sandbox: gets all but mountpoint and debug, as long as the text is there
 *
 * Return: FALSE for no or another text.
 */
gboolean ff_privileges_from_text(FfSandbox *sandbox, const char *text);

/*
 * The options in force get what was decided, and ff_sandbox_text(). Where they want more, as when
 * another supervisor goes on with a mount and the configuration file has changed, that is logged.
 */
void ff_privileges_adopt(FfOptions *options, const FfSandbox *sandbox, const char *in_force);

/* May an attribute get this value, or is the right gone that it needs? Bad values may. */
gboolean ff_privileges_allow(const FfPrivileges *privileges, const char *key, const char *value);
