#include "backend/score/table.h"

#include <math.h>

const char *bw_health_name(bw_health health)
{
    static const char *const names[] = {"unknown", "stale", "aging", "fresh"};
    return names[health];
}

const char *bw_activity_name(bw_activity activity)
{
    static const char *const names[] = {"idle",   "queued", "running", "paused",
                                        "parked", "failed", "drift"};
    return names[activity];
}

const char *bw_sync_state_name(bw_sync_state state)
{
    static const char *const names[BW_STATE_COUNT] = {
        [BW_STATE_FAILED] = "failed", [BW_STATE_DRIFT] = "drift",     [BW_STATE_PARKED] = "parked",
        [BW_STATE_PAUSED] = "paused", [BW_STATE_UNKNOWN] = "unknown", [BW_STATE_STALE] = "stale",
        [BW_STATE_AGING] = "aging",   [BW_STATE_FRESH] = "fresh",
    };
    return names[state];
}

static bw_activity activity_of(const bw_table_facts *f)
{
    if (f->queued)
        return BW_ACTIVITY_QUEUED;
    if (f->running)
        return BW_ACTIVITY_RUNNING;
    if (f->drift)
        return BW_ACTIVITY_DRIFT;
    if (f->parked)
        return BW_ACTIVITY_PARKED;
    if (f->paused)
        return BW_ACTIVITY_PAUSED;
    return f->failed ? BW_ACTIVITY_FAILED : BW_ACTIVITY_IDLE;
}

static bw_sync_state state_of(const bw_table_facts *f, bw_health health)
{
    static const bw_sync_state by_health[] = {BW_STATE_UNKNOWN, BW_STATE_STALE, BW_STATE_AGING,
                                              BW_STATE_FRESH};
    if (f->failed && !f->drift && !f->parked)
        return BW_STATE_FAILED;
    if (f->drift)
        return BW_STATE_DRIFT;
    if (f->parked)
        return BW_STATE_PARKED;
    return f->paused ? BW_STATE_PAUSED : by_health[health];
}

bw_table_score bw_score_table(const bw_table_facts *f)
{
    bw_table_score s = {.freshness = NAN, .health = BW_HEALTH_UNKNOWN};
    if (!isnan(f->lag_s) && f->target_s > 0) {
        double late = f->lag_s > f->target_s ? f->lag_s - f->target_s : 0;
        s.freshness = 100 * exp2(-late / f->target_s);
        s.health = s.freshness >= 90   ? BW_HEALTH_FRESH
                   : s.freshness >= 50 ? BW_HEALTH_AGING
                                       : BW_HEALTH_STALE;
    }
    s.activity = activity_of(f);
    s.state = state_of(f, s.health);
    return s;
}
