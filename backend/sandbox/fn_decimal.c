/*
 * NUMERIC and BIGNUMERIC arithmetic on scaled integers. Which of the two an argument is, its size
 * says; both arguments of a function are of one kind.
 */
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_functions.h"

/* One call's operands. */
typedef struct operands {
    bq_kind kind;
    mpz_t a, b, r;
} operands;

static void operands_init(operands *o, int argc, sqlite3_value **argv)
{
    bw_slice a = bq_arg_slice(argv[0]);

    o->kind = a.len == BQ_BIGNUMERIC_SIZE ? BQ_BIGNUMERIC : BQ_NUMERIC;
    mpz_inits(o->a, o->b, o->r, NULL);
    bq_decimal_decode(o->kind, a, o->a);
    if (argc > 1 && sqlite3_value_type(argv[1]) == SQLITE_BLOB)
        bq_decimal_decode(o->kind, bq_arg_slice(argv[1]), o->b);
}

static void operands_fini(operands *o)
{
    mpz_clears(o->a, o->b, o->r, NULL);
}

static void add_operand(const operands *o, const mpz_t v, bw_buf *out)
{
    bq_decimal_print(o->kind, v, out);
}

static void fail(sqlite3_context *ctx, const operands *o, const char *what, const char *op)
{
    bw_buf text = BW_BUF_INIT;

    add_operand(o, o->a, &text);
    bw_buf_addf(&text, " %s ", op);
    add_operand(o, o->b, &text);
    bq_result_error(ctx, "%s: %s", what, bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

static void finish(sqlite3_context *ctx, operands *o, const char *op)
{
    unsigned char bytes[BQ_BIGNUMERIC_SIZE];

    if (bq_decimal_encode(o->kind, o->r, bytes))
        bq_result_blob(ctx, (bw_slice){(char *)bytes, bq_decimal_spec_of(o->kind)->size});
    else
        fail(ctx, o, o->kind == BQ_NUMERIC ? "numeric overflow" : "bignumeric overflow", op);
    operands_fini(o);
}

static void scale_of(const operands *o, mpz_t out)
{
    bq_decimal_pow10(out, (unsigned)bq_decimal_spec_of(o->kind)->scale);
}

static void dadd(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    mpz_add(o.r, o.a, o.b);
    finish(ctx, &o, "+");
}

static void dsub(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    mpz_sub(o.r, o.a, o.b);
    finish(ctx, &o, "-");
}

static void dmul(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;
    mpz_t scale;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    mpz_init(scale);
    scale_of(&o, scale);
    mpz_mul(o.r, o.a, o.b);
    bq_decimal_div_round(o.r, o.r, scale);
    mpz_clear(scale);
    finish(ctx, &o, "*");
}

static void ddiv(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;
    mpz_t scale;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    if (mpz_sgn(o.b) == 0) {
        fail(ctx, &o, "division by zero", "/");
        operands_fini(&o);
        return;
    }
    mpz_init(scale);
    scale_of(&o, scale);
    mpz_mul(o.r, o.a, scale);
    bq_decimal_div_round(o.r, o.r, o.b);
    mpz_clear(scale);
    finish(ctx, &o, "/");
}

static void dmod(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    if (mpz_sgn(o.b) == 0) {
        fail(ctx, &o, "division by zero", "MOD");
        operands_fini(&o);
        return;
    }
    mpz_tdiv_r(o.r, o.a, o.b);
    finish(ctx, &o, "MOD");
}

/* DIV: the whole part of the quotient. */
static void dquotient(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;
    mpz_t scale;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    if (mpz_sgn(o.b) == 0) {
        fail(ctx, &o, "division by zero", "DIV");
        operands_fini(&o);
        return;
    }
    mpz_init(scale);
    scale_of(&o, scale);
    mpz_tdiv_q(o.r, o.a, o.b);
    mpz_mul(o.r, o.r, scale);
    mpz_clear(scale);
    finish(ctx, &o, "DIV");
}

static void dneg(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    mpz_neg(o.r, o.a);
    finish(ctx, &o, "-");
}

static void dabs(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    mpz_abs(o.r, o.a);
    finish(ctx, &o, "ABS");
}

static void dsign(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    scale_of(&o, o.r);
    mpz_mul_si(o.r, o.r, mpz_sgn(o.a));
    finish(ctx, &o, "SIGN");
}

typedef void rounding(mpz_t quotient, const mpz_t n, const mpz_t d);

/* To a multiple of 10^-digits, by the given division. */
static void at_place(sqlite3_context *ctx, int argc, sqlite3_value **argv, rounding *divide)
{
    operands o;

    if (bq_any_null(ctx, argc, argv))
        return;
    operands_init(&o, argc, argv);
    int scale = bq_decimal_spec_of(o.kind)->scale;
    int64_t digits = argc > 1 ? sqlite3_value_int64(argv[1]) : 0;
    if (digits >= scale) {
        mpz_set(o.r, o.a);
    } else {
        int64_t drop = scale - digits;
        bq_decimal_pow10(o.b, (unsigned)(drop > 90 ? 90 : drop));
        divide(o.r, o.a, o.b);
        mpz_mul(o.r, o.r, o.b);
    }
    finish(ctx, &o, "ROUND");
}

static void divide_trunc(mpz_t quotient, const mpz_t n, const mpz_t d)
{
    mpz_tdiv_q(quotient, n, d);
}

static void divide_ceil(mpz_t quotient, const mpz_t n, const mpz_t d)
{
    mpz_cdiv_q(quotient, n, d);
}

static void divide_floor(mpz_t quotient, const mpz_t n, const mpz_t d)
{
    mpz_fdiv_q(quotient, n, d);
}

/* Half to the even neighbour. */
static void divide_even(mpz_t quotient, const mpz_t n, const mpz_t d)
{
    mpz_t q, r;

    mpz_inits(q, r, NULL);
    mpz_fdiv_qr(q, r, n, d);
    mpz_mul_ui(r, r, 2);
    int half = mpz_cmp(r, d);
    if (half > 0 || (half == 0 && mpz_odd_p(q)))
        mpz_add_ui(q, q, 1);
    mpz_set(quotient, q);
    mpz_clears(q, r, NULL);
}

/* (value [, digits [, rounding mode]]) */
static void dround(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice mode = argc > 2 ? bq_arg_slice(argv[2]) : BW_SLICE_LIT("ROUND_HALF_AWAY_FROM_ZERO");
    bool even = bw_slice_is(mode, "ROUND_HALF_EVEN");

    if (bq_any_null(ctx, argc, argv))
        return;
    if (even || bw_slice_is(mode, "ROUND_HALF_AWAY_FROM_ZERO"))
        at_place(ctx, argc > 2 ? 2 : argc, argv, even ? divide_even : bq_decimal_div_round);
    else
        bq_result_error(ctx, "Invalid rounding mode: %.*s", BW_SLICE_ARG(mode));
}

static void dtrunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    at_place(ctx, argc, argv, divide_trunc);
}

static void dceil(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    at_place(ctx, argc, argv, divide_ceil);
}

static void dfloor(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    at_place(ctx, argc, argv, divide_floor);
}

const bq_function bq_decimal_functions[] = {
    {"bq_dadd", 2, dadd, false},           {"bq_dsub", 2, dsub, false},
    {"bq_dmul", 2, dmul, false},           {"bq_ddiv", 2, ddiv, false},
    {"bq_dquotient", 2, dquotient, false}, {"bq_dmod", 2, dmod, false},
    {"bq_dneg", 1, dneg, false},           {"bq_dabs", 1, dabs, false},
    {"bq_dsign", 1, dsign, false},         {"bq_dround", -1, dround, false},
    {"bq_dtrunc", -1, dtrunc, false},      {"bq_dceil", 1, dceil, false},
    {"bq_dfloor", 1, dfloor, false},
};

const size_t bq_decimal_function_count = BW_COUNT(bq_decimal_functions);
