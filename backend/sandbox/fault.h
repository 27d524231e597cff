/*
 * Faults: what the sandbox does wrong on purpose, so that a client can be shown to survive it.
 *
 *     METHOD:WHAT[:SHARE[:COUNT[:SKIP]]]
 *
 * METHOD is a method's name or a pattern over it (bigquery.jobs.insert, bigquery.upload.*, *). WHAT:
 *
 *     503                    answers with this status and does nothing
 *     403/quotaExceeded      the same with a reason
 *     latency=200ms          waits before it acts
 *     cut-before             closes the connection without acting
 *     cut-middle             closes it when half of an upload's body has arrived (and is kept)
 *     cut-after              acts, then closes the connection without an answer
 *     slow=4KiB              sends the answer at so many bytes per second
 *     truncate               sends half of the answer, then closes the connection
 *     short-range            keeps fewer bytes of an upload's chunk than were sent
 *     expired-token          401 as for an expired access token
 *
 * SHARE is a probability from 0 to 1 (default 1); COUNT ends the fault after so many hits; SKIP lets
 * so many matching requests pass first. Jobs are methods too when they run (bigquery.job.load,
 * bigquery.job.query, bigquery.job.copy): a status with a reason makes the job fail with that reason
 * and without effect, latency delays it.
 *
 * Threads: any.
 */
#ifndef BW_SANDBOX_FAULT_H
#define BW_SANDBOX_FAULT_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

typedef enum bw_sb_fault_kind {
    BW_SB_FAULT_NONE,
    BW_SB_FAULT_STATUS,
    BW_SB_FAULT_LATENCY,
    BW_SB_FAULT_CUT_BEFORE,
    BW_SB_FAULT_CUT_MIDDLE,
    BW_SB_FAULT_CUT_AFTER,
    BW_SB_FAULT_SLOW,
    BW_SB_FAULT_TRUNCATE,
    BW_SB_FAULT_SHORT_RANGE,
    BW_SB_FAULT_EXPIRED_TOKEN,
} bw_sb_fault_kind;

/* What hits one request. Latency adds up and goes together with one other kind. */
typedef struct bw_sb_fault {
    bw_sb_fault_kind kind;
    unsigned status; /* STATUS */
    char reason[48]; /* STATUS; may be empty */
    int64_t rate;    /* SLOW: bytes per second */
    int64_t latency_us;
} bw_sb_fault;

typedef struct bw_sb_faults bw_sb_faults;

bw_sb_faults *bw_sb_faults_new(void);
void bw_sb_faults_free(bw_sb_faults *faults);
/* A method that there is (static text): faults of other names are refused. Before any is added. */
void bw_sb_faults_know(bw_sb_faults *faults, const char *method);
/* INVALID with a hint when the text is not a fault, or no method has this name. */
BW_NODISCARD bw_status bw_sb_faults_add(bw_sb_faults *faults, const char *spec, bw_error *err);
/*
 * The body of POST /sandbox/faults: lines of the form above (empty lines and # comments ignored), or
 * JSON: {"faults": [SPEC | {"method", "what", "share", "count", "skip"}, ...], "replace": bool}, or
 * one such object or array alone. All or nothing.
 */
BW_NODISCARD bw_status bw_sb_faults_post(bw_sb_faults *faults, bw_slice body, bw_error *err);
void bw_sb_faults_clear(bw_sb_faults *faults);
/* {"faults":[{"method","what","share","count","skip","seen","hits"},...]} */
void bw_sb_faults_print(bw_sb_faults *faults, bw_buf *out);

/* Draws the faults of a request. `alias` may be NULL. */
bw_sb_fault bw_sb_faults_draw(bw_sb_faults *faults, const char *method, const char *alias);
/* "503/backendError", "cut-after", ...; "" for none. */
const char *bw_sb_fault_name(const bw_sb_fault *fault, char *out, size_t size);

#endif
