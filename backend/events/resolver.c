#include "backend/events/resolver.h"

#include <stdlib.h>

#include "backend/events/resolver_internal.h"
#include "backend/events/stored.h"

/* Three mutations an event at most, 500 in a commit. */
#define MAX_GROUP 150
/* Of data in a group: stored entities of the same size and the outcomes fit beside it. */
#define MAX_BYTES         ((size_t)3 << 20)
#define DEFAULT_DEADLINE  (10 * BW_MINUTE)
#define ABORTS_UNTIL_HALF 2

bw_resolver *bw_resolver_new(const bw_resolver_options *options)
{
    bw_resolver *r = bw_xcalloc(1, sizeof *r);
    r->clock = options->clock;
    r->cancel = options->cancel;
    r->subject = bw_xstrdup(options->subject ? options->subject : "events");
    r->database = options->database ? bw_xstrdup(options->database) : NULL;
    r->namespace_id = options->namespace_id ? bw_xstrdup(options->namespace_id) : NULL;
    r->rules = options->rules;
    r->group = options->group ? options->group : BW_RESOLVER_GROUP;
    if (r->group > MAX_GROUP)
        r->group = MAX_GROUP;
    r->limit = r->group;
    r->deadline_us = options->deadline_us ? options->deadline_us : DEFAULT_DEADLINE;
    r->listener = options->listener;
    r->ds =
        bw_datastore_new(options->google, options->project, options->database, r->clock, r->cancel);
    bw_datastore_set_subject(r->ds, r->subject);
    bw_datastore_set_deadline(r->ds, r->deadline_us);
    if (r->listener)
        bw_datastore_set_listener(r->ds, r->listener->tell, r->listener->user);
    const char *project = bw_datastore_project(r->ds);
    r->project = project ? bw_xstrdup(project) : NULL;
    r->where = (bw_partition){r->project, r->database, r->namespace_id};
    return r;
}

void bw_resolver_free(bw_resolver *r)
{
    if (!r)
        return;
    bw_datastore_free(r->ds);
    bw_arena_fini(&r->scratch);
    bw_buf_fini(&r->aborted);
    free(r->subject);
    free(r->project);
    free(r->database);
    free(r->namespace_id);
    free(r);
}

bw_resolver_counts bw_resolver_counted(const bw_resolver *r)
{
    return r->counts;
}

bw_status bw_resolver_ready(bw_resolver *r, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_buf key = BW_BUF_INIT;
    bw_datastore_answer answer;
    bw_stored_event_key(&key, &r->where, BW_SLICE_LIT("probe"));
    bw_slice keys[] = {bw_buf_slice(&key)};
    bw_datastore_read read = {0};
    bw_status s = bw_datastore_lookup(r->ds, keys, 1, &read, &arena, &answer, err);
    bw_buf_fini(&key);
    bw_arena_fini(&arena);
    return s == BW_OK ? s : bw_error_wrap(err, "cannot resolve events");
}

/* Deletes what is never there. */
static bw_status write_nothing(bw_resolver *r, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_buf key = BW_BUF_INIT;
    bw_key_write_one(&key, &r->where, "_bw_probe", "probe", 0);
    bw_slice nothing = bw_slice_cstr(bw_arena_printf(&arena, "{\"delete\":%s}", bw_buf_cstr(&key)));
    bw_datastore_commit commit = {.mutations = &nothing, .count = 1};
    bw_status s = bw_datastore_commit_send(r->ds, &commit, &arena, NULL, NULL, err);
    bw_buf_fini(&key);
    bw_arena_fini(&arena);
    return s;
}

/* Whether Datastore refuses everybody: the project, say, is wrong, or the database takes no writes
   for now, and no event is to blame. */
static bool refuses_all(bw_resolver *r, bool looked_up)
{
    bw_error ignored = BW_ERROR_INIT;
    return (looked_up ? write_nothing(r, &ignored) : bw_resolver_ready(r, &ignored)) != BW_OK;
}

static bw_status settle(bw_resolver *r, bw_attempt *a, bw_error *err);

/* The first half is done before the second begins: events of one entity keep their order. */
static bw_status halve(bw_resolver *r, const bw_attempt *a, bw_error *err)
{
    bw_attempt first = *a, second = *a;
    first.n = a->n / 2;
    second.n -= first.n;
    second.items += first.n;
    second.out += first.n;
    if (second.before)
        second.before += first.n;
    bw_status s = settle(r, &first, err);
    return s == BW_OK ? settle(r, &second, err) : s;
}

/* A commit with an unknown outcome is looked up like any other: what it wrote is there or not. */
static bool may_go_on(const bw_error *err)
{
    return err->status == BW_CONFLICT || err->maybe_acted;
}

/* Waits before the next attempt; false when there is none. */
static bool try_again(bw_resolver *r, bw_retry *retry, bw_error *err)
{
    if (!may_go_on(err))
        return false;
    int64_t began = bw_mono_us(r->clock);
    /* Whoever won a contention is done soon. */
    retry->base_us = err->status == BW_CONFLICT ? 20 * BW_SECOND / 1000 : BW_SECOND;
    bool again = bw_retry_again(retry, err);
    r->counts.waited_us += (uint64_t)(bw_mono_us(r->clock) - began);
    return again;
}

/* One event that is refused: the service may mean somebody else. BW_OK when it is its own fault. */
static bw_status refused_alone(bw_resolver *r, bw_attempt *a, bw_error *err)
{
    if (refuses_all(r, a->looked_up))
        return err->status;
    *a->out = (bw_resolution){.fault.reason = BW_REASON_PROCESSING};
    a->out->fault.detail = bw_slice_cstr(bw_arena_strdup(a->arena, err->message));
    return BW_OK;
}

static bw_status settle(bw_resolver *r, bw_attempt *a, bw_error *err)
{
    bw_retry retry = bw_retry_begin(r->clock, r->cancel, bw_mono_us(r->clock) + r->deadline_us,
                                    r->subject, "commit the events");
    retry.listener = r->listener;
    int aborts = 0, refusals = 0;
    for (;;) {
        bw_status s = bw_resolver_attempt(r, a, err);
        r->counts.refused += s == BW_INVALID;
        r->counts.aborted += s == BW_CONFLICT;
        if (s == BW_OK)
            return s;
        if (s == BW_INVALID && a->n > 1)
            return halve(r, a, err);
        if (s == BW_UNSUPPORTED && a->n > 1) { /* an answer larger than the client takes, say */
            r->limit = a->n / 2;
            return halve(r, a, err);
        }
        if (s == BW_INVALID && ++refusals < BW_RESOLVER_FAILURES)
            continue;
        if (s == BW_INVALID)
            return refused_alone(r, a, err);
        if (s == BW_CONFLICT && ++aborts >= ABORTS_UNTIL_HALF && a->n > 1) {
            r->limit = a->n / 2;
            return halve(r, a, err);
        }
        if (!try_again(r, &retry, err))
            return err->status;
    }
}

/* How many of the events make the next transaction. */
static size_t next_group(const bw_resolver *r, const bw_resolver_item *items, size_t n)
{
    size_t count = 0, bytes = 0;
    while (count < n && count < r->limit) {
        bytes += items[count].event->properties.len;
        if (count && bytes > MAX_BYTES)
            break;
        count++;
    }
    return count;
}

static bw_status resolve_all(bw_resolver *r, const bw_resolver_item *items, size_t n,
                             bw_arena *arena, bw_resolver_before *before, bw_resolution *out,
                             bw_error *err)
{
    for (size_t done = 0; done < n;) {
        size_t limit = r->limit;
        bw_attempt a = {.items = items + done, .out = out + done, .arena = arena};
        a.before = before ? before + done : NULL;
        a.n = next_group(r, a.items, n - done);
        bw_status s = settle(r, &a, err);
        if (s != BW_OK)
            return bw_error_wrap(err, "cannot resolve the events");
        done += a.n;
        if (r->limit >= limit && r->limit < r->group) /* what went wrong is over */
            r->limit = 2 * r->limit < r->group ? 2 * r->limit : r->group;
    }
    return BW_OK;
}

bw_status bw_resolver_run(bw_resolver *r, const bw_resolver_item *items, size_t n, bw_arena *arena,
                          bw_resolution *out, bw_error *err)
{
    return resolve_all(r, items, n, arena, NULL, out, err);
}

bw_status bw_resolver_preview(bw_resolver *r, const bw_resolver_item *items, size_t n,
                              bw_arena *arena, bw_resolver_before *before, bw_resolution *out,
                              bw_error *err)
{
    return resolve_all(r, items, n, arena, before, out, err);
}
