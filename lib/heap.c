/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "heap.h"

#include <malloc.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((gsize)2 << 20)

/* Less than this is not worth the trouble. */
#define FEWEST_BYTES (8 * HUGE_PAGE_BYTES)
#define MOST_BYTES   ((gsize)G_MAXINT / 2)

/* That of glibc (mallopt(3)). */
#define USUAL_MMAP_MAX 65536

/*
 * glibc fits these to what is asked for, until one of them is set. With its first ones each of the
 * pieces of 128 KiB that relays need would be mapped anew; with larger ones than these the heap would
 * have holes where tables were that have grown, up to a tenth of all.
 */
#define MMAP_THRESHOLD (256 << 10)
#define TRIM_THRESHOLD (2 * MMAP_THRESHOLD)

static guintptr round_up(guintptr address)
{
    return (address + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

void ff_heap_expect(gsize bytes)
{
    gsize size = MIN(bytes, MOST_BYTES);
    guintptr begin, end;
    gpointer room;

    if (size < FEWEST_BYTES)
        return;
    /* Not by a mapping of its own, and left with malloc() when it is freed. */
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, G_MAXINT);
    room = malloc(size);
    if (room == NULL)
        return;
    begin = round_up((guintptr)room);
    end = (guintptr)room + size;
    if (begin < end && madvise((gpointer)begin, end - begin, MADV_HUGEPAGE) < 0)
        g_debug("there are no huge pages");
    free(room);
    mallopt(M_MMAP_MAX, USUAL_MMAP_MAX);
}

void ff_heap_relax(void)
{
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    malloc_trim(0);
}
