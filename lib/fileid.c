/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fileid.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int ff_file_look(int dirfd, const char *name, FfFileInfo *info)
{
    const int flags = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    struct statx raw;

    if (statx(dirfd, name, flags | (*name == '\0' ? AT_EMPTY_PATH : 0),
              STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO | STATX_MNT_ID, &raw) < 0)
        return -errno;
    info->id.dev = makedev(raw.stx_dev_major, raw.stx_dev_minor);
    info->id.ino = raw.stx_ino;
    info->mode = raw.stx_mode;
    info->uid = raw.stx_uid;
    info->gid = raw.stx_gid;
    info->mount_id = raw.stx_mnt_id;
    return 0;
}

gboolean ff_file_is_behind(int listfd, int number, const FfFileId *file)
{
    char name[16];
    FfFileInfo info;

    g_snprintf(name, sizeof name, "%d", number);
    return ff_file_look(listfd, name, &info) == 0 && ff_file_id_equal(&info.id, file);
}

guint ff_file_id_hash(gconstpointer key)
{
    const FfFileId *id = key;
    guint64 mixed = (id->ino ^ (id->dev << 40)) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    return (guint)(mixed >> 32);
}

gboolean ff_file_id_equal(gconstpointer a, gconstpointer b)
{
    const FfFileId *left = a, *right = b;

    return left->ino == right->ino && left->dev == right->dev;
}
