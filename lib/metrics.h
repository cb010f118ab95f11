/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts of what the registry holds and of what has happened to it, as Prometheus text.
 *
 * The counts follow the change records, so that a scrape costs the same however many FIFOs there
 * are.
 */
#pragma once

#include <glib.h>

#include "registry.h"

typedef struct FfMetrics FfMetrics;

/* Begin to listen to the registry's changes. */
FfMetrics *ff_metrics_new(FfRegistry *registry);

/* The registry must be silent from here on. Accepts NULL. */
void ff_metrics_free(FfMetrics *metrics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FfMetrics, ff_metrics_free)

/* Append all counts. Registry locked. */
void ff_metrics_append(const FfMetrics *metrics, GString *out);

/**
 * ff_metrics_append_head() - what comes before the samples of a metric
 * @name: of the metric
 * @type: "counter", "gauge" or "histogram"
 * @help: one line for people
 */
void ff_metrics_append_head(GString *out, const char *name, const char *type, const char *help);
