/* Covers load.c and compress.c against the sandbox. */
#include "tests/integration/destination/lab.h"

static const lab_row two[] = {{"1", "a \"quoted\" name", "12.5", 10, false},
                              {"9223372036854775807", "caf\xc3\xa9", NULL, 20, false}};
#define TWO     "1|a \"quoted\" name|12.5|[1]\n9223372036854775807|caf\xc3\xa9|\\N|[1]\n"
#define COLUMNS "id,name,total,tags"

static void open_target(lab *l)
{
    lab_prepare(l, (bw_target_spec){.current = true});
}

static void encode_two(lab *l, bw_buf *b)
{
    lab_encode(l, BW_ADD_CURRENT, 1, two, BW_COUNT(two), b);
}

/* Rows of about 1 KiB, so that a load takes several chunks. */
static void encode_many(lab *l, size_t n, bw_buf *b)
{
    char name[1001], id[24];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < n; i++) {
        snprintf(id, sizeof id, "%zu", i);
        snprintf(name, 20, "%019zu", i * 7919);
        name[19] = ' ';
        lab_encode(l, BW_ADD_CURRENT, 1, &(lab_row){id, name, "1", 10, false}, 1, b);
    }
}

/* One page of ids; the token of the next one (free()), or NULL. */
static char *note_page(lab *l, const char *table, const char *token, bool *seen, size_t n)
{
    assert_int_equal(
        bw_test_http_get(l->http,
                         "/bigquery/v2/projects/p/datasets/d/tables/%s/data?selectedFields=id"
                         "&maxResults=10000%s%s",
                         table, token ? "&pageToken=" : "", token ? token : ""),
        200);
    json_t *page = json_loads(bw_test_http_body(l->http), 0, NULL), *row;
    size_t i;
    json_array_foreach(json_object_get(page, "rows"), i, row)
    {
        const json_t *cell = json_array_get(json_object_get(row, "f"), 0);
        size_t id = strtoul(json_string_value(json_object_get(cell, "v")), NULL, 10);
        assert_true(id < n && !seen[id]);
        seen[id] = true;
    }
    const char *next = json_string_value(json_object_get(page, "pageToken"));
    char *kept = next ? bw_xstrdup(next) : NULL;
    json_decref(page);
    return kept;
}

/* Each of the ids below n is there, once. */
static void expect_many(lab *l, const char *table, size_t n)
{
    assert_int_equal(lab_count(l, table), n);
    bool *seen = bw_xcalloc(n, sizeof *seen);
    char *token = NULL;
    do {
        char *next = note_page(l, table, token, seen, n);
        free(token);
        token = next;
    } while (token);
    for (size_t i = 0; i < n; i++)
        assert_true(seen[i]);
    free(seen);
}

static void test_small_loads(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_two(l, &b);
    assert_ok(lab_load(l, "orders", "one", BW_WRITE_APPEND, &b, &r), l->err);
    assert_true(r.done && !r.failed);
    assert_int_equal(r.rows, 2);
    assert_int_equal(l->bookings, 1);
    lab_expect_rows(l, "orders", COLUMNS, TWO);
    /* The same id is the same load. */
    assert_ok(lab_load(l, "orders", "one", BW_WRITE_APPEND, &b, &r), l->err);
    assert_int_equal(lab_count(l, "orders"), 2);
    /* Nothing at all is a load too. */
    bw_buf_clear(&b);
    assert_ok(lab_load(l, "orders", "none", BW_WRITE_APPEND, &b, &r), l->err);
    assert_int_equal(r.rows, 0);
    bw_buf_fini(&b);
}

static void test_dispositions(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    lab_prepare(l, (bw_target_spec){.current = true, .partition_field = "updated_at"});
    encode_two(l, &b);
    assert_ok(lab_load(l, "orders", "first", BW_WRITE_EMPTY, &b, &r), l->err);
    assert_int_not_equal(lab_load(l, "orders", "second", BW_WRITE_EMPTY, &b, &r), BW_OK);
    assert_int_equal(lab_count(l, "orders"), 2);
    assert_ok(lab_load(l, "orders", "third", BW_WRITE_TRUNCATE, &b, &r), l->err);
    lab_expect_rows(l, "orders", COLUMNS, TWO);

    json_t *t = lab_table(l, "orders"); /* schema, partitioning and owner have stayed */
    assert_non_null(json_object_get(t, "timePartitioning"));
    assert_non_null(json_object_get(json_object_get(t, "labels"), "bw_owner"));
    char *schema = json_dumps(json_object_get(t, "schema"), JSON_COMPACT);
    assert_non_null(strstr(schema, "REQUIRED"));
    free(schema);
    json_decref(t);
    bw_buf_fini(&b);
}

static void test_a_service_without_truncate_data(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_two(l, &b);
    assert_ok(lab_load(l, "orders", "first", BW_WRITE_APPEND, &b, &r), l->err);
    lab_fault(l, "bigquery.jobs.insert:400/invalidWriteDisposition:1:1");
    assert_ok(lab_load(l, "orders", "second", BW_WRITE_TRUNCATE, &b, &r), l->err);
    assert_int_equal(lab_fault_hits(l), 1);
    lab_expect_rows(l, "orders", COLUMNS, TWO);
    bw_buf_fini(&b);
}

static void test_an_answer_that_is_lost_is_asked_for(void **state)
{
    lab *l = *state;
    static const char *const faults[] = {
        "bigquery.jobs.insert:cut-after:1:1", "bigquery.jobs.insert:cut-before:1:1",
        "bigquery.jobs.insert:503:1:2",       "bigquery.jobs.insert:cut-middle:1:1",
        "bigquery.jobs.insert:truncate:1:1",  "bigquery.jobs.get:cut-after:1:2"};
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_two(l, &b);
    for (size_t i = 0; i < BW_COUNT(faults); i++) {
        char job[24];
        snprintf(job, sizeof job, "job_%zu", i);
        lab_fault(l, faults[i]);
        assert_ok(lab_load(l, "orders", job, BW_WRITE_APPEND, &b, &r), l->err);
        assert_true(lab_fault_hits(l) > 0);
        lab_no_faults(l);
        assert_int_equal(r.rows, 2);
        assert_int_equal(lab_count(l, "orders"), 2 * (i + 1));
    }
    bw_buf_fini(&b);
}

static void test_large_loads_survive_what_happens_on_the_way(void **state)
{
    lab *l = *state;
    static const char *const faults[] = {
        "", "bigquery.upload.*:short-range:0.5", "bigquery.upload.*:503:1:2:1",
        "bigquery.upload.*:cut-middle:1:1:1", "bigquery.upload.*:cut-after:0.4"};
    static const size_t portions[] = {100000, (size_t)9 << 20, (size_t)64 << 20, 4096, 1000000};
    size_t n = 20000;
    bw_buf b = BW_BUF_INIT;
    open_target(l);
    encode_many(l, n, &b);
    assert_true(b.len > ((size_t)20 << 20));
    for (size_t i = 0; i < BW_COUNT(faults); i++) {
        char job[24];
        bw_job_result r;
        snprintf(job, sizeof job, "big_%zu", i);
        if (faults[i][0])
            lab_fault(l, faults[i]);
        bw_destination_set_compression(l->d, i == 3 ? BW_COMPRESS_ON : BW_COMPRESS_AUTO);
        assert_ok(
            lab_load_portions(l, "orders", job, BW_WRITE_TRUNCATE, b.ptr, b.len, portions[i], &r),
            l->err);
        lab_no_faults(l);
        assert_int_equal(r.rows, n);
        expect_many(l, "orders", n);
    }
    bw_buf_fini(&b);
}

static void test_compressed_loads(void **state)
{
    lab *l = *state;
    size_t n = 20000;
    bw_buf b = BW_BUF_INIT;
    bw_load *load;
    bw_job_result r;
    open_target(l);
    encode_many(l, n, &b);
    bw_destination_set_compression(l->d, BW_COMPRESS_ON);
    bw_job_id id = lab_job(l, "packed");
    assert_ok(bw_load_begin(l->d, &l->target, "orders", &id, BW_WRITE_APPEND, &load, &l->err),
              l->err);
    assert_ok(bw_load_write(load, b.ptr, b.len, &l->err), l->err);
    assert_ok(bw_load_end(load, &r, &l->err), l->err);
    assert_true(bw_load_uploaded(load) > 0 && bw_load_uploaded(load) < b.len / 2);
    bw_load_free(load);
    expect_many(l, "orders", n);
    bw_buf_fini(&b);
}

static void test_a_lost_session_ends_the_load(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_many(l, 20000, &b);
    lab_fault(l, "bigquery.upload.*:410:1:1:2");
    bw_status s =
        lab_load_portions(l, "orders", "lost", BW_WRITE_APPEND, b.ptr, b.len, 1000000, &r);
    assert_int_equal(s, BW_UNAVAILABLE);
    assert_true(l->err.retryable);
    assert_int_equal(lab_count(l, "orders"), 0);
    bw_job_id id = lab_job(l, "lost");
    assert_ok(bw_destination_find_job(l->d, &l->target, &id, &r, &l->err), l->err);
    assert_false(r.found);
    lab_no_faults(l);
    assert_ok(lab_load_portions(l, "orders", "again", BW_WRITE_APPEND, b.ptr, b.len, 1000000, &r),
              l->err);
    expect_many(l, "orders", 20000);
    bw_buf_fini(&b);
}

static void test_refused_rows_are_located(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_two(l, &b);
    size_t at = b.len;
    bw_buf_adds(&b, "{\"id\":3,\"updated_at\":\"2023-11-14 22:13:20+00\",\"total\":\"1.234\"}\n");
    assert_int_equal(lab_load(l, "orders", "bad", BW_WRITE_APPEND, &b, &r), BW_REJECTED);
    assert_true(r.done && r.failed);
    assert_int_equal(r.n_bad_offsets, 1);
    assert_int_equal(r.bad_offsets[0], at);
    assert_true(r.bad_message[0]);
    assert_false(l->err.retryable);
    assert_int_equal(lab_count(l, "orders"), 0);
    bw_buf_fini(&b);
}

static void test_a_job_that_fails_for_a_while_is_retryable(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_two(l, &b);
    lab_fault(l, "bigquery.job.load:503/backendError:1:1");
    assert_int_equal(lab_load(l, "orders", "one", BW_WRITE_APPEND, &b, &r), BW_UNAVAILABLE);
    assert_true(l->err.retryable && r.failed);
    lab_fault(l, "bigquery.job.load:403/quotaExceeded:1:1");
    assert_int_equal(lab_load(l, "orders", "two", BW_WRITE_APPEND, &b, &r), BW_QUOTA);
    assert_true(l->err.retry_after_s > 0);
    assert_ok(lab_load(l, "orders", "three", BW_WRITE_APPEND, &b, &r), l->err);
    assert_int_equal(lab_count(l, "orders"), 2);
    bw_buf_fini(&b);
}

static void test_a_job_of_someone_else_is_not_adopted(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    lab_prepare(l, (bw_target_spec){.current = true, .table = "others"});
    encode_two(l, &b);
    assert_ok(lab_load(l, "others", "shared", BW_WRITE_APPEND, &b, &r), l->err);
    assert_int_equal(lab_load(l, "orders", "shared", BW_WRITE_APPEND, &b, &r), BW_CONFLICT);
    assert_int_equal(lab_count(l, "orders"), 0);

    bw_job_label other = {"bw_store", "ffffffff"};
    bw_job_id id = {"shared", &other, 1};
    assert_int_equal(bw_destination_find_job(l->d, &l->target, &id, &r, &l->err), BW_CONFLICT);
    id = lab_job(l, "shared");
    assert_ok(bw_destination_find_job(l->d, &l->target, &id, &r, &l->err), l->err);
    assert_true(r.found && r.done && !r.failed);
    assert_int_equal(r.rows, 2);
    bw_buf_fini(&b);
}

static void test_the_budget_comes_first(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_job_result r;
    open_target(l);
    encode_two(l, &b);
    l->refuse = true;
    assert_int_equal(lab_load(l, "orders", "one", BW_WRITE_APPEND, &b, &r), BW_QUOTA);
    assert_int_equal(lab_count(l, "orders"), 0);
    bw_buf_fini(&b);
}

static void test_a_load_that_is_given_up_leaves_nothing(void **state)
{
    lab *l = *state;
    bw_buf b = BW_BUF_INIT;
    bw_load *load;
    bw_job_result r;
    open_target(l);
    encode_many(l, 20000, &b);
    bw_job_id id = lab_job(l, "given_up");
    assert_ok(bw_load_begin(l->d, &l->target, "orders", &id, BW_WRITE_APPEND, &load, &l->err),
              l->err);
    assert_ok(bw_load_write(load, b.ptr, b.len, &l->err), l->err);
    bw_load_free(load);
    assert_ok(bw_destination_find_job(l->d, &l->target, &id, &r, &l->err), l->err);
    assert_false(r.found);
    assert_int_equal(lab_count(l, "orders"), 0);
    bw_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(test_small_loads),
        LAB_TEST(test_dispositions),
        LAB_TEST(test_a_service_without_truncate_data),
        LAB_TEST(test_an_answer_that_is_lost_is_asked_for),
        LAB_TEST(test_large_loads_survive_what_happens_on_the_way),
        LAB_TEST(test_compressed_loads),
        LAB_TEST(test_a_lost_session_ends_the_load),
        LAB_TEST(test_refused_rows_are_located),
        LAB_TEST(test_a_job_that_fails_for_a_while_is_retryable),
        LAB_TEST(test_a_job_of_someone_else_is_not_adopted),
        LAB_TEST(test_the_budget_comes_first),
        LAB_TEST(test_a_load_that_is_given_up_leaves_nothing),
    };
    return BW_RUN_TESTS(tests);
}
