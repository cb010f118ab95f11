/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that are kept back until something is settled, and then go on in the order in which they
 * came. A GArray of them is under the registry lock while requests can be added.
 */
#pragma once

#include <glib.h>

/* Have a request go on. Registry not locked. */
typedef void (*FfResume)(gpointer data);

GArray *ff_resumes_new(void);

void ff_resumes_add(GArray *resumes, FfResume resume, gpointer data);

/* All of them go to the end of others. */
void ff_resumes_move(GArray *resumes, GArray *to);

/* Registry not locked, and nobody else has the array. */
void ff_resumes_run(const GArray *resumes);
