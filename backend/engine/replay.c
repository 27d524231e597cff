/*
 * DESIGN. Letters are replayed in groups: a group becomes `replaying` (nobody else can take it then),
 * takes its way as one batch, and is settled before the next begins. So a replay that is stopped or
 * killed leaves every other letter as it was, and memory is that of one group, whose contents are
 * bounded, or of one large letter. What killing leaves in
 * state `replaying` is open again when the store is next opened; what the group had done by then is
 * found by the events' outcomes and by the versions, and is not done twice.
 */
#include <stdlib.h>

#include "backend/core/crash_point.h"
#include "backend/core/text.h"
#include "backend/engine/events_stage.h"
#include "backend/engine/outbox.h"
#include "backend/engine/run_internal.h"

#define REPLAY_GROUP 500
#define KEEP_BYTES   ((size_t)64 << 10)

/* Whether the row can be read again by what its letter knows, or is a message, which is stored. */
static bool can_be_read(const bw_dead_letter *l)
{
    return l->attributes || (l->key && l->reason != BW_REASON_KEY_NULL);
}

/* ---- one group's way -------------------------------------------------------------------- */

/* Letters of rows are replayed by reading their keys again. */
static bw_status replay_rows(bw_run_work *w, const bw_dead_letter *letters, size_t n, bw_error *err)
{
    size_t n_keys = 0;
    const char **keys = bw_xcalloc(n + 1, sizeof(*keys));
    for (size_t i = 0; i < n; i++) {
        if (can_be_read(&letters[i]))
            keys[n_keys++] = letters[i].key;
    }
    bw_read_request request = {
        .kind = BW_READ_KEYS, .mode = w->mode, .keys = keys, .n_keys = n_keys};
    bw_status s = n_keys > 0 ? bw_run_read_batches(w, &request, err) : BW_OK;
    free(keys);
    return s;
}

/* Letters of messages take their way again, as they were or as they were edited. Replaying a conflict
   is the operator's word that the event is right. */
static bw_status replay_messages(bw_run_work *w, const bw_dead_letter *letters, size_t n,
                                 bw_error *err)
{
    bw_replayed_message *messages = bw_xcalloc(n + 1, sizeof(*messages));
    for (size_t i = 0; i < n; i++)
        messages[i] = bw_replayed_letter(&letters[i]);
    bw_read_request request = {.kind = BW_READ_KEYS, .mode = w->mode};
    bw_events_stage_feed(w->source, messages, n);
    bw_status s = bw_run_read_batches(w, &request, err);
    free(messages);
    return s;
}

static bw_status audit_published(const bw_run *run, const char *topic, const int64_t *ids, size_t n,
                                 bw_error *err)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "{\"topic\":");
    bw_json_add_string(&b, bw_slice_cstr(topic));
    bw_buf_adds(&b, ",\"letters\":[");
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(&b, i ? ",%lld" : "%lld", (long long)ids[i]);
    bw_buf_adds(&b, "]}");
    bw_status s = bw_store_audit_add(run->env.store, run->ask.who, "publish", run->def->name,
                                     bw_buf_cstr(&b), err);
    bw_buf_fini(&b);
    return s;
}

/* To whoever subscribes to the topic, this sync among them, which finds by the id what it has done
   already. */
static bw_status publish_messages(bw_run_work *w, const bw_dead_letter *letters, size_t n,
                                  bw_error *err)
{
    bw_run *run = w->run;
    bw_arena arena = BW_ARENA_INIT;
    bw_stream_status stream = {0};
    int64_t moved;
    bw_pubsub_outgoing *out = BW_ARENA_ARRAY(&arena, bw_pubsub_outgoing, n + 1);
    int64_t *ids = BW_ARENA_ARRAY(&arena, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = bw_replayed_outgoing(&letters[i], &arena);
        ids[i] = letters[i].id;
    }
    bw_status s = w->class->stream(w->source, &run->def->spec, &arena, &stream, err);
    if (s == BW_OK) {
        bw_pubsub *ps = bw_pubsub_new(run->env.google, NULL, run->env.clock, &run->cancel);
        bw_pubsub_set_subject(ps, run->def->name);
        bw_pubsub_set_deadline(ps, run->def->stall_timeout_us);
        bw_run_phase(run, "publishing");
        bw_crash_point("replay_publish_before");
        s = bw_pubsub_publish(ps, stream.topic, out, n, &arena, NULL, err);
        bw_crash_point("replay_publish_after");
        bw_pubsub_free(ps);
    }
    if (s == BW_OK)
        s = bw_store_letters_move(run->env.store, ids, n, BW_LETTER_REPLAYED, run->ask.who, &moved,
                                  err);
    if (s == BW_OK)
        s = audit_published(run, stream.topic, ids, n, err);
    bw_arena_fini(&arena);
    return s;
}

/* ---- what became of it ------------------------------------------------------------------ */

static bw_status move(bw_run_work *w, const bw_dead_letter *l, bw_letter_state state, bw_error *err)
{
    int64_t moved;
    return bw_store_letters_move(w->run->env.store, &l->id, 1, state, w->run->ask.who, &moved, err);
}

/* What the commit did not decide: a row whose key was not there any more is superseded by its
   absence; a letter without a key was tried in vain. */
static bw_status settle_one(bw_run_work *w, const bw_dead_letter *l, bw_error *err)
{
    bw_replay_counts *counts = &w->run->replay;
    if (l->state == BW_LETTER_REPLAYED) {
        counts->landed++;
    } else if (l->state == BW_LETTER_OPEN) {
        counts->refused++;
    } else if (l->state == BW_LETTER_REPLAYING) {
        bool readable = can_be_read(l), gone = readable && !l->attributes;
        counts->gone += gone;
        counts->keyless += !readable;
        counts->refused += readable && !gone;
        return move(w, l, gone ? BW_LETTER_SUPERSEDED : BW_LETTER_OPEN, err);
    }
    return BW_OK;
}

static bw_status settle(bw_run_work *w, const int64_t *ids, size_t n_ids, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_dead_letter *letters;
    size_t n;
    bw_letter_filter filter = {.ids = ids, .n_ids = n_ids, .any_state = true, .content_max = 1};
    bw_status s = bw_store_letters(w->run->env.store, &filter, &arena, &letters, &n, err);
    for (size_t i = 0; s == BW_OK && i < n; i++)
        s = settle_one(w, &letters[i], err);
    bw_arena_fini(&arena);
    return s;
}

/* ---- the groups ------------------------------------------------------------------------- */

static bw_status take_way(bw_run_work *w, const bw_dead_letter *letters, size_t n, bw_error *err)
{
    if (w->mode != BW_MODE_EVENTS)
        return replay_rows(w, letters, n, err);
    return w->run->ask.publish ? publish_messages(w, letters, n, err)
                               : replay_messages(w, letters, n, err);
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Only letters of the group can land with it: the run watches for them, however many others there
   are. */
static void watch_group(bw_run_work *w, const bw_dead_letter *letters, size_t n)
{
    bw_arena *a = &w->letter_arena;
    bw_arena_reset(a, KEEP_BYTES);
    const char **words = BW_ARENA_ARRAY(a, const char *, n + 1);
    w->n_letter_keys = 0;
    for (size_t i = 0; i < n; i++) {
        const bw_dead_letter *l = &letters[i];
        if (l->attributes)
            words[w->n_letter_keys++] =
                bw_store_letter_key(a, bw_slice_cstr(l->event_id), l->content_hash);
        else if (l->key)
            words[w->n_letter_keys++] = bw_arena_strdup(a, l->key);
    }
    qsort(words, w->n_letter_keys, sizeof(*words), compare_words);
    w->letter_keys = words;
    w->letter_landed = BW_ARENA_ARRAY(a, bool, n + 1);
}

static bw_status replay_group(bw_run_work *w, const int64_t *ids, size_t n_ids, bw_error *err)
{
    bw_store *store = w->run->env.store;
    bw_arena arena = BW_ARENA_INIT;
    bw_dead_letter *letters;
    int64_t moved, *taken = BW_ARENA_ARRAY(&arena, int64_t, n_ids + 1);
    size_t n = 0, kept = 0;
    bool whole = w->mode == BW_MODE_EVENTS;
    bw_letter_filter filter = {.ids = ids, .n_ids = n_ids, .content_max = whole ? 0 : 1};
    bw_status s =
        bw_store_letters_move(store, ids, n_ids, BW_LETTER_REPLAYING, w->run->ask.who, &moved, err);
    if (s == BW_OK)
        s = bw_store_letters(store, &filter, &arena, &letters, &n, err);
    for (size_t i = 0; s == BW_OK && i < n; i++) {
        if (letters[i].state != BW_LETTER_REPLAYING)
            continue; /* settled meanwhile, or its run failed */
        taken[kept] = letters[i].id;
        letters[kept++] = letters[i];
    }
    bw_crash_point("replay_group_before");
    if (s == BW_OK && kept > 0) {
        watch_group(w, letters, kept);
        s = take_way(w, letters, kept, err);
    }
    bw_crash_point("replay_group_after");
    bw_error later = BW_ERROR_INIT;
    if (s == BW_OK)
        s = settle(w, taken, kept, err);
    else if (bw_store_letters_release(store, ids, n_ids, &later) != BW_OK)
        bw_error_hint(err, "They are open again at the next start.");
    bw_arena_fini(&arena);
    return s;
}

static bw_status stopped(bw_run *run, bw_error *err)
{
    pthread_mutex_lock(&run->mu);
    bw_error_set(err, BW_CANCELLED, "%s", run->cancelled);
    pthread_mutex_unlock(&run->mu);
    return BW_CANCELLED;
}

/* How many of the next letters are taken together: messages are in memory whole. */
static bw_status next_group(bw_run_work *w, const int64_t *ids, size_t most, size_t *n,
                            bw_error *err)
{
    bw_letter_filter filter = {.ids = ids, .n_ids = most};
    size_t fit = 0;
    *n = most;
    if (w->mode != BW_MODE_EVENTS)
        return BW_OK;
    bw_status s = bw_store_letters_fit(w->run->env.store, &filter, BW_LETTERS_BYTES, &fit, err);
    if (fit > 0) /* of those that are still open, so it is that many ids at least */
        *n = fit;
    return s;
}

/* Some hundreds at a time, or as many in a second as the rate allows. */
bw_status bw_run_replay(bw_run_work *w, bw_error *err)
{
    bw_run *run = w->run;
    bw_status s = BW_OK;
    run->replay.letters = (int64_t)run->ask.n_letters;
    if (run->ask.publish && (w->mode != BW_MODE_EVENTS || !w->class->stream))
        return bw_error_set(err, BW_INVALID, "only messages can be published again");
    atomic_store(&run->rows_expected, (int64_t)run->ask.n_letters);
    size_t group = REPLAY_GROUP;
    if (run->ask.rate > 0 && run->ask.rate < REPLAY_GROUP)
        group = run->ask.rate < 1 ? 1 : (size_t)run->ask.rate;
    for (size_t at = 0, some; s == BW_OK && at < run->ask.n_letters; at += some) {
        int64_t began = bw_mono_us(run->env.clock);
        size_t left = run->ask.n_letters - at;
        if (atomic_load(&run->stop))
            return stopped(run, err);
        s = next_group(w, run->ask.letters + at, left < group ? left : group, &some, err);
        if (s == BW_OK)
            s = replay_group(w, run->ask.letters + at, some, err);
        atomic_fetch_add(&run->letters_done, (int64_t)some);
        if (s == BW_OK && run->ask.rate > 0 && left > some)
            s = bw_wait_until(&run->cancel, run->env.clock,
                              began + (int64_t)((double)some / run->ask.rate * BW_SECOND), err);
    }
    return s;
}
