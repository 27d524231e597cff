#include "backend/sources/postgres_resolve.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Shared by the waiting caller and the thread; whoever lets go last frees it. */
typedef struct lookup {
    atomic_int refs;
    int done;             /* eventfd: readable once `finished` */
    atomic_bool finished; /* rc and found are set */
    char *host;
    int rc;
    struct addrinfo *found;
} lookup;

static void lookup_unref(lookup *l)
{
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    close(l->done);
    free(l->host);
    free(l);
}

static void *lookup_main(void *arg)
{
    lookup *l = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    l->rc = getaddrinfo(l->host, NULL, &hints, &l->found);
    atomic_store(&l->finished, true);
    eventfd_write(l->done, 1);
    lookup_unref(l);
    return NULL;
}

static bw_status lookup_start(lookup *l, bw_error *err)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* Signals belong to the main thread. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add(&l->refs, 1);
    int rc = pthread_create(&thread, &attr, lookup_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        return BW_OK;
    lookup_unref(l);
    return bw_error_errno(err, BW_UNAVAILABLE, rc, "cannot start a thread to resolve %s", l->host);
}

static bw_status collect(lookup *l, bw_arena *arena, const char *const **addresses, size_t *count,
                         bw_error *err)
{
    size_t n = 0;
    if (!atomic_load(&l->finished))
        return bw_error_set(err, BW_INTERNAL, "%s is not resolved yet", l->host);
    if (l->rc != 0) {
        bw_error_set(err, BW_UNAVAILABLE, "cannot resolve the host name %s: %s", l->host,
                     gai_strerror(l->rc));
        return bw_error_hint(err, "Check the setting host and the name servers of this machine.");
    }
    for (const struct addrinfo *a = l->found; a; a = a->ai_next)
        n++;
    const char **list = BW_ARENA_ARRAY(arena, const char *, n + 1);
    n = 0;
    for (const struct addrinfo *a = l->found; a; a = a->ai_next) {
        char text[256];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
            list[n++] = bw_arena_strdup(arena, text);
    }
    *addresses = list;
    *count = n;
    return BW_OK;
}

bw_status bw_resolve(const char *host, const bw_cancel *cancel, const bw_clock *clock,
                     int64_t deadline_us, bw_arena *arena, const char *const **addresses,
                     size_t *count, bw_error *err)
{
    char what[300];
    lookup *l = bw_xcalloc(1, sizeof *l);
    atomic_init(&l->refs, 1);
    l->host = bw_xstrdup(host);
    l->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bw_status status;
    if (l->done < 0)
        status = bw_error_errno(err, BW_UNAVAILABLE, errno, "cannot resolve %s", host);
    else
        status = lookup_start(l, err);
    if (status == BW_OK) {
        snprintf(what, sizeof what, "the address of %.200s", host);
        status = bw_wait_fd(l->done, POLLIN, cancel, clock, deadline_us, what, err);
    }
    if (status == BW_OK)
        status = collect(l, arena, addresses, count, err);
    lookup_unref(l);
    return status;
}
