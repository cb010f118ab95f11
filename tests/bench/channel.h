/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A FIFO of a site with both ends open, and child processes that use them. */
#pragma once

#include "site.h"

typedef struct {
    int directory;
    const char *name;
    int reader;
    int writer;
} Channel;

/* What a channel is before it is opened and after it is closed. */
#define CHANNEL_INIT ((Channel){.directory = -1, .reader = -1, .writer = -1})

/* Make the FIFO. Return: 0 or -errno; channel_close() is due in either case. */
int channel_make(Channel *channel, const Site *site, const char *name);

/* Open both ends, blocking. Return: 0 or -errno. */
int channel_open(Channel *channel);

/* Make it by the exclusive creation of its writer, and open it. Return: as channel_make(). */
int channel_create(Channel *channel, const Site *site, const char *name);

void channel_close_reader(Channel *channel);
void channel_close_writer(Channel *channel);

/* Closes what is open still, and removes the FIFO. */
void channel_close(Channel *channel);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Channel, channel_close)

/* Run @work in a child process, which ends with it or with us. Return: its id or -errno. */
pid_t child_start(void (*work)(gpointer data), gpointer data);

/* Wait until it has ended. Return: whether it has done its work. */
gboolean child_await(pid_t pid);

/* End it, if there is one (*pid > 0), and forget it. */
void child_end(pid_t *pid);
