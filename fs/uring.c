/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uring.h"

#include "config.h"

#ifndef HAVE_FUSE_URING

const char *ff_uring_missing(void)
{
    return "this fifofs was built with libfuse " FUSE_LIBRARY_VERSION
           ", and it needs libfuse 3.18 or later";
}

gboolean ff_uring_carries(fuse_req_t req)
{
    return FALSE;
}

void ff_uring_check_offer(const struct fuse_conn_info *conn)
{
}

void ff_uring_check_request(fuse_req_t req)
{
}

void ff_uring_prepare(gboolean debug)
{
}

void ff_uring_answer(void (*func)(gpointer data), gpointer data)
{
    func(data);
}

void ff_uring_finish(void)
{
}

#else

#include <errno.h>
#include <fuse_log.h>
#include <stdarg.h>

/* Whether the kernel will use it is said by the module, which has it off by default. */
#define PARAMETER "/sys/module/fuse/parameters/enable_uring"

typedef struct {
    void (*func)(gpointer data);
    gpointer data;
} Answer;

static GThreadPool *answerers;

/* Nothing more is to be said. */
static gint settled;

const char *ff_uring_missing(void)
{
    return NULL;
}

gboolean ff_uring_carries(fuse_req_t req)
{
    return fuse_req_is_uring(req);
}

static void discard(enum fuse_log_level level, const char *format, va_list arguments)
{
}

static void give_answer(gpointer data, gpointer user_data)
{
    g_autofree Answer *answer = data;

    answer->func(answer->data);
}

void ff_uring_answer(void (*func)(gpointer data), gpointer data)
{
    Answer *answer = g_new(Answer, 1);

    *answer = (Answer){func, data};
    g_thread_pool_push(answerers, answer, NULL);
}

void ff_uring_finish(void)
{
    if (answerers != NULL)
        g_thread_pool_free(g_steal_pointer(&answerers), FALSE, TRUE);
}

void ff_uring_prepare(gboolean debug)
{
    /* One of its own: what runs in others may wait for the mount. */
    answerers = g_thread_pool_new(give_answer, NULL, 1, TRUE, NULL);
    if (!debug)
        fuse_set_log_func(discard);
}

static void settle(void)
{
    g_atomic_int_set(&settled, 1);
    fuse_set_log_func(NULL);
}

static void settle_without(const char *reason)
{
    settle();
    g_warning("mounted without io_uring: %s", reason);
}

void ff_uring_check_offer(const struct fuse_conn_info *conn)
{
    if ((conn->capable & FUSE_CAP_OVER_IO_URING) != 0)
        return;
    if (g_file_test(PARAMETER, G_FILE_TEST_EXISTS))
        settle_without("it is switched off; have root do 'echo Y > " PARAMETER "' and mount again");
    else
        settle_without("this kernel does not offer it; Linux 6.14 or later is needed, with "
                       "CONFIG_FUSE_IO_URING");
}

/* A libfuse that was built without it has the functions nevertheless. */
static gboolean library_lacks_it(fuse_req_t req)
{
    size_t size;
    char *payload;

    return fuse_req_get_payload(req, &payload, &size, NULL) == -ENOTSUP;
}

void ff_uring_check_request(fuse_req_t req)
{
    if (g_atomic_int_get(&settled))
        return;
    if (fuse_req_is_uring(req))
        settle();
    else if (library_lacks_it(req))
        settle_without("this libfuse was built without it (its option enable-io-uring)");
    else
        settle_without("libfuse could not make its rings; see 'sysctl kernel.io_uring_disabled' "
                       "and fifofs -d");
}

#endif

void ff_uring_go_on(fuse_req_t req, void (*func)(gpointer data), gpointer data)
{
    if (ff_uring_carries(req))
        ff_uring_answer(func, data);
    else
        func(data);
}
