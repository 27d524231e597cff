#include "backend/engine/pace.h"

#include <math.h>
#include <stdio.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/engine/engine_internal.h"
#include "backend/engine/limits.h"

/* Runs that say what the next one will read. */
#define RUNS_LOOKED_AT 10
/* When a run is tried again that needs more than a whole day's bytes: the limit may be raised. */
#define NEVER_AGAIN BW_HOUR
#define SCARCE      0.1 /* of the target's modifications */

static int64_t sum_of(const bw_booking *booked, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += booked[i].n;
    return sum;
}

int64_t bw_pace_interval(const bw_booking *booked, size_t n, int64_t now_us, int64_t limit,
                         double cost)
{
    double left = (double)(limit - sum_of(booked, n)), most = 0;
    if (limit <= 0 || cost <= 0)
        return 0;
    /* Up to the moment at which a booking leaves, what is left until then has to do. */
    for (size_t i = 0; i <= n; i++) {
        int64_t until = i < n ? booked[i].at_us + BW_DAY : now_us + BW_DAY;
        double runs = floor(left / cost);
        if (runs >= 1 && until > now_us)
            most = fmax(most, (double)(until - now_us) / runs);
        left += i < n ? (double)booked[i].n : 0;
    }
    return (int64_t)most;
}

int64_t bw_pace_room_at(const bw_booking *booked, size_t n, int64_t now_us, int64_t limit,
                        double cost)
{
    double left = (double)(limit - sum_of(booked, n));
    if (limit <= 0 || cost <= left)
        return now_us;
    for (size_t i = 0; i < n; i++) {
        left += (double)booked[i].n;
        if (cost <= left)
            return booked[i].at_us + BW_DAY;
    }
    return BW_TIME_NONE;
}

/* ---- of a sync -------------------------------------------------------------------------- */

/* What the last runs read, each, by what was booked since the first of them. */
static double cost_of_a_run(bw_engine *e, const bw_sync *sync, const bw_booking *booked, size_t n,
                            bw_arena *arena)
{
    bw_error err = BW_ERROR_INIT;
    bw_run_record *runs;
    size_t n_runs, ended = 0;
    int64_t bytes = 0, since = INT64_MAX, day = bw_wall_us(e->clock) - BW_DAY;
    if (bw_store_runs(e->store, sync->def.name, 0, RUNS_LOOKED_AT, arena, &runs, &n_runs, &err) !=
        BW_OK)
        return 0;
    for (size_t i = 0; i < n_runs; i++) {
        if (strcmp(runs[i].state, "ok") != 0 || runs[i].started_us < day)
            continue;
        ended++;
        since = runs[i].started_us < since ? runs[i].started_us : since;
    }
    for (size_t i = 0; i < n; i++)
        bytes += booked[i].at_us >= since ? booked[i].n : 0;
    return ended ? (double)bytes / (double)ended : 0;
}

int64_t bw_sync_pace_bytes(bw_engine *e, bw_sync *sync, int64_t from, int64_t due, int64_t refused)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_booking *booked;
    size_t n;
    int64_t now = bw_wall_us(e->clock), limit = sync->def.max_bytes_per_day;
    char apart[BW_TIME_TEXT], left[BW_TIME_TEXT], most[BW_TIME_TEXT], each[BW_TIME_TEXT];
    if (due == BW_TIME_NONE || limit <= 0 ||
        bw_store_bookings(e->store, "bytes", sync->def.name, &arena, &booked, &n, &err) != BW_OK) {
        bw_arena_fini(&arena);
        return due;
    }
    double cost = refused > 0 ? (double)refused : cost_of_a_run(e, sync, booked, n, &arena);
    int64_t even = from + bw_pace_interval(booked, n, now, limit, cost);
    int64_t room = bw_pace_room_at(booked, n, now, limit, cost);
    int64_t at = room == BW_TIME_NONE ? now + NEVER_AGAIN : room > even ? room : even;
    if (at > due) {
        int64_t free_bytes = limit - sum_of(booked, n);
        sync->slowed = bw_arena_printf(
            &sync->arena,
            "the next run comes after %s instead of by the schedule: %s of the %s that its queries "
            "may read in 24 h are left, and a run reads %s",
            bw_format_duration(at - from, apart),
            bw_format_bytes(free_bytes > 0 ? free_bytes : 0, left), bw_format_bytes(limit, most),
            bw_format_bytes((int64_t)cost, each));
    }
    bw_arena_fini(&arena);
    return at > due ? at : due;
}

/* A target whose daily modifications run out is written less often below a tenth. */
static int64_t pace_by_modifications(bw_engine *e, bw_sync *sync, int64_t due)
{
    int64_t step = BW_DAY / BW_TABLE_MODIFICATIONS * 2, even = bw_wall_us(e->clock) + step;
    char apart[BW_TIME_TEXT];
    if (!(sync->quota_left < SCARCE) || even <= due)
        return due;
    sync->slowed =
        bw_arena_printf(&sync->arena,
                        "runs are %s apart instead of by the schedule: less than a tenth "
                        "of the target's modifications of 24 h is left",
                        bw_format_duration(step, apart));
    return even;
}

int64_t bw_sync_pace(bw_engine *e, bw_sync *sync, int64_t from, int64_t due, int64_t refused)
{
    bool was = sync->slowed != NULL;
    sync->slowed = NULL;
    if (due == BW_TIME_NONE)
        return due;
    due = pace_by_modifications(e, sync, due);
    due = bw_sync_pace_bytes(e, sync, from, due, refused);
    if (sync->slowed && !was)
        bw_log(BW_LOG_WARN, sync->def.name, "%s", sync->slowed);
    return due;
}
