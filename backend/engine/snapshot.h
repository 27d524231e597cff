/*
 * What the engine shows: an immutable, reference-counted picture of every sync at one instant. All
 * numbers of one frame come from one snapshot. Long lists and bodies are pages (page.h).
 * Unknown numbers are NAN (doubles), -1 (counts) or BW_TIME_NONE (times): never 0.
 * Threads: made by the engine; read from any while a reference is held.
 */
#ifndef BW_ENGINE_SNAPSHOT_H
#define BW_ENGINE_SNAPSHOT_H

#include "backend/core/arena.h"
#include "backend/core/clock.h"
#include "backend/score/table.h"

#define BW_SPARK_MINUTES 15
#define BW_HISTORY       120 /* points of the Sync screen's graphs, 10 s each */

/* One column: the source beside the destination. */
typedef struct bw_column_view {
    const char *source_name, *source_type;
    const char *name, *type; /* at the destination; type "" when it is not there */
    bool key_part, cursor, required;
    const char *drift; /* NULL, or what is different and what follows from it */
} bw_column_view;

/* What changes with a run, not with a second: shared between snapshots. */
typedef struct bw_sync_detail {
    const char *key_origin, *cursor_origin, *cursor_name;
    const bw_column_view *columns;
    size_t n_columns;
    const char *const *notes; /* warnings, drift, unfilled columns: sentences */
    size_t n_notes;
    /* Settings in force: "name: value". */
    const char *const *settings;
    size_t n_settings;
    /* The sampled record score of the last run, explained. */
    double record_confidence, record_completeness, record_anomaly; /* means; NAN: not scored */
    int64_t records_scored, records_flagged;
    const char *const *score_reasons;
    size_t n_score_reasons;
} bw_sync_detail;

typedef struct bw_run_view {
    bool active;
    const char *kind;  /* incremental, backfill, full, since, keys, replay */
    const char *phase; /* connecting, describing, reading, loading, merging, committing, waiting */
    const char *batch; /* label of the batch, or "" */
    const char *load_job;
    int64_t started_us; /* wall */
    int64_t rows_read, rows_loaded, dead_letters, bytes_uploaded;
    double rows_expected; /* of the whole run where known; NAN */
    double rows_per_s;    /* over the last seconds; NAN */
    int64_t eta_us;       /* duration; BW_TIME_NONE when not known */
    int attempt;
    const char *waiting_for; /* NULL, or what is retried and until when */
} bw_run_view;

typedef struct bw_sync_view {
    const char *name, *source, *target, *mode, *table;
    const char *schedule; /* "every 1m" */
    bw_sync_state state;
    bw_health health;
    bw_activity activity;
    double freshness; /* 0 to 100 */
    double lag_s;
    int64_t freshness_target_us;
    double rows_per_s; /* of the active run; NAN when idle */
    int64_t rows_total;
    int64_t last_success_us, last_run_us, next_run_us; /* wall; no next one while paused */
    int64_t watermark_us;                              /* the source's time */
    int64_t parked_until_us;
    const char *paused_by; /* whatever the state is; NULL: not paused */
    int64_t dead_letters;  /* open */
    int64_t null_cursors, ahead_rows;
    bool stream;             /* of a subscription; the next three are about it */
    int64_t backlog;         /* messages that it holds; -1 unknown */
    double oldest_unacked_s; /* NAN unknown */
    int64_t backlog_at_us;   /* when that was so; BW_TIME_NONE unknown */
    bool deletes_seen;
    int failures;
    const char *reason;       /* one sentence: why the state is what it is */
    const char *error, *hint; /* of the last run, or NULL */
    const char *checkpoint;
    const char *held_back_by; /* or NULL */
    const char *slowed;       /* why it runs less often than its schedule says, or NULL */
    double quota_left;        /* share of the target's daily modifications, 0 to 1 */
    int64_t bytes_today, max_bytes_per_day;
    uint32_t spark[BW_SPARK_MINUTES]; /* rows committed per minute, oldest first */
    /* Oldest first; NAN where nothing was known (a gap, not a zero). */
    float lag_history[BW_HISTORY], rate_history[BW_HISTORY];
    bw_run_view progress;
    const bw_sync_detail *detail; /* NULL before the first describe */
} bw_sync_view;

typedef enum bw_source_state { BW_SOURCE_UNKNOWN, BW_SOURCE_UP, BW_SOURCE_DOWN } bw_source_state;

typedef struct bw_source_view {
    const char *name, *kind, *where; /* "postgres", "db.example.com:5432/shop" */
    bw_source_state state;
    const char *version; /* or "" */
    int64_t latency_us;
    int64_t last_ok_us; /* wall */
    const char *error;  /* of the last contact, or NULL */
    int syncs, failing;
} bw_source_view;

typedef struct bw_snapshot {
    uint64_t seq;
    int64_t mono_us, wall_us; /* when it was made */
    const char *version, *state_dir;
    const char *engine_state; /* starting running stopping stopped failed */
    const char *engine_note;  /* NULL, or why nothing new is started (disk full, ...) */
    bool read_only;
    const bw_sync_view *syncs; /* in the order of the configuration */
    size_t n_syncs;
    const bw_source_view *sources;
    size_t n_sources;
    int by_state[BW_STATE_COUNT];
    int running;
    int64_t dead_letters;        /* open, all syncs */
    int64_t dead_letters_remote; /* -1: unknown or none configured */
    double worst_lag_s;
    double quota_left; /* the least of the syncs, 0 to 1 */
} bw_snapshot;

void bw_snapshot_unref(const bw_snapshot *snapshot);
/* The sync of that name, or NULL. */
const bw_sync_view *bw_snapshot_find(const bw_snapshot *snapshot, const char *name);

#endif
