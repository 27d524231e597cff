/*
 * Cloud Logging's REST API (v2), thinly: writing entries. Calls are repeated when transient: an entry
 * with an insertId is kept once. Errors and json_t arguments as in bigquery.h.
 * Threads: a client belongs to one thread.
 */
#ifndef BW_GOOGLE_LOGGING_H
#define BW_GOOGLE_LOGGING_H

#include <jansson.h>

#include "backend/google/google.h"

typedef struct bw_logging bw_logging;

/* Borrowed, outlive the client; cancel may be NULL. `project` (copied) NULL: bw_google_project(). */
bw_logging *bw_logging_new(const bw_google *google, const char *project, const bw_clock *clock,
                           const bw_cancel *cancel);
void bw_logging_free(bw_logging *log);
/* How long one call may take, its retries included. Default 10 min. */
void bw_logging_set_deadline(bw_logging *log, int64_t per_call_us);

/*
 * entries.write with partialSuccess into projects/P/logs/<log_id>, resource global: an array of
 * LogEntry objects ({severity, timestamp, insertId, jsonPayload, labels}), with `labels` (an object,
 * or NULL) on each. Sent in requests of at most 1,000 entries and 10 MB, stopping at the first that
 * fails. *written (may be NULL) counts the entries that are in. Entries that the service refuses by
 * themselves (larger than 256 KB) are counted in *refused (may be NULL): the others go in all the
 * same, and the first one's reason is the error (REJECTED).
 */
BW_NODISCARD bw_status bw_logging_write(bw_logging *log, const char *log_id, const json_t *labels,
                                        const json_t *entries, size_t *written, size_t *refused,
                                        bw_error *err);

#endif
