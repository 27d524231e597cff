/*
 * INT64 and FLOAT64: arithmetic that is an error where it would overflow, comparisons that know NaN.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_time.h"

typedef long long ll;

#define INT_ARGS(ctx, argc, argv, a, b) \
    if (bq_any_null(ctx, argc, argv))   \
        return;                         \
    int64_t a = sqlite3_value_int64(argv[0]), b = sqlite3_value_int64(argv[1])

static void iadd(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t r;
    INT_ARGS(ctx, argc, argv, a, b);
    if (__builtin_add_overflow(a, b, &r))
        bq_result_error(ctx, "int64 overflow: %lld + %lld", (ll)a, (ll)b);
    else
        sqlite3_result_int64(ctx, r);
}

static void isub(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t r;
    INT_ARGS(ctx, argc, argv, a, b);
    if (__builtin_sub_overflow(a, b, &r))
        bq_result_error(ctx, "int64 overflow: %lld - %lld", (ll)a, (ll)b);
    else
        sqlite3_result_int64(ctx, r);
}

static void imul(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t r;
    INT_ARGS(ctx, argc, argv, a, b);
    if (__builtin_mul_overflow(a, b, &r))
        bq_result_error(ctx, "int64 overflow: %lld * %lld", (ll)a, (ll)b);
    else
        sqlite3_result_int64(ctx, r);
}

static void idiv(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    INT_ARGS(ctx, argc, argv, a, b);
    if (b == 0)
        bq_result_error(ctx, "division by zero: DIV(%lld, %lld)", (ll)a, (ll)b);
    else if (a == INT64_MIN && b == -1)
        bq_result_error(ctx, "int64 overflow: DIV(%lld, %lld)", (ll)a, (ll)b);
    else
        sqlite3_result_int64(ctx, a / b);
}

static void imod(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    INT_ARGS(ctx, argc, argv, a, b);
    if (b == 0)
        bq_result_error(ctx, "division by zero: MOD(%lld, %lld)", (ll)a, (ll)b);
    else
        sqlite3_result_int64(ctx, b == -1 ? 0 : a % b);
}

static void iabs(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t a = sqlite3_value_int64(argv[0]);
    if (a == INT64_MIN)
        bq_result_error(ctx, "int64 overflow: ABS(%lld)", (ll)a);
    else
        sqlite3_result_int64(ctx, a < 0 ? -a : a);
}

static void isign(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t a = sqlite3_value_int64(argv[0]);
    sqlite3_result_int64(ctx, (a > 0) - (a < 0));
}

/* ^, << and >>: a shift by 64 or more gives 0, a negative one is an error. */
static void bits(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    uint64_t a = (uint64_t)sqlite3_value_int64(argv[0]);
    char op = (char)sqlite3_value_text(argv[1])[0];
    int64_t n = sqlite3_value_int64(argv[2]);
    if (op == '^')
        sqlite3_result_int64(ctx, (int64_t)(a ^ (uint64_t)n));
    else if (n < 0)
        bq_result_error(ctx, "Bitwise shift by negative offset.");
    else if (n >= 64)
        sqlite3_result_int64(ctx, 0);
    else
        sqlite3_result_int64(ctx, (int64_t)(op == '<' ? a << n : a >> n));
}

/* ---- FLOAT64 ----------------------------------------------------------------------------------- */

static double arg_double(sqlite3_value *v)
{
    return bq_float_decode(sqlite3_value_int64(v));
}

static void result_double(sqlite3_context *ctx, double d)
{
    sqlite3_result_int64(ctx, bq_float_encode(d));
}

static void overflow_error(sqlite3_context *ctx, double a, const char *op, double b)
{
    bw_buf text = BW_BUF_INIT;

    bq_float_print_sql(a, &text);
    bw_buf_addf(&text, " %s ", op);
    bq_float_print_sql(b, &text);
    bq_result_error(ctx, "double overflow: %s", bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

static void checked(sqlite3_context *ctx, double a, const char *op, double b, double r)
{
    if (isinf(r) && isfinite(a) && isfinite(b))
        overflow_error(ctx, a, op, b);
    else
        result_double(ctx, r);
}

static void float_add(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), b = arg_double(argv[1]);
    checked(ctx, a, "+", b, a + b);
}

static void float_sub(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), b = arg_double(argv[1]);
    checked(ctx, a, "-", b, a - b);
}

static void float_mul(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), b = arg_double(argv[1]);
    checked(ctx, a, "*", b, a * b);
}

static void float_div(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), b = arg_double(argv[1]);
    if (b != 0) {
        checked(ctx, a, "/", b, a / b);
        return;
    }
    bw_buf text = BW_BUF_INIT;
    bq_float_print_sql(a, &text);
    bq_result_error(ctx, "division by zero: %s / 0", bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

static void ieee_divide(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), b = arg_double(argv[1]);
    if (b != 0)
        result_double(ctx, a / b);
    else
        result_double(ctx, a == 0 || isnan(a)         ? (double)NAN
                           : signbit(a) != signbit(b) ? -(double)INFINITY
                                                      : (double)INFINITY);
}

static void float_neg(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_double(ctx, -arg_double(argv[0]));
}

/* Comparisons: anything with NaN is false, != is true. */
#define COMPARISON(name, expression)                                       \
    static void name(sqlite3_context *ctx, int argc, sqlite3_value **argv) \
    {                                                                      \
        if (bq_any_null(ctx, argc, argv))                                  \
            return;                                                        \
        double a = arg_double(argv[0]), b = arg_double(argv[1]);           \
        sqlite3_result_int(ctx, expression);                               \
    }
COMPARISON(feq, a == b)
COMPARISON(fne, a != b)
COMPARISON(flt, a < b)
COMPARISON(fle, a <= b)
COMPARISON(fgt, a > b)
COMPARISON(fge, a >= b)

/* Groups -0.0 with 0.0. */
static void float_key(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t v = sqlite3_value_int64(argv[0]);
    sqlite3_result_int64(ctx, v == bq_float_encode(-0.0) ? bq_float_encode(0.0) : v);
}

static void interval_key(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval v;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (bq_interval_decode(bq_arg_slice(argv[0]), &v))
        sqlite3_result_int64(ctx, bq_interval_total(&v));
}

static void float_of_real(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_double(ctx, sqlite3_value_double(argv[0]));
}

static void fsign(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]);
    result_double(ctx, isnan(a) ? a : (a > 0) - (a < 0));
}

static void extreme(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool least)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double best = arg_double(argv[0]);
    for (int i = 1; i < argc; i++) {
        double d = arg_double(argv[i]);
        if (isnan(d) || (!isnan(best) && (least ? d < best : d > best)))
            best = d;
    }
    result_double(ctx, best);
}

static void fleast(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    extreme(ctx, argc, argv, true);
}

static void fgreatest(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    extreme(ctx, argc, argv, false);
}

/* ROUND and TRUNC at a decimal place. Half goes away from zero. */
static void at_place(sqlite3_context *ctx, int argc, sqlite3_value **argv, double (*f)(double))
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double d = arg_double(argv[0]);
    int64_t digits = argc > 1 ? sqlite3_value_int64(argv[1]) : 0;
    if (!isfinite(d) || digits > 300) {
        result_double(ctx, d);
    } else if (digits < -308) {
        result_double(ctx, 0);
    } else {
        double scale = pow(10, (double)digits);
        double scaled = digits < 0 ? d / pow(10, (double)-digits) : d * scale;
        double r = isfinite(scaled) ? f(scaled) : d;
        if (isfinite(scaled))
            r = digits < 0 ? r * pow(10, (double)-digits) : r / scale;
        if (isfinite(r))
            result_double(ctx, r);
        else
            overflow_error(ctx, d, "ROUND", (double)digits);
    }
}

static void fround(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    at_place(ctx, argc, argv, round);
}

static void ftrunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    at_place(ctx, argc, argv, trunc);
}

static void fabsolute(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_double(ctx, fabs(arg_double(argv[0])));
}

static void fceil(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_double(ctx, ceil(arg_double(argv[0])));
}

static void ffloor(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_double(ctx, floor(arg_double(argv[0])));
}

/* A result that a finite argument cannot have is an error. */
static void math_result(sqlite3_context *ctx, const char *name, double arg, double r)
{
    if (isfinite(arg) && !isfinite(r)) {
        bw_buf text = BW_BUF_INIT;
        bq_float_print_sql(arg, &text);
        bq_result_error(ctx, "Floating point error in function: %s(%s)", name, bw_buf_cstr(&text));
        bw_buf_fini(&text);
    } else {
        result_double(ctx, r);
    }
}

static void call_sqrt(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]);
    if (a < 0)
        bq_result_error(ctx, "Argument to SQRT cannot be negative: %g", a);
    else
        math_result(ctx, "SQRT", a, sqrt(a));
}

static void call_exp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]);
    math_result(ctx, "EXP", a, exp(a));
}

static void call_ln(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]);
    math_result(ctx, "LN", a, log(a));
}

static void call_log(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), base = argc > 1 ? arg_double(argv[1]) : M_E;
    if (base <= 0 && isfinite(base))
        bq_result_error(ctx, "Floating point error in function: LOG(%g, %g)", a, base);
    else if (argc > 1 && !(base > 0 && isfinite(base)))
        result_double(ctx, NAN);
    else
        math_result(ctx, "LOG", a, argc > 1 ? log(a) / log(base) : log(a));
}

static void call_log10(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]);
    math_result(ctx, "LOG10", a, log10(a));
}

static void call_pow(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    double a = arg_double(argv[0]), b = arg_double(argv[1]);
    math_result(ctx, "POW", isfinite(a) && isfinite(b) ? a : INFINITY, pow(a, b));
}

static void is_nan(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int(ctx, isnan(arg_double(argv[0])) != 0);
}

static void is_inf(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int(ctx, isinf(arg_double(argv[0])) != 0);
}

static void call_rand(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    uint64_t bits53 = 0;

    (void)argc;
    (void)argv;
    if (getrandom(&bits53, sizeof(bits53), 0) != (ssize_t)sizeof(bits53))
        bits53 = 0;
    result_double(ctx, (double)(bits53 >> 11) / 9007199254740992.0);
}

static void same(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    sqlite3_result_value(ctx, argv[0]);
}

static void error(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice s = bq_arg_slice(argv[0]);

    (void)argc;
    bq_result_error(ctx, "%.*s", BW_SLICE_ARG(s));
}

const bq_function bq_number_functions[] = {
    {"bq_iadd", 2, iadd, false},
    {"bq_isub", 2, isub, false},
    {"bq_imul", 2, imul, false},
    {"bq_idiv", 2, idiv, false},
    {"bq_imod", 2, imod, false},
    {"bq_iabs", 1, iabs, false},
    {"bq_isign", 1, isign, false},
    {"bq_bits", 3, bits, false},
    {"bq_fadd", 2, float_add, false},
    {"bq_fsub", 2, float_sub, false},
    {"bq_fmul", 2, float_mul, false},
    {"bq_fdiv", 2, float_div, false},
    {"bq_ieee_divide", 2, ieee_divide, false},
    {"bq_fneg", 1, float_neg, false},
    {"bq_feq", 2, feq, false},
    {"bq_fne", 2, fne, false},
    {"bq_flt", 2, flt, false},
    {"bq_fle", 2, fle, false},
    {"bq_fgt", 2, fgt, false},
    {"bq_fge", 2, fge, false},
    {"bq_float_key", 1, float_key, false},
    {"bq_interval_key", 1, interval_key, false},
    {"bq_float_of_real", 1, float_of_real, false},
    {"bq_fsign", 1, fsign, false},
    {"bq_fleast", -1, fleast, false},
    {"bq_fgreatest", -1, fgreatest, false},
    {"bq_fround", -1, fround, false},
    {"bq_ftrunc", -1, ftrunc, false},
    {"bq_fabs", 1, fabsolute, false},
    {"bq_fceil", 1, fceil, false},
    {"bq_ffloor", 1, ffloor, false},
    {"bq_sqrt", 1, call_sqrt, false},
    {"bq_exp", 1, call_exp, false},
    {"bq_ln", 1, call_ln, false},
    {"bq_log", -1, call_log, false},
    {"bq_log10", 1, call_log10, false},
    {"bq_pow", 2, call_pow, false},
    {"bq_is_nan", 1, is_nan, false},
    {"bq_is_inf", 1, is_inf, false},
    {"bq_rand", 0, call_rand, true},
    {"bq_same", 1, same, false},
    {"bq_error", 1, error, true},
};

const size_t bq_number_function_count = BW_COUNT(bq_number_functions);
