/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening one end of a FIFO of our own mount, without waiting for the other end and without
 * pretending to be it.
 *
 * It is found under a name in the control directory that leads nowhere for anybody else, and for us
 * to the FIFO that is meant: so no rename and no removal is in the way.
 */
#pragma once

#include <glib.h>

#define FF_FIFOEND_NAME "relay"

/**
 * ff_fifoend_open_directory() - where the name is
 * @cached_only: wait for the lock of no directory
 *
 * Return: an O_PATH descriptor or -errno; -EAGAIN where that cannot be had without waiting.
 */
int ff_fifoend_open_directory(const char *mountpoint, gboolean cached_only);

/**
 * ff_fifoend_open() - open an end
 * @access: O_RDONLY, O_WRONLY or O_RDWR
 *
 * Whoever waits for this end goes on. Nobody who wants to write may come to wait meanwhile: he
 * would take it for a reader.
 *
 * Return: a descriptor with O_NONBLOCK, or -errno.
 */
int ff_fifoend_open(int directory, guint64 fifo, int access);

/* As ff_fifoend_open() does with O_WRONLY, but -ENXIO where nobody reads; it is taken for no reader. */
int ff_fifoend_open_met_writer(int directory, guint64 fifo);

/* From now on the name leads nowhere for us either: have the kernel forget what it was for. */
void ff_fifoend_drop_name(int directory, const char *name);
