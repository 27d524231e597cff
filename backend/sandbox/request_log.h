/*
 * What was asked of the sandbox, for tests and for people who want to see what their program sends.
 * Bounded: the newest 20,000 requests, bodies of JSON requests up to 64 KiB each and 32 MiB
 * together (older bodies are dropped first), 2 KiB of a path and of a query. Threads: any.
 */
#ifndef BW_SANDBOX_REQUEST_LOG_H
#define BW_SANDBOX_REQUEST_LOG_H

#include "backend/core/buf.h"

#define BW_SB_LOG_REQUESTS   20000
#define BW_SB_LOG_TEXT       ((size_t)2 << 10)
#define BW_SB_LOG_BODY       ((size_t)64 << 10)
#define BW_SB_LOG_BODY_TOTAL ((size_t)32 << 20)

typedef struct bw_sb_request_log bw_sb_request_log;

typedef struct bw_sb_log_entry {
    const char *method; /* "bigquery.jobs.insert"; "" when nothing matched; static text */
    const char *verb, *path, *query;
    bw_slice body; /* as collected; kept when it is JSON and small enough */
    uint64_t body_size;
    unsigned status;   /* of the answer; 0 when the connection was cut without one */
    const char *fault; /* "" for none */
    int64_t wall_us;
    double seconds; /* until the answer was ready */
} bw_sb_log_entry;

bw_sb_request_log *bw_sb_request_log_new(void);
void bw_sb_request_log_free(bw_sb_request_log *log);
/* Copies the entry. Returns its sequence number, from 1. */
uint64_t bw_sb_request_log_add(bw_sb_request_log *log, const bw_sb_log_entry *entry);
void bw_sb_request_log_clear(bw_sb_request_log *log);
/*
 * {"requests":[{"sequence","time","method","verb","path","query","bodySize","status","fault",
 * "seconds","body"},...],"total":N,"dropped":N}, oldest first: those after the sequence number
 * `after` whose method fits the pattern (NULL: all), at most `max`. "body" is the JSON itself.
 */
void bw_sb_request_log_print(bw_sb_request_log *log, uint64_t after, const char *pattern,
                             size_t max, bw_buf *out);

#endif
