/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines that fifoctl writes to stderr: one line per trouble, "fifoctl: WHAT: WHICH: what to
 * do".
 *
 * Names come from other people, so every byte that could disturb a terminal is shown as \xNN.
 */
#pragma once

#include <glib.h>

/**
 * message_error() - say what failed
 * @what:   what could not be done
 * @which:  the name it was about; any bytes
 * @advice: what the reader can do about it
 */
void message_error(const char *what, const char *which, const char *advice);

/* The same, with the meaning of @error_number behind @what and the advice that goes with it. */
void message_errno(const char *what, const char *which, int error_number);

/* A remark that is no failure. */
void message_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * message_safe() - any bytes as text that is harmless on a terminal
 *
 * Return: a new string; control characters, bytes that are not UTF-8, and a backslash that would
 * look like such an escape are \xNN in it.
 */
char *message_safe(const char *bytes);
