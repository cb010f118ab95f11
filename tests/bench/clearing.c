/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clearing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "channel.h"
#include "measurement.h"

#define BYSTANDER "bystander"
#define MISSING   "missing"

/* Between two opens, and between two looks at how many are left. */
#define PAUSE (500 * G_TIME_SPAN_MILLISECOND / 1000)

#define PATIENCE   (60 * G_GINT64_CONSTANT(1000000000))
#define MOST_OPENS 100000

/* In memory that both processes see. */
typedef struct {
    gint64 nsec[MOST_OPENS];
    /* Grows after the number is there. */
    gint n;
} Opens;

typedef struct {
    int root;
    Opens *opens;
} Bystander;

static void note_open(Opens *opens, gint64 start)
{
    gint n = g_atomic_int_get(&opens->n);

    if (n == MOST_OPENS)
        return;
    opens->nsec[n] = clock_nsec() - start;
    g_atomic_int_set(&opens->n, n + 1);
}

static void open_name(const Bystander *bystander, const char *name)
{
    gint64 start = clock_nsec();
    int fd = openat(bystander->root, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    note_open(bystander->opens, start);
    if (fd >= 0)
        close(fd);
}

/* One name that the kernel knows, and one for which it must ask the daemon each time. */
static void keep_opening(gpointer data)
{
    for (;;) {
        open_name(data, BYSTANDER);
        open_name(data, MISSING);
        g_usleep(PAUSE);
    }
}

static gint64 count_inodes(int root)
{
    struct statfs st;

    return fstatfs(root, &st) < 0 ? -errno : (gint64)(st.f_files - st.f_ffree);
}

static int await_count(int root, gint64 most)
{
    gint64 deadline = clock_nsec() + PATIENCE;
    gint64 n = count_inodes(root);

    for (; n > most; n = count_inodes(root)) {
        if (clock_nsec() > deadline)
            return -ETIMEDOUT;
        g_usleep(PAUSE);
    }
    return (int)MIN(n, 0);
}

static int clear_fifofs(Site *site, int root)
{
    gint64 n = count_inodes(root);

    child_end(&site->maker);
    return n < 0 ? (int)n : await_count(root, n - (gint64)site->n_fifos);
}

static int clear_by_name(Site *site, int root)
{
    path_remove(site->path);
    return 0;
}

static int compare_nsec(gconstpointer a, gconstpointer b)
{
    const gint64 *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

static GArray *collect_opens(const Opens *opens)
{
    GArray *sorted = g_array_new(FALSE, FALSE, sizeof(gint64));

    g_array_append_vals(sorted, opens->nsec, (guint)g_atomic_int_get(&opens->n));
    g_array_sort(sorted, compare_nsec);
    return sorted;
}

static int clear_beside(Site *site, Bystander *bystander, Clearing *clearing)
{
    pid_t opener = child_start(keep_opening, bystander);
    gint64 start = clock_nsec();
    int r;

    if (opener < 0)
        return opener;
    r = target_is_fifofs(site->target) ? clear_fifofs(site, bystander->root)
                                       : clear_by_name(site, bystander->root);
    clearing->nsec = clock_nsec() - start;
    child_end(&opener);
    clearing->opens = collect_opens(bystander->opens);
    return r;
}

static int with_bystander(Site *site, int root, Clearing *clearing)
{
    Opens *opens = mmap(NULL, sizeof *opens, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
    int r;

    if (opens == MAP_FAILED)
        return -errno;
    r = mkfifoat(root, BYSTANDER, 0600) < 0
            ? -errno
            : clear_beside(site, &(Bystander){root, opens}, clearing);
    unlinkat(root, BYSTANDER, 0);
    munmap(opens, sizeof *opens);
    return r;
}

int clearing_run(Site *site, Clearing *clearing)
{
    int root = open(site->target->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (root < 0)
        return -errno;
    r = with_bystander(site, root, clearing);
    close(root);
    return r;
}
