/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Durations as people write them: "30", "500ms", "15min", "1h 30min", "infinity".
 *
 * The units are those of systemd.time(7) that have a fixed length; a number without a unit is
 * seconds.
 */
#pragma once

#include <glib.h>

#define FF_DURATION_INFINITY G_MAXINT64

#define FF_MILLISECOND (G_USEC_PER_SEC / 1000)
#define FF_SECOND      ((gint64)G_USEC_PER_SEC)
#define FF_MINUTE      (60 * FF_SECOND)

/**
 * ff_duration_parse() - text to microseconds
 * @text:   one or more of NUMBER[UNIT], with or without blanks between them, or "infinity"
 * @usec:   where the microseconds go; untouched on failure
 *
 * Return: 0, or -EINVAL for anything that is not a duration (negative, empty, unknown unit, too
 * long to count).
 */
int ff_duration_parse(const char *text, gint64 *usec);

/**
 * ff_duration_format() - microseconds to the shortest text that ff_duration_parse() reads back as
 * the same
 * @usec: a duration, not negative
 *
 * Return: a new string, in the largest unit that divides it evenly.
 */
char *ff_duration_format(gint64 usec);

/**
 * ff_time_after() - a point in time, and a duration after it
 *
 * Return: the sum, or G_MAXINT64 where it is infinite.
 */
gint64 ff_time_after(gint64 start, gint64 duration);
