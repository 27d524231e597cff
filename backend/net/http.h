/*
 * HTTP/1.1 (RFC 9110, 9112) over libcurl, and the only door to it. A client keeps its connections
 * open between requests; one request runs at a time. Every wait is a poll on the socket, the cancel
 * and the deadline: a raised cancel ends a request at once, in the middle of an upload too.
 *
 * What it never does: follow a redirect (308 means "go on" to an upload), wait for "100 Continue",
 * raise a signal, skip the verification of a certificate, or send a request twice unless told that
 * it may (bw_http_request.idempotent). Proxies come from the environment (https_proxy, no_proxy);
 * the loopback interface is never reached through one.
 *
 * Threads: a client belongs to one thread. SIGPIPE is ignored or blocked there: TLS cannot ask for
 * MSG_NOSIGNAL.
 */
#ifndef BW_NET_HTTP_H
#define BW_NET_HTTP_H

#include "backend/core/buf.h"
#include "backend/core/cancel.h"

typedef struct bw_http bw_http;

typedef struct bw_http_options {
    const bw_clock *clock;      /* NULL: the system's */
    const bw_cancel *cancel;    /* or NULL; borrowed, outlives the client */
    const char *ca_file;        /* PEM bundle to verify servers with; NULL: the system's */
    const char *user_agent;     /* NULL: "bridgewatch/VERSION" */
    int64_t connect_timeout_us; /* name, connection and TLS together; 0: 15 s */
} bw_http_options;

/* Strings are copied. Cannot fail. */
bw_http *bw_http_new(const bw_http_options *options);
void bw_http_free(bw_http *http);

#define BW_HTTP_BODY_SLICES 4

typedef struct bw_http_request {
    const char *method;         /* NULL: "GET" */
    const char *url;            /* absolute, http or https; may carry secrets: never in an error */
    const char *const *headers; /* "Name: value"; Host, Content-Length, User-Agent are our own */
    size_t n_headers;
    /* The body is the slices one after another: sent from where they lie, never gathered. */
    bw_slice body[BW_HTTP_BODY_SLICES];
    size_t n_body;
    int64_t deadline_us; /* monotonic; 0: none but the stall limit */
    int64_t stall_us;    /* ends when nothing moves for so long, either way; 0: 60 s */
    size_t max_response; /* bytes of body; 0: 64 MiB */
    bool idempotent;     /* may be sent again when a kept connection turns out to be dead */
    bool no_proxy;       /* link-local services (metadata server) are never behind one */
} bw_http_request;

/* The answer; reused from request to request, so that its buffers are too. */
typedef struct bw_http_response {
    int status;      /* 0 until a status line came */
    bw_buf body;     /* as sent: nothing is decoded but the transfer encoding */
    bw_buf headers;  /* see bw_http_header() */
    bool maybe_sent; /* some of the request left this machine: the server may have acted on it */
} bw_http_response;

#define BW_HTTP_RESPONSE_INIT \
    {                         \
        .status = 0           \
    }
void bw_http_response_fini(bw_http_response *response);

/*
 * Sends one request and takes the whole answer. BW_OK whatever the status is, once the answer is
 * complete. Otherwise there was none, or half of one (then response->status is set):
 *   UNAVAILABLE  name, connection, TLS or transfer failed
 *   TIMEOUT      the deadline, the connect time-out or the stall limit passed
 *   CANCELLED    the client's cancel was raised
 *   DENIED       the server's certificate does not verify
 *   INVALID      a malformed URL, a CA file that cannot be read
 *   UNSUPPORTED  the answer is larger than max_response
 * err->maybe_acted equals response->maybe_sent. Errors name host and port, never path or query.
 */
BW_NODISCARD bw_status bw_http_send(bw_http *http, const bw_http_request *request,
                                    bw_http_response *response, bw_error *err);

/* A header of the answer by its name in any case (the last of several), NUL-terminated, borrowed
   from the response; NULL when absent. */
const char *bw_http_header(const bw_http_response *response, const char *name);
/* Retry-After as seconds from now, whether it came as a number or as a date; 0 when absent. */
double bw_http_retry_after(const bw_http_response *response, const bw_clock *clock);
/* The server's wall clock as its Date header has it, microseconds; BW_TIME_NONE when absent. */
int64_t bw_http_date(const bw_http_response *response);
/* Bytes of request bodies sent so far, over the client's life. Any thread. */
uint64_t bw_http_bytes_sent(const bw_http *http);

/* Appends s percent-encoded (RFC 3986): everything but unreserved characters. */
void bw_http_add_escaped(bw_buf *out, bw_slice s);
/* Whether the URL's host is this machine by name or address (localhost, 127.0.0.0/8, [::1]). */
bool bw_http_is_loopback(const char *url);

#endif
