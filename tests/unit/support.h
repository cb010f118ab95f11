/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every unit test needs: cmocka, a clock that stands still until it is moved, and a registry. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry.h"

/* When the tests begin, in monotonic microseconds: not 0, which says "never" in places. */
#define START ((gint64)1000 * G_USEC_PER_SEC)
#define MS    ((gint64)1000)
#define SEC   ((gint64)G_USEC_PER_SEC)

extern const FfClock test_clock;

void test_clock_set(gint64 now);
void test_clock_advance(gint64 usec);
gint64 test_clock_now(void);

extern const FfCaller ROOT, ALICE, BOB;

/* Everybody may do everything, nothing is fixed, lifetime auto. Sets the clock to START. */
FfRegistryOptions test_options(void);
FfRegistry *test_registry(void);

FfNode *make_fifo(FfRegistry *registry, FfNode *directory, const char *name);
FfNode *make_directory(FfRegistry *registry, FfNode *directory, const char *name);
int make_as(FfRegistry *registry, FfNode *directory, const char *name, mode_t mode, uid_t uid);
