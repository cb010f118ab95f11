/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_end(const Channel *channel, int flags)
{
    int fd = openat(channel->directory, channel->name, flags | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int channel_make(Channel *channel, const Site *site, const char *name)
{
    if (mkfifoat(site->directory, name, 0600) < 0)
        return -errno;
    channel->directory = site->directory;
    channel->name = name;
    return 0;
}

int channel_open(Channel *channel)
{
    /* One process opens both, so the first must not wait for the second. */
    channel->reader = open_end(channel, O_RDONLY | O_NONBLOCK);
    if (channel->reader < 0)
        return channel->reader;
    channel->writer = open_end(channel, O_WRONLY);
    if (channel->writer < 0)
        return channel->writer;
    return fcntl(channel->reader, F_SETFL, 0) < 0 ? -errno : 0;
}

int channel_create(Channel *channel, const Site *site, const char *name)
{
    channel->writer = openat(site->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (channel->writer < 0)
        return -errno;
    channel->directory = site->directory;
    channel->name = name;
    channel->reader = open_end(channel, O_RDONLY);
    return MIN(channel->reader, 0);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void channel_close_reader(Channel *channel)
{
    close_end(&channel->reader);
}

void channel_close_writer(Channel *channel)
{
    close_end(&channel->writer);
}

void channel_close(Channel *channel)
{
    close_end(&channel->reader);
    close_end(&channel->writer);
    if (channel->name != NULL)
        unlinkat(channel->directory, channel->name, 0);
    channel->name = NULL;
}

pid_t child_start(void (*work)(gpointer data), gpointer data)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        return -errno;
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        work(data);
    _exit(0);
}

gboolean child_await(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0;
}

void child_end(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGKILL);
    child_await(*pid);
    *pid = 0;
}
