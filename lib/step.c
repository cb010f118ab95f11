/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The test writes into a file which the process has mapped: "OPCODE STEP [SIGNAL [TIMES]]",
 * NUL-terminated, where an opcode of 0 is any, the signal SIGKILL by default, and the times 1.
 * Whoever gets there first clears the file and is killed: so the next process is not, or only while
 * there are times left. With a signal of 0 the thread waits there instead, and the file's first letter is
 * a 'w', until the test clears the file. No system call but tgkill(2) is made for it, as the process
 * may not be allowed any.
 */
#include "step.h"

#ifdef FIFOFS_STEPS

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES 256

static _Thread_local guint32 current_opcode;
static volatile char *wanted;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("FIFOFS_STEP_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map;

    if (fd < 0)
        return;
    map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        wanted = map;
}

void ff_step_begin(guint32 opcode)
{
    current_opcode = opcode;
}

/* The first byte last: it is what others look at. */
static void arm_again(guint opcode, const char *name, guint signal_number, guint times)
{
    char text[FILE_BYTES + 1];
    int length = snprintf(text, sizeof text, "%u %s %u %u", opcode, name, signal_number, times);

    memcpy((char *)wanted + 1, text + 1, (gsize)MIN(length, FILE_BYTES - 1));
    __atomic_store_n(wanted, text[0], __ATOMIC_RELEASE);
}

static void wait_here(void)
{
    __atomic_store_n(wanted, 'w', __ATOMIC_RELEASE);
    while (__atomic_load_n(wanted, __ATOMIC_ACQUIRE) != '\0')
        sched_yield();
}

void ff_step_reached(const char *step)
{
    guint opcode, signal_number = SIGKILL, times = 1;
    char name[FILE_BYTES];
    char text[FILE_BYTES + 1] = "";

    if (wanted == NULL || *wanted == '\0')
        return;
    memcpy(text, (const char *)wanted, FILE_BYTES);
    if (sscanf(text, "%u %255s %u %u", &opcode, name, &signal_number, &times) < 2 ||
        strcmp(name, step) != 0 || (opcode != 0 && opcode != current_opcode))
        return;
    /* Of several threads that are here, one. */
    if (__atomic_exchange_n(wanted, '\0', __ATOMIC_ACQ_REL) == '\0')
        return;
    if (signal_number == 0) {
        wait_here();
        return;
    }
    if (times > 1)
        arm_again(opcode, name, signal_number, times - 1);
    raise((int)signal_number);
}

#endif
