/* backend/google/api_error: the whole policy, case by case. */
#include "tests/support/test.h"

#include "backend/google/api_error.h"

typedef struct expectation {
    const char *name;
    int http;
    const char *body;
    double header_s;
    bw_status status;
    bool retryable;
    bool maybe_acted;
    double retry_after_s;
    const char *reason;
    const char *in_message;
    const char *in_hint; /* NULL: no hint */
} expectation;

#define BQ(code, reason)                                                                      \
    "{\"error\":{\"code\":" code ",\"message\":\"Said: x\",\"errors\":[{\"message\":\"Said: " \
    "x\",\"domain\":\"global\",\"reason\":\"" reason "\"}]}}"
#define RPC(code, status, details)                                               \
    "{\"error\":{\"code\":" code ",\"message\":\"Said: x\",\"status\":\"" status \
    "\",\"details\":[" details "]}}"
#define INFO(reason) \
    "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" reason "\"}"
#define RETRY_IN(delay) \
    "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"" delay "\"}"
#define RETRY_INFO RETRY_IN("1.5s")

static const expectation cases[] = {
    {"duplicate job", 409, BQ("409", "duplicate"), 0, BW_EXISTS, false, false, 0, "duplicate",
     "cannot act: Said: x (HTTP 409, duplicate)", NULL},
    {"access denied", 403, BQ("403", "accessDenied"), 0, BW_DENIED, false, false, 0, "accessDenied",
     "Said: x", "BigQuery Data Editor"},
    {"rate as 403", 403, BQ("403", "rateLimitExceeded"), 0, BW_RATE, true, false, 0,
     "rateLimitExceeded", "403", "next run"},
    {"429 with a wait", 429, "", 12, BW_RATE, true, false, 12, "", "cannot act: HTTP 429",
     "next run"},
    {"a wait beyond reason", 429, RPC("429", "RESOURCE_EXHAUSTED", RETRY_IN("1e300s")), 0, BW_RATE,
     true, false, 86400, "", "429", "next run"},
    {"a wait that is none", 429, RPC("429", "RESOURCE_EXHAUSTED", RETRY_IN("nan")), 0, BW_RATE,
     true, false, 0, "", "429", "next run"},
    {"quota", 403, BQ("403", "quotaExceeded"), 0, BW_QUOTA, false, false, 600, "quotaExceeded",
     "Said", "quota"},
    {"job rate as 400", 400, BQ("400", "jobRateLimitExceeded"), 0, BW_RATE, true, false, 0,
     "jobRateLimitExceeded", "", "next run"},
    {"backend error", 503, BQ("503", "backendError"), 0, BW_UNAVAILABLE, true, true, 0,
     "backendError", "503", "next run"},
    {"internal error", 500, BQ("500", "internalError"), 0, BW_UNAVAILABLE, true, true, 0,
     "internalError", "500", "next run"},
    {"html", 502, "<html><head><TITLE>Error 502 (Server)!!1</TITLE></head>", 0, BW_UNAVAILABLE,
     true, true, 0, "", "cannot act: Error 502 (Server)!!1 (HTTP 502)", "next run"},
    {"html without a title", 504, "<html>", 0, BW_UNAVAILABLE, true, true, 0, "",
     "cannot act: HTTP 504", "next run"},
    {"plain text", 400, "no such path", 0, BW_INVALID, false, false, 0, "",
     "no such path (HTTP 400)", NULL},
    {"request timeout", 408, "", 0, BW_UNAVAILABLE, true, true, 0, "", "408", "next run"},
    {"not found", 404, BQ("404", "notFound"), 0, BW_NOT_FOUND, false, false, 0, "notFound", "404",
     "location"},
    {"gone", 410, "", 0, BW_NOT_FOUND, false, false, 0, "", "410", NULL},
    {"etag", 412, RPC("412", "FAILED_PRECONDITION", ""), 0, BW_CONFLICT, false, false, 0, "",
     "FAILED_PRECONDITION", NULL},
    {"etag, BigQuery", 412, BQ("412", "conditionNotMet"), 0, BW_CONFLICT, false, false, 0,
     "conditionNotMet", "", NULL},
    {"disabled secret", 400, RPC("400", "FAILED_PRECONDITION", ""), 0, BW_INVALID, false, false, 0,
     "", "", NULL},
    {"invalid", 400, BQ("400", "invalid"), 0, BW_INVALID, false, false, 0, "invalid", "", NULL},
    {"unknown reason", 400, BQ("400", "brandNew"), 0, BW_INVALID, false, false, 0, "brandNew",
     "brandNew", NULL},
    {"unknown reason, 5xx", 503, BQ("503", "brandNew"), 0, BW_UNAVAILABLE, true, true, 0,
     "brandNew", "", "next run"},
    {"concurrent update", 400,
     "{\"error\":{\"code\":400,\"message\":\"Could not serialize access to table p:d.t due to "
     "concurrent update\",\"errors\":[{\"reason\":\"invalidQuery\"}]}}",
     0, BW_UNAVAILABLE, true, false, 0, "invalidQuery", "serialize", "someone else"},
    {"expired token", 401, BQ("401", "authError"), 0, BW_DENIED, false, false, 0, "authError", "",
     "credentials"},
    {"rpc: aborted", 409, RPC("409", "ABORTED", ""), 0, BW_CONFLICT, true, false, 0, "", "", NULL},
    {"rpc: exists", 409, RPC("409", "ALREADY_EXISTS", ""), 0, BW_EXISTS, false, false, 0, "", "",
     NULL},
    {"rpc: disabled API", 403, RPC("403", "PERMISSION_DENIED", INFO("SERVICE_DISABLED")), 0,
     BW_DENIED, false, false, 0, "SERVICE_DISABLED", "", "gcloud services enable"},
    {"rpc: retry info", 429, RPC("429", "RESOURCE_EXHAUSTED", RETRY_INFO), 0, BW_RATE, true, false,
     1.5, "", "", "next run"},
    {"rpc: unknown detail", 503, RPC("503", "UNAVAILABLE", INFO("WHATEVER")), 0, BW_UNAVAILABLE,
     true, true, 0, "WHATEVER", "", "next run"},
    {"error is a string", 400, "{\"error\":\"invalid_grant\"}", 0, BW_INVALID, false, false, 0, "",
     "HTTP 400", NULL},
    {"cut JSON", 500, "{\"error\":{", 0, BW_UNAVAILABLE, true, true, 0, "", "500", "next run"},
    {"a token in the text", 400,
     "{\"error\":{\"message\":\"bad header: Bearer ya29.secret\",\"status\":\"INVALID_ARGUMENT\"}}",
     0, BW_INVALID, false, false, 0, "", "***", NULL},
};

static void test_http_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        const expectation *c = &cases[i];
        bw_error err = BW_ERROR_INIT;
        char reason[BW_REASON_SIZE];
        bw_status s = bw_api_error_from_http(c->http, bw_slice_cstr(c->body), c->header_s, "act",
                                             reason, &err);
        if (s != c->status || err.status != c->status || err.retryable != c->retryable ||
            err.maybe_acted != c->maybe_acted || err.retry_after_s != c->retry_after_s ||
            strcmp(reason, c->reason) != 0 || !strstr(err.message, c->in_message) ||
            strstr(err.message, "ya29") ||
            (c->in_hint ? !strstr(err.hint, c->in_hint) : err.hint[0] != '\0'))
            fail_msg("%s: %s, retryable %d, maybe_acted %d, after %g, reason '%s': %s (%s)",
                     c->name, bw_status_name(s), err.retryable, err.maybe_acted, err.retry_after_s,
                     reason, err.message, err.hint);
    }
}

static void test_job_errors(void **state)
{
    (void)state;
    static const struct {
        const char *reason, *message;
        bw_status status;
        bool retryable;
    } jobs[] = {
        {"rateLimitExceeded", "Exceeded rate limits", BW_RATE, true},
        {"jobRateLimitExceeded", "x", BW_RATE, true},
        {"backendError", "x", BW_UNAVAILABLE, true},
        {"jobInternalError", "x", BW_UNAVAILABLE, true},
        {"quotaExceeded", "x", BW_QUOTA, false},
        {"invalid", "Error while reading data", BW_INVALID, false},
        {"invalidQuery", "Could not serialize access to table", BW_UNAVAILABLE, true},
        {"invalidQuery", "Syntax error", BW_INVALID, false},
        {"accessDenied", "x", BW_DENIED, false},
        {"notFound", "x", BW_NOT_FOUND, false},
        {"duplicate", "Already Exists: Table", BW_EXISTS, false},
        {"stopped", "Job execution was cancelled", BW_CONFLICT, false},
        {"brandNew", "x", BW_INVALID, false},
        {NULL, NULL, BW_INVALID, false},
    };
    for (size_t i = 0; i < BW_COUNT(jobs); i++) {
        bw_error err = BW_ERROR_INIT;
        bw_status s = bw_api_error_from_reason(jobs[i].reason, jobs[i].message, &err);
        if (s != jobs[i].status || err.retryable != jobs[i].retryable || err.maybe_acted)
            fail_msg("%s, %s: %s", jobs[i].reason, jobs[i].message, bw_status_name(s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_table),
        cmocka_unit_test(test_job_errors),
    };
    return BW_RUN_TESTS(tests);
}
