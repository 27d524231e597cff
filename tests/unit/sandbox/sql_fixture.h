/*
 * A catalog in memory to run SQL against: dataset p:d, a clock that stands at 2023-11-14 22:13:20 UTC.
 * A header, because a test is one program of one file.
 */
#ifndef BW_TESTS_UNIT_SANDBOX_SQL_FIXTURE_H
#define BW_TESTS_UNIT_SANDBOX_SQL_FIXTURE_H

#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/sandbox/bq_sql.h"

typedef struct sql_fixture {
    bw_clock clock;
    bq_catalog *catalog;
    bq_error err;
} sql_fixture;

static int64_t fixed_time(const bw_clock *clock)
{
    (void)clock;
    return INT64_C(1700000000000000);
}

static inline int sql_setup(void **state)
{
    sql_fixture *f = bw_xcalloc(1, sizeof(*f));
    bq_dataset d = {.project = "p", .id = "d"};

    f->clock = (bw_clock){fixed_time, fixed_time};
    assert_int_equal(bq_catalog_open(NULL, &f->clock, &f->catalog, &f->err), BW_OK);
    assert_int_equal(bq_dataset_create(f->catalog, &d, NULL, &f->err), BW_OK);
    *state = f;
    return 0;
}

static inline int sql_teardown(void **state)
{
    sql_fixture *f = *state;

    bq_catalog_close(f->catalog);
    free(f);
    return 0;
}

typedef struct row_printer {
    const bq_schema *schema;
    bw_buf *out;
    bool any;
} row_printer;

static bool print_row(void *user, const bq_value *row, size_t count)
{
    row_printer *p = user;

    bw_buf_adds(p->out, p->any ? "; " : " ");
    p->any = true;
    for (size_t i = 0; i < count; i++) {
        bw_buf cell = BW_BUF_INIT;
        bw_buf_adds(p->out, i ? "," : "");
        bq_cell_print(&p->schema->fields[i], &row[i], (bq_format_options){true}, &cell);
        /* Scalars without their quotes. */
        bool quoted = cell.len >= 2 && cell.ptr[0] == '"' && p->schema->fields[i].kind != BQ_JSON;
        bw_buf_add(p->out, cell.ptr + quoted, cell.len - 2 * quoted);
        bw_buf_fini(&cell);
    }
    return true;
}

static void print_schema(const bq_schema *schema, bw_buf *out)
{
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_addf(out, "%s%s ", i ? ", " : "", schema->fields[i].name);
        bq_type_print(&schema->fields[i], out);
    }
    bw_buf_addc(out, ':');
}

/* The outcome as text: "a INT64, b STRING: 1,x; 2,null" for rows, "inserted 1 updated 0 deleted 0"
   for DML, the operation for DDL, "! reason: message" for an error. */
static inline void sql_outcome(sql_fixture *f, const bq_sql_request *request, bw_buf *out)
{
    bq_sql_result result;

    bw_buf_clear(out);
    f->err = (bq_error)BQ_ERROR_INIT;
    if (bq_sql_run(f->catalog, request, NULL, NULL, &result, &f->err) != BW_OK) {
        bw_buf_addf(out, "! %s: %s", f->err.reason, f->err.message);
        return;
    }
    if (result.is_dml) {
        bw_buf_addf(out, "inserted %lld updated %lld deleted %lld", (long long)result.inserted,
                    (long long)result.updated, (long long)result.deleted);
    } else if (result.ddl_operation) {
        bw_buf_adds(out, result.ddl_operation);
    } else {
        print_schema(&result.schema, out);
        row_printer printer = {&result.schema, out, false};
        if (!request->dry_run)
            assert_int_equal(bq_table_scan(f->catalog, result.destination, NULL, 0, 0, -1,
                                           print_row, &printer, &f->err),
                             BW_OK);
    }
    bq_sql_result_fini(&result);
}

static inline void sql_text_outcome(sql_fixture *f, const char *text, bw_buf *out)
{
    bq_sql_request request = {.project = "p", .default_dataset = "d", .text = bw_slice_cstr(text)};
    sql_outcome(f, &request, out);
}

static inline void sql_must(sql_fixture *f, const char *text)
{
    bw_buf out = BW_BUF_INIT;

    sql_text_outcome(f, text, &out);
    if (out.len > 0 && out.ptr[0] == '!')
        fail_msg("%s: %s", text, bw_buf_cstr(&out));
    bw_buf_fini(&out);
}

/* A statement and its outcome; the outcome of a refused one may be its beginning. */
typedef struct sql_case {
    const char *text, *expected;
} sql_case;

static inline void sql_check(sql_fixture *f, const sql_case *cases, size_t count)
{
    bw_buf out = BW_BUF_INIT;
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        const char *expected = cases[i].expected;
        sql_text_outcome(f, cases[i].text, &out);
        const char *got = bw_buf_cstr(&out);
        bool same = expected[0] == '!' ? strncmp(got, expected, strlen(expected)) == 0
                                       : strcmp(got, expected) == 0;
        if (!same) {
            print_error("%s\n  expected %s\n  got      %s\n", cases[i].text, expected, got);
            wrong++;
        }
    }
    bw_buf_fini(&out);
    assert_int_equal(wrong, 0);
}

#endif
