/*
 * Date and time functions: construction, arithmetic, truncation, EXTRACT, intervals.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/fn_time.h"

static const bq_part *arg_part(sqlite3_context *ctx, sqlite3_value *v)
{
    bw_slice name = bq_arg_slice(v);
    const bq_part *part = bq_part_find(name);

    if (!part)
        bq_result_error(ctx, "Unsupported date part %.*s", BW_SLICE_ARG(name));
    return part;
}

/* The zone in an optional argument: its offset at the time. False: the error is set. */
static bool arg_zone(sqlite3_context *ctx, int argc, sqlite3_value **argv, int at, int64_t us,
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
    if (!arg_zone(ctx, argc, argv, 1, *local, false, &offset))
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

    if (arg_zone(ctx, argc, argv, 1, local, true, &offset))
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
        if (arg_zone(ctx, argc, argv, 1, us, true, &offset))
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

/* ---- Adding ------------------------------------------------------------------------------------ */

typedef enum moving { MOVE_DATE, MOVE_DATETIME, MOVE_TIMESTAMP, MOVE_TIME } moving;

static const char *const moving_names[] = {"date", "datetime", "timestamp", "time"};

static bool part_allowed(sqlite3_context *ctx, const bq_part *part, moving what)
{
    bool fine = part->us > 0 && part->us <= BQ_US_PER_DAY;
    bool ok = what == MOVE_DATE        ? part->us == 0 || part->us >= BQ_US_PER_DAY
              : what == MOVE_TIMESTAMP ? fine
              : what == MOVE_TIME      ? fine && part->us < BQ_US_PER_DAY
                                       : true;
    if (!ok)
        bq_result_error(ctx, "%s is not a valid date part for a %s", part->name,
                        moving_names[what]);
    return ok;
}

static void move(sqlite3_context *ctx, int argc, sqlite3_value **argv, moving what, bool add)
{
    int64_t us, n;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = arg_part(ctx, argv[2]);
    if (!part || !part_allowed(ctx, part, what))
        return;
    int64_t v = sqlite3_value_int64(argv[0]);
    if (what == MOVE_DATE)
        v *= BQ_US_PER_DAY;
    bool ok = add || sqlite3_value_int64(argv[1]) != INT64_MIN;
    n = ok ? (add ? 1 : -1) * sqlite3_value_int64(argv[1]) : 0;
    if (what == MOVE_TIME) {
        /* Around the clock. */
        int64_t whole = n % (BQ_US_PER_DAY / part->us) * part->us;
        us = ((v + whole) % BQ_US_PER_DAY + BQ_US_PER_DAY) % BQ_US_PER_DAY;
    } else if (!ok || !bq_part_add(part, v, n, &us)) {
        bq_result_error(ctx, "Adding %lld %s to %s causes overflow", (long long)n, part->name,
                        moving_names[what]);
        return;
    }
    sqlite3_result_int64(ctx, what == MOVE_DATE ? bq_floor_div(us, BQ_US_PER_DAY) : us);
}

#define MOVES(name, what)                                                        \
    static void name##_add(sqlite3_context *ctx, int argc, sqlite3_value **argv) \
    {                                                                            \
        move(ctx, argc, argv, what, true);                                       \
    }                                                                            \
    static void name##_sub(sqlite3_context *ctx, int argc, sqlite3_value **argv) \
    {                                                                            \
        move(ctx, argc, argv, what, false);                                      \
    }
MOVES(date, MOVE_DATE)
MOVES(datetime, MOVE_DATETIME)
MOVES(timestamp, MOVE_TIMESTAMP)
MOVES(time, MOVE_TIME)

/* ---- Differences and truncation ---------------------------------------------------------------- */

static void difference(sqlite3_context *ctx, int argc, sqlite3_value **argv, moving what)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = arg_part(ctx, argv[2]);
    if (!part || !part_allowed(ctx, part, what))
        return;
    int64_t unit = what == MOVE_DATE ? BQ_US_PER_DAY : 1;
    int64_t a = sqlite3_value_int64(argv[0]) * unit, b = sqlite3_value_int64(argv[1]) * unit;
    /* TIMESTAMP_DIFF counts whole parts, the others boundaries. */
    sqlite3_result_int64(ctx,
                         what == MOVE_TIMESTAMP ? (a - b) / part->us : bq_part_diff(part, a, b));
}

static void date_diff(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    difference(ctx, argc, argv, MOVE_DATE);
}

static void datetime_diff(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    difference(ctx, argc, argv, MOVE_DATETIME);
}

static void timestamp_diff(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    difference(ctx, argc, argv, MOVE_TIMESTAMP);
}

static void time_diff(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    difference(ctx, argc, argv, MOVE_TIME);
}

static void truncate(sqlite3_context *ctx, int argc, sqlite3_value **argv, moving what)
{
    int64_t offset;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = arg_part(ctx, argv[1]);
    if (!part)
        return;
    bool short_part = part->us > 0 && part->us < BQ_US_PER_DAY;
    if ((what == MOVE_DATE && short_part) || (what == MOVE_TIME && !short_part)) {
        bq_result_error(ctx, "%s is not a valid date part for a %s", part->name,
                        moving_names[what]);
        return;
    }
    int64_t v = sqlite3_value_int64(argv[0]);
    if (!arg_zone(ctx, argc, argv, 2, v, false, &offset))
        return;
    int64_t r = bq_part_trunc(part, what == MOVE_DATE ? v * BQ_US_PER_DAY : v + offset);
    if (what == MOVE_DATE)
        sqlite3_result_int64(ctx, bq_floor_div(r, BQ_US_PER_DAY));
    else if (arg_zone(ctx, argc, argv, 2, r, true, &offset))
        sqlite3_result_int64(ctx, r - offset);
}

static void date_trunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    truncate(ctx, argc, argv, MOVE_DATE);
}

static void datetime_trunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    truncate(ctx, argc, argv, MOVE_DATETIME);
}

static void timestamp_trunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    truncate(ctx, argc, argv, MOVE_TIMESTAMP);
}

static void time_trunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    truncate(ctx, argc, argv, MOVE_TIME);
}

static void last_day(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int64_t next;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = argc > 1 ? arg_part(ctx, argv[1]) : bq_part_find(BW_SLICE_LIT("MONTH"));
    if (!part)
        return;
    int64_t start = bq_part_trunc(part, sqlite3_value_int64(argv[0]) * BQ_US_PER_DAY);
    if (bq_part_add(part, start, 1, &next))
        sqlite3_result_int64(ctx, bq_floor_div(next, BQ_US_PER_DAY) - 1);
    else
        sqlite3_result_int64(ctx, BQ_DATE_MAX);
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
        {"WEEK", (days - first + bq_iso_weekday(first) % 7) / 7},
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
    return false;
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
        if (!arg_zone(ctx, argc, argv, 3, v, false, &offset))
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
    const bq_part *part = arg_part(ctx, argv[1]);
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

static void generate_date_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = argc > 3 ? arg_part(ctx, argv[3]) : bq_part_find(BW_SLICE_LIT("DAY"));
    int64_t step = argc > 2 ? sqlite3_value_int64(argv[2]) : 1;
    int64_t from = sqlite3_value_int64(argv[0]) * BQ_US_PER_DAY;
    int64_t to = sqlite3_value_int64(argv[1]) * BQ_US_PER_DAY;
    if (!part)
        return;
    if (step == 0 || (part->us > 0 && part->us < BQ_US_PER_DAY)) {
        bq_result_error(ctx, "Sequence step cannot be 0, and must be a date part of days or more");
        return;
    }
    bq_tuple_begin(&out, 0);
    for (int64_t v = from; step > 0 ? v <= to : v >= to;) {
        bq_value item = bq_int(bq_floor_div(v, BQ_US_PER_DAY));
        bq_tuple_add(&out, &item);
        count++;
        if (!bq_part_add(part, from, step * (int64_t)count, &v))
            break;
    }
    bq_tuple_set_count(&out, 0, count);
    bq_result_blob(ctx, bw_buf_slice(&out));
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
    {"bq_date_add", 3, date_add, false},
    {"bq_date_sub", 3, date_sub, false},
    {"bq_datetime_add", 3, datetime_add, false},
    {"bq_datetime_sub", 3, datetime_sub, false},
    {"bq_timestamp_add", 3, timestamp_add, false},
    {"bq_timestamp_sub", 3, timestamp_sub, false},
    {"bq_time_add", 3, time_add, false},
    {"bq_time_sub", 3, time_sub, false},
    {"bq_date_diff", 3, date_diff, false},
    {"bq_datetime_diff", 3, datetime_diff, false},
    {"bq_timestamp_diff", 3, timestamp_diff, false},
    {"bq_time_diff", 3, time_diff, false},
    {"bq_date_trunc", 2, date_trunc, false},
    {"bq_datetime_trunc", 2, datetime_trunc, false},
    {"bq_timestamp_trunc", -1, timestamp_trunc, false},
    {"bq_time_trunc", 2, time_trunc, false},
    {"bq_last_day", -1, last_day, false},
    {"bq_unix_seconds", 1, unix_seconds, false},
    {"bq_unix_millis", 1, unix_millis, false},
    {"bq_timestamp_seconds", 1, timestamp_seconds, false},
    {"bq_timestamp_millis", 1, timestamp_millis, false},
    {"bq_timestamp_micros", 1, timestamp_micros, false},
    {"bq_date_from_unix", 1, date_from_unix, false},
    {"bq_extract", 4, extract, false},
    {"bq_make_interval", 2, make_interval, false},
    {"bq_interval_negate", 1, interval_negate, false},
    {"bq_add_interval", 4, add_interval, false},
    {"bq_time_difference", 3, time_difference, false},
    {"bq_generate_date_array", -1, generate_date_array, false},
};

const size_t bq_time_function_count = BW_COUNT(bq_time_functions);
