/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"

#include "control.h"

void ff_daemon_free_parts(FfDaemon *daemon)
{
    ff_watch_free(daemon->watch);
    ff_session_free(daemon->session);
    ff_openers_free(daemon->openers);
    ff_capacities_free(daemon->capacities);
    ff_holds_free(daemon->holds);
    ff_creators_free(daemon->creators);
    ff_reaper_free(daemon->reaper);
    ff_metrics_free(daemon->metrics);
    ff_requests_free(daemon->requests);
    ff_control_handles_free(daemon->handles);
    ff_streams_free(daemon->streams);
    ff_relays_free(daemon->relays);
    ff_retries_free(daemon->retries);
    ff_registry_free(daemon->registry);
    ff_journal_free(daemon->journal);
}
