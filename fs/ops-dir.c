/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listing directories. An offset is the cookie of the name it comes behind, so that a listing needs
 * no state between its pieces (lib/directory.h says why no name is missed or doubled). Offsets 1
 * and 2 are those of "." and "..".
 */
#include "ops.h"

#include <errno.h>
#include <sys/stat.h>

#include "control.h"
#include "directory.h"

/* A piece of a listing while it is being filled. */
typedef struct {
    fuse_req_t req;
    char *buffer;
    size_t size, used;
    /* With attributes, each counting as a lookup. */
    gboolean plus;
    /* Ids of the nodes whose lookup was counted. */
    GArray *counted;
} Listing;

static void listing_clear(Listing *listing)
{
    g_free(listing->buffer);
    g_array_unref(listing->counted);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Listing, listing_clear)

/* Return: FALSE where it does not fit any more. */
static gboolean add(Listing *listing, const char *name, const struct fuse_entry_param *entry,
                    off_t offset)
{
    char *at = listing->buffer + listing->used;
    size_t room = listing->size - listing->used;
    size_t length = listing->plus
                        ? fuse_add_direntry_plus(listing->req, at, room, name, entry, offset)
                        : fuse_add_direntry(listing->req, at, room, name, &entry->attr, offset);

    if (length > room)
        return FALSE;
    listing->used += length;
    return TRUE;
}

/* "." and "..", which count as no lookup. */
static gboolean add_dots(Listing *listing, guint64 id, guint64 parent, off_t offset)
{
    struct fuse_entry_param dot = {.attr = {.st_ino = id, .st_mode = S_IFDIR}};
    struct fuse_entry_param dots = {.attr = {.st_ino = parent, .st_mode = S_IFDIR}};

    return (offset >= 1 || add(listing, ".", &dot, 1)) &&
           (offset >= 2 || add(listing, "..", &dots, 2));
}

/*
 * May the kernel be told the attributes too, which makes it cache the name? Not where that could be
 * opened unseen; nor should a mere listing make us doubt that a FIFO is held, or keep one that is
 * due. A directory that was listed so cannot be walked through in the cache until somebody else has
 * done it (fs/fuse/dir.c fuse_dentry_revalidate(), FUSE_I_INIT_RDPLUS), and we must (walk.h).
 */
static gboolean may_be_listed_whole(const FfDaemon *daemon, const FfNode *node)
{
    FfLifetimeFacts facts;
    FfReason reason;

    if (!ff_node_is_fifo(node))
        return FALSE;
    if (!ff_ops_may_be_told(node) || ff_relays_is_opening(daemon->relays, node->id) ||
        !ff_holds_is_settled(daemon->holds, node) || node->reference == FF_REFERENCE_HELD)
        return FALSE;
    facts = ff_node_facts(node);
    return ff_lifetime_due(&facts, &reason) > ff_registry_now(daemon->registry);
}

static gboolean add_node(Listing *listing, FfNode *node)
{
    FfDaemon *daemon = ff_ops_daemon(listing->req);
    struct fuse_entry_param entry;

    if (!listing->plus) {
        ff_node_stat(node, &entry.attr);
        return add(listing, ff_node_name(node), &entry, (off_t)node->cookie);
    }
    if (!may_be_listed_whole(daemon, node)) {
        /* A nodeid of 0 (fs/fuse/readdir.c fuse_direntplus_link()). */
        entry = (struct fuse_entry_param){0};
        ff_node_stat(node, &entry.attr);
        return add(listing, ff_node_name(node), &entry, (off_t)node->cookie);
    }
    ff_ops_fill_entry(daemon, node, &entry);
    if (!add(listing, ff_node_name(node), &entry, (off_t)node->cookie)) {
        ff_ops_forget(daemon, node->id, 1);
        return FALSE;
    }
    g_array_append_val(listing->counted, node->id);
    return TRUE;
}

static void fill(Listing *listing, const FfNode *directory, off_t offset)
{
    guint64 parent = directory->parent == NULL ? directory->id : directory->parent->id;
    guint position;
    FfNode *node;

    if (!add_dots(listing, directory->id, parent, offset))
        return;
    position = ff_directory_seek(directory->directory, (guint64)MAX(offset, 2));
    do
        node = ff_directory_next(directory->directory, &position);
    while (node != NULL && add_node(listing, node));
}

static void fill_control(Listing *listing, guint64 directory, off_t offset)
{
    const FfDaemon *daemon = ff_ops_daemon(listing->req);
    struct fuse_entry_param entry = {
        .generation = 1,
        .attr_timeout = FF_FOREVER,
        .entry_timeout = FF_FOREVER,
    };
    const char *name;

    if (!add_dots(listing, directory, FF_ROOT_ID, offset))
        return;
    for (off_t i = MAX(offset, 2) - 2; (name = ff_control_file((guint)i, &entry.ino)) != NULL;
         i++) {
        ff_control_stat(daemon, entry.ino, &entry.attr);
        if (!add(listing, name, &entry, i + 3))
            return;
    }
}

static void reply_listing(Listing *listing)
{
    FfDaemon *daemon = ff_ops_daemon(listing->req);

    if (fuse_reply_buf(listing->req, listing->buffer, listing->used) < 0) {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        for (guint i = 0; i < listing->counted->len; i++)
            ff_ops_forget(daemon, g_array_index(listing->counted, guint64, i), 1);
    }
}

static void list(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, gboolean plus)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    g_auto(Listing) listing = {
        .req = req,
        /* Of no size it would be no address. */
        .buffer = g_malloc(MAX(size, 1)),
        .size = size,
        .plus = plus,
        .counted = g_array_new(FALSE, FALSE, sizeof(guint64)),
    };

    if (ff_control_owns(id)) {
        fill_control(&listing, id, offset);
    } else {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);
        const FfNode *directory = ff_registry_find(daemon->registry, id);

        if (directory != NULL && offset >= 0)
            fill(&listing, directory, offset);
    }
    reply_listing(&listing);
}

void ff_op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                   struct fuse_file_info *fi)
{
    list(req, id, size, offset, FALSE);
}

void ff_op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                       struct fuse_file_info *fi)
{
    list(req, id, size, offset, TRUE);
}
