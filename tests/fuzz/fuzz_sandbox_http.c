/*
 * What the sandbox's HTTP side reads before any table is touched: multipart bodies, JSON documents
 * that are merged and taken apart, faults, paths and queries. The first byte chooses.
 */
#include <stdlib.h>

#include "backend/sandbox/fault.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/multipart.h"
#include "backend/sandbox/query_params.h"
#include "backend/sandbox/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_media(void *user, const char *bytes, size_t size)
{
    size_t *sum = user;
    for (size_t i = 0; i < size; i++)
        *sum += (unsigned char)bytes[i];
}

/* The same body whole and in pieces must be the same upload. */
static void try_multipart(bw_slice body)
{
    size_t piece = body.len ? 1 + (unsigned char)body.ptr[0] % 16 : 1;
    size_t sums[2] = {0, 0};
    bool faulty[2];
    for (int way = 0; way < 2; way++) {
        bw_sb_multipart *m =
            bw_sb_multipart_new("multipart/related; boundary=b", count_media, &sums[way]);
        for (size_t at = 0; at < body.len; at += way ? piece : body.len) {
            size_t left = body.len - at;
            bw_sb_multipart_feed(m, body.ptr + at, way && left > piece ? piece : left);
        }
        faulty[way] = bw_sb_multipart_fault(m) != NULL;
        bw_sb_multipart_free(m);
    }
    if (faulty[0] != faulty[1] || (!faulty[0] && sums[0] != sums[1]))
        abort();
}

/* What comes out of a merge is JSON, and merging it again changes nothing. */
static void try_merge(bw_slice text)
{
    const char *split = text.len ? memchr(text.ptr, '\n', text.len) : NULL;
    if (!split)
        return;
    bw_slice base = {text.ptr, (size_t)(split - text.ptr)};
    bw_slice patch = {split + 1, text.len - base.len - 1};
    if (!bw_sb_json_is_object(base) || !bw_sb_json_is_object(patch))
        return;
    bw_buf once = BW_BUF_INIT, twice = BW_BUF_INIT;
    bw_sb_json_merge(base, patch, &once);
    if (!bw_json_valid(bw_buf_slice(&once), NULL, NULL))
        abort();
    bw_sb_json_merge(bw_buf_slice(&once), patch, &twice);
    if (!bw_json_valid(bw_buf_slice(&twice), NULL, NULL))
        abort();
    bw_buf_fini(&once);
    bw_buf_fini(&twice);
}

static void try_params(bw_slice text)
{
    bw_arena arena = BW_ARENA_INIT;
    const bq_sql_param *params;
    size_t count;
    bq_error err = BQ_ERROR_INIT;
    if (bw_json_valid(text, NULL, NULL) && text.ptr[0] == '[')
        (void)!bw_sb_query_params(&arena, text, "NAMED", &params, &count, &err);
    bw_arena_fini(&arena);
}

static void try_faults(bw_slice text)
{
    bw_sb_faults *faults = bw_sb_faults_new();
    bw_sb_faults_know(faults, "bigquery.jobs.insert");
    bw_error err = BW_ERROR_INIT;
    if (bw_sb_faults_post(faults, text, &err) == BW_OK) {
        bw_buf out = BW_BUF_INIT;
        bw_sb_faults_print(faults, &out);
        if (!bw_json_valid(bw_buf_slice(&out), NULL, NULL))
            abort();
        bw_buf_fini(&out);
    }
    bw_sb_faults_free(faults);
}

static void try_path(bw_slice text)
{
    static const char *const prefixes[] = {"/", NULL};
    static const bw_sb_route routes[] = {
        {"GET", "a/{b}/c/{d}:e", "x", .when = "q=1"},
        {"GET", "a/{b}/{rest=**}", "y", .handle = NULL},
    };
    static const bw_sb_service service = {prefixes, routes, 2, BW_SB_ERROR_ERRORS, NULL};
    static const bw_sb_service *const services[] = {&service};
    bw_sb_request r = {.verb = "GET"};
    char *path = bw_xstrndup(text.len ? text.ptr : "", text.len);
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    r.path = path;
    r.query = query ? query : "";
    bw_sb_route_find(services, 1, &r);
    (void)bw_sb_request_param(&r, "b");
    (void)bw_sb_request_query(&r, "q");
    bw_arena_fini(&r.arena);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(bw_slice) = {try_multipart, try_merge, try_params, try_faults,
                                              try_path};
    if (size == 0)
        return 0;
    /* A copy of its own, so that the sanitizer sees every byte too many. */
    char *copy = bw_xmalloc(size);
    memcpy(copy, data + 1, size - 1);
    tries[data[0] % BW_COUNT(tries)]((bw_slice){copy, size - 1});
    free(copy);
    return 0;
}
