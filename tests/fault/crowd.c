/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * More processes than Python could fork in the memory that there is.
 *
 *   crowd wait N FIFO...   N processes open the FIFOs to read, and read to the end
 *   crowd bomb DEPTH DIR   a process that makes, uses, renames and removes a FIFO of its own in the
 *                          directory while two of its kind are at work, and so on DEPTH times
 *
 * The exit code is 0 if all of them got what they had to, and a line is written for each that did not.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool fails(const char *what, const char *path)
{
    fprintf(stderr, "crowd: %s of %s: %s\n", what, path, strerror(errno));
    return false;
}

/* Return: in the child, which goes with its parent, true. */
static bool in_child(void)
{
    pid_t pid = fork();

    if (pid < 0) {
        fails("fork", "a process");
        exit(EXIT_FAILURE);
    }
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid == 0;
}

static bool all_end_well(void)
{
    bool well = true;
    int status;

    while (wait(&status) > 0)
        well = well && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    return well;
}

static bool read_to_the_end(const char *path)
{
    int fd = open(path, O_RDONLY);
    char byte;
    ssize_t n;

    if (fd < 0)
        return fails("open", path);
    while ((n = read(fd, &byte, 1)) > 0)
        ;
    return n == 0 || fails("read", path);
}

static bool gather(int n, char **paths, int n_paths)
{
    for (int i = 0; i < n; i++) {
        if (in_child())
            _exit(read_to_the_end(paths[i % n_paths]) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return all_end_well();
}

static bool passes_a_byte(int fd)
{
    char byte = 0;

    return write(fd, "x", 1) == 1 && read(fd, &byte, 1) == 1 && byte == 'x';
}

static bool use_one(const char *directory)
{
    char path[PATH_MAX], renamed[PATH_MAX];
    int fd;

    snprintf(path, sizeof path, "%s/%d", directory, getpid());
    snprintf(renamed, sizeof renamed, "%s/%d-renamed", directory, getpid());
    fd = open(path, O_CREAT | O_RDWR, 0600);
    if (fd < 0)
        return fails("open", path);
    if (rename(path, renamed) < 0)
        return fails("rename", path);
    if (!passes_a_byte(fd))
        return fails("use", renamed);
    close(fd);
    return unlink(renamed) == 0 || fails("unlink", renamed);
}

static bool burst(int depth, const char *directory)
{
    bool well;

    for (int i = 0; i < 2 && depth > 0; i++) {
        if (in_child())
            _exit(burst(depth - 1, directory) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    well = use_one(directory);
    return all_end_well() && well;
}

int main(int argc, char **argv)
{
    bool well = false;

    if (argc >= 4 && strcmp(argv[1], "wait") == 0)
        well = gather(atoi(argv[2]), argv + 3, argc - 3);
    else if (argc == 4 && strcmp(argv[1], "bomb") == 0)
        well = burst(atoi(argv[2]), argv[3]);
    else
        fprintf(stderr, "usage: crowd wait N FIFO... | crowd bomb DEPTH DIR\n");
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
