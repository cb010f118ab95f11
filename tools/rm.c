/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl rm: remove FIFOs, and nothing that is not on a fifofs mount.
 */
#include "command.h"

#include <errno.h>
#include <unistd.h>

#include "message.h"
#include "options.h"
#include "place.h"

/* 0 or -errno; -ENODEV where the name is not on a fifofs mount. */
static int remove_one(const GPtrArray *mounts, const char *path)
{
    g_auto(Place) place;
    int result = place_find(mounts, path, &place);

    if (result < 0)
        return result;
    if (*place.name == '\0')
        return -EISDIR;
    return unlinkat(place.directory, place.name, 0) < 0 ? -errno : 0;
}

static gboolean remove_and_tell(const GPtrArray *mounts, const char *path, gboolean force)
{
    int result = remove_one(mounts, path);

    if (result == 0 || (force && result == -ENOENT))
        return TRUE;
    if (result == -ENODEV)
        message_error("not on a fifofs mount, left alone", path,
                      "remove it with rm(1) if that is what you want");
    else
        message_errno("cannot remove", path, -result);
    return FALSE;
}

static ExitStatus remove_all(char **paths, gboolean force)
{
    g_autoptr(GPtrArray) mounts = mounts_load();
    ExitStatus status = EXIT_STATUS_OK;

    if (mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return EXIT_STATUS_FAILED;
    }
    for (char **path = paths; *path != NULL; path++)
        if (!remove_and_tell(mounts, *path, force))
            status = EXIT_STATUS_FAILED;
    return status;
}

ExitStatus command_rm(int argc, char **argv)
{
    gboolean force = FALSE;
    g_auto(GStrv) paths = NULL;
    const GOptionEntry entries[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &force, "Do not mind what is not there", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL},
        {NULL},
    };

    if (!options_parse(argc, argv, entries, "PATH...",
                       "Remove FIFOs of a fifofs mount, and nothing else."))
        return EXIT_STATUS_USAGE;
    if (paths != NULL)
        return remove_all(paths, force);
    if (force)
        return EXIT_STATUS_OK;
    message_error("nothing to remove", "rm", "name a FIFO");
    return EXIT_STATUS_USAGE;
}
