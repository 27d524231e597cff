/*
 * One run of one sync, from the first connection to the last commit: what a worker executes.
 * A run reads nothing of the engine but its own definition and request; it shares its counters, its
 * phase and its cancel with the scheduler, and its result after it has ended.
 * Threads: execute by a worker; the progress functions by any; everything else before or after.
 */
#ifndef BW_ENGINE_RUN_H
#define BW_ENGINE_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/engine/snapshot.h"
#include "backend/engine/sync.h"
#include "backend/store/store.h"

typedef struct bw_run_env {
    bw_store *store;
    const bw_google *google;
    const bw_clock *clock;
} bw_run_env;

typedef enum bw_run_kind {
    BW_RUN_SYNC,   /* read as the request says */
    BW_RUN_REPLAY, /* take dead letters their way again */
    BW_RUN_EXPAND, /* list the tables of a pattern */
} bw_run_kind;

/* What a run is asked to do. The strings live as long as whatever holds it: a bw_pending, then the
   run. */
typedef struct bw_ask {
    bw_run_kind kind;
    bw_read_kind read;
    const char *trigger; /* schedule start command replay resync drift */
    const char *who;     /* NULL: nobody did, it was due */
    uint64_t command;    /* that waits for the outcome; 0: none */
    int64_t since_us;    /* SINCE */
    const char *const *keys;
    size_t n_keys;
    const int64_t *letters; /* REPLAY */
    size_t n_letters;
    double rate;    /* REPLAY: letters per second; 0: no limit */
    bool publish;   /* REPLAY: messages go to their topic again */
    bool take_over; /* of a target that belongs to another store */
} bw_ask;

/* What a run has to say to the Sync screen; reference-counted between snapshots. */
typedef struct bw_detail_box {
    atomic_int refs;
    bw_arena arena;
    bw_sync_detail detail;
} bw_detail_box;

bw_detail_box *bw_detail_box_new(void);
bw_detail_box *bw_detail_box_ref(bw_detail_box *box);
void bw_detail_box_unref(bw_detail_box *box);

#define BW_RATE_LOOKS 10 /* a second apart, or more */

/* What became of the letters of a replay. */
typedef struct bw_replay_counts {
    int64_t letters;
    int64_t landed, refused, gone; /* at the source */
    int64_t keyless;               /* of rows that nothing finds again */
} bw_replay_counts;

typedef struct bw_run {
    /* Set before execute; strings live in `arena`. */
    bw_arena arena;
    bw_run_env env;
    const bw_sync_def *def;
    bw_ask ask;
    bool drain;       /* a stream: ends when nothing is left; else it goes on until it yields */
    bool stood_still; /* the scheduler's: cut off by a jump of the clock, and begun again */
    bw_cancel cancel;
    bw_cancel yield; /* raised: no further batch of a stream is begun */
    bw_kept *kept;   /* the sync's; or NULL */

    /* Shared while it runs. */
    _Atomic int64_t rows_read, rows_loaded, dead_letters; /* as in bw_batch_record */
    _Atomic int64_t rows_present, rows_expected;
    _Atomic uint64_t bytes_uploaded;
    _Atomic int64_t started_us;   /* wall */
    _Atomic int64_t letters_done; /* REPLAY: whose outcome is known */
    atomic_bool stop;             /* REPLAY: no further letters are begun */
    atomic_bool backfilling;
    atomic_int attempt;
    _Atomic(const char *) phase; /* a literal */
    _Atomic int64_t commits; /* batches that are committed, and what they left is in the store */
    pthread_mutex_t mu;
    char batch_label[160]; /* guarded by mu */
    char load_job[128];    /* guarded by mu */
    char waiting_for[320]; /* guarded by mu */
    char cancelled[160];   /* guarded by mu: by whom, in words */

    /* The engine's thread's: what the last looks at the progress saw, for the rate. */
    struct {
        int64_t mono_us, rows;
    } looks[BW_RATE_LOOKS];
    size_t n_looks;
    int64_t rows_charted; /* of rows_loaded, in the sync's minutes already */

    /* The result, valid after execute. */
    bw_status status;
    bw_error error;
    bw_run_record record; /* strings in the arena */
    bw_source_status source_status;
    bool source_asked, source_answered;
    int64_t source_offset_us; /* its clock minus ours; BW_TIME_NONE unknown */
    bool wants_full;          /* columns were added that only a full resync fills */
    bool drift_stops;         /* the target is incompatible: drift, not failure */
    const char *mode;         /* as resolved */
    const char *target;       /* project.dataset.table */
    bool partitioned;
    int64_t bytes_refused; /* that a query would have read, had the day's bytes not been used up */
    bw_batch_end end;      /* of the last committed batch; strings in end_arena */
    bw_arena end_arena;
    bool any_commit;
    bw_detail_box *detail;     /* guarded by mu while it runs */
    const char *const *tables; /* EXPAND */
    size_t n_tables;
    bw_replay_counts replay;
    bool unparked, well_again; /* the scheduler's: what this run has ended */
} bw_run;

/* What is due by the schedule; a pattern is expanded, whatever is asked. */
bw_run *bw_run_new(const bw_run_env *env, const bw_sync_def *def);
void bw_run_free(bw_run *run);
void bw_run_execute(bw_run *run);

/* Cancels it; `words` ("cancelled by ann@host") is what its error says. Threads: any. */
void bw_run_cancel(bw_run *run, const char *words);
/* Ends a replay after the letters at hand; those that were not begun stay open. False where that has
   been asked for already, or the run is no replay: then it has to be cancelled. Threads: any. */
bool bw_run_stop(bw_run *run, const char *words);
/* Ends the run of a stream, which has no end of its own, after the batch at hand. Threads: any. */
void bw_run_yield(bw_run *run);
/* What it has to say by now, or NULL; the caller's reference. Threads: any. */
bw_detail_box *bw_run_detail(bw_run *run);
/* Fills the progress of a running run; strings are copied into the arena. Threads: the engine's. */
void bw_run_progress(bw_run *run, bw_arena *arena, bw_run_view *out);

#endif
