/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ends that are kept of a plain FIFO: what others see of them, and what is seen of others.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ends.h"

typedef struct {
    char directory[32];
    char path[48];
    int handle;
    FfEnds ends;
} Fixture;

static int setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    g_strlcpy(fixture->directory, "/tmp/test-ends-XXXXXX", sizeof fixture->directory);
    if (mkdtemp(fixture->directory) == NULL)
        return -1;
    g_snprintf(fixture->path, sizeof fixture->path, "%s/fifo", fixture->directory);
    if (mkfifo(fixture->path, 0600) < 0)
        return -1;
    fixture->handle = open(fixture->path, O_PATH | O_CLOEXEC);
    fixture->ends = (FfEnds)FF_ENDS_INIT;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    Fixture *fixture = *state;

    ff_ends_close(&fixture->ends);
    close(fixture->handle);
    unlink(fixture->path);
    rmdir(fixture->directory);
    g_free(fixture);
    return 0;
}

static void keep(Fixture *fixture, FfHold hold)
{
    assert_int_equal(ff_ends_open(&fixture->ends, fixture->handle, hold), 0);
}

static int open_end(const Fixture *fixture, int flags)
{
    int fd = open(fixture->path, flags | O_NONBLOCK | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void write_and_leave(const Fixture *fixture, const char *text)
{
    int fd = open_end(fixture, O_WRONLY);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void assert_refused(const Fixture *fixture, int flags, int error)
{
    assert_int_equal(open(fixture->path, flags | O_NONBLOCK), -1);
    assert_int_equal(errno, error);
}

static void assert_readable(int fd, const char *text)
{
    char buffer[16];

    assert_int_equal(read(fd, buffer, sizeof buffer), strlen(text));
    assert_memory_equal(buffer, text, strlen(text));
}

/* --- */

static void nobody_else_is_there(void **state)
{
    Fixture *fixture = *state;

    keep(fixture, FF_HOLD_READ);
    assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_UNUSED);
    assert_refused(fixture, O_WRONLY, ENXIO);
    keep(fixture, FF_HOLD_BOTH);
    assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_UNUSED);
    assert_refused(fixture, O_WRONLY, ENXIO);
}

static void a_writer_of_any_kind_is_seen(void **state)
{
    Fixture *fixture = *state;

    for (FfHold hold = FF_HOLD_READ; hold <= FF_HOLD_BOTH; hold += 2) {
        for (int written = 0; written < 2; written++) {
            int writer;

            keep(fixture, hold);
            writer = open_end(fixture, O_WRONLY);
            if (written)
                assert_int_equal(write(writer, "x", 1), 1);
            assert_int_not_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_UNUSED);
            assert_int_equal(ff_ends_release(&fixture->ends, TRUE), FF_ENDS_BUSY);
            assert_int_equal(write(writer, "y", 1), 1);
            close(writer);
            assert_int_equal(ff_ends_release(&fixture->ends, TRUE), FF_ENDS_UNUSED);
        }
    }
}

static void a_reader_of_any_kind_is_seen_and_sees_no_end(void **state)
{
    Fixture *fixture = *state;
    char byte;

    for (FfHold hold = FF_HOLD_WRITE; hold <= FF_HOLD_BOTH; hold++) {
        int reader = open_end(fixture, O_RDONLY);

        keep(fixture, hold);
        assert_int_equal(ff_ends_release(&fixture->ends, TRUE), FF_ENDS_BUSY);
        assert_int_equal(read(reader, &byte, 1), -1);
        assert_int_equal(errno, EAGAIN);
        close(reader);
        assert_int_equal(ff_ends_release(&fixture->ends, TRUE), FF_ENDS_UNUSED);
    }
}

static void bytes_are_in_the_way_but_by_force(void **state)
{
    Fixture *fixture = *state;

    for (FfHold hold = FF_HOLD_READ; hold <= FF_HOLD_BOTH; hold += 2) {
        keep(fixture, hold);
        write_and_leave(fixture, "kept");
        assert_int_equal(ff_ends_queued(&fixture->ends), 4);
        assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_QUEUED);
        assert_int_equal(ff_ends_queued(&fixture->ends), 4);
        assert_int_equal(ff_ends_release(&fixture->ends, TRUE), FF_ENDS_UNUSED);
        assert_int_equal(ff_ends_queued(&fixture->ends), 0);
    }
}

/* POLLHUP says nothing of them: no writer has come since. */
static void bytes_from_before_are_told_from_a_writer(void **state)
{
    Fixture *fixture = *state;
    FfEnds former = FF_ENDS_INIT;

    assert_int_equal(ff_ends_open(&former, fixture->handle, FF_HOLD_READ), 0);
    write_and_leave(fixture, "kept");
    keep(fixture, FF_HOLD_READ);
    ff_ends_close(&former);
    assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_QUEUED);
    assert_int_equal(ff_ends_release(&fixture->ends, TRUE), FF_ENDS_UNUSED);
}

static void the_bridge_lets_a_reader_in_and_ends(void **state)
{
    Fixture *fixture = *state;
    int reader;
    char byte;

    keep(fixture, FF_HOLD_READ);
    assert_false(ff_ends_bridge(&fixture->ends));
    write_and_leave(fixture, "kept");
    assert_true(ff_ends_bridge(&fixture->ends));
    /* It would wait for a writer. */
    reader = open(fixture->path, O_RDONLY | O_CLOEXEC);
    assert_readable(reader, "kept");
    ff_ends_unbridge(&fixture->ends);
    assert_int_equal(read(reader, &byte, 1), 0);
    close(reader);
    assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_UNUSED);
}

static void the_bridge_is_no_writer(void **state)
{
    Fixture *fixture = *state;
    int reader;

    keep(fixture, FF_HOLD_READ);
    write_and_leave(fixture, "kept");
    assert_true(ff_ends_bridge(&fixture->ends));
    assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_QUEUED);
    assert_true(ff_ends_bridge(&fixture->ends));
    reader = open_end(fixture, O_RDONLY);
    assert_readable(reader, "kept");
    close(reader);
    assert_int_equal(ff_ends_release(&fixture->ends, FALSE), FF_ENDS_UNUSED);
}

static void on_signal(int number)
{
}

static gpointer wait_as_writer(gpointer data)
{
    const Fixture *fixture = data;

    return GINT_TO_POINTER(ff_ends_wait(fixture->handle));
}

static pthread_t start_to_wait(Fixture *fixture)
{
    const struct sigaction action = {.sa_handler = on_signal};
    pthread_t thread;

    sigaction(SIGURG, &action, NULL);
    assert_int_equal(ff_ends_open(&fixture->ends, fixture->handle, FF_HOLD_WRITE), -ENXIO);
    assert_int_equal(pthread_create(&thread, NULL, wait_as_writer, fixture), 0);
    return thread;
}

static void the_writing_end_waits_for_a_reader(void **state)
{
    Fixture *fixture = *state;
    pthread_t thread = start_to_wait(fixture);
    int reader = open(fixture->path, O_RDONLY | O_CLOEXEC);
    gpointer end;
    char byte;

    pthread_join(thread, &end);
    assert_true(GPOINTER_TO_INT(end) >= 0);
    fcntl(reader, F_SETFL, O_NONBLOCK);
    assert_int_equal(read(reader, &byte, 1), -1);
    close(GPOINTER_TO_INT(end));
    assert_int_equal(read(reader, &byte, 1), 0);
    close(reader);
}

static void a_signal_ends_the_wait(void **state)
{
    Fixture *fixture = *state;
    pthread_t thread = start_to_wait(fixture);
    gpointer end;

    /* The first may come before the wait. */
    while (pthread_tryjoin_np(thread, &end) == EBUSY) {
        pthread_kill(thread, SIGURG);
        g_usleep(1000);
    }
    assert_int_equal(GPOINTER_TO_INT(end), -EINTR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_else_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_writer_of_any_kind_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_of_any_kind_is_seen_and_sees_no_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bytes_are_in_the_way_but_by_force, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_from_before_are_told_from_a_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(the_bridge_lets_a_reader_in_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(the_bridge_is_no_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(the_writing_end_waits_for_a_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signal_ends_the_wait, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
