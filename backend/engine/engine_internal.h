/*
 * What the files of the scheduler share: engine.c owns the thread and the queues, syncs.c has the
 * list, schedule.c decides what runs when and pace.c how often, results.c takes what came of it,
 * commands.c carries out commands, publish.c makes snapshots, workers.c runs runs. Everything here
 * belongs to the engine's thread unless it says otherwise.
 */
#ifndef BW_ENGINE_ENGINE_INTERNAL_H
#define BW_ENGINE_ENGINE_INTERNAL_H

#include <pthread.h>

#include "backend/engine/backlog.h"
#include "backend/engine/engine.h"
#include "backend/engine/intake.h"
#include "backend/engine/page_reader.h"
#include "backend/engine/run.h"
#include "backend/engine/snapshot_box.h"
#include "backend/engine/workers.h"

/* A run that was asked for and has not begun; its strings live in its arena. */
typedef struct bw_pending {
    bw_arena arena;
    bw_ask ask;
} bw_pending;

/* A sync as the engine runs it. */
typedef struct bw_sync {
    bw_sync_def def;
    bw_arena def_arena; /* of an expanded definition */
    size_t order;       /* of the configuration's entry */
    bw_arena arena;     /* of record and the strings below; made anew after each run */
    bw_sync_record record;
    const char *mode, *target, *error, *hint, *held_back_by;
    const char *slowed;   /* why it runs less often than its schedule says, or NULL */
    bw_run *run;          /* queued or running */
    bw_kept kept;         /* the runs', one after the other; without a run the engine's thread's */
    int64_t seen_commits; /* of that run: what is shown is not older */
    bw_pending **pending;
    size_t n_pending, pending_cap;
    int64_t next_due_us; /* wall; BW_TIME_NONE: only when asked */
    bool due_at_start;   /* has not run in this process and needs no schedule to */
    bool failed, drift, source_down, skipped;
    int64_t source_offset_us; /* the source's clock minus ours; BW_TIME_NONE unknown */
    int64_t dead_letters;     /* open; -1 unknown */
    bool partitioned;         /* the target: it has a limit of its own */
    double quota_left;        /* NAN: unknown */
    int64_t bytes_today;
    bw_detail_box *detail;
    uint32_t spark[BW_SPARK_MINUTES];
    int64_t spark_minute; /* of the newest */
    float lag_history[BW_HISTORY], rate_history[BW_HISTORY];
    int64_t ended_rows;   /* rows that the runs which have ended read */
    int64_t sampled_rows; /* those and the running run's, at the last sample */
    /* The last run's record, in last_arena: what run --once reports. */
    bw_arena last_arena;
    bw_run_record last;
    bool ran;
} bw_sync;

typedef struct bw_source_info {
    const char *name, *kind, *where; /* in the engine's arena */
    bw_source_state state;
    char version[128], error[512];
    int64_t latency_us, last_ok_us;
} bw_source_info;

/* A command whose runs are under way. */
typedef struct bw_tracked {
    uint64_t id;
    int64_t store_id; /* 0: from this process */
    int runs, remaining, failed;
    int64_t rows_read, rows_loaded, rows_present, dead_letters; /* of its runs that have ended */
    bw_replay_counts replay;                                    /* of replays */
    int64_t replay_total, replay_done; /* letters; of runs that have ended */
    int64_t told, told_us;             /* progress, and when: monotonic */
    char text[512], hint[512];         /* of the first run, or of one that failed */
} bw_tracked;

typedef struct bw_queued_command {
    bw_arena arena;
    bw_command command;
    uint64_t id;
    int64_t store_id;
} bw_queued_command;

#define BW_EVENTS 256

struct bw_engine {
    bw_engine_options options;
    const bw_clock *clock;
    bw_store *store;
    bw_run_env run_env;
    bw_arena arena;
    bw_sync **syncs; /* those that run, patterns expanded, in the order of the configuration */
    size_t n_syncs, syncs_cap;
    bw_source_info *sources;
    size_t n_sources;
    bw_workers *workers;
    bw_intake *intake;
    bw_backlog_watch *backlog;
    int64_t intake_kept; /* when letters were counted last */
    bw_page_reader *pages;
    bw_page_reader *slow_pages; /* for what waits for others, or reads long */
    uint32_t slow_slots;        /* the UI's: bit per slot whose last question went there */
    pthread_t thread;
    bool thread_runs;
    int engine_wake; /* eventfd: something for the engine's thread */
    int ui_wake;     /* eventfd: something for the UI */
    atomic_bool stopping, stopped, done;
    const char *note; /* why nothing new is started, in note_text; NULL */
    char note_text[256];
    int64_t next_heartbeat, next_sample, next_publish, next_trim; /* monotonic */
    int64_t seen_mono_us, seen_wall_us; /* when the clock was looked at last; standstill.c */
    bool changed;
    uint64_t snapshot_seq;
    bw_tracked *tracked;
    size_t n_tracked, tracked_cap;

    pthread_mutex_t mu;
    bw_snapshot_box *snapshot;       /* guarded by mu: the newest */
    bw_queued_command **commands;    /* guarded by mu */
    size_t n_commands, commands_cap; /* guarded by mu */
    uint64_t next_command;           /* guarded by mu */
    bw_news events[BW_EVENTS];       /* guarded by mu: a ring */
    size_t first_event, n_events;    /* guarded by mu */
};

/* syncs.c */
BW_NODISCARD bw_status bw_engine_load_syncs(bw_engine *e, bw_error *err);
void bw_engine_free_syncs(bw_engine *e);
/* In its place in the order of the configuration; the definition's strings are borrowed. */
void bw_engine_add_sync(bw_engine *e, const bw_sync_def *def, size_t order);
bw_sync *bw_engine_find(bw_engine *e, const char *name);
/* Takes over what the store says of it. */
void bw_sync_reload(bw_engine *e, bw_sync *sync);
void bw_sync_read_quota(bw_engine *e, bw_sync *sync);
/* A paused sync keeps nothing from others: what a failed run left is no longer held for the next. */
void bw_sync_release(bw_sync *sync);
void bw_engine_count_letters(bw_engine *e);

/* schedule.c */
void bw_engine_start_due(bw_engine *e);
/* Wall time at which something is due; BW_FOREVER when nothing is. */
int64_t bw_engine_next_due(const bw_engine *e);
/* When it is due for the first time in this process. */
int64_t bw_sync_first_due(bw_engine *e, bw_sync *sync);
/* When it is due after the run, which has ended. */
void bw_sync_plan_next(bw_engine *e, bw_sync *sync, const bw_run *run);
/* How long after so many failures in a row what may pass by itself is tried again. */
int64_t bw_engine_retry_delay(int failures);
/* Puts it last of what is asked of the sync; `who` is copied. What else the ask borrows the caller puts
   into the arena of what is returned, before the engine's thread goes on. */
bw_pending *bw_sync_ask(bw_sync *sync, const bw_ask *ask);
void bw_pending_free(bw_pending *pending);
/* Takes back what was asked for and has not begun; a queued run too. Their commands end as
   cancelled. Returns how many there were. */
size_t bw_sync_withdraw(bw_engine *e, bw_sync *sync, const char *words);

/* results.c */
void bw_engine_take_results(bw_engine *e);
/* A stream's run has no end at which its result would be taken: what its commits changed. */
void bw_engine_refresh_streams(bw_engine *e);

/* pace.c */
/* When a run that is due then may begin, by what is left of the limits of 24 h; sync->slowed says why
   it is later. `from`: when the last run began; `refused`: the bytes that it was not allowed, or 0. */
int64_t bw_sync_pace(bw_engine *e, bw_sync *sync, int64_t from, int64_t due, int64_t refused);
int64_t bw_sync_pace_bytes(bw_engine *e, bw_sync *sync, int64_t from, int64_t due, int64_t refused);

/* standstill.c */
/* Cuts runs off after a jump of the clock. */
void bw_engine_watch_clock(bw_engine *e);
/* Whether the run was cut off by a jump: it is due again, under the same command. To be asked last:
   the run's strings may be gone then. */
bool bw_sync_begin_again(bw_engine *e, bw_sync *sync, bw_run *run);

/* report.c */
/* Puts the run's end into the log and, where something has changed, tells of it. `before`: why the
   last run before it failed; NULL: it was well. */
void bw_sync_report(bw_engine *e, const bw_sync *sync, const char *before, bw_run *run);
void bw_sync_tell_well(bw_engine *e, const bw_sync *sync);
/* Whether two errors say the same but for numbers, times and the ids of jobs. */
bool bw_same_reason(const char *a, const char *b);

/* commands.c */
void bw_engine_take_commands(bw_engine *e);
/* Takes the command over; returns its id. Threads: any. */
uint64_t bw_engine_enqueue(bw_engine *e, bw_queued_command *q);
void bw_engine_tracked_done(bw_engine *e, uint64_t command, const bw_run *run);
/* The final event of a command. */
void bw_engine_answer(bw_engine *e, const bw_queued_command *q, bool ok, const char *text,
                      const char *hint);
/* So many runs of the command are under way; borrowed until the next. */
bw_tracked *bw_engine_track(bw_engine *e, const bw_queued_command *q, int runs);

/* A run of the command will never begin. */
void bw_engine_tracked_withdrawn(bw_engine *e, uint64_t command, const char *words);

/* letter_commands.c */
void bw_letters_replay(bw_engine *e, bw_queued_command *q);
void bw_letters_discard(bw_engine *e, bw_queued_command *q);
void bw_letters_edit(bw_engine *e, bw_queued_command *q);
/* Says how far replays are, twice a second at the most; whether there are any. */
bool bw_engine_tell_progress(bw_engine *e);

/* publish.c */
void bw_engine_publish(bw_engine *e);
void bw_engine_sample(bw_engine *e);
void bw_engine_tell(bw_engine *e, const bw_news *news);
double bw_sync_lag_s(const bw_engine *e, const bw_sync *sync);
bw_table_score bw_sync_judge(const bw_engine *e, const bw_sync *sync);
void bw_sync_spark_add(bw_sync *sync, int64_t wall_us, int64_t rows);
/* Puts what the running run has committed since the last time into its minute. */
void bw_sync_spark_run(bw_sync *sync, int64_t wall_us, bw_run *run);

#endif
