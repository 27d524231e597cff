/* Paths to routes, queries and escapes. Covers: sandbox/router, the request half of sandbox/http. */
#include "tests/support/test.h"

#include "backend/sandbox/router.h"

static const char *const prefixes[] = {"/bigquery/v2/", "/", NULL};
static const char *const upload_prefixes[] = {"/upload/bigquery/v2/", NULL};

static const bw_sb_route routes[] = {
    {"GET", "projects/{project}/datasets/{dataset}", "datasets.get", .handle = NULL},
    {"POST", "projects/{project}/topics/{topic}:publish", "topics.publish", .handle = NULL},
    {"GET", "projects/{project}/topics/{topic}", "topics.get", .handle = NULL},
    {"GET", "files/{rest=**}", "files.get", .handle = NULL},
};
static const bw_sb_route uploads[] = {
    {"POST", "projects/{project}/jobs", "chunk", .when = "upload_id"},
    {"POST", "projects/{project}/jobs", "start", .when = "uploadType=resumable"},
    {"POST", "projects/{project}/jobs", "other", .handle = NULL},
};

/* Three services of one prefix, as Pub/Sub, Datastore and Secret Manager are. */
static const char *const v1[] = {"/v1/", NULL};
static const bw_sb_route pubsub[] = {
    {"PUT", "projects/{project}/topics/{topic}", "topics.create", .handle = NULL},
    {"POST", "projects/{project}/topics/{topic}:publish", "topics.publish", .handle = NULL},
};
static const bw_sb_route datastore[] = {
    {"POST", "projects/{project}:lookup", "datastore.lookup", .handle = NULL},
    {"POST", "projects/{project}:commit", "datastore.commit", .handle = NULL},
};
static const bw_sb_route secrets[] = {
    {"GET", "projects/{project}/secrets/{secret}/versions/{version}:access", "versions.access",
     .handle = NULL},
};

static const bw_sb_service services[] = {
    {prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS, NULL},
    {upload_prefixes, uploads, BW_COUNT(uploads), BW_SB_ERROR_DETAILS, NULL},
    {v1, pubsub, BW_COUNT(pubsub), BW_SB_ERROR_DETAILS, NULL},
    {v1, datastore, BW_COUNT(datastore), BW_SB_ERROR_DETAILS, NULL},
    {v1, secrets, BW_COUNT(secrets), BW_SB_ERROR_DETAILS, NULL},
};
static const bw_sb_service *const list[] = {&services[0], &services[1], &services[2], &services[3],
                                            &services[4]};

static bw_sb_request find(const char *verb, const char *path, const char *query)
{
    bw_sb_request r = {.arena = BW_ARENA_INIT, .verb = verb, .path = path, .query = query};
    bw_sb_route_find(list, BW_COUNT(list), &r);
    return r;
}

static void assert_route(const char *verb, const char *path, const char *query, const char *method)
{
    bw_sb_request r = find(verb, path, query);
    if (!method && r.route)
        fail_msg("%s %s is %s", verb, path, r.route->method);
    if (method && !r.route)
        fail_msg("%s %s is nothing", verb, path);
    if (method)
        assert_string_equal(r.route->method, method);
    bw_arena_fini(&r.arena);
}

static void paths_find_their_routes(void **state)
{
    (void)state;
    assert_route("GET", "/bigquery/v2/projects/p/datasets/d", "", "datasets.get");
    assert_route("GET", "/projects/p/datasets/d", "", "datasets.get");
    assert_route("POST", "/projects/p/datasets/d", "", NULL);
    assert_route("GET", "/projects/p/datasets/", "", NULL);
    assert_route("GET", "/projects//datasets/d", "", NULL);
    assert_route("GET", "/projects/p/datasets/d/", "", NULL);
    assert_route("GET", "/projects/example.com:p/datasets/d", "", "datasets.get");
    assert_route("POST", "/projects/p/topics/t:publish", "", "topics.publish");
    assert_route("GET", "/projects/p/topics/t", "", "topics.get");
    assert_route("GET", "/projects/p/topics/t:publish", "", NULL);
    assert_route("POST", "/projects/p/topics/:publish", "", NULL);
    assert_route("GET", "/files/a/b/c", "", "files.get");
    assert_route("POST", "/upload/bigquery/v2/projects/p/jobs", "uploadType=resumable&upload_id=x",
                 "chunk");
    assert_route("POST", "/upload/bigquery/v2/projects/p/jobs", "uploadType=resumable", "start");
    assert_route("POST", "/upload/bigquery/v2/projects/p/jobs", "uploadType=resumables", "other");
    assert_route("GET", "", "", NULL);
}

static void parameters_are_decoded_after_splitting(void **state)
{
    (void)state;
    bw_sb_request r = find("GET", "/projects/a%2Fb%zz/datasets/%C3%A9%4", "");
    assert_non_null(r.route);
    assert_string_equal(bw_sb_request_param(&r, "project"), "a/b%zz");
    assert_string_equal(bw_sb_request_param(&r, "dataset"), "\xc3\xa9%4");
    assert_string_equal(bw_sb_request_param(&r, "nothing"), "");
    bw_arena_fini(&r.arena);
    r = find("POST", "/projects/p/topics/t:publish", "");
    assert_string_equal(bw_sb_request_param(&r, "topic"), "t");
    bw_arena_fini(&r.arena);
    r = find("GET", "/files/a/b%20c", "");
    assert_string_equal(bw_sb_request_param(&r, "rest"), "a/b c");
    bw_arena_fini(&r.arena);
}

static void an_unknown_path_belongs_to_the_nearest_service(void **state)
{
    (void)state;
    bw_sb_request r = find("GET", "/upload/bigquery/v2/what", "");
    assert_null(r.route);
    assert_ptr_equal(r.service, &services[1]);
    bw_arena_fini(&r.arena);
}

static void services_share_a_prefix(void **state)
{
    (void)state;
    assert_route("PUT", "/v1/projects/p/topics/abc", "", "topics.create");
    assert_route("POST", "/v1/projects/p/topics/abc:publish", "$alt=json%3Benum-encoding=int",
                 "topics.publish");
    assert_route("POST", "/v1/projects/p:lookup", "", "datastore.lookup");
    assert_route("POST", "/v1/projects/example.com:p:commit", "", "datastore.commit");
    assert_route("GET", "/v1/projects/p/secrets/s/versions/latest:access", "", "versions.access");
    assert_route("POST", "/v1/projects/p:publish", "", NULL);
    bw_sb_request r = find("GET", "/v1/what", "");
    assert_int_equal(r.service->shape, BW_SB_ERROR_DETAILS);
    bw_arena_fini(&r.arena);
}

static void details_go_into_an_error(void **state)
{
    (void)state;
    bw_sb_reply reply = {.shape = BW_SB_ERROR_DETAILS};
    bw_sb_reply_error(&reply, 409, "ABORTED", NULL, "again, %s", "please");
    bw_sb_reply_error_details(&reply, BW_SLICE_LIT("[{\"reason\":\"R\"}]"));
    assert_string_equal(
        bw_buf_cstr(&reply.body),
        "{\"error\":{\"code\":409,\"message\":\"again, please\",\"status\":\"ABORTED\","
        "\"details\":[{\"reason\":\"R\"}]}}");
    bw_sb_reply_fini(&reply);
}

static void queries_are_read(void **state)
{
    (void)state;
    bw_sb_request r = find("GET", "/x", "a=1&b=x%20y+z&flag&b=2&n=-5&big=99999999999999999999");
    int64_t n;
    assert_string_equal(bw_sb_request_query(&r, "b"), "x y z");
    assert_string_equal(bw_sb_request_query(&r, "flag"), "");
    assert_null(bw_sb_request_query(&r, "absent"));
    assert_null(bw_sb_request_query(&r, "fla"));
    assert_true(bw_sb_request_query_true(&r, "a"));
    assert_true(bw_sb_request_query_int(&r, "absent", 0, 9, 3, &n) && n == 3);
    assert_true(bw_sb_request_query_int(&r, "a", 0, 9, 3, &n) && n == 1);
    assert_false(bw_sb_request_query_int(&r, "n", 0, 9, 3, &n));
    assert_false(bw_sb_request_query_int(&r, "b", 0, 9, 3, &n));
    assert_false(bw_sb_request_query_int(&r, "big", 0, INT64_MAX - 1, 3, &n));
    bw_arena_fini(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_routes),
        cmocka_unit_test(parameters_are_decoded_after_splitting),
        cmocka_unit_test(an_unknown_path_belongs_to_the_nearest_service),
        cmocka_unit_test(services_share_a_prefix),
        cmocka_unit_test(details_go_into_an_error),
        cmocka_unit_test(queries_are_read),
    };
    return BW_RUN_TESTS(tests);
}
