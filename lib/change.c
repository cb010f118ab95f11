/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

const char *ff_change_name(FfChangeKind kind)
{
    static const char *const names[] = {
        [FF_CHANGE_CREATED] = "created",
        [FF_CHANGE_REMOVED] = "removed",
        [FF_CHANGE_RENAMED] = "renamed",
        [FF_CHANGE_ATTRIBUTES] = "attributes",
        [FF_CHANGE_POLICY] = "policy",
        [FF_CHANGE_REFERENCE] = "reference",
        [FF_CHANGE_OPENED] = "opened",
        [FF_CHANGE_CLOSED] = "closed",
        [FF_CHANGE_IDLE] = "idle",
        [FF_CHANGE_RELEASED] = "released",
        [FF_CHANGE_CREATOR_ENDED] = "creator-ended",
    };

    return names[kind];
}
