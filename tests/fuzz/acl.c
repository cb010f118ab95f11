/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the value of an ACL attribute: two for a mode and two for a ceiling, then the value.
 *
 * Either it is refused and changes nothing, or it reads back as the same; mode and ACL of a node
 * always agree; and nobody gets by it, or by what is inherited from it, what the ceiling forbids.
 */
#include "fuzz.h"

#include <errno.h>

#include "registry.h"

static mode_t two_bytes(FuzzInput *input)
{
    mode_t high = fuzz_byte(input);

    return (high << 8 | fuzz_byte(input)) & 0777;
}

static void check_same_again(const FfAcl *acl)
{
    g_autoptr(GBytes) bytes = ff_acl_to_bytes(acl);
    g_autoptr(FfAcl) again = NULL;
    g_autofree char *text = ff_acl_to_text(acl);

    g_assert(ff_acl_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &again) == 0);
    g_assert(ff_acl_equal(acl, again) && ff_acl_hash(acl) == ff_acl_hash(again));
    g_assert(g_str_is_ascii(text) && g_str_has_prefix(text, "user::"));
}

static void check_cuts(const FfAcl *acl, mode_t mode)
{
    g_autoptr(FfAcl) changed = ff_acl_copy(acl);

    ff_acl_cut_at_mode(changed, mode);
    g_assert(ff_acl_mode(changed) == (ff_acl_mode(acl) & mode));
    ff_acl_set_mode(changed, mode);
    g_assert(ff_acl_mode(changed) == mode);
    g_assert(ff_acl_is_extended(changed) == ff_acl_is_extended(acl));
    ff_acl_cut_at_ceiling(changed, mode);
    g_assert(ff_acl_is_within(changed, mode));
    check_same_again(changed);
}

/* The caller of whom the most entries speak, and one of whom none does. */
static void check_bounded(const FfNode *node, const FfAcl *acl, mode_t ceiling)
{
    const FfPermissions permissions = {node->mode, node->uid, node->gid, acl};
    mode_t most = (ceiling | ceiling >> 3) & 7;

    for (guint i = 0; i < acl->n_entries; i++) {
        const FfCaller caller = {.uid = acl->entries[i].id, .gid = acl->entries[i].id};

        if (caller.uid == 0 || caller.uid == node->uid)
            continue;
        for (mode_t wanted = 1; wanted < 8; wanted++)
            g_assert((wanted & ~most) == 0 || !ff_access_allows(&caller, &permissions, wanted));
    }
}

static void check_node(const FfRegistry *registry, const FfNode *node)
{
    const FfModes *modes = &ff_registry_options(registry)->modes;
    const FfAcl *acl = ff_acls_get(ff_registry_acls(registry), node, FF_ACL_ACCESS);
    mode_t ceiling = ff_modes_ceiling(modes, node->mode & S_IFMT);

    g_assert((node->mode & 0777 & ~ceiling) == 0);
    if (acl == NULL)
        return;
    g_assert(ff_acl_is_extended(acl) && ff_acl_is_within(acl, ceiling));
    g_assert(ff_acl_mode(acl) == (node->mode & 0777));
    check_bounded(node, acl, ceiling);
}

static FfNode *create(FfRegistry *registry, FfNode *directory, const char *name, mode_t mode)
{
    FfNewNode wanted = {.mode = mode, .uid = 1001, .gid = 1001};
    FfNode *node;

    g_assert(ff_registry_create(registry, directory, name, &wanted, &node) == 0);
    check_node(registry, node);
    return node;
}

static void set(FfRegistry *registry, FfNode *node, FfAclType type, const FfAcl *acl)
{
    mode_t before = node->mode;
    int r = ff_registry_set_acl(registry, node, type, acl, TRUE);

    g_assert(r == 0 || r == -EPERM || r == -EACCES);
    g_assert(r == 0 || node->mode == before);
    check_node(registry, node);
}

static void check_nodes(const FfAcl *acl, mode_t mode, mode_t ceiling)
{
    const FfRegistryOptions options = {
        .modes = {.fifo_ceiling = ceiling, .dir_ceiling = 0777},
        .policy = ff_policy_default,
        .root_mode = 0777,
    };
    g_autoptr(FfRegistry) registry = ff_registry_new(&options, &fuzz_clock);
    const FfAttributes attributes = {.set_mode = TRUE, .mode = mode & ceiling};
    FfNode *directory = create(registry, ff_registry_root(registry), "d", S_IFDIR | 0700);
    FfNode *fifo = create(registry, directory, "before", S_IFIFO | mode);

    for (guint type = 0; type < FF_ACL_N_TYPES; type++) {
        set(registry, fifo, type, acl);
        set(registry, directory, type, acl);
    }
    g_assert(ff_registry_set_attributes(registry, fifo, &attributes) == 0);
    check_node(registry, fifo);
    fifo = create(registry, directory, "after", S_IFIFO | mode);
    directory = create(registry, directory, "below", S_IFDIR | mode);
    create(registry, directory, "farther", S_IFIFO | mode);
    set(registry, fifo, FF_ACL_ACCESS, NULL);
    ff_registry_remove(registry, fifo, FF_REASON_UNLINK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput input = {data, size};
    mode_t mode = two_bytes(&input), ceiling = two_bytes(&input);
    g_autoptr(FfAcl) acl = NULL;
    int r = ff_acl_parse(input.next, input.left, &acl);

    fuzz_now = FUZZ_START;
    g_assert(r == 0 || r == -EINVAL || r == -EOPNOTSUPP);
    g_assert(r == 0 || acl == NULL);
    if (acl == NULL)
        return 0;
    check_same_again(acl);
    check_cuts(acl, mode);
    check_nodes(acl, mode, ceiling);
    return 0;
}
