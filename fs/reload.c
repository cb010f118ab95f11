/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reload.h"

#include "declared.h"
#include "kernel.h"
#include "mountpoint.h"
#include "packing.h"
#include "parse.h"

/* Tell the kernel that it does not know the attributes of these any more. */
static void refresh(FfDaemon *daemon, const GArray *ids)
{
    for (guint i = 0; i < ids->len; i++)
        ff_kernel_refresh(ff_session_fuse(daemon->session), g_array_index(ids, guint64, i));
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

void ff_reload_keep_config(FfDaemon *daemon)
{
    const FfOptions *options = daemon->options;
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    ff_pack_unsigned(bytes, options->config_text != NULL);
    ff_pack_text(bytes, options->config == NULL ? "" : options->config);
    ff_pack_text(bytes, options->config_text == NULL ? "" : options->config_text);
    ff_parse_save_names(bytes);
    ff_journal_keep(daemon->journal, FF_KEPT_CONFIG, 0, bytes);
}

FfOptions *ff_reload_kept_options(FfDaemon *daemon, const FfArguments *arguments, GError **error)
{
    GBytes *kept = ff_journal_kept(daemon->journal, FF_KEPT_CONFIG, 0);
    FfUnpacker in = ff_unpacker(NULL, 0);
    g_autofree char *path = NULL, *text = NULL;
    FfConfigCopy copy = {0};
    gboolean has_file;
    gconstpointer bytes;
    gsize length;

    if (kept == NULL)
        return ff_arguments_to_options(arguments, NULL, error);
    bytes = g_bytes_get_data(kept, &length);
    in = ff_unpacker(bytes, length);
    has_file = ff_unpack_unsigned(&in) != 0;
    path = ff_unpack_text(&in);
    text = ff_unpack_text(&in);
    ff_parse_load_names(&in);
    if (has_file)
        copy = (FfConfigCopy){path, text};
    return ff_arguments_to_options(arguments, &copy, error);
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
    if (is->no_acl != wanted->no_acl)
        return ff_options_fail(error, "noacl cannot change while it is mounted: unmount it and "
                                      "mount it again");
    return TRUE;
}

gboolean ff_reload(FfDaemon *daemon, const FfArguments *arguments, GError **error)
{
    FfOptions *former = daemon->options;
    g_autoptr(FfOptions) options = NULL;

    ff_parse_forget_names();
    options = ff_arguments_to_options(arguments, NULL, error);

    if (options == NULL || !check_fixed(former, options, error) ||
        !ff_privileges_keep(former, options, error))
        return FALSE;
    ff_mountpoint_keep(options, former->mountpoint);
    {
        g_autoptr(FfRegistryLocker) locker = ff_registry_locker_new(daemon->registry);

        daemon->options = g_steal_pointer(&options);
        ff_reload_keep_config(daemon);
        ff_registry_set_options(daemon->registry, &daemon->options->registry);
        ff_declared_let_go(former->declared, daemon->options->declared, daemon->registry);
    }
    ff_options_free(former);
    ff_kernel_refresh(ff_session_fuse(daemon->session), FF_ROOT_ID);
    ff_reload_make_declared(daemon);
    return TRUE;
}
