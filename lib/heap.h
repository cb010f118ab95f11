/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Much memory that is wanted at once.
 *
 * A million nodes lie on 50,000 pages, and to have the kernel find each when it is touched for the
 * first time takes longer than to read what is to be in it. Huge pages are 500 times fewer. But most
 * systems give them only to who asks (madvise(2)), and malloc() does that only where the environment
 * says so.
 */
#pragma once

#include <glib.h>

/* Until ff_heap_relax(), what malloc() gives comes from so many bytes of huge pages, if they can be had. */
void ff_heap_expect(gsize bytes);

/* What of it was not wanted goes back. */
void ff_heap_relax(void);
