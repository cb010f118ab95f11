/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline-picture.h"

#include <string.h>

#include "message.h"

/* What fits into a box. */
#define COMMAND_LENGTH 60

static char *command_text(const Stage *stage)
{
    g_autofree char *joined = g_strjoinv(" ", stage->command);
    g_autofree char *safe = message_safe(joined);
    glong length = g_utf8_strlen(safe, -1);
    g_autofree char *begin = g_utf8_substring(safe, 0, MIN(length, COMMAND_LENGTH));

    return g_strconcat(begin, length > COMMAND_LENGTH ? "..." : "", NULL);
}

static char *end_text(int line, int standard, const char *word)
{
    return g_strdup(line == standard ? word : "by its path");
}

static void draw_stage(Picture *picture, const Pipeline *pipeline, const Stage *stage,
                       PictureNode *const *fifos)
{
    const PictureNode *node = picture_add_node(picture, TRUE, g_strdup_printf("s%u", stage->number),
                                               command_text(stage),
                                               g_strdup_printf("stage %u", stage->number));

    for (char **name = stage->ins; *name != NULL; name++) {
        int line = pipeline_find(pipeline, *name);

        picture_add_edge(picture, fifos[line], node, end_text(line, stage->standard_in, "stdin"),
                         LOOK_PLAIN);
    }
    for (char **name = stage->outs; *name != NULL; name++) {
        int line = pipeline_find(pipeline, *name);

        picture_add_edge(picture, node, fifos[line], end_text(line, stage->standard_out, "stdout"),
                         LOOK_PLAIN);
    }
}

Picture *pipeline_picture(const Pipeline *pipeline)
{
    Picture *picture = picture_new_empty();
    g_autofree PictureNode **fifos = g_new0(PictureNode *, pipeline->lines->len + 1);

    for (guint i = 0; i < pipeline->lines->len; i++)
        fifos[i] = picture_add_node(picture, FALSE, g_strdup_printf("f%u", i),
                                    message_safe(pipeline_line(pipeline, i)->name),
                                    g_strdup("FIFO"));
    for (guint i = 0; i < pipeline->stages->len; i++)
        draw_stage(picture, pipeline, pipeline_stage(pipeline, i), fifos);
    picture->title = g_strdup_printf("stages: %u, FIFOs: %u", pipeline->stages->len,
                                     pipeline->lines->len);
    return picture;
}
