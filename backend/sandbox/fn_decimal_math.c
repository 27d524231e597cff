/*
 * SQRT, LN, LOG, LOG10, EXP and POW of NUMERIC and BIGNUMERIC, on integers scaled by 10^120: far beyond
 * the digits that are kept, so that the one rounding at the end is that of the true value.
 */
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_functions.h"

#define DIGITS       120
#define MAX_EXPONENT 1024 /* of powers that are multiplied out */
#define MAX_BINARY   200  /* exp() beyond 2^200 is beyond BIGNUMERIC */

/* One call. All numbers but `scaled` have DIGITS decimals. */
typedef struct call {
    sqlite3_context *ctx;
    const char *name;
    bq_kind kind;
    mpz_t one, x, y, r, ln2;
    bool failed;
} call;

/* 2 * atanh(z), |z| at most 1/3 */
static void twice_atanh(const call *c, mpz_t out, const mpz_t z)
{
    mpz_t square, term, part;

    mpz_inits(square, term, part, NULL);
    mpz_mul(square, z, z);
    mpz_tdiv_q(square, square, c->one);
    mpz_set(term, z);
    mpz_set(out, z);
    for (unsigned long i = 3; mpz_sgn(term) != 0; i += 2) {
        mpz_mul(term, term, square);
        mpz_tdiv_q(term, term, c->one);
        mpz_tdiv_q_ui(part, term, i);
        mpz_add(out, out, part);
    }
    mpz_mul_2exp(out, out, 1);
    mpz_clears(square, term, part, NULL);
}

/* x = m * 2^k with m near 1; ln x = 2 atanh((m - 1) / (m + 1)) + k ln 2. For x > 0. */
static void natural_log(const call *c, mpz_t out, const mpz_t x)
{
    long k = (long)mpz_sizeinbase(x, 2) - (long)mpz_sizeinbase(c->one, 2);
    mpz_t m, z, rest;

    mpz_inits(m, z, rest, NULL);
    if (k >= 0)
        mpz_fdiv_q_2exp(m, x, (mp_bitcnt_t)k);
    else
        mpz_mul_2exp(m, x, (mp_bitcnt_t)-k);
    mpz_sub(z, m, c->one);
    mpz_add(rest, m, c->one);
    mpz_mul(z, z, c->one);
    mpz_tdiv_q(z, z, rest);
    twice_atanh(c, out, z);
    mpz_mul_si(rest, c->ln2, k);
    mpz_add(out, out, rest);
    mpz_clears(m, z, rest, NULL);
}

/* False when the result is out of every range. */
static bool exponential(const call *c, mpz_t out, const mpz_t x)
{
    mpz_t k, rest, term;

    mpz_inits(k, rest, term, NULL);
    bq_decimal_div_round(k, x, c->ln2);
    bool fits = mpz_cmp_si(k, MAX_BINARY) <= 0;
    if (mpz_cmp_si(k, -2 * DIGITS * 4) < 0) {
        mpz_set_ui(out, 0);
    } else if (fits) {
        mpz_mul(rest, k, c->ln2);
        mpz_sub(rest, x, rest);
        mpz_set(term, c->one);
        mpz_set(out, c->one);
        for (unsigned long i = 1; mpz_sgn(term) != 0; i++) {
            mpz_mul(term, term, rest);
            mpz_tdiv_q(term, term, c->one);
            mpz_tdiv_q_ui(term, term, i);
            mpz_add(out, out, term);
        }
        long shift = mpz_get_si(k);
        if (shift >= 0)
            mpz_mul_2exp(out, out, (mp_bitcnt_t)shift);
        else
            mpz_fdiv_q_2exp(out, out, (mp_bitcnt_t)-shift);
    }
    mpz_clears(k, rest, term, NULL);
    return fits;
}

/* ---- Calls -------------------------------------------------------------------------------------- */

static void read_number(const call *c, sqlite3_value *v, mpz_t out)
{
    mpz_t power;

    mpz_init(power);
    bq_decimal_decode(c->kind, bq_arg_slice(v), out);
    bq_decimal_pow10(power, (unsigned)(DIGITS - bq_decimal_spec_of(c->kind)->scale));
    mpz_mul(out, out, power);
    mpz_clear(power);
}

static bool begin(call *c, sqlite3_context *ctx, int argc, sqlite3_value **argv, const char *name)
{
    mpz_t third;

    if (bq_any_null(ctx, argc, argv))
        return false;
    *c = (call){.ctx = ctx, .name = name};
    c->kind = bq_arg_slice(argv[0]).len == BQ_BIGNUMERIC_SIZE ? BQ_BIGNUMERIC : BQ_NUMERIC;
    mpz_inits(c->one, c->x, c->y, c->r, c->ln2, third, NULL);
    bq_decimal_pow10(c->one, DIGITS);
    mpz_tdiv_q_ui(third, c->one, 3);
    twice_atanh(c, c->ln2, third);
    mpz_clear(third);
    read_number(c, argv[0], c->x);
    if (argc > 1)
        read_number(c, argv[1], c->y);
    return true;
}

static void fail(call *c, const char *what)
{
    if (!c->failed)
        bq_result_error(c->ctx, "%s: %s", what, c->name);
    c->failed = true;
}

/* Rounds the result to the type. */
static void finish(call *c)
{
    unsigned char bytes[BQ_BIGNUMERIC_SIZE];
    const bq_decimal_spec *spec = bq_decimal_spec_of(c->kind);
    mpz_t power;

    mpz_init(power);
    bq_decimal_pow10(power, (unsigned)(DIGITS - spec->scale));
    bq_decimal_div_round(c->r, c->r, power);
    if (!c->failed && !bq_decimal_encode(c->kind, c->r, bytes))
        fail(c, c->kind == BQ_NUMERIC ? "numeric overflow" : "bignumeric overflow");
    if (!c->failed)
        bq_result_blob(c->ctx, (bw_slice){(char *)bytes, spec->size});
    mpz_clears(power, c->one, c->x, c->y, c->r, c->ln2, NULL);
}

static void call_sqrt(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    call c;

    if (!begin(&c, ctx, argc, argv, "SQRT"))
        return;
    if (mpz_sgn(c.x) < 0) {
        fail(&c, "Argument must not be negative");
    } else {
        mpz_mul(c.r, c.x, c.one);
        mpz_sqrt(c.r, c.r);
    }
    finish(&c);
}

static void call_ln(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    call c;

    if (!begin(&c, ctx, argc, argv, "LN"))
        return;
    if (mpz_sgn(c.x) <= 0)
        fail(&c, "Argument must be positive");
    else
        natural_log(&c, c.r, c.x);
    finish(&c);
}

/* ln x / ln y */
static void quotient_of_logs(call *c)
{
    mpz_t base;

    mpz_init(base);
    if (mpz_sgn(c->x) <= 0 || mpz_sgn(c->y) <= 0 || mpz_cmp(c->y, c->one) == 0) {
        fail(c, "Arguments must be positive, and the base not 1");
    } else {
        natural_log(c, c->r, c->x);
        natural_log(c, base, c->y);
        mpz_mul(c->r, c->r, c->one);
        mpz_tdiv_q(c->r, c->r, base);
    }
    mpz_clear(base);
}

static void call_log(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    call c;

    if (!begin(&c, ctx, argc, argv, "LOG"))
        return;
    quotient_of_logs(&c);
    finish(&c);
}

static void call_log10(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    call c;

    if (!begin(&c, ctx, argc, argv, "LOG10"))
        return;
    mpz_mul_ui(c.y, c.one, 10);
    quotient_of_logs(&c);
    finish(&c);
}

static void call_exp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    call c;

    if (!begin(&c, ctx, argc, argv, "EXP"))
        return;
    if (!exponential(&c, c.r, c.x))
        fail(&c, "numeric overflow");
    finish(&c);
}

/* x^n or x^-n multiplied out: exact before the rounding. */
static void whole_power(call *c, unsigned long n, bool inverse)
{
    const bq_decimal_spec *spec = bq_decimal_spec_of(c->kind);
    mpz_t down, x, scale;

    mpz_inits(down, x, scale, NULL);
    bq_decimal_pow10(down, (unsigned)(DIGITS - spec->scale));
    bq_decimal_pow10(scale, (unsigned)spec->scale);
    mpz_divexact(x, c->x, down);
    mpz_pow_ui(x, x, n);
    mpz_pow_ui(scale, scale, n);
    mpz_mul(c->r, c->one, inverse ? scale : x);
    mpz_tdiv_q(c->r, c->r, inverse ? x : scale);
    mpz_clears(down, x, scale, NULL);
}

static void power(call *c)
{
    mpz_t n;

    mpz_init(n);
    bool whole = mpz_divisible_p(c->y, c->one) != 0;
    mpz_tdiv_q(n, c->y, c->one);
    bool odd = mpz_odd_p(n) != 0, inverse = mpz_sgn(n) < 0;
    mpz_abs(n, n);
    if (mpz_sgn(c->x) == 0 && mpz_sgn(c->y) < 0) {
        fail(c, "division by zero");
    } else if (whole && mpz_cmp_ui(n, MAX_EXPONENT) <= 0) {
        whole_power(c, mpz_get_ui(n), inverse);
    } else if (mpz_sgn(c->x) < 0 && !whole) {
        fail(c, "Negative numbers have no powers with a fraction");
    } else if (mpz_sgn(c->x) == 0) {
        mpz_set_ui(c->r, 0);
    } else {
        bool negative = mpz_sgn(c->x) < 0 && odd;
        mpz_abs(c->x, c->x);
        natural_log(c, n, c->x);
        mpz_mul(n, n, c->y);
        mpz_tdiv_q(n, n, c->one);
        if (!exponential(c, c->r, n))
            fail(c, "numeric overflow");
        if (negative)
            mpz_neg(c->r, c->r);
    }
    mpz_clear(n);
}

static void call_pow(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    call c;

    if (!begin(&c, ctx, argc, argv, "POW"))
        return;
    power(&c);
    finish(&c);
}

const bq_function bq_decimal_math_functions[] = {
    {"bq_dsqrt", 1, call_sqrt, false}, {"bq_dln", 1, call_ln, false},
    {"bq_dlog", 2, call_log, false},   {"bq_dlog10", 1, call_log10, false},
    {"bq_dexp", 1, call_exp, false},   {"bq_dpow", 2, call_pow, false},
};

const size_t bq_decimal_math_function_count = BW_COUNT(bq_decimal_math_functions);
