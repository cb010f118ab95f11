/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon-checks.h"

#include <string.h>

#include "fs/configfile.h"
#include "fs/watch.h"
#include "fuzz.h"

/* There is no mount whose directories could be watched. */
void ff_watch_expect(FfWatch *watch, FfNode *directory)
{
}

void check_usage_error(const GError *error)
{
    g_assert(error != NULL);
    g_assert(error->domain == FF_OPTIONS_ERROR);
    g_assert(error->code == FF_EXIT_USAGE);
    g_assert(*error->message != '\0');
}

void check_config_text(const FfOptions *options)
{
    g_autoptr(FfOptions) again = ff_options_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL, *text_again = NULL;
    FfOptions shown = *options;

    /* Once the daemon runs the mountpoint is there, and absolute. GKeyFile knows UTF-8 only. */
    if (shown.mountpoint == NULL || *shown.mountpoint != '/' ||
        !g_utf8_validate(shown.mountpoint, -1, NULL))
        shown.mountpoint = (char *)"/m";
    text = ff_options_to_text(&shown);
    ff_config_load(fuzz_file(text, strlen(text)), again, &error);
    g_assert_no_error(error);
    ff_options_settle(again, &error);
    g_assert_no_error(error);
    again->config = g_strdup(options->config);
    text_again = ff_options_to_text(again);
    g_assert_cmpstr(text, ==, text_again);
}
