/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

FfProcess *ff_process_new(pid_t pid, gint64 started, const char *comm, pid_t session,
                          FfProcess *leader)
{
    FfProcess *process = g_new0(FfProcess, 1);

    process->pid = pid;
    process->started = started;
    process->session = session;
    process->alive = TRUE;
    process->refs = 1;
    g_strlcpy(process->comm, comm, sizeof process->comm);
    if (leader != NULL) {
        process->leader = ff_process_ref(leader);
        if (leader->members == NULL)
            leader->members = g_hash_table_new(NULL, NULL);
        g_hash_table_add(leader->members, process);
    }
    return process;
}

FfProcess *ff_process_ref(FfProcess *process)
{
    process->refs++;
    return process;
}

void ff_process_unref(FfProcess *process)
{
    if (process == NULL || --process->refs > 0)
        return;
    if (process->leader != NULL) {
        g_hash_table_remove(process->leader->members, process);
        ff_process_unref(process->leader);
    }
    g_clear_pointer(&process->members, g_hash_table_unref);
    g_free(process);
}

gboolean ff_process_session_ended(const FfProcess *process)
{
    if (process->session == process->pid)
        return !process->alive;
    return process->leader != NULL && !process->leader->alive;
}
