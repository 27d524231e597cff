/*
 * DATE_BUCKET, DATETIME_BUCKET and TIMESTAMP_BUCKET: the start of the bucket that holds a time. Buckets
 * lie one after another from the origin, in both directions.
 */
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/fn_time.h"

/* 1950-01-01 00:00:00 */
#define ORIGIN_US (INT64_C(-631152000) * BQ_US_PER_SECOND)

/* The last bucket that begins at or before the time. Months are not all as long. */
static bool month_bucket(const bq_part *part, int64_t width, int64_t origin, int64_t us,
                         int64_t *out)
{
    bq_civil at = bq_civil_of(us), from = bq_civil_of(origin);
    int64_t months = (at.year - from.year) * 12 + (int64_t)at.month - (int64_t)from.month;
    int64_t bucket = bq_floor_div(months, part->months * width);

    if (!bq_part_add(part, origin, bucket * width, out))
        return false;
    return *out <= us || bq_part_add(part, origin, (bucket - 1) * width, out);
}

/* (time, width, part [, origin]) */
static void bucket(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t unit,
                   const char *what)
{
    int64_t width, step, out;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = bq_arg_part(ctx, argv[2]);
    if (!part)
        return;
    int64_t us = sqlite3_value_int64(argv[0]) * unit;
    int64_t origin = argc > 3 ? sqlite3_value_int64(argv[3]) * unit : ORIGIN_US;
    width = sqlite3_value_int64(argv[1]);
    if (width <= 0) {
        bq_result_error(ctx, "%s_BUCKET doesn't support zero or negative bucket width INTERVAL",
                        what);
        return;
    }
    bool fits = width < 1000000000;
    if (part->months > 0)
        fits = fits && month_bucket(part, width, origin, us, &out);
    else if (part->us == 0 || part->us % unit != 0)
        fits = false;
    else if (!__builtin_mul_overflow(width, part->us, &step))
        out = origin + bq_floor_div(us - origin, step) * step;
    else
        fits = false;
    if (!fits || out < BQ_TIMESTAMP_MIN || out > BQ_TIMESTAMP_MAX)
        bq_result_error(ctx, "%s_BUCKET: the bucket of INTERVAL %lld %s is out of range", what,
                        (long long)width, part->name);
    else
        sqlite3_result_int64(ctx, bq_floor_div(out, unit));
}

static void date_bucket(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bucket(ctx, argc, argv, BQ_US_PER_DAY, "DATE");
}

static void datetime_bucket(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bucket(ctx, argc, argv, 1, "DATETIME");
}

static void timestamp_bucket(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bucket(ctx, argc, argv, 1, "TIMESTAMP");
}

const bq_function bq_bucket_functions[] = {
    {"bq_date_bucket", -1, date_bucket, false},
    {"bq_datetime_bucket", -1, datetime_bucket, false},
    {"bq_timestamp_bucket", -1, timestamp_bucket, false},
};

const size_t bq_bucket_function_count = BW_COUNT(bq_bucket_functions);
