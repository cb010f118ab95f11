/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "ops.h"
#include "pipes-json.h"
#include "quota-json.h"
#include "usercount.h"

#define FIRST_FILE_ID   3
#define DIRECTORY_LINKS 2

/* One read is answered with no more, so that no other request waits long for its turn. */
#define PIECE_BYTES (64 * 1024)

/*
 * So many files that are texts may a user have open on a mount, but for root: each keeps what
 * was read last, here and in the journal.
 */
#define MOST_TEXTS_OF_USER 256

typedef struct Handle Handle;

typedef struct {
    const char *name;
    /*
     * Make the content ready to be read from its start; or, with @in and the registry locked, from
     * where another process was.
     */
    void (*open)(Handle *handle, FfUnpacker *in);
    /* Append the next content until the buffer has as many bytes, or to the end. NULL for a stream. */
    void (*fill)(Handle *handle, FfDaemon *daemon, size_t enough);
} ControlFile;

/* The kernel knows handles by number, as they may outlive the process. */
struct FfControlHandles {
    /* Handle, by its number. */
    GHashTable *by_number;
    guint64 next;
    /* How many texts each user but root has open (usercount.h). */
    GHashTable *n_texts;
};

struct Handle {
    guint64 number;
    FfDaemon *daemon;
    const ControlFile *file;
    FfCaller caller;
    gboolean sees_all;
    FfPipesReader *pipes;
    /* It has no end; what is below is not for it. */
    FfStream *stream;
    /*
     * What begins at that offset. The first of it was given to a read, of which the next one shows
     * whether it has had it.
     */
    GString *content;
    off_t offset;
    gsize given;
    /* Of the last three: two threads of a process may read at once. Before the registry's. */
    GMutex lock;
};

/* Root and the owner of the mount. */
static gboolean sees_all(const FfDaemon *daemon, const FfCaller *caller)
{
    return caller->uid == 0 || caller->uid == daemon->owner;
}

static void open_pipes(Handle *handle, FfUnpacker *in)
{
    handle->pipes = ff_pipes_reader_new(&handle->caller, handle->sees_all);
    if (in != NULL)
        ff_pipes_reader_go_to(handle->pipes, in);
}

static void fill_pipes(Handle *handle, FfDaemon *daemon, size_t enough)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    if (handle->offset == 0 && handle->content->len == 0)
        ff_pipes_reader_rewind(handle->pipes);
    ff_pipes_reader_fill(handle->pipes, daemon->registry, handle->content, enough);
}

static void save_handle(gpointer data);

static void open_events(Handle *handle, FfUnpacker *in)
{
    FfStreams *streams = handle->daemon->streams;

    handle->stream = in == NULL ? ff_stream_open(streams, &handle->caller, handle->sees_all,
                                                 save_handle, handle)
                                : ff_stream_open_again(streams, &handle->caller, handle->sees_all,
                                                       save_handle, handle, in);
}

static void open_nothing(Handle *handle, FfUnpacker *in)
{
}

static void fill_config(Handle *handle, FfDaemon *daemon, size_t enough)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);
    g_autofree char *text = NULL;

    if (handle->offset > 0 || handle->content->len > 0)
        return;
    text = ff_options_to_text(daemon->options);
    g_string_assign(handle->content, text);
}

static void append_build(const FfDaemon *daemon, GString *out)
{
    ff_metrics_append_head(out, "fifofs_build_info", "gauge", "The version of the daemon.");
    g_string_append(out, "fifofs_build_info{version=\"" FIFOFS_VERSION "\"} 1\n");
    ff_metrics_append_head(out, "fifofs_start_time_seconds", "gauge",
                           "When it was mounted, in seconds since the epoch.");
    g_string_append_printf(out, "fifofs_start_time_seconds %" G_GINT64_FORMAT "\n",
                           (gint64)daemon->mounted.tv_sec);
    ff_metrics_append_head(out, "fifofs_takeovers_total", "counter",
                           "How often another worker has gone on where one had ended.");
    g_string_append_printf(out, "fifofs_takeovers_total %" G_GUINT64_FORMAT "\n",
                           ff_logfile_number(ff_journal_log(daemon->journal), FF_LOGFILE_N_OPENED) -
                               1);
    ff_metrics_append_head(out, "fifofs_missed_event_lines_total", "counter",
                           "Lines of events that readers were too slow for.");
    g_string_append_printf(out, "fifofs_missed_event_lines_total %" G_GUINT64_FORMAT "\n",
                           ff_events_n_missed(ff_streams_events(daemon->streams)));
}

static void fill_metrics(Handle *handle, FfDaemon *daemon, size_t enough)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    if (handle->offset > 0 || handle->content->len > 0)
        return;
    append_build(daemon, handle->content);
    ff_metrics_append(daemon->metrics, handle->content);
    ff_requests_append(daemon->requests, handle->content);
}

static void fill_quota(Handle *handle, FfDaemon *daemon, size_t enough)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    if (handle->offset > 0 || handle->content->len > 0)
        return;
    ff_quota_append_json(ff_registry_quota(daemon->registry),
                         &ff_registry_options(daemon->registry)->limits, handle->caller.uid,
                         handle->sees_all, handle->content);
}

static const ControlFile files[] = {
    {"config", open_nothing, fill_config},   {"events", open_events, NULL},
    {"metrics", open_nothing, fill_metrics}, {"pipes", open_pipes, fill_pipes},
    {"quota", open_nothing, fill_quota},
};

gboolean ff_control_owns(guint64 id)
{
    return id >= FF_CONTROL_DIRECTORY_ID && id < FIRST_FILE_ID + G_N_ELEMENTS(files);
}

/* The id of a file of the directory, or 0. */
static guint64 find_file(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        if (strcmp(files[i].name, name) == 0)
            return FIRST_FILE_ID + i;
    return 0;
}

void ff_control_stat(const FfDaemon *daemon, guint64 id, struct stat *st)
{
    *st = (struct stat){
        .st_ino = id,
        .st_mode = id == FF_CONTROL_DIRECTORY_ID ? S_IFDIR | 0555 : S_IFREG | 0444,
        .st_nlink = id == FF_CONTROL_DIRECTORY_ID ? DIRECTORY_LINKS : 1,
        .st_uid = daemon->owner,
        .st_gid = daemon->owner_group,
        .st_atim = daemon->mounted,
        .st_mtim = daemon->mounted,
        .st_ctim = daemon->mounted,
    };
}

/* For the supervisor, who alone knows such a name (holds.h). */
static gboolean look_up_held(fuse_req_t req, const char *name)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    struct fuse_entry_param entry;

    {
        g_autoptr(FfRegistryLocker) locker = ff_ops_lock(req);
        FfNode *node = ff_registry_find(daemon->registry, ff_holds_find(daemon->holds, name));

        if (node == NULL)
            return FALSE;
        ff_registry_add_own_lookup(daemon->registry, node);
        ff_ops_describe_entry(daemon, node, &entry);
    }
    entry.entry_timeout = 0;
    ff_ops_reply_entry(req, &entry);
    return TRUE;
}

/* Lookups of control nodes are not counted: they are never freed. */
void ff_control_lookup(fuse_req_t req, guint64 parent, const char *name)
{
    struct fuse_entry_param entry = {
        .ino = parent == FF_ROOT_ID ? FF_CONTROL_DIRECTORY_ID : find_file(name),
        .generation = 1,
        .attr_timeout = FF_FOREVER,
        .entry_timeout = FF_FOREVER,
    };

    if (strlen(name) > FF_NAME_MAX) {
        fuse_reply_err(req, ENAMETOOLONG);
        return;
    }
    if (entry.ino == 0) {
        if (parent != FF_CONTROL_DIRECTORY_ID || !look_up_held(req, name))
            fuse_reply_err(req, ENOENT);
        return;
    }
    ff_control_stat(ff_ops_daemon(req), entry.ino, &entry.attr);
    fuse_reply_entry(req, &entry);
}

const char *ff_control_file(guint index, guint64 *id)
{
    if (index >= G_N_ELEMENTS(files))
        return NULL;
    *id = FIRST_FILE_ID + index;
    return files[index].name;
}

static void handle_free(gpointer data)
{
    Handle *handle = data;

    ff_pipes_reader_free(handle->pipes);
    g_clear_pointer(&handle->stream, ff_stream_close);
    g_string_free(handle->content, TRUE);
    ff_caller_clear(&handle->caller);
    g_mutex_clear(&handle->lock);
    g_free(handle);
}

FfControlHandles *ff_control_handles_new(void)
{
    FfControlHandles *handles = g_new0(FfControlHandles, 1);

    handles->by_number = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, handle_free);
    handles->n_texts = ff_user_counts_new();
    handles->next = 1;
    return handles;
}

void ff_control_handles_free(FfControlHandles *handles)
{
    if (handles == NULL)
        return;
    g_hash_table_unref(handles->by_number);
    g_hash_table_unref(handles->n_texts);
    g_free(handles);
}

/* Takes @caller over. */
static Handle *new_handle(FfDaemon *daemon, const ControlFile *file, FfCaller caller)
{
    Handle *handle = g_new0(Handle, 1);

    handle->daemon = daemon;
    handle->file = file;
    handle->caller = caller;
    handle->sees_all = sees_all(daemon, &caller);
    handle->content = g_string_new(NULL);
    g_mutex_init(&handle->lock);
    return handle;
}

static void count_text(const Handle *handle, int change)
{
    if (handle->file->fill != NULL && handle->caller.uid != 0)
        ff_user_counts_add(handle->daemon->handles->n_texts, handle->caller.uid, change);
}

static gboolean may_open(FfDaemon *daemon, const ControlFile *file, uid_t uid)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    return file->fill == NULL ||
           ff_user_counts_of(daemon->handles->n_texts, uid) < MOST_TEXTS_OF_USER;
}

/* Registry locked. */
static void add_handle(Handle *handle)
{
    FfControlHandles *handles = handle->daemon->handles;

    count_text(handle, 1);
    g_hash_table_insert(handles->by_number, &handle->number, handle);
    handles->next = MAX(handles->next, handle->number + 1);
}

/* Registry locked; for what has no stream, its own lock too. */
static void save_handle(gpointer data)
{
    const Handle *handle = data;
    const FfCaller *caller = &handle->caller;
    g_autoptr(GByteArray) out = NULL;

    /* A stream says that it has changed while it is opened, too. */
    if (handle->number == 0)
        return;
    out = g_byte_array_new();
    ff_pack_text(out, handle->file->name);
    ff_pack_unsigned(out, caller->uid);
    ff_pack_unsigned(out, caller->gid);
    ff_pack_unsigned(out, caller->n_groups);
    for (guint i = 0; i < caller->n_groups; i++)
        ff_pack_unsigned(out, caller->groups[i]);
    ff_pack_signed(out, handle->offset);
    ff_pack_unsigned(out, handle->given);
    ff_pack_bytes(out, handle->content->str, handle->content->len);
    if (handle->pipes != NULL)
        ff_pipes_reader_save(handle->pipes, out);
    if (handle->stream != NULL)
        ff_stream_save(handle->stream, out);
    ff_journal_keep(handle->daemon->journal, FF_KEPT_HANDLE, handle->number, out);
}

static FfCaller unpack_caller(FfUnpacker *in)
{
    FfCaller caller = {.uid = (uid_t)ff_unpack_below(in, G_MAXUINT32)};
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(gid_t));

    caller.gid = (gid_t)ff_unpack_below(in, G_MAXUINT32);
    for (guint64 n = ff_unpack_unsigned(in); n > 0 && !in->failed; n--) {
        gid_t group = (gid_t)ff_unpack_below(in, G_MAXUINT32);

        g_array_append_val(groups, group);
    }
    caller.n_groups = groups->len;
    caller.groups = (const gid_t *)g_array_free(g_steal_pointer(&groups), FALSE);
    return caller;
}

static void open_again(guint64 number, GBytes *bytes, gpointer data)
{
    gsize length;
    gconstpointer start = g_bytes_get_data(bytes, &length);
    FfUnpacker in = ff_unpacker(start, length);
    g_autofree char *name = ff_unpack_text(&in);
    guint64 id = find_file(name);
    const guint8 *content;
    Handle *handle;

    /* A file of another version: reading it is an error from now on. */
    if (id == 0)
        return;
    handle = new_handle(data, &files[id - FIRST_FILE_ID], unpack_caller(&in));
    handle->offset = ff_unpack_signed(&in);
    handle->given = ff_unpack_unsigned(&in);
    content = ff_unpack_bytes(&in, &length);
    g_string_append_len(handle->content, (const char *)content, (gssize)length);
    handle->given = MIN(handle->given, length);
    handle->file->open(handle, &in);
    handle->number = number;
    add_handle(handle);
}

void ff_control_handles_take_over(FfDaemon *daemon)
{
    ff_journal_foreach_kept(daemon->journal, FF_KEPT_HANDLE, open_again, daemon);
    ff_streams_take_over(daemon->streams, daemon->session);
}

/* The handle of a request, or NULL for one that is closed, or was lost with another process. */
static Handle *find_handle(FfDaemon *daemon, const struct fuse_file_info *fi)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);
    guint64 number = fi->fh;

    return g_hash_table_lookup(daemon->handles->by_number, &number);
}

static void close_handle(FfDaemon *daemon, guint64 number)
{
    Handle *handle;

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        handle = g_hash_table_lookup(daemon->handles->by_number, &number);
        if (handle == NULL)
            return;
        g_hash_table_steal(daemon->handles->by_number, &number);
        count_text(handle, -1);
        ff_journal_drop(daemon->journal, FF_KEPT_HANDLE, number);
    }
    /* Freeing it takes the lock itself. */
    handle_free(handle);
}

/* Return: the number of the handle that this request got when it came before, or 0. */
static guint64 opened_before(FfDaemon *daemon)
{
    FfRequestNumber request = ff_session_current();
    guint64 number = 0;

    if (!request.again)
        return 0;
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        ff_journal_find_answer(daemon->journal, request.unique, &number);
    }
    return number;
}

static guint64 open_handle(fuse_req_t req, guint64 id)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    Handle *handle = new_handle(daemon, &files[id - FIRST_FILE_ID], ff_ops_caller_with_groups(req));

    handle->file->open(handle, NULL);
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        handle->number = daemon->handles->next;
        add_handle(handle);
        save_handle(handle);
        ff_journal_note_answer(daemon->journal, ff_session_current().unique, handle->number);
    }
    return handle->number;
}

void ff_control_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    if (!ff_control_owns(id) || id == FF_CONTROL_DIRECTORY_ID) {
        fuse_reply_err(req, ENXIO);
        return;
    }
    if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC) != 0) {
        fuse_reply_err(req, EACCES);
        return;
    }
    fi->fh = opened_before(daemon);
    if (fi->fh == 0 && !may_open(daemon, &files[id - FIRST_FILE_ID], fuse_req_ctx(req)->uid)) {
        fuse_reply_err(req, EMFILE);
        return;
    }
    if (fi->fh == 0)
        fi->fh = open_handle(req, id);
    /* The size is not known before it is read. */
    fi->direct_io = 1;
    fi->nonseekable = files[id - FIRST_FILE_ID].fill == NULL;
    if (fuse_reply_open(req, fi) < 0)
        close_handle(daemon, fi->fh);
}

static void restart(Handle *handle)
{
    g_string_truncate(handle->content, 0);
    handle->offset = 0;
    handle->given = 0;
}

/*
 * Go to that offset. It is made in order, and again only from its start. Return: FALSE for any
 * other offset.
 */
static gboolean go_to(Handle *handle, off_t offset)
{
    /* Whoever asks once more, as he got no answer, gets what he would have got. */
    if (offset == handle->offset && (offset > 0 || ff_session_current().again))
        return TRUE;
    if (offset == 0) {
        restart(handle);
        return TRUE;
    }
    if (offset != handle->offset + (off_t)handle->given)
        return FALSE;
    g_string_erase(handle->content, 0, (gssize)handle->given);
    handle->offset = offset;
    handle->given = 0;
    return TRUE;
}

static void save_locked(Handle *handle)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(handle->daemon->registry);

    save_handle(handle);
}

static void read_content(Handle *handle, fuse_req_t req, size_t size, off_t offset)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&handle->lock);

    if (!go_to(handle, offset)) {
        fuse_reply_err(req, ESPIPE);
        return;
    }
    if (handle->content->len < size)
        handle->file->fill(handle, handle->daemon, size);
    handle->given = MIN(handle->content->len, size);
    save_locked(handle);
    fuse_reply_buf(req, handle->content->str, handle->given);
}

void ff_control_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                     struct fuse_file_info *fi)
{
    Handle *handle = find_handle(ff_ops_daemon(req), fi);

    size = MIN(size, PIECE_BYTES);
    if (handle == NULL)
        fuse_reply_err(req, EIO);
    else if (handle->stream != NULL)
        ff_stream_read(handle->stream, req, size, offset, (fi->flags & O_NONBLOCK) == 0);
    else
        read_content(handle, req, size, offset);
}

void ff_control_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    close_handle(ff_ops_daemon(req), fi->fh);
    fuse_reply_err(req, 0);
}

void ff_control_poll(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi,
                     struct fuse_pollhandle *poll_handle)
{
    Handle *handle = find_handle(ff_ops_daemon(req), fi);

    if (handle != NULL && handle->stream != NULL) {
        ff_stream_poll(handle->stream, req, poll_handle);
        return;
    }
    g_clear_pointer(&poll_handle, fuse_pollhandle_destroy);
    fuse_reply_poll(req, handle == NULL ? POLLERR : POLLIN | POLLRDNORM);
}
