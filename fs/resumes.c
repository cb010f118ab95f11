/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "resumes.h"

typedef struct {
    FfResume resume;
    gpointer data;
} Entry;

GArray *ff_resumes_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(Entry));
}

void ff_resumes_add(GArray *resumes, FfResume resume, gpointer data)
{
    Entry entry = {resume, data};

    g_array_append_val(resumes, entry);
}

void ff_resumes_move(GArray *resumes, GArray *to)
{
    /* Which may have no memory yet. */
    if (resumes->len == 0)
        return;
    g_array_append_vals(to, resumes->data, resumes->len);
    g_array_set_size(resumes, 0);
}

void ff_resumes_run(const GArray *resumes)
{
    for (guint i = 0; i < resumes->len; i++) {
        const Entry *entry = &g_array_index(resumes, Entry, i);

        entry->resume(entry->data);
    }
}
