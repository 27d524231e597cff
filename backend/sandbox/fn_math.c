/*
 * Trigonometry and the rarer functions of numbers. A FLOAT64 function that has no finite result for a
 * finite argument is an error, as in GoogleSQL.
 */
#include <math.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

static double arg_double(sqlite3_value *v)
{
    return bq_float_decode(sqlite3_value_int64(v));
}

static void apply(sqlite3_context *ctx, int argc, sqlite3_value **argv, const char *name,
                  double (*f)(double))
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double x = arg_double(argv[0]), r = f(x);
    if (isfinite(x) && !isfinite(r))
        bq_result_error(ctx, "Floating point error in function: %s(%g)", name, x);
    else
        sqlite3_result_int64(ctx, bq_float_encode(r));
}

#define UNARY(name)                                                               \
    static void call_##name(sqlite3_context *ctx, int argc, sqlite3_value **argv) \
    {                                                                             \
        apply(ctx, argc, argv, #name, name);                                      \
    }
UNARY(sin)
UNARY(cos)
UNARY(tan)
UNARY(asin)
UNARY(acos)
UNARY(atan)
UNARY(sinh)
UNARY(cosh)
UNARY(tanh)
UNARY(asinh)
UNARY(acosh)
UNARY(atanh)

/* The C library's may be off by a digit; one step of Newton's method is not. */
static double cube_root(double x)
{
    double r = cbrt(x);

    return isfinite(r) && r != 0 ? r - (r * r * r - x) / (3 * r * r) : r;
}

static void call_cbrt(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    apply(ctx, argc, argv, "cbrt", cube_root);
}

static void call_atan2(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int64(ctx, bq_float_encode(atan2(arg_double(argv[0]), arg_double(argv[1]))));
}

static void negate(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t v = sqlite3_value_int64(argv[0]);
    if (v == INT64_MIN)
        bq_result_error(ctx, "int64 overflow: -(%lld)", (long long)v);
    else
        sqlite3_result_int64(ctx, -v);
}

static void bit_count(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t n = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (sqlite3_value_type(argv[0]) == SQLITE_INTEGER) {
        n = __builtin_popcountll((unsigned long long)sqlite3_value_int64(argv[0]));
    } else {
        bw_slice s = bq_arg_slice(argv[0]);
        for (size_t i = 0; i < s.len; i++)
            n += __builtin_popcount((unsigned char)s.ptr[i]);
    }
    sqlite3_result_int64(ctx, n);
}

/* (point, sorted array): how many of the bounds are not above the point. Stored values of one type
   compare like the type. */
static void range_bucket(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_tuple t;
    bq_value bound, before = bq_null();
    int64_t at = 0;

    if (bq_any_null(ctx, argc, argv) || !bq_tuple_open(bq_arg_slice(argv[1]), &t))
        return;
    bq_value point = bq_arg(argv[0]);
    for (bool first = true; bq_tuple_next(&t, &bound); first = false) {
        if (bound.cls == BQ_NULL || (!first && bq_value_compare(&bound, &before) < 0)) {
            bq_result_error(ctx, bound.cls == BQ_NULL
                                     ? "Elements in input array to RANGE_BUCKET cannot be null"
                                     : "Elements in input array to RANGE_BUCKET must be in "
                                       "ascending order");
            return;
        }
        at += bq_value_compare(&bound, &point) <= 0;
        before = bound;
    }
    sqlite3_result_int64(ctx, at);
}

/* ---- NUMERIC ------------------------------------------------------------------------------------ */

/* White space, signs and commas that CAST does not take: " - 1,234.5 ", "12-". */
static bool plain_number(bw_slice s, bw_buf *out)
{
    bool negative = false, sign = false, digits = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool exponent = out->len > 0 && (out->ptr[out->len - 1] | 32) == 'e';
        if ((c == '-' || c == '+') && !exponent) {
            if (sign)
                return false;
            sign = true;
            negative = c == '-';
        } else if (!strchr(" \t\n\r\f\v,", c) || c == '\0') {
            bw_buf_addc(out, c);
            digits = digits || (c >= '0' && c <= '9');
        }
    }
    if (negative) {
        bw_buf_addc(out, ' ');
        memmove(out->ptr + 1, out->ptr, out->len - 1);
        out->ptr[0] = '-';
    }
    return digits;
}

static void parse_decimal(sqlite3_context *ctx, int argc, sqlite3_value **argv, bq_kind kind)
{
    unsigned char bytes[BQ_BIGNUMERIC_SIZE];
    bw_buf text = BW_BUF_INIT;
    mpz_t scaled;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    mpz_init(scaled);
    if (plain_number(s, &text) &&
        bq_decimal_parse(kind, bw_buf_slice(&text), true, scaled) == BQ_DECIMAL_OK &&
        bq_decimal_encode(kind, scaled, bytes))
        bq_result_blob(ctx, (bw_slice){(char *)bytes, bq_decimal_spec_of(kind)->size});
    else
        bq_result_error(ctx, "Invalid input to PARSE_%s: \"%.*s\"", bq_kind_sql(kind),
                        BW_SLICE_ARG(s));
    mpz_clear(scaled);
    bw_buf_fini(&text);
}

static void parse_numeric(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    parse_decimal(ctx, argc, argv, BQ_NUMERIC);
}

static void parse_bignumeric(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    parse_decimal(ctx, argc, argv, BQ_BIGNUMERIC);
}

const bq_function bq_math_functions[] = {
    {"bq_sin", 1, call_sin, false},
    {"bq_cos", 1, call_cos, false},
    {"bq_tan", 1, call_tan, false},
    {"bq_asin", 1, call_asin, false},
    {"bq_acos", 1, call_acos, false},
    {"bq_atan", 1, call_atan, false},
    {"bq_atan2", 2, call_atan2, false},
    {"bq_sinh", 1, call_sinh, false},
    {"bq_cosh", 1, call_cosh, false},
    {"bq_tanh", 1, call_tanh, false},
    {"bq_asinh", 1, call_asinh, false},
    {"bq_acosh", 1, call_acosh, false},
    {"bq_atanh", 1, call_atanh, false},
    {"bq_cbrt", 1, call_cbrt, false},
    {"bq_ineg", 1, negate, false},
    {"bq_bit_count", 1, bit_count, false},
    {"bq_range_bucket", 2, range_bucket, false},
    {"bq_parse_numeric", 1, parse_numeric, false},
    {"bq_parse_bignumeric", 1, parse_bignumeric, false},
};

const size_t bq_math_function_count = BW_COUNT(bq_math_functions);
