/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "duration.h"

#include <errno.h>
#include <string.h>

typedef struct {
    const char *name;
    gint64 usec;
} Unit;

/* Largest first, each once under the name that is printed; the other spellings come after. */
static const Unit units[] = {
    {"d", 24 * 60 * FF_MINUTE}, {"h", 60 * FF_MINUTE},  {"min", FF_MINUTE},
    {"s", FF_SECOND},           {"ms", FF_MILLISECOND}, {"us", 1},
    {"m", FF_MINUTE},           {"sec", FF_SECOND},     {"hr", 60 * FF_MINUTE},
};

#define N_PRINTED_UNITS 6

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* The length of the unit that @text starts with, or 0 where it is none; moves @text behind it. */
static gint64 take_unit(const char **text)
{
    size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz");
    const char *name = *text;

    if (length == 0)
        return FF_SECOND;
    *text += length;
    for (guint i = 0; i < G_N_ELEMENTS(units); i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0)
            return units[i].usec;
    return 0;
}

/* One NUMBER[UNIT]; fractions are accepted to the microsecond. */
static gboolean take_term(const char **text, gint64 *usec)
{
    char *end;
    guint64 whole, fraction = 0, divisor = 1;
    gint64 unit;

    if (!g_ascii_isdigit(**text))
        return FALSE;
    errno = 0;
    whole = g_ascii_strtoull(*text, &end, 10);
    if (errno != 0)
        return FALSE;
    if (*end == '.') {
        if (!g_ascii_isdigit(*++end))
            return FALSE;
        for (; g_ascii_isdigit(*end); end++) {
            if (divisor < G_USEC_PER_SEC) {
                fraction = fraction * 10 + (guint64)(*end - '0');
                divisor *= 10;
            }
        }
    }
    *text = skip_blanks(end);
    unit = take_unit(text);
    if (unit == 0 || whole >= (guint64)(FF_DURATION_INFINITY / unit))
        return FALSE;
    *usec = (gint64)whole * unit + (gint64)(fraction * (guint64)unit / divisor);
    return *usec >= 0;
}

int ff_duration_parse(const char *text, gint64 *usec)
{
    gint64 total = 0;

    text = skip_blanks(text);
    if (strcmp(text, "infinity") == 0) {
        *usec = FF_DURATION_INFINITY;
        return 0;
    }
    if (*text == '\0')
        return -EINVAL;
    while (*text != '\0') {
        gint64 term;

        if (!take_term(&text, &term) || term > FF_DURATION_INFINITY - 1 - total)
            return -EINVAL;
        total += term;
        text = skip_blanks(text);
    }
    *usec = total;
    return 0;
}

char *ff_duration_format(gint64 usec)
{
    guint i = 0;

    if (usec == FF_DURATION_INFINITY)
        return g_strdup("infinity");
    if (usec == 0)
        return g_strdup("0s");
    while (i < N_PRINTED_UNITS - 1 && usec % units[i].usec != 0)
        i++;
    return g_strdup_printf("%" G_GINT64_FORMAT "%s", usec / units[i].usec, units[i].name);
}

gint64 ff_time_after(gint64 start, gint64 duration)
{
    return duration > G_MAXINT64 - start ? G_MAXINT64 : start + duration;
}
