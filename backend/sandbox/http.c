#include "backend/sandbox/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sandbox/router.h"

/* The usual reason and canonical name of each HTTP code; for reasons that go with another code see
   Google's table of error reasons. */
static const struct {
    unsigned code;
    const char *reason, *name;
} codes[] = {
    {400, "invalid", "INVALID_ARGUMENT"},
    {401, "authError", "UNAUTHENTICATED"},
    {403, "accessDenied", "PERMISSION_DENIED"},
    {404, "notFound", "NOT_FOUND"},
    {405, "httpMethodNotAllowed", "UNIMPLEMENTED"},
    {408, "timeout", "DEADLINE_EXCEEDED"},
    {409, "duplicate", "ALREADY_EXISTS"},
    {410, "gone", "NOT_FOUND"},
    {411, "required", "INVALID_ARGUMENT"},
    {412, "conditionNotMet", "FAILED_PRECONDITION"},
    {413, "uploadTooLarge", "INVALID_ARGUMENT"},
    {429, "rateLimitExceeded", "RESOURCE_EXHAUSTED"},
    {500, "internalError", "INTERNAL"},
    {501, "notImplemented", "UNIMPLEMENTED"},
    {502, "backendError", "UNAVAILABLE"},
    {503, "backendError", "UNAVAILABLE"},
    {504, "backendError", "DEADLINE_EXCEEDED"},
};

const char *bw_sb_status_name(unsigned code)
{
    for (size_t i = 0; i < BW_COUNT(codes); i++) {
        if (codes[i].code == code)
            return codes[i].name;
    }
    return "UNKNOWN";
}

const char *bw_sb_default_reason(unsigned code)
{
    for (size_t i = 0; i < BW_COUNT(codes); i++) {
        if (codes[i].code == code)
            return codes[i].reason;
    }
    return "badRequest";
}

/* ---- Requests --------------------------------------------------------------------------------- */

const char *bw_sb_request_param(const bw_sb_request *r, const char *name)
{
    for (size_t i = 0; i < r->param_count; i++) {
        if (strlen(name) == r->params[i].name_len &&
            memcmp(name, r->params[i].name, r->params[i].name_len) == 0)
            return r->params[i].value;
    }
    return "";
}

const char *bw_sb_request_query(bw_sb_request *r, const char *name)
{
    bw_slice raw;
    if (!bw_sb_query_find(r->query, name, &raw))
        return NULL;
    return bw_sb_percent_decode(&r->arena, raw, true);
}

bool bw_sb_request_query_int(bw_sb_request *r, const char *name, int64_t min, int64_t max,
                             int64_t fallback, int64_t *out)
{
    const char *text = bw_sb_request_query(r, name);
    *out = fallback;
    if (!text || !*text)
        return true;
    char *end;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return *end == '\0' && value >= min && value <= max;
}

bool bw_sb_request_query_true(bw_sb_request *r, const char *name)
{
    const char *text = bw_sb_request_query(r, name);
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

bw_status bw_sb_request_object(const bw_sb_request *r, bw_slice *object, bw_error *err)
{
    const char *why;
    size_t at;
    *object = r->body.len ? bw_buf_slice(&r->body) : BW_SLICE_LIT("{}");
    if (!bw_json_valid(*object, &why, &at))
        return bw_error_set(err, BW_INVALID, "Invalid JSON payload received. %s at byte %zu.", why,
                            at);
    for (at = 0; memchr(" \t\r\n", object->ptr[at], 4);)
        at++;
    if (object->ptr[at] != '{')
        return bw_error_set(err, BW_INVALID,
                            "Invalid JSON payload received. The body must be one object.");
    return BW_OK;
}

bool bw_sb_body_object(const bw_sb_request *r, bw_sb_reply *reply, bw_slice *object)
{
    bw_error err = BW_ERROR_INIT;
    if (bw_sb_request_object(r, object, &err) == BW_OK)
        return true;
    bw_sb_reply_error(reply, 400, "parseError", NULL, "%s", err.message);
    return false;
}

bw_sb_outcome bw_sb_request_wait(bw_sb_request *r, uint64_t key, uint64_t ticket, int64_t until_us)
{
    r->wait_key = key;
    r->wait_ticket = ticket;
    r->wait_until_us = until_us;
    return BW_SB_WAIT;
}

/* ---- Replies ---------------------------------------------------------------------------------- */

void bw_sb_reply_fini(bw_sb_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++)
        free(reply->headers[i].value);
    reply->header_count = 0;
    bw_buf_fini(&reply->body);
}

void bw_sb_reply_header(bw_sb_reply *reply, const char *name, const char *fmt, ...)
{
    if (reply->header_count == BW_SB_MAX_HEADERS)
        return;
    va_list ap;
    va_start(ap, fmt);
    char *value = NULL;
    int n = vasprintf(&value, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    reply->headers[reply->header_count].name = name;
    reply->headers[reply->header_count++].value = value;
}

static void add_member(bw_buf *out, const char *name, const char *text)
{
    bw_slice s = bw_slice_cstr(text);
    bw_buf_addf(out, "\"%s\":", name);
    s.len = bw_utf8_valid_prefix(s);
    bw_json_add_string(out, s);
}

static void print_errors_shape(bw_buf *out, unsigned code, const char *reason, const char *location,
                               const char *message)
{
    bw_buf_addf(out, "{\"error\":{\"code\":%u,", code);
    add_member(out, "message", message);
    bw_buf_adds(out, ",\"errors\":[{");
    add_member(out, "message", message);
    bw_buf_adds(out, ",\"domain\":\"global\",");
    add_member(out, "reason", reason);
    if (location) {
        bw_buf_addc(out, ',');
        add_member(out, "location", location);
        bw_buf_addc(out, ',');
        bool header = strcmp(location, "If-Match") == 0 || strcmp(location, "Authorization") == 0;
        add_member(out, "locationType", header ? "header" : "other");
    }
    bw_buf_adds(out, "}],");
    add_member(out, "status", bw_sb_status_name(code));
    bw_buf_adds(out, "}}");
}

static void print_details_shape(bw_buf *out, unsigned code, const char *reason, const char *message)
{
    bw_buf_addf(out, "{\"error\":{\"code\":%u,", code);
    add_member(out, "message", message);
    bw_buf_addc(out, ',');
    /* These services name the status itself where two share a code (409 ABORTED). */
    bool is_name = reason && reason[0] >= 'A' && reason[0] <= 'Z';
    add_member(out, "status", is_name ? reason : bw_sb_status_name(code));
    bw_buf_adds(out, "}}");
}

void bw_sb_reply_error(bw_sb_reply *reply, unsigned code, const char *reason, const char *location,
                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *message = NULL;
    int n = vasprintf(&message, fmt, ap);
    va_end(ap);
    const char *text = n < 0 ? "" : message;
    reply->status = code;
    reply->content_type = NULL;
    bw_buf_clear(&reply->body);
    if (reply->shape == BW_SB_ERROR_ERRORS) {
        const char *word = reason && *reason ? reason : bw_sb_default_reason(code);
        print_errors_shape(&reply->body, code, word, location, text);
    } else if (reply->shape == BW_SB_ERROR_DETAILS) {
        print_details_shape(&reply->body, code, reason, text);
    } else {
        bw_buf_addc(&reply->body, '{');
        add_member(&reply->body, "error", reason ? reason : "invalid_request");
        bw_buf_addc(&reply->body, ',');
        add_member(&reply->body, "error_description", text);
        bw_buf_addc(&reply->body, '}');
    }
    free(message);
}

void bw_sb_reply_error_details(bw_sb_reply *reply, bw_slice details)
{
    if (reply->shape != BW_SB_ERROR_DETAILS || reply->body.len < 2)
        return;
    reply->body.len -= 2; /* the braces of error and of the whole */
    bw_buf_adds(&reply->body, ",\"details\":");
    bw_buf_add(&reply->body, details.ptr, details.len);
    bw_buf_adds(&reply->body, "}}");
}
