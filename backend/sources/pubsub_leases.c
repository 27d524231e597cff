/*
 * One thread per reader, which waits for the next due time, for a word that it has become an earlier
 * one, or for the end. It copies the ack ids under the mutex and sends without it, so that
 * receiving never waits for an extension.
 *
 * All leases are extended together, by LENGTH at half of that, whatever remains of each. The first
 * extension is due at half of the subscription's own ack deadline after a receipt. LENGTH is short,
 * so that what a killed engine held is delivered again soon.
 *
 * Nothing here belongs to a source: the leases of a run that failed live on without it.
 */
#include "backend/sources/pubsub_leases.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/core/log.h"
#include "backend/core/thread.h"

#define LENGTH_MAX_S  60
#define AGAIN_US      (2 * BW_SECOND)  /* after an extension that failed */
#define EXTEND_MAX_US (20 * BW_SECOND) /* of one request, with its retries */
#define ACK_MAX_US    (30 * BW_SECOND)
#define LEAVE_MAX_US  (3 * BW_SECOND) /* of a request when the run is to end */
#define GROUP         1000            /* ids of one request */

struct bw_ps_leases {
    const bw_google *google;
    const bw_clock *clock;
    char *project; /* or NULL */
    char *subject, *subscription;
    int length_s;            /* of an extension */
    int64_t own_deadline_us; /* of a message that was just received */
    bw_cancel stop;
    int word; /* eventfd: due_us was changed */
    pthread_t thread;
    bool started;
    pthread_mutex_t mu;
    bw_arena arena; /* guarded by mu: of the ids' texts */
    bw_slice *ids;  /* guarded by mu for writing; only the reader's thread writes */
    size_t count, cap;
    int64_t due_us; /* guarded by mu: monotonic; BW_FOREVER without leases */
};

bw_ps_leases *bw_ps_leases_new(const bw_ps_source *source, const char *subscription,
                               int ack_deadline_s)
{
    bw_ps_leases *l = bw_xcalloc(1, sizeof(*l));
    l->google = source->env.google;
    l->clock = source->env.clock;
    l->project = source->project ? bw_xstrdup(source->project) : NULL;
    l->subject = bw_xstrdup(source->env.subject ? source->env.subject : "");
    l->subscription = bw_xstrdup(subscription);
    l->length_s = ack_deadline_s < LENGTH_MAX_S ? ack_deadline_s : LENGTH_MAX_S;
    l->own_deadline_us = ack_deadline_s * BW_SECOND;
    l->due_us = BW_FOREVER;
    bw_cancel_init(&l->stop);
    l->word = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&l->mu, NULL);
    return l;
}

int64_t bw_ps_leases_length(const bw_ps_leases *l)
{
    int64_t extended = l->length_s * BW_SECOND;
    return extended > l->own_deadline_us ? extended : l->own_deadline_us;
}

size_t bw_ps_leases_count(const bw_ps_leases *l)
{
    return l->count;
}

/* ---- the thread ------------------------------------------------------------------------- */

static bw_pubsub *client_new(const bw_ps_leases *l, const bw_cancel *cancel, int64_t per_call_us)
{
    bw_pubsub *client = bw_pubsub_new(l->google, l->project, l->clock, cancel);
    bw_pubsub_set_subject(client, l->subject);
    bw_pubsub_set_deadline(client, per_call_us);
    return client;
}

/* The ids as they are now, in the arena. */
static size_t copy_ids(bw_ps_leases *l, bw_arena *arena, const bw_slice **out)
{
    pthread_mutex_lock(&l->mu);
    size_t n = l->count;
    bw_slice *ids = BW_ARENA_ARRAY(arena, bw_slice, n + 1);
    for (size_t i = 0; i < n; i++)
        ids[i] = bw_arena_slice(arena, l->ids[i]);
    pthread_mutex_unlock(&l->mu);
    *out = ids;
    return n;
}

static void extend(bw_ps_leases *l, bw_pubsub *client, bw_arena *arena)
{
    const bw_clock *clock = l->clock;
    const bw_slice *ids;
    bw_error err = BW_ERROR_INIT;
    size_t lost = 0;
    bw_arena_reset(arena, (size_t)1 << 20);
    int64_t began = bw_mono_us(clock);
    size_t n = copy_ids(l, arena, &ids);
    bw_status s = n == 0 ? BW_OK
                         : bw_pubsub_modify_ack_deadline(client, l->subscription, ids, n,
                                                         l->length_s, &lost, &err);
    if (s != BW_OK && s != BW_CANCELLED)
        bw_log_error(BW_LOG_WARN, l->subject, &err);
    if (lost)
        bw_log(BW_LOG_INFO, l->subject,
               "%zu of %zu leases had expired: those messages are delivered again", lost, n);
    int64_t next = s == BW_OK ? began + l->length_s * BW_SECOND / 2 : bw_mono_us(clock) + AGAIN_US;
    /* Of what was received meanwhile none is due earlier: an extension is no longer than its lease. */
    pthread_mutex_lock(&l->mu);
    l->due_us = l->count ? next : BW_FOREVER;
    pthread_mutex_unlock(&l->mu);
}

static void *keep(void *arg)
{
    bw_ps_leases *l = arg;
    bw_pubsub *client = client_new(l, &l->stop, EXTEND_MAX_US);
    bw_arena arena = BW_ARENA_INIT;
    while (!bw_cancelled(&l->stop)) {
        eventfd_t ignored;
        bw_error err = BW_ERROR_INIT;
        pthread_mutex_lock(&l->mu);
        int64_t due = l->due_us;
        pthread_mutex_unlock(&l->mu);
        bw_status s =
            bw_wait_fd(l->word, POLLIN, &l->stop, l->clock, due, "leases to extend", &err);
        if (s == BW_TIMEOUT)
            extend(l, client, &arena);
        else if (s == BW_OK)
            (void)eventfd_read(l->word, &ignored);
        else
            break;
    }
    bw_arena_fini(&arena);
    bw_pubsub_free(client);
    return NULL;
}

void bw_ps_leases_add(bw_ps_leases *l, const bw_pubsub_messages *messages)
{
    int64_t due = bw_mono_us(l->clock) + l->own_deadline_us / 2;
    if (messages->count == 0)
        return;
    pthread_mutex_lock(&l->mu);
    BW_GROW(l->ids, l->count + messages->count, l->cap);
    for (size_t i = 0; i < messages->count; i++)
        l->ids[l->count++] = bw_arena_slice(&l->arena, messages->items[i].ack_id);
    bool earlier = due < l->due_us;
    if (earlier)
        l->due_us = due;
    pthread_mutex_unlock(&l->mu);
    if (!l->started)
        bw_thread_start(&l->thread, "leases", keep, l);
    else if (earlier)
        eventfd_write(l->word, 1);
    l->started = true;
}

/* ---- the end ---------------------------------------------------------------------------- */

static void forget(bw_ps_leases *l)
{
    pthread_mutex_lock(&l->mu);
    l->count = 0;
    l->due_us = BW_FOREVER;
    bw_arena_reset(&l->arena, (size_t)1 << 20);
    pthread_mutex_unlock(&l->mu);
}

/* Acknowledges, or gives back with `nack`, from *done on, group by group: the first group that
   fails ends it, so that a service that is away is waited for once. */
static bw_status settle(bw_ps_leases *l, bw_pubsub *client, bool nack, size_t *done, bw_error *err)
{
    bw_status s = BW_OK;
    while (s == BW_OK && *done < l->count) {
        size_t n = l->count - *done < GROUP ? l->count - *done : GROUP;
        const bw_slice *ids = l->ids + *done;
        s = nack ? bw_pubsub_modify_ack_deadline(client, l->subscription, ids, n, 0, NULL, err)
                 : bw_pubsub_acknowledge(client, l->subscription, ids, n, NULL, err);
        *done += s == BW_OK ? n : 0;
    }
    return s;
}

/* With a client that the run's cancel does not end, but a short deadline. */
static bw_status settle_soon(bw_ps_leases *l, bool nack, size_t *done, bw_error *err)
{
    bw_pubsub *client = client_new(l, NULL, LEAVE_MAX_US);
    bw_status s = settle(l, client, nack, done, err);
    bw_pubsub_free(client);
    return s;
}

void bw_ps_leases_acknowledge(bw_ps_leases *l, const bw_ps_source *source)
{
    bw_error err = BW_ERROR_INIT;
    size_t done = 0;
    bw_pubsub_set_deadline(source->client, ACK_MAX_US);
    bw_status s = settle(l, source->client, false, &done, &err);
    bw_pubsub_set_deadline(source->client, bw_ps_answer_us(source));
    if (s == BW_CANCELLED) /* the batch is committed: better now than delivered once more */
        s = settle_soon(l, false, &done, &err);
    if (s != BW_OK) {
        bw_error_wrap(&err, "%zu messages are loaded, and will be delivered again",
                      l->count - done);
        bw_log_error(BW_LOG_WARN, l->subject, &err);
    }
    forget(l);
}

void bw_ps_leases_free(bw_ps_leases *l, bool give_back)
{
    if (!l)
        return;
    bw_cancel_raise(&l->stop);
    if (l->started)
        pthread_join(l->thread, NULL);
    if (give_back && l->count) {
        bw_error err = BW_ERROR_INIT;
        size_t done = 0;
        if (settle_soon(l, true, &done, &err) != BW_OK)
            bw_log_error(BW_LOG_INFO, l->subject, &err);
    }
    bw_cancel_fini(&l->stop);
    close(l->word);
    pthread_mutex_destroy(&l->mu);
    bw_arena_fini(&l->arena);
    free(l->ids);
    free(l->project);
    free(l->subject);
    free(l->subscription);
    free(l);
}
