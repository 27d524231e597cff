/* Rows of COPY split into values, at every alignment of tabs and backslashes. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sources/postgres_copy.h"
#include "tests/support/test.h"

#define MAX_COLUMNS 40

typedef struct fixture {
    bw_arena arena;
    bw_field fields[MAX_COLUMNS];
    const bw_pgtype *types[MAX_COLUMNS];
    bw_schema schema;
    bw_pgcopy copy;
    bw_chunk chunk;
} fixture;

static void set_up(fixture *f, size_t columns, uint32_t oid)
{
    static const size_t key[] = {0};
    bw_pgtype_rows none = {NULL, 0};
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < columns; i++) {
        f->types[i] = bw_pgtype_build(&none, oid, -1, &f->arena);
        f->fields[i].name = f->fields[i].source_name = bw_arena_printf(&f->arena, "c%zu", i);
        f->fields[i].type = f->types[i]->type;
    }
    f->fields[0].key_part = columns > 1;
    f->schema = (bw_schema){f->fields, columns};
    f->copy = bw_pgcopy_init(&f->schema, f->types, key, 1);
    bw_chunk_init(&f->chunk);
    bw_chunk_reset(&f->chunk, columns);
}

static void tear_down(fixture *f)
{
    bw_chunk_fini(&f->chunk);
    bw_pgcopy_fini(&f->copy);
    bw_arena_fini(&f->arena);
}

/* COPY's escapes, as the manual lists them. */
static void escape(bw_buf *out, const char *text)
{
    static const char plain[] = "\b\f\n\r\t\v\\", letters[] = "bfnrtv\\";
    if (!text) {
        bw_buf_adds(out, "\\N");
        return;
    }
    for (; *text; text++) {
        const char *at = strchr(plain, *text);
        if (at)
            bw_buf_addc(out, '\\');
        bw_buf_addc(out, at ? letters[at - plain] : *text);
    }
}

static void splits_rows_of_all_shapes(void **state)
{
    static const char *const pieces[] = {
        "",         NULL,
        "a",        "\\",
        "\t",       "\n\\N",
        "12345678", "1234567",
        "\\\\",     "x\ty",
        "\xc3\xa4", "N",
        "\\N",      "exactly eight bytes and more, to be sure",
        "end\\",    "\r\v\f\b",
    };
    (void)state;
    fixture f;
    unsigned seed = 12345;
    for (int round = 0; round < 5000; round++) {
        size_t columns = 1 + (size_t)(round % 17);
        const char *expected[MAX_COLUMNS];
        bw_buf row = BW_BUF_INIT;
        bw_error err = BW_ERROR_INIT;
        set_up(&f, columns, 25);
        for (size_t i = 0; i < columns; i++) {
            seed = seed * 1103515245u + 12345u;
            expected[i] = pieces[(seed >> 16) % BW_COUNT(pieces)];
            if (i == 0 && !expected[i])
                expected[i] = "";
            if (i)
                bw_buf_addc(&row, '\t');
            escape(&row, expected[i]);
        }
        assert_ok(bw_pgcopy_row(&f.copy, bw_buf_cstr(&row), row.len, &f.chunk, &err), err);
        assert_int_equal(f.chunk.rows, 1);
        const bw_value *v = bw_chunk_at(&f.chunk, 0);
        for (size_t i = 0; i < columns; i++) {
            if (!expected[i]) {
                assert_int_equal(v[i].state, BW_VALUE_NULL);
                continue;
            }
            assert_int_equal(v[i].state, BW_VALUE_TEXT);
            assert_int_equal(v[i].size, strlen(expected[i]));
            assert_memory_equal(v[i].text, expected[i], v[i].size);
        }
        bw_buf_fini(&row);
        tear_down(&f);
    }
}

static void counts_columns(void **state)
{
    (void)state;
    fixture f;
    bw_error err = BW_ERROR_INIT;
    set_up(&f, 3, 25);
    assert_int_equal(bw_pgcopy_row(&f.copy, "a\tb", 3, &f.chunk, &err), BW_CORRUPT);
    assert_int_equal(bw_pgcopy_row(&f.copy, "a\tb\tc\td", 7, &f.chunk, &err), BW_CORRUPT);
    assert_int_equal(bw_pgcopy_row(&f.copy, "", 0, &f.chunk, &err), BW_CORRUPT);
    assert_int_equal(bw_pgcopy_row(&f.copy, "a\tb\tc\t", 6, &f.chunk, &err), BW_CORRUPT);
    assert_int_equal(f.chunk.rows, 0);
    assert_int_equal(f.chunk.n_rejected, 0);
    assert_ok(bw_pgcopy_row(&f.copy, "\t\t", 2, &f.chunk, &err), err);
    assert_int_equal(f.chunk.rows, 1);
    tear_down(&f);
}

/* No server writes it, and nothing is read beyond it. */
static void takes_a_lone_backslash_as_it_is(void **state)
{
    (void)state;
    fixture f;
    bw_error err = BW_ERROR_INIT;
    set_up(&f, 2, 25);
    assert_ok(bw_pgcopy_row(&f.copy, "\\\ta\\", 4, &f.chunk, &err), err);
    const bw_value *v = bw_chunk_at(&f.chunk, 0);
    assert_int_equal(v[0].size, 1);
    assert_int_equal(v[1].size, 2);
    assert_memory_equal(v[1].text, "a\\", 2);
    tear_down(&f);
}

static void rejects_nulls_where_none_may_be(void **state)
{
    (void)state;
    fixture f;
    bw_error err = BW_ERROR_INIT;
    set_up(&f, 3, 23);
    f.fields[2].required = true;
    assert_ok(bw_pgcopy_row(&f.copy, "\\N\t1\t2", 6, &f.chunk, &err), err);
    assert_ok(bw_pgcopy_row(&f.copy, "7\t\\N\t\\N", 7, &f.chunk, &err), err);
    assert_ok(bw_pgcopy_row(&f.copy, "8\t\\N\t2", 6, &f.chunk, &err), err);
    assert_int_equal(f.chunk.rows, 1);
    assert_int_equal(f.chunk.n_rejected, 2);
    const bw_rejected_row *r = f.chunk.rejected;
    assert_int_equal(r[0].reason, BW_REASON_KEY_NULL);
    assert_string_equal(r[0].column, "c0");
    assert_true(bw_slice_is(r[0].key, "{\"c0\":null}"));
    assert_true(bw_slice_is(r[0].content, "{\"c0\":null,\"c1\":\"1\",\"c2\":\"2\"}"));
    assert_int_equal(r[1].reason, BW_REASON_REQUIRED_NULL);
    assert_string_equal(r[1].column, "c2");
    assert_true(bw_slice_is(r[1].key, "{\"c0\":7}"));
    tear_down(&f);
}

/* A key that does not fit still names the row. */
static void names_rows_by_keys_that_do_not_fit(void **state)
{
    (void)state;
    fixture f;
    bw_error err = BW_ERROR_INIT;
    set_up(&f, 2, 1700);
    assert_ok(bw_pgcopy_row(&f.copy, "NaN\t1", 5, &f.chunk, &err), err);
    assert_int_equal(f.chunk.n_rejected, 1);
    assert_int_equal(f.chunk.rejected[0].reason, BW_REASON_NOT_FINITE);
    assert_true(bw_slice_is(f.chunk.rejected[0].key, "{\"c0\":\"NaN\"}"));
    assert_true(bw_slice_is(f.chunk.rejected[0].detail, "NaN"));
    tear_down(&f);
}

static void finds_the_column_that_is_not_utf8(void **state)
{
    (void)state;
    fixture f;
    bw_error err = BW_ERROR_INIT;
    set_up(&f, 3, 25);
    assert_ok(bw_pgcopy_row(&f.copy, "a\tb\\t\xff\tc", 8, &f.chunk, &err), err);
    assert_int_equal(f.chunk.n_rejected, 1);
    assert_int_equal(f.chunk.rejected[0].reason, BW_REASON_BAD_UTF8);
    assert_string_equal(f.chunk.rejected[0].column, "c1");
    assert_true(bw_slice_is(f.chunk.rejected[0].content,
                            "{\"c0\":\"a\",\"c1\":\"b\\t\\\\xFF\",\"c2\":\"c\"}"));
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_rows_of_all_shapes),
        cmocka_unit_test(counts_columns),
        cmocka_unit_test(takes_a_lone_backslash_as_it_is),
        cmocka_unit_test(rejects_nulls_where_none_may_be),
        cmocka_unit_test(names_rows_by_keys_that_do_not_fit),
        cmocka_unit_test(finds_the_column_that_is_not_utf8),
    };
    return BW_RUN_TESTS(tests);
}
