/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The algorithms are those of fs/posix_acl.c in the kernel, so that what is kept here is what tmpfs
 * would have. The one that checks permissions is in access.c.
 */
#include "acl.h"

#include <errno.h>
#include <string.h>

#define VERSION     2
#define ANY_ID      G_MAXUINT32
#define PERMISSIONS 7

/* What the attribute has at its start, and then for each entry; little-endian. */
typedef struct {
    guint32 version;
} WireHeader;

typedef struct {
    guint16 tag, permissions;
    guint32 id;
} WireEntry;

G_STATIC_ASSERT(sizeof(WireHeader) == 4 && sizeof(WireEntry) == 8);
/* Entries are compared and hashed as bytes. */
G_STATIC_ASSERT(sizeof(FfAclEntry) == 8);

static FfAcl *new_acl(guint n_entries)
{
    FfAcl *acl = g_malloc0(sizeof *acl + n_entries * sizeof *acl->entries);

    acl->n_entries = n_entries;
    return acl;
}

static gboolean is_named(const FfAclEntry *entry)
{
    return entry->tag == FF_ACL_USER || entry->tag == FF_ACL_GROUP;
}

static FfAclEntry read_entry(const guint8 *bytes)
{
    WireEntry wire;
    FfAclEntry entry;

    memcpy(&wire, bytes, sizeof wire);
    entry = (FfAclEntry){.tag = GUINT16_FROM_LE(wire.tag),
                         .permissions = GUINT16_FROM_LE(wire.permissions),
                         .id = GUINT32_FROM_LE(wire.id)};
    /* The number means nothing with the others, and need not be anything. */
    if (!is_named(&entry))
        entry.id = ANY_ID;
    return entry;
}

/* Entries of each tag come before those of the next, and but for the named there is one of each. */
static gboolean may_follow(FfAclTag tag, guint previous)
{
    switch (tag) {
    case FF_ACL_OWNER:
        return previous == 0;
    case FF_ACL_USER:
        return previous == FF_ACL_OWNER || previous == FF_ACL_USER;
    case FF_ACL_OWNING_GROUP:
        return previous == FF_ACL_OWNER || previous == FF_ACL_USER;
    case FF_ACL_GROUP:
    case FF_ACL_MASK:
        return previous == FF_ACL_OWNING_GROUP || previous == FF_ACL_GROUP;
    case FF_ACL_OTHERS:
        return previous == FF_ACL_OWNING_GROUP || previous == FF_ACL_GROUP ||
               previous == FF_ACL_MASK;
    }
    return FALSE;
}

static gboolean is_valid(const FfAcl *acl)
{
    gboolean needs_mask = FALSE, has_mask = FALSE;
    guint previous = 0;

    for (guint i = 0; i < acl->n_entries; i++) {
        const FfAclEntry *entry = &acl->entries[i];

        if (!may_follow(entry->tag, previous) || (entry->permissions & ~PERMISSIONS) != 0 ||
            (is_named(entry) && entry->id == ANY_ID))
            return FALSE;
        needs_mask |= is_named(entry);
        has_mask |= entry->tag == FF_ACL_MASK;
        previous = entry->tag;
    }
    return previous == FF_ACL_OTHERS && (has_mask || !needs_mask);
}

int ff_acl_parse(gconstpointer bytes, gsize size, FfAcl **acl)
{
    g_autoptr(FfAcl) parsed = NULL;
    WireHeader header;

    if (size < sizeof header)
        return -EINVAL;
    memcpy(&header, bytes, sizeof header);
    if (GUINT32_FROM_LE(header.version) != VERSION)
        return -EOPNOTSUPP;
    size -= sizeof header;
    if (size % sizeof(WireEntry) != 0 || size / sizeof(WireEntry) > G_MAXINT)
        return -EINVAL;
    parsed = new_acl((guint)(size / sizeof(WireEntry)));
    for (guint i = 0; i < parsed->n_entries; i++)
        parsed->entries[i] = read_entry((const guint8 *)bytes + sizeof header +
                                        i * sizeof(WireEntry));
    if (parsed->n_entries > 0 && !is_valid(parsed))
        return -EINVAL;
    *acl = parsed->n_entries == 0 ? NULL : g_steal_pointer(&parsed);
    return 0;
}

GBytes *ff_acl_to_bytes(const FfAcl *acl)
{
    WireHeader header = {GUINT32_TO_LE(VERSION)};
    gsize size = sizeof header + acl->n_entries * sizeof(WireEntry);
    guint8 *bytes = g_malloc(size);

    memcpy(bytes, &header, sizeof header);
    for (guint i = 0; i < acl->n_entries; i++) {
        const FfAclEntry *entry = &acl->entries[i];
        WireEntry wire = {.tag = GUINT16_TO_LE(entry->tag),
                          .permissions = GUINT16_TO_LE(entry->permissions),
                          .id = GUINT32_TO_LE(entry->id)};

        memcpy(bytes + sizeof header + i * sizeof wire, &wire, sizeof wire);
    }
    return g_bytes_new_take(bytes, size);
}

static gsize size_of_entries(const FfAcl *acl)
{
    return acl->n_entries * sizeof *acl->entries;
}

FfAcl *ff_acl_copy(const FfAcl *acl)
{
    return g_memdup2(acl, sizeof *acl + size_of_entries(acl));
}

void ff_acl_free(FfAcl *acl)
{
    g_free(acl);
}

guint ff_acl_hash(gconstpointer key)
{
    const FfAcl *acl = key;
    guint hash = acl->n_entries;

    for (guint i = 0; i < acl->n_entries; i++) {
        const FfAclEntry *entry = &acl->entries[i];

        hash = hash * 31 + (guint)(entry->tag << 3 | entry->permissions);
        hash = hash * 31 + entry->id;
    }
    return hash;
}

gboolean ff_acl_equal(gconstpointer a, gconstpointer b)
{
    const FfAcl *left = a, *right = b;

    return left->n_entries == right->n_entries &&
           memcmp(left->entries, right->entries, size_of_entries(left)) == 0;
}

gboolean ff_acl_is_extended(const FfAcl *acl)
{
    for (guint i = 0; i < acl->n_entries; i++)
        if (is_named(&acl->entries[i]) || acl->entries[i].tag == FF_ACL_MASK)
            return TRUE;
    return FALSE;
}

/* It is the first. */
static FfAclEntry *owner_of(FfAcl *acl)
{
    return &acl->entries[0];
}

/*
 * The entry that the group bits of the mode are those of: the mask, or the owning group where there
 * is none, and then nobody is named either. It is the last but one.
 */
static FfAclEntry *class_of(FfAcl *acl)
{
    return &acl->entries[acl->n_entries - 2];
}

/* It is the last. */
static FfAclEntry *others_of(FfAcl *acl)
{
    return &acl->entries[acl->n_entries - 1];
}

mode_t ff_acl_mode(const FfAcl *acl)
{
    FfAcl *entries = (FfAcl *)acl;

    return (mode_t)owner_of(entries)->permissions << 6 |
           (mode_t)class_of(entries)->permissions << 3 | others_of(entries)->permissions;
}

/* The bits of a mode for this tag; those for the group are everybody's who is not owner or others. */
static guint16 bits_for(guint16 tag, mode_t mode)
{
    switch (tag) {
    case FF_ACL_OWNER:
        return mode >> 6 & PERMISSIONS;
    case FF_ACL_OTHERS:
        return mode & PERMISSIONS;
    default:
        return mode >> 3 & PERMISSIONS;
    }
}

void ff_acl_set_mode(FfAcl *acl, mode_t mode)
{
    owner_of(acl)->permissions = bits_for(FF_ACL_OWNER, mode);
    class_of(acl)->permissions = bits_for(FF_ACL_MASK, mode);
    others_of(acl)->permissions = bits_for(FF_ACL_OTHERS, mode);
}

void ff_acl_cut_at_mode(FfAcl *acl, mode_t mode)
{
    ff_acl_set_mode(acl, ff_acl_mode(acl) & mode);
}

gboolean ff_acl_is_within(const FfAcl *acl, mode_t ceiling)
{
    for (guint i = 0; i < acl->n_entries; i++)
        if ((acl->entries[i].permissions & ~bits_for(acl->entries[i].tag, ceiling)) != 0)
            return FALSE;
    return TRUE;
}

void ff_acl_cut_at_ceiling(FfAcl *acl, mode_t ceiling)
{
    for (guint i = 0; i < acl->n_entries; i++)
        acl->entries[i].permissions &= bits_for(acl->entries[i].tag, ceiling);
}

static const char *tag_name(guint16 tag)
{
    switch (tag) {
    case FF_ACL_OWNER:
    case FF_ACL_USER:
        return "user";
    case FF_ACL_OWNING_GROUP:
    case FF_ACL_GROUP:
        return "group";
    case FF_ACL_MASK:
        return "mask";
    default:
        return "other";
    }
}

char *ff_acl_to_text(const FfAcl *acl)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < acl->n_entries; i++) {
        const FfAclEntry *entry = &acl->entries[i];

        g_string_append_printf(text, "%s%s:", i > 0 ? "," : "", tag_name(entry->tag));
        if (is_named(entry))
            g_string_append_printf(text, "%" G_GUINT32_FORMAT, entry->id);
        g_string_append_printf(text, ":%c%c%c", (entry->permissions & 4) != 0 ? 'r' : '-',
                               (entry->permissions & 2) != 0 ? 'w' : '-',
                               (entry->permissions & 1) != 0 ? 'x' : '-');
    }
    return g_string_free(text, FALSE);
}
