/* What a run shares with the scheduler while it runs: how far it is, and that it shall end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/engine/run_internal.h"

bw_run *bw_run_new(const bw_run_env *env, const bw_sync_def *def)
{
    bw_run *run = bw_xcalloc(1, sizeof(*run));
    run->env = *env;
    run->def = def;
    run->ask = (bw_ask){.kind = def->pattern ? BW_RUN_EXPAND : BW_RUN_SYNC,
                        .read = BW_READ_INCREMENTAL,
                        .trigger = "schedule"};
    bw_cancel_init(&run->cancel);
    bw_cancel_init(&run->yield);
    pthread_mutex_init(&run->mu, NULL);
    atomic_store(&run->phase, "waiting for a worker");
    atomic_store(&run->rows_expected, -1);
    atomic_store(&run->started_us, bw_wall_us(env->clock));
    run->source_offset_us = BW_TIME_NONE;
    run->end = (bw_batch_end){.watermark_us = BW_TIME_NONE, .null_cursors = -1, .ahead_rows = -1};
    return run;
}

void bw_run_free(bw_run *run)
{
    if (!run)
        return;
    bw_detail_box_unref(run->detail);
    bw_cancel_fini(&run->cancel);
    bw_cancel_fini(&run->yield);
    pthread_mutex_destroy(&run->mu);
    bw_arena_fini(&run->end_arena);
    bw_arena_fini(&run->arena);
    free(run);
}

void bw_run_phase(bw_run *run, const char *phase)
{
    atomic_store(&run->phase, phase);
    bw_run_waiting(run, "");
}

void bw_run_waiting(bw_run *run, const char *text)
{
    pthread_mutex_lock(&run->mu);
    snprintf(run->waiting_for, sizeof(run->waiting_for), "%s", text);
    pthread_mutex_unlock(&run->mu);
}

void bw_run_tell_waiting(void *run, const char *text)
{
    bw_run_waiting(run, text);
}

const char *bw_run_kind_word(const bw_run *run)
{
    static const char *const reads[] = {
        [BW_READ_INCREMENTAL] = "incremental",
        [BW_READ_FULL] = "full",
        [BW_READ_SINCE] = "since",
        [BW_READ_KEYS] = "keys",
    };
    if (run->ask.kind == BW_RUN_REPLAY)
        return "replay";
    if (bw_sync_is_stream(run->def) && run->ask.read == BW_READ_INCREMENTAL)
        return "stream";
    return atomic_load(&run->backfilling) ? "backfill" : reads[run->ask.read];
}

void bw_run_cancel(bw_run *run, const char *words)
{
    pthread_mutex_lock(&run->mu);
    if (!run->cancelled[0])
        snprintf(run->cancelled, sizeof(run->cancelled), "%s", words);
    pthread_mutex_unlock(&run->mu);
    bw_cancel_raise(&run->cancel);
    bw_cancel_raise(&run->yield);
}

bool bw_run_stop(bw_run *run, const char *words)
{
    if (run->ask.kind != BW_RUN_REPLAY || atomic_exchange(&run->stop, true))
        return false;
    pthread_mutex_lock(&run->mu);
    snprintf(run->cancelled, sizeof(run->cancelled), "%s", words);
    pthread_mutex_unlock(&run->mu);
    return true;
}

void bw_run_yield(bw_run *run)
{
    bw_cancel_raise(&run->yield);
}

/* Rows per second since the oldest look that is kept; NAN when that is too short ago. */
static double rate_now(bw_run *run, int64_t rows)
{
    int64_t now = bw_mono_us(run->env.clock);
    if (run->n_looks > 0 && rows < run->looks[run->n_looks - 1].rows)
        run->n_looks = 0; /* a new attempt counts from its beginning */
    if (run->n_looks == 0 || now - run->looks[run->n_looks - 1].mono_us >= BW_SECOND) {
        if (run->n_looks == BW_RATE_LOOKS) {
            run->n_looks--;
            memmove(&run->looks[0], &run->looks[1], run->n_looks * sizeof(run->looks[0]));
        }
        run->looks[run->n_looks].mono_us = now;
        run->looks[run->n_looks++].rows = rows;
    }
    int64_t elapsed = now - run->looks[0].mono_us;
    if (elapsed < BW_SECOND / 2)
        return NAN;
    return (double)(rows - run->looks[0].rows) / ((double)elapsed / BW_SECOND);
}

void bw_run_progress(bw_run *run, bw_arena *arena, bw_run_view *out)
{
    int64_t expected = atomic_load(&run->rows_expected);
    *out = (bw_run_view){
        .active = true,
        .kind = bw_run_kind_word(run),
        .phase = atomic_load(&run->phase),
        .started_us = atomic_load(&run->started_us),
        .rows_read = atomic_load(&run->rows_read),
        .rows_loaded = atomic_load(&run->rows_loaded),
        .dead_letters = atomic_load(&run->dead_letters),
        .bytes_uploaded = (int64_t)atomic_load(&run->bytes_uploaded),
        .rows_expected = expected < 0 ? NAN : (double)expected,
        .rows_per_s = NAN,
        .eta_us = BW_TIME_NONE,
        .attempt = atomic_load(&run->attempt),
    };
    out->rows_per_s = rate_now(run, out->rows_read);
    if (expected > out->rows_read && out->rows_per_s > 0)
        out->eta_us = (int64_t)((double)(expected - out->rows_read) / out->rows_per_s * BW_SECOND);
    pthread_mutex_lock(&run->mu);
    out->batch = bw_arena_strdup(arena, run->batch_label);
    out->load_job = bw_arena_strdup(arena, run->load_job);
    out->waiting_for = run->waiting_for[0] ? bw_arena_strdup(arena, run->waiting_for) : NULL;
    pthread_mutex_unlock(&run->mu);
}
