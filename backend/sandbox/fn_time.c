/*
 * Date and time functions: values from parts, texts, other types and Unix time; and what the files
 * of the time functions share.
 */
#include <stdlib.h>

#include "backend/sandbox/fn_time.h"

const bq_part *bq_arg_part(sqlite3_context *ctx, sqlite3_value *v)
{
    bw_slice name = bq_arg_slice(v);
    const bq_part *part = bq_part_find(name);

    if (!part)
        bq_result_error(ctx, "Unsupported date part %.*s", BW_SLICE_ARG(name));
    return part;
}

bool bq_arg_zone(sqlite3_context *ctx, int argc, sqlite3_value **argv, int at, int64_t us,
                 bool local, int64_t *offset)
{
    *offset = 0;
    if (argc <= at || sqlite3_value_type(argv[at]) == SQLITE_NULL)
        return true;
    bw_slice zone = bq_arg_slice(argv[at]);
    if (bq_zone_offset(zone, us, local, offset))
        return true;
    bq_result_error(ctx, "Invalid time zone: %.*s", BW_SLICE_ARG(zone));
    return false;
}

static void result_timestamp(sqlite3_context *ctx, int64_t us)
{
    if (us < BQ_TIMESTAMP_MIN || us > BQ_TIMESTAMP_MAX)
        bq_result_error(ctx, "Timestamp value is out of allowed range: from 0001-01-01 "
                             "00:00:00.000000+00 to 9999-12-31 23:59:59.999999+00.");
    else
        sqlite3_result_int64(ctx, us);
}

/* ---- Construction ------------------------------------------------------------------------------ */

static void date_of_parts(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t days;

    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t y = sqlite3_value_int64(argv[0]), m = sqlite3_value_int64(argv[1]),
            d = sqlite3_value_int64(argv[2]);
    if (bq_days_of(y, m, d, &days))
        sqlite3_result_int64(ctx, days);
    else
        bq_result_error(ctx, "Input calculates to invalid date: %04lld-%02lld-%02lld", (long long)y,
                        (long long)m, (long long)d);
}

static bool clock_of(sqlite3_value **argv, int64_t *us)
{
    int64_t h = sqlite3_value_int64(argv[0]), m = sqlite3_value_int64(argv[1]),
            s = sqlite3_value_int64(argv[2]);

    *us = ((h * 60 + m) * 60 + s) * BQ_US_PER_SECOND;
    return h >= 0 && h <= 23 && m >= 0 && m <= 59 && s >= 0 && s <= 59;
}

static void time_of_parts(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t us;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (clock_of(argv, &us))
        sqlite3_result_int64(ctx, us);
    else
        bq_result_error(ctx, "Input calculates to invalid time");
}

static void datetime_of_parts(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t days, us;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (bq_days_of(sqlite3_value_int64(argv[0]), sqlite3_value_int64(argv[1]),
                   sqlite3_value_int64(argv[2]), &days) &&
        clock_of(argv + 3, &us))
        sqlite3_result_int64(ctx, days * BQ_US_PER_DAY + us);
    else
        bq_result_error(ctx, "Input calculates to invalid datetime");
}

static bool local_of(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t *local)
{
    int64_t offset;

    if (bq_any_null(ctx, argc, argv))
        return false;
    *local = sqlite3_value_int64(argv[0]);
    if (!bq_arg_zone(ctx, argc, argv, 1, *local, false, &offset))
        return false;
    *local += offset;
    return true;
}

static void date_of_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t local;

    if (local_of(ctx, argc, argv, &local))
        sqlite3_result_int64(ctx, bq_floor_div(local, BQ_US_PER_DAY));
}

static void time_of_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t local;

    if (local_of(ctx, argc, argv, &local))
        sqlite3_result_int64(ctx, local - bq_floor_div(local, BQ_US_PER_DAY) * BQ_US_PER_DAY);
}

static void datetime_of_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t local;

    if (local_of(ctx, argc, argv, &local))
        sqlite3_result_int64(ctx, local);
}

static void datetime_of_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int64(ctx, sqlite3_value_int64(argv[0]) * BQ_US_PER_DAY +
                                      (argc > 1 ? sqlite3_value_int64(argv[1]) : 0));
}

static void result_at_zone(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t local)
{
    int64_t offset;

    if (bq_arg_zone(ctx, argc, argv, 1, local, true, &offset))
        result_timestamp(ctx, local - offset);
}

static void timestamp_of_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_at_zone(ctx, argc, argv, sqlite3_value_int64(argv[0]) * BQ_US_PER_DAY);
}

static void timestamp_of_datetime(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        result_at_zone(ctx, argc, argv, sqlite3_value_int64(argv[0]));
}

static void timestamp_of_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t us, offset;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    if (argc > 1 && bq_datetime_parse(s, &us)) {
        if (bq_arg_zone(ctx, argc, argv, 1, us, true, &offset))
            result_timestamp(ctx, us - offset);
    } else if (argc == 1 && bq_timestamp_parse(s, 0, &us)) {
        sqlite3_result_int64(ctx, us);
    } else {
        bq_result_error(ctx, "Invalid timestamp: '%.*s'", BW_SLICE_ARG(s));
    }
}

static void text_of_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t local, offset;
    bw_buf out = BW_BUF_INIT;

    if (!local_of(ctx, argc, argv, &local))
        return;
    offset = (local - sqlite3_value_int64(argv[0])) / (60 * BQ_US_PER_SECOND);
    bq_datetime_print(local, ' ', &out);
    bw_buf_addf(&out, "%c%02d", offset < 0 ? '-' : '+', (int)(llabs(offset) / 60));
    if (offset % 60 != 0)
        bw_buf_addf(&out, ":%02d", (int)(llabs(offset) % 60));
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void time_of_datetime(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    time_of_timestamp(ctx, argc, argv);
}

static void date_of_datetime(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    date_of_timestamp(ctx, argc, argv);
}

/* ---- Unix time --------------------------------------------------------------------------------- */

static void unix_of(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t unit)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int64(ctx, bq_floor_div(sqlite3_value_int64(argv[0]), unit));
}

static void unix_seconds(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    unix_of(ctx, argc, argv, BQ_US_PER_SECOND);
}

static void unix_millis(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    unix_of(ctx, argc, argv, 1000);
}

static void of_unix(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t unit)
{
    int64_t us;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (__builtin_mul_overflow(sqlite3_value_int64(argv[0]), unit, &us))
        us = INT64_MAX;
    result_timestamp(ctx, us);
}

static void timestamp_seconds(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    of_unix(ctx, argc, argv, BQ_US_PER_SECOND);
}

static void timestamp_millis(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    of_unix(ctx, argc, argv, 1000);
}

static void timestamp_micros(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    of_unix(ctx, argc, argv, 1);
}

static void date_from_unix(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t days = sqlite3_value_int64(argv[0]);
    if (days < BQ_DATE_MIN || days > BQ_DATE_MAX)
        bq_result_error(ctx, "DATE_FROM_UNIX_DATE range is %lld to %lld but saw %lld",
                        (long long)BQ_DATE_MIN, (long long)BQ_DATE_MAX, (long long)days);
    else
        sqlite3_result_int64(ctx, days);
}

const bq_function bq_time_functions[] = {
    {"bq_date_of_parts", 3, date_of_parts, false},
    {"bq_time_of_parts", 3, time_of_parts, false},
    {"bq_datetime_of_parts", 6, datetime_of_parts, false},
    {"bq_date_of_timestamp", -1, date_of_timestamp, false},
    {"bq_date_of_datetime", 1, date_of_datetime, false},
    {"bq_time_of_timestamp", -1, time_of_timestamp, false},
    {"bq_time_of_datetime", 1, time_of_datetime, false},
    {"bq_datetime_of_timestamp", -1, datetime_of_timestamp, false},
    {"bq_datetime_of_date", -1, datetime_of_date, false},
    {"bq_timestamp_of_date", -1, timestamp_of_date, false},
    {"bq_timestamp_of_datetime", -1, timestamp_of_datetime, false},
    {"bq_timestamp_of_text", -1, timestamp_of_text, false},
    {"bq_text_of_timestamp", -1, text_of_timestamp, false},
    {"bq_unix_seconds", 1, unix_seconds, false},
    {"bq_unix_millis", 1, unix_millis, false},
    {"bq_timestamp_seconds", 1, timestamp_seconds, false},
    {"bq_timestamp_millis", 1, timestamp_millis, false},
    {"bq_timestamp_micros", 1, timestamp_micros, false},
    {"bq_date_from_unix", 1, date_from_unix, false},
};

const size_t bq_time_function_count = BW_COUNT(bq_time_functions);
