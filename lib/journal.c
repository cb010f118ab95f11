/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * *Rounds.* Each record of a node replaces what was said of it before, so a log grows while what it
 * says does not. To shorten it, a round is begun: from a position in the log on, every node is
 * written once more, a few with each commit and those first that change anyway. When all are, what
 * lies before that position is worthless, and goes. Nobody waits for it, and at any moment the log
 * from its beginning tells everything.
 *
 * Nodes are gone through by the buckets of the registry's table. When the table shrinks meanwhile,
 * some move to where the round has been; so it is gone through again until that has not happened.
 */
#include "journal-private.h"

#include <string.h>

#include "directory.h"
#include "packing.h"
#include "step.h"

/* A round begins when the log is so much longer than the last one has left it. */
#define GROWTH_FACTOR 2
#define GROWTH_BYTES  ((guint64)1 << 20)

/* A log that others write is looked at so often, if it changes all the time. */
#define LOOKS 10

/* So many buckets with each commit; about one node in each. */
#define BUCKETS_AT_ONCE 16

static void write_record(FfJournal *journal, FfRecord kind)
{
    ff_logfile_append(journal->log, kind, journal->scratch->data, journal->scratch->len);
    g_byte_array_set_size(journal->scratch, 0);
}

/* --- policies and creators, which many nodes share --- */

/* A reader that does not know a key refuses the policy. */
static FfLogfileVersion version_of_key(const char *key)
{
    return strcmp(key, "hold") == 0 ? FF_LOGFILE_WITH_HOLD : FF_LOGFILE_FIRST_VERSION;
}

static void write_policy(FfJournal *journal, guint number, const FfPolicy *policy)
{
    GByteArray *out = journal->scratch;

    ff_pack_unsigned(out, number);
    for (const char *const *key = ff_policy_keys; *key != NULL; key++) {
        g_autofree char *value = NULL;

        if (ff_policy_equal_in(policy, &ff_policy_default, *key))
            continue;
        value = ff_policy_get(policy, *key);
        ff_logfile_need(journal->log, version_of_key(*key));
        ff_pack_text(out, *key);
        ff_pack_text(out, value);
    }
    write_record(journal, FF_RECORD_POLICY);
}

static guint number_of_policy(FfJournal *journal, const FfPolicy *policy)
{
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(journal->policies, policy));

    if (number != 0)
        return number;
    number = g_hash_table_size(journal->policies) + 1;
    g_hash_table_insert(journal->policies, g_memdup2(policy, sizeof *policy),
                        GUINT_TO_POINTER(number));
    write_policy(journal, number, policy);
    return number;
}

static guint number_of_process(FfJournal *journal, FfProcess *process)
{
    guint leader;

    if (process == NULL)
        return 0;
    if (process->saved_round == journal->round)
        return process->saved_as;
    leader = number_of_process(journal, process->leader);
    process->saved_round = journal->round;
    process->saved_as = ++journal->n_processes;
    ff_pack_unsigned(journal->scratch, process->saved_as);
    ff_pack_unsigned(journal->scratch, (guint64)process->pid);
    ff_pack_signed(journal->scratch, process->started);
    ff_pack_unsigned(journal->scratch, (guint64)process->session);
    ff_pack_unsigned(journal->scratch, leader);
    ff_pack_unsigned(journal->scratch, process->alive);
    ff_pack_text(journal->scratch, process->comm);
    write_record(journal, FF_RECORD_PROCESS);
    return process->saved_as;
}

/* --- nodes --- */

static gboolean is_charged_to_another(const FfNode *node)
{
    return node->parent != NULL && node->charged_uid != node->uid;
}

static guint64 flags_of(const FfNode *node)
{
    guint64 flags = is_charged_to_another(node) ? FF_FLAG_CHARGED : 0;

    if (ff_node_is_linked(node))
        flags |= FF_FLAG_LINKED;
    if (!ff_node_is_fifo(node))
        return flags | (node->directory->watched ? FF_FLAG_WATCHED : 0) |
               (node->directory->blind ? FF_FLAG_BLIND : 0);
    return flags | (node->busy ? FF_FLAG_BUSY : 0) |
           (node->used_since_idle ? FF_FLAG_USED_SINCE_IDLE : 0) |
           (node->doubted ? FF_FLAG_DOUBTED : 0) | (node->probe_wanted ? FF_FLAG_PROBE_WANTED : 0) |
           (node->reap_wanted ? FF_FLAG_REAP_WANTED : 0) |
           (node->must_be_dropped ? FF_FLAG_MUST_BE_DROPPED : 0) |
           (guint64)node->reference * FF_FLAG_REFERENCE | (guint64)node->use * FF_FLAG_USE;
}

static void pack_use(GByteArray *out, const FfNode *node)
{
    ff_pack_unsigned(out, node->id);
    ff_pack_unsigned(out, flags_of(node));
    ff_pack_unsigned(out, node->lookups);
    ff_pack_signed(out, node->last_used);
    ff_pack_signed(out, node->reference_since);
}

static void pack_time(GByteArray *out, FfTimestamp time)
{
    ff_pack_signed(out, time.seconds);
    ff_pack_unsigned(out, time.nsec);
}

/* What is made together has the same time, which is then written as two zeros. */
static void pack_time_beside(GByteArray *out, FfTimestamp time, FfTimestamp other)
{
    ff_pack_signed(out, (gint64)((guint64)time.seconds - (guint64)other.seconds));
    ff_pack_signed(out, (gint64)time.nsec - (gint64)other.nsec);
}

static void pack_acl(GByteArray *out, const FfRegistry *registry, const FfNode *node,
                     FfAclType type)
{
    g_autoptr(GBytes) acl = ff_registry_acl(registry, node, type);
    gsize length = 0;
    gconstpointer bytes = acl == NULL ? NULL : g_bytes_get_data(acl, &length);

    ff_pack_bytes(out, bytes, length);
}

/* Nothing at all where there is none, as with nearly every node. */
static void pack_acls(FfJournal *journal, const FfNode *node)
{
    if (!ff_acls_has(ff_registry_acls(journal->registry), node))
        return;
    ff_logfile_need(journal->log, FF_LOGFILE_WITH_ACLS);
    for (FfAclType type = 0; type < FF_ACL_N_TYPES; type++)
        pack_acl(journal->scratch, journal->registry, node, type);
}

static void pack_charged(FfJournal *journal, const FfNode *node)
{
    if (!is_charged_to_another(node))
        return;
    ff_logfile_need(journal->log, FF_LOGFILE_WITH_CHARGED);
    ff_pack_unsigned(journal->scratch, node->charged_uid);
}

static void write_node(FfJournal *journal, FfNode *node)
{
    guint policy = number_of_policy(journal, node->policy);
    guint creator = ff_node_is_fifo(node) ? number_of_process(journal, node->creator) : 0;
    GByteArray *out = journal->scratch;

    pack_use(out, node);
    ff_pack_unsigned(out, node->parent == NULL ? 0 : node->parent->id);
    ff_pack_unsigned(out, node->cookie);
    ff_pack_unsigned(out, node->mode);
    ff_pack_unsigned(out, node->uid);
    ff_pack_unsigned(out, node->gid);
    ff_pack_unsigned(out, policy);
    ff_pack_unsigned(out, creator);
    ff_pack_signed(out, node->created);
    pack_time(out, node->ctime);
    pack_time_beside(out, node->mtime, node->ctime);
    pack_time_beside(out, node->atime, node->ctime);
    ff_pack_text(out, ff_node_name(node));
    pack_charged(journal, node);
    pack_acls(journal, node);
    write_record(journal, FF_RECORD_NODE);
    node->saved_round = journal->round & 1;
}

static void write_times(FfJournal *journal, const FfNode *node)
{
    ff_pack_unsigned(journal->scratch, node->id);
    pack_time(journal->scratch, node->mtime);
    write_record(journal, FF_RECORD_TIMES);
}

static void save_node(FfJournal *journal, FfNode *node)
{
    guint unsaved = node->unsaved;

    node->unsaved = 0;
    if ((unsaved & FF_UNSAVED_ALL) != 0) {
        write_node(journal, node);
        return;
    }
    if ((unsaved & FF_UNSAVED_USE) != 0) {
        pack_use(journal->scratch, node);
        write_record(journal, FF_RECORD_USE);
    }
    if ((unsaved & FF_UNSAVED_TIMES) != 0)
        write_times(journal, node);
}

static void save_changes(FfJournal *journal)
{
    FfRegistry *registry = journal->registry;

    for (guint i = 0; i < registry->unsaved->len; i++)
        save_node(journal, registry->unsaved->pdata[i]);
    g_ptr_array_set_size(registry->unsaved, 0);
    for (guint i = 0; i < registry->gone->len; i++) {
        ff_pack_unsigned(journal->scratch, g_array_index(registry->gone, guint64, i));
        write_record(journal, FF_RECORD_GONE);
    }
    g_array_set_size(registry->gone, 0);
}

/* --- what is kept --- */

static void write_kept(FfJournal *journal, guint kind, guint64 number, gconstpointer bytes,
                       gsize length)
{
    ff_pack_unsigned(journal->scratch, kind);
    ff_pack_unsigned(journal->scratch, number);
    g_byte_array_append(journal->scratch, bytes, (guint)length);
    write_record(journal, FF_RECORD_KEEP);
}

static void write_all_kept(FfJournal *journal)
{
    GHashTableIter kinds, numbers;
    gpointer kind, table, number, bytes;

    g_hash_table_iter_init(&kinds, journal->kept);
    while (g_hash_table_iter_next(&kinds, &kind, &table)) {
        g_hash_table_iter_init(&numbers, table);
        while (g_hash_table_iter_next(&numbers, &number, &bytes)) {
            gsize length;
            gconstpointer data = g_bytes_get_data(bytes, &length);

            write_kept(journal, GPOINTER_TO_UINT(kind), *(guint64 *)number, data, length);
        }
    }
}

GHashTable *ff_journal_kept_table(const FfJournal *journal, guint kind)
{
    GHashTable *table = g_hash_table_lookup(journal->kept, GUINT_TO_POINTER(kind));

    if (table == NULL) {
        table = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                      (GDestroyNotify)g_bytes_unref);
        g_hash_table_insert(journal->kept, GUINT_TO_POINTER(kind), table);
    }
    return table;
}

void ff_journal_keep(FfJournal *journal, FfKept kind, guint64 number, const GByteArray *bytes)
{
    g_hash_table_insert(ff_journal_kept_table(journal, kind), g_memdup2(&number, sizeof number),
                        g_bytes_new(bytes->data, bytes->len));
    write_kept(journal, kind, number, bytes->data, bytes->len);
}

void ff_journal_drop(FfJournal *journal, FfKept kind, guint64 number)
{
    if (!g_hash_table_remove(ff_journal_kept_table(journal, kind), &number))
        return;
    ff_pack_unsigned(journal->scratch, kind);
    ff_pack_unsigned(journal->scratch, number);
    write_record(journal, FF_RECORD_DROP);
}

GBytes *ff_journal_kept(const FfJournal *journal, FfKept kind, guint64 number)
{
    return g_hash_table_lookup(ff_journal_kept_table(journal, kind), &number);
}

void ff_journal_foreach_kept(const FfJournal *journal, FfKept kind, FfJournalVisit visit,
                             gpointer data)
{
    GHashTableIter iter;
    gpointer number, bytes;

    g_hash_table_iter_init(&iter, ff_journal_kept_table(journal, kind));
    while (g_hash_table_iter_next(&iter, &number, &bytes))
        visit(*(guint64 *)number, bytes, data);
}

/* --- answers --- */

static guint n_in_ring(const FfJournal *journal)
{
    return MIN(journal->n_answers, FF_ANSWERS_KEPT);
}

/* From here on they are those of a process before. */
static void inherit_answers(FfJournal *journal)
{
    for (guint i = 0; i < n_in_ring(journal); i++) {
        FfAnswer *answer = g_memdup2(&journal->answers[i], sizeof *answer);

        /* The log may tell it twice. */
        g_hash_table_replace(journal->inherited, &answer->unique, answer);
    }
    journal->n_answers = 0;
}

static void add_to_ring(FfJournal *journal, FfAnswer answer)
{
    journal->answers[journal->n_answers++ % FF_ANSWERS_KEPT] = answer;
}

void ff_journal_remember_answer(FfJournal *journal, FfAnswer answer)
{
    if (answer.life != journal->life)
        inherit_answers(journal);
    journal->life = answer.life;
    add_to_ring(journal, answer);
}

static void write_answer(FfJournal *journal, const FfAnswer *answer)
{
    ff_pack_unsigned(journal->scratch, answer->unique);
    ff_pack_unsigned(journal->scratch, answer->node_id);
    ff_pack_unsigned(journal->scratch, answer->life);
    write_record(journal, FF_RECORD_ANSWER);
}

static void write_all_answers(FfJournal *journal)
{
    GHashTableIter iter;
    gpointer answer;

    g_hash_table_iter_init(&iter, journal->inherited);
    while (g_hash_table_iter_next(&iter, NULL, &answer))
        write_answer(journal, answer);
    for (guint i = 0; i < n_in_ring(journal); i++)
        write_answer(journal, &journal->answers[i]);
}

void ff_journal_note_answer(FfJournal *journal, guint64 unique, guint64 node_id)
{
    FfAnswer answer = {unique, node_id, journal->life};

    add_to_ring(journal, answer);
    write_answer(journal, &answer);
}

gboolean ff_journal_find_answer(const FfJournal *journal, guint64 unique, guint64 *node_id)
{
    const FfAnswer *answer = g_hash_table_lookup(journal->inherited, &unique);

    for (guint i = 0; i < n_in_ring(journal) && answer == NULL; i++)
        if (journal->answers[i].unique == unique)
            answer = &journal->answers[i];
    if (answer != NULL)
        *node_id = answer->node_id;
    return answer != NULL;
}

void ff_journal_forget_inherited_answers(FfJournal *journal)
{
    g_hash_table_remove_all(journal->inherited);
}

/* --- errands --- */

void ff_errand_clear(gpointer errand)
{
    g_free(((FfErrand *)errand)->name);
}

static void write_errand(FfJournal *journal, const FfErrand *errand)
{
    ff_pack_unsigned(journal->scratch, errand->parent);
    ff_pack_unsigned(journal->scratch, errand->id);
    ff_pack_text(journal->scratch, errand->name);
    write_record(journal, FF_RECORD_ERRAND);
}

void ff_journal_note_errand(FfJournal *journal, const FfNode *node)
{
    FfErrand errand = {node->parent->id, node->id, g_strdup(ff_node_name(node))};

    g_array_append_val(journal->errands, errand);
    write_errand(journal, &errand);
}

void ff_journal_errands_done(FfJournal *journal)
{
    if (journal->errands->len == 0)
        return;
    g_array_set_size(journal->errands, 0);
    write_record(journal, FF_RECORD_ERRANDS_DONE);
}

GArray *ff_journal_take_errands(FfJournal *journal)
{
    GArray *errands = g_array_new(FALSE, FALSE, sizeof(FfErrand));

    g_array_set_clear_func(errands, ff_errand_clear);
    for (guint i = 0; i < journal->errands->len; i++) {
        FfErrand errand = g_array_index(journal->errands, FfErrand, i);

        errand.name = g_strdup(errand.name);
        g_array_append_val(errands, errand);
    }
    return errands;
}

GPtrArray *ff_journal_take_processes(FfJournal *journal)
{
    return g_steal_pointer(&journal->processes);
}

/* --- rounds --- */

static void write_next(FfJournal *journal)
{
    ff_pack_unsigned(journal->scratch, journal->registry->next_id);
    ff_pack_unsigned(journal->scratch, journal->registry->next_cookie);
    write_record(journal, FF_RECORD_NEXT);
}

static void begin_round(FfJournal *journal)
{
    journal->in_round = TRUE;
    journal->round++;
    journal->round_begin = ff_logfile_position(journal->log);
    journal->bucket = 0;
    journal->fewest_buckets = journal->registry->by_id.n_buckets;
    journal->n_processes = 0;
    g_hash_table_remove_all(journal->policies);
    write_next(journal);
    write_all_kept(journal);
    write_all_answers(journal);
    for (guint i = 0; i < journal->errands->len; i++)
        write_errand(journal, &g_array_index(journal->errands, FfErrand, i));
}

static void go_through_bucket(FfJournal *journal)
{
    FfTableLink *link = journal->registry->by_id.buckets[journal->bucket++];

    for (; link != NULL; link = link->next) {
        FfNode *node = ff_node_of_id_link(link);

        if (node->saved_round != (journal->round & 1))
            write_node(journal, node);
    }
}

/* Return: TRUE when everything has been written in this round. */
static gboolean go_on_with_round(FfJournal *journal)
{
    const FfTable *table = &journal->registry->by_id;

    if (table->n_buckets < journal->fewest_buckets) {
        journal->fewest_buckets = table->n_buckets;
        journal->bucket = 0;
    }
    for (guint i = 0; i < BUCKETS_AT_ONCE && journal->bucket < table->n_buckets; i++)
        go_through_bucket(journal);
    return journal->bucket >= table->n_buckets;
}

static void end_round(FfJournal *journal)
{
    journal->in_round = FALSE;
    FF_STEP("written");
    ff_logfile_drop_before(journal->log, journal->round_begin);
    FF_STEP("dropped");
    journal->bytes_after_round = ff_logfile_bytes(journal->log);
}

static gboolean wants_round(const FfJournal *journal)
{
    return !journal->in_round && ff_logfile_bytes(journal->log) >
                                     GROWTH_FACTOR * journal->bytes_after_round + GROWTH_BYTES;
}

/* It is tried again each time, with all that has come to it. */
static void note_failure(FfJournal *journal, int error_number)
{
    if (!journal->failed)
        g_warning("cannot write the journal: %s: if the daemon dies now, what has changed since is "
                  "lost",
                  g_strerror(error_number));
    journal->failed = TRUE;
}

void ff_journal_commit(FfJournal *journal)
{
    gboolean complete = FALSE;
    int r;

    save_changes(journal);
    if (wants_round(journal))
        begin_round(journal);
    if (journal->in_round)
        complete = go_on_with_round(journal);
    r = ff_logfile_commit(journal->log);
    if (r < 0) {
        note_failure(journal, -r);
        return;
    }
    journal->failed = FALSE;
    if (complete)
        end_round(journal);
}

static void on_unlock(gpointer data)
{
    FfJournal *journal = data;

    if (journal->registry->unsaved->len == 0 && journal->registry->gone->len == 0 &&
        !ff_logfile_has_pending(journal->log) && !journal->failed)
        return;
    FF_STEP("changed");
    ff_journal_commit(journal);
    FF_STEP("committed");
}

/* Read the log into a registry. */
static FfJournal *read_journal(FfRegistry *registry, FfLogfile *log, GError **error)
{
    g_autoptr(FfJournal) journal = g_new0(FfJournal, 1);

    journal->registry = registry;
    journal->log = log;
    journal->scratch = g_byte_array_new();
    journal->kept = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
    journal->inherited = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    journal->errands = g_array_new(FALSE, FALSE, sizeof(FfErrand));
    g_array_set_clear_func(journal->errands, ff_errand_clear);
    journal->policies = g_hash_table_new_full(ff_policy_hash, ff_policy_equal, g_free, NULL);
    journal->processes = g_ptr_array_new_with_free_func((GDestroyNotify)ff_process_unref);
    journal->taken_over = ff_logfile_bytes(log) > 0;
    if (ff_journal_restore(journal, error)) {
        inherit_answers(journal);
        journal->life = ff_logfile_number(log, FF_LOGFILE_N_OPENED);
        return g_steal_pointer(&journal);
    }
    /* It is the caller's still. */
    journal->log = NULL;
    return NULL;
}

FfJournal *ff_journal_new(FfRegistry *registry, FfLogfile *log, GError **error)
{
    FfJournal *journal = read_journal(registry, log, error);

    if (journal == NULL) {
        ff_logfile_free(log);
        return NULL;
    }
    ff_registry_set_commit(registry, on_unlock, journal);
    begin_round(journal);
    return journal;
}

static gboolean can_be_read_now(FfLogfile *log, const FfRegistryOptions *options, GError **error)
{
    g_autoptr(FfRegistry) registry = ff_registry_new(options, ff_clock_system());
    g_autoptr(FfJournal) journal = read_journal(registry, log, error);

    if (journal == NULL)
        return FALSE;
    journal->log = NULL;
    return TRUE;
}

gboolean ff_journal_can_be_read(FfLogfile *log, const FfRegistryOptions *options, GError **error)
{
    /* The end of a round may have taken away what was about to be read. */
    for (guint i = 0; i < LOOKS; i++) {
        guint64 begin = ff_logfile_begin(log);
        g_autoptr(GError) failure = NULL;

        if (can_be_read_now(log, options, &failure))
            return TRUE;
        if (i == LOOKS - 1 || ff_logfile_begin(log) == begin) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return FALSE;
}

void ff_journal_free(FfJournal *journal)
{
    if (journal == NULL)
        return;
    g_byte_array_unref(journal->scratch);
    g_hash_table_unref(journal->kept);
    g_hash_table_unref(journal->inherited);
    g_array_unref(journal->errands);
    g_clear_pointer(&journal->processes, g_ptr_array_unref);
    g_hash_table_unref(journal->policies);
    ff_logfile_free(journal->log);
    g_free(journal);
}

FfLogfile *ff_journal_log(FfJournal *journal)
{
    return journal->log;
}

guint64 *ff_journal_lately_read(FfJournal *journal)
{
    return ff_logfile_lately_read(journal->log);
}

gboolean ff_journal_is_taken_over(const FfJournal *journal)
{
    return journal->taken_over;
}
