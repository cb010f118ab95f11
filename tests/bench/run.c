/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine is not equally fast all the time. So the targets take turns, sample by sample, and each begins as often as
 * the others; a round comes back to a measurement only after all others. What one target has suffered, all have.
 */
#include "run.h"

#include <errno.h>

/* A daemon may have something left to do of the sample before. */
#define SETTLE_TIME (2 * G_TIME_SPAN_MILLISECOND)

/* What takes long where much lies there is measured less often. */
#define SITE_ROUNDS 3
#define MUCH        100000

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
    const Site *first = &run->sites[0];
    Row *row = results_row(run->results, measurement, placement, first->n_fifos, first->shape);

    for (guint i = 0; i < N_TARGETS; i++) {
        guint turn = (round + i) % N_TARGETS;

        take_sample(run, measurement, &run->sites[turn], &row->cells[turn]);
    }
}

/* Each measurement of this scope once. */
static void run_round(Run *run, Scope scope, PlacementId placement, guint round)
{
    for (guint i = 0; i < n_measurements; i++) {
        const Measurement *measurement = &measurements[i];

        if (measurement->scope == scope && settings_want(run->settings, measurement->name))
            take_turns(run, measurement, placement, round);
    }
}

static void run_scope(Run *run, Scope scope, PlacementId placement, guint rounds)
{
    for (guint round = 0; round < rounds; round++)
        run_round(run, scope, placement, round);
}

static void place(Run *run, PlacementId placement)
{
    int r = placement_apply(placement, run->targets);

    if (r == 0)
        return;
    g_printerr("%s: %s\n", placements[placement].name, g_strerror(-r));
    run->ok = FALSE;
}

static void run_placement(Run *run, PlacementId placement, gboolean first)
{
    place(run, placement);
    if (first)
        run_scope(run, SCOPE_PLACEMENT, placement, run->settings->rounds);
    run_scope(run, SCOPE_COUNT, placement, run->settings->rounds);
}

static void open_sites(Run *run, guint64 n_fifos, Shape shape)
{
    for (guint i = 0; i < N_TARGETS; i++) {
        Site *site = &run->sites[i];
        int r = site_open(site, &run->targets->all[i], run->settings, n_fifos, shape);

        if (r == 0)
            continue;
        note_failure(run, site->target, "making the FIFOs that lie there", r);
        site_close(site);
    }
}

static void clear_sites(Run *run)
{
    for (guint i = 0; i < N_TARGETS; i++) {
        Site *site = &run->sites[i];
        int r = site->directory < 0 ? 0 : site_clear(site);

        if (r < 0)
            note_failure(run, site->target, "removing the FIFOs that lie there", r);
    }
}

/* What does not depend on what lies there is measured at the first site only. */
static void run_site(Run *run, guint64 n_fifos, Shape shape, gboolean first)
{
    /* Making many FIFOs is fastest so. */
    place(run, PLACEMENT_PINNED);
    open_sites(run, n_fifos, shape);
    run_placement(run, PLACEMENT_FREE, first);
    if (run->settings->pin)
        run_placement(run, PLACEMENT_PINNED, first);
    place(run, PLACEMENT_FREE);
    run_scope(run, SCOPE_SITE, PLACEMENT_FREE,
              n_fifos > MUCH ? 1 : MIN(run->settings->rounds, SITE_ROUNDS));
    clear_sites(run);
    run_scope(run, SCOPE_CLEARED, PLACEMENT_FREE, 1);
    for (guint i = 0; i < N_TARGETS; i++)
        site_close(&run->sites[i]);
}

gboolean run_all(const Settings *settings, const Targets *targets, Results *results)
{
    Run run = {settings, targets, results, .ok = TRUE};

    for (guint i = 0; i < settings->counts->len; i++) {
        guint64 n_fifos = g_array_index(settings->counts, guint64, i);

        run_site(&run, n_fifos, SHAPE_FLAT, i == 0);
        /* A tree of one directory would be the same again. */
        if (n_fifos > LEAF_SIZE)
            run_site(&run, n_fifos, SHAPE_TREE, FALSE);
    }
    return run.ok;
}
