/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many FIFOs and directories there are, whose they are, and how many there may be.
 *
 * A node is charged when it gets a name and discharged when it loses it. It is charged to whoever
 * has made it (FfNode.charged_uid), who owns it too, unless the mount gives all to one owner (uid=):
 * then that owner says nothing of who fills the mount up, and the charge stays where it is.
 *
 * Nothing is remembered but what the nodes say, so charging each of them that has a name, in any
 * order, makes all of this again.
 *
 * The root directory of the mount counts for nothing; user 0 has no limit of his own.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct FfNode FfNode;

typedef enum {
    FF_QUOTA_PIPES,
    FF_QUOTA_DIRECTORIES,
} FfQuotaKind;

#define FF_QUOTA_KINDS (FF_QUOTA_DIRECTORIES + 1)

/* A limit that is none. */
#define FF_QUOTA_INFINITY 0

/* How many there may be, by FfQuotaKind. */
typedef struct {
    guint mount[FF_QUOTA_KINDS];
    /* Of each user. */
    guint user[FF_QUOTA_KINDS];
} FfQuotaLimits;

typedef struct FfQuota FfQuota;

FfQuota *ff_quota_new(void);
void ff_quota_free(FfQuota *quota);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfQuota, ff_quota_free)

/* @mode: with the type, S_IFIFO or S_IFDIR. */
FfQuotaKind ff_quota_kind(mode_t mode);

/**
 * ff_quota_check() - may there be one more?
 * @uid: who would be charged
 *
 * Return: 0, -EDQUOT where the user has as many as he may, or -ENOSPC where the mount has.
 */
int ff_quota_check(const FfQuota *quota, const FfQuotaLimits *limits, FfQuotaKind kind, uid_t uid);

/* May the user have one more of those that there are? Return: 0 or -EDQUOT. */
int ff_quota_check_user(const FfQuota *quota, const FfQuotaLimits *limits, FfQuotaKind kind,
                        uid_t uid);

/* Count that somebody was refused. @error: what the above gave; 0 and other errors count for nothing. */
void ff_quota_note_refused(FfQuota *quota, int error);

/* Charge a node to its `charged_uid`, whatever the limits are, and take that back. */
void ff_quota_charge(FfQuota *quota, const FfNode *node);
void ff_quota_discharge(FfQuota *quota, const FfNode *node);

/* From now on it is charged to another user. */
void ff_quota_move(FfQuota *quota, FfNode *node, uid_t uid);

/* How many there are, of all users and of one. */
guint ff_quota_used(const FfQuota *quota, FfQuotaKind kind);
guint ff_quota_used_by(const FfQuota *quota, FfQuotaKind kind, uid_t uid);

/* How many that user may have, FF_QUOTA_INFINITY where there is no limit. */
guint ff_quota_limit_of(const FfQuotaLimits *limits, FfQuotaKind kind, uid_t uid);

/* Return: the uids of those who have anything, in their order. */
GArray *ff_quota_users(const FfQuota *quota);

/* How often somebody was refused with -EDQUOT, or -ENOSPC. */
guint64 ff_quota_n_refused(const FfQuota *quota, int error);

/**
 * ff_quota_find_limit() - a limit by its name
 * @name: "max-pipes", "max-dirs", "user-max-pipes" or "user-max-dirs"
 *
 * Return: where it is in @limits, or NULL.
 */
guint *ff_quota_find_limit(FfQuotaLimits *limits, const char *name);

/**
 * ff_quota_parse() - the text of a limit
 * @text:  a number from 1, or "infinity"
 * @limit: untouched on failure
 *
 * 0 is refused: elsewhere it is read as "no limit", here as "none at all".
 *
 * Return: 0 or -EINVAL.
 */
int ff_quota_parse(const char *text, guint *limit);

/* Return: a new string that ff_quota_parse() reads back as the same. */
char *ff_quota_format(guint limit);
