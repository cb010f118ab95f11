/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What journal.c writes and restore.c reads: the format, and the state that both need. */
#pragma once

#include "journal.h"
#include "registry-private.h"

/*
 * Kinds of records; the numbers are part of the format. All numbers in them are packed (packing.h).
 * A reader takes a record that ends early as one of an earlier version, and the rest as 0.
 */
typedef enum {
    /* The whole of a node. */
    FF_RECORD_NODE = 1,
    /* What is known of its use: for a node that is there. */
    FF_RECORD_USE = 2,
    /* Modification and change time of a directory, which are the same. */
    FF_RECORD_TIMES = 3,
    /* It is no more. */
    FF_RECORD_GONE = 4,
    /* A creator, and a policy, under the number by which the nodes behind it name it. */
    FF_RECORD_PROCESS = 5,
    FF_RECORD_POLICY = 6,
    /* The next node id and the next cookie. */
    FF_RECORD_NEXT = 7,
    FF_RECORD_KEEP = 8,
    FF_RECORD_DROP = 9,
    FF_RECORD_ANSWER = 10,
    FF_RECORD_ERRAND = 11,
    FF_RECORD_ERRANDS_DONE = 12,
} FfRecord;

/* Of a node, in NODE and USE; the numbers are part of the format. */
enum {
    FF_FLAG_LINKED = 1 << 0,
    FF_FLAG_BUSY = 1 << 1,
    FF_FLAG_USED_SINCE_IDLE = 1 << 2,
    FF_FLAG_DOUBTED = 1 << 3,
    FF_FLAG_PROBE_WANTED = 1 << 4,
    FF_FLAG_REAP_WANTED = 1 << 5,
    FF_FLAG_MUST_BE_DROPPED = 1 << 6,
    FF_FLAG_WATCHED = 1 << 7,
    FF_FLAG_BLIND = 1 << 8,
    /* Two bits each: FfReference and FfUse. */
    FF_FLAG_REFERENCE = 1 << 9,
    FF_FLAG_USE = 1 << 11,
    /* It counts for another user than its owner, who is named behind the name. */
    FF_FLAG_CHARGED = 1 << 13,
};

/*
 * What a process has noted and not sent when it dies can be asked for again: one answer for each of
 * its threads, whose number is far below this. Those of processes before it are kept besides.
 */
#define FF_ANSWERS_KEPT 64

typedef struct {
    guint64 unique, node_id;
    /* Of which process it is: FF_LOGFILE_N_OPENED while that wrote. */
    guint64 life;
} FfAnswer;

struct FfJournal {
    FfRegistry *registry;
    FfLogfile *log;
    GByteArray *scratch;
    gboolean taken_over;
    /* A commit has failed and that was said. */
    gboolean failed;

    /* The last ones of this process, in a ring. */
    FfAnswer answers[FF_ANSWERS_KEPT];
    guint n_answers;
    guint64 life;
    /* Boxed guint64 to FfAnswer: those of the processes before it, until nobody can ask for them. */
    GHashTable *inherited;
    /* FfKept to a table of boxed guint64 to GBytes. */
    GHashTable *kept;
    /* FfErrand, while the kernel is not told. */
    GArray *errands;
    /* FfProcess, from the log; NULL once they were taken. */
    GPtrArray *processes;

    /* FfPolicy to its number, of this round. */
    GHashTable *policies;
    guint n_processes;
    /* See journal.c. */
    guint round;
    gboolean in_round;
    guint64 round_begin;
    gsize bucket, fewest_buckets;
    guint64 bytes_after_round;
};

/* Read the log into journal and registry. */
gboolean ff_journal_restore(FfJournal *journal, GError **error);

/* The table of what is kept under a kind. */
GHashTable *ff_journal_kept_table(const FfJournal *journal, guint kind);

/* One from the log: of the process of which the last one was, or of the next. */
void ff_journal_remember_answer(FfJournal *journal, FfAnswer answer);
void ff_errand_clear(gpointer errand);
