/* What runs when: what was asked for first, then what is due. */
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/engine/engine_internal.h"

#define RETRY_FIRST (5 * BW_SECOND)
#define RETRY_MOST  (5 * BW_MINUTE)

int64_t bw_sync_first_due(bw_engine *e, bw_sync *sync)
{
    const bw_schedule *s = sync->def.schedule;
    int64_t now = bw_wall_us(e->clock), last = sync->record.last_run_us;
    sync->slowed = NULL;
    if (sync->def.pattern)
        return now;
    if (!s || s->kind == BW_SCHEDULE_MANUAL)
        return BW_TIME_NONE;
    if (last == BW_TIME_NONE)
        return s->kind == BW_SCHEDULE_EVERY ? now : bw_schedule_next(s, now);
    int64_t due = bw_sync_pace_bytes(e, sync, last, bw_schedule_next(s, last), 0);
    return due != BW_TIME_NONE && due < now ? now : due; /* what was missed while nobody ran */
}

void bw_pending_free(bw_pending *p)
{
    bw_arena_fini(&p->arena);
    free(p);
}

bw_pending *bw_sync_ask(bw_sync *sync, const bw_ask *ask)
{
    bw_pending *p = bw_xcalloc(1, sizeof(*p));
    p->ask = *ask;
    p->ask.who = bw_arena_strdup(&p->arena, ask->who ? ask->who : "");
    BW_GROW(sync->pending, sync->n_pending + 1, sync->pending_cap);
    sync->pending[sync->n_pending++] = p;
    return p;
}

static void start(bw_engine *e, bw_sync *sync, bw_pending *p)
{
    bw_run *run = bw_run_new(&e->run_env, &sync->def);
    if (p) {
        run->ask = p->ask;
        run->ask.kind = sync->def.pattern ? BW_RUN_EXPAND : p->ask.kind;
        run->drain = true;     /* what was asked for is over when nothing is left */
        run->arena = p->arena; /* the request's strings live as long as the run */
        free(p);
    }
    run->drain |= e->options.once;
    run->kept = &sync->kept;
    sync->run = run;
    sync->seen_commits = 0;
    e->changed = true;
    bw_workers_put(e->workers, run);
}

size_t bw_sync_withdraw(bw_engine *e, bw_sync *sync, const char *words)
{
    size_t n = sync->n_pending;
    bw_run *run = sync->run;
    for (size_t i = 0; i < n; i++) {
        if (sync->pending[i]->ask.command)
            bw_engine_tracked_withdrawn(e, sync->pending[i]->ask.command, words);
        bw_pending_free(sync->pending[i]);
    }
    sync->n_pending = 0;
    if (!run || !bw_workers_withdraw(e->workers, run))
        return n;
    if (run->ask.command)
        bw_engine_tracked_withdrawn(e, run->ask.command, words);
    sync->run = NULL;
    bw_run_free(run);
    e->changed = true;
    return n + 1;
}

void bw_engine_start_due(bw_engine *e)
{
    int64_t now = bw_wall_us(e->clock);
    /* Without a terminal and with `once` nobody waits for better times: the run says what is wrong. */
    if ((e->note && !e->options.once) || atomic_load(&e->stopping))
        return;
    for (size_t i = 0; i < e->n_syncs; i++) {
        bw_sync *sync = e->syncs[i];
        if (sync->run) {
            if (sync->n_pending > 0 && bw_sync_is_stream(&sync->def))
                bw_run_yield(sync->run);
            continue;
        }
        if (sync->n_pending > 0) {
            bw_pending *p = sync->pending[0];
            sync->n_pending--;
            for (size_t k = 0; k < sync->n_pending; k++)
                sync->pending[k] = sync->pending[k + 1];
            start(e, sync, p);
            continue;
        }
        bool parked =
            sync->record.parked_until_us != BW_TIME_NONE && sync->record.parked_until_us > now;
        if (sync->next_due_us == BW_TIME_NONE || sync->next_due_us > now ||
            ((sync->record.paused || parked) && !e->options.once))
            continue;
        start(e, sync, NULL);
    }
}

int64_t bw_engine_next_due(const bw_engine *e)
{
    int64_t due = BW_FOREVER;
    for (size_t i = 0; i < e->n_syncs; i++) {
        const bw_sync *sync = e->syncs[i];
        int64_t at = sync->next_due_us;
        if (sync->run || at == BW_TIME_NONE || sync->record.paused)
            continue;
        if (sync->record.parked_until_us != BW_TIME_NONE && sync->record.parked_until_us > at)
            at = sync->record.parked_until_us;
        due = at < due ? at : due;
    }
    return due;
}

int64_t bw_engine_retry_delay(int failures)
{
    int64_t delay = RETRY_FIRST;
    for (int i = 1; i < failures && delay < RETRY_MOST; i++)
        delay *= 2;
    return delay < RETRY_MOST ? delay : RETRY_MOST;
}

void bw_sync_plan_next(bw_engine *e, bw_sync *sync, const bw_run *run)
{
    int64_t now = bw_wall_us(e->clock);
    const bw_schedule *s = sync->def.schedule;
    bool follows = run->ask.kind == BW_RUN_SYNC &&
                   (run->ask.read == BW_READ_INCREMENTAL || run->ask.read == BW_READ_FULL);
    if (!follows && !e->options.once)
        return; /* single rows: what is due stays due */
    if (e->options.once || e->options.observe || !s || s->kind == BW_SCHEDULE_MANUAL) {
        sync->next_due_us = BW_TIME_NONE;
        sync->slowed = NULL;
    } else {
        /* After a cancel nothing begins at once, however long the run was. */
        bool from_start = s->kind == BW_SCHEDULE_EVERY && run->status != BW_CANCELLED;
        bool stream = bw_sync_is_stream(&sync->def);
        int64_t from = from_start ? run->record.started_us : now;
        sync->next_due_us =
            bw_sync_pace(e, sync, from, bw_schedule_next(s, from), run->bytes_refused);
        if (sync->next_due_us != BW_TIME_NONE &&
            (sync->next_due_us < now || (stream && run->status == BW_OK)))
            sync->next_due_us = now;
    }
    bool scheduled = sync->next_due_us != BW_TIME_NONE;
    if (scheduled && run->status != BW_OK && run->error.retryable && run->status != BW_QUOTA) {
        int64_t retry = now + bw_engine_retry_delay(sync->record.failures);
        if (retry < sync->next_due_us)
            sync->next_due_us = retry;
    }
}
