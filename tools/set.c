/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl set: give FIFOs, or what will be created in directories, other attributes.
 */
#include "command.h"

#include <string.h>

#include "attributes.h"
#include "message.h"
#include "options.h"
#include "tree.h"

static int apply(int fd, const char *path, gpointer data)
{
    return attributes_apply(fd, data);
}

/*
 * The words up to the first that has no "=" are attributes. All are looked at before anything is
 * changed. Return: how many, or -1 where one will not do.
 */
static int take_attributes(char **words, GPtrArray *attributes)
{
    int n = 0;

    for (; words[n] != NULL && strchr(words[n], '=') != NULL; n++) {
        Attribute *attribute = attribute_parse(words[n]);

        if (attribute == NULL)
            return -1;
        g_ptr_array_add(attributes, attribute);
    }
    return n;
}

ExitStatus command_set(int argc, char **argv)
{
    gboolean recursive = FALSE;
    g_auto(GStrv) words = NULL;
    const GOptionEntry entries[] = {
        {"recursive", 'R', 0, G_OPTION_ARG_NONE, &recursive, "Also all that is below", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words, NULL, NULL},
        {NULL},
    };
    g_autoptr(GPtrArray)
        attributes = g_ptr_array_new_with_free_func((GDestroyNotify)attribute_free);
    int n;

    if (!options_parse(argc, argv, entries, "NAME=VALUE... PATH...",
                       "Set attributes of FIFOs, or of what will be created in directories.\n"
                       "NAME= puts back what the directory has."))
        return EXIT_STATUS_USAGE;
    n = words == NULL ? 0 : take_attributes(words, attributes);
    if (n < 0)
        return EXIT_STATUS_USAGE;
    if (n == 0 || words[n] == NULL) {
        message_error(n == 0 ? "no attribute to set" : "nothing to set it on", "set",
                      "write NAME=VALUE and then a path (./a=b for one that has a '=')");
        return EXIT_STATUS_USAGE;
    }
    return tree_visit(words + n, recursive, "cannot set the attributes", apply, attributes);
}
