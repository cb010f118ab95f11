/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX ACLs as people read them: as setfacl(1) takes them, and with names. */
#pragma once

#include "acl.h"

/**
 * acltext_with_names() - put names where numbers of users and groups are
 * @text: "user::rw-,user:1001:r--,..."; what is not so written is left as it is
 */
char *acltext_with_names(const char *text);

/* An ACL of an open file, O_PATH will do; NULL where it has none or it cannot be read. */
char *acltext_read(int fd, FfAclType type);
