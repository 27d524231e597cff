/*
 * What the destination's integration tests share: a sandbox, a destination on it, a small table and
 * rows for it, faults, and looking at what has landed. Every function fails the running test when it
 * cannot do its work.
 */
#ifndef BW_TESTS_DESTINATION_LAB_H
#define BW_TESTS_DESTINATION_LAB_H

#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/destination/destination.h"
#include "backend/destination/encoder.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

#define LAB static __attribute__((unused))

typedef struct lab {
    bw_test_sandbox *sandbox;
    bw_test_http *http;
    bw_google *google;
    bw_destination *d;
    bw_arena arena;
    bw_target target;
    bw_target_spec spec;
    int bookings;         /* modifications booked so far */
    int64_t bytes_booked; /* by dry runs; -1: none yet */
    bool refuse;          /* the budget says QUOTA */
    bw_error err;
} lab;

enum { LAB_ID, LAB_NAME, LAB_TOTAL, LAB_UPDATED, LAB_TAGS, LAB_FIELDS };
static const bw_field lab_fields[LAB_FIELDS] = {
    {.name = "id",
     .source_name = "id",
     .source_type = "bigint",
     .type = BW_TYPE_INT64,
     .required = true,
     .key_part = true},
    {.name = "name",
     .source_name = "name",
     .source_type = "text",
     .type = BW_TYPE_STRING,
     .description = "who \"ordered\""},
    {.name = "total",
     .source_name = "total",
     .source_type = "numeric(10,2)",
     .type = BW_TYPE_NUMERIC,
     .precision = 10,
     .scale = 2},
    {.name = "updated_at",
     .source_name = "updated_at",
     .source_type = "timestamptz",
     .type = BW_TYPE_TIMESTAMP,
     .required = true},
    {.name = "tags",
     .source_name = "tags",
     .source_type = "text[]",
     .type = BW_TYPE_STRING,
     .repeated = true},
};
static const bw_schema lab_schema = {lab_fields, LAB_FIELDS};
LAB const size_t lab_key[] = {LAB_ID};

/* ---- set up ------------------------------------------------------------------------------ */

LAB bw_status lab_refuse(lab *l, bw_error *err)
{
    if (!l->refuse)
        return BW_OK;
    bw_error_set(err, BW_QUOTA, "the budget of the test is used up");
    err->retry_after_s = 60;
    return BW_QUOTA;
}

LAB bw_status lab_book(void *user, const char *table, int partitions, bw_error *err)
{
    lab *l = user;
    assert_memory_equal(table, "p.d.", 4);
    assert_true(partitions == 0 || partitions == 1);
    l->bookings++;
    return lab_refuse(l, err);
}

LAB bw_status lab_book_bytes(void *user, int64_t bytes, bw_error *err)
{
    lab *l = user;
    l->bytes_booked = bytes;
    return lab_refuse(l, err);
}

LAB void lab_connect(lab *l)
{
    bw_google_options o = {
        .project = "p", .credentials = "none", .bigquery = bw_test_sandbox_url(l->sandbox)};
    bw_budget_ops budget = {l, lab_book, lab_book_bytes};
    assert_ok(bw_google_new(&o, &l->google, &l->err), l->err);
    l->d = bw_destination_new(l->google, bw_clock_system(), NULL, &budget);
    bw_destination_set_deadline(l->d, 20 * BW_SECOND);
}

LAB int lab_setup(void **state)
{
    lab *l = bw_xcalloc(1, sizeof *l);
    l->sandbox = bw_test_sandbox_start(false, NULL);
    l->http = bw_test_http_new(bw_test_sandbox_url(l->sandbox));
    l->bytes_booked = -1;
    lab_connect(l);
    *state = l;
    return 0;
}

LAB int lab_teardown(void **state)
{
    lab *l = *state;
    bw_destination_free(l->d);
    bw_google_free(l->google);
    bw_test_http_free(l->http);
    bw_test_sandbox_free(l->sandbox);
    bw_arena_fini(&l->arena);
    free(l);
    return 0;
}

#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

/* Prepares p.d.orders (or spec.table) with the engine's columns that `spec` asks for. */
LAB void lab_prepare(lab *l, bw_target_spec spec)
{
    spec.dataset = "d";
    spec.table = spec.table ? spec.table : "orders";
    spec.owner = spec.owner ? spec.owner : "0a1b2c3d";
    l->spec = spec;
    assert_ok(bw_destination_prepare(l->d, &spec, &lab_schema, &l->arena, &l->target, &l->err),
              l->err);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* seconds is the cursor; total NULL for NULL. */
typedef struct lab_row {
    const char *id, *name, *total;
    int64_t seconds;
    bool deleted;
} lab_row;

LAB bw_value lab_text(const char *s)
{
    return s ? bw_value_text(s, strlen(s)) : BW_VALUE_NULL_INIT;
}

LAB void lab_encode(lab *l, unsigned add, size_t n_key, const lab_row *rows, size_t n, bw_buf *out)
{
    bw_encoder_options o = {.schema = &lab_schema,
                            .columns = l->target.columns,
                            .n_columns = l->target.n_columns,
                            .add = add,
                            .key = lab_key,
                            .n_key = n_key,
                            .cursor = LAB_UPDATED,
                            .sync = "orders",
                            .batch = "1",
                            .synced_at_us = INT64_C(1700000000000000)};
    bw_encoder *e = bw_encoder_ndjson.new(&o);
    for (size_t i = 0; i < n; i++) {
        char at[BW_TIME_TEXT];
        int column;
        bw_format_time(rows[i].seconds * BW_SECOND, at);
        at[10] = ' ';
        memcpy(at + strlen(at) - 1, "+00", 4);
        bw_value tag = lab_text("x");
        bw_value row[LAB_FIELDS] = {lab_text(rows[i].id),
                                    lab_text(rows[i].name),
                                    lab_text(rows[i].total),
                                    lab_text(at),
                                    {.items = &tag, .size = 1, .state = BW_VALUE_ARRAY}};
        bw_row_extra extra = {0.5, rows[i].deleted};
        assert_int_equal(bw_encoder_ndjson.row(e, row, &extra, out, &column), BW_REASON_NONE);
    }
    bw_encoder_ndjson.free(e);
}

/* An id with labels; lives in the lab's arena. */
LAB bw_job_id lab_job(lab *l, const char *id)
{
    bw_job_label *labels = BW_ARENA_ARRAY(&l->arena, bw_job_label, 2);
    labels[0] = (bw_job_label){"bw_store", "0a1b2c3d"};
    labels[1] = (bw_job_label){"bw_sync", "orders"};
    return (bw_job_id){bw_arena_strdup(&l->arena, id), labels, 2};
}

/* Loads bytes in portions of `portion`; the status of what failed, or of bw_load_end. */
LAB bw_status lab_load_portions(lab *l, const char *table, const char *job,
                                bw_write_disposition disposition, const char *bytes, size_t n,
                                size_t portion, bw_job_result *result)
{
    bw_load *load;
    bw_job_id id = lab_job(l, job);
    bw_status s = bw_load_begin(l->d, &l->target, table, &id, disposition, &load, &l->err);
    for (size_t at = 0; s == BW_OK && at < n; at += portion)
        s = bw_load_write(load, bytes + at, n - at < portion ? n - at : portion, &l->err);
    if (s == BW_OK)
        s = bw_load_end(load, result, &l->err);
    bw_load_free(load);
    return s;
}

LAB bw_status lab_load(lab *l, const char *table, const char *job, bw_write_disposition disposition,
                       const bw_buf *bytes, bw_job_result *result)
{
    return lab_load_portions(l, table, job, disposition, bytes->ptr, bytes->len, bytes->len + 1,
                             result);
}

/* Makes the staging table and loads the rows into it. */
LAB void lab_stage(lab *l, const char *staging, unsigned add, size_t n_key, const lab_row *rows,
                   size_t n)
{
    bw_buf b = BW_BUF_INIT;
    bw_job_result result;
    char *job = bw_xasprintf("load_%s", staging);
    assert_ok(
        bw_destination_create_staging(l->d, &l->spec, &l->target, &lab_schema, staging, &l->err),
        l->err);
    lab_encode(l, add, n_key, rows, n, &b);
    assert_ok(lab_load(l, staging, job, BW_WRITE_APPEND, &b, &result), l->err);
    assert_int_equal(result.rows, n);
    bw_buf_fini(&b);
    free(job);
}

/* ---- faults ------------------------------------------------------------------------------ */

LAB void lab_fault(lab *l, const char *spec)
{
    bw_test_request r = {.verb = "POST",
                         .url = "/sandbox/faults",
                         .headers = (const char *const[]){"Content-Type: text/plain", NULL},
                         .body = spec,
                         .body_size = strlen(spec)};
    int status = bw_test_http_send(l->http, &r);
    if (status != 200)
        fail_msg("fault %s: %d %s", spec, status, bw_test_http_body(l->http));
}

LAB void lab_no_faults(lab *l)
{
    assert_int_equal(
        bw_test_http_send(l->http, &(bw_test_request){.verb = "DELETE", .url = "/sandbox/faults"}),
        200);
}

/* How often faults have hit, added up. */
LAB int lab_fault_hits(lab *l)
{
    assert_int_equal(bw_test_http_get(l->http, "/sandbox/faults"), 200);
    json_t *j = json_loads(bw_test_http_body(l->http), 0, NULL), *fault;
    size_t i;
    json_int_t hits = 0;
    json_array_foreach(json_object_get(j, "faults"), i, fault) hits +=
        json_integer_value(json_object_get(fault, "hits"));
    json_decref(j);
    return (int)hits;
}

/* ---- looking ----------------------------------------------------------------------------- */

LAB json_t *lab_table(lab *l, const char *table)
{
    int status = bw_test_http_get(l->http, "/bigquery/v2/projects/p/datasets/d/tables/%s", table);
    if (status != 200)
        fail_msg("table %s: %d %s", table, status, bw_test_http_body(l->http));
    return json_loads(bw_test_http_body(l->http), 0, NULL);
}

LAB int64_t lab_count(lab *l, const char *table)
{
    json_t *j = lab_table(l, table);
    const char *rows = json_string_value(json_object_get(j, "numRows"));
    assert_non_null(rows);
    int64_t n = strtoll(rows, NULL, 10);
    json_decref(j);
    return n;
}

LAB int lab_by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

LAB char *lab_line(const json_t *row)
{
    bw_buf line = BW_BUF_INIT;
    size_t i;
    json_t *cell;
    json_array_foreach(json_object_get(row, "f"), i, cell)
    {
        const json_t *v = json_object_get(cell, "v");
        bw_buf_adds(&line, i ? "|" : "");
        if (json_is_array(v))
            bw_buf_addf(&line, "[%zu]", json_array_size(v));
        else
            bw_buf_adds(&line, json_is_null(v) ? "\\N" : json_string_value(v));
    }
    bw_buf_addc(&line, '\n');
    return bw_buf_take(&line);
}

/* The table's rows as sorted lines "c1|c2|..." of the named columns, in the table's order. */
LAB void lab_expect_rows(lab *l, const char *table, const char *columns, const char *expected)
{
    assert_int_equal(
        bw_test_http_get(l->http,
                         "/bigquery/v2/projects/p/datasets/d/tables/%s/data?selectedFields=%s"
                         "&formatOptions.useInt64Timestamp=true",
                         table, columns),
        200);
    json_t *j = json_loads(bw_test_http_body(l->http), 0, NULL);
    json_t *rows = json_object_get(j, "rows");
    size_t n = json_array_size(rows);
    char **lines = bw_xcalloc(n + 1, sizeof *lines);
    for (size_t i = 0; i < n; i++)
        lines[i] = lab_line(json_array_get(rows, i));
    qsort(lines, n, sizeof *lines, lab_by_text);
    bw_buf all = BW_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        bw_buf_adds(&all, lines[i]);
        free(lines[i]);
    }
    free(lines);
    json_decref(j);
    assert_string_equal(bw_buf_cstr(&all), expected);
    bw_buf_fini(&all);
}

#endif
