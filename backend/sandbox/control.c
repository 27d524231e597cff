#include "backend/sandbox/control.h"

#include <sys/resource.h>

#include "backend/sandbox/json_edit.h"

static bw_sb_outcome greet(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    (void)context;
    (void)r;
    reply->content_type = "text/plain; charset=UTF-8";
    bw_buf_adds(&reply->body, "bridgewatch-sandbox " BW_VERSION "\n");
    return BW_SB_DONE;
}

static bw_sb_outcome requests(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    int64_t after, max;
    if (!bw_sb_request_query_int(r, "after", 0, INT64_MAX, 0, &after) ||
        !bw_sb_request_query_int(r, "max", 1, INT32_MAX, BW_SB_LOG_REQUESTS, &max))
        return bw_sb_reply_invalid(reply, "after and max are whole numbers");
    bw_sb_request_log_print(c->log, (uint64_t)after, bw_sb_request_query(r, "method"), (size_t)max,
                            &reply->body);
    return BW_SB_DONE;
}

static bw_sb_outcome forget_requests(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    (void)r;
    bw_sb_request_log_clear(c->log);
    bw_buf_adds(&reply->body, "{}");
    return BW_SB_DONE;
}

static bw_sb_outcome show_faults(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    (void)r;
    bw_sb_faults_print(c->faults, &reply->body);
    return BW_SB_DONE;
}

static bw_sb_outcome add_faults(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    bw_error err = BW_ERROR_INIT;
    if (bw_sb_faults_post(c->faults, bw_buf_slice(&r->body), &err) != BW_OK)
        return bw_sb_reply_invalid(reply, "%s. %s", err.message, err.hint);
    return show_faults(context, r, reply);
}

static bw_sb_outcome clear_faults(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    bw_sb_faults_clear(c->faults);
    return show_faults(context, r, reply);
}

static void print_seconds(bw_buf *out, const char *name, struct timeval t)
{
    bw_buf_addf(out, ",\"%s\":%lld.%06lld", name, (long long)t.tv_sec, (long long)t.tv_usec);
}

static bw_sb_outcome stats(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    bw_sb_stats *s = c->stats;
    const struct {
        const char *name;
        atomic_ullong *value;
    } counters[] = {{"uploadBytes", &s->upload_bytes},   {"discardedBytes", &s->discarded_bytes},
                    {"uploadLines", &s->upload_lines},   {"rowsLoaded", &s->rows_loaded},
                    {"rowsInserted", &s->rows_inserted}, {"jobsInserted", &s->jobs_inserted},
                    {"jobsSucceeded", &s->jobs_done},    {"jobsFailed", &s->jobs_failed}};
    (void)r;
    bw_buf_addf(&reply->body, "{\"version\":\"%s\"", BW_VERSION);
    for (size_t i = 0; i < BW_COUNT(counters); i++)
        bw_buf_addf(&reply->body, ",\"%s\":%llu", counters[i].name, atomic_load(counters[i].value));
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        print_seconds(&reply->body, "cpuUserSeconds", usage.ru_utime);
        print_seconds(&reply->body, "cpuSystemSeconds", usage.ru_stime);
        bw_buf_addf(&reply->body, ",\"peakRssBytes\":%lld", (long long)usage.ru_maxrss * 1024);
    }
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

static bw_sb_outcome expire_tokens(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    (void)r;
    bw_sb_identity_expire(c->identity);
    bw_buf_adds(&reply->body, "{}");
    return BW_SB_DONE;
}

static bw_sb_outcome done(bw_sb_reply *reply, bw_status status, const bw_error *err)
{
    if (status != BW_OK)
        bw_sb_reply_error(reply, 500, NULL, NULL, "%s", err->message);
    else
        bw_buf_adds(&reply->body, "{}");
    return BW_SB_DONE;
}

static bw_sb_outcome reset(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    bw_error err = BW_ERROR_INIT;
    (void)r;
    return done(reply, c->reset(c->user, &err), &err);
}

static bw_sb_outcome flush_buffer(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_control *c = context;
    bw_error err = BW_ERROR_INIT;
    (void)r;
    return done(reply, c->flush(c->user, &err), &err);
}

static const char *const prefixes[] = {"/", NULL};
static const bw_sb_route routes[] = {
    {"GET", "", "sandbox.greet", .handle = greet, .unlisted = true},
    {"GET", "sandbox/requests", "sandbox.requests", .handle = requests, .unlisted = true},
    {"DELETE", "sandbox/requests", "sandbox.forget", .handle = forget_requests, .unlisted = true},
    {"GET", "sandbox/faults", "sandbox.faults", .handle = show_faults, .unlisted = true},
    {"POST", "sandbox/faults", "sandbox.faults", .handle = add_faults, .unlisted = true},
    {"DELETE", "sandbox/faults", "sandbox.faults", .handle = clear_faults, .unlisted = true},
    {"GET", "sandbox/stats", "sandbox.stats", .handle = stats, .unlisted = true},
    {"POST", "sandbox/tokens/expire", "sandbox.expire", .handle = expire_tokens, .unlisted = true},
    {"POST", "sandbox/streaming-buffer/flush", "sandbox.flush", .handle = flush_buffer,
     .unlisted = true},
    {"POST", "sandbox/reset", "sandbox.reset", .handle = reset, .unlisted = true},
};

bw_sb_service bw_sb_control_service(bw_sb_control *control)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS, control};
}
