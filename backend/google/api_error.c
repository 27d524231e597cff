#include "backend/google/api_error.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/text.h"

#define QUOTA_WAIT_S 600.0
#define COST_WAIT_S  3600.0
#define WAIT_MAX_S   86400.0

typedef struct meaning {
    const char *word; /* a reason or a canonical status */
    bw_status status;
    bool retryable;
    double retry_after_s;
    const char *hint;
} meaning;

#define ROLES                                                                                 \
    "grant BigQuery Data Editor on the dataset and BigQuery Job User on the project to this " \
    "identity"
#define ENABLE  "enable the API in this project (gcloud services enable NAME.googleapis.com)"
#define BILLING "link the project to a billing account"
#define WAIT    "the sync waits; ask for a higher quota when this happens often"
#define TROUBLE "the service has trouble of its own; the next run goes on from here"
#define CROWD   "too many requests at a time; the next run goes on from here"

/* Reasons of BigQuery (its guide's error table) and of google.rpc.ErrorInfo. */
static const meaning reasons[] = {
    {"accessDenied", BW_DENIED, false, 0, ROLES},
    {"accessNotConfigured", BW_DENIED, false, 0, ENABLE},
    {"SERVICE_DISABLED", BW_DENIED, false, 0, ENABLE},
    {"authError", BW_DENIED, false, 0, "check the credentials"},
    {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", BW_DENIED, false, 0,
     "give the machine's service account the cloud-platform access scope"},
    {"billingNotEnabled", BW_DENIED, false, 0, BILLING},
    {"BILLING_DISABLED", BW_DENIED, false, 0, BILLING},
    {"blocked", BW_DENIED, false, 0, "the project is blocked: ask Google Cloud support"},
    {"invalidUser", BW_DENIED, false, 0, ROLES},
    {"proxyAuthenticationRequired", BW_DENIED, false, 0,
     "put the proxy's user and password into https_proxy"},
    {"rateLimitExceeded", BW_RATE, true, 0, CROWD},
    {"userRateLimitExceeded", BW_RATE, true, 0, CROWD},
    {"jobRateLimitExceeded", BW_RATE, true, 0, CROWD},
    {"RATE_LIMIT_EXCEEDED", BW_RATE, true, 0, CROWD},
    {"quotaExceeded", BW_QUOTA, false, QUOTA_WAIT_S, WAIT},
    {"dailyLimitExceeded", BW_QUOTA, false, QUOTA_WAIT_S, WAIT},
    {"bytesBilledLimitExceeded", BW_QUOTA, false, COST_WAIT_S, "raise max_bytes_per_day"},
    {"billingTierLimitExceeded", BW_QUOTA, false, COST_WAIT_S, ""},
    {"backendError", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"internalError", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"badGateway", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"jobBackendError", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"jobInternalError", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"tableUnavailable", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"timeout", BW_TIMEOUT, true, 0, TROUBLE},
    {"duplicate", BW_EXISTS, false, 0, ""},
    {"alreadyExists", BW_EXISTS, false, 0, ""},
    {"notFound", BW_NOT_FOUND, false, 0,
     "check project, dataset and table; a wrong location also answers this"},
    {"conditionNotMet", BW_CONFLICT, false, 0, ""},
    {"resourceInUse", BW_CONFLICT, false, 0, ""},
    {"stopped", BW_CONFLICT, false, 0, "someone cancelled the job"},
    {"notImplemented", BW_UNSUPPORTED, false, 0, ""},
    {"invalid", BW_INVALID, false, 0, ""},
    {"invalidQuery", BW_INVALID, false, 0, ""},
    {"resourcesExceeded", BW_INVALID, false, 0, "the query needs more than the service gives it"},
    {"responseTooLarge", BW_INVALID, false, 0, ""},
};

/* google.rpc.Code, as the services without BigQuery's reasons say it. */
static const meaning statuses[] = {
    {"PERMISSION_DENIED", BW_DENIED, false, 0, "grant this identity the role that the call needs"},
    {"UNAUTHENTICATED", BW_DENIED, false, 0, "check the credentials"},
    {"NOT_FOUND", BW_NOT_FOUND, false, 0, ""},
    {"ALREADY_EXISTS", BW_EXISTS, false, 0, ""},
    {"ABORTED", BW_CONFLICT, true, 0, ""},
    {"RESOURCE_EXHAUSTED", BW_RATE, true, 0, CROWD},
    {"UNAVAILABLE", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"INTERNAL", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"UNKNOWN", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"DEADLINE_EXCEEDED", BW_UNAVAILABLE, true, 0, TROUBLE},
    {"UNIMPLEMENTED", BW_UNSUPPORTED, false, 0, ""},
    {"INVALID_ARGUMENT", BW_INVALID, false, 0, ""},
    {"OUT_OF_RANGE", BW_INVALID, false, 0, ""},
};

typedef struct http_meaning {
    int from, to;
    meaning meaning;
} http_meaning;

static const http_meaning codes[] = {
    {401, 401, {"", BW_DENIED, false, 0, "check the credentials"}},
    {403, 403, {"", BW_DENIED, false, 0, "grant this identity the role that the call needs"}},
    {404, 404, {"", BW_NOT_FOUND, false, 0, ""}},
    {407, 407, {"", BW_DENIED, false, 0, "put the proxy's user and password into https_proxy"}},
    {408, 408, {"", BW_UNAVAILABLE, true, 0, TROUBLE}},
    {409, 409, {"", BW_EXISTS, false, 0, ""}},
    {410, 410, {"", BW_NOT_FOUND, false, 0, ""}},
    {412, 412, {"", BW_CONFLICT, false, 0, ""}},
    {429, 429, {"", BW_RATE, true, 0, CROWD}},
    {501, 501, {"", BW_UNSUPPORTED, false, 0, ""}},
    {500, 599, {"", BW_UNAVAILABLE, true, 0, TROUBLE}},
    {0, 999, {"", BW_INVALID, false, 0, ""}},
};

static const meaning *find(const meaning *table, size_t n, const char *word)
{
    for (size_t i = 0; word && i < n; i++)
        if (strcmp(table[i].word, word) == 0)
            return &table[i];
    return NULL;
}

static const meaning *by_reason(const char *reason)
{
    return find(reasons, BW_COUNT(reasons), reason);
}

static const meaning *by_code(int http)
{
    for (size_t i = 0;; i++)
        if (http >= codes[i].from && http <= codes[i].to)
            return &codes[i].meaning;
}

/* What an answer says, whatever its shape. Strings borrow from the parsed body. */
typedef struct answer {
    const char *reason, *status, *message;
    const meaning *known;
    double retry_after_s;
} answer;

static void consider(answer *a, const char *reason)
{
    if (!reason || a->known)
        return;
    a->reason = reason;
    a->known = by_reason(reason);
}

static void read_error(answer *a, const json_t *error)
{
    size_t i;
    json_t *item;
    a->message = json_string_value(json_object_get(error, "message"));
    a->status = json_string_value(json_object_get(error, "status"));
    json_array_foreach(json_object_get(error, "details"), i, item)
    {
        consider(a, json_string_value(json_object_get(item, "reason")));
        const char *delay = json_string_value(json_object_get(item, "retryDelay"));
        double s = delay ? strtod(delay, NULL) : 0;
        if (s > 0) /* and a number */
            a->retry_after_s = s < WAIT_MAX_S ? s : WAIT_MAX_S;
    }
    json_array_foreach(json_object_get(error, "errors"), i, item)
    {
        consider(a, json_string_value(json_object_get(item, "reason")));
        if (!a->message)
            a->message = json_string_value(json_object_get(item, "message"));
    }
}

/* The text between <title> and </title>, or the beginning of what is not markup. */
static bw_slice page_title(bw_slice body)
{
    static const char open[] = "<title>";
    for (size_t i = 0; i + sizeof(open) - 1 < body.len; i++)
        if (strncasecmp(body.ptr + i, open, sizeof(open) - 1) == 0) {
            const char *from = body.ptr + i + sizeof(open) - 1;
            const char *to = memchr(from, '<', (size_t)(body.ptr + body.len - from));
            return (bw_slice){from, to ? (size_t)(to - from) : 0};
        }
    bool markup = body.len && memchr(body.ptr, '<', body.len);
    return (bw_slice){body.ptr, markup ? 0 : body.len < 200 ? body.len : 200};
}

static bool serialization_failure(const char *message)
{
    return message && strstr(message, "Could not serialize access");
}

static bw_status set(const meaning *m, double retry_after_s, const char *message, bw_error *err)
{
    bw_error_set(err, m->status, "%s", message);
    if (err) {
        err->retryable = m->retryable;
        err->retry_after_s = retry_after_s > 0 ? retry_after_s : m->retry_after_s;
    }
    if (m->hint[0])
        bw_error_hint(err, "%s", m->hint);
    return m->status;
}

static const meaning unserializable = {
    "", BW_UNAVAILABLE, true, 0,
    "someone else writes to the table too; the next run goes on from here"};

static const meaning *judge(const answer *a, int http)
{
    if (serialization_failure(a->message))
        return &unserializable;
    if (a->known)
        return a->known;
    /* FAILED_PRECONDITION is a conflict as 412 and a plain refusal as 400: the code knows. */
    const meaning *m = find(statuses, BW_COUNT(statuses), a->status);
    return m && http != 412 ? m : by_code(http);
}

bw_status bw_api_error_from_http(int http, bw_slice body, double retry_after_s, const char *what,
                                 char reason[BW_REASON_SIZE], bw_error *err)
{
    answer a = {.retry_after_s = 0};
    json_t *root = body.len ? json_loadb(body.ptr, body.len, 0, NULL) : NULL;
    read_error(&a, json_object_get(root, "error"));
    snprintf(reason, BW_REASON_SIZE, "%s", a.reason ? a.reason : "");
    const meaning *m = judge(&a, http);
    bw_buf text = BW_BUF_INIT, clean = BW_BUF_INIT;
    bw_buf_addf(&text, "cannot %s: ", what);
    bw_slice title = a.message || root ? (bw_slice){NULL, 0} : page_title(body);
    if (a.message)
        bw_buf_addf(&text, "%s (", a.message);
    else if (title.len)
        bw_buf_addf(&text, "%.*s (", BW_SLICE_ARG(title));
    const char *word = a.reason ? a.reason : a.status ? a.status : "";
    bw_buf_addf(&text, "HTTP %d%s%s%s", http, word[0] ? ", " : "", word,
                a.message || title.len ? ")" : "");
    bw_text_redact(&clean, bw_buf_slice(&text));
    bw_status s =
        set(m, retry_after_s > 0 ? retry_after_s : a.retry_after_s, bw_buf_cstr(&clean), err);
    if (err)
        err->maybe_acted = http == 408 || (http >= 500 && http != 501);
    bw_buf_fini(&text);
    bw_buf_fini(&clean);
    json_decref(root);
    return s;
}

bw_status bw_api_error_from_reason(const char *reason, const char *message, bw_error *err)
{
    answer a = {.message = message ? message : reason};
    consider(&a, reason);
    bw_buf text = BW_BUF_INIT, clean = BW_BUF_INIT;
    bw_buf_addf(&text, "%s (%s)", a.message ? a.message : "failed",
                reason ? reason : "no reason given");
    bw_text_redact(&clean, bw_buf_slice(&text));
    bw_status s = set(judge(&a, 400), 0, bw_buf_cstr(&clean), err);
    bw_buf_fini(&text);
    bw_buf_fini(&clean);
    return s;
}
