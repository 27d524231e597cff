/*
 * What Google's error answers mean. Three shapes: BigQuery's {"error": {"errors": [{"reason"}]}}, the
 * other services' {"error": {"status", "details": [ErrorInfo, RetryInfo]}} (google.rpc.Status), and
 * pages of HTML from a proxy in between. The reason decides, then the canonical status, then the
 * HTTP code:
 *
 *   EXISTS       409, duplicate
 *   CONFLICT     412 conditionNotMet; ABORTED (retryable)
 *   NOT_FOUND    404, 410
 *   DENIED       401, 403 accessDenied, billing, API not enabled: with a hint what to grant
 *   RATE         429, rateLimitExceeded (retryable)
 *   UNAVAILABLE  408, 5xx, backendError, internalError, tableUnavailable, "Could not serialize
 *                access" (retryable); maybe_acted after a 408 or 5xx
 *   QUOTA        quotaExceeded: retry_after_s is 10 min unless the service says otherwise
 *   INVALID      everything else
 * Threads: any.
 */
#ifndef BW_GOOGLE_API_ERROR_H
#define BW_GOOGLE_API_ERROR_H

#include "backend/core/buf.h"
#include "backend/core/error.h"

#define BW_REASON_SIZE 64

/* Sets the error for an answer with this HTTP status and body: "cannot insert the job: Not found:
   ... (HTTP 404, notFound)". retry_after_s is the header's, 0 when absent. The machine-readable
   reason goes to `reason` ("" when there is none). */
bw_status bw_api_error_from_http(int http, bw_slice body, double retry_after_s, const char *what,
                                 char reason[BW_REASON_SIZE], bw_error *err);

/* The same for an ErrorProto {reason, message} inside an answer, such as a job's errorResult.
   `retryable` then speaks of a new job. */
bw_status bw_api_error_from_reason(const char *reason, const char *message, bw_error *err);

#endif
