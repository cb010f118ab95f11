/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

static gint64 current;

const FfCaller ROOT = {.uid = 0, .gid = 0};
const FfCaller ALICE = {.uid = 1001, .gid = 1001};
const FfCaller BOB = {.uid = 1002, .gid = 1002};

static gint64 monotonic(gpointer data)
{
    return current;
}

static struct timespec realtime(gpointer data)
{
    return (struct timespec){.tv_sec = 1700000000 + current / SEC, .tv_nsec = current % SEC * 1000};
}

const FfClock test_clock = {.monotonic = monotonic, .realtime = realtime};

void test_clock_set(gint64 now)
{
    current = now;
}

void test_clock_advance(gint64 usec)
{
    current += usec;
}

gint64 test_clock_now(void)
{
    return current;
}

FfRegistryOptions test_options(void)
{
    test_clock_set(START);
    return (FfRegistryOptions){
        .modes = {.fifo_ceiling = 07777, .dir_ceiling = 0777},
        .policy = ff_policy_default,
        .root_mode = 0777,
    };
}

FfRegistry *test_registry(void)
{
    FfRegistryOptions options = test_options();

    return ff_registry_new(&options, &test_clock);
}

static FfNode *make(FfRegistry *registry, FfNode *directory, const char *name, mode_t mode)
{
    FfNewNode wanted = {.mode = mode};
    FfNode *node;

    assert_int_equal(ff_registry_create(registry, directory, name, &wanted, &node), 0);
    return node;
}

FfNode *make_fifo(FfRegistry *registry, FfNode *directory, const char *name)
{
    return make(registry, directory, name, S_IFIFO | 0600);
}

FfNode *make_directory(FfRegistry *registry, FfNode *directory, const char *name)
{
    return make(registry, directory, name, S_IFDIR | 0777);
}

int make_as(FfRegistry *registry, FfNode *directory, const char *name, mode_t mode, uid_t uid)
{
    FfNewNode wanted = {.mode = mode, .uid = uid, .gid = uid};
    FfNode *node;

    return ff_registry_create(registry, directory, name, &wanted, &node);
}
