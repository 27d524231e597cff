/*
 * Aggregates over numbers beyond sums: bits, variance, covariance, and the APPROX_ family, which is
 * exact here.
 */
#include <math.h>
#include <stdlib.h>

#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

/* ---- Bits --------------------------------------------------------------------------------------- */

typedef struct bits {
    int64_t value;
    int64_t any; /* SQLite's memory is zeroed: no row yet */
} bits;

static void bit_step(sqlite3_context *ctx, sqlite3_value *v, char op)
{
    bits *b = sqlite3_aggregate_context(ctx, sizeof *b);

    if (!b || sqlite3_value_type(v) == SQLITE_NULL)
        return;
    int64_t x = sqlite3_value_int64(v);
    b->value = !b->any     ? x
               : op == '&' ? (b->value & x)
               : op == '|' ? (b->value | x)
                           : (b->value ^ x);
    b->any = 1;
}

static void bit_and_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    bit_step(ctx, argv[0], '&');
}

static void bit_or_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    bit_step(ctx, argv[0], '|');
}

static void bit_xor_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    bit_step(ctx, argv[0], '^');
}

static void bit_final(sqlite3_context *ctx)
{
    const bits *b = sqlite3_aggregate_context(ctx, 0);

    if (b && b->any)
        sqlite3_result_int64(ctx, b->value);
}

/* ---- Variance and covariance -------------------------------------------------------------------- */

/* Welford's method, forwards and backwards, for one and two variables. */
typedef struct spread {
    int64_t count;
    double x, y;       /* means */
    double xx, yy, xy; /* sums of products of the deviations */
    int64_t population, deviation;
} spread;

static void spread_add(spread *s, double x, double y)
{
    double dx = x - s->x, dy = y - s->y;

    s->count++;
    s->x += dx / (double)s->count;
    s->y += dy / (double)s->count;
    s->xx += dx * (x - s->x);
    s->yy += dy * (y - s->y);
    s->xy += dx * (y - s->y);
}

static void spread_remove(spread *s, double x, double y)
{
    if (--s->count <= 0) {
        *s = (spread){.population = s->population, .deviation = s->deviation};
        return;
    }
    double dx = x - s->x, dy = y - s->y;
    s->x -= dx / (double)s->count;
    s->y -= dy / (double)s->count;
    s->xx -= dx * (x - s->x);
    s->yy -= dy * (y - s->y);
    s->xy -= dx * (y - s->y);
}

static double arg_double(sqlite3_value *v)
{
    return bq_float_decode(sqlite3_value_int64(v));
}

/* (x, population, deviation) */
static void variance_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    spread *s = sqlite3_aggregate_context(ctx, sizeof *s);

    (void)argc;
    if (!s || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    s->population = sqlite3_value_int(argv[1]);
    s->deviation = sqlite3_value_int(argv[2]);
    spread_add(s, arg_double(argv[0]), 0);
}

static void variance_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    spread *s = sqlite3_aggregate_context(ctx, sizeof *s);

    (void)argc;
    if (s && sqlite3_value_type(argv[0]) != SQLITE_NULL)
        spread_remove(s, arg_double(argv[0]), 0);
}

static void variance_value(sqlite3_context *ctx)
{
    const spread *s = sqlite3_aggregate_context(ctx, 0);
    int64_t n = s ? s->count - !s->population : 0;

    if (n <= 0)
        return;
    double v = s->xx / (double)n;
    v = v < 0 ? 0 : v; /* rows that left may leave a rounding error */
    sqlite3_result_int64(ctx, bq_float_encode(s->deviation ? sqrt(v) : v));
}

/* (y, x, population); only rows with both count */
static void covariance_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    spread *s = sqlite3_aggregate_context(ctx, sizeof *s);

    (void)argc;
    if (!s || sqlite3_value_type(argv[0]) == SQLITE_NULL ||
        sqlite3_value_type(argv[1]) == SQLITE_NULL)
        return;
    s->population = sqlite3_value_int(argv[2]);
    spread_add(s, arg_double(argv[0]), arg_double(argv[1]));
}

static void covariance_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    spread *s = sqlite3_aggregate_context(ctx, sizeof *s);

    (void)argc;
    if (s && sqlite3_value_type(argv[0]) != SQLITE_NULL &&
        sqlite3_value_type(argv[1]) != SQLITE_NULL)
        spread_remove(s, arg_double(argv[0]), arg_double(argv[1]));
}

static void covariance_value(sqlite3_context *ctx)
{
    const spread *s = sqlite3_aggregate_context(ctx, 0);
    int64_t n = s ? s->count - !s->population : 0;

    if (n > 0)
        sqlite3_result_int64(ctx, bq_float_encode(s->xy / (double)n));
}

static void correlation_value(sqlite3_context *ctx)
{
    const spread *s = sqlite3_aggregate_context(ctx, 0);

    if (s && s->count > 1)
        sqlite3_result_int64(ctx, bq_float_encode(s->xy / sqrt(s->xx * s->yy)));
}

/* ---- APPROX_TOP_COUNT and APPROX_TOP_SUM -------------------------------------------------------- */

typedef struct weighed {
    sqlite3_value *value;
    int64_t weight;
    bool known; /* some weight was not NULL */
} weighed;

typedef struct top {
    weighed *items;
    size_t count, cap;
    int64_t wanted;
} top;

/* (value, weight, number wanted); NULL is a value too; the sum of NULLs alone is NULL */
static void top_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    top *t = sqlite3_aggregate_context(ctx, sizeof *t);

    (void)argc;
    if (!t)
        return;
    t->wanted = sqlite3_value_int64(argv[2]);
    sqlite3_value *copy = sqlite3_value_dup(argv[0]);
    if (!copy) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    BW_GROW(t->items, t->count + 1, t->cap);
    t->items[t->count++] =
        (weighed){copy, sqlite3_value_int64(argv[1]), sqlite3_value_type(argv[1]) != SQLITE_NULL};
}

static int by_value(const void *a, const void *b)
{
    bq_value x = bq_arg(((const weighed *)a)->value), y = bq_arg(((const weighed *)b)->value);

    return bq_value_compare(&x, &y);
}

static int by_weight(const void *a, const void *b)
{
    int64_t x = ((const weighed *)a)->weight, y = ((const weighed *)b)->weight;
    bool known = ((const weighed *)a)->known;

    if (known != ((const weighed *)b)->known)
        return known ? -1 : 1;
    return x > y ? -1 : x < y ? 1 : by_value(a, b);
}

/* One item per value, with the sum of its weights, the heaviest first. */
static void add_up(top *t)
{
    size_t kept = 0;

    qsort(t->items, t->count, sizeof *t->items, by_value);
    for (size_t i = 0; i < t->count; i++) {
        if (kept > 0 && by_value(&t->items[kept - 1], &t->items[i]) == 0) {
            if (__builtin_add_overflow(t->items[kept - 1].weight, t->items[i].weight,
                                       &t->items[kept - 1].weight))
                t->items[kept - 1].weight = INT64_MAX;
            t->items[kept - 1].known = t->items[kept - 1].known || t->items[i].known;
            sqlite3_value_free(t->items[i].value);
        } else {
            t->items[kept++] = t->items[i];
        }
    }
    t->count = kept;
    qsort(t->items, t->count, sizeof *t->items, by_weight);
}

static void top_final(sqlite3_context *ctx)
{
    top *t = sqlite3_aggregate_context(ctx, 0);
    bw_buf out = BW_BUF_INIT;

    if (!t || t->count == 0)
        return;
    add_up(t);
    size_t n = t->wanted > 0 && (size_t)t->wanted < t->count ? (size_t)t->wanted : t->count;
    bq_tuple_begin(&out, n);
    for (size_t i = 0; i < n; i++) {
        bw_buf item = BW_BUF_INIT;
        bq_value value = bq_arg(t->items[i].value), weight = bq_int(t->items[i].weight);
        weight = t->items[i].known ? weight : bq_null();
        bq_tuple_begin(&item, 2);
        bq_tuple_add(&item, &value);
        bq_tuple_add(&item, &weight);
        bq_value packed = bq_blob(bw_buf_slice(&item));
        bq_tuple_add(&out, &packed);
        bw_buf_fini(&item);
    }
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
    for (size_t i = 0; i < t->count; i++)
        sqlite3_value_free(t->items[i].value);
    free(t->items);
    *t = (top){0};
}

const bq_aggregate bq_stat_aggregates[] = {
    {"bq_bit_and", 1, bit_and_step, bit_final, NULL, NULL},
    {"bq_bit_or", 1, bit_or_step, bit_final, NULL, NULL},
    {"bq_bit_xor", 1, bit_xor_step, bit_final, NULL, NULL},
    {"bq_variance", 3, variance_step, variance_value, variance_value, variance_inverse},
    {"bq_covariance", 3, covariance_step, covariance_value, covariance_value, covariance_inverse},
    {"bq_correlation", 3, covariance_step, correlation_value, correlation_value,
     covariance_inverse},
    {"bq_top", 3, top_step, top_final, NULL, NULL},
};

const size_t bq_stat_aggregate_count = BW_COUNT(bq_stat_aggregates);
