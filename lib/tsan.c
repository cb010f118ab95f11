/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells ThreadSanitizer what GLib's locks, queues and pools order. It is part of no build but
 * those with -Db_sanitize=thread.
 *
 * GLib is not instrumented, and its locks are futexes, which ThreadSanitizer does not see: without
 * this every field under the registry lock would be reported as a race. So the linker leads each
 * call of ours to one of these functions to __wrap_NAME() here, which says what it means, and calls
 * GLib (--wrap in meson.build). The code itself has no annotations, and none can be forgotten where
 * a call is added.
 *
 * No more is said than GLib promises. An entry of a queue orders what was done before it was pushed
 * and what is done after it was popped, and nothing else, although the lock in the queue happens to
 * order all that ever came through it. Threads need nothing: pthread_create() and pthread_join()
 * are seen, whoever calls them.
 */
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* Seen from outside, as the linker says that of calls in shared libraries too. */
#define WRAPPED(result, name, ...)                                                                 \
    result __real_##name(__VA_ARGS__);                                                             \
    __attribute__((visibility("default"))) result __wrap_##name(__VA_ARGS__);                      \
    result __wrap_##name(__VA_ARGS__)

/* --- locks --- */

WRAPPED(void, g_mutex_init, GMutex *mutex)
{
    __real_g_mutex_init(mutex);
    __tsan_mutex_create(mutex, __tsan_mutex_not_static);
}

WRAPPED(void, g_mutex_clear, GMutex *mutex)
{
    __tsan_mutex_destroy(mutex, __tsan_mutex_not_static);
    __real_g_mutex_clear(mutex);
}

WRAPPED(void, g_mutex_lock, GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, 0);
    __real_g_mutex_lock(mutex);
    __tsan_mutex_post_lock(mutex, 0, 0);
}

WRAPPED(gboolean, g_mutex_trylock, GMutex *mutex)
{
    gboolean locked;

    __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
    locked = __real_g_mutex_trylock(mutex);
    __tsan_mutex_post_lock(mutex, locked ? __tsan_mutex_try_lock : __tsan_mutex_try_lock_failed, 0);
    return locked;
}

WRAPPED(void, g_mutex_unlock, GMutex *mutex)
{
    __tsan_mutex_pre_unlock(mutex, 0);
    __real_g_mutex_unlock(mutex);
    __tsan_mutex_post_unlock(mutex, 0);
}

/* While it waits the mutex is another's. */
static void begin_wait(GMutex *mutex)
{
    __tsan_mutex_pre_unlock(mutex, 0);
    __tsan_mutex_post_unlock(mutex, 0);
}

static void end_wait(GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, 0);
    __tsan_mutex_post_lock(mutex, 0, 0);
}

WRAPPED(void, g_cond_wait, GCond *cond, GMutex *mutex)
{
    begin_wait(mutex);
    __real_g_cond_wait(cond, mutex);
    end_wait(mutex);
}

WRAPPED(gboolean, g_cond_wait_until, GCond *cond, GMutex *mutex, gint64 end)
{
    gboolean came;

    begin_wait(mutex);
    came = __real_g_cond_wait_until(cond, mutex, end);
    end_wait(mutex);
    return came;
}

/* --- queues --- */

static gpointer acquired(gpointer entry)
{
    if (entry != NULL)
        __tsan_acquire(entry);
    return entry;
}

WRAPPED(void, g_async_queue_push, GAsyncQueue *queue, gpointer entry)
{
    __tsan_release(entry);
    __real_g_async_queue_push(queue, entry);
}

WRAPPED(gpointer, g_async_queue_pop, GAsyncQueue *queue)
{
    return acquired(__real_g_async_queue_pop(queue));
}

WRAPPED(gpointer, g_async_queue_try_pop, GAsyncQueue *queue)
{
    return acquired(__real_g_async_queue_try_pop(queue));
}

WRAPPED(gpointer, g_async_queue_timeout_pop, GAsyncQueue *queue, guint64 timeout)
{
    return acquired(__real_g_async_queue_timeout_pop(queue, timeout));
}

/* --- pools --- */

/* What a pool calls, and what it would call without us. It lives as long as the process. */
typedef struct {
    GFunc func;
    gpointer data;
} PoolWork;

static void work(gpointer entry, gpointer data)
{
    const PoolWork *pool_work = data;

    __tsan_acquire(entry);
    pool_work->func(entry, pool_work->data);
    __tsan_release(data);
}

WRAPPED(GThreadPool *, g_thread_pool_new, GFunc func, gpointer data, gint max_threads,
        gboolean exclusive, GError **error)
{
    PoolWork *pool_work = g_new(PoolWork, 1);

    *pool_work = (PoolWork){func, data};
    return __real_g_thread_pool_new(work, pool_work, max_threads, exclusive, error);
}

WRAPPED(gboolean, g_thread_pool_push, GThreadPool *pool, gpointer entry, GError **error)
{
    __tsan_release(entry);
    return __real_g_thread_pool_push(pool, entry, error);
}

/* The pool is freed by its last thread, after a lock of GLib's that is not seen. */
__attribute__((no_sanitize_thread, noipa)) static gpointer work_of(const GThreadPool *pool)
{
    return pool->user_data;
}

WRAPPED(void, g_thread_pool_free, GThreadPool *pool, gboolean immediate, gboolean wait)
{
    gpointer pool_work = work_of(pool);

    __real_g_thread_pool_free(pool, immediate, wait);
    if (wait)
        __tsan_acquire(pool_work);
}
