/*
 * One easy handle and one multi handle per client. The multi handle keeps the connections and lets
 * the wait be ours: the socket, the cancel's descriptor and our own deadlines in one poll. Time-outs
 * are measured here, on the injected clock, because libcurl's low-speed limit counts in whole seconds
 * and cannot tell a slow answer from a slow transfer.
 *
 * libcurl sends a request again by itself when a kept connection turns out to be closed before any
 * byte of the answer. It needs to rewind the body for that, so a body without a seek function is
 * sent at most once: only idempotent requests get one.
 */
#include "backend/net/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/core/units.h"

#define DEFAULT_CONNECT_US   (15 * BW_SECOND)
#define DEFAULT_STALL_US     (60 * BW_SECOND)
#define DEFAULT_MAX_RESPONSE ((size_t)64 << 20)
#define MAX_HEADERS          ((size_t)256 << 10) /* of one answer, interim ones included */
/* A connection that was idle for longer may be dead without anybody knowing: the machine slept, or a
   firewall forgot it. Wall time, because it goes on in suspend. */
#define IDLE_MAX (55 * BW_SECOND)
/* Large enough that a chunk is few system calls, small enough to stay in the second-level cache. */
#define UPLOAD_BUFFER   (256L * 1024)
#define DOWNLOAD_BUFFER (128L * 1024)

struct bw_http {
    const bw_clock *clock;
    const bw_cancel *cancel;
    char *ca_file, *user_agent;
    int64_t connect_us;
    CURLM *multi;
    CURL *easy;
    CURLU *url;
    char curl_error[CURL_ERROR_SIZE];
    int64_t used_wall_us; /* when the last request ended */
    atomic_uint_fast64_t bytes_sent;
};

/* One request on its way. */
typedef struct transfer {
    bw_http *http;
    const bw_http_request *request;
    bw_http_response *response;
    char *peer; /* host:port, for messages */
    bool loopback;
    size_t body_size, max_response;
    size_t slice, at; /* the next byte of the body to send */
    size_t sent;
    size_t header_bytes;
    bool too_large;
    int64_t moved_us; /* when something moved last */
    int64_t moved_bytes;
} transfer;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort(); /* only when the TLS library cannot start: nothing would work */
}

bw_http *bw_http_new(const bw_http_options *options)
{
    pthread_once(&curl_once, init_curl);
    bw_http *h = bw_xcalloc(1, sizeof(*h));
    h->clock = options->clock ? options->clock : bw_clock_system();
    h->cancel = options->cancel;
    h->ca_file = options->ca_file ? bw_xstrdup(options->ca_file) : NULL;
    h->user_agent =
        bw_xstrdup(options->user_agent ? options->user_agent : "bridgewatch/" BW_VERSION);
    h->connect_us = options->connect_timeout_us ? options->connect_timeout_us : DEFAULT_CONNECT_US;
    h->multi = curl_multi_init();
    h->easy = curl_easy_init();
    h->url = curl_url();
    if (!h->multi || !h->easy || !h->url)
        abort(); /* out of memory, as everywhere */
    return h;
}

void bw_http_free(bw_http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    curl_url_cleanup(h->url);
    free(h->ca_file);
    free(h->user_agent);
    free(h);
}

uint64_t bw_http_bytes_sent(const bw_http *h)
{
    return atomic_load(&h->bytes_sent);
}

/* ---- libcurl's callbacks ---------------------------------------------------------------- */

static size_t on_read(char *to, size_t size, size_t n, void *user)
{
    transfer *t = user;
    size_t room = size * n, done = 0;
    while (done < room && t->slice < t->request->n_body) {
        bw_slice s = t->request->body[t->slice];
        size_t part = s.len - t->at < room - done ? s.len - t->at : room - done;
        if (part)
            memcpy(to + done, s.ptr + t->at, part);
        done += part;
        t->at += part;
        if (t->at == s.len) {
            t->slice++;
            t->at = 0;
        }
    }
    t->sent += done;
    atomic_fetch_add(&t->http->bytes_sent, done);
    return done;
}

/* libcurl only ever goes back to the beginning. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    transfer *t = user;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    t->slice = t->at = t->sent = 0;
    return CURL_SEEKFUNC_OK;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    transfer *t = user;
    size_t bytes = size * n;
    if (bytes > t->max_response - t->response->body.len) {
        t->too_large = true;
        return 0;
    }
    bw_buf_add(&t->response->body, data, bytes);
    return bytes;
}

static int parse_status(bw_slice line)
{
    size_t at = 0;
    while (at < line.len && line.ptr[at] != ' ')
        at++;
    int status = 0;
    for (size_t i = at + 1; i < line.len && i < at + 4; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            return 0;
        status = status * 10 + (line.ptr[i] - '0');
    }
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Kept as NAME NUL VALUE NUL. Each status line starts anew, because interim answers come first. */
static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    transfer *t = user;
    bw_slice line = {data, size * n};
    t->header_bytes += line.len;
    if (t->header_bytes > MAX_HEADERS) {
        t->too_large = true;
        return 0;
    }
    if (line.len > 5 && memcmp(line.ptr, "HTTP/", 5) == 0) {
        bw_buf_clear(&t->response->headers);
        t->response->status = parse_status(line);
        return line.len;
    }
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon)
        return line.len;
    const char *from = colon + 1, *to = line.ptr + line.len;
    while (from < to && is_space(*from))
        from++;
    while (to > from && is_space(to[-1]))
        to--;
    bw_buf *headers = &t->response->headers;
    bw_buf_add(headers, line.ptr, (size_t)(colon - line.ptr));
    bw_buf_addc(headers, '\0');
    bw_buf_add(headers, from, (size_t)(to - from));
    bw_buf_addc(headers, '\0');
    return line.len;
}

/* ---- errors ----------------------------------------------------------------------------- */

typedef struct curl_meaning {
    CURLcode code;
    bw_status status;
    const char *hint;
} curl_meaning;

#define UNREACHED "Check the network, the firewall and https_proxy."

static const curl_meaning meanings[] = {
    {CURLE_URL_MALFORMAT, BW_INVALID, ""},
    {CURLE_UNSUPPORTED_PROTOCOL, BW_INVALID, "Endpoints begin with http:// or https://."},
    {CURLE_SSL_CACERT_BADFILE, BW_INVALID, "Check that the CA file exists and holds PEM."},
    {CURLE_PEER_FAILED_VERIFICATION, BW_DENIED,
     "The server's certificate is not trusted: check the host's name, this machine's clock and "
     "its CA certificates (package ca-certificates), and whether a proxy intercepts TLS."},
    {CURLE_OPERATION_TIMEDOUT, BW_TIMEOUT, UNREACHED},
    {CURLE_COULDNT_RESOLVE_HOST, BW_UNAVAILABLE, "Check the host's name and the name server."},
    {CURLE_COULDNT_RESOLVE_PROXY, BW_UNAVAILABLE, "Check https_proxy and http_proxy."},
    {CURLE_COULDNT_CONNECT, BW_UNAVAILABLE, "Check that the service runs and can be reached."},
};

static bw_status fail_curl(transfer *t, CURLcode code, bw_error *err)
{
    if (t->header_bytes > MAX_HEADERS)
        return bw_error_set(err, BW_UNSUPPORTED,
                            "the answer of %s has more than %zu bytes of headers", t->peer,
                            MAX_HEADERS);
    if (t->too_large)
        return bw_error_set(err, BW_UNSUPPORTED, "the answer of %s is larger than %zu bytes",
                            t->peer, t->max_response);
    const char *detail = t->http->curl_error[0] ? t->http->curl_error : curl_easy_strerror(code);
    bw_status status = BW_UNAVAILABLE;
    const char *hint = "";
    for (size_t i = 0; i < BW_COUNT(meanings); i++)
        if (meanings[i].code == code) {
            status = meanings[i].status;
            hint = meanings[i].hint;
        }
    bw_error_set(err, status, "%s: %s", t->peer, detail);
    if (hint[0])
        bw_error_hint(err, "%s", hint);
    return status;
}

static const char *phase(const transfer *t)
{
    if (t->response->status)
        return "in the middle of the answer of";
    if (!t->response->maybe_sent)
        return "while connecting to";
    return t->sent < t->body_size ? "while sending to" : "waiting for the answer of";
}

static bw_status fail_late(const transfer *t, const char *why, int64_t limit_us, bw_error *err)
{
    char text[BW_TIME_TEXT];
    if (limit_us < 0)
        bw_error_set(err, BW_TIMEOUT, "%s %s %s", why, phase(t), t->peer);
    else
        bw_error_set(err, BW_TIMEOUT, "%s %s %s (limit %s)", why, phase(t), t->peer,
                     bw_format_duration_exact(limit_us, text));
    if (!t->response->maybe_sent)
        bw_error_hint(err, "%s", UNREACHED);
    return BW_TIMEOUT;
}

/* ---- the transfer ----------------------------------------------------------------------- */

static bool takes_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static void set_method(CURL *easy, transfer *t)
{
    const bw_http_request *request = t->request;
    const char *method = request->method ? request->method : "GET";
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (strcmp(method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (!takes_body(method) && t->body_size == 0)
        return;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body_size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, t);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    if (request->idempotent) {
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
    }
}

static void set_options(CURL *easy, transfer *t)
{
    bw_http *h = t->http;
    int64_t idle = bw_wall_us(h->clock) - h->used_wall_us;
    if (idle > IDLE_MAX || idle < 0)
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    h->curl_error[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->curl_error);
    curl_easy_setopt(easy, CURLOPT_URL, t->request->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A cancel must not wait for the thread that resolves the name. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, DOWNLOAD_BUFFER);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->connect_us / 1000));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, h->user_agent);
    if (h->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
    if (t->request->no_proxy || t->loopback)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    set_method(easy, t);
}

/* "Expect:" without a value keeps libcurl from asking "100-continue" before large bodies. */
static struct curl_slist *make_headers(const bw_http_request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; list && i < request->n_headers; i++) {
        struct curl_slist *longer = curl_slist_append(list, request->headers[i]);
        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    if (!list)
        abort(); /* out of memory */
    return list;
}

/* Host and port for messages, and whether a proxy may be in between. */
static bw_status parse_url(transfer *t, bw_error *err)
{
    CURLU *url = t->http->url;
    char *host = NULL, *port = NULL;
    if (curl_url_set(url, CURLUPART_URL, t->request->url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        curl_free(host);
        return bw_error_set(err, BW_INVALID, "not an http or https URL");
    }
    t->peer = bw_xasprintf("%s:%s", host, port);
    t->loopback = bw_http_is_loopback(t->request->url);
    curl_free(host);
    curl_free(port);
    return BW_OK;
}

/* Notes what has moved, and whether any byte has left. */
static void watch(transfer *t, int64_t now)
{
    CURL *easy = t->http->easy;
    long request_size = 0, header_size = 0;
    curl_off_t up = 0, down = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_size);
    curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &header_size);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    t->response->maybe_sent = request_size > 0;
    int64_t moved = (int64_t)request_size + (int64_t)header_size + (int64_t)up + (int64_t)down;
    if (moved != t->moved_bytes) {
        t->moved_bytes = moved;
        t->moved_us = now;
    }
}

static bool finished(CURLM *multi, CURLcode *code)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
        if (m->msg == CURLMSG_DONE) {
            *code = m->data.result;
            return true;
        }
    return false;
}

/* The moment at which the wait ends whatever happens. */
static int64_t limit_of(const transfer *t, int64_t stall_us)
{
    int64_t deadline = t->request->deadline_us ? t->request->deadline_us : BW_FOREVER;
    int64_t stall = t->moved_us + stall_us;
    return stall < deadline ? stall : deadline;
}

static bw_status run(transfer *t, bw_error *err)
{
    bw_http *h = t->http;
    int64_t stall_us = t->request->stall_us ? t->request->stall_us : DEFAULT_STALL_US;
    int64_t deadline = t->request->deadline_us;
    t->moved_us = bw_mono_us(h->clock);
    for (;;) {
        int running;
        CURLMcode m = curl_multi_perform(h->multi, &running);
        if (m != CURLM_OK)
            return bw_error_set(err, BW_INTERNAL, "%s: %s", t->peer, curl_multi_strerror(m));
        int64_t now = bw_mono_us(h->clock);
        watch(t, now);
        CURLcode code;
        if (finished(h->multi, &code))
            return code == CURLE_OK ? BW_OK : fail_curl(t, code, err);
        if (bw_cancelled(h->cancel))
            return bw_error_set(err, BW_CANCELLED, "cancelled %s %s", phase(t), t->peer);
        if (deadline && now >= deadline)
            return fail_late(t, "the deadline passed", -1, err);
        if (now >= t->moved_us + stall_us)
            return fail_late(t, "nothing moved", stall_us, err);
        struct curl_waitfd cancel = {.fd = h->cancel ? h->cancel->fd : -1,
                                     .events = CURL_WAIT_POLLIN};
        curl_multi_poll(h->multi, &cancel, h->cancel ? 1 : 0,
                        bw_poll_ms(h->clock, limit_of(t, stall_us), 1000), NULL);
    }
}

bw_status bw_http_send(bw_http *h, const bw_http_request *request, bw_http_response *response,
                       bw_error *err)
{
    response->status = 0;
    response->maybe_sent = false;
    bw_buf_clear(&response->body);
    bw_buf_clear(&response->headers);
    transfer t = {.http = h, .request = request, .response = response};
    t.max_response = request->max_response ? request->max_response : DEFAULT_MAX_RESPONSE;
    for (size_t i = 0; i < request->n_body; i++)
        t.body_size += request->body[i].len;
    if (bw_cancelled(h->cancel))
        return bw_error_set(err, BW_CANCELLED, "cancelled");
    bw_status s = parse_url(&t, err);
    if (s != BW_OK)
        return s;
    curl_easy_reset(h->easy);
    set_options(h->easy, &t);
    struct curl_slist *headers = make_headers(request);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
    CURLMcode m = curl_multi_add_handle(h->multi, h->easy);
    s = m == CURLM_OK ? run(&t, err)
                      : bw_error_set(err, BW_INTERNAL, "%s: %s", t.peer, curl_multi_strerror(m));
    if (m == CURLM_OK)
        curl_multi_remove_handle(h->multi, h->easy);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(t.peer);
    h->used_wall_us = bw_wall_us(h->clock);
    if (s != BW_OK && err)
        err->maybe_acted = response->maybe_sent;
    return s;
}
