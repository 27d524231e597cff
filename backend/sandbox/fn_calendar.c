/*
 * *_ADD, *_SUB, *_DIFF, *_TRUNC, LAST_DAY, GENERATE_DATE_ARRAY and
 * GENERATE_TIMESTAMP_ARRAY.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/fn_time.h"

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
    const bq_part *part = bq_arg_part(ctx, argv[2]);
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
    const bq_part *part = bq_arg_part(ctx, argv[2]);
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
    const bq_part *part = bq_arg_part(ctx, argv[1]);
    if (!part)
        return;
    bool short_part = part->us > 0 && part->us < BQ_US_PER_DAY;
    if ((what == MOVE_DATE && short_part) || (what == MOVE_TIME && !short_part)) {
        bq_result_error(ctx, "%s is not a valid date part for a %s", part->name,
                        moving_names[what]);
        return;
    }
    int64_t v = sqlite3_value_int64(argv[0]);
    if (!bq_arg_zone(ctx, argc, argv, 2, v, false, &offset))
        return;
    int64_t r = bq_part_trunc(part, what == MOVE_DATE ? v * BQ_US_PER_DAY : v + offset);
    if (what == MOVE_DATE)
        sqlite3_result_int64(ctx, bq_floor_div(r, BQ_US_PER_DAY));
    else if (bq_arg_zone(ctx, argc, argv, 2, r, true, &offset))
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

static void last_day_of(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t unit)
{
    int64_t next;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part =
        argc > 1 ? bq_arg_part(ctx, argv[1]) : bq_part_find(BW_SLICE_LIT("MONTH"));
    if (!part)
        return;
    int64_t start = bq_part_trunc(part, sqlite3_value_int64(argv[0]) * unit);
    if (bq_part_add(part, start, 1, &next))
        sqlite3_result_int64(ctx, bq_floor_div(next, BQ_US_PER_DAY) - 1);
    else
        sqlite3_result_int64(ctx, BQ_DATE_MAX);
}

static void last_day(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    last_day_of(ctx, argc, argv, BQ_US_PER_DAY);
}

static void last_day_of_datetime(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    last_day_of(ctx, argc, argv, 1);
}

/* ---- Series ------------------------------------------------------------------------------------ */

#define MAX_GENERATED 1048575

/* (from, to [, number, part]) */
static void generate(sqlite3_context *ctx, int argc, sqlite3_value **argv, moving what)
{
    bw_buf out = BW_BUF_INIT;
    int64_t unit = what == MOVE_DATE ? BQ_US_PER_DAY : 1;
    size_t count = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    const bq_part *part = argc > 3 ? bq_arg_part(ctx, argv[3]) : bq_part_find(BW_SLICE_LIT("DAY"));
    int64_t step = argc > 2 ? sqlite3_value_int64(argv[2]) : 1;
    int64_t from = sqlite3_value_int64(argv[0]) * unit, to = sqlite3_value_int64(argv[1]) * unit;
    if (!part || !part_allowed(ctx, part, what))
        return;
    if (step == 0) {
        bq_result_error(ctx, "Sequence step cannot be 0.");
        return;
    }
    bq_tuple_begin(&out, 0);
    for (int64_t v = from; step > 0 ? v <= to : v >= to;) {
        bq_value item = bq_int(bq_floor_div(v, unit));
        int64_t distance;
        bq_tuple_add(&out, &item);
        if (++count > MAX_GENERATED) {
            bq_result_error(ctx, "Cannot generate arrays with more than 1048575 elements.");
            bw_buf_fini(&out);
            return;
        }
        if (__builtin_mul_overflow(step, (int64_t)count, &distance) ||
            !bq_part_add(part, from, distance, &v))
            break;
    }
    bq_tuple_set_count(&out, 0, count);
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void generate_date_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    generate(ctx, argc, argv, MOVE_DATE);
}

static void generate_timestamp_array(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    generate(ctx, argc, argv, MOVE_TIMESTAMP);
}

const bq_function bq_calendar_functions[] = {
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
    {"bq_last_day_of_datetime", -1, last_day_of_datetime, false},
    {"bq_generate_date_array", -1, generate_date_array, false},
    {"bq_generate_timestamp_array", -1, generate_timestamp_array, false},
};

const size_t bq_calendar_function_count = BW_COUNT(bq_calendar_functions);
