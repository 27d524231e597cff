/*
 * One transport per request walks through these phases:
 *
 *   NEW      (polling thread) the request line is known; headers come with the first call
 *   BODY     (polling thread) bytes arrive
 *   WORKING  (worker) the connection is suspended and the worker alone owns the request
 *   READY    (polling thread) resumed; the answer is queued, or the connection cut
 *
 * From NEW to READY at once goes a request whose headers contradict each other.
 *
 * The hand-over needs no lock: libmicrohttpd does not touch a suspended connection, and suspending
 * and resuming go through its own mutex.
 */
#include "backend/sandbox/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/sandbox/content.h"
#include "backend/sandbox/listen.h"
#include "backend/sandbox/router.h"

#define POLLING_THREADS 2
#define LAST_ANSWERS_S  3

typedef enum phase { PHASE_NEW, PHASE_BODY, PHASE_WORKING, PHASE_READY } phase;

typedef struct transport {
    bw_sb_task task; /* first: the pool gives it back */
    bw_sb_request request;
    bw_sb_reply reply;
    bw_sb_server *server;
    struct MHD_Connection *connection;
    phase phase;
    bool streaming;      /* the route's stream has begun and not ended */
    bool too_large;      /* the body is over BW_SB_MAX_BODY and dropped */
    bool cut;            /* close instead of answering */
    bool faulted;        /* its latency has been served */
    bool owed;           /* counted in the server's */
    uint64_t cut_at;     /* CUT_MIDDLE: bytes of the body to take; 0 when unknown */
    char *reply_content; /* of a paced or truncated answer */
    size_t reply_size, reply_end;
    int64_t paced_from_us;
} transport;

struct bw_sb_server {
    bw_sb_server_options options;
    struct MHD_Daemon *daemon;
    int port;
    pthread_mutex_t mu;
    pthread_cond_t paid;
    size_t owed; /* guarded by mu: requests that have arrived whole and are not answered */
};

static void owe(transport *t, bool owed)
{
    bw_sb_server *s = t->server;
    pthread_mutex_lock(&s->mu);
    s->owed += owed ? 1 : (size_t)-1;
    if (s->owed == 0)
        pthread_cond_signal(&s->paid);
    pthread_mutex_unlock(&s->mu);
    t->owed = owed;
}

/* ---- Parsing the request line ----------------------------------------------------------------- */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    transport *t = bw_xcalloc(1, sizeof *t);
    t->server = cls;
    t->connection = connection;
    t->request.transport = t;
    size_t path_len = strcspn(uri, "?");
    t->request.path = bw_arena_strndup(&t->request.arena, uri, path_len);
    t->request.query = bw_arena_strdup(&t->request.arena, uri[path_len] ? uri + path_len + 1 : "");
    return t;
}

static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

const char *bw_sb_request_header(const bw_sb_request *r, const char *name)
{
    transport *t = r->transport;
    if (!t) /* not from the network */
        return NULL;
    return MHD_lookup_connection_value(t->connection, MHD_HEADER_KIND, name);
}

bool bw_sb_request_gone(const bw_sb_request *r)
{
    transport *t = r->transport;
    if (!t)
        return false;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(t->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    ssize_t n = info ? recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) : -1;
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* ---- Answering -------------------------------------------------------------------------------- */

static bw_sb_pool *pool_of(const transport *t)
{
    const bw_sb_request *r = &t->request;
    bool apart = r->route && r->route->apart;
    return r->service->pool && !apart ? r->service->pool : t->server->options.pool;
}

static void log_request(transport *t, unsigned status)
{
    bw_sb_request *r = &t->request;
    char fault[64];
    if (r->route && r->route->unlisted)
        return;
    const bw_clock *clock = t->server->options.clock;
    bw_sb_log_entry entry = {.method = r->route ? r->route->method : "",
                             .verb = r->verb,
                             .path = r->path,
                             .query = r->query,
                             .body = bw_buf_slice(&r->body),
                             .body_size = r->body_size,
                             .status = status,
                             .fault = bw_sb_fault_name(&r->fault, fault, sizeof fault),
                             .wall_us = bw_wall_us(clock),
                             .seconds =
                                 (double)(bw_mono_us(clock) - r->started_us) / (double)BW_SECOND};
    bw_sb_request_log_add(t->server->options.log, &entry);
}

/* Every exchange that has come to its end, the sandbox's own controls too. On a worker. */
static void record_exchange(transport *t, unsigned status)
{
    bw_sb_request *r = &t->request;
    char fault[64];
    if (t->server->options.record)
        bw_sb_record_add(t->server->options.record, r, &t->reply, status,
                         bw_sb_fault_name(&r->fault, fault, sizeof fault));
}

static void pace_done(bw_sb_task *task)
{
    transport *t = (transport *)task;
    MHD_resume_connection(t->connection);
}

/* Hands out a slow or cut answer. */
static ssize_t read_reply(void *cls, uint64_t pos, char *buf, size_t max)
{
    transport *t = cls;
    if (pos >= t->reply_end)
        return t->reply_end < t->reply_size ? MHD_CONTENT_READER_END_WITH_ERROR
                                            : MHD_CONTENT_READER_END_OF_STREAM;
    size_t n = t->reply_end - (size_t)pos;
    if (t->request.fault.kind == BW_SB_FAULT_SLOW) {
        const bw_clock *clock = t->server->options.clock;
        int64_t now = bw_mono_us(clock), rate = t->request.fault.rate;
        int64_t allowed = (now - t->paced_from_us) * rate / BW_SECOND + rate / 20 + 1;
        if (bw_sb_pool_stopping(pool_of(t)))
            allowed = INT64_MAX;
        if (allowed <= (int64_t)pos) {
            MHD_suspend_connection(t->connection);
            if (!bw_sb_pool_submit_at(pool_of(t), &t->task, now + BW_SECOND / 20))
                MHD_resume_connection(t->connection);
            return 0;
        }
        if (n > (size_t)(allowed - (int64_t)pos))
            n = (size_t)(allowed - (int64_t)pos);
    }
    n = n < max ? n : max;
    memcpy(buf, t->reply_content + pos, n);
    return (ssize_t)n;
}

static struct MHD_Response *make_response(transport *t)
{
    bw_sb_reply *reply = &t->reply;
    bw_sb_fault_kind kind = t->request.fault.kind;
    size_t size = reply->body.len;
    if (size == 0)
        return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (kind != BW_SB_FAULT_SLOW && kind != BW_SB_FAULT_TRUNCATE) {
        void *content = reply->body.ptr;
        reply->body = (bw_buf)BW_BUF_INIT;
        return MHD_create_response_from_buffer(size, content, MHD_RESPMEM_MUST_FREE);
    }
    t->reply_content = reply->body.ptr; /* ours to free now, not the reply's */
    reply->body = (bw_buf)BW_BUF_INIT;
    t->reply_size = size;
    t->reply_end = kind == BW_SB_FAULT_TRUNCATE ? size / 2 : size;
    t->paced_from_us = bw_mono_us(t->server->options.clock);
    t->task.run = pace_done;
    return MHD_create_response_from_callback(size, 16384, read_reply, t, NULL);
}

static enum MHD_Result answer(transport *t)
{
    bw_sb_reply *reply = &t->reply;
    if (t->cut)
        return MHD_NO;
    unsigned status = reply->status ? reply->status : 200;
    bool has_body = reply->body.len > 0;
    struct MHD_Response *response = make_response(t);
    if (!response)
        return MHD_NO;
    if (has_body) {
        MHD_add_response_header(response, "Content-Type",
                                reply->content_type ? reply->content_type
                                                    : "application/json; charset=UTF-8");
    }
    for (size_t i = 0; i < reply->header_count; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    enum MHD_Result result = MHD_queue_response(t->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- Working ---------------------------------------------------------------------------------- */

static bool body_is_fine(transport *t)
{
    bw_sb_request *r = &t->request;
    if (t->too_large) {
        bw_sb_reply_error(&t->reply, 413, NULL, NULL,
                          "Request payload size exceeds the limit: %zu bytes.", BW_SB_MAX_BODY);
        return false;
    }
    const char *fault = bw_sb_content_decode(t->connection, &r->body, BW_SB_MAX_BODY);
    if (fault) {
        bw_sb_reply_error(&t->reply, 400, "badRequest", NULL, "%s", fault);
        return false;
    }
    return true;
}

/* True when the fault has taken the request's place. */
static bool fault_instead(transport *t)
{
    const bw_sb_fault *fault = &t->request.fault;
    const bw_sb_server_options *o = &t->server->options;
    bool expired = fault->kind == BW_SB_FAULT_EXPIRED_TOKEN;
    if (!expired && o->authorise)
        expired =
            !o->authorise(o->authorise_user, bw_sb_request_header(&t->request, "Authorization"));
    if (fault->kind == BW_SB_FAULT_CUT_BEFORE || fault->kind == BW_SB_FAULT_CUT_MIDDLE) {
        t->cut = true;
        return true;
    }
    if (fault->kind == BW_SB_FAULT_STATUS) {
        bw_sb_reply_error(&t->reply, fault->status, fault->reason[0] ? fault->reason : NULL, NULL,
                          "The sandbox was told to fail this request (fault %u).", fault->status);
        return true;
    }
    if (expired) {
        bw_sb_reply_error(&t->reply, 401, NULL, "Authorization",
                          "Request had invalid authentication credentials. Expected OAuth 2 access "
                          "token, login cookie or other valid authentication credential.");
        bw_sb_reply_header(
            &t->reply, "WWW-Authenticate",
            "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
        return true;
    }
    return false;
}

static void finish(transport *t)
{
    t->streaming = false;
    if (t->request.fault.kind == BW_SB_FAULT_CUT_AFTER)
        t->cut = true;
    unsigned status = t->cut ? 0 : t->reply.status ? t->reply.status : 200;
    log_request(t, status);
    record_exchange(t, status);
    t->phase = PHASE_READY;
    MHD_resume_connection(t->connection);
}

static void abort_stream(transport *t)
{
    bw_sb_request *r = &t->request;
    if (t->streaming && r->route->stream->abort)
        r->route->stream->abort(r->service->context, r);
    t->streaming = false;
}

static void work(bw_sb_task *task)
{
    transport *t = (transport *)task;
    bw_sb_request *r = &t->request;
    bw_sb_pool *pool = pool_of(t);
    if (r->fault.latency_us && !t->faulted) {
        t->faulted = true;
        if (bw_sb_pool_submit_at(pool, task, r->started_us + r->fault.latency_us))
            return;
    }
    if (fault_instead(t)) {
        abort_stream(t);
    } else if (!bw_sb_url_is_text(r)) {
        abort_stream(t);
        bw_sb_reply_error(&t->reply, 400, "badRequest", NULL,
                          "Invalid request: the URL is not UTF-8 text without NUL.");
    } else if (!r->route) {
        bw_sb_reply_error(&t->reply, 404, NULL, NULL, "Not found: no method answers %s %s", r->verb,
                          r->path);
    } else if (r->route->stream || body_is_fine(t)) {
        if (r->route->handle(r->service->context, r, &t->reply) == BW_SB_WAIT) {
            if (bw_sb_pool_park(pool, task, r->wait_key, r->wait_ticket, r->wait_until_us))
                return;
            bw_sb_reply_error(&t->reply, 503, NULL, NULL, "The sandbox is shutting down.");
        }
    }
    finish(t);
}

/* ---- Receiving -------------------------------------------------------------------------------- */

static uint64_t content_length(const bw_sb_request *r)
{
    const char *text = bw_sb_request_header(r, "Content-Length");
    return text ? strtoull(text, NULL, 10) : 0;
}

/* Who connects and says nothing makes room sooner than who has made a request. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)cls;
    (void)socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)BW_SB_FIRST_TIMEOUT);
}

/* Before the body, which is not read: the connection ends with the answer. */
static enum MHD_Result refuse(transport *t, const char *why)
{
    t->request.started_us = bw_mono_us(t->server->options.clock);
    bw_sb_reply_error(&t->reply, 400, "badRequest", NULL, "%s", why);
    bw_sb_reply_header(&t->reply, "Connection", "close");
    log_request(t, 400);
    t->phase = PHASE_READY;
    return answer(t);
}

static enum MHD_Result on_headers(transport *t, const char *verb)
{
    bw_sb_request *r = &t->request;
    const bw_sb_server_options *o = &t->server->options;
    const char *override = bw_sb_request_header(r, "X-HTTP-Method-Override");
    bool tunnelled = override && *override && strcmp(verb, "POST") == 0;
    r->verb = bw_arena_strdup(&r->arena, tunnelled ? override : verb);
    bw_sb_route_find(o->services, o->service_count, r);
    t->reply.shape = r->service->shape;
    const char *contradiction = bw_sb_content_framing(t->connection);
    if (contradiction)
        return refuse(t, contradiction);
    if (r->route && !r->route->unlisted)
        r->fault = bw_sb_faults_draw(o->faults, r->route->method, r->route->alias);
    if (r->fault.kind == BW_SB_FAULT_CUT_MIDDLE)
        t->cut_at = content_length(r) / 2;
    MHD_set_connection_option(t->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)BW_SB_CONNECTION_TIMEOUT);
    t->phase = PHASE_BODY;
    t->streaming = r->route && r->route->stream && r->fault.kind != BW_SB_FAULT_STATUS &&
                   r->fault.kind != BW_SB_FAULT_EXPIRED_TOKEN &&
                   r->fault.kind != BW_SB_FAULT_CUT_BEFORE;
    if (t->streaming)
        r->route->stream->begin(r->service->context, r);
    return MHD_YES;
}

static enum MHD_Result cut_now(transport *t)
{
    t->request.started_us = bw_mono_us(t->server->options.clock);
    abort_stream(t);
    log_request(t, 0);
    return MHD_NO;
}

static enum MHD_Result on_body(transport *t, const char *bytes, size_t size)
{
    bw_sb_request *r = &t->request;
    size_t take = size;
    if (t->cut_at && r->body_size + size >= t->cut_at)
        take = (size_t)(t->cut_at - r->body_size);
    r->body_size += take;
    if (t->streaming)
        r->route->stream->data(r->service->context, r, bytes, take);
    else if (r->route && r->route->stream)
        ; /* a fault answers: the body is read and dropped */
    else if (t->too_large)
        ; /* the rest is read and dropped, so that the client hears why */
    else if ((t->too_large = r->body.len + take > BW_SB_MAX_BODY))
        bw_buf_fini(&r->body);
    else
        bw_buf_add(&r->body, bytes, take);
    if (t->cut_at && r->body_size >= t->cut_at)
        return cut_now(t);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *verb, const char *version, const char *bytes,
                                  size_t *size, void **con_cls)
{
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    transport *t = *con_cls;
    if (t->phase == PHASE_NEW)
        return on_headers(t, verb);
    if (t->phase == PHASE_READY)
        return answer(t);
    if (*size) {
        enum MHD_Result result = on_body(t, bytes, *size);
        *size = 0;
        return result;
    }
    t->phase = PHASE_WORKING;
    owe(t, true);
    t->request.started_us = bw_mono_us(t->server->options.clock);
    t->task.run = work;
    MHD_suspend_connection(t->connection);
    if (!bw_sb_pool_submit(pool_of(t), &t->task)) {
        t->cut = true;
        t->phase = PHASE_READY;
        MHD_resume_connection(t->connection);
    }
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)connection;
    (void)code;
    transport *t = *con_cls;
    if (!t)
        return;
    *con_cls = NULL;
    abort_stream(t);
    if (t->owed)
        owe(t, false);
    if (t->request.state_free)
        t->request.state_free(t->request.state);
    bw_buf_fini(&t->request.body);
    bw_sb_reply_fini(&t->reply);
    free(t->reply_content);
    bw_arena_fini(&t->request.arena);
    free(t);
}

/* ---- Starting and stopping -------------------------------------------------------------------- */

/* Connections beyond the limit wait to be accepted; beyond what the process may open they would be
   errors. */
static unsigned connection_limit(void)
{
    long files = sysconf(_SC_OPEN_MAX);
    if (files <= 0 || files >= BW_SB_CONNECTION_LIMIT + 200)
        return BW_SB_CONNECTION_LIMIT;
    return (unsigned)(files > 400 ? files - 200 : files / 2);
}

static void destroy(bw_sb_server *s)
{
    pthread_mutex_destroy(&s->mu);
    pthread_cond_destroy(&s->paid);
    free(s);
}

bw_status bw_sb_server_start(const bw_sb_server_options *options, bw_sb_server **out, bw_error *err)
{
    int fd;
    bw_status status = bw_sb_listen(options->host, options->port, &fd, err);
    if (status != BW_OK)
        return status;
    bw_sb_server *s = bw_xcalloc(1, sizeof *s);
    s->options = *options;
    s->port = bw_sb_bound_port(fd);
    pthread_mutex_init(&s->mu, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->paid, &attr);
    pthread_condattr_destroy(&attr);
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)POLLING_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit(), MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, NULL, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)BW_SB_CONNECTION_TIMEOUT,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, BW_SB_CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK,
        on_uri, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, s, MHD_OPTION_END);
    if (!s->daemon) {
        close(fd);
        destroy(s);
        return bw_error_set(err, BW_IO, "cannot start the HTTP server");
    }
    *out = s;
    return BW_OK;
}

int bw_sb_server_port(const bw_sb_server *s)
{
    return s->port;
}

void bw_sb_server_quiesce(bw_sb_server *s)
{
    MHD_socket fd = MHD_quiesce_daemon(s->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

/* What the workers have answered at the end is still to be sent: the daemon would close it away. Who
   does not read is not waited for long. */
static void wait_for_answers(bw_sb_server *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LAST_ANSWERS_S;
    pthread_mutex_lock(&s->mu);
    while (s->owed > 0 && pthread_cond_timedwait(&s->paid, &s->mu, &until) == 0)
        ;
    pthread_mutex_unlock(&s->mu);
}

void bw_sb_server_free(bw_sb_server *s)
{
    if (!s)
        return;
    wait_for_answers(s);
    MHD_stop_daemon(s->daemon);
    destroy(s);
}
