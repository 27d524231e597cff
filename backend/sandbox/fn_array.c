/*
 * Arrays and structs, both tuples; and the checks on values that are about to be stored.
 */
#include <math.h>
#include <stdlib.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"

static void result_buf(sqlite3_context *ctx, bw_buf *b)
{
    bq_result_blob(ctx, bw_buf_slice(b));
    bw_buf_fini(b);
}

static void tuple(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    bq_tuple_begin(&out, (size_t)argc);
    for (int i = 0; i < argc; i++) {
        bq_value v = bq_arg(argv[i]);
        bq_tuple_add(&out, &v);
    }
    result_buf(ctx, &out);
}

/* The items of all arguments in one tuple. */
static void concat(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bq_tuple_begin(&out, 0);
    for (int i = 0; i < argc; i++) {
        bw_slice s = bq_arg_slice(argv[i]);
        bq_tuple t;
        if (!bq_tuple_open(s, &t))
            continue;
        count += t.count;
        bw_buf_add(&out, s.ptr + 4, s.len - 4);
    }
    bq_tuple_set_count(&out, 0, count);
    result_buf(ctx, &out);
}

static bool nth(bw_slice blob, int64_t n, bq_value *out)
{
    bq_tuple t;

    if (n < 0 || !bq_tuple_open(blob, &t) || n >= (int64_t)t.count)
        return false;
    while (bq_tuple_next(&t, out)) {
        if (n-- == 0)
            return true;
    }
    return false;
}

/* A field of a STRUCT: NULL of a NULL struct. */
static void item(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_value v;

    if (!bq_any_null(ctx, argc, argv) &&
        nth(bq_arg_slice(argv[0]), sqlite3_value_int64(argv[1]), &v))
        bq_result(ctx, &v);
}

/* (struct, field, value, number of fields): the other fields of a NULL struct are NULL. */
static void with_item(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;
    bw_buf out = BW_BUF_INIT;
    size_t at = (size_t)sqlite3_value_int64(argv[1]), count = (size_t)sqlite3_value_int64(argv[3]);
    bool open =
        sqlite3_value_type(argv[0]) != SQLITE_NULL && bq_tuple_open(bq_arg_slice(argv[0]), &t);

    (void)argc;
    bq_tuple_begin(&out, count);
    for (size_t i = 0; i < count; i++) {
        bq_value v = bq_null();
        open = open && bq_tuple_next(&t, &v);
        if (i == at)
            v = bq_arg(argv[2]);
        bq_tuple_add(&out, &v);
    }
    result_buf(ctx, &out);
}

static void element(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_value v;

    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t at = sqlite3_value_int64(argv[1]);
    bool ordinal = sqlite3_value_int(argv[2]) != 0;
    if (nth(bq_arg_slice(argv[0]), ordinal ? at - 1 : at, &v))
        bq_result(ctx, &v);
    else
        bq_result_error(ctx, "Array index %lld is out of bounds", (long long)at);
}

static void length(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;

    if (!bq_any_null(ctx, argc, argv) && bq_tuple_open(bq_arg_slice(argv[0]), &t))
        sqlite3_result_int64(ctx, t.count);
}

static void reverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;
    bw_buf out = BW_BUF_INIT;
    bq_value v;

    if (bq_any_null(ctx, argc, argv) || !bq_tuple_open(bq_arg_slice(argv[0]), &t))
        return;
    bq_value *items = bw_xcalloc((size_t)t.count + 1, sizeof(*items));
    size_t n = 0;
    while (bq_tuple_next(&t, &v))
        items[n++] = v;
    bq_tuple_begin(&out, n);
    while (n > 0)
        bq_tuple_add(&out, &items[--n]);
    free(items);
    result_buf(ctx, &out);
}

static bool same(const bq_value *a, const bq_value *b, bq_kind kind)
{
    if (kind == BQ_FLOAT64)
        return bq_float_decode(a->i) == bq_float_decode(b->i);
    return a->cls == b->cls && a->i == b->i && bw_slice_eq(a->s, b->s);
}

/* Field by field: 0 when one differs, else NULL (-1) when one is NULL. */
static int struct_equal(bw_slice a, bw_slice b, const bq_field *type)
{
    bq_tuple ta, tb;
    bq_value va, vb;
    int result = 1;

    if (!bq_tuple_open(a, &ta) || !bq_tuple_open(b, &tb))
        return -1;
    for (size_t i = 0; i < type->fields.count; i++) {
        const bq_field *f = &type->fields.fields[i];
        if (!bq_tuple_next(&ta, &va) || !bq_tuple_next(&tb, &vb))
            return -1;
        int equal = va.cls == BQ_NULL || vb.cls == BQ_NULL ? -1
                    : f->kind == BQ_STRUCT                 ? struct_equal(va.s, vb.s, f)
                                                           : same(&va, &vb, f->kind);
        if (equal == 0)
            return 0;
        result = equal < 0 ? -1 : result;
    }
    return result;
}

static void call_struct_equal(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bq_field *type = bq_arg_type(argv[2]);

    if (bq_any_null(ctx, 2, argv) || !type)
        return;
    (void)argc;
    int equal = struct_equal(bq_arg_slice(argv[0]), bq_arg_slice(argv[1]), type);
    if (equal >= 0)
        sqlite3_result_int(ctx, equal);
}

/* x IN UNNEST(array): NULL when it is not found but a NULL was seen. */
static void contains(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;
    bq_value v;
    bool null = false;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL || !bq_tuple_open(bq_arg_slice(argv[0]), &t) ||
        t.count == 0) {
        sqlite3_result_int(ctx, 0);
        return;
    }
    bq_value wanted = bq_arg(argv[1]);
    bq_kind kind = (bq_kind)sqlite3_value_int(argv[2]);
    while (wanted.cls != BQ_NULL && bq_tuple_next(&t, &v)) {
        if (v.cls == BQ_NULL) {
            null = true;
        } else if (same(&v, &wanted, kind)) {
            sqlite3_result_int(ctx, 1);
            return;
        }
    }
    if (!null && wanted.cls != BQ_NULL)
        sqlite3_result_int(ctx, 0);
}

static void to_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;
    bq_value v;
    bw_buf out = BW_BUF_INIT;
    bool first = true;

    if (bq_any_null(ctx, 2, argv) || !bq_tuple_open(bq_arg_slice(argv[0]), &t))
        return;
    bw_slice delimiter = bq_arg_slice(argv[1]);
    bool shows_null = argc > 2 && sqlite3_value_type(argv[2]) != SQLITE_NULL;
    while (bq_tuple_next(&t, &v)) {
        if (v.cls == BQ_NULL && !shows_null)
            continue;
        bw_slice s = v.cls == BQ_NULL ? bq_arg_slice(argv[2]) : v.s;
        if (!first)
            bw_buf_add(&out, delimiter.ptr, delimiter.len);
        first = false;
        bw_buf_add(&out, s.ptr, s.len);
    }
    if (sqlite3_value_type(argv[1]) == SQLITE_TEXT)
        bq_result_text(ctx, bw_buf_slice(&out));
    else
        bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

#define MAX_GENERATED 1048575

static void generate(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t from = sqlite3_value_int64(argv[0]), to = sqlite3_value_int64(argv[1]);
    int64_t step = argc > 2 ? sqlite3_value_int64(argv[2]) : 1;
    if (step == 0) {
        bq_result_error(ctx, "Sequence step cannot be 0.");
        return;
    }
    size_t count = 0;
    bq_tuple_begin(&out, 0);
    for (int64_t v = from; step > 0 ? v <= to : v >= to;) {
        bq_value item_value = bq_int(v);
        bq_tuple_add(&out, &item_value);
        if (++count > MAX_GENERATED) {
            bq_result_error(ctx, "Cannot generate arrays with more than 1048575 elements.");
            bw_buf_fini(&out);
            return;
        }
        if (__builtin_add_overflow(v, step, &v))
            break;
    }
    bq_tuple_set_count(&out, 0, count);
    result_buf(ctx, &out);
}

/* Ends a series that grows by itself: false and the error set when it is too long. */
static bool one_more(sqlite3_context *ctx, bw_buf *out, const bq_value *v, size_t *count)
{
    bq_tuple_add(out, v);
    if (++*count <= MAX_GENERATED)
        return true;
    bq_result_error(ctx, "Cannot generate arrays with more than 1048575 elements.");
    bw_buf_fini(out);
    return false;
}

static void generate_floats(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    double from = bq_float_decode(sqlite3_value_int64(argv[0]));
    double to = bq_float_decode(sqlite3_value_int64(argv[1]));
    double step = argc > 2 ? bq_float_decode(sqlite3_value_int64(argv[2])) : 1;
    if (step == 0 || !isfinite(from) || !isfinite(to) || !isfinite(step)) {
        bq_result_error(ctx, step == 0 ? "Sequence step cannot be 0."
                                       : "Illegal non-finite values in GENERATE_ARRAY");
        return;
    }
    bq_tuple_begin(&out, 0);
    for (double v = from; step > 0 ? v <= to : v >= to; v = from + step * (double)count) {
        bq_value item_value = bq_int(bq_float_encode(v));
        if (!one_more(ctx, &out, &item_value, &count))
            return;
    }
    bq_tuple_set_count(&out, 0, count);
    result_buf(ctx, &out);
}

static void generate_decimals(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    unsigned char bytes[BQ_BIGNUMERIC_SIZE];
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;
    mpz_t v, to, step;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice first = bq_arg_slice(argv[0]);
    bq_kind kind = first.len == BQ_BIGNUMERIC_SIZE ? BQ_BIGNUMERIC : BQ_NUMERIC;
    mpz_inits(v, to, step, NULL);
    bq_decimal_decode(kind, first, v);
    bq_decimal_decode(kind, bq_arg_slice(argv[1]), to);
    bq_decimal_pow10(step, (unsigned)bq_decimal_spec_of(kind)->scale);
    if (argc > 2)
        bq_decimal_decode(kind, bq_arg_slice(argv[2]), step);
    bool ok = mpz_sgn(step) != 0;
    if (!ok)
        bq_result_error(ctx, "Sequence step cannot be 0.");
    bq_tuple_begin(&out, 0);
    while (ok && (mpz_sgn(step) > 0 ? mpz_cmp(v, to) <= 0 : mpz_cmp(v, to) >= 0) &&
           bq_decimal_encode(kind, v, bytes)) {
        bq_value item_value = bq_blob((bw_slice){(char *)bytes, bq_decimal_spec_of(kind)->size});
        ok = one_more(ctx, &out, &item_value, &count);
        mpz_add(v, v, step);
    }
    mpz_clears(v, to, step, NULL);
    if (ok) {
        bq_tuple_set_count(&out, 0, count);
        bq_result_blob(ctx, bw_buf_slice(&out));
    }
    bw_buf_fini(&out);
}

/* (array, index, from the end): the first or last element */
static void end_element(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;
    bq_value v;

    if (bq_any_null(ctx, argc, argv) || !bq_tuple_open(bq_arg_slice(argv[0]), &t))
        return;
    bool last = sqlite3_value_int(argv[1]) != 0;
    if (nth(bq_arg_slice(argv[0]), last ? (int64_t)t.count - 1 : 0, &v))
        bq_result(ctx, &v);
    else
        bq_result_error(ctx, "%s cannot get the %s element of an empty array",
                        last ? "ARRAY_LAST" : "ARRAY_FIRST", last ? "last" : "first");
}

/* (array, start, end): from 0, negative ones from the end, both inclusive */
static void slice(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;
    bq_tuple t;
    bq_value v;

    if (bq_any_null(ctx, argc, argv) || !bq_tuple_open(bq_arg_slice(argv[0]), &t))
        return;
    int64_t length = t.count;
    int64_t from = sqlite3_value_int64(argv[1]), to = sqlite3_value_int64(argv[2]);
    from = from < 0 ? (from < -length ? 0 : from + length) : from;
    to = to < 0 ? to + length : to;
    bq_tuple_begin(&out, 0);
    for (int64_t i = 0; bq_tuple_next(&t, &v); i++) {
        if (i < from || i > to)
            continue;
        bq_tuple_add(&out, &v);
        count++;
    }
    bq_tuple_set_count(&out, 0, count);
    result_buf(ctx, &out);
}

/* ---- What is about to be stored ---------------------------------------------------------------- */

static void required(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        bq_result_error(ctx, "Required field %s cannot be null", sqlite3_value_text(argv[1]));
    else
        sqlite3_result_value(ctx, argv[0]);
}

static bool has_null(bw_slice blob)
{
    bq_tuple t;
    bq_value v;

    if (!bq_tuple_open(blob, &t))
        return false;
    while (bq_tuple_next(&t, &v)) {
        if (v.cls == BQ_NULL)
            return true;
    }
    return false;
}

/* A table keeps no NULL arrays and no NULL elements. */
static void stored_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    static const char empty[4] = {0};

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        bq_result_blob(ctx, (bw_slice){empty, sizeof(empty)});
    else if (has_null(bq_arg_slice(argv[0])))
        bq_result_error(ctx, "Array cannot have a null element; error in writing field %s",
                        sqlite3_value_text(argv[1]));
    else
        sqlite3_result_value(ctx, argv[0]);
}

/* The fields of a STRUCT that is stored: arrays are never NULL, REQUIRED fields neither. */
static bool store_struct(const bq_field *type, const bq_value *value, bw_buf *out,
                         const char **error)
{
    bq_tuple t;
    bq_value v;

    if (value->cls == BQ_NULL || !bq_tuple_open(value->s, &t)) {
        bq_value null = bq_null();
        bq_tuple_add(out, &null);
        return true;
    }
    bw_buf packed = BW_BUF_INIT;
    bool ok = true;
    bq_tuple_begin(&packed, type->fields.count);
    for (size_t i = 0; ok && i < type->fields.count && bq_tuple_next(&t, &v); i++) {
        const bq_field *f = &type->fields.fields[i];
        static const char empty[4] = {0};
        if (f->mode == BQ_REPEATED && v.cls == BQ_NULL)
            v = bq_blob((bw_slice){empty, sizeof(empty)});
        bool broken =
            f->mode == BQ_REPEATED ? has_null(v.s) : f->mode == BQ_REQUIRED && v.cls == BQ_NULL;
        if (broken) {
            *error = f->name;
            ok = false;
        } else if (f->kind == BQ_STRUCT && f->mode != BQ_REPEATED) {
            ok = store_struct(f, &v, &packed, error);
        } else {
            bq_tuple_add(&packed, &v);
        }
    }
    bq_value blob = bq_blob(bw_buf_slice(&packed));
    bq_tuple_add(out, &blob);
    bw_buf_fini(&packed);
    return ok;
}

static void stored_struct(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bq_field *type = bq_arg_type(argv[1]);
    bq_value v = bq_arg(argv[0]), inner;
    bw_buf out = BW_BUF_INIT;
    const char *error = "";
    bq_tuple t;

    (void)argc;
    bq_tuple_begin(&out, 1);
    if (!type || v.cls == BQ_NULL)
        sqlite3_result_null(ctx);
    else if (!store_struct(type, &v, &out, &error))
        bq_result_error(ctx, "Field %s cannot be null or hold a null element", error);
    else if (bq_tuple_open(bw_buf_slice(&out), &t) && bq_tuple_next(&t, &inner))
        bq_result(ctx, &inner);
    bw_buf_fini(&out);
}

const bq_function bq_array_functions[] = {
    {"bq_tuple", -1, tuple, false},
    {"bq_concat_tuples", -1, concat, false},
    {"bq_array_concat", -1, concat, false},
    {"bq_item", 2, item, false},
    {"bq_with_item", 4, with_item, false},
    {"bq_element", 3, element, false},
    {"bq_array_length", 1, length, false},
    {"bq_array_reverse", 1, reverse, false},
    {"bq_struct_equal", 3, call_struct_equal, false},
    {"bq_array_contains", 3, contains, false},
    {"bq_array_to_text", -1, to_text, false},
    {"bq_generate_array", -1, generate, false},
    {"bq_generate_floats", -1, generate_floats, false},
    {"bq_generate_decimals", -1, generate_decimals, false},
    {"bq_array_end", 2, end_element, false},
    {"bq_array_slice", 3, slice, false},
    {"bq_required", 2, required, false},
    {"bq_stored_array", 2, stored_array, false},
    {"bq_stored_struct", 2, stored_struct, false},
};

const size_t bq_array_function_count = BW_COUNT(bq_array_functions);
