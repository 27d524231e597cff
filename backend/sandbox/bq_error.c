#include "backend/sandbox/bq_error.h"

#include <stdio.h>
#include <string.h>

#include "backend/core/text.h"

typedef struct reason_row {
    const char *reason;
    int http;
    const char *canonical;
    bw_status status;
} reason_row;

static const reason_row reasons[] = {
    {"invalid", 400, "INVALID_ARGUMENT", BW_INVALID},
    {"invalidQuery", 400, "INVALID_ARGUMENT", BW_INVALID},
    {"badRequest", 400, "INVALID_ARGUMENT", BW_INVALID},
    {"parseError", 400, "INVALID_ARGUMENT", BW_INVALID},
    {"required", 400, "INVALID_ARGUMENT", BW_INVALID},
    {"notFound", 404, "NOT_FOUND", BW_NOT_FOUND},
    {"duplicate", 409, "ALREADY_EXISTS", BW_EXISTS},
    {"conditionNotMet", 412, "FAILED_PRECONDITION", BW_CONFLICT},
    {"accessDenied", 403, "PERMISSION_DENIED", BW_DENIED},
    {"authError", 401, "UNAUTHENTICATED", BW_DENIED},
    {"billingNotEnabled", 403, "PERMISSION_DENIED", BW_DENIED},
    {"blocked", 403, "PERMISSION_DENIED", BW_DENIED},
    {"bytesBilledLimitExceeded", 400, "INVALID_ARGUMENT", BW_QUOTA},
    {"quotaExceeded", 403, "RESOURCE_EXHAUSTED", BW_QUOTA},
    {"rateLimitExceeded", 403, "RESOURCE_EXHAUSTED", BW_RATE},
    {"responseTooLarge", 403, "PERMISSION_DENIED", BW_INVALID},
    {"resourceInUse", 400, "INVALID_ARGUMENT", BW_CONFLICT},
    {"resourcesExceeded", 400, "RESOURCE_EXHAUSTED", BW_INVALID},
    {"tableUnavailable", 400, "FAILED_PRECONDITION", BW_UNAVAILABLE},
    {"backendError", 503, "UNAVAILABLE", BW_UNAVAILABLE},
    {"internalError", 500, "INTERNAL", BW_INTERNAL},
    {"jobBackendError", 400, "UNAVAILABLE", BW_UNAVAILABLE},
    {"jobInternalError", 400, "INTERNAL", BW_INTERNAL},
    {"jobRateLimitExceeded", 400, "RESOURCE_EXHAUSTED", BW_RATE},
    {"notImplemented", 501, "UNIMPLEMENTED", BW_UNSUPPORTED},
    {"stopped", 200, "CANCELLED", BW_CANCELLED},
    {"timeout", 400, "DEADLINE_EXCEEDED", BW_TIMEOUT},
};

static const reason_row *reason_find(const char *reason)
{
    for (size_t i = 0; reason && i < BW_COUNT(reasons); i++) {
        if (strcmp(reasons[i].reason, reason) == 0)
            return &reasons[i];
    }
    return &reasons[0];
}

/* What a fixed array cut must stay text: an error goes out in JSON. */
static void cut_to_utf8(char *text)
{
    bw_slice s = bw_slice_cstr(text);
    text[bw_utf8_valid_prefix(s)] = '\0';
}

bw_status bq_error_set(bq_error *err, const char *reason, const char *location, const char *fmt,
                       ...)
{
    const reason_row *row = reason_find(reason);

    if (!err)
        return row->status;
    va_list ap;
    va_start(ap, fmt);
    /* A buffer of its own: the arguments may be the error's own text. */
    char message[sizeof(err->message)];
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    char where[sizeof(err->location)];
    snprintf(where, sizeof(where), "%s", location ? location : "");
    err->reason = row->reason;
    memcpy(err->message, message, sizeof(message));
    memcpy(err->location, where, sizeof(where));
    cut_to_utf8(err->message);
    cut_to_utf8(err->location);
    return row->status;
}

bw_status bq_error_append(bq_error *err, const char *fmt, ...)
{
    if (!err)
        return BW_INVALID;
    size_t used = strlen(err->message);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message + used, sizeof(err->message) - used, fmt, ap);
    va_end(ap);
    cut_to_utf8(err->message);
    return reason_find(err->reason)->status;
}

int bq_reason_http(const char *reason)
{
    return reason_find(reason)->http;
}

const char *bq_reason_status(const char *reason)
{
    return reason_find(reason)->canonical;
}
