/*
 * One authorised call of a Google REST service, with its retries: the shared floor of the clients in
 * this room. A call says whether it may be repeated when its outcome is unknown; everything else
 * (back-off, Retry-After, one fresh token after a 401, the deadline) is the same for all.
 * Threads: a bw_rest belongs to one thread.
 */
#ifndef BW_GOOGLE_REST_H
#define BW_GOOGLE_REST_H

#include <jansson.h>

#include "backend/google/api_error.h"
#include "backend/google/retry.h"
#include "backend/google/service.h"

typedef struct bw_rest {
    const bw_google *google;
    bw_service service;
    const bw_clock *clock;
    const bw_cancel *cancel;
    bw_http *http;
    char *subject;               /* of log lines */
    bw_retry_listener listener;  /* told of waits; nobody unless set after init */
    int64_t per_call_us;         /* default 10 min */
    bw_http_response response;   /* of the last request */
    char reason[BW_REASON_SIZE]; /* of the last failure */
    bool acted_before; /* an attempt before the last one of the last call may have acted */
    bw_buf token;      /* scratch: the Authorization header */
} bw_rest;

void bw_rest_init(bw_rest *rest, const bw_google *google, bw_service service, const bw_clock *clock,
                  const bw_cancel *cancel, const char *subject);
void bw_rest_fini(bw_rest *rest);

#define BW_REST_HEADERS 4

typedef struct bw_rest_call {
    const char *what;   /* "insert the job": completes "cannot ..." */
    const char *method; /* NULL: "GET" */
    const char *url;
    const char *headers[BW_REST_HEADERS]; /* "Name: value", up to the first NULL */
    bw_slice body[BW_HTTP_BODY_SLICES];
    size_t n_body;
    bool once;           /* never sent again when it may have acted */
    bool watched;        /* never sent again unnoticed: so acted_before is exact */
    bool conflict_ends;  /* not sent again after ABORTED: the caller has more to repeat */
    bool anonymous;      /* without a token even where there are credentials */
    int also_ok;         /* a status beside 2xx that is no failure; 0: none */
    int64_t stall_us;    /* as in bw_http_request */
    int64_t deadline_us; /* monotonic; 0: per_call_us from now */
} bw_rest_call;

/* Sends until it is answered with 2xx, the failure is final or the deadline passes. The answer is in
   rest->response. err->maybe_acted is set when any attempt of the call may have acted. */
BW_NODISCARD bw_status bw_rest_send(bw_rest *rest, const bw_rest_call *call, bw_error *err);
/* One attempt (and a second one after a 401), for callers that resolve failures themselves. */
BW_NODISCARD bw_status bw_rest_try(bw_rest *rest, const bw_rest_call *call, bw_error *err);

/* The answer's JSON object; UNAVAILABLE when it is none. `out` may be NULL: then nothing is parsed. */
BW_NODISCARD bw_status bw_rest_json(bw_rest *rest, const bw_rest_call *call, json_t **out,
                                    bw_error *err);
/* Sends `body` as JSON and gives the answer's object. */
BW_NODISCARD bw_status bw_rest_post(bw_rest *rest, const bw_rest_call *call, const json_t *body,
                                    json_t **out, bw_error *err);

#endif
