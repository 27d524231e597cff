/* Covers job.c: what a Job resource says, and whether it is ours. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/destination/internal.h"

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    if (!j)
        fail_msg("%s at %d: %s", e.text, e.position, text);
    return j;
}

static bw_job_result result_of(const char *text)
{
    bw_job_result r;
    json_t *job = parse(text);
    bw_job_read_result(job, &r);
    json_decref(job);
    return r;
}

static void test_running(void **state)
{
    (void)state;
    bw_job_result r = result_of("{\"status\":{\"state\":\"RUNNING\"}}");
    assert_true(r.found && !r.done && !r.failed);
    assert_int_equal(r.rows, -1);
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *statistics;
        int64_t rows, bytes;
    } cases[] = {
        {"\"load\":{\"outputRows\":\"12\",\"outputBytes\":\"340\"}", 12, 340},
        {"\"query\":{\"numDmlAffectedRows\":\"7\",\"totalBytesBilled\":\"10485760\"}", 7, 10485760},
        {"\"copy\":{\"copiedRows\":\"3\",\"copiedLogicalBytes\":\"9\"}", 3, 9},
        {"\"query\":{\"totalBytesBilled\":\"0\"}", -1, 0},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char *text = bw_xasprintf("{\"status\":{\"state\":\"DONE\"},\"statistics\":{%s}}",
                                  cases[i].statistics);
        bw_job_result r = result_of(text);
        assert_true(r.done && !r.failed);
        assert_int_equal(r.rows, cases[i].rows);
        assert_int_equal(r.bytes, cases[i].bytes);
        free(text);
    }
}

#define FAILED(kind, reason, message, errors)                                               \
    "{\"configuration\":{\"" kind "\":{}},\"status\":{\"state\":\"DONE\",\"errorResult\":{" \
    "\"reason\":\"" reason "\",\"message\":\"" message "\"},\"errors\":[" errors "]}}"

static void test_refused_rows(void **state)
{
    (void)state;
    bw_job_result r = result_of(FAILED(
        "load", "invalid",
        "Error while reading data, error message: JSON table encountered too many errors, giving "
        "up. Rows: 3; errors: 2. Please look into the errors[] collection for more details.",
        "{\"reason\":\"invalid\",\"message\":\"Error while reading data, error message: JSON table "
        "encountered too many errors, giving up. Rows: 3; errors: 2.\"},"
        "{\"reason\":\"invalid\",\"message\":\"Error while reading data, error message: JSON "
        "parsing error in row starting at position 512: No such field: x.\"},"
        "{\"reason\":\"invalid\",\"message\":\"again in row starting at position 512: y\"},"
        "{\"reason\":\"invalid\",\"message\":\"and in row starting at position 8589934592: z\"}"));
    assert_true(r.failed);
    assert_int_equal(r.error.status, BW_REJECTED);
    assert_false(r.error.retryable);
    assert_int_equal(r.n_bad_offsets, 2);
    assert_int_equal(r.bad_offsets[0], 512);
    assert_int_equal(r.bad_offsets[1], INT64_C(8589934592));
    assert_non_null(strstr(r.bad_message, "No such field: x."));
}

static void test_other_failures(void **state)
{
    (void)state;
    bw_job_result r =
        result_of(FAILED("load", "invalid", "Provided Schema does not match Table p:d.t.", ""));
    assert_int_equal(r.error.status, BW_INVALID);
    r = result_of(FAILED("load", "backendError", "again later", ""));
    assert_int_equal(r.error.status, BW_UNAVAILABLE);
    assert_true(r.error.retryable);
    r = result_of(FAILED("query", "quotaExceeded", "too much", ""));
    assert_int_equal(r.error.status, BW_QUOTA);
    assert_true(r.error.retry_after_s > 0);
    r = result_of(FAILED("query", "invalidQuery",
                         "Could not serialize access to table p:d.t due to concurrent update", ""));
    assert_true(r.error.retryable);
    r = result_of(FAILED("query", "invalidQuery", "Syntax error at [1:1]", ""));
    assert_int_equal(r.error.status, BW_INVALID);
    assert_false(r.error.retryable);
}

static const bw_job_label labels[] = {{"bw_store", "0a1b2c3d"}, {"bw_batch", "7"}};
static const bw_job_id id = {"bw_0a1b2c3d_x_7_1_load", labels, BW_COUNT(labels)};
static const bw_target target = {
    .project = "p", .dataset = "d", .table = "orders", .location = "EU"};

static bw_status ours(json_t *job, const char *table, const char *query)
{
    bw_error err = BW_ERROR_INIT;
    bw_job_expectation e = {.target = &target, .id = &id, .table = table, .query = query};
    bw_status s = bw_job_check_ours(&e, job, &err);
    assert_true(s == BW_OK || s == BW_CONFLICT);
    if (s == BW_CONFLICT)
        assert_non_null(strstr(err.message, id.id));
    return s;
}

static void test_only_what_we_sent_is_ours(void **state)
{
    (void)state;
    json_t *job =
        bw_job_resource(&target, &id, "load",
                        json_pack("{s:o}", "destinationTable", bw_job_table(&target, "stage")));
    assert_int_equal(ours(job, "stage", NULL), BW_OK);
    assert_int_equal(ours(job, NULL, NULL), BW_OK);
    assert_int_equal(ours(job, "orders", NULL), BW_CONFLICT);
    json_object_set_new(json_object_get(json_object_get(job, "configuration"), "labels"),
                        "bw_batch", json_string("8"));
    assert_int_equal(ours(job, "stage", NULL), BW_CONFLICT);
    json_decref(job);

    job = bw_job_resource(&target, &id, "query", json_pack("{s:s}", "query", "MERGE 1"));
    assert_int_equal(ours(job, NULL, "MERGE 1"), BW_OK);
    assert_int_equal(ours(job, NULL, "MERGE 2"), BW_CONFLICT);
    json_decref(job);

    bw_target elsewhere = target;
    elsewhere.dataset = "other";
    job =
        bw_job_resource(&elsewhere, &id, "copy",
                        json_pack("{s:o}", "destinationTable", bw_job_table(&elsewhere, "orders")));
    assert_int_equal(ours(job, NULL, NULL), BW_CONFLICT);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_refused_rows),
        cmocka_unit_test(test_other_failures),
        cmocka_unit_test(test_only_what_we_sent_is_ours),
    };
    return BW_RUN_TESTS(tests);
}
