/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has how much, as JSON lines: the content of `.fifofs/quota`.
 *
 * The mount comes first, then its users.
 */
#pragma once

#include "quota.h"

/**
 * ff_quota_append_json() - one line for the mount, and one for each user who is to be seen
 * @reader:   has a line always
 * @sees_all: so has everybody who has anything
 */
void ff_quota_append_json(const FfQuota *quota, const FfQuotaLimits *limits, uid_t reader,
                          gboolean sees_all, GString *out);
