/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl quota: how many FIFOs and directories there are and may be, on mounts and of their users.
 *
 * The daemon shows each caller whom he may see. What it says is not trusted (lines.h).
 */
#include "command.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "jsonmember.h"
#include "lines.h"
#include "message.h"
#include "options.h"
#include "report.h"
#include "selection.h"

/* Of a mount, or of one of its users. */
typedef struct {
    const Mount *mount;
    gboolean is_user;
    uid_t uid;
    gint64 pipes, max_pipes, dirs, max_dirs;
} Account;

typedef struct {
    gboolean json, raw, no_headings;
    char **paths;
    const Mount *mount;
    JsonParser *parser;
    /* Account. */
    GArray *accounts;
    gboolean several_mounts, failed;
} Listing;

/* --- columns --- */

typedef struct {
    const char *name;
    const ValueFormat *format;
    void (*get)(const Account *account, Value *value);
    /* In a table it is shown where there are several mounts only, or never. */
    gboolean tells_mounts_apart, json_only;
} QuotaColumn;

static void get_mount(const Account *account, Value *value)
{
    value->known = TRUE;
    value->text = g_strdup(account->mount->point);
}

static void get_user(const Account *account, Value *value)
{
    value->known = account->is_user;
    if (account->is_user)
        value->text = g_strdup(value_user_name(account->uid));
}

static void get_uid(const Account *account, Value *value)
{
    value->known = account->is_user;
    value->number = account->uid;
}

static void get_pipes(const Account *account, Value *value)
{
    value->known = TRUE;
    value->number = account->pipes;
}

/* No limit is "-" and null. */
static void get_max_pipes(const Account *account, Value *value)
{
    value->known = account->max_pipes > 0;
    value->number = account->max_pipes;
}

static void get_dirs(const Account *account, Value *value)
{
    value->known = TRUE;
    value->number = account->dirs;
}

static void get_max_dirs(const Account *account, Value *value)
{
    value->known = account->max_dirs > 0;
    value->number = account->max_dirs;
}

static const QuotaColumn columns[] = {
    {"MOUNT", &value_format_text, get_mount, TRUE, FALSE},
    {"USER", &value_format_text, get_user, FALSE, FALSE},
    {"UID", &value_format_count, get_uid, FALSE, TRUE},
    {"PIPES", &value_format_count, get_pipes, FALSE, FALSE},
    {"MAXPIPES", &value_format_count, get_max_pipes, FALSE, FALSE},
    {"DIRS", &value_format_count, get_dirs, FALSE, FALSE},
    {"MAXDIRS", &value_format_count, get_max_dirs, FALSE, FALSE},
};

static gboolean is_shown(const Listing *listing, const QuotaColumn *column)
{
    return !column->json_only && (!column->tells_mounts_apart || listing->several_mounts);
}

/* --- output --- */

typedef struct libscols_table Table;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, scols_unref_table)

static gboolean add_columns(const Listing *listing, Table *table)
{
    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++)
        if (is_shown(listing, &columns[i]) &&
            scols_table_new_column(table, columns[i].name, 0,
                                   columns[i].format->align_right ? SCOLS_FL_RIGHT : 0) == NULL)
            return FALSE;
    return TRUE;
}

static gboolean add_line(const Listing *listing, Table *table, const Account *account)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    gsize n = 0;

    for (gsize i = 0; line != NULL && i < G_N_ELEMENTS(columns); i++) {
        g_auto(Value) value = {0};
        g_autofree char *text = NULL;

        if (!is_shown(listing, &columns[i]))
            continue;
        columns[i].get(account, &value);
        text = value_to_text(columns[i].format, &value, TRUE);
        if (scols_line_set_data(line, n++, text) < 0)
            return FALSE;
    }
    return line != NULL;
}

/* Return: 0 or -errno. */
static int print_table(const Listing *listing)
{
    g_autoptr(Table) table = scols_new_table();

    if (table == NULL || !add_columns(listing, table))
        return -ENOMEM;
    scols_table_enable_raw(table, listing->raw);
    scols_table_enable_noheadings(table, listing->no_headings);
    for (guint i = 0; i < listing->accounts->len; i++)
        if (!add_line(listing, table, &g_array_index(listing->accounts, Account, i)))
            return -ENOMEM;
    return scols_print_table(table);
}

static JsonObject *account_to_json(const Account *account)
{
    JsonObject *object = json_object_new();

    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_autofree char *key = g_ascii_strdown(columns[i].name, -1);
        g_auto(Value) value = {0};

        columns[i].get(account, &value);
        json_object_set_member(object, key, value_to_json(columns[i].format, &value));
    }
    return object;
}

static void print_json(const Listing *listing)
{
    JsonObject *object = json_object_new();
    JsonArray *array = json_array_sized_new(listing->accounts->len);

    for (guint i = 0; i < listing->accounts->len; i++)
        json_array_add_object_element(
            array, account_to_json(&g_array_index(listing->accounts, Account, i)));
    json_object_set_array_member(object, "quota", array);
    report_print_json(object);
}

/* --- input --- */

static int take_line(const char *line, gsize length, gpointer data)
{
    const Listing *listing = data;
    JsonObject *object;
    JsonNode *node;

    if (!json_parser_load_from_data(listing->parser, line, (gssize)length, NULL))
        return -EBADMSG;
    node = json_parser_get_root(listing->parser);
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return -EBADMSG;
    object = json_node_get_object(node);
    Account account = {
        .mount = listing->mount,
        .is_user = strcmp(json_member_text(object, "scope", ""), "user") == 0,
        .uid = (uid_t)json_member_number(object, "uid"),
        .pipes = json_member_number(object, "pipes"),
        .max_pipes = json_member_number(object, "max_pipes"),
        .dirs = json_member_number(object, "dirs"),
        .max_dirs = json_member_number(object, "max_dirs"),
    };
    g_array_append_val(listing->accounts, account);
    return 0;
}

/* Each file system once, whatever of it was named. */
static void load(Listing *listing, const Selection *selection)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (guint i = 0; i < selection->targets->len; i++) {
        const Target *target = g_ptr_array_index(selection->targets, i);
        int result;

        if (!g_hash_table_add(seen, (gpointer)&target->mount->dev))
            continue;
        listing->mount = target->mount;
        result = lines_read(selection->mounts, target->mount->dev, "quota", take_line, listing);
        if (result == 0)
            continue;
        listing->failed = TRUE;
        lines_complain("cannot read the quotas", target->mount, result);
    }
}

static ExitStatus list(Listing *listing, Selection *selection)
{
    int result = 0;

    if (!selection_add_paths(selection, listing->paths)) {
        message_error("no fifofs mount", "/proc/self/mountinfo",
                      "mount one with 'fifofs MOUNTPOINT'");
        return EXIT_STATUS_NO_MOUNT;
    }
    listing->several_mounts = selection_has_several_mounts(selection);
    load(listing, selection);
    if (listing->json)
        print_json(listing);
    else if (listing->accounts->len > 0)
        result = print_table(listing);
    if (result < 0)
        message_errno("cannot make the table", "quota", -result);
    return result < 0 || listing->failed || selection->failed ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

ExitStatus command_quota(int argc, char **argv)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GArray) accounts = g_array_new(FALSE, FALSE, sizeof(Account));
    g_autoptr(Selection) selection = NULL;
    Listing listing = {.parser = parser, .accounts = accounts};
    const GOptionEntry entries[] = {
        {"json", 'J', 0, G_OPTION_ARG_NONE, &listing.json, "Write JSON", NULL},
        {"raw", 'r', 0, G_OPTION_ARG_NONE, &listing.raw, "Do not align columns", NULL},
        {"noheadings", 'n', 0, G_OPTION_ARG_NONE, &listing.no_headings, "Do not write headings",
         NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &listing.paths, NULL, NULL},
        {NULL},
    };
    ExitStatus status = EXIT_STATUS_USAGE;

    if (options_parse(argc, argv, entries, "[PATH...]",
                      "Show how many FIFOs and directories there are and may be.")) {
        selection = selection_new();
        status = selection == NULL ? EXIT_STATUS_FAILED : list(&listing, selection);
    }
    g_strfreev(listing.paths);
    return status;
}
