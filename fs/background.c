/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

/*
 * The child has written its byte, or has closed the pipe by ending. Where it has failed it has said
 * why; where it was told to end, or unmounted, that is no failure to it, but nobody has a mount.
 */
static void G_GNUC_NORETURN wait_for_child(pid_t child, int fd)
{
    char byte;
    ssize_t n;
    int status;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(FF_EXIT_OK);
    if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
        WEXITSTATUS(status) != FF_EXIT_OK)
        _exit(WEXITSTATUS(status));
    fprintf(stderr, "fifofs: the mount was ended before it was ready: mount it again\n");
    _exit(FF_EXIT_FAILED);
}

FfBackground ff_background_enter(gboolean foreground)
{
    FfBackground background = {.ready_fd = -1};
    int ends[2];
    pid_t child;

    if (foreground)
        return background;
    if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0) {
        fprintf(stderr, "fifofs: cannot go into the background: %s: use -f\n", g_strerror(errno));
        exit(FF_EXIT_FAILED);
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_child(child, ends[0]);
    }
    close(ends[0]);
    setsid();
    background.ready_fd = ends[1];
    return background;
}

static void let_go_of_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
}

void ff_background_let_go(void)
{
    ff_log_to_syslog();
    let_go_of_terminal();
    /* Keep no other file system busy. */
    if (chdir("/") < 0)
        g_warning("cannot leave the working directory: %s", g_strerror(errno));
}

void ff_background_ready(FfBackground *background)
{
    if (background->ready_fd < 0)
        return;
    ff_background_let_go();
    if (write(background->ready_fd, "", 1) != 1)
        g_warning("cannot tell that the mount is ready: %s", g_strerror(errno));
    close(background->ready_fd);
    background->ready_fd = -1;
}
