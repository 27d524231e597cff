/*
 * Aggregates that serve in windows and keep the rows of the frame: rows leave a frame in the order in
 * which they came. What is computed from all of them is kept until a row comes or goes.
 */
#include <math.h>
#include <stdlib.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

typedef struct frame {
    sqlite3_value **items;
    size_t first, end, cap;
    sqlite3_value **sorted; /* the same values in order; NULL: not known */
} frame;

static void forget_order(frame *f)
{
    free(f->sorted);
    f->sorted = NULL;
}

static void frame_free(frame *f)
{
    if (!f)
        return;
    for (size_t i = f->first; i < f->end; i++)
        sqlite3_value_free(f->items[i]);
    free(f->items);
    forget_order(f);
    *f = (frame){0};
}

/* NULLs are not kept. */
static void step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    frame *f = sqlite3_aggregate_context(ctx, sizeof *f);

    (void)argc;
    if (!f || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    sqlite3_value *copy = sqlite3_value_dup(argv[0]);
    if (!copy) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    BW_GROW(f->items, f->end + 1, f->cap);
    f->items[f->end++] = copy;
    forget_order(f);
}

static void inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    frame *f = sqlite3_aggregate_context(ctx, sizeof *f);

    (void)argc;
    if (!f || sqlite3_value_type(argv[0]) == SQLITE_NULL || f->first == f->end)
        return;
    sqlite3_value_free(f->items[f->first++]);
    forget_order(f);
}

static int compare(const void *a, const void *b)
{
    bq_value x = bq_arg(*(sqlite3_value *const *)a), y = bq_arg(*(sqlite3_value *const *)b);

    return bq_value_compare(&x, &y);
}

static void sort(frame *f)
{
    size_t count = f->end - f->first;

    if (f->sorted || count == 0)
        return;
    f->sorted = bw_xcalloc(count, sizeof *f->sorted);
    memcpy(f->sorted, f->items + f->first, count * sizeof *f->sorted);
    qsort(f->sorted, count, sizeof *f->sorted, compare);
}

#define FINAL(name)                                    \
    static void name##_final(sqlite3_context *ctx)     \
    {                                                  \
        name##_value(ctx);                             \
        frame_free(sqlite3_aggregate_context(ctx, 0)); \
    }

/* ---- FIRST_VALUE, LAST_VALUE, NTH_VALUE with IGNORE NULLS --------------------------------------- */

static void result_at(sqlite3_context *ctx, const frame *f, size_t at)
{
    if (f && at >= f->first && at < f->end)
        sqlite3_result_value(ctx, f->items[at]);
}

static void first_value(sqlite3_context *ctx)
{
    const frame *f = sqlite3_aggregate_context(ctx, 0);

    result_at(ctx, f, f ? f->first : 0);
}
FINAL(first)

static void last_value(sqlite3_context *ctx)
{
    const frame *f = sqlite3_aggregate_context(ctx, 0);

    result_at(ctx, f, f && f->end > 0 ? f->end - 1 : 0);
}
FINAL(last)

/* ---- COUNT(DISTINCT) ---------------------------------------------------------------------------- */

static void distinct_value(sqlite3_context *ctx)
{
    frame *f = sqlite3_aggregate_context(ctx, 0);
    int64_t count = 0;

    if (f)
        sort(f);
    for (size_t i = 0; f && i < f->end - f->first; i++)
        count += i == 0 || compare(&f->sorted[i - 1], &f->sorted[i]) != 0;
    sqlite3_result_int64(ctx, count);
}
FINAL(distinct)

/* ---- PERCENTILE_CONT and PERCENTILE_DISC -------------------------------------------------------- */

/* PERCENTILE_*: the frame comes first, so that step() and inverse() serve it too. */
typedef struct share {
    frame values;
    double p;
} share;

static void share_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    share *s = sqlite3_aggregate_context(ctx, sizeof *s);

    if (!s)
        return;
    s->p = bq_float_decode(sqlite3_value_int64(argv[1]));
    if (!(s->p >= 0 && s->p <= 1))
        bq_result_error(ctx,
                        "The second argument of PERCENTILE_CONT and PERCENTILE_DISC must be in "
                        "range [0, 1]");
    else
        step(ctx, argc, argv);
}

/* The value between its two neighbours in order, FLOAT64. */
static void cont_value(sqlite3_context *ctx)
{
    share *s = sqlite3_aggregate_context(ctx, 0);
    size_t count = s ? s->values.end - s->values.first : 0;

    if (count == 0)
        return;
    sort(&s->values);
    double at = s->p * (double)(count - 1), below = floor(at);
    size_t i = (size_t)below, j = i + 1 < count ? i + 1 : i;
    double low = bq_float_decode(sqlite3_value_int64(s->values.sorted[i]));
    double high = bq_float_decode(sqlite3_value_int64(s->values.sorted[j]));
    double r = at == below || low == high ? low : low * (1 - (at - below)) + high * (at - below);
    sqlite3_result_int64(ctx, bq_float_encode(r));
}

/* The first value whose share of the rows up to it is enough. */
static void disc_value(sqlite3_context *ctx)
{
    share *s = sqlite3_aggregate_context(ctx, 0);
    size_t count = s ? s->values.end - s->values.first : 0;

    if (count == 0)
        return;
    sort(&s->values);
    double wanted = ceil(s->p * (double)count);
    size_t i = wanted < 1 ? 0 : (size_t)wanted - 1;
    sqlite3_result_value(ctx, s->values.sorted[i < count ? i : count - 1]);
}
FINAL(cont)
FINAL(disc)

/* ---- NTH_VALUE ---------------------------------------------------------------------------------- */

typedef struct nth {
    frame values;
    int64_t n;
} nth;

static void nth_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    nth *s = sqlite3_aggregate_context(ctx, sizeof *s);

    if (!s)
        return;
    s->n = sqlite3_value_int64(argv[1]);
    if (s->n < 1)
        bq_result_error(ctx, "The second argument of NTH_VALUE must be positive");
    else
        step(ctx, argc, argv);
}

static void nth_value(sqlite3_context *ctx)
{
    const nth *s = sqlite3_aggregate_context(ctx, 0);

    if (s && (uint64_t)s->n <= s->values.end - s->values.first)
        result_at(ctx, &s->values, s->values.first + (size_t)s->n - 1);
}
FINAL(nth)

/* ---- MIN and MAX of FLOAT64 --------------------------------------------------------------------- */

/* Candidates only: a value that a later one beats can never be the extreme again. */
typedef struct extremes {
    double *best;
    uint64_t *born;
    size_t first, end, cap, born_cap;
    uint64_t came, gone; /* rows, not counting NULLs */
    int64_t nans;
} extremes;

static bool beats(double a, double b, bool least)
{
    return least ? a < b : a > b;
}

static void extreme_step(sqlite3_context *ctx, sqlite3_value **argv, bool least)
{
    extremes *e = sqlite3_aggregate_context(ctx, sizeof *e);

    if (!e || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    double d = bq_float_decode(sqlite3_value_int64(argv[0]));
    e->came++;
    if (isnan(d)) {
        e->nans++;
        return;
    }
    while (e->end > e->first && beats(d, e->best[e->end - 1], least))
        e->end--;
    if (e->first == e->end)
        e->first = e->end = 0;
    BW_GROW(e->best, e->end + 1, e->cap);
    BW_GROW(e->born, e->end + 1, e->born_cap);
    e->best[e->end] = d;
    e->born[e->end++] = e->came;
}

static void extreme_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    extremes *e = sqlite3_aggregate_context(ctx, sizeof *e);

    (void)argc;
    if (!e || sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    e->gone++;
    if (isnan(bq_float_decode(sqlite3_value_int64(argv[0]))))
        e->nans--;
    else if (e->first < e->end && e->born[e->first] <= e->gone)
        e->first++;
}

static void min_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    extreme_step(ctx, argv, true);
}

static void max_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    extreme_step(ctx, argv, false);
}

static void extreme_value(sqlite3_context *ctx)
{
    const extremes *e = sqlite3_aggregate_context(ctx, 0);

    if (e && e->nans > 0)
        sqlite3_result_int64(ctx, bq_float_encode(NAN));
    else if (e && e->first < e->end)
        sqlite3_result_int64(ctx, bq_float_encode(e->best[e->first]));
}

static void extreme_final(sqlite3_context *ctx)
{
    extremes *e = sqlite3_aggregate_context(ctx, 0);

    extreme_value(ctx);
    if (e) {
        free(e->best);
        free(e->born);
        *e = (extremes){0};
    }
}

const bq_aggregate bq_window_aggregates[] = {
    {"bq_first_set", 1, step, first_final, first_value, inverse},
    {"bq_last_set", 1, step, last_final, last_value, inverse},
    {"bq_nth_set", 2, nth_step, nth_final, nth_value, inverse},
    {"bq_count_distinct", 1, step, distinct_final, distinct_value, inverse},
    {"bq_percentile_cont", 2, share_step, cont_final, cont_value, inverse},
    {"bq_percentile_disc", 2, share_step, disc_final, disc_value, inverse},
    {"bq_min_float", 1, min_step, extreme_final, extreme_value, extreme_inverse},
    {"bq_max_float", 1, max_step, extreme_final, extreme_value, extreme_inverse},
};

const size_t bq_window_aggregate_count = BW_COUNT(bq_window_aggregates);
