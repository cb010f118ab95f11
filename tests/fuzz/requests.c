/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests of the kernel with any arguments, through libfuse to the handlers and back.
 *
 * The kernel's end of /dev/fuse is a socket of ours, so that nothing is mounted: directories cannot
 * be watched, and nothing is probed. What the kernel sees to is kept to here as well: a request is
 * as long as its kind wants, names end in NUL, are not empty and have no '/'. All else is the
 * fuzzer's: nodes that are none, sizes, offsets, flags, handles, requests that come again.
 *
 * Each request but those that want none gets one answer, of the length that it says.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fs/control.h"
#include "fs/ops.h"

#define MOUNTPOINT "/nonexistent"

#define UNIQUE_RESEND (G_GUINT64_CONSTANT(1) << 63)

/* So long an answer is waited for: handlers answer at once, or by the watch thread. */
#define PATIENCE_MS 20000

#define MOST_REQUESTS 64
#define ANSWER_BYTES  (2 * 1024 * 1024)

typedef struct {
    FfDaemon daemon;
    int inotify, log;
    /* Our end, and the daemon's. */
    int kernel, device;
    guint64 unique;
} World;

static void nothing(gpointer data)
{
}

static const FfSessionEvents events = {nothing, nothing, nothing};

static void make_listeners(World *world)
{
    FfDaemon *daemon = &world->daemon;

    daemon->retries = ff_retries_new();
    daemon->watch = ff_watch_new(daemon->registry, MOUNTPOINT, world->inotify, NULL);
    daemon->reaper = ff_reaper_new(daemon->registry, daemon->watch, NULL);
    daemon->relays = ff_relays_new(daemon->registry, daemon->watch, MOUNTPOINT);
    daemon->openers = ff_openers_new(daemon->registry, MOUNTPOINT, NULL);
    daemon->capacities = ff_capacities_new(daemon->registry, MOUNTPOINT);
    daemon->holds = ff_holds_new(daemon->registry, -1, FALSE);
    daemon->metrics = ff_metrics_new(daemon->registry);
    daemon->requests = ff_requests_new();
    daemon->streams = ff_streams_new(daemon->registry, NULL);
    daemon->creators = ff_creators_new(daemon->registry, NULL);
}

static void open_journal(World *world)
{
    FfDaemon *daemon = &world->daemon;
    g_autoptr(GError) error = NULL;

    world->log = ff_logfile_create();
    daemon->journal = ff_journal_new(daemon->registry, ff_logfile_open(world->log, NULL), &error);
    g_assert_no_error(error);
    daemon->handles = ff_control_handles_new();
    ff_watch_set_journal(daemon->watch, daemon->journal);
    ff_reaper_set_journal(daemon->reaper, daemon->journal);
    ff_streams_set_journal(daemon->streams, daemon->journal);
    ff_retries_set_journal(daemon->retries, daemon->journal);
}

static void start_session(World *world)
{
    FfDaemon *daemon = &world->daemon;
    FfSessionParts parts = {
        .options = daemon->options,
        .fd = world->device,
        .ops = &ff_ops,
        .data = daemon,
        .requests = daemon->requests,
        .journal = daemon->journal,
        .registry = daemon->registry,
        .events = &events,
    };
    g_autoptr(GError) error = NULL;

    daemon->session = ff_session_new(&parts, &error);
    g_assert_no_error(error);
    ff_session_start(daemon->session);
}

static void begin(World *world)
{
    FfDaemon *daemon = &world->daemon;
    int ends[2];

    g_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &(int){ANSWER_BYTES}, sizeof(int));
    world->kernel = ends[0];
    world->device = ends[1];
    world->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    daemon->options = ff_options_new();
    daemon->options->mountpoint = g_strdup(MOUNTPOINT);
    g_assert(ff_options_settle(daemon->options, NULL));
    daemon->registry = ff_registry_new(&daemon->options->registry, ff_clock_system());
    make_listeners(world);
    open_journal(world);
    start_session(world);
}

static void end(World *world)
{
    FfDaemon *daemon = &world->daemon;

    fuse_session_exit(ff_session_fuse(daemon->session));
    close(world->kernel);
    ff_relays_stop(daemon->relays);
    ff_session_stop(daemon->session);
    ff_daemon_free_parts(daemon);
    ff_options_free(daemon->options);
    close(world->inotify);
    close(world->log);
    close(world->device);
}

/* --- requests --- */

/* What a kind of request has behind its header: fixed bytes, then names, then more bytes. */
static const struct {
    guint32 opcode;
    gsize fixed;
    guint n_names;
    gboolean has_value;
    gboolean unanswered;
} kinds[] = {
    {FUSE_LOOKUP, 0, 1},
    {FUSE_FORGET, sizeof(struct fuse_forget_in), 0, FALSE, TRUE},
    {FUSE_GETATTR, sizeof(struct fuse_getattr_in), 0},
    {FUSE_SETATTR, sizeof(struct fuse_setattr_in), 0},
    {FUSE_MKNOD, sizeof(struct fuse_mknod_in), 1},
    {FUSE_MKDIR, sizeof(struct fuse_mkdir_in), 1},
    {FUSE_UNLINK, 0, 1},
    {FUSE_RMDIR, 0, 1},
    {FUSE_RENAME, sizeof(struct fuse_rename_in), 2},
    {FUSE_RENAME2, sizeof(struct fuse_rename2_in), 2},
    {FUSE_LINK, sizeof(struct fuse_link_in), 1},
    {FUSE_SYMLINK, 0, 2},
    {FUSE_CREATE, sizeof(struct fuse_create_in), 1},
    {FUSE_OPEN, sizeof(struct fuse_open_in), 0},
    {FUSE_READ, sizeof(struct fuse_read_in), 0},
    {FUSE_WRITE, sizeof(struct fuse_write_in), 0, TRUE},
    {FUSE_FALLOCATE, sizeof(struct fuse_fallocate_in), 0},
    {FUSE_RELEASE, sizeof(struct fuse_release_in), 0},
    {FUSE_FLUSH, sizeof(struct fuse_flush_in), 0},
    {FUSE_FSYNC, sizeof(struct fuse_fsync_in), 0},
    {FUSE_OPENDIR, sizeof(struct fuse_open_in), 0},
    {FUSE_READDIR, sizeof(struct fuse_read_in), 0},
    {FUSE_READDIRPLUS, sizeof(struct fuse_read_in), 0},
    {FUSE_RELEASEDIR, sizeof(struct fuse_release_in), 0},
    {FUSE_STATFS, 0, 0},
    {FUSE_SETXATTR, FUSE_COMPAT_SETXATTR_IN_SIZE, 1, TRUE},
    {FUSE_GETXATTR, sizeof(struct fuse_getxattr_in), 1},
    {FUSE_LISTXATTR, sizeof(struct fuse_getxattr_in), 0},
    {FUSE_REMOVEXATTR, 0, 1},
    {FUSE_POLL, sizeof(struct fuse_poll_in), 0},
    {FUSE_ACCESS, sizeof(struct fuse_access_in), 0},
};

static guint64 number_from(FuzzInput *input)
{
    guint64 number = fuzz_byte(input);

    /* Mostly small ones: nodes and handles that there are, some of them relayed. */
    if (number >= 0xe0 && number < 0xf0)
        return (number % 16) | FF_RELAY_BIT;
    if (number < 0xf0)
        return number % 24;
    for (guint i = 0; i < 7; i++)
        number = number << 8 | fuzz_byte(input);
    return number;
}

static void append_fixed(GByteArray *request, FuzzInput *input, gsize length)
{
    gsize at = request->len;

    g_byte_array_set_size(request, (guint)(at + length));
    memset(request->data + at, 0, length);
    for (gsize i = 0; i + sizeof(guint32) <= length; i += sizeof(guint32)) {
        guint32 word = (guint32)number_from(input);

        memcpy(request->data + at + i, &word, sizeof word);
    }
}

static void append_name(GByteArray *request, FuzzInput *input)
{
    static const char *const known[] = {
        "a",
        "b",
        "c",
        ".fifofs",
        "pipes",
        "events",
        "config",
        "d",
        "fifofs.lifetime",
        "fifofs.reap",
        "fifofs.state",
        "system.posix_acl_access",
        "system.posix_acl_default",
    };
    guint choice = fuzz_byte(input);

    if (choice < 0xc0) {
        const char *name = known[choice % G_N_ELEMENTS(known)];

        g_byte_array_append(request, (const guint8 *)name, (guint)strlen(name) + 1);
        return;
    }
    for (guint length = 1 + fuzz_byte(input) * 2u; length > 0; length--) {
        guint8 byte = fuzz_byte(input);

        g_byte_array_append(request, byte == 0 || byte == '/' ? (const guint8 *)"x" : &byte, 1);
    }
    g_byte_array_append(request, (const guint8 *)"", 1);
}

static gpointer body_of(GByteArray *request)
{
    return request->data + sizeof(struct fuse_in_header);
}

static void append_value(GByteArray *request, FuzzInput *input, guint32 opcode)
{
    static const char *const known[] = {"auto", "use", "1s", "infinity", "1M", "none", "17"};
    guint choice = fuzz_byte(input);
    guint32 length = choice < 0xc0 ? (guint32)strlen(known[choice % G_N_ELEMENTS(known)])
                                   : fuzz_byte(input);
    guint32 flags = fuzz_byte(input) % 4;

    for (guint32 i = 0; i < length; i++) {
        guint8 byte = choice < 0xc0 ? (guint8)known[choice % G_N_ELEMENTS(known)][i]
                                    : fuzz_byte(input);

        g_byte_array_append(request, &byte, 1);
    }
    if (opcode == FUSE_WRITE) {
        struct fuse_write_in *write_in = body_of(request);

        write_in->size = length;
        write_in->flags |= O_NONBLOCK;
    } else {
        struct fuse_setxattr_in *setxattr_in = body_of(request);

        setxattr_in->size = length;
        setxattr_in->flags = flags;
    }
}

/* What would wait for an event that never comes, or for as much memory as there is. */
static void keep_in_bounds(GByteArray *request, guint32 opcode)
{
    gpointer body = body_of(request);

    if (opcode == FUSE_READ || opcode == FUSE_READDIR || opcode == FUSE_READDIRPLUS) {
        struct fuse_read_in *read_in = body;

        read_in->size %= 64 * 1024;
        read_in->flags |= O_NONBLOCK;
    } else if (opcode == FUSE_GETXATTR || opcode == FUSE_LISTXATTR) {
        ((struct fuse_getxattr_in *)body)->size %= 64 * 1024;
    }
}

static GByteArray *new_request(World *world, FuzzInput *input, guint kind)
{
    GByteArray *request = g_byte_array_new();
    struct fuse_in_header header = {.opcode = kinds[kind].opcode, .unique = world->unique += 2};
    guint who = fuzz_byte(input);

    header.nodeid = MAX(number_from(input), 1);
    header.uid = header.gid = who % 2 == 0 ? 0 : 1000;
    if (who % 16 == 0)
        header.unique |= UNIQUE_RESEND;
    g_byte_array_append(request, (const guint8 *)&header, sizeof header);
    append_fixed(request, input, kinds[kind].fixed);
    for (guint i = 0; i < kinds[kind].n_names; i++)
        append_name(request, input);
    if (kinds[kind].has_value)
        append_value(request, input, header.opcode);
    keep_in_bounds(request, header.opcode);
    ((struct fuse_in_header *)request->data)->len = request->len;
    return request;
}

static void send_request(const World *world, const GByteArray *request)
{
    g_assert(write(world->kernel, request->data, request->len) == (gssize)request->len);
}

/* Notifications have no number. Return: the answer's length. */
static gssize await_answer(const World *world, char *answer, guint64 unique)
{
    const struct fuse_out_header *header = (const struct fuse_out_header *)answer;

    for (;;) {
        struct pollfd readable = {.fd = world->kernel, .events = POLLIN};
        gssize length;

        g_assert(poll(&readable, 1, PATIENCE_MS) == 1);
        length = read(world->kernel, answer, ANSWER_BYTES);
        g_assert(length >= (gssize)sizeof *header && header->len == (guint32)length);
        if (header->unique == 0)
            continue;
        g_assert(header->unique == unique);
        g_assert(header->error <= 0 && header->error > -4096);
        g_assert(header->error == 0 || (gsize)length == sizeof *header);
        return length;
    }
}

static void agree(World *world, char *answer)
{
    struct {
        struct fuse_in_header header;
        struct fuse_init_in init;
    } request = {
        .header = {.len = sizeof request, .opcode = FUSE_INIT, .unique = world->unique += 2},
        .init = {.major = FUSE_KERNEL_VERSION,
                 .minor = FUSE_KERNEL_MINOR_VERSION,
                 .max_readahead = 1 << 17,
                 .flags = FUSE_DONT_MASK | FUSE_POSIX_ACL | FUSE_DO_READDIRPLUS},
    };

    g_assert(write(world->kernel, &request, sizeof request) == sizeof request);
    await_answer(world, answer, request.header.unique);
}

/* What is left can be written down and read again. */
static void check_journal(FfDaemon *daemon)
{
    const FfRegistryOptions any = {.policy = ff_policy_default};
    g_autoptr(GError) error = NULL;

    ff_journal_can_be_read(ff_journal_log(daemon->journal), &any, &error);
    g_assert_no_error(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answer[ANSWER_BYTES];
    FuzzInput input = {data, size};
    World world = {0};

    begin(&world);
    agree(&world, answer);
    for (guint i = 0; i < MOST_REQUESTS && input.left > 0; i++) {
        guint kind = fuzz_byte(&input) % G_N_ELEMENTS(kinds);
        g_autoptr(GByteArray) request = new_request(&world, &input, kind);

        send_request(&world, request);
        if (!kinds[kind].unanswered)
            await_answer(&world, answer, ((struct fuse_in_header *)request->data)->unique);
    }
    check_journal(&world.daemon);
    end(&world);
    return 0;
}
