/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life.h"

Life life_begin(int fd)
{
    Life life = {fd, test_registry(), NULL};
    g_autoptr(GError) error = NULL;
    FfLogfile *log = ff_logfile_open(fd, &error);

    assert_null(error);
    life.journal = ff_journal_new(life.registry, log, &error);
    assert_null(error);
    return life;
}

void life_end(Life *life)
{
    ff_registry_free(life->registry);
    ff_journal_free(life->journal);
}
