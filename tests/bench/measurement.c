/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "measurement.h"

#include <time.h>

#include "calls.h"
#include "capacity.h"
#include "command.h"
#include "control.h"
#include "cycles.h"
#include "noted.h"
#include "pingpong.h"
#include "takeover.h"
#include "transfer.h"

#define KIB 1024
#define MIB (1024 * KIB)

static const Unit bytes = {"B", FALSE};
static const Unit kib = {"KiB", FALSE};
static const Unit msec = {"ms", FALSE};
static const Unit nsec = {"ns", FALSE};
static const Unit mib_per_sec = {"MiB/s", TRUE};

#define COPY(block_size)                                                                           \
    &(const Transfer)                                                                              \
    {                                                                                              \
        .block = block_size, .n_writers = 1                                                        \
    }
#define COPY_LARGE(block_size)                                                                     \
    &(const Transfer)                                                                              \
    {                                                                                              \
        .block = block_size, .n_writers = 1, .large = TRUE                                         \
    }
#define COPY_LASTING(block_size)                                                                   \
    &(const Transfer)                                                                              \
    {                                                                                              \
        .block = block_size, .n_writers = 1, .lasting = TRUE                                       \
    }
#define COPY_RELAYED(block_size)                                                                   \
    &(const Transfer)                                                                              \
    {                                                                                              \
        .block = block_size, .n_writers = 1, .relayed = TRUE                                       \
    }
#define SPLICE(block_size)                                                                         \
    &(const Transfer)                                                                              \
    {                                                                                              \
        .block = block_size, .n_writers = 1, .splice = TRUE                                        \
    }
#define MESSAGES(number, size)                                                                     \
    &(const Transfer)                                                                              \
    {                                                                                              \
        .block = size, .n_writers = number                                                         \
    }
#define CALL(function)                                                                             \
    &(const Call)                                                                                  \
    {                                                                                              \
        .once = function                                                                           \
    }
#define CALL_PER_NAME(function)                                                                    \
    &(const Call)                                                                                  \
    {                                                                                              \
        .once = function, .per_name = TRUE                                                         \
    }
#define CYCLE(first, second, third)                                                                \
    &(const Cycle)                                                                                 \
    {                                                                                              \
        first, second, third                                                                       \
    }

#define FIFOCTL(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define PART(part)                                                                                 \
    &(const double)                                                                                \
    {                                                                                              \
        part                                                                                       \
    }

const Measurement measurements[] = {
    {"copy-512", "write and read, 512 B", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY(512)},
    {"lasting-512", "the same, opened 1.5 s ago", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY_LASTING(512)},
    {"copy-4096", "write and read, 4 KiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY(4 * KIB)},
    {"copy-65536", "write and read, 64 KiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY(64 * KIB)},
    {"copy-1048576", "write and read, 1 MiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY(MIB)},
    {"relay-4096", "created with O_EXCL, 4 KiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY_RELAYED(4096)},
    {"relay-131072", "created with O_EXCL, 128 KiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY_RELAYED(131072)},
    {"relay-1048576", "created with O_EXCL, 1 MiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY_RELAYED(1048576)},
    {"large-65536", "with capacity=1M, 64 KiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY_LARGE(64 * KIB)},
    {"large-1048576", "with capacity=1M, 1 MiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     COPY_LARGE(MIB)},
    {"capacity", "data before the capacity is there", &kib, SCOPE_PLACEMENT, capacity_sample, NULL},
    {"splice-65536", "splice, 64 KiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     SPLICE(64 * KIB)},
    {"splice-1048576", "splice, 1 MiB", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     SPLICE(MIB)},
    {"messages", "4 writers, 1 reader, 512 B", &mib_per_sec, SCOPE_PLACEMENT, transfer_sample,
     MESSAGES(4, 512)},
    {"ping-pong", "1 byte there and back", &nsec, SCOPE_PLACEMENT, pingpong_sample, NULL},

    /* The floor of everything that asks the daemon: the kernel never keeps this answer. */
    {"statfs", "statfs (a bare FUSE request)", &nsec, SCOPE_PLACEMENT, calls_sample,
     CALL(call_statfs)},
    {"stat", "stat, known name", &nsec, SCOPE_COUNT, calls_sample, CALL(call_stat)},
    {"open-close", "open and close, known name", &nsec, SCOPE_COUNT, calls_sample,
     CALL(call_open_close)},
    {"open-close-both", "open and close both ends", &nsec, SCOPE_COUNT, calls_sample,
     CALL(call_open_close_both)},
    {"readdir", "readdir, per name", &nsec, SCOPE_COUNT, calls_sample, CALL_PER_NAME(call_readdir)},

    {"mkfifo", "mkfifo, new name", &nsec, SCOPE_COUNT, cycles_sample,
     CYCLE(NULL, step_mkfifo, step_unlink)},
    /* Elsewhere than on fifofs this makes a regular file. */
    {"create", "open O_CREAT, new name (>)", &nsec, SCOPE_COUNT, cycles_sample,
     CYCLE(NULL, step_create, step_unlink)},
    {"rename", "rename", &nsec, SCOPE_COUNT, cycles_sample,
     CYCLE(step_mkfifo, step_rename, step_unlink_renamed)},
    {"unlink", "unlink, known name", &nsec, SCOPE_COUNT, cycles_sample,
     CYCLE(step_mkfifo, step_unlink, NULL)},
    {"probe", "use noticed and over, per FIFO", &nsec, SCOPE_COUNT, control_probe_sample, NULL},

    {"start", "start of another daemon", &msec, SCOPE_SITE, command_start_sample, NULL},
    {"takeover", "another worker after a kill", &msec, SCOPE_SITE, takeover_sample, NULL},
    {"list", "reading .fifofs/pipes", &msec, SCOPE_SITE, control_list_sample, NULL},
    {"ls", "fifoctl ls", &msec, SCOPE_SITE, command_fifoctl_sample, FIFOCTL("ls")},
    {"ls-json", "fifoctl ls --json", &msec, SCOPE_SITE, command_fifoctl_sample,
     FIFOCTL("ls", "--json")},

    {"memory", "memory of the daemon per FIFO", &bytes, SCOPE_CLEARED, noted_memory_sample, NULL},
    {"fill", "making all of them, per FIFO", &nsec, SCOPE_CLEARED, noted_fill_sample, NULL},
    {"clear", "removal of all of them, per FIFO", &nsec, SCOPE_CLEARED, noted_clear_sample, NULL},
    {"clear-open-p50", "an open meanwhile, median", &nsec, SCOPE_CLEARED, noted_open_sample,
     PART(0.5)},
    {"clear-open-p99", "an open meanwhile, 99 % up to", &nsec, SCOPE_CLEARED, noted_open_sample,
     PART(0.99)},
    {"clear-open-max", "an open meanwhile, the longest", &nsec, SCOPE_CLEARED, noted_open_sample,
     PART(1)},
};

const guint n_measurements = G_N_ELEMENTS(measurements);

gint64 clock_nsec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}
