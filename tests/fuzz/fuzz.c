/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

gint64 fuzz_now = FUZZ_START;

static gint64 monotonic(gpointer data)
{
    return fuzz_now;
}

static struct timespec realtime(gpointer data)
{
    return (struct timespec){.tv_sec = 1700000000 + fuzz_now / G_USEC_PER_SEC,
                             .tv_nsec = fuzz_now % G_USEC_PER_SEC * 1000};
}

const FfClock fuzz_clock = {.monotonic = monotonic, .realtime = realtime};

guint8 fuzz_byte(FuzzInput *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->next++;
}

guint fuzz_below(FuzzInput *input, guint n)
{
    return (guint8)(fuzz_byte(input) - '0') % n;
}

GStrv fuzz_lines(const uint8_t *data, size_t size)
{
    GPtrArray *lines = g_ptr_array_new();
    const char *text = (const char *)data;
    gsize begin = 0;

    for (gsize i = 0; i < size; i++) {
        if (text[i] != '\n')
            continue;
        g_ptr_array_add(lines, g_strndup(text + begin, i - begin));
        begin = i + 1;
    }
    if (begin < size)
        g_ptr_array_add(lines, g_strndup(text + begin, size - begin));
    g_ptr_array_add(lines, NULL);
    return (GStrv)g_ptr_array_free(lines, FALSE);
}

const char *fuzz_file(const void *bytes, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        g_assert(fd >= 0);
        g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    g_assert(ftruncate(fd, 0) == 0);
    g_assert(pwrite(fd, bytes, size, 0) == (gssize)size);
    return path;
}
