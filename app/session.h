/*
 * What most commands stand on: the state directory's store, the Google credentials, the log's sinks
 * and, where runs are wanted, an engine. Opened from the configuration in force, closed in reverse.
 * Threads: main.
 */
#ifndef BW_APP_SESSION_H
#define BW_APP_SESSION_H

#include "app/command.h"
#include "backend/engine/engine.h"
#include "backend/engine/metrics.h"

/* Of a configuration without syncs, which is none that does anything. */
#define BW_NO_SYNCS      "no syncs are configured: nothing is loaded"
#define BW_NO_SYNCS_HINT "Add them below syncs:; `bridgewatch config --reference` shows how."

typedef struct bw_session {
    const bw_cli_context *ctx;
    const char *state_dir;
    char who[128]; /* the operator: user@host */
    bw_google *google;
    bw_store *store;
    bw_engine *engine;
    bw_metrics *metrics;
    bw_log_ring *ring;
    bw_log_fd log_to;
    int log_sink, ring_sink;
    int signals; /* of bw_session_signals(), where commands wait; -1: not yet */
} bw_session;

/* Sets up the log and finds the state directory. `console`: the log goes to STATE/bridgewatch.log
   instead of standard error. A log.file that cannot be written stops the console and `run`; other
   commands warn, and log to standard error. */
BW_NODISCARD bw_status bw_session_open(bw_session *s, const bw_cli_context *ctx, bool console,
                                       bw_error *err);
BW_NODISCARD bw_status bw_session_google(bw_session *s, bw_error *err);
BW_NODISCARD bw_status bw_session_store(bw_session *s, bw_store_access access, bw_error *err);

typedef struct bw_session_engine {
    bool once, observe;
    const char *const *only;
    size_t n_only;
} bw_session_engine;

/* The store as the engine (CONFLICT when another process has it), Google, and a started engine. */
BW_NODISCARD bw_status bw_session_start(bw_session *s, const bw_session_engine *options,
                                        bw_error *err);
/* Stops the engine within shutdown_timeout and closes everything. False when threads did not end:
   then the process must leave by _exit. */
bool bw_session_close(bw_session *s);

/* The exit status for a session that could not be opened. */
bw_exit bw_session_failed(const bw_cli_context *ctx, const bw_error *err);

/*
 * Signals as descriptors: INT, TERM and HUP are blocked and come in by the descriptor. Call before
 * any thread is made. Returns the descriptor.
 */
int bw_session_signals(void);
/* The signal that came, or 0. */
int bw_session_signal(int fd);

#endif
