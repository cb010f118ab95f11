/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All that a daemon knows, written down so that another process can go on where one has died.
 *
 * At the end of each time that the registry was locked, what has changed is appended to a log
 * (logfile.h) and committed as one. So the log tells of a request all or nothing, and before anybody
 * is answered.
 *
 * Read "rounds" in journal.c first: how the log stays short without anybody ever waiting for it to
 * be written anew. restore.c reads what is written here; the two change together.
 *
 * What others than the registry want to find again they *keep* here, as bytes under a number. Errors
 * of writing are logged once; the daemon goes on, and what could not be written is written later.
 *
 * Registry locked, for every function but new and free.
 */
#pragma once

#include <glib.h>

#include "logfile.h"
#include "registry.h"

typedef struct FfJournal FfJournal;

/* What is kept for others. The numbers are part of the format. */
typedef enum {
    /* The request by which the kernel began, as it was read. */
    FF_KEPT_INIT = 1,
    /* Path and text of the configuration file that is in force. */
    FF_KEPT_CONFIG = 2,
    /* Open control files, by handle (fs/control.c). */
    FF_KEPT_HANDLE = 3,
    /* Directories, by inotify watch descriptor (fs/watch.c). */
    FF_KEPT_WATCH = 4,
    /* When it was mounted. */
    FF_KEPT_MOUNTED = 5,
    /* Opens that were sent back to look again, by thread (fs/retry.c). */
    FF_KEPT_RETRY = 6,
    /* Relays, by FIFO, and reads and writes of them that are not over, by request (fs/relay-kept.c). */
    FF_KEPT_RELAY = 7,
    FF_KEPT_TRANSFER = 8,
} FfKept;

/**
 * ff_journal_new() - read what is written in the log, and go on with it
 * @registry: new and untouched; gets all nodes that are in the log
 * @log:      is the journal's from now on
 *
 * Return: NULL with an FF_LOGFILE_ERROR where the log cannot be understood.
 */
FfJournal *ff_journal_new(FfRegistry *registry, FfLogfile *log, GError **error);

/* The registry must be silent from here on. Accepts NULL. */
void ff_journal_free(FfJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfJournal, ff_journal_free)

/**
 * ff_journal_can_be_read() - would ff_journal_new() do, while another process goes on writing?
 * @options: any
 *
 * Return: FALSE with an FF_LOGFILE_ERROR.
 */
gboolean ff_journal_can_be_read(FfLogfile *log, const FfRegistryOptions *options, GError **error);

FfLogfile *ff_journal_log(FfJournal *journal);

/* Has another process written it before? */
gboolean ff_journal_is_taken_over(const FfJournal *journal);

/* See ff_logfile_lately_read(). */
guint64 *ff_journal_lately_read(FfJournal *journal);

/* Keep bytes under a kind and a number, in place of what was there. */
void ff_journal_keep(FfJournal *journal, FfKept kind, guint64 number, const GByteArray *bytes);
void ff_journal_drop(FfJournal *journal, FfKept kind, guint64 number);

/* Return: (nullable) (transfer none): what is kept. */
GBytes *ff_journal_kept(const FfJournal *journal, FfKept kind, guint64 number);

typedef void (*FfJournalVisit)(guint64 number, GBytes *bytes, gpointer data);

/* Visit all that is kept under a kind; @visit must not keep or drop. */
void ff_journal_foreach_kept(const FfJournal *journal, FfKept kind, FfJournalVisit visit,
                             gpointer data);

/**
 * ff_journal_note_answer() - a request that changes something is about to be answered with success
 * @unique:  its number
 * @node_id: of what the answer names, or 0
 */
void ff_journal_note_answer(FfJournal *journal, guint64 unique, guint64 node_id);

/* Return: TRUE if that request was carried out already, by us or a process before us. */
gboolean ff_journal_find_answer(const FfJournal *journal, guint64 unique, guint64 *node_id);

/*
 * Nobody can ask any more for what the processes before us have carried out: all that comes again
 * has come. Until then it is kept, however much we carry out ourselves.
 */
void ff_journal_forget_inherited_answers(FfJournal *journal);

/* A name that the kernel has to be told it has lost. */
typedef struct {
    guint64 parent, id;
    char *name;
} FfErrand;

/* The node is about to lose its name; until it is told that the kernel knows, that is to be done. */
void ff_journal_note_errand(FfJournal *journal, const FfNode *node);

/* The kernel was told all of them. */
void ff_journal_errands_done(FfJournal *journal);

/* Return: (transfer full): array of the FfErrand that a process before us has not done. */
GArray *ff_journal_take_errands(FfJournal *journal);

/* All creators that nodes from the log name, alive or not: array of FfProcess. (transfer full) */
GPtrArray *ff_journal_take_processes(FfJournal *journal);

/* Commit now what is complete, in the middle of things. */
void ff_journal_commit(FfJournal *journal);
