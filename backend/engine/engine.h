/*
 * The engine: a scheduler thread that owns the syncs, a pool of workers that run them, a store
 * reader that answers page queries. It talks to the console by immutable snapshots and pages, and
 * listens to plain commands. Without a terminal the same engine runs under `bridgewatch run`.
 *
 * DESIGN. The scheduler thread is the only one that decides: it starts runs when their schedule,
 * a command or a retry asks for it, takes their results, applies commands (its own queue and the
 * store's), publishes snapshots. A worker executes one run from begin to end (run.h) with its own
 * source connection and its own destination, and shares with the scheduler only the run's counters
 * (atomics), its cancel and its result. The store is called from any of them. No thread waits
 * without a deadline or a descriptor that wakes it.
 */
#ifndef BW_ENGINE_ENGINE_H
#define BW_ENGINE_ENGINE_H

#include "backend/config/config.h"
#include "backend/engine/command.h"
#include "backend/engine/page.h"
#include "backend/engine/snapshot.h"
#include "backend/google/google.h"

typedef struct bw_engine bw_engine;

typedef struct bw_engine_options {
    const bw_config *config;
    const bw_google *google;
    bw_store *store; /* opened with BW_STORE_ENGINE; borrowed */
    const char *state_dir;
    const bw_clock *clock;
    bw_log_ring *ring;       /* for log pages; may be NULL */
    bool read_only;          /* every command that changes something is refused */
    bool observe;            /* start no runs by schedule (only what commands ask for) */
    bool once;               /* run each sync of `only` once, then be done */
    const char *const *only; /* with once: names of syncs; NULL: all */
    size_t n_only;
} bw_engine_options;

/* Reads the syncs from the configuration. INVALID when a sync contradicts itself. */
BW_NODISCARD bw_status bw_engine_new(const bw_engine_options *options, bw_engine **out,
                                     bw_error *err);
BW_NODISCARD bw_status bw_engine_start(bw_engine *engine, bw_error *err);
/* Cancels runs and waits for the threads, at most `timeout_us`; false when some did not end (then
   only leaving the process helps, which the commit protocol makes safe). */
bool bw_engine_stop(bw_engine *engine, int64_t timeout_us);
/* After a stop that returned true. */
void bw_engine_free(bw_engine *engine);

/* The newest snapshot, referenced; NULL before the first. */
const bw_snapshot *bw_engine_snapshot(bw_engine *engine);
/* Readable when there is a new snapshot, page or event; drain before looking. */
int bw_engine_wake_fd(const bw_engine *engine);
void bw_engine_wake_drain(bw_engine *engine);

/* Queues a command (copied); returns its id. DENIED under read-only. */
BW_NODISCARD bw_status bw_engine_command(bw_engine *engine, const bw_command *command, uint64_t *id,
                                         bw_error *err);
/* The oldest event not yet taken; false when there is none. */
bool bw_engine_news(bw_engine *engine, bw_news *out);

/* Asks for a page under a slot number (one per view; 0 to 15): replaces an unanswered query there. */
void bw_engine_ask(bw_engine *engine, int slot, const bw_page_query *query);
/* The newest page of the slot, referenced; NULL when none came yet. */
const bw_page *bw_engine_page(bw_engine *engine, int slot);

/* With `once`: true when every sync has run (or could not). */
bool bw_engine_done(const bw_engine *engine);
/* The record of each sync's last run in this process (state "skipped" when it did not run), in the
   arena. For run --once. */
void bw_engine_results(bw_engine *engine, bw_arena *arena, bw_run_record **out, size_t *count);

#endif
