/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of graphviz: dot(1). */
#include "picture.h"

static const char *const node_styles[] = {
    [LOOK_PLAIN] = "",
    [LOOK_STUCK] = ", color=\"#c01c28\", fontcolor=\"#c01c28\", penwidth=2",
    [LOOK_FULL] = ", style=filled, fillcolor=\"#ffbe6f\"",
    [LOOK_FAINT] = "",
};

static const char *const edge_styles[] = {
    [LOOK_PLAIN] = "",
    [LOOK_STUCK] = "style=dashed, color=\"#c01c28\", fontcolor=\"#c01c28\"",
    [LOOK_FULL] = "",
    [LOOK_FAINT] = "style=dotted, arrowhead=none, color=gray, fontcolor=gray",
};

/* In a string '"' would end it, '\' begins escapes, and '&' names a character as in HTML. */
static void append_escaped(GString *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
        if (*text == '&')
            g_string_append(out, "amp;");
    }
}

static void append_node(GString *out, const PictureNode *node)
{
    g_string_append_printf(out, "  %s [shape=%s, label=\"", node->id,
                           node->is_process ? "box" : "ellipse");
    append_escaped(out, node->lines[0]);
    g_string_append(out, "\\n");
    append_escaped(out, node->lines[1]);
    g_string_append_printf(out, "\"%s];\n", node_styles[node->look]);
}

static void append_edge(GString *out, const PictureEdge *edge)
{
    g_string_append_printf(out, "  %s -> %s [%s", edge->from, edge->to, edge_styles[edge->look]);
    if (edge->label != NULL) {
        g_string_append(out, *edge_styles[edge->look] == '\0' ? "label=\"" : ", label=\"");
        append_escaped(out, edge->label);
        g_string_append_c(out, '"');
    }
    g_string_append(out, "];\n");
}

char *picture_to_dot(const Picture *picture)
{
    GString *out = g_string_new("digraph fifofs {\n"
                                "  graph [rankdir=LR, fontname=\"sans-serif\", labelloc=b];\n"
                                "  node [fontname=\"sans-serif\"];\n"
                                "  edge [fontname=\"sans-serif\"];\n"
                                "  label=\"");

    append_escaped(out, picture->title);
    g_string_append(out, "\";\n");
    for (guint i = 0; i < picture->nodes->len; i++)
        append_node(out, g_ptr_array_index(picture->nodes, i));
    for (guint i = 0; i < picture->edges->len; i++)
        append_edge(out, g_ptr_array_index(picture->edges, i));
    g_string_append(out, "}\n");
    return g_string_free(out, FALSE);
}
