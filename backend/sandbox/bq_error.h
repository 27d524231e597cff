/*
 * An error as BigQuery reports it: a reason (the machine-readable word of ErrorProto), where it is,
 * and BigQuery's own wording. Functions of the sandbox's BigQuery return bw_status, so that callers
 * can branch, and fill a bq_error exactly when they do not return BW_OK.
 * Specification: BigQuery v2, ErrorProto, and the table of reasons and HTTP codes in its guide.
 * Threads: any; one error belongs to one thread at a time.
 */
#ifndef BW_SANDBOX_BQ_ERROR_H
#define BW_SANDBOX_BQ_ERROR_H

#include "backend/core/error.h"

typedef struct bq_error {
    const char *reason; /* "invalidQuery", "notFound", ...: static text; NULL while unset */
    char location[256]; /* "query", a column, a file; may be empty */
    char message[2048];
} bq_error;

#define BQ_ERROR_INIT \
    {                 \
        0             \
    }

/* Sets the error; `location` may be NULL. Returns the status that belongs to the reason: notFound
   BW_NOT_FOUND, duplicate BW_EXISTS, conditionNotMet BW_CONFLICT, internalError BW_INTERNAL, stopped
   BW_CANCELLED, ..., everything else BW_INVALID. `reason` must be static; `err` may be NULL. */
bw_status bq_error_set(bq_error *err, const char *reason, const char *location, const char *fmt,
                       ...) BW_PRINTF(4, 5);
/* Appends to the message; returns the status of the reason. */
bw_status bq_error_append(bq_error *err, const char *fmt, ...) BW_PRINTF(2, 3);
/* The HTTP code that carries the reason: invalidQuery 400, notFound 404, duplicate 409, ... */
int bq_reason_http(const char *reason);
/* The canonical status beside it: "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", ... */
const char *bq_reason_status(const char *reason);

#endif
