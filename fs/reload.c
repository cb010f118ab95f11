/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reload.h"

#include "declared.h"
#include "kernel.h"

/* Tell the kernel that it does not know the attributes of these any more. */
static void refresh(FfDaemon *daemon, const GArray *ids)
{
    for (guint i = 0; i < ids->len; i++)
        ff_kernel_refresh(daemon->session, g_array_index(ids, guint64, i));
}

void ff_reload_make_declared(FfDaemon *daemon)
{
    g_autoptr(GArray) changed = g_array_new(FALSE, FALSE, sizeof(guint64));

    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        ff_declared_make(daemon->options->declared, daemon->registry, daemon->watch, changed);
    }
    refresh(daemon, changed);
}

/* The kernel was told once and for all. */
static gboolean check_fixed(const FfOptions *is, const FfOptions *wanted, GError **error)
{
    if (is->allow_other != wanted->allow_other)
        return ff_options_fail(error, "allow_other cannot change while it is mounted: unmount it "
                                      "and mount it again");
    if (is->passed_on != wanted->passed_on)
        return ff_options_fail(error, "ro, noexec and noatime cannot change while it is mounted: "
                                      "unmount it and mount it again");
    if (is->io_uring != wanted->io_uring)
        return ff_options_fail(error, "io_uring cannot change while it is mounted: unmount it and "
                                      "mount it again");
    return TRUE;
}

gboolean ff_reload(FfDaemon *daemon, const FfArguments *arguments, GError **error)
{
    FfOptions *former = daemon->options;
    g_autoptr(FfOptions) options = ff_arguments_to_options(arguments, error);

    if (options == NULL || !check_fixed(former, options, error))
        return FALSE;
    g_free(options->mountpoint);
    options->mountpoint = g_strdup(former->mountpoint);
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        daemon->options = g_steal_pointer(&options);
        ff_registry_set_options(daemon->registry, &daemon->options->registry);
        ff_declared_let_go(former->declared, daemon->options->declared, daemon->registry);
    }
    ff_options_free(former);
    ff_kernel_refresh(daemon->session, FF_ROOT_ID);
    ff_reload_make_declared(daemon);
    return TRUE;
}
