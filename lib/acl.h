/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One POSIX access control list: who may do what besides owner, group and others.
 *
 * An ACL comes from the kernel as the value of an attribute (linux/posix_acl_xattr.h) and goes back
 * to it that way. In between it is this: entries in the order in which they came, which is owner,
 * named users, owning group, named groups, mask, others. It always has an owner, an owning group and
 * others; and a mask wherever somebody is named.
 *
 * The group bits of a mode are those of the mask where there is one: they bound what everybody but
 * owner and others gets. The mode and the ACL of a node say the same of these three, always.
 *
 * Nothing here knows of nodes; acls.h does.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#define FF_ACL_ACCESS_NAME  "system.posix_acl_access"
#define FF_ACL_DEFAULT_NAME "system.posix_acl_default"

/* The kernel takes and gives no more through FUSE: a page (fs/fuse/acl.c). */
#define FF_ACL_MOST_BYTES 4096

typedef enum {
    /* Who may use it. */
    FF_ACL_ACCESS,
    /* Of a directory: what is created in it begins with this one. */
    FF_ACL_DEFAULT,
    FF_ACL_N_TYPES,
} FfAclType;

/* The values are those of the attribute. */
typedef enum {
    FF_ACL_OWNER = 0x01,
    FF_ACL_USER = 0x02,
    FF_ACL_OWNING_GROUP = 0x04,
    FF_ACL_GROUP = 0x08,
    FF_ACL_MASK = 0x10,
    FF_ACL_OTHERS = 0x20,
} FfAclTag;

typedef struct {
    guint16 tag;
    /* 4 to read, 2 to write, 1 to search. */
    guint16 permissions;
    /* Of a named user or group; else G_MAXUINT32. */
    guint32 id;
} FfAclEntry;

typedef struct {
    guint n_entries;
    FfAclEntry entries[];
} FfAcl;

/**
 * ff_acl_parse() - the ACL of an attribute's value
 * @acl: on success, set to it, or to NULL where the value has no entries, which means that there is
 *       none
 *
 * Return: 0, -EINVAL for what is no ACL, -EOPNOTSUPP for one of another version.
 */
int ff_acl_parse(gconstpointer bytes, gsize size, FfAcl **acl);

/* The value of the attribute. */
GBytes *ff_acl_to_bytes(const FfAcl *acl);

FfAcl *ff_acl_copy(const FfAcl *acl);
void ff_acl_free(FfAcl *acl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfAcl, ff_acl_free)

/* For GHashTable. */
guint ff_acl_hash(gconstpointer acl);
gboolean ff_acl_equal(gconstpointer a, gconstpointer b);

/* The nine permission bits that go with it. */
mode_t ff_acl_mode(const FfAcl *acl);

/* Does it say more than these nine bits? */
gboolean ff_acl_is_extended(const FfAcl *acl);

/* As chmod does: owner and others get these bits, and the mask does, or the owning group without one. */
void ff_acl_set_mode(FfAcl *acl, mode_t mode);

/* Make of a default ACL that of something new, for which this mode was asked for. */
void ff_acl_cut_at_mode(FfAcl *acl, mode_t mode);

/**
 * ff_acl_is_within() - does nobody get more than these bits allow?
 *
 * The owner is bounded by the owner's bits, others by those of others, and mask and everybody else
 * by the group's: what the mask takes away does not count.
 */
gboolean ff_acl_is_within(const FfAcl *acl, mode_t ceiling);

/* Take away what it has beyond these bits. */
void ff_acl_cut_at_ceiling(FfAcl *acl, mode_t ceiling);

/* As setfacl(1) takes it, with numbers for names: "user::rw-,user:1001:r--,group::---,..." */
char *ff_acl_to_text(const FfAcl *acl);
