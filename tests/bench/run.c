/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine is not equally fast all the time. So the targets take turns, sample by sample, and each begins as often as
 * the others; a round comes back to a measurement only after all others. What one target has suffered, all have.
 */
#include "run.h"

#include <errno.h>

/* A daemon may have something left to do of the sample before. */
#define SETTLE_TIME (2 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    const Settings *settings;
    const Targets *targets;
    Results *results;
    Site sites[N_TARGETS];
    gboolean ok;
} Run;

/* Optional targets may lack something; that is no news to anybody. */
static void note_failure(Run *run, const Target *target, const char *what, int r)
{
    if (r == -EOPNOTSUPP)
        return;
    g_printerr("%s: %s: %s\n", target->name, what, g_strerror(-r));
    if (target->required)
        run->ok = FALSE;
}

static void take_sample(Run *run, const Measurement *measurement, const Site *site, Cell *cell)
{
    double value = 0;
    int r;

    if (site->directory < 0 || cell->failure < 0)
        return;
    g_usleep(SETTLE_TIME);
    r = measurement->sample(site, measurement->what, &value);
    cell_add(cell, r, value);
    if (r < 0)
        note_failure(run, site->target, measurement->name, r);
}

static void take_turns(Run *run, const Measurement *measurement, PlacementId placement, guint round)
{
    Row *row = results_row(run->results, measurement, placement, run->sites[0].n_fifos);

    for (guint i = 0; i < N_TARGETS; i++) {
        guint turn = (round + i) % N_TARGETS;

        take_sample(run, measurement, &run->sites[turn], &row->cells[turn]);
    }
}

/* Each measurement once that depends on at least so much. */
static void run_round(Run *run, Scope least, Scope most, PlacementId placement, guint round)
{
    for (guint i = 0; i < n_measurements; i++) {
        const Measurement *measurement = &measurements[i];

        if (measurement->scope >= least && measurement->scope <= most &&
            settings_want(run->settings, measurement->name))
            take_turns(run, measurement, placement, round);
    }
}

static void run_placement(Run *run, PlacementId placement, Scope least)
{
    int r = placement_apply(placement, run->targets);

    if (r < 0) {
        g_printerr("%s: %s\n", placements[placement].name, g_strerror(-r));
        run->ok = FALSE;
        return;
    }
    for (guint round = 0; round < run->settings->rounds; round++)
        run_round(run, least, SCOPE_COUNT, placement, round);
}

static void open_sites(Run *run, guint64 n_fifos)
{
    for (guint i = 0; i < N_TARGETS; i++) {
        Site *site = &run->sites[i];
        int r = site_open(site, &run->targets->all[i], run->settings, n_fifos);

        if (r == 0)
            continue;
        note_failure(run, site->target, "making the FIFOs that lie there", r);
        site_close(site);
    }
}

static void run_count(Run *run, guint64 n_fifos, gboolean first)
{
    /* The rest of the table is the same whatever lies in the directory. */
    Scope least = first ? SCOPE_PLACEMENT : SCOPE_COUNT;

    /* Making many FIFOs is fastest so. */
    placement_apply(PLACEMENT_PINNED, run->targets);
    open_sites(run, n_fifos);
    if (first)
        run_round(run, SCOPE_FRESH, SCOPE_FRESH, PLACEMENT_FREE, 0);
    run_placement(run, PLACEMENT_FREE, least);
    if (run->settings->pin)
        run_placement(run, PLACEMENT_PINNED, least);
    for (guint i = 0; i < N_TARGETS; i++)
        site_close(&run->sites[i]);
}

gboolean run_all(const Settings *settings, const Targets *targets, Results *results)
{
    Run run = {settings, targets, results, .ok = TRUE};

    for (guint i = 0; i < settings->counts->len; i++)
        run_count(&run, g_array_index(settings->counts, guint64, i), i == 0);
    return run.ok;
}
