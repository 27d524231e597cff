#include "backend/google/rest.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "backend/google/retry.h"

#define DEFAULT_PER_CALL_US (10 * BW_MINUTE)

void bw_rest_init(bw_rest *r, const bw_google *google, bw_service service, const bw_clock *clock,
                  const bw_cancel *cancel, const char *subject)
{
    *r = (bw_rest){.google = google, .service = service, .cancel = cancel};
    r->clock = clock ? clock : bw_google_clock(google);
    r->http = bw_http_new(&(bw_http_options){.clock = r->clock, .cancel = cancel});
    r->subject = bw_xstrdup(subject);
    r->per_call_us = DEFAULT_PER_CALL_US;
}

void bw_rest_fini(bw_rest *r)
{
    bw_http_free(r->http);
    bw_http_response_fini(&r->response);
    if (r->token.ptr)
        OPENSSL_cleanse(r->token.ptr, r->token.cap);
    bw_buf_fini(&r->token);
    free(r->subject);
}

/* Leaves "Authorization: Bearer TOKEN" in r->token; *token is the part that is the token. */
static bw_status authorize(bw_rest *r, const bw_rest_call *call, int64_t deadline,
                           bw_token_cache *tokens, bw_slice *token, bw_error *err)
{
    static const char prefix[] = "Authorization: Bearer ";
    bw_token_asker asker = {
        .http = r->http, .cancel = r->cancel, .deadline_us = deadline, .subject = r->subject};
    bw_status s = bw_google_may_send_token(call->url, err);
    bw_buf_clear(&r->token);
    bw_buf_adds(&r->token, prefix);
    if (s == BW_OK)
        s = bw_token_get(tokens, &asker, &r->token, err);
    if (s == BW_OK)
        *token = bw_slice_cstr(bw_buf_cstr(&r->token) + sizeof(prefix) - 1);
    return s;
}

static bw_status classify(bw_rest *r, const bw_rest_call *call, bw_error *err)
{
    const bw_http_response *a = &r->response;
    if ((a->status >= 200 && a->status < 300) || (call->also_ok && a->status == call->also_ok))
        return BW_OK;
    bw_status s =
        bw_api_error_from_http(a->status, bw_buf_slice(&a->body), bw_http_retry_after(a, r->clock),
                               call->what, r->reason, err);
    if (s == BW_DENIED && err->hint[0]) {
        char hint[sizeof(err->hint)];
        memcpy(hint, err->hint, sizeof(hint));
        bool as_someone = !call->anonymous && bw_google_tokens(r->google, r->service);
        bw_error_hint(err, "%s (asked as %s)", hint,
                      as_someone ? bw_google_identity(r->google) : "none");
    }
    return s;
}

static bw_status attempt(bw_rest *r, const bw_rest_call *call, int64_t deadline, bw_slice *token,
                         bw_error *err)
{
    const char *headers[BW_REST_HEADERS + 2];
    char *quota = NULL;
    size_t n = 0;
    while (n < BW_REST_HEADERS && call->headers[n]) {
        headers[n] = call->headers[n];
        n++;
    }
    bw_token_cache *tokens = call->anonymous ? NULL : bw_google_tokens(r->google, r->service);
    r->response.status = 0;
    r->response.maybe_sent = false;
    r->reason[0] = '\0';
    if (tokens) {
        bw_status s = authorize(r, call, deadline, tokens, token, err);
        if (s != BW_OK)
            return s;
        headers[n++] = r->token.ptr;
        if (bw_google_quota_project(r->google)) {
            quota = bw_xasprintf("x-goog-user-project: %s", bw_google_quota_project(r->google));
            headers[n++] = quota;
        }
    }
    bw_http_request request = {.method = call->method,
                               .url = call->url,
                               .headers = headers,
                               .n_headers = n,
                               .n_body = call->n_body,
                               .deadline_us = deadline,
                               .stall_us = call->stall_us,
                               .idempotent = !call->once && !call->watched};
    memcpy(request.body, call->body, sizeof(request.body));
    bw_status s = bw_http_send(r->http, &request, &r->response, err);
    free(quota);
    if (s != BW_OK && s != BW_CANCELLED)
        bw_error_wrap(err, "cannot %s", call->what);
    if (s == BW_OK)
        s = classify(r, call, err);
    if (s == BW_OK)
        bw_retry_over(&r->listener);
    return s;
}

static int64_t deadline_of(const bw_rest *r, const bw_rest_call *call)
{
    return call->deadline_us ? call->deadline_us : bw_mono_us(r->clock) + r->per_call_us;
}

/* A 401 may only mean that the token has been revoked or has just expired. */
static bw_status attempt_fresh(bw_rest *r, const bw_rest_call *call, int64_t deadline,
                               bool *refreshed, bw_error *err)
{
    bw_slice token = {NULL, 0};
    bw_status s = attempt(r, call, deadline, &token, err);
    if (s == BW_OK || r->response.status != 401 || !token.len || *refreshed)
        return s;
    *refreshed = true;
    bw_token_refuse(bw_google_tokens(r->google, r->service), token);
    return attempt(r, call, deadline, &token, err);
}

bw_status bw_rest_try(bw_rest *r, const bw_rest_call *call, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bool refreshed = false;
    return attempt_fresh(r, call, deadline_of(r, call), &refreshed, err ? err : &local);
}

bw_status bw_rest_send(bw_rest *r, const bw_rest_call *call, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bool refreshed = false, acted = false;
    int64_t deadline = deadline_of(r, call);
    bw_retry retry = bw_retry_begin(r->clock, r->cancel, deadline, r->subject, call->what);
    retry.listener = &r->listener;
    err = err ? err : &local;
    for (;;) {
        bw_status s = attempt_fresh(r, call, deadline, &refreshed, err);
        r->acted_before = acted;
        if (s == BW_OK)
            return s;
        acted |= err->maybe_acted;
        if ((call->once && acted) || (call->conflict_ends && s == BW_CONFLICT) ||
            !bw_retry_again(&retry, err))
            break;
    }
    err->maybe_acted = acted;
    return err->status;
}

static bw_status parse(bw_rest *r, const bw_rest_call *call, json_t **out, bw_error *err)
{
    const bw_buf *body = &r->response.body;
    *out = body->len ? json_loadb(body->ptr, body->len, 0, NULL) : json_object();
    if (json_is_object(*out))
        return BW_OK;
    json_decref(*out);
    *out = NULL;
    bw_error_set(err, BW_UNAVAILABLE, "cannot %s: the answer (HTTP %d) is not a JSON object",
                 call->what, r->response.status);
    if (err)
        err->maybe_acted = true;
    return BW_UNAVAILABLE;
}

bw_status bw_rest_json(bw_rest *r, const bw_rest_call *call, json_t **out, bw_error *err)
{
    if (out)
        *out = NULL;
    bw_status s = bw_rest_send(r, call, err);
    return s == BW_OK && out ? parse(r, call, out, err) : s;
}

bw_status bw_rest_post(bw_rest *r, const bw_rest_call *call, const json_t *body, json_t **out,
                       bw_error *err)
{
    bw_rest_call with_body = *call;
    char *text = json_dumps(body, JSON_COMPACT);
    if (out)
        *out = NULL;
    if (!text)
        return bw_error_set(err, BW_INTERNAL, "cannot %s: the request is not JSON", call->what);
    size_t n = 0;
    while (n < BW_REST_HEADERS - 1 && with_body.headers[n])
        n++;
    with_body.headers[n] = "Content-Type: application/json";
    with_body.body[0] = bw_slice_cstr(text);
    with_body.n_body = 1;
    bw_status s = bw_rest_json(r, &with_body, out, err);
    free(text);
    return s;
}
