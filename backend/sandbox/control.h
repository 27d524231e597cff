/*
 * The sandbox's own methods, for tests and for the curious:
 *
 *   GET  /                        a greeting, so that a browser shows something
 *   GET  /sandbox/requests        what was asked: ?after=SEQUENCE&method=PATTERN&max=N
 *   DELETE /sandbox/requests      forgets it
 *   GET, POST, DELETE /sandbox/faults   see fault.h
 *   GET  /sandbox/stats           counters and the process's CPU time and memory
 *   POST /sandbox/tokens/expire   access tokens given out so far become invalid
 *   POST /sandbox/reset           as freshly started: no data, jobs, uploads, faults, requests
 *
 * They are not in the request log and faults do not touch them.
 */
#ifndef BW_SANDBOX_CONTROL_H
#define BW_SANDBOX_CONTROL_H

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/identity.h"
#include "backend/sandbox/request_log.h"

typedef struct bw_sb_control {
    bw_sb_faults *faults;
    bw_sb_request_log *log;
    bw_sb_identity *identity;
    bw_sb_stats *stats;
    /* Makes everything as it was at the start. */
    bw_status (*reset)(void *user, bw_error *err);
    /* What is in the streaming buffer leaves it. */
    bw_status (*flush)(void *user, bw_error *err);
    void *user;
} bw_sb_control;

bw_sb_service bw_sb_control_service(bw_sb_control *control);

#endif
