/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An append-only file of records in memory that outlives the process which writes it (a memfd).
 *
 * The writer may be killed between any two instructions. So records are written behind the end
 * first, and count from the moment in which the end in the header is moved behind them: one
 * aligned store, which is why a *commit* of many records happens wholly or not at all. The
 * beginning is moved in the same way when what lies before it has become worthless.
 *
 * Records are written with pwrite(2), not through a mapping: where memory is short that fails with
 * an error instead of SIGBUS, and the file does not count as memory of the process. Only the header
 * is mapped.
 *
 * One writer at a time; a reader may look at the same time.
 */
#pragma once

#include <glib.h>

/*
 * A file has the version that a reader must know not to leave anything out, and so begins as 1 and
 * is raised by what needs more (ff_logfile_need()). Readers take every version up to the last. A
 * program that is no good is followed by the one before it, which can still read what it has left.
 */
typedef enum {
    FF_LOGFILE_FIRST_VERSION = 1,
    /* ACLs, behind all else that is known of a node. */
    FF_LOGFILE_WITH_ACLS = 2,
    /* For whom a node counts, before them (FF_FLAG_CHARGED). */
    FF_LOGFILE_WITH_CHARGED = 3,
    /* Policies with "hold". */
    FF_LOGFILE_WITH_HOLD = 4,
    FF_LOGFILE_LAST_VERSION = FF_LOGFILE_WITH_HOLD,
} FfLogfileVersion;

/* A place for numbers that change without a commit, each by one aligned store. */
typedef enum {
    /* How many processes have begun to write it, one after the other. */
    FF_LOGFILE_N_OPENED,
    /* A commit has failed: what the file says is behind what has happened. */
    FF_LOGFILE_BEHIND,
    /* Something may be in the inbox (fs/watch.c says what); and where the file ended when it came. */
    FF_LOGFILE_INBOX_IN_USE,
    FF_LOGFILE_INBOX_MARK,
    /* How many events were told. */
    FF_LOGFILE_N_EVENTS,
    FF_LOGFILE_N_NUMBERS = 8,
} FfLogfileNumber;

/* There is room for so many numbers of requests that were read lately. */
#define FF_LOGFILE_N_LATELY_READ 256

typedef struct FfLogfile FfLogfile;

/* An error while reading, with a text for people. */
#define FF_LOGFILE_ERROR ff_logfile_error_quark()
GQuark ff_logfile_error_quark(void);

/**
 * ff_logfile_create() - an empty file for a log
 *
 * Return: a memfd, or -errno.
 */
int ff_logfile_create(void);

/**
 * ff_logfile_open() - look at the header
 * @fd: from ff_logfile_create(), in whatever process; stays the caller's
 *
 * Return: NULL with an FF_LOGFILE_ERROR where it is no log, or one of a later version.
 */
FfLogfile *ff_logfile_open(int fd, GError **error);
void ff_logfile_free(FfLogfile *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfLogfile, ff_logfile_free)

/* It is ours to write until this process has ended. */
void ff_logfile_claim(FfLogfile *log);

/* Is there a process, another one, that may write it still? */
gboolean ff_logfile_is_claimed(int fd);

/* Called for each record, oldest first. Return: FALSE with @error set to stop. */
typedef gboolean (*FfLogfileVisit)(guint kind, const guint8 *bytes, gsize length, gpointer data,
                                   GError **error);

/**
 * ff_logfile_read() - visit all that is committed
 *
 * Return: FALSE with an FF_LOGFILE_ERROR where a record is damaged, or the visit's own error.
 */
gboolean ff_logfile_read(FfLogfile *log, FfLogfileVisit visit, gpointer data, GError **error);

/* Set aside a record for the next commit. @kind: below 256. @length: below 16 MiB. */
void ff_logfile_append(FfLogfile *log, guint kind, gconstpointer bytes, gsize length);

/**
 * ff_logfile_commit() - write what has been set aside
 *
 * Return: 0, or -errno, and FF_LOGFILE_BEHIND is set: what was set aside is written by the next
 * commit then, as what follows may rest on it.
 */
int ff_logfile_commit(FfLogfile *log);

/* What is set aside next can be read only by who knows this version. */
void ff_logfile_need(FfLogfile *log, FfLogfileVersion version);

gboolean ff_logfile_has_pending(const FfLogfile *log);

/* Where the next record that is set aside will begin. */
guint64 ff_logfile_position(const FfLogfile *log);

/* Where what is committed begins and ends. */
guint64 ff_logfile_begin(const FfLogfile *log);
guint64 ff_logfile_end(const FfLogfile *log);

/* How many bytes are committed and not dropped. */
guint64 ff_logfile_bytes(const FfLogfile *log);

/* From now on the file begins at @position, and what was before is given back to the system. */
void ff_logfile_drop_before(FfLogfile *log, guint64 position);

/**
 * ff_logfile_inbox() - memory that outlives the process, for what is read into it
 * @size: set to its size in bytes
 *
 * It is zeroed at first and stays what its users make it. Aligned as a page is.
 */
gpointer ff_logfile_inbox(FfLogfile *log, gsize *size);

guint64 ff_logfile_number(const FfLogfile *log, FfLogfileNumber which);
void ff_logfile_set_number(FfLogfile *log, FfLogfileNumber which, guint64 value);

/* An array of FF_LOGFILE_N_LATELY_READ numbers, 0 at first, which is fs/lost.c's to use. */
guint64 *ff_logfile_lately_read(FfLogfile *log);
