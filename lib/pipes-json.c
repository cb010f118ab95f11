/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipes-json.h"

#include "directory.h"
#include "duration.h"
#include "json.h"
#include "size.h"

typedef struct {
    guint64 directory;
    guint64 cookie;
} Place;

struct FfPipesReader {
    FfCaller caller;
    gboolean sees_all;
    /* From the root down to the directory that is being listed; empty at the end of the list. */
    GArray *places;
    /* The path of that directory, with a '/' behind it unless it is the root's. */
    GString *prefix;
};

/* What all lines of one piece are made with. */
typedef struct {
    /* These two turn monotonic times into wall-clock times. */
    gint64 now;
    gint64 realtime_offset;
    const FfAcls *acls;
} Piece;

FfPipesReader *ff_pipes_reader_new(const FfCaller *caller, gboolean sees_all)
{
    FfPipesReader *reader = g_new0(FfPipesReader, 1);

    reader->caller = ff_caller_copy(caller);
    reader->sees_all = sees_all;
    reader->places = g_array_new(FALSE, FALSE, sizeof(Place));
    reader->prefix = g_string_new(NULL);
    ff_pipes_reader_rewind(reader);
    return reader;
}

void ff_pipes_reader_free(FfPipesReader *reader)
{
    if (reader == NULL)
        return;
    ff_caller_clear(&reader->caller);
    g_array_unref(reader->places);
    g_string_free(reader->prefix, TRUE);
    g_free(reader);
}

void ff_pipes_reader_rewind(FfPipesReader *reader)
{
    Place root = {FF_ROOT_ID, 0};

    g_array_set_size(reader->places, 0);
    g_array_append_val(reader->places, root);
}

void ff_pipes_reader_save(const FfPipesReader *reader, GByteArray *out)
{
    ff_pack_unsigned(out, reader->places->len);
    for (guint i = 0; i < reader->places->len; i++) {
        const Place *place = &g_array_index(reader->places, Place, i);

        ff_pack_unsigned(out, place->directory);
        ff_pack_unsigned(out, place->cookie);
    }
}

void ff_pipes_reader_go_to(FfPipesReader *reader, FfUnpacker *in)
{
    guint64 n = ff_unpack_unsigned(in);

    g_array_set_size(reader->places, 0);
    for (; n > 0 && !in->failed; n--) {
        Place place = {.directory = ff_unpack_unsigned(in)};

        place.cookie = ff_unpack_unsigned(in);
        g_array_append_val(reader->places, place);
    }
}

/* As chmod(1) writes a mode: four digits. */
static void append_octal(GString *out, guint mode)
{
    for (int shift = 9; shift >= 0; shift -= 3)
        g_string_append_c(out, (char)('0' + (mode >> shift & 7)));
}

static void append_acl(GString *out, const FfAcl *acl)
{
    g_autofree char *text = NULL;

    if (acl == NULL)
        return;
    text = ff_acl_to_text(acl);
    g_string_append(out, ",\"acl\":\"");
    g_string_append(out, text);
    g_string_append_c(out, '"');
}

static void append_identity(GString *out, const char *prefix, const FfNode *node)
{
    g_autofree char *path = g_strconcat(prefix, ff_node_name(node), NULL);

    g_string_append_c(out, '{');
    ff_json_append_path(out, "path", path);
    g_string_append(out, ",\"id\":");
    ff_json_append_unsigned(out, node->id);
    g_string_append(out, ",\"mode\":\"");
    append_octal(out, node->mode & FF_MODE_BITS);
    g_string_append(out, "\",\"uid\":");
    ff_json_append_unsigned(out, node->uid);
    g_string_append(out, ",\"gid\":");
    ff_json_append_unsigned(out, node->gid);
}

static void append_creator(GString *out, const FfProcess *creator)
{
    g_string_append(out, ",\"creator\":");
    if (creator == NULL) {
        g_string_append(out, "null");
        return;
    }
    g_string_append(out, "{\"pid\":");
    ff_json_append_unsigned(out, (guint64)creator->pid);
    g_string_append(out, ",\"comm\":");
    ff_json_append_string(out, creator->comm);
    g_string_append(out, creator->alive ? ",\"alive\":true}" : ",\"alive\":false}");
}

static void append_state(GString *out, const FfNode *node, const Piece *piece)
{
    gboolean used = node->use != FF_USE_NEVER || node->reference == FF_REFERENCE_HELD;
    gint64 last_used = node->reference == FF_REFERENCE_HELD ? piece->now : node->last_used;

    g_string_append(out, ",\"state\":\"");
    g_string_append(out, ff_state_name(ff_node_state(node)));
    g_string_append(out, used ? "\",\"used\":true,\"created\":" : "\",\"used\":false,\"created\":");
    ff_json_append_seconds(out, node->created + piece->realtime_offset);
    g_string_append(out, ",\"last_used\":");
    ff_json_append_seconds_or_null(out, used ? last_used + piece->realtime_offset
                                             : FF_DURATION_INFINITY);
}

static void append_policy(GString *out, const FfNode *node, const Piece *piece)
{
    FfLifetimeFacts facts = ff_node_facts(node);
    FfReason reason;
    gint64 due = ff_lifetime_due(&facts, &reason);

    g_string_append(out, ",\"lifetime\":\"");
    g_string_append(out, ff_lifetime_name(facts.policy.lifetime));
    g_string_append(out, "\",\"linger\":");
    ff_json_append_seconds_or_null(out, ff_policy_linger(&facts.policy));
    g_string_append(out, ",\"grace\":");
    ff_json_append_seconds_or_null(out, facts.policy.grace);
    g_string_append(out, ",\"max_age\":");
    ff_json_append_seconds_or_null(out, facts.policy.max_age);
    g_string_append(out, ",\"open_timeout\":");
    ff_json_append_seconds_or_null(out, facts.policy.open_timeout);
    g_string_append(out, ",\"capacity\":");
    if (facts.policy.capacity == FF_SIZE_DEFAULT)
        g_string_append(out, "null");
    else
        ff_json_append_unsigned(out, (guint64)facts.policy.capacity);
    g_string_append(out, ",\"hold\":\"");
    g_string_append(out, ff_hold_name((FfHold)facts.policy.hold));
    g_string_append(out, node->holding ? "\",\"held\":true" : "\",\"held\":false");
    g_string_append(out, ",\"expires\":");
    if (due != FF_NEVER)
        due = MAX(due, piece->now) + piece->realtime_offset;
    ff_json_append_seconds_or_null(out, due);
    g_string_append(out, ",\"reason\":");
    if (due == FF_NEVER)
        g_string_append(out, "null");
    else
        ff_json_append_string(out, ff_reason_name(reason));
    g_string_append(out, "}\n");
}

static void append_line(GString *out, const char *prefix, const FfNode *node, const Piece *piece)
{
    append_identity(out, prefix, node);
    append_acl(out, ff_acls_get(piece->acls, node, FF_ACL_ACCESS));
    append_creator(out, node->creator);
    append_state(out, node, piece);
    append_policy(out, node, piece);
}

/* The directory that is being listed; places whose directory is gone are left. NULL at the end. */
static FfNode *current_directory(FfPipesReader *reader, FfRegistry *registry)
{
    while (reader->places->len > 0) {
        const Place *place = &g_array_index(reader->places, Place, reader->places->len - 1);
        FfNode *directory = ff_registry_find(registry, place->directory);

        if (directory != NULL && ff_node_is_linked(directory) &&
            (reader->sees_all ||
             ff_access_may_list(&reader->caller, ff_registry_acls(registry), directory)))
            return directory;
        g_array_set_size(reader->places, reader->places->len - 1);
    }
    return NULL;
}

static void set_prefix(FfPipesReader *reader, const FfNode *directory)
{
    g_autofree char *path = ff_node_path(directory);

    g_string_assign(reader->prefix, path);
    if (reader->prefix->len > 0)
        g_string_append_c(reader->prefix, '/');
}

/*
 * List FIFOs of one directory up to its next sub-directory, which is entered, or its end, where it
 * is left.
 */
static void fill_from(FfPipesReader *reader, FfNode *directory, const Piece *piece, GString *out,
                      gsize enough)
{
    Place *place = &g_array_index(reader->places, Place, reader->places->len - 1);
    guint position = ff_directory_seek(directory->directory, place->cookie);

    set_prefix(reader, directory);
    while (out->len < enough) {
        FfNode *node = ff_directory_next(directory->directory, &position);

        if (node == NULL) {
            g_array_set_size(reader->places, reader->places->len - 1);
            return;
        }
        place->cookie = node->cookie;
        if (!ff_node_is_fifo(node)) {
            Place below = {node->id, 0};

            g_array_append_val(reader->places, below);
            return;
        }
        append_line(out, reader->prefix->str, node, piece);
    }
}

void ff_pipes_reader_fill(FfPipesReader *reader, FfRegistry *registry, GString *out, gsize enough)
{
    Piece piece = {.now = ff_registry_now(registry), .acls = ff_registry_acls(registry)};

    piece.realtime_offset = ff_registry_to_realtime(registry, 0);
    while (out->len < enough) {
        FfNode *directory = current_directory(reader, registry);

        if (directory == NULL)
            return;
        fill_from(reader, directory, &piece, out, enough);
    }
}
