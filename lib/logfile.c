/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "siphash.h"
#include "step.h"

#define MAGIC       "fifofsJ"
#define PAGE_BYTES  4096
#define INBOX_BYTES ((gsize)64 * 1024)
/* The header has a page of its own, then comes the inbox. */
#define HEADER_BYTES (PAGE_BYTES + INBOX_BYTES)
/* Where in that page the numbers of requests are. */
#define LATELY_READ_AT (PAGE_BYTES - FF_LOGFILE_N_LATELY_READ * sizeof(guint64))
#define MOST_BYTES     ((gsize)1 << 24)

typedef struct {
    char magic[8];
    guint32 version;
    guint32 unused;
    /* Where the first record is, and where the next one will be. */
    guint64 begin, end;
    guint64 numbers[FF_LOGFILE_N_NUMBERS];
} Header;

/* In front of each record. */
typedef struct {
    /* The kind in the highest eight bits. */
    guint32 kind_and_length;
    guint32 checksum;
} Frame;

struct FfLogfile {
    int fd;
    Header *header;
    /* Records that are set aside. */
    GByteArray *pending;
};

G_DEFINE_QUARK(ff - logfile - error - quark, ff_logfile_error)

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean fail(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL)
        *error = g_error_new_valist(FF_LOGFILE_ERROR, 0, format, arguments);
    va_end(arguments);
    return FALSE;
}

/* Against damage, not against malice: the key is no secret. */
static guint32 checksum(guint32 kind_and_length, gconstpointer bytes, gsize length)
{
    const FfSipKey key = {{kind_and_length, 0}};

    return (guint32)ff_siphash(&key, bytes, length);
}

int ff_logfile_create(void)
{
    const Header header = {
        .magic = MAGIC,
        .version = FF_LOGFILE_FIRST_VERSION,
        .begin = HEADER_BYTES,
        .end = HEADER_BYTES,
    };
    int fd = memfd_create("fifofs-journal", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    /* Allocated, so that no access through the mapping can fail for want of memory. */
    if (fallocate(fd, 0, 0, HEADER_BYTES) < 0 ||
        pwrite(fd, &header, sizeof header, 0) != sizeof header) {
        int code = errno;

        close(fd);
        return -code;
    }
    return fd;
}

/*
 * Another process may be writing, so what grows is looked at last: the beginning, which is before the
 * end, which is within the file.
 */
static gboolean check_header(int fd, const Header *header, GError **error)
{
    guint64 begin = __atomic_load_n(&header->begin, __ATOMIC_ACQUIRE);
    guint64 end = __atomic_load_n(&header->end, __ATOMIC_ACQUIRE);
    struct stat st;

    if (memcmp(header->magic, MAGIC, sizeof header->magic) != 0)
        return fail(error, "this is no journal");
    if (header->version == 0 || header->version > FF_LOGFILE_LAST_VERSION)
        return fail(error, "the journal has version %u, and this program reads up to %d",
                    header->version, FF_LOGFILE_LAST_VERSION);
    if (begin < HEADER_BYTES || begin > end || fstat(fd, &st) < 0 || end > (guint64)st.st_size)
        return fail(error, "the journal is cut off");
    return TRUE;
}

FfLogfile *ff_logfile_open(int fd, GError **error)
{
    g_autoptr(FfLogfile) log = g_new0(FfLogfile, 1);
    struct stat st;
    void *header;

    log->fd = fd;
    log->pending = g_byte_array_new();
    if (fstat(fd, &st) < 0 || st.st_size < (off_t)HEADER_BYTES) {
        fail(error, "this is no journal");
        return NULL;
    }
    header = mmap(NULL, HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED) {
        fail(error, "cannot map the journal: %s", g_strerror(errno));
        return NULL;
    }
    log->header = header;
    return check_header(fd, log->header, error) ? g_steal_pointer(&log) : NULL;
}

void ff_logfile_claim(FfLogfile *log)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    /* One that was killed and cannot end may have it still; he who replaces him knows that. */
    if (fcntl(log->fd, F_SETLK, &lock) < 0)
        g_debug("the journal is another process's: %s", g_strerror(errno));
}

gboolean ff_logfile_is_claimed(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void ff_logfile_free(FfLogfile *log)
{
    if (log == NULL)
        return;
    if (log->header != NULL)
        munmap(log->header, HEADER_BYTES);
    g_byte_array_unref(log->pending);
    g_free(log);
}

static gboolean read_records(const guint8 *at, const guint8 *end, FfLogfileVisit visit,
                             gpointer data, GError **error)
{
    while (at < end) {
        Frame frame;
        gsize length;

        if ((gsize)(end - at) < sizeof frame)
            return fail(error, "the journal ends within a record");
        memcpy(&frame, at, sizeof frame);
        at += sizeof frame;
        length = frame.kind_and_length & (MOST_BYTES - 1);
        if (length > (gsize)(end - at) ||
            frame.checksum != checksum(frame.kind_and_length, at, length))
            return fail(error, "a record of the journal is damaged");
        if (!visit(frame.kind_and_length >> 24, at, length, data, error))
            return FALSE;
        at += length;
    }
    return TRUE;
}

gboolean ff_logfile_read(FfLogfile *log, FfLogfileVisit visit, gpointer data, GError **error)
{
    guint64 end = __atomic_load_n(&log->header->end, __ATOMIC_ACQUIRE);
    guint64 begin = __atomic_load_n(&log->header->begin, __ATOMIC_ACQUIRE);
    guint64 page = begin / PAGE_BYTES * PAGE_BYTES;
    const guint8 *map;
    gboolean ok;

    if (begin == end)
        return TRUE;
    map = mmap(NULL, end - page, PROT_READ, MAP_SHARED, log->fd, (off_t)page);
    if (map == MAP_FAILED)
        return fail(error, "cannot map the journal: %s", g_strerror(errno));
    ok = read_records(map + (begin - page), map + (end - page), visit, data, error);
    munmap((void *)map, end - page);
    return ok;
}

void ff_logfile_append(FfLogfile *log, guint kind, gconstpointer bytes, gsize length)
{
    guint32 kind_and_length = (guint32)kind << 24 | (guint32)length;
    Frame frame = {kind_and_length, checksum(kind_and_length, bytes, length)};

    g_assert(length < MOST_BYTES);
    g_byte_array_append(log->pending, (const guint8 *)&frame, sizeof frame);
    g_byte_array_append(log->pending, bytes, (guint)length);
}

void ff_logfile_need(FfLogfile *log, FfLogfileVersion version)
{
    /* Too early does no harm, should the process die before it commits. */
    if (log->header->version < (guint32)version)
        __atomic_store_n(&log->header->version, (guint32)version, __ATOMIC_RELEASE);
}

static int write_all(int fd, const guint8 *bytes, gsize length, guint64 offset)
{
    while (length > 0) {
        ssize_t n = pwrite(fd, bytes, length, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENOSPC;
        bytes += n;
        offset += (guint64)n;
        length -= (gsize)n;
    }
    return 0;
}

int ff_logfile_commit(FfLogfile *log)
{
    guint64 end = log->header->end;
    int r;

    if (log->pending->len == 0)
        return 0;
    r = write_all(log->fd, log->pending->data, log->pending->len, end);
    FF_STEP("appended");
    ff_logfile_set_number(log, FF_LOGFILE_BEHIND, r < 0);
    if (r < 0)
        return r;
    __atomic_store_n(&log->header->end, end + log->pending->len, __ATOMIC_RELEASE);
    g_byte_array_set_size(log->pending, 0);
    return 0;
}

gboolean ff_logfile_has_pending(const FfLogfile *log)
{
    return log->pending->len > 0;
}

guint64 ff_logfile_position(const FfLogfile *log)
{
    return log->header->end + log->pending->len;
}

guint64 ff_logfile_begin(const FfLogfile *log)
{
    return __atomic_load_n(&log->header->begin, __ATOMIC_ACQUIRE);
}

guint64 ff_logfile_end(const FfLogfile *log)
{
    return log->header->end;
}

guint64 ff_logfile_bytes(const FfLogfile *log)
{
    return log->header->end - log->header->begin;
}

void ff_logfile_drop_before(FfLogfile *log, guint64 position)
{
    guint64 from = log->header->begin / PAGE_BYTES * PAGE_BYTES;
    guint64 to = position / PAGE_BYTES * PAGE_BYTES;

    __atomic_store_n(&log->header->begin, position, __ATOMIC_RELEASE);
    from = MAX(from, HEADER_BYTES);
    /* If it fails the memory is not given back; nothing else depends on it. */
    if (to > from && fallocate(log->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                               (off_t)(to - from)) < 0)
        g_debug("cannot give back memory of the journal: %s", g_strerror(errno));
}

gpointer ff_logfile_inbox(FfLogfile *log, gsize *size)
{
    *size = INBOX_BYTES;
    return (char *)log->header + PAGE_BYTES;
}

guint64 ff_logfile_number(const FfLogfile *log, FfLogfileNumber which)
{
    return __atomic_load_n(&log->header->numbers[which], __ATOMIC_ACQUIRE);
}

void ff_logfile_set_number(FfLogfile *log, FfLogfileNumber which, guint64 value)
{
    __atomic_store_n(&log->header->numbers[which], value, __ATOMIC_RELEASE);
}

guint64 *ff_logfile_lately_read(FfLogfile *log)
{
    G_STATIC_ASSERT(sizeof(Header) <= LATELY_READ_AT);

    return (guint64 *)((char *)log->header + LATELY_READ_AT);
}
