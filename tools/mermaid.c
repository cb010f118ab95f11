/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of Mermaid, which renders in Markdown on many sites: a flowchart. */
#include "picture.h"

#include <string.h>

static const char *const classes[] = {
    [LOOK_PLAIN] = "",
    [LOOK_STUCK] = ":::stuck",
    [LOOK_FULL] = ":::full",
    [LOOK_FAINT] = "",
};

/* In a quoted text nothing is left to mean anything but a letter: entities have no '&' there. */
static void append_escaped(GString *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\"#<>&`|\\", *text) != NULL)
            g_string_append_printf(out, "#%d;", *text);
        else
            g_string_append_c(out, *text);
    }
}

static void append_node(GString *out, const PictureNode *node)
{
    g_string_append_printf(out, "  %s%s\"", node->id, node->is_process ? "[" : "([");
    append_escaped(out, node->lines[0]);
    g_string_append(out, "<br>");
    append_escaped(out, node->lines[1]);
    g_string_append_printf(out, "\"%s%s\n", node->is_process ? "]" : "])", classes[node->look]);
}

static void append_edge(GString *out, const PictureEdge *edge)
{
    static const char *const arrows[] = {
        [LOOK_PLAIN] = "-->",
        [LOOK_STUCK] = "-.->",
        [LOOK_FULL] = "-->",
        [LOOK_FAINT] = "-.-",
    };

    g_string_append_printf(out, "  %s %s", edge->from, arrows[edge->look]);
    if (edge->label != NULL) {
        g_string_append(out, "|\"");
        append_escaped(out, edge->label);
        g_string_append(out, "\"|");
    }
    g_string_append_printf(out, " %s\n", edge->to);
}

char *picture_to_mermaid(const Picture *picture)
{
    GString *out = g_string_new("flowchart LR\n");

    g_string_append_printf(out, "  %%%% %s\n", picture->title);
    for (guint i = 0; i < picture->nodes->len; i++)
        append_node(out, g_ptr_array_index(picture->nodes, i));
    for (guint i = 0; i < picture->edges->len; i++)
        append_edge(out, g_ptr_array_index(picture->edges, i));
    g_string_append(out, "  classDef stuck stroke:#c01c28,color:#c01c28,stroke-width:2px\n"
                         "  classDef full fill:#ffbe6f\n");
    return g_string_free(out, FALSE);
}
