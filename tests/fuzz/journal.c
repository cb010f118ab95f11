/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any records as a journal, with checksums that are right: damage is not what is looked for, but
 * what a program of another version may have written. It is refused in words, or gives a registry
 * which is whole, and which comes back from what it writes down itself.
 */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include "journal.h"

static FfRegistry *new_registry(void)
{
    const FfRegistryOptions options = {.policy = ff_policy_default, .root_mode = 0777};

    fuzz_now = FUZZ_START;
    return ff_registry_new(&options, &fuzz_clock);
}

/* A kind, a length, and so many bytes. */
static void write_records(FfLogfile *log, FuzzInput *input)
{
    while (input->left > 2) {
        guint kind = fuzz_byte(input);
        gsize wanted = fuzz_byte(input);
        gsize length = MIN(wanted, input->left);

        ff_logfile_append(log, kind, input->next, length);
        input->next += length;
        input->left -= length;
    }
    g_assert(ff_logfile_commit(log) == 0);
}

static void check_node(FfNode *node, gpointer data)
{
    g_autofree char *path = ff_node_path(node);

    (*(guint *)data)++;
    g_assert((node->id == FF_ROOT_ID) == (node->parent == NULL) || !ff_node_is_linked(node));
    if (node->parent == NULL)
        return;
    g_assert(path != NULL && !ff_node_is_fifo(node->parent));
    g_assert(strchr(ff_node_name(node), '/') == NULL);
}

/* Return: how many nodes there are, 0 where the journal was refused. */
static guint read_journal(int fd)
{
    FfRegistry *registry = new_registry();
    g_autoptr(GError) error = NULL;
    FfLogfile *log = ff_logfile_open(fd, &error);
    FfJournal *journal = log == NULL ? NULL : ff_journal_new(registry, log, &error);
    guint n_nodes = 0;

    g_assert((journal == NULL) == (error != NULL));
    if (journal != NULL) {
        ff_registry_lock(registry);
        ff_registry_foreach(registry, check_node, &n_nodes);
        ff_registry_unlock(registry);
    }
    ff_registry_free(registry);
    ff_journal_free(journal);
    return n_nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput input = {data, size};
    int fd = ff_logfile_create();
    FfLogfile *log = ff_logfile_open(fd, NULL);
    guint n_nodes;

    write_records(log, &input);
    ff_logfile_free(log);
    n_nodes = read_journal(fd);
    if (n_nodes > 0)
        g_assert(read_journal(fd) == n_nodes);
    close(fd);
    return 0;
}
