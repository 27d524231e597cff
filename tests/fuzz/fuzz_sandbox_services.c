/*
 * Requests to the sandbox's services, without the network: lines "VERB /path?query" each followed by
 * its body up to a line that begins with "---". Whatever is asked, the answer is JSON, and an error
 * is one in Google's shape; what is asked for project p is never seen from project q.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/datastore.h"
#include "backend/sandbox/insert_ids.h"
#include "backend/sandbox/operations.h"
#include "backend/sandbox/pubsub.h"
#include "backend/sandbox/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

typedef struct world {
    bw_sb_bigquery bigquery;
    bw_sb_stats stats;
    bw_sb_operations operations;
    bw_sb_pubsub *pubsub;
    ds_store *datastore;
    bw_sb_service services[10];
    const bw_sb_service *list[10];
    size_t count;
} world;

static world all;

static void add(world *w, bw_sb_service service)
{
    w->services[w->count] = service;
    w->list[w->count] = &w->services[w->count];
    w->count++;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const bw_clock *clock = bw_clock_system();
    bq_error cause = BQ_ERROR_INIT;
    bw_error err = BW_ERROR_INIT;
    world *w = &all;
    (void)argc;
    (void)argv;
    w->bigquery = (bw_sb_bigquery){.clock = clock, .stats = &w->stats};
    w->bigquery.pool = bw_sb_pool_new(1, clock);
    if (bq_catalog_open(NULL, clock, &w->bigquery.catalog, &cause) != BW_OK ||
        bw_sb_operations_open(NULL, clock, &w->operations, &err) != BW_OK ||
        bw_sb_pubsub_new(NULL, w->bigquery.pool, clock, &w->pubsub, &err) != BW_OK ||
        ds_store_open(NULL, clock, &w->datastore, &err) != BW_OK)
        abort();
    w->operations.pubsub = w->pubsub;
    w->bigquery.insert_ids = bw_sb_insert_ids_new(clock);
    add(w, bw_sb_datasets_service(&w->bigquery));
    add(w, bw_sb_tables_service(&w->bigquery));
    add(w, bw_sb_tabledata_service(&w->bigquery));
    add(w, bw_sb_logging_service(&w->operations));
    add(w, bw_sb_monitoring_service(&w->operations));
    add(w, bw_sb_dashboards_service(&w->operations));
    add(w, bw_sb_secrets_service(&w->operations));
    add(w, bw_sb_pubsub_service(w->pubsub));
    add(w, bw_sb_datastore_service(w->datastore));
    return 0;
}

static void forget(world *w)
{
    bq_error cause = BQ_ERROR_INIT;
    bw_error err = BW_ERROR_INIT;
    if (bq_catalog_reset(w->bigquery.catalog, &cause) != BW_OK ||
        bw_sb_db_reset(w->operations.db, &err) != BW_OK ||
        bw_sb_pubsub_reset(w->pubsub, &err) != BW_OK || ds_store_reset(w->datastore, &err) != BW_OK)
        abort();
}

static void fail(const bw_sb_request *r, bw_slice body)
{
    fprintf(stderr, "%s %s?%s\n%.*s\n", r->verb, r->path, r->query, BW_SLICE_ARG(body));
    abort();
}

static void check_answer(const bw_sb_request *r, const bw_sb_reply *reply)
{
    bw_slice body = bw_buf_slice(&reply->body);
    if (reply->content_type || body.len == 0)
        return;
    if (!bw_json_valid(body, NULL, NULL))
        fail(r, body);
    int64_t code;
    bw_slice error = bw_json_member(body, "error");
    if (reply->status >= 400 &&
        (!bw_json_member_int(error, "code", &code) || (unsigned)code != reply->status ||
         !bw_json_member(error, "message").len || !bw_json_member(error, "status").len))
        fail(r, body);
}

static void ask(world *w, const char *verb, const char *url, bw_slice body)
{
    bw_sb_request r = {.verb = verb};
    bw_sb_reply reply = {0};
    size_t path = strcspn(url, "?");
    r.path = bw_arena_strndup(&r.arena, url, path);
    r.query = bw_arena_strdup(&r.arena, url[path] ? url + path + 1 : "");
    bw_buf_add(&r.body, body.ptr, body.len);
    bw_sb_route_find(w->list, w->count, &r);
    if (bw_sb_url_is_text(&r) && r.route && !r.route->stream) {
        reply.shape = r.service->shape;
        if (r.route->handle(r.service->context, &r, &reply) == BW_SB_DONE)
            check_answer(&r, &reply);
    }
    if (r.state_free)
        r.state_free(r.state);
    bw_buf_fini(&r.body);
    bw_sb_reply_fini(&reply);
    bw_arena_fini(&r.arena);
}

/* One request: its line, and the body behind it. */
static void ask_text(world *w, bw_slice text)
{
    const char *end = memchr(text.ptr, '\n', text.len);
    size_t line = end ? (size_t)(end - text.ptr) : text.len;
    char *verb = bw_xstrndup(text.ptr, line);
    char *url = strchr(verb, ' ');
    if (url) {
        *url++ = '\0';
        ask(w, verb, url,
            (bw_slice){text.ptr + line + (end != NULL), text.len - line - (end != NULL)});
    }
    free(verb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of its own, so that the sanitizer sees every byte too many. */
    char *copy = bw_xstrndup((const char *)data, size);
    for (char *at = copy; at;) {
        char *next = strstr(at, "\n---");
        size_t len = next ? (size_t)(next - at) : strlen(at);
        if (len > 0)
            ask_text(&all, (bw_slice){at, len});
        at = next ? strchr(next + 1, '\n') : NULL;
        at = at ? at + 1 : NULL;
    }
    free(copy);
    forget(&all);
    return 0;
}
