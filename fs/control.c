/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "autofd.h"
#include "config.h"
#include "ops.h"
#include "pipes-json.h"
#include "procfs.h"

#define DIRECTORY_ID    2
#define FIRST_FILE_ID   3
#define DIRECTORY_LINKS 2

/* One read is answered with no more, so that no other request waits long for its turn. */
#define PIECE_BYTES (64 * 1024)

typedef struct Handle Handle;

typedef struct {
    const char *name;
    /* Make the content ready to be read from its start. */
    void (*open)(Handle *handle, fuse_req_t req);
    /* Append the next content until the buffer has as many bytes, or to the end. NULL for a stream. */
    void (*fill)(Handle *handle, FfDaemon *daemon, size_t enough);
} ControlFile;

struct Handle {
    const ControlFile *file;
    FfPipesReader *pipes;
    /* It has no end and no offsets; what is below is not for it. */
    FfStream *stream;
    /* What was made and not read yet, and the offset at which it begins. */
    GString *content;
    off_t offset;
    /* Of the last two: two threads of a process may read at once. Before the registry's. */
    GMutex lock;
};

/* Root and the owner of the mount. */
static gboolean sees_all(const FfDaemon *daemon, const FfCaller *caller)
{
    return caller->uid == 0 || caller->uid == ff_registry_options(daemon->registry)->root_uid;
}

/*
 * The process behind a request with its supplementary groups, none where they cannot be read; give
 * it back with ff_caller_clear(). libfuse's own fuse_req_getgroups() reads beyond its buffer where
 * there are many (3.14).
 */
static FfCaller caller_with_groups(fuse_req_t req)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", fuse_req_ctx(req)->pid);
    g_auto(FfAutoFd) process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    FfCaller caller = {0};

    if (process >= 0)
        ff_procfs_caller(process, &caller);
    caller.uid = fuse_req_ctx(req)->uid;
    caller.gid = fuse_req_ctx(req)->gid;
    return caller;
}

static void open_pipes(Handle *handle, fuse_req_t req)
{
    FfCaller caller = caller_with_groups(req);

    handle->pipes = ff_pipes_reader_new(&caller, sees_all(ff_ops_daemon(req), &caller));
    ff_caller_clear(&caller);
}

static void fill_pipes(Handle *handle, FfDaemon *daemon, size_t enough)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    if (handle->offset == 0 && handle->content->len == 0)
        ff_pipes_reader_rewind(handle->pipes);
    ff_pipes_reader_fill(handle->pipes, daemon->registry, handle->content, enough);
}

static void open_events(Handle *handle, fuse_req_t req)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    FfCaller caller = caller_with_groups(req);

    handle->stream = ff_stream_open(daemon->streams, &caller, sees_all(daemon, &caller));
    ff_caller_clear(&caller);
}

static void open_nothing(Handle *handle, fuse_req_t req)
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

static const ControlFile files[] = {
    {"config", open_nothing, fill_config},
    {"events", open_events, NULL},
    {"metrics", open_nothing, fill_metrics},
    {"pipes", open_pipes, fill_pipes},
};

gboolean ff_control_owns(guint64 id)
{
    return id >= DIRECTORY_ID && id < FIRST_FILE_ID + G_N_ELEMENTS(files);
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
    const FfRegistryOptions *options = ff_registry_options(daemon->registry);

    *st = (struct stat){
        .st_ino = id,
        .st_mode = id == DIRECTORY_ID ? S_IFDIR | 0555 : S_IFREG | 0444,
        .st_nlink = id == DIRECTORY_ID ? DIRECTORY_LINKS : 1,
        .st_uid = options->root_uid,
        .st_gid = options->root_gid,
        .st_atim = daemon->mounted,
        .st_mtim = daemon->mounted,
        .st_ctim = daemon->mounted,
    };
}

/* Lookups of control nodes are not counted: they are never freed. */
void ff_control_lookup(fuse_req_t req, guint64 parent, const char *name)
{
    struct fuse_entry_param entry = {
        .ino = parent == FF_ROOT_ID ? DIRECTORY_ID : find_file(name),
        .generation = 1,
        .attr_timeout = FF_FOREVER,
        .entry_timeout = FF_FOREVER,
    };

    if (strlen(name) > FF_NAME_MAX) {
        fuse_reply_err(req, ENAMETOOLONG);
        return;
    }
    if (entry.ino == 0) {
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
    g_mutex_clear(&handle->lock);
    g_free(handle);
}

GHashTable *ff_control_handles_new(void)
{
    return g_hash_table_new_full(NULL, NULL, handle_free, NULL);
}

static void add_handle(FfDaemon *daemon, Handle *handle)
{
    g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

    g_hash_table_add(daemon->handles, handle);
}

/* Freeing one takes the lock itself. */
static void remove_handle(FfDaemon *daemon, Handle *handle)
{
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        g_hash_table_steal(daemon->handles, handle);
    }
    handle_free(handle);
}

void ff_control_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    FfDaemon *daemon = ff_ops_daemon(req);
    Handle *handle;

    if (!ff_control_owns(id) || id == DIRECTORY_ID) {
        fuse_reply_err(req, ENXIO);
        return;
    }
    if ((fi->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EACCES);
        return;
    }
    handle = g_new0(Handle, 1);
    handle->file = &files[id - FIRST_FILE_ID];
    handle->content = g_string_new(NULL);
    g_mutex_init(&handle->lock);
    handle->file->open(handle, req);
    add_handle(daemon, handle);
    fi->fh = (uintptr_t)handle;
    /* The size is not known before it is read. */
    fi->direct_io = 1;
    fi->nonseekable = handle->stream != NULL;
    if (fuse_reply_open(req, fi) < 0)
        remove_handle(daemon, handle);
}

static void read_content(Handle *handle, fuse_req_t req, size_t size, off_t offset)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&handle->lock);
    size_t length;

    if (offset == 0 && handle->offset != 0) {
        g_string_truncate(handle->content, 0);
        handle->offset = 0;
    }
    /* It is made in order, and again only from its start. */
    if (offset != handle->offset) {
        fuse_reply_err(req, ESPIPE);
        return;
    }
    if (handle->content->len < size)
        handle->file->fill(handle, ff_ops_daemon(req), size);
    length = MIN(handle->content->len, size);
    if (fuse_reply_buf(req, handle->content->str, length) == 0) {
        g_string_erase(handle->content, 0, (gssize)length);
        handle->offset += (off_t)length;
    }
}

void ff_control_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
                     struct fuse_file_info *fi)
{
    Handle *handle = (Handle *)(uintptr_t)fi->fh;

    size = MIN(size, PIECE_BYTES);
    if (handle->stream != NULL)
        ff_stream_read(handle->stream, req, size, (fi->flags & O_NONBLOCK) == 0);
    else
        read_content(handle, req, size, offset);
}

void ff_control_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
    FfDaemon *daemon = ff_ops_daemon(req);

    remove_handle(daemon, (Handle *)(uintptr_t)fi->fh);
    fuse_reply_err(req, 0);
}

void ff_control_poll(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi,
                     struct fuse_pollhandle *poll_handle)
{
    Handle *handle = (Handle *)(uintptr_t)fi->fh;

    if (handle->stream != NULL) {
        ff_stream_poll(handle->stream, req, poll_handle);
        return;
    }
    g_clear_pointer(&poll_handle, fuse_pollhandle_destroy);
    fuse_reply_poll(req, POLLIN | POLLRDNORM);
}
