/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "passthrough.h"

#include <errno.h>
#include <sys/stat.h>

#include "process.h"

#define PROGRAM "passthrough_ll"

/* Where distributions put libfuse's examples, plain or compressed. */
static const char *const example_folders[] = {
    "/usr/share/doc/libfuse3-dev/examples",
    "/usr/share/doc/fuse3/examples",
    "/usr/share/doc/fuse3-devel/example",
    "/usr/share/doc/fuse3-devel/examples",
};

/* $1 is the folder of the sources, $2 where to build. gzip -f hands on what is not compressed. */
static const char build_script[] = "set -e\n"
                                   "cd \"$2\"\n"
                                   "for source in passthrough_ll.c passthrough_helpers.h; do\n"
                                   "    gzip -cdf \"$1/$source\"* > \"$source\"\n"
                                   "done\n"
                                   "${CC:-cc} -O2 -w -o " PROGRAM
                                   " passthrough_ll.c $(pkg-config --cflags --libs fuse3)\n";

static const char *find_examples(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(example_folders); i++) {
        g_autofree char *plain = g_build_filename(example_folders[i], PROGRAM ".c", NULL);
        g_autofree char *packed = g_strconcat(plain, ".gz", NULL);

        if (g_file_test(plain, G_FILE_TEST_EXISTS) || g_file_test(packed, G_FILE_TEST_EXISTS))
            return example_folders[i];
    }
    return NULL;
}

/* Return: the folder that it is in, NULL with @error set. */
static char *build(const Workspace *workspace, GError **error)
{
    const char *examples = find_examples();
    g_autofree char *folder = NULL;
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)build_script, (char *)"build", NULL,
                    NULL,         NULL};

    if (examples == NULL) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                            "the source of " PROGRAM " is not here (Debian: libfuse3-dev)");
        return NULL;
    }
    folder = workspace_make_folder(workspace, "build", error);
    if (folder == NULL)
        return NULL;
    argv[4] = (char *)examples;
    argv[5] = folder;
    if (!process_run(argv, error))
        return NULL;
    return g_steal_pointer(&folder);
}

gboolean passthrough_start(Target *target, const Target *tmpfs, const Workspace *workspace,
                           GError **error)
{
    g_autofree char *folder = build(workspace, error);
    g_autofree char *program = NULL, *source = NULL, *options = NULL;
    char *argv[] = {NULL, (char *)"-f", (char *)"-o", NULL, NULL, NULL};

    if (folder == NULL)
        return FALSE;
    target->mountpoint = workspace_make_folder(workspace, target->name, error);
    if (target->mountpoint == NULL)
        return FALSE;
    program = g_build_filename(folder, PROGRAM, NULL);
    source = g_build_filename(tmpfs->root, "passed-through", NULL);
    if (mkdir(source, 0700) < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", source,
                    g_strerror(errno));
        return FALSE;
    }
    /* With this, names and attributes stay valid for a day. */
    options = g_strconcat("cache=always,max_idle_threads=10,source=", source, NULL);
    argv[0] = program;
    argv[3] = options;
    argv[4] = target->mountpoint;
    return target_mount(target, argv, error);
}
