/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "closefds.h"

#include <stdlib.h>
#include <unistd.h>

static int compare_numbers(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

void ff_close_all_but(guint first, int *kept, gsize n)
{
    if (n > 0)
        qsort(kept, n, sizeof *kept, compare_numbers);
    for (gsize i = 0; i < n; i++) {
        if ((guint)kept[i] > first)
            close_range(first, (guint)kept[i] - 1, 0);
        first = (guint)kept[i] + 1;
    }
    close_range(first, G_MAXUINT, 0);
}
