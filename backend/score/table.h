/*
 * The table's score: staleness against the sync's freshness target, and the three facts that the
 * screens keep apart: health (how fresh), activity (what is being done) and state (the one word).
 * Pure functions. Threads: any.
 */
#ifndef BW_SCORE_TABLE_H
#define BW_SCORE_TABLE_H

#include <stdbool.h>

typedef enum bw_health {
    BW_HEALTH_UNKNOWN, /* the source does not answer, or nothing was committed yet */
    BW_HEALTH_STALE,   /* freshness below 50 */
    BW_HEALTH_AGING,   /* below 90 */
    BW_HEALTH_FRESH,
} bw_health;

typedef enum bw_activity {
    BW_ACTIVITY_IDLE,
    BW_ACTIVITY_QUEUED,
    BW_ACTIVITY_RUNNING,
    BW_ACTIVITY_PAUSED,
    BW_ACTIVITY_PARKED,
    BW_ACTIVITY_FAILED,
    BW_ACTIVITY_DRIFT,
} bw_activity;

/* What the home screen says: the first that holds, in this order. */
typedef enum bw_sync_state {
    BW_STATE_FAILED,
    BW_STATE_DRIFT,
    BW_STATE_PARKED,
    BW_STATE_PAUSED,
    BW_STATE_UNKNOWN,
    BW_STATE_STALE,
    BW_STATE_AGING,
    BW_STATE_FRESH,
    BW_STATE_COUNT,
} bw_sync_state;

const char *bw_health_name(bw_health health);
const char *bw_activity_name(bw_activity activity);
const char *bw_sync_state_name(bw_sync_state state);

typedef struct bw_table_facts {
    double lag_s;    /* the source's time now minus the last committed `to`; NAN unknown */
    double target_s; /* the freshness target, > 0 */
    bool failed, drift, parked, paused, queued, running;
} bw_table_facts;

typedef struct bw_table_score {
    double freshness; /* 0 to 100; NAN unknown */
    bw_health health;
    bw_activity activity;
    bw_sync_state state;
} bw_table_score;

/* 2^-(max(0, lag - target)/target), times 100. A run that failed because it is parked is parked,
   one that drift stopped is drift. */
bw_table_score bw_score_table(const bw_table_facts *facts);

#endif
