/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FIFOs on stdout: as a table, as JSON, or one after the other in full.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "columns.h"
#include "procscan.h"

typedef struct {
    /* Column. */
    GPtrArray *columns;
    gboolean with_processes;
    gboolean raw, no_headings;
    /* All digits of sizes. */
    gboolean exact;
    /* Microseconds of the wall clock, one for all lines. */
    gint64 now;
} Report;

/* Return: 0 or -errno. */
int report_table(const Report *report, const GPtrArray *fifos);

/* Return: a new string: "open", or "stuck for 5s". */
char *report_holder_state(const Holder *holder, gint64 now);

/* One FIFO as "Label: value" lines. */
void report_details(const Report *report, const Fifo *fifo);

/* One such line; the value may hold any bytes. */
void report_detail(const char *label, const char *value);

/**
 * report_json() - the object that programs read
 * @scan: what the scan of /proc could not see, or NULL where there was none
 *
 * Return: {"fifofs": [...], "unknown_processes": N, "unresolved_waiters": N}, to which the caller
 * may add.
 */
JsonObject *report_json(const Report *report, const GPtrArray *fifos, const ScanResult *scan);

/*
 * Write the same, one FIFO on a line and one after the other: of a million of them the whole object
 * would take gigabytes.
 */
void report_stream_json(const Report *report, const GPtrArray *fifos, const ScanResult *scan);

/* Write and free it. */
void report_print_json(JsonObject *object);

/* Say on stderr what the scan could not see. */
void report_scan_notes(const ScanResult *scan);
