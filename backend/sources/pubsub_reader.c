/*
 * A batch begins with the first message: pulled by a held call, or, when the run is to end with an
 * empty stream, by calls that answer at once. Until the batch is full or `wait` has passed the rest
 * is pulled by calls that answer at once: to break off a held one would leave what it was about to
 * hand out leased to nobody.
 *
 * Empty is believed when a held call came back with nothing, or EMPTY_PULLS at-once calls in a row
 * did, because those look at only a part of the service. It is not believed while messages may be
 * leased to nobody: those of an earlier run that did not end well, or of a pull whose answer was lost
 * or broken off, until their leases must have expired and they must have been handed out again. Then
 * everything that was published before the first of those calls is committed with this batch, and the
 * watermark is that moment.
 *
 * A batch that was not committed, and its leases, which go on being extended, are left to the next
 * reader (pubsub_held.h), which begins with it.
 *
 * A seek to T counts everything before T as acknowledged, so what is still to come must not be
 * before T: a reading since T first reads until the stream is empty and only then seeks, to T or a
 * little before that moment.
 */
#include "backend/sources/pubsub_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/sources/message.h"
#include "backend/sources/pubsub_batch.h"
#include "backend/sources/pubsub_held.h"

#define EMPTY_PULLS 3
/* Between pulls that found nothing, and while leases of an earlier run are waited for. */
#define PAUSE_US      (BW_SECOND / 10)
#define LONG_PAUSE_US BW_SECOND
/* Messages that were published before an empty pull but not seen by it are younger than this. */
#define SEEK_MARGIN_US BW_MINUTE
/* No subscription and no topic keeps a message longer. */
#define RETENTION_MAX_US (31 * BW_DAY)

struct bw_reader {
    bw_ps_source *source;
    bw_arena arena; /* of the subscription */
    bw_pubsub_subscription sub;
    bw_ps_leases *leases;
    bw_ps_batch batch;
    int64_t rows_max, bytes_max;
    bool drain;            /* the run is over with an empty stream */
    bool resumed;          /* the batch is an earlier reader's */
    int64_t believe_at_us; /* monotonic: before, messages may be leased to nobody */
    int64_t seek_to_us;    /* once the stream is empty; BW_TIME_NONE: no seek is due */
    int64_t sought_us;     /* a seek was sent then (the service's time) and has shown no effect yet:
                               an empty stream is believed of held calls only; or BW_TIME_NONE */
    int empty_pulls;       /* in a row, the last ones */
    int64_t empty_since_us; /* the service's time when the first of those began */
    bool empty_held;        /* one of them was held */
    bool wait_told;         /* that an empty stream is not believed yet */
    bool over, reading;
    int64_t watermark_us; /* of the batch at hand */
    char label[64];
    char position[BW_TIME_TEXT + 16];
};

/* ---- pulling ---------------------------------------------------------------------------- */

/* How long it may take until what is leased to nobody has been handed out again, after so many
   deliveries in vain. */
static int64_t absence(const bw_reader *r, int deliveries)
{
    int64_t backoff = r->sub.backoff_min_us;
    for (int i = 0; i < deliveries && backoff < r->sub.backoff_max_us; i++)
        backoff *= 2;
    if (backoff > r->sub.backoff_max_us)
        backoff = r->sub.backoff_max_us;
    return bw_ps_leases_length(r->leases) + backoff;
}

/* What an answer would have brought, which did not come, is leased to nobody. */
static void note_lost_answer(bw_reader *r)
{
    int64_t until = bw_mono_us(r->source->env.clock) + absence(r, 1);
    if (until > r->believe_at_us)
        r->believe_at_us = until;
}

static bw_status pull(bw_reader *r, bool at_once, size_t *count, bw_error *err)
{
    bw_pubsub_messages messages;
    int64_t began = bw_ps_now(r->source);
    int64_t room = r->rows_max - (int64_t)r->batch.count;
    int most = room < BW_PUBSUB_PULL_MAX ? (int)room : BW_PUBSUB_PULL_MAX;
    bw_pubsub *client = at_once ? r->source->client : r->source->waiter;
    bw_status s =
        bw_pubsub_pull(client, r->sub.name, most, at_once, &r->batch.arena, &messages, err);
    *count = messages.count;
    if (bw_pubsub_lost_answer(client) || s != BW_OK)
        note_lost_answer(r);
    if (s != BW_OK)
        return s;
    bw_ps_note_clock(r->source, client);
    bw_ps_leases_add(r->leases, &messages);
    bw_ps_batch_add(&r->batch, &messages);
    if (r->batch.oldest_us != BW_TIME_NONE && r->batch.oldest_us < r->sought_us)
        r->sought_us = BW_TIME_NONE;
    if (messages.count) {
        r->empty_pulls = 0;
        r->empty_held = false;
        return BW_OK;
    }
    if (r->empty_pulls++ == 0)
        r->empty_since_us = began;
    r->empty_held |= !at_once;
    return BW_OK;
}

/* Whether the pulls that found nothing mean that there is nothing. */
static bool found_empty(const bw_reader *r)
{
    bool enough = r->empty_held || (r->sought_us == BW_TIME_NONE && r->empty_pulls >= EMPTY_PULLS);
    return enough && bw_mono_us(r->source->env.clock) >= r->believe_at_us;
}

/* The wait can be a minute long, and nothing else shows why the run does not end. */
static void tell_wait(bw_reader *r)
{
    char left[BW_TIME_TEXT];
    int64_t us = r->believe_at_us - bw_mono_us(r->source->env.clock);
    if (r->wait_told || us < BW_SECOND)
        return;
    r->wait_told = true;
    bw_log(BW_LOG_INFO, r->source->env.subject,
           "no messages; waiting %s for those that may be leased to a run that did not end well",
           bw_format_duration(us, left));
}

static bw_status pause_for(bw_reader *r, int64_t us, int64_t until_us, bw_error *err)
{
    int64_t at = bw_mono_us(r->source->env.clock) + us;
    return bw_wait_until(r->source->env.cancel, r->source->env.clock, at < until_us ? at : until_us,
                         err);
}

/* Until there are messages, or the stream is empty: then the batch stays without. A run that goes on
   takes a held call's word for that, and has another batch when it is not to be believed yet. */
static bw_status pull_first(bw_reader *r, bw_error *err)
{
    r->empty_pulls = 0;
    r->empty_held = false;
    for (;;) {
        size_t count;
        bw_status s = pull(r, r->drain && r->sought_us == BW_TIME_NONE, &count, err);
        if (s != BW_OK || count || found_empty(r))
            return s;
        if (!r->drain)
            return BW_OK;
        bool waiting = r->empty_held || r->empty_pulls >= EMPTY_PULLS;
        if (waiting)
            tell_wait(r);
        s = pause_for(r, waiting ? LONG_PAUSE_US : PAUSE_US, BW_FOREVER, err);
        if (s != BW_OK)
            return s;
    }
}

static bool full(const bw_reader *r)
{
    return (int64_t)r->batch.count >= r->rows_max ||
           (int64_t)bw_ps_batch_bytes(&r->batch) >= r->bytes_max;
}

/* More messages, until the batch is full or has waited long enough. What was received is worth more
   than the call that fails: the next batch meets that error again if it lasts. */
static bw_status pull_more(bw_reader *r, bw_error *err)
{
    const bw_clock *clock = r->source->env.clock;
    int64_t until = bw_mono_us(clock) + r->source->wait_us;
    while (!full(r) && bw_mono_us(clock) < until) {
        size_t count;
        bw_status s = pull(r, true, &count, err);
        if (s == BW_OK && count == 0)
            s = pause_for(r, PAUSE_US, until, err);
        if (s == BW_CANCELLED)
            return s;
        if (s != BW_OK) {
            bw_log_error(BW_LOG_WARN, r->source->env.subject, err);
            r->empty_pulls = 0;
            break;
        }
    }
    return BW_OK;
}

/* ---- seeking ---------------------------------------------------------------------------- */

/* The stream is empty up to empty_since_us: goes back, if that is due. */
static bw_status seek_back(bw_reader *r, bw_error *err)
{
    char text[BW_TIME_TEXT];
    int64_t safe = r->empty_since_us - SEEK_MARGIN_US;
    int64_t to = r->seek_to_us < safe ? r->seek_to_us : safe;
    bw_status s = bw_pubsub_seek(r->source->client, r->sub.name, to, err);
    if (s != BW_OK)
        return s;
    bw_log(BW_LOG_INFO, r->source->env.subject, "%s goes back to %s", r->sub.name,
           bw_format_time(to, text));
    r->seek_to_us = BW_TIME_NONE;
    r->sought_us = r->empty_since_us;
    return BW_OK;
}

/* Everything that the service still has. It has nothing older, so nothing is lost by that. */
static bw_status seek_to_the_beginning(bw_reader *r, bw_error *err)
{
    r->empty_since_us = bw_ps_now(r->source);
    r->seek_to_us = r->empty_since_us - RETENTION_MAX_US - BW_HOUR;
    return seek_back(r, err);
}

static bool keeps_acknowledged(const bw_pubsub_subscription *sub)
{
    return sub->retains_acked || sub->topic_retention_us > 0;
}

static bw_status plan_seek(bw_reader *r, const bw_read_request *request, bw_error *err)
{
    bool keeps = keeps_acknowledged(&r->sub);
    if (request->kind == BW_READ_SINCE && !keeps) {
        bw_error_set(err, BW_UNSUPPORTED,
                     "%s does not keep acknowledged messages: none can be read again", r->sub.name);
        return bw_error_hint(err, "Set retainAckedMessages on it, or a retention on its topic, for "
                                  "the next time; a full resync reads what is left.");
    }
    if (request->kind == BW_READ_SINCE)
        r->seek_to_us = request->since_us;
    if (request->kind == BW_READ_FULL && keeps)
        return seek_to_the_beginning(r, err);
    if (request->kind == BW_READ_FULL)
        bw_log(BW_LOG_WARN, r->source->env.subject,
               "%s does not keep acknowledged messages: only what is not acknowledged is read",
               r->sub.name);
    return BW_OK;
}

/* ---- the contract ----------------------------------------------------------------------- */

static bw_status check_request(const bw_read_request *request, bw_error *err)
{
    if (request->kind == BW_READ_KEYS) {
        bw_error_set(err, BW_UNSUPPORTED, "a subscription cannot be read by key");
        return bw_error_hint(err, "Replay dead letters, or read again since a time (--since).");
    }
    if (request->mode != BW_MODE_REPLACE)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "a subscription is a stream: it cannot replace a table");
    return bw_error_hint(err, "Use mode: append, or events.");
}

static int64_t smaller(int64_t limit, int64_t own)
{
    return limit > 0 && limit < own ? limit : own;
}

/* With what the reader before left, or else with what is known of the runs before. */
static void begin(bw_reader *r, const bw_read_request *request)
{
    bw_ps_source *source = r->source;
    bw_ps_held held = {.leases = NULL};
    int64_t now = bw_mono_us(source->env.clock);
    bool taken = bw_ps_held_take(source->env.kept, r->sub.name, &held);
    r->leases = held.leases;
    if (!r->leases)
        r->leases = bw_ps_leases_new(source, r->sub.name, r->sub.ack_deadline_s);
    if (taken) {
        r->batch = held.batch;
        r->resumed = r->batch.count > 0;
        r->believe_at_us = held.settled_us;
    } else {
        r->believe_at_us = request->unsettled ? now + absence(r, request->unsettled) : now;
    }
}

bw_status bw_ps_reader_open(bw_ps_source *source, const bw_table_spec *spec,
                            const bw_table_info *info, const bw_read_request *request,
                            bw_reader **out, bw_error *err)
{
    bw_reader *r = bw_xcalloc(1, sizeof *r);
    (void)info;
    *r = (bw_reader){.source = source,
                     .batch = BW_PS_BATCH_INIT,
                     .seek_to_us = BW_TIME_NONE,
                     .sought_us = BW_TIME_NONE};
    r->drain = request->drain || request->kind != BW_READ_INCREMENTAL;
    r->rows_max = smaller(spec->batch_rows, source->batch_rows);
    r->bytes_max = smaller(spec->batch_bytes, source->batch_bytes);
    bw_status s = check_request(request, err);
    if (s == BW_OK)
        s = bw_pubsub_look_up(source->client, spec->table, &r->arena, &r->sub, err);
    if (s == BW_OK) {
        bw_ps_note_clock(source, source->client);
        begin(r, request);
        s = plan_seek(r, request, err);
    }
    *out = s == BW_OK ? r : NULL;
    if (s != BW_OK)
        bw_ps_reader_close(r);
    return s;
}

static void note_end(bw_reader *r)
{
    char text[BW_TIME_TEXT];
    bool empty = found_empty(r);
    r->watermark_us = empty ? r->empty_since_us : r->batch.oldest_us;
    if (r->watermark_us != BW_TIME_NONE)
        snprintf(r->position, sizeof(r->position), "{\"to\":\"%s\"}",
                 bw_format_time(r->watermark_us, text));
    if (r->batch.n_rows == 0)
        snprintf(r->label, sizeof(r->label), "nothing new");
    else
        snprintf(r->label, sizeof(r->label), "%zu message%s", r->batch.n_rows,
                 r->batch.n_rows == 1 ? "" : "s");
}

static bw_status gather(bw_reader *r, bw_error *err)
{
    if (r->resumed) {
        r->resumed = false;
        return BW_OK;
    }
    bw_ps_batch_clear(&r->batch);
    bw_status s = pull_first(r, err);
    if (s == BW_OK && r->batch.count == 0 && r->seek_to_us != BW_TIME_NONE) {
        s = seek_back(r, err);
        if (s == BW_OK)
            s = pull_first(r, err);
    }
    if (s == BW_OK && r->batch.count)
        s = pull_more(r, err);
    return s;
}

/* The run is asked to end, which is no failure of it; cancelling it is told by the engine. */
static bool must_yield(const bw_reader *r)
{
    return bw_cancelled(r->source->env.yield) && !bw_cancelled(r->source->env.cancel);
}

bw_status bw_ps_reader_next(bw_reader *r, bool *more, bw_batch_plan *out, bw_error *err)
{
    *more = false;
    if (r->reading)
        return bw_error_set(err, BW_INTERNAL, "the batch at hand is not finished");
    /* What an earlier run began is not left for a later one by a run that ends well. */
    if (r->over || (must_yield(r) && !r->resumed))
        return BW_OK;
    bw_status s = gather(r, err);
    if (s == BW_CANCELLED && must_yield(r))
        return BW_OK;
    if (s != BW_OK)
        return bw_error_wrap(err, "subscription %s", r->sub.name);
    bw_ps_batch_seal(&r->batch, r->sub.ordered);
    note_end(r);
    r->over = r->drain && r->batch.count == 0;
    r->reading = true;
    *more = true;
    *out = (bw_batch_plan){.label = r->label,
                           .rows_expected = (double)r->batch.n_rows,
                           .from_us = BW_TIME_NONE,
                           .to_us = BW_TIME_NONE};
    return BW_OK;
}

bw_status bw_ps_reader_fetch(bw_reader *r, bw_chunk *chunk, bool *end, bw_error *err)
{
    *end = false;
    if (!r->reading)
        return bw_error_set(err, BW_INTERNAL, "the batch is over");
    if (bw_cancelled(r->source->env.cancel))
        return bw_error_set(err, BW_CANCELLED, "cancelled while reading");
    *end = bw_ps_batch_fill(&r->batch, chunk);
    r->reading = !*end;
    return BW_OK;
}

void bw_ps_reader_end(bw_reader *r, bw_batch_end *out)
{
    bool known = r->watermark_us != BW_TIME_NONE;
    *out = (bw_batch_end){.position = known ? r->position : NULL,
                          .watermark_us = r->watermark_us,
                          .null_cursors = 0,
                          .ahead_rows = -1};
}

bw_status bw_ps_reader_restart(bw_reader *r, bw_error *err)
{
    (void)err;
    r->batch.at = 0;
    r->reading = true;
    return BW_OK;
}

bw_status bw_ps_reader_ack(bw_reader *r, const char *position, bw_error *err)
{
    (void)position;
    (void)err;
    bw_ps_leases_acknowledge(r->leases, r->source);
    return BW_OK;
}

/* What is still held is left to the next reader, unless the run was told to stop. */
static bool leave(bw_reader *r)
{
    const bw_source_env *env = &r->source->env;
    bool holds = r->leases && bw_ps_leases_count(r->leases) > 0;
    bool doubts = r->leases && r->believe_at_us > bw_mono_us(env->clock);
    if (!env->kept || bw_cancelled(env->cancel) || (!holds && !doubts))
        return false;
    bw_ps_held held = {.batch = BW_PS_BATCH_INIT, .settled_us = r->believe_at_us};
    if (holds) {
        held.leases = r->leases;
        held.batch = r->batch;
        r->leases = NULL;
        r->batch = (bw_ps_batch)BW_PS_BATCH_INIT;
    }
    bw_ps_held_leave(env->kept, r->sub.name, &held);
    return true;
}

void bw_ps_reader_close(bw_reader *r)
{
    if (!r)
        return;
    bool left = leave(r);
    /* A run that was told to stop gives back at once what it will not finish. Where nobody takes them
       after a failure, the messages are left to their deadline: handing them out again at once would
       only spend their delivery attempts. */
    bw_ps_leases_free(r->leases, !left && bw_cancelled(r->source->env.cancel));
    bw_ps_batch_fini(&r->batch);
    bw_arena_fini(&r->arena);
    free(r);
}
