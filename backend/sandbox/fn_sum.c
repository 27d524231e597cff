/*
 * Sums that are exact, and averages.
 */
#include <math.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"

/* ---- Sums -------------------------------------------------------------------------------------- */

/* 128 bits in halves: SQLite's memory is aligned to 8 bytes only. */
typedef struct int_sum {
    uint64_t low;
    int64_t high;
    int64_t count;
} int_sum;

static __int128 int_total(const int_sum *s)
{
    /* As unsigned numbers: a negative one must not be shifted. */
    return (__int128)((unsigned __int128)(uint64_t)s->high << 64 | s->low);
}

static void int_add(sqlite3_context *ctx, sqlite3_value *v, int sign)
{
    int_sum *s = sqlite3_aggregate_context(ctx, sizeof(*s));

    if (!s || sqlite3_value_type(v) == SQLITE_NULL)
        return;
    __int128 total = int_total(s) + (__int128)sign * sqlite3_value_int64(v);
    s->low = (uint64_t)total;
    s->high = (int64_t)(total >> 64);
    s->count += sign;
}

static void int_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    int_add(ctx, argv[0], 1);
}

static void int_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    int_add(ctx, argv[0], -1);
}

static void int_sum_value(sqlite3_context *ctx)
{
    const int_sum *s = sqlite3_aggregate_context(ctx, 0);

    if (!s || s->count == 0)
        sqlite3_result_null(ctx);
    else if (int_total(s) > INT64_MAX || int_total(s) < INT64_MIN)
        bq_result_error(ctx, "int64 overflow: sum of %lld values", (long long)s->count);
    else
        sqlite3_result_int64(ctx, (int64_t)int_total(s));
}

static void int_avg_value(sqlite3_context *ctx)
{
    const int_sum *s = sqlite3_aggregate_context(ctx, 0);

    if (!s || s->count == 0)
        sqlite3_result_null(ctx);
    else
        sqlite3_result_int64(ctx, bq_float_encode((double)int_total(s) / (double)s->count));
}

typedef struct decimal_sum {
    bool open;
    bq_kind kind;
    mpz_t total;
    int64_t count;
} decimal_sum;

static void decimal_add(sqlite3_context *ctx, sqlite3_value *v, bool add)
{
    decimal_sum *s = sqlite3_aggregate_context(ctx, sizeof(*s));
    mpz_t scaled;

    if (!s || sqlite3_value_type(v) == SQLITE_NULL)
        return;
    bw_slice blob = bq_arg_slice(v);
    if (!s->open) {
        s->open = true;
        s->kind = blob.len == BQ_BIGNUMERIC_SIZE ? BQ_BIGNUMERIC : BQ_NUMERIC;
        mpz_init(s->total);
    }
    mpz_init(scaled);
    bq_decimal_decode(s->kind, blob, scaled);
    if (add)
        mpz_add(s->total, s->total, scaled);
    else
        mpz_sub(s->total, s->total, scaled);
    s->count += add ? 1 : -1;
    mpz_clear(scaled);
}

static void decimal_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    decimal_add(ctx, argv[0], true);
}

static void decimal_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    decimal_add(ctx, argv[0], false);
}

static void decimal_result(sqlite3_context *ctx, const decimal_sum *s, bool average)
{
    unsigned char bytes[BQ_BIGNUMERIC_SIZE];
    mpz_t r, count;

    if (!s || s->count == 0) {
        sqlite3_result_null(ctx);
        return;
    }
    mpz_init_set(r, s->total);
    mpz_init_set_si(count, s->count);
    if (average)
        bq_decimal_div_round(r, r, count);
    if (bq_decimal_encode(s->kind, r, bytes))
        bq_result_blob(ctx, (bw_slice){(char *)bytes, bq_decimal_spec_of(s->kind)->size});
    else
        bq_result_error(ctx, "%s overflow: sum of %lld values",
                        s->kind == BQ_NUMERIC ? "numeric" : "bignumeric", (long long)s->count);
    mpz_clears(r, count, NULL);
}

static void decimal_close(decimal_sum *s)
{
    if (s && s->open) {
        mpz_clear(s->total);
        s->open = false;
    }
}

static void decimal_sum_value(sqlite3_context *ctx)
{
    decimal_result(ctx, sqlite3_aggregate_context(ctx, 0), false);
}

static void decimal_sum_final(sqlite3_context *ctx)
{
    decimal_sum_value(ctx);
    decimal_close(sqlite3_aggregate_context(ctx, 0));
}

static void decimal_avg_value(sqlite3_context *ctx)
{
    decimal_result(ctx, sqlite3_aggregate_context(ctx, 0), true);
}

static void decimal_avg_final(sqlite3_context *ctx)
{
    decimal_avg_value(ctx);
    decimal_close(sqlite3_aggregate_context(ctx, 0));
}

/* NaN and infinities are counted apart, so that leaving a window takes them out again. The sum is
   compensated (Neumaier): what each addition loses is kept beside it. */
typedef struct float_sum {
    double total, lost;
    int64_t count, nans, ups, downs;
} float_sum;

static void compensated_add(float_sum *s, double d)
{
    double t = s->total + d;

    s->lost += fabs(s->total) >= fabs(d) ? (s->total - t) + d : (d - t) + s->total;
    s->total = t;
}

static void float_add(sqlite3_context *ctx, sqlite3_value *v, int sign)
{
    float_sum *s = sqlite3_aggregate_context(ctx, sizeof(*s));

    if (!s || sqlite3_value_type(v) == SQLITE_NULL)
        return;
    double d = bq_float_decode(sqlite3_value_int64(v));
    s->count += sign;
    if (isnan(d))
        s->nans += sign;
    else if (isinf(d) && d > 0)
        s->ups += sign;
    else if (isinf(d))
        s->downs += sign;
    else
        compensated_add(s, sign * d);
}

static void float_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    float_add(ctx, argv[0], 1);
}

static void float_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    float_add(ctx, argv[0], -1);
}

static void float_result(sqlite3_context *ctx, bool average)
{
    const float_sum *s = sqlite3_aggregate_context(ctx, 0);

    if (!s || s->count == 0) {
        sqlite3_result_null(ctx);
        return;
    }
    double d = isfinite(s->total) ? s->total + s->lost : s->total;
    if (average)
        d /= (double)s->count;
    if (s->nans > 0 || (s->ups > 0 && s->downs > 0))
        d = NAN;
    else if (s->ups > 0 || s->downs > 0)
        d = s->ups > 0 ? INFINITY : -INFINITY;
    else if (isinf(d)) {
        bq_result_error(ctx, "double overflow: sum of %lld values", (long long)s->count);
        return;
    }
    sqlite3_result_int64(ctx, bq_float_encode(d));
}

static void float_sum_value(sqlite3_context *ctx)
{
    float_result(ctx, false);
}

static void float_avg_value(sqlite3_context *ctx)
{
    float_result(ctx, true);
}

const bq_aggregate bq_sum_aggregates[] = {
    {"bq_sum_int", 1, int_step, int_sum_value, int_sum_value, int_inverse},
    {"bq_avg_int", 1, int_step, int_avg_value, int_avg_value, int_inverse},
    {"bq_sum_decimal", 1, decimal_step, decimal_sum_final, decimal_sum_value, decimal_inverse},
    {"bq_avg_decimal", 1, decimal_step, decimal_avg_final, decimal_avg_value, decimal_inverse},
    {"bq_sum_float", 1, float_step, float_sum_value, float_sum_value, float_inverse},
    {"bq_avg_float", 1, float_step, float_avg_value, float_avg_value, float_inverse},
};

const size_t bq_sum_aggregate_count = BW_COUNT(bq_sum_aggregates);
