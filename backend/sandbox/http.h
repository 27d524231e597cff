/*
 * HTTP as the sandbox's services see it: requests matched to a table of routes, handlers that fill a
 * reply, bodies that stream. The transport (libmicrohttpd) stays behind server.c.
 *
 * A handler runs on a worker thread, with the whole body collected (or streamed by the route's
 * stream functions before it). It fills the reply and returns BW_SB_DONE, or asks to be called
 * again by returning bw_sb_request_wait().
 */
#ifndef BW_SANDBOX_HTTP_H
#define BW_SANDBOX_HTTP_H

#include "backend/core/arena.h"
#include "backend/core/error.h"
#include "backend/sandbox/fault.h"

typedef struct bw_sb_request bw_sb_request;
typedef struct bw_sb_reply bw_sb_reply;
typedef struct bw_sb_route bw_sb_route;
typedef struct bw_sb_service bw_sb_service;

#define BW_SB_MAX_PARAMS  6
#define BW_SB_MAX_HEADERS 8
/* Of a collected body, also after decompression. Google's own limit is 10 MB for most methods. */
#define BW_SB_MAX_BODY ((size_t)32 << 20)

/* ---- Routes ----------------------------------------------------------------------------------- */

typedef enum bw_sb_outcome { BW_SB_DONE, BW_SB_WAIT } bw_sb_outcome;

typedef bw_sb_outcome bw_sb_handler(void *context, bw_sb_request *request, bw_sb_reply *reply);

/*
 * A body that is worked on while it arrives. Called on the polling thread: nothing here may wait
 * for the database. After the last byte the route's handler runs on a worker; when the connection
 * breaks before that, abort is called instead.
 */
typedef struct bw_sb_stream {
    void (*begin)(void *context, bw_sb_request *request);
    void (*data)(void *context, bw_sb_request *request, const char *bytes, size_t size);
    void (*abort)(void *context, bw_sb_request *request);
} bw_sb_stream;

struct bw_sb_route {
    const char *verb;
    /* Without the service's prefix: literals, {name}, {name}:literal, and {name=**} at the end for
       the rest of the path. */
    const char *pattern;
    const char *method; /* "bigquery.jobs.insert" */
    bw_sb_handler *handle;
    /* Only for requests with this query parameter ("upload_id") or value ("uploadType=resumable"). */
    const char *when;
    const char *alias; /* a second name for faults: "bigquery.upload.start" */
    const bw_sb_stream *stream;
    bool unlisted; /* not in the request log and never faulted: the sandbox's own controls */
    /* On the server's pool, past the requests of its service that wait there; must not wait itself. */
    bool apart;
};

typedef enum bw_sb_error_shape {
    BW_SB_ERROR_ERRORS,  /* BigQuery: error.errors[] with reasons */
    BW_SB_ERROR_DETAILS, /* the others: error.status and error.details[] */
    BW_SB_ERROR_OAUTH,   /* {"error": "...", "error_description": "..."} */
} bw_sb_error_shape;

/* Several services may share a prefix: each of them is asked for a route, in their order. */
struct bw_sb_service {
    const char *const *prefixes; /* NULL-terminated, each beginning and ending with a slash */
    const bw_sb_route *routes;
    size_t route_count;
    bw_sb_error_shape shape;
    void *context; /* for handlers and streams */
    /* Whose workers run the handlers; NULL: the server's. A service whose storage can be busy for
       long has its own, so that the others go on meanwhile. */
    struct bw_sb_pool *pool;
};

/* ---- Requests --------------------------------------------------------------------------------- */

struct bw_sb_request {
    bw_arena arena; /* dies with the request */
    const bw_sb_service *service;
    const bw_sb_route *route; /* NULL: nothing matched */
    const char *verb;         /* after X-HTTP-Method-Override */
    const char *path;         /* as sent, without the query */
    const char *query;        /* as sent, "" when there is none */
    bw_buf body;              /* collected and decompressed; empty for streamed bodies */
    uint64_t body_size;       /* bytes received, before decompression */
    bw_sb_fault fault;        /* what is to go wrong; kind NONE mostly */
    void *state;              /* of the route's stream or handler */
    void (*state_free)(void *state);

    struct {
        const char *name;
        size_t name_len;
        const char *value;
    } params[BW_SB_MAX_PARAMS];
    size_t param_count;

    /* Of bw_sb_request_wait(). */
    uint64_t wait_key, wait_ticket;
    int64_t wait_until_us;
    int64_t started_us; /* monotonic, when the request had arrived whole */
    void *transport;    /* server.c's; NULL for a request that a test has made */
};

/* A path parameter, decoded; never NULL for a name of the route's pattern. */
const char *bw_sb_request_param(const bw_sb_request *r, const char *name);
/* A query parameter, decoded (in the request's arena); NULL when absent. The first of several. */
const char *bw_sb_request_query(bw_sb_request *r, const char *name);
/* As an integer within [min, max]; `fallback` when absent; false when it is anything else. */
bool bw_sb_request_query_int(bw_sb_request *r, const char *name, int64_t min, int64_t max,
                             int64_t fallback, int64_t *out);
/* "true" or "1" */
bool bw_sb_request_query_true(bw_sb_request *r, const char *name);
/* A header, NULL when absent. Lives as long as the request. */
const char *bw_sb_request_header(const bw_sb_request *r, const char *name);
/* Whether the client has closed the connection; for handlers that were held, before they do what
   nobody would see. */
bool bw_sb_request_gone(const bw_sb_request *r);
/* The handler is called again when `key` is woken after `ticket` was taken (see pool.h), or at the
   monotonic time `until_us`; give BW_SB_WAIT back to the server. */
bw_sb_outcome bw_sb_request_wait(bw_sb_request *r, uint64_t key, uint64_t ticket, int64_t until_us);

/* The body as a JSON object, checked; an empty body is {}. INVALID, or false after answering 400. */
BW_NODISCARD bw_status bw_sb_request_object(const bw_sb_request *r, bw_slice *object,
                                            bw_error *err);
bool bw_sb_body_object(const bw_sb_request *r, bw_sb_reply *reply, bw_slice *object);

/* ---- Replies ---------------------------------------------------------------------------------- */

struct bw_sb_reply {
    unsigned status; /* 200 unless set */
    bw_sb_error_shape shape;
    const char *content_type; /* static text; JSON unless set */
    bw_buf body;
    struct {
        const char *name; /* static text */
        char *value;
    } headers[BW_SB_MAX_HEADERS];
    size_t header_count;
};

void bw_sb_reply_fini(bw_sb_reply *reply);
void bw_sb_reply_header(bw_sb_reply *reply, const char *name, const char *fmt, ...) BW_PRINTF(3, 4);
/* Replaces the body by an error of the service's shape. `reason` is a word of BigQuery's ErrorProto
   ("notFound") or NULL for the usual one of the code; `location` may be NULL. */
void bw_sb_reply_error(bw_sb_reply *reply, unsigned code, const char *reason, const char *location,
                       const char *fmt, ...) BW_PRINTF(5, 6);
/* Puts error.details, a JSON array, into an error of the shape DETAILS that has just been set. */
void bw_sb_reply_error_details(bw_sb_reply *reply, bw_slice details);
/* The canonical name of an HTTP code: 404 NOT_FOUND. */
const char *bw_sb_status_name(unsigned code);
/* BigQuery's usual reason of an HTTP code: 404 notFound. */
const char *bw_sb_default_reason(unsigned code);

#endif
