/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as what a daemon gives for `.fifofs/pipes`, to fifoctl, which must not trust it.
 *
 * Either it is refused, or each FIFO can be shown: every column as text and as JSON, with nothing
 * in it that could disturb a terminal.
 */
#include "fuzz.h"
#include "leaky-parser.h"

#include "tools/columns.h"
#include "tools/message.h"
#include "tools/pipes.c"

static Mount mount = {.id = 36, .dev = 31, .root = (char *)"", .point = (char *)"/m"};

static void check_safe(const char *text)
{
    g_autofree char *safe = message_safe(text);

    g_assert(g_utf8_validate(safe, -1, NULL));
    for (const char *c = safe; *c != '\0'; c = g_utf8_next_char(c))
        g_assert(g_unichar_isprint(g_utf8_get_char(c)));
}

static void check_json(JsonNode *node)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree char *text = json_to_string(node, FALSE);

    g_assert(g_utf8_validate(text, -1, NULL));
    g_assert(json_parser_load_from_data(parser, text, -1, NULL));
    json_node_unref(node);
}

static void show(const Fifo *fifo, const Column *column)
{
    g_auto(Value) value = {0};
    g_autofree char *text = NULL;

    column->get(fifo, 1700000000 * (gint64)G_USEC_PER_SEC, &value);
    text = value_to_text(column->format, &value, FALSE);
    g_assert(text != NULL);
    check_safe(text);
    check_json(value_to_json(column->format, &value));
}

static void take_fifo(Fifo *fifo, gpointer data)
{
    const GPtrArray *columns = data;

    for (guint i = 0; i < columns->len; i++)
        show(fifo, columns->pdata[i]);
    fifo_free(fifo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static GPtrArray *columns;
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GString) text = g_string_new_len((const char *)data, (gssize)size);
    Reading reading = {&mount, parser, take_fifo, NULL};
    int result;

    if (columns == NULL)
        columns = columns_all();
    reading.data = columns;
    result = lines_take(text, take_line, &reading);
    g_assert(result == 0 || result == -EBADMSG);
    /* What is left is the beginning of a line. */
    g_assert(result < 0 || memchr(text->str, '\n', text->len) == NULL);
    return 0;
}
