#include "backend/sandbox/request_log.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

typedef struct kept_request {
    uint64_t sequence;
    const char *method;
    char *line; /* verb, path and query, each ended by NUL */
    char *fault;
    char *body; /* NULL when not kept */
    size_t body_len;
    uint64_t body_size;
    int64_t wall_us;
    double seconds;
    unsigned status;
} kept_request;

struct bw_sb_request_log {
    pthread_mutex_t mu;
    kept_request *ring;  /* guarded by mu: BW_SB_LOG_REQUESTS places */
    uint64_t next;       /* guarded by mu: sequence of the next one */
    uint64_t first;      /* guarded by mu: the oldest that is kept */
    uint64_t first_body; /* guarded by mu: no older one has a body */
    size_t body_total;   /* guarded by mu */
};

bw_sb_request_log *bw_sb_request_log_new(void)
{
    bw_sb_request_log *log = bw_xcalloc(1, sizeof *log);
    pthread_mutex_init(&log->mu, NULL);
    log->ring = bw_xcalloc(BW_SB_LOG_REQUESTS, sizeof *log->ring);
    log->next = log->first = log->first_body = 1;
    return log;
}

static kept_request *place(bw_sb_request_log *log, uint64_t sequence)
{
    return &log->ring[sequence % BW_SB_LOG_REQUESTS];
}

static void drop_body(bw_sb_request_log *log, kept_request *k)
{
    log->body_total -= k->body ? k->body_len : 0;
    free(k->body);
    k->body = NULL;
}

static void drop(bw_sb_request_log *log, kept_request *k)
{
    drop_body(log, k);
    free(k->line);
    free(k->fault);
    *k = (kept_request){0};
}

void bw_sb_request_log_clear(bw_sb_request_log *log)
{
    pthread_mutex_lock(&log->mu);
    while (log->first < log->next)
        drop(log, place(log, log->first++));
    log->first_body = log->first;
    pthread_mutex_unlock(&log->mu);
}

void bw_sb_request_log_free(bw_sb_request_log *log)
{
    if (!log)
        return;
    bw_sb_request_log_clear(log);
    free(log->ring);
    pthread_mutex_destroy(&log->mu);
    free(log);
}

static char *join_line(const bw_sb_log_entry *e)
{
    const char *const parts[] = {e->verb, e->path, e->query};
    bw_buf line = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(parts); i++) {
        bw_buf_add(&line, parts[i], strnlen(parts[i], BW_SB_LOG_TEXT));
        bw_buf_addc(&line, '\0');
    }
    return bw_buf_take(&line);
}

uint64_t bw_sb_request_log_add(bw_sb_request_log *log, const bw_sb_log_entry *e)
{
    kept_request k = {.method = e->method,
                      .line = join_line(e),
                      .fault = e->fault[0] ? bw_xstrdup(e->fault) : NULL,
                      .body_size = e->body_size,
                      .wall_us = e->wall_us,
                      .seconds = e->seconds,
                      .status = e->status};
    if (e->body.len && e->body.len <= BW_SB_LOG_BODY) {
        k.body = bw_xstrndup(e->body.ptr, e->body.len);
        k.body_len = e->body.len;
    }
    pthread_mutex_lock(&log->mu);
    k.sequence = log->next++;
    if (k.sequence - log->first >= BW_SB_LOG_REQUESTS)
        drop(log, place(log, log->first++));
    *place(log, k.sequence) = k;
    log->body_total += k.body ? k.body_len : 0;
    if (log->first_body < log->first)
        log->first_body = log->first;
    while (log->body_total > BW_SB_LOG_BODY_TOTAL)
        drop_body(log, place(log, log->first_body++));
    pthread_mutex_unlock(&log->mu);
    return k.sequence;
}

static void print_one(const kept_request *k, bw_buf *out)
{
    char time[BW_TIME_TEXT];
    const char *path = k->line + strlen(k->line) + 1;
    const char *query = path + strlen(path) + 1;
    const struct {
        const char *name, *text;
    } texts[] = {{"time", bw_format_time(k->wall_us, time)},
                 {"method", k->method},
                 {"verb", k->line},
                 {"path", path},
                 {"query", query},
                 {"fault", k->fault ? k->fault : ""}};
    bw_buf_addf(out, "{\"sequence\":%llu", (unsigned long long)k->sequence);
    for (size_t i = 0; i < BW_COUNT(texts); i++) {
        bw_slice text = bw_slice_cstr(texts[i].text);
        bw_buf_addf(out, ",\"%s\":", texts[i].name);
        text.len = bw_utf8_valid_prefix(text);
        bw_json_add_string(out, text);
    }
    int64_t micros = (int64_t)(k->seconds * 1e6);
    bw_buf_addf(out,
                ",\"status\":%u,\"bodySize\":%llu,\"seconds\":%lld.%06lld,\"body\":", k->status,
                (unsigned long long)k->body_size, (long long)(micros / 1000000),
                (long long)(micros % 1000000));
    /* Looked at only now: few of the requests are ever shown. */
    if (k->body && bw_json_valid((bw_slice){k->body, k->body_len}, NULL, NULL))
        bw_buf_add(out, k->body, k->body_len);
    else
        bw_buf_adds(out, "null");
    bw_buf_addc(out, '}');
}

void bw_sb_request_log_print(bw_sb_request_log *log, uint64_t after, const char *pattern,
                             size_t max, bw_buf *out)
{
    size_t printed = 0;
    bw_buf_adds(out, "{\"requests\":[");
    pthread_mutex_lock(&log->mu);
    uint64_t from = after + 1 > log->first ? after + 1 : log->first;
    for (uint64_t s = from; s < log->next && printed < max; s++) {
        const kept_request *k = place(log, s);
        if (pattern && !bw_glob_match(pattern, k->method))
            continue;
        if (printed++)
            bw_buf_addc(out, ',');
        print_one(k, out);
    }
    bw_buf_addf(out, "],\"total\":%llu,\"dropped\":%llu}", (unsigned long long)(log->next - 1),
                (unsigned long long)(log->first - 1));
    pthread_mutex_unlock(&log->mu);
}
