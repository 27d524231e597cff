/*
 * The range functions. A bound that is NULL is unbounded.
 */
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/fn_time.h"

static void result_range(sqlite3_context *ctx, const bq_range *r)
{
    unsigned char bytes[BQ_RANGE_SIZE];

    bq_range_encode(r, bytes);
    bq_result_blob(ctx, (bw_slice){(char *)bytes, sizeof(bytes)});
}

static bool arg_range(sqlite3_value *v, bq_range *out)
{
    return bq_range_decode(bq_arg_slice(v), out);
}

static void make_range(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bool no_start = sqlite3_value_type(argv[0]) == SQLITE_NULL;
    bool no_end = sqlite3_value_type(argv[1]) == SQLITE_NULL;
    bq_range r = {no_start ? BQ_RANGE_NO_START : sqlite3_value_int64(argv[0]),
                  no_end ? BQ_RANGE_NO_END : sqlite3_value_int64(argv[1])};

    (void)argc;
    if (bq_range_ordered(&r))
        result_range(ctx, &r);
    else
        bq_result_error(ctx, BQ_RANGE_ORDER_ERROR);
}

static void range_start(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_range r;

    if (bq_any_null(ctx, argc, argv) || !arg_range(argv[0], &r))
        return;
    if (r.start != BQ_RANGE_NO_START)
        sqlite3_result_int64(ctx, r.start);
}

static void range_end(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_range r;

    if (bq_any_null(ctx, argc, argv) || !arg_range(argv[0], &r))
        return;
    if (r.end != BQ_RANGE_NO_END)
        sqlite3_result_int64(ctx, r.end);
}

/* Of a range in a range, or of a value in a range. */
static void range_contains(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_range r, inner;

    if (bq_any_null(ctx, argc, argv) || !arg_range(argv[0], &r))
        return;
    if (sqlite3_value_type(argv[1]) == SQLITE_INTEGER) {
        int64_t v = sqlite3_value_int64(argv[1]);
        sqlite3_result_int(ctx, r.start <= v && v < r.end);
    } else if (arg_range(argv[1], &inner)) {
        sqlite3_result_int(ctx, r.start <= inner.start && inner.end <= r.end);
    }
}

static bool overlap(const bq_range *a, const bq_range *b)
{
    return a->start < b->end && b->start < a->end;
}

static void range_overlaps(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_range a, b;

    if (!bq_any_null(ctx, argc, argv) && arg_range(argv[0], &a) && arg_range(argv[1], &b))
        sqlite3_result_int(ctx, overlap(&a, &b));
}

static void range_intersect(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bq_range a, b;

    if (bq_any_null(ctx, argc, argv) || !arg_range(argv[0], &a) || !arg_range(argv[1], &b))
        return;
    if (!overlap(&a, &b)) {
        bq_result_error(ctx, "Provided RANGE inputs do not overlap. Please check RANGE_OVERLAPS "
                             "before calling RANGE_INTERSECT");
        return;
    }
    bq_range both = {a.start > b.start ? a.start : b.start, a.end < b.end ? a.end : b.end};
    result_range(ctx, &both);
}

/* ---- GENERATE_RANGE_ARRAY ---------------------------------------------------------------------- */

#define MAX_GENERATED 1048575

static bool step_allowed(sqlite3_context *ctx, const bq_part *part, bq_kind element, int64_t step)
{
    bool ok = element == BQ_DATE        ? part->us == 0 || part->us >= BQ_US_PER_DAY
              : element == BQ_TIMESTAMP ? part->us > 0 && part->us <= BQ_US_PER_DAY
                                        : true;

    if (!ok)
        bq_result_error(ctx, "%s is not a valid date part for a RANGE<%s>", part->name,
                        bq_kind_sql(element));
    else if (step <= 0)
        bq_result_error(ctx, "step must be greater than zero");
    return ok && step > 0;
}

/* The parts of the range, each of one step; the last one is shorter unless `whole`. Gives how many
   there are, SIZE_MAX when too many. */
static size_t split(const bq_range *r, const bq_part *part, int64_t step, int64_t unit, bool whole,
                    bw_buf *out)
{
    int64_t from = r->start * unit, to = r->end * unit, next = from, distance;
    size_t count = 0;

    for (int64_t at = from; at < to; at = next) {
        bool moved = !__builtin_mul_overflow(step, (int64_t)count + 1, &distance) &&
                     bq_part_add(part, from, distance, &next);
        bool partial = !moved || next > to;
        if (partial && whole)
            break;
        next = partial ? to : next;
        bq_range piece = {bq_floor_div(at, unit), bq_floor_div(next, unit)};
        unsigned char bytes[BQ_RANGE_SIZE];
        bq_range_encode(&piece, bytes);
        bq_value item = bq_blob((bw_slice){(char *)bytes, sizeof(bytes)});
        bq_tuple_add(out, &item);
        if (++count > MAX_GENERATED)
            return SIZE_MAX;
    }
    return count;
}

/* (range, number, part [, include the last partial one]) */
static void generate(sqlite3_context *ctx, int argc, sqlite3_value **argv, bq_kind element)
{
    bw_buf out = BW_BUF_INIT;
    int64_t unit = element == BQ_DATE ? BQ_US_PER_DAY : 1;
    bq_range r;

    if (bq_any_null(ctx, argc, argv) || !arg_range(argv[0], &r))
        return;
    const bq_part *part = bq_arg_part(ctx, argv[2]);
    int64_t step = sqlite3_value_int64(argv[1]);
    if (!part || !step_allowed(ctx, part, element, step))
        return;
    if (r.start == BQ_RANGE_NO_START || r.end == BQ_RANGE_NO_END) {
        bq_result_error(ctx, "Cannot generate a range array of a RANGE that is unbounded");
        return;
    }
    bq_tuple_begin(&out, 0);
    bool whole = argc > 3 && !sqlite3_value_int(argv[3]);
    size_t count = split(&r, part, step, unit, whole, &out);
    if (count == SIZE_MAX) {
        bq_result_error(ctx, "Cannot generate arrays with more than %d elements.", MAX_GENERATED);
    } else {
        bq_tuple_set_count(&out, 0, count);
        bq_result_blob(ctx, bw_buf_slice(&out));
    }
    bw_buf_fini(&out);
}

static void generate_dates(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    generate(ctx, argc, argv, BQ_DATE);
}

static void generate_datetimes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    generate(ctx, argc, argv, BQ_DATETIME);
}

static void generate_timestamps(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    generate(ctx, argc, argv, BQ_TIMESTAMP);
}

const bq_function bq_range_functions[] = {
    {"bq_range", 2, make_range, false},
    {"bq_range_start", 1, range_start, false},
    {"bq_range_end", 1, range_end, false},
    {"bq_range_contains", 2, range_contains, false},
    {"bq_range_overlaps", 2, range_overlaps, false},
    {"bq_range_intersect", 2, range_intersect, false},
    {"bq_generate_date_ranges", -1, generate_dates, false},
    {"bq_generate_datetime_ranges", -1, generate_datetimes, false},
    {"bq_generate_timestamp_ranges", -1, generate_timestamps, false},
};

const size_t bq_range_function_count = BW_COUNT(bq_range_functions);
