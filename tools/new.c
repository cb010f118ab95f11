/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fifoctl new: create FIFOs with their attributes.
 *
 * Each is made under a name of its own and gets its true one when all is set. So nobody meets it
 * half made, and where something cannot be set there is nothing.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attributes.h"
#include "autofd.h"
#include "fdpath.h"
#include "message.h"
#include "options.h"
#include "place.h"

#define MODE_BITS 07777

#define LIFETIME_PROCESS "process"

typedef struct {
    /* Only what the mount allows of it, and always what it asks for. */
    mode_t mode;
    gboolean mode_chosen;
    GPtrArray *attributes;
} Recipe;

typedef struct {
    /* One per attribute, and the mode, as the user wrote them; NULL where he did not. */
    char *lifetime, *linger, *grace, *max_age, *open_timeout, *capacity, *hold, *mode;
    char **paths;
} Options;

static void options_clear(Options *options)
{
    g_free(options->lifetime);
    g_free(options->linger);
    g_free(options->grace);
    g_free(options->max_age);
    g_free(options->open_timeout);
    g_free(options->capacity);
    g_free(options->hold);
    g_free(options->mode);
    g_strfreev(options->paths);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean lives_as_long_as_we(int fd)
{
    char path[FF_FD_PATH_SIZE], value[16] = "";

    return getxattr(ff_fd_path(fd, path), "fifofs.lifetime", value, sizeof value - 1) > 0 &&
           strcmp(value, LIFETIME_PROCESS) == 0;
}

/*
 * Return: 0 or -errno, -EOWNERDEAD where it would be gone with us. @mode gets what the mount made
 * of it.
 */
static int make(const Place *place, const char *name, const Recipe *recipe, mode_t *mode)
{
    Place made = {place->mount, place->directory, (char *)name};
    FfFileInfo info;
    g_auto(FfAutoFd) fd = -1;
    int result;

    if (mkfifoat(place->directory, name, recipe->mode) < 0)
        return -errno;
    fd = place_open(&made, &info);
    if (fd < 0)
        return fd;
    *mode = info.mode & MODE_BITS;
    result = attributes_apply(fd, recipe->attributes);
    if (result < 0)
        return result;
    return lives_as_long_as_we(fd) ? -EOWNERDEAD : 0;
}

static int make_and_name(const Place *place, const Recipe *recipe, mode_t *mode)
{
    g_autofree char *temporary = g_strdup_printf(".fifoctl-%d-%08x", getpid(), g_random_int());
    int result = make(place, temporary, recipe, mode);

    if (result == 0 &&
        renameat2(place->directory, temporary, place->directory, place->name, RENAME_NOREPLACE) < 0)
        result = -errno;
    if (result < 0)
        unlinkat(place->directory, temporary, 0);
    return result;
}

static void tell_mode(const char *path, mode_t mode, mode_t wanted)
{
    g_autofree char *safe = message_safe(path);

    message_note("%s has mode %04o: the mount does not allow %04o", safe, mode, wanted);
}

static int create(const GPtrArray *mounts, const char *path, const Recipe *recipe)
{
    g_auto(Place) place;
    mode_t mode = 0;
    int result = place_find(mounts, path, &place);

    if (result < 0)
        return result;
    if (*place.name == '\0')
        return -EEXIST;
    result = make_and_name(&place, recipe, &mode);
    if (result == 0 && recipe->mode_chosen && mode != recipe->mode)
        tell_mode(path, mode, recipe->mode);
    return result;
}

static ExitStatus create_all(char **paths, const Recipe *recipe)
{
    g_autoptr(GPtrArray) mounts = mounts_load();
    ExitStatus status = EXIT_STATUS_OK;

    if (mounts == NULL) {
        message_errno("cannot read the mounts", "/proc/self/mountinfo", errno);
        return EXIT_STATUS_FAILED;
    }
    for (char **path = paths; *path != NULL; path++) {
        int result = create(mounts, *path, recipe);

        if (result == 0)
            continue;
        if (result == -EOWNERDEAD)
            message_error(
                "would be gone at once", *path,
                "its directory says lifetime=process, and that is fifoctl; add --lifetime");
        else
            place_complain("cannot create", *path, result);
        status = EXIT_STATUS_FAILED;
    }
    return status;
}

static gboolean add_attribute(GPtrArray *attributes, const char *name, const char *value)
{
    g_autofree char *word = value == NULL ? NULL : g_strdup_printf("%s=%s", name, value);
    Attribute *attribute;

    if (word == NULL)
        return TRUE;
    attribute = attribute_parse(word);
    if (attribute == NULL)
        return FALSE;
    g_ptr_array_add(attributes, attribute);
    return TRUE;
}

static gboolean parse_mode(const char *text, Recipe *recipe)
{
    guint64 mode;

    if (text == NULL)
        return TRUE;
    if (!g_ascii_string_to_unsigned(text, 8, 0, MODE_BITS, &mode, NULL)) {
        message_error("bad mode", text, "write it in octal, as 0640");
        return FALSE;
    }
    recipe->mode = (mode_t)mode;
    recipe->mode_chosen = TRUE;
    return TRUE;
}

static gboolean complete(const Options *options, Recipe *recipe)
{
    if (g_strcmp0(options->lifetime, LIFETIME_PROCESS) == 0) {
        message_error("would be gone at once", "--lifetime=process",
                      "it is the life of the process that creates, which is fifoctl");
        return FALSE;
    }
    return parse_mode(options->mode, recipe) &&
           add_attribute(recipe->attributes, "lifetime", options->lifetime) &&
           add_attribute(recipe->attributes, "linger", options->linger) &&
           add_attribute(recipe->attributes, "grace", options->grace) &&
           add_attribute(recipe->attributes, "max-age", options->max_age) &&
           add_attribute(recipe->attributes, "open-timeout", options->open_timeout) &&
           add_attribute(recipe->attributes, "capacity", options->capacity) &&
           add_attribute(recipe->attributes, "hold", options->hold);
}

ExitStatus command_new(int argc, char **argv)
{
    g_auto(Options) options = {0};
    const GOptionEntry entries[] = {
        {"mode", 'm', 0, G_OPTION_ARG_STRING, &options.mode,
         "Permission bits, within those of the mount", "OCTAL"},
        {"lifetime", 'l', 0, G_OPTION_ARG_STRING, &options.lifetime, "auto, use, session or keep",
         "LIFETIME"},
        {"linger", 0, 0, G_OPTION_ARG_STRING, &options.linger, "How long it stays after its use",
         "DURATION"},
        {"grace", 0, 0, G_OPTION_ARG_STRING, &options.grace, "How long it stays without any use",
         "DURATION"},
        {"max-age", 0, 0, G_OPTION_ARG_STRING, &options.max_age, "How long it stays at most",
         "DURATION"},
        {"open-timeout", 0, 0, G_OPTION_ARG_STRING, &options.open_timeout,
         "How long a process may wait in open()", "DURATION"},
        {"capacity", 'c', 0, G_OPTION_ARG_STRING, &options.capacity, "Bytes that it is to hold: 1M",
         "SIZE"},
        {"hold", 0, 0, G_OPTION_ARG_STRING, &options.hold, "What the daemon keeps open: write",
         "END"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.paths, NULL, NULL},
        {NULL},
    };
    g_autoptr(GPtrArray)
        attributes = g_ptr_array_new_with_free_func((GDestroyNotify)attribute_free);
    Recipe recipe = {.mode = 0666, .attributes = attributes};

    if (!options_parse(argc, argv, entries, "PATH...",
                       "Create FIFOs together with their attributes."))
        return EXIT_STATUS_USAGE;
    if (options.paths == NULL) {
        message_error("nothing to create", "new", "name a FIFO");
        return EXIT_STATUS_USAGE;
    }
    return complete(&options, &recipe) ? create_all(options.paths, &recipe) : EXIT_STATUS_USAGE;
}
