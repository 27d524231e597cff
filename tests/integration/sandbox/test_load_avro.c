/* Load jobs of Avro files: the table they make, the table they append to, what is broken. */
#include "tests/integration/sandbox/fixture.h"

#include <string.h>

#include "tests/support/avro_writer.h"

#define AVRO ",\"sourceFormat\":\"AVRO\",\"useAvroLogicalTypes\":true"
#define SCHEMA                                                                             \
    "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}," \
    "{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"date\"}]},"  \
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}"

static void add_row(bw_buf *data, int64_t id, int64_t day)
{
    avro_long(data, id);
    avro_long(data, 1);
    avro_long(data, day);
    avro_long(data, 1);
    avro_text(data, "x");
    avro_long(data, 0);
}

/* The finished job (free()). */
static char *load(fixture *f, const char *table, const char *members, const bw_buf *file)
{
    assert_int_equal(bw_test_bq_upload(f->bq, table, NULL, members, file->ptr, file->len), 200);
    char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "jobReference.jobId"));
    char *job = bw_test_bq_wait(f->bq, id, NULL);
    free(id);
    return job;
}

static void file_of(bw_buf *file, int64_t first, int64_t count)
{
    bw_buf data = BW_BUF_INIT;
    avro_header(file, SCHEMA, "deflate");
    for (int64_t i = 0; i < count; i++)
        add_row(&data, first + i, i);
    avro_block(file, count, &data, "deflate");
    bw_buf_fini(&data);
}

static void a_file_makes_its_table(void **state)
{
    fixture *f = *state;
    bw_buf file = BW_BUF_INIT;
    file_of(&file, 1, 2);
    char *job = load(f, "made", AVRO, &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.message"), "");
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), "2");
    free(job);
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/p/datasets/d/tables/made"),
                     200);
    assert_body_at(f, "schema.fields.0.type", "INTEGER");
    assert_body_at(f, "schema.fields.0.mode", "REQUIRED");
    assert_body_at(f, "schema.fields.1.type", "DATE");
    assert_body_at(f, "schema.fields.2.mode", "REPEATED");
    char *rows = bw_test_bq_rows(f->bq, "made");
    assert_string_equal(rows, "1|1970-01-01|[{\"v\":\"x\"}]\n2|1970-01-02|[{\"v\":\"x\"}]\n");
    free(rows);
    bw_buf_fini(&file);
}

static void a_file_is_appended(void **state)
{
    fixture *f = *state;
    bw_buf file = BW_BUF_INIT;
    bw_test_bq_table(
        f->bq, "grown",
        "[{\"name\":\"more\",\"type\":\"STRING\"},{\"name\":\"ID\",\"type\":\"INT64\"},"
        "{\"name\":\"day\",\"type\":\"DATE\"},"
        "{\"name\":\"tags\",\"type\":\"STRING\",\"mode\":\"REPEATED\"}]",
        NULL);
    file_of(&file, 7, 1);
    char *job = load(f, "grown", AVRO, &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.message"), "");
    free(job);
    char *rows = bw_test_bq_rows(f->bq, "grown");
    assert_string_equal(rows, "NULL|7|1970-01-01|[{\"v\":\"x\"}]\n");
    free(rows);
    /* A column of another type, and one that the table does not have. */
    bw_test_bq_table(f->bq, "other", "[{\"name\":\"id\",\"type\":\"STRING\"}]", NULL);
    job = load(f, "other", AVRO, &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    free(job);
    bw_test_bq_table(f->bq, "narrow", "[{\"name\":\"id\",\"type\":\"INT64\"}]", NULL);
    job = load(f, "narrow", AVRO, &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    free(job);
    job = load(f, "narrow", AVRO ",\"schemaUpdateOptions\":[\"ALLOW_FIELD_ADDITION\"]", &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.message"), "");
    free(job);
    rows = bw_test_bq_query(f->bq, "SELECT id, day FROM d.narrow");
    assert_string_equal(rows, "7|1970-01-01\n");
    free(rows);
    bw_buf_fini(&file);
}

static void rows_that_do_not_fit_are_counted(void **state)
{
    fixture *f = *state;
    bw_buf file = BW_BUF_INIT, data = BW_BUF_INIT;
    avro_header(&file, SCHEMA, NULL);
    add_row(&data, 1, 1);
    add_row(&data, 2, INT32_MAX);
    add_row(&data, 3, 3);
    avro_block(&file, 3, &data, NULL);
    char *job = load(f, "unfit", AVRO, &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    assert_non_null(strstr(bw_test_json_at(job, "status.errors.1.message"), "record 2"));
    free(job);
    job = load(f, "unfit", AVRO ",\"maxBadRecords\":1", &file);
    assert_string_equal(bw_test_json_at(job, "statistics.load.outputRows"), "2");
    assert_string_equal(bw_test_json_at(job, "statistics.load.badRecords"), "1");
    free(job);
    char *rows = bw_test_bq_query(f->bq, "SELECT id FROM d.unfit ORDER BY id");
    assert_string_equal(rows, "1\n3\n");
    free(rows);
    /* A broken file is the end of its job, whatever is allowed. */
    file.len -= 3;
    job = load(f, "broken", AVRO ",\"maxBadRecords\":100", &file);
    assert_string_equal(bw_test_json_at(job, "status.errorResult.reason"), "invalid");
    free(job);
    bw_buf json = BW_BUF_INIT;
    bw_buf_adds(&json, "{\"id\":1}\n");
    job = load(f, "broken", AVRO, &json);
    assert_non_null(strstr(bw_test_json_at(job, "status.errorResult.message"), "Magic"));
    free(job);
    assert_int_equal(bw_test_http_get(f->http, "/bigquery/v2/projects/p/datasets/d/tables/broken"),
                     404);
    bw_buf_fini(&json);
    bw_buf_fini(&data);
    bw_buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_makes_its_table),
        cmocka_unit_test(a_file_is_appended),
        cmocka_unit_test(rows_that_do_not_fit_are_counted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
