/*
 * EXTRACT, and intervals.
 */
#include "backend/sandbox/fn_time.h"

/* ---- EXTRACT ----------------------------------------------------------------------------------- */

/* The parts that no length describes. */
static bool extract_named(bw_slice name, int64_t local, int64_t *out)
{
    int64_t days = bq_floor_div(local, BQ_US_PER_DAY), first = 0, year, week;
    bq_civil c = bq_civil_of(local);

    bq_days_of(c.year, 1, 1, &first);
    bq_iso_week(days, &year, &week);
    const struct {
        const char *name;
        int64_t value;
    } values[] = {
        {"DATE", days},
        {"TIME", c.us_of_day},
        {"DATETIME", local},
        {"YEAR", c.year},
        {"QUARTER", ((int64_t)c.month - 1) / 3 + 1},
        {"MONTH", c.month},
        {"DAY", c.day},
        {"DAYOFWEEK", bq_iso_weekday(days) % 7 + 1},
        {"DAYOFYEAR", days - first + 1},
        {"ISOYEAR", year},
        {"ISOWEEK", week},
        {"HOUR", c.us_of_day / (3600 * BQ_US_PER_SECOND)},
        {"MINUTE", c.us_of_day / (60 * BQ_US_PER_SECOND) % 60},
        {"SECOND", c.us_of_day / BQ_US_PER_SECOND % 60},
        {"MILLISECOND", c.us_of_day / 1000 % 1000},
        {"MICROSECOND", c.us_of_day % BQ_US_PER_SECOND},
    };
    for (size_t i = 0; i < BW_COUNT(values); i++) {
        if (bw_slice_is(name, values[i].name)) {
            *out = values[i].value;
            return true;
        }
    }
    /* WEEK, WEEK(MONDAY): the days before the first week's first day are in week 0. */
    const bq_part *part = bq_part_find(name);
    if (!part || part->week_start == 0)
        return false;
    *out = (days - first + 7 - (bq_iso_weekday(days) - part->week_start + 7) % 7) / 7;
    return true;
}

static bool extract_interval(bw_slice name, const bq_interval *v, int64_t *out)
{
    const struct {
        const char *name;
        int64_t value;
    } values[] = {
        {"YEAR", v->months / 12},
        {"MONTH", v->months % 12},
        {"DAY", v->days},
        {"HOUR", v->us / (3600 * BQ_US_PER_SECOND)},
        {"MINUTE", v->us / (60 * BQ_US_PER_SECOND) % 60},
        {"SECOND", v->us / BQ_US_PER_SECOND % 60},
        {"MILLISECOND", v->us / 1000 % 1000},
        {"MICROSECOND", v->us % BQ_US_PER_SECOND},
    };
    for (size_t i = 0; i < BW_COUNT(values); i++) {
        if (bw_slice_is(name, values[i].name)) {
            *out = values[i].value;
            return true;
        }
    }
    return false;
}

/* (part, value, kind, zone) */
static void extract(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_slice name = bq_arg_slice(argv[0]);
    int64_t r, offset;
    bq_interval iv;
    bool ok;

    if (bq_any_null(ctx, 2, argv))
        return;
    bq_kind kind = (bq_kind)sqlite3_value_int(argv[2]);
    if (kind == BQ_INTERVAL) {
        ok = bq_interval_decode(bq_arg_slice(argv[1]), &iv) && extract_interval(name, &iv, &r);
    } else {
        int64_t v = sqlite3_value_int64(argv[1]);
        if (!bq_arg_zone(ctx, argc, argv, 3, v, false, &offset))
            return;
        const bq_part *part = bq_part_find(name);
        bool clock =
            (part && part->us > 0 && part->us < BQ_US_PER_DAY) || bw_slice_is(name, "TIME");
        bool fits = kind == BQ_DATE ? !clock : kind == BQ_TIME ? clock : true;
        ok = fits && extract_named(name, kind == BQ_DATE ? v * BQ_US_PER_DAY : v + offset, &r);
    }
    if (ok)
        sqlite3_result_int64(ctx, r);
    else
        bq_result_error(ctx, "EXTRACT from %s does not support the %.*s date part",
                        bq_kind_sql(kind), BW_SLICE_ARG(name));
}

/* ---- Intervals --------------------------------------------------------------------------------- */

static void result_interval(sqlite3_context *ctx, const bq_interval *v)
{
    unsigned char bytes[24];

    if (!bq_interval_valid(v)) {
        bq_result_error(ctx, "Interval value is out of range");
        return;
    }
    bq_interval_encode(v, bytes);
    bq_result_blob(ctx, (bw_slice){(char *)bytes, sizeof(bytes)});
}

static void make_interval(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval v = {0, 0, 0};

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = bq_arg_part(ctx, argv[1]);
    int64_t n = sqlite3_value_int64(argv[0]);
    bool ok = true;
    if (!part)
        return;
    if (part->months > 0)
        ok = !__builtin_mul_overflow(n, part->months, &v.months);
    else if (part->us >= BQ_US_PER_DAY)
        ok = !__builtin_mul_overflow(n, part->us / BQ_US_PER_DAY, &v.days);
    else
        ok = !__builtin_mul_overflow(n, part->us, &v.us);
    if (ok)
        result_interval(ctx, &v);
    else
        bq_result_error(ctx, "Interval value is out of range");
}

/* MAKE_INTERVAL: (year, month, day, hour, minute, second) */
static void interval_of(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    static const int64_t seconds[] = {3600, 60, 1};
    bq_interval v = {0, 0, 0};
    int64_t years, part;
    bool ok = true;

    if (bq_any_null(ctx, argc, argv))
        return;
    ok = !__builtin_mul_overflow(sqlite3_value_int64(argv[0]), 12, &years) &&
         !__builtin_add_overflow(years, sqlite3_value_int64(argv[1]), &v.months);
    v.days = sqlite3_value_int64(argv[2]);
    for (int i = 0; ok && i < 3; i++)
        ok = !__builtin_mul_overflow(sqlite3_value_int64(argv[3 + i]),
                                     seconds[i] * BQ_US_PER_SECOND, &part) &&
             !__builtin_add_overflow(v.us, part, &v.us);
    if (ok)
        result_interval(ctx, &v);
    else
        bq_result_error(ctx, "Interval value is out of range");
}

/* (a, b, sign): each part by itself. Valid intervals cannot overflow. */
static void interval_sum(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval a, b;

    if (bq_any_null(ctx, argc, argv) || !bq_interval_decode(bq_arg_slice(argv[0]), &a) ||
        !bq_interval_decode(bq_arg_slice(argv[1]), &b))
        return;
    int64_t sign = sqlite3_value_int64(argv[2]);
    a = (bq_interval){a.months + sign * b.months, a.days + sign * b.days, a.us + sign * b.us};
    result_interval(ctx, &a);
}

static void interval_product(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval v;

    if (bq_any_null(ctx, argc, argv) || !bq_interval_decode(bq_arg_slice(argv[0]), &v))
        return;
    int64_t n = sqlite3_value_int64(argv[1]);
    if (__builtin_mul_overflow(v.months, n, &v.months) ||
        __builtin_mul_overflow(v.days, n, &v.days) || __builtin_mul_overflow(v.us, n, &v.us))
        bq_result_error(ctx, "Interval value is out of range");
    else
        result_interval(ctx, &v);
}

/* What is left of the months goes on as days, what is left of those as time. */
static void interval_quotient(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval v;

    if (bq_any_null(ctx, argc, argv) || !bq_interval_decode(bq_arg_slice(argv[0]), &v))
        return;
    int64_t n = sqlite3_value_int64(argv[1]);
    if (n == 0) {
        bq_result_error(ctx, "division by zero: INTERVAL / 0");
        return;
    }
    /* INT64_MIN / -1 cannot be: valid intervals are smaller. */
    __int128 days = v.days + (__int128)(v.months % n) * 30;
    __int128 us = v.us + days % n * BQ_US_PER_DAY;
    v = (bq_interval){v.months / n, (int64_t)(days / n), (int64_t)(us / n)};
    result_interval(ctx, &v);
}

/* Moves whole units of one part into the next, so that both have one sign. */
static void carry(int64_t *small, int64_t unit, int64_t *large)
{
    *large += *small / unit;
    *small %= unit;
    if (*large > 0 && *small < 0) {
        *small += unit;
        (*large)--;
    } else if (*large < 0 && *small > 0) {
        *small -= unit;
        (*large)++;
    }
}

static void justify(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool hours, bool days)
{
    bq_interval v;

    if (bq_any_null(ctx, argc, argv) || !bq_interval_decode(bq_arg_slice(argv[0]), &v))
        return;
    if (hours)
        carry(&v.us, BQ_US_PER_DAY, &v.days);
    if (days)
        carry(&v.days, 30, &v.months);
    if (hours && days)
        carry(&v.us, BQ_US_PER_DAY, &v.days);
    result_interval(ctx, &v);
}

static void justify_hours(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    justify(ctx, argc, argv, true, false);
}

static void justify_days(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    justify(ctx, argc, argv, false, true);
}

static void justify_interval(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    justify(ctx, argc, argv, true, true);
}

static void interval_negate(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval v;

    if (bq_any_null(ctx, argc, argv) || !bq_interval_decode(bq_arg_slice(argv[0]), &v))
        return;
    v = (bq_interval){-v.months, -v.days, -v.us};
    result_interval(ctx, &v);
}

/* (time, interval, sign, kind) */
static void add_interval(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bq_part *month = bq_part_find(BW_SLICE_LIT("MONTH"));
    const bq_part *day = bq_part_find(BW_SLICE_LIT("DAY"));
    const bq_part *micro = bq_part_find(BW_SLICE_LIT("MICROSECOND"));
    bq_interval v;

    if (bq_any_null(ctx, argc, argv) || !bq_interval_decode(bq_arg_slice(argv[1]), &v))
        return;
    int64_t t = sqlite3_value_int64(argv[0]), sign = sqlite3_value_int64(argv[2]);
    if (v.months != 0 && sqlite3_value_int(argv[3]) == BQ_TIMESTAMP)
        bq_result_error(ctx, "TIMESTAMP +/- INTERVAL is not supported for intervals with non-zero "
                             "MONTH or YEAR part.");
    else if (bq_part_add(month, t, sign * v.months, &t) && bq_part_add(day, t, sign * v.days, &t) &&
             bq_part_add(micro, t, sign * v.us, &t))
        sqlite3_result_int64(ctx, t);
    else
        bq_result_error(ctx, "Adding an interval causes overflow");
}

/* DATE - DATE in days, others in microseconds. */
static void time_difference(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_interval v = {0, 0, 0};

    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t d = sqlite3_value_int64(argv[0]) - sqlite3_value_int64(argv[1]);
    if (sqlite3_value_int(argv[2]))
        v.days = d;
    else
        v.us = d;
    result_interval(ctx, &v);
}

const bq_function bq_interval_functions[] = {
    {"bq_extract", 4, extract, false},
    {"bq_make_interval", 2, make_interval, false},
    {"bq_interval_of", 6, interval_of, false},
    {"bq_interval_sum", 3, interval_sum, false},
    {"bq_interval_product", 2, interval_product, false},
    {"bq_interval_quotient", 2, interval_quotient, false},
    {"bq_justify_hours", 1, justify_hours, false},
    {"bq_justify_days", 1, justify_days, false},
    {"bq_justify_interval", 1, justify_interval, false},
    {"bq_interval_negate", 1, interval_negate, false},
    {"bq_add_interval", 4, add_interval, false},
    {"bq_time_difference", 3, time_difference, false},
};

const size_t bq_interval_function_count = BW_COUNT(bq_interval_functions);
