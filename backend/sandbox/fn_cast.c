/*
 * CAST, pair by pair, and the rounding and length checks of parameterised types.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"

/* One conversion: the value is not NULL. */
typedef void convert(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to);

static void bad(sqlite3_context *ctx, const char *what, bw_slice s, const char *quote)
{
    bq_result_error(ctx, "%s%s%.*s%s", what, quote, BW_SLICE_ARG(s), quote);
}

static void to_string(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    bq_field type = {.kind = from};
    bw_buf text = BW_BUF_INIT;

    (void)to;
    bq_value_print(&type, v, &text);
    if (from == BQ_BYTES && !bw_utf8_valid(bw_buf_slice(&text)))
        bq_result_error(ctx, "Invalid cast of bytes to UTF8 string");
    else
        bq_result_text(ctx, bw_buf_slice(&text));
    bw_buf_fini(&text);
}

static void string_to_bool(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    (void)from;
    (void)to;
    if (v->s.len == 4 && strncasecmp(v->s.ptr, "true", 4) == 0)
        sqlite3_result_int(ctx, 1);
    else if (v->s.len == 5 && strncasecmp(v->s.ptr, "false", 5) == 0)
        sqlite3_result_int(ctx, 0);
    else
        bad(ctx, "Bad bool value: ", v->s, "");
}

/* White space around a number is ignored. */
static bw_slice stripped(bw_slice s)
{
    while (s.len > 0 && isspace((unsigned char)s.ptr[0]))
        s = (bw_slice){s.ptr + 1, s.len - 1};
    while (s.len > 0 && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static void string_to_int64(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    char copy[80];
    char *end = copy;
    bw_slice s = stripped(v->s);
    size_t sign = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    bool hex = s.len > sign + 2 && s.ptr[sign] == '0' && (s.ptr[sign + 1] | 32) == 'x';

    (void)from;
    (void)to;
    errno = 0;
    long long n = 0;
    if (s.len > sign && s.len < sizeof(copy) && s.ptr[sign] >= '0' && s.ptr[sign] <= '9') {
        memcpy(copy, s.ptr, s.len);
        copy[s.len] = '\0';
        n = strtoll(copy, &end, hex ? 16 : 10);
    }
    if (end == copy || end != copy + s.len || errno != 0)
        bad(ctx, "Bad int64 value: ", v->s, "");
    else
        sqlite3_result_int64(ctx, n);
}

static void string_to_float(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    double d;
    bool overflow;

    (void)from;
    (void)to;
    bw_slice s = stripped(v->s);
    overflow = false;
    if (bq_float_parse(s, &d, &overflow))
        sqlite3_result_int64(ctx, bq_float_encode(d));
    else if (overflow) /* as the nearest double: an infinity */
        sqlite3_result_int64(ctx, bq_float_encode(s.ptr[0] == '-' ? -INFINITY : INFINITY));
    else
        bad(ctx, "Bad double value: ", v->s, "");
}

static bool result_decimal(sqlite3_context *ctx, bq_kind kind, const mpz_t scaled)
{
    unsigned char bytes[BQ_BIGNUMERIC_SIZE];

    if (!bq_decimal_encode(kind, scaled, bytes))
        return false;
    bq_result_blob(ctx, (bw_slice){(char *)bytes, bq_decimal_spec_of(kind)->size});
    return true;
}

static void string_to_decimal(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    mpz_t scaled;

    (void)from;
    mpz_init(scaled);
    if (bq_decimal_parse(to, stripped(v->s), true, scaled) != BQ_DECIMAL_OK ||
        !result_decimal(ctx, to, scaled))
        bq_result_error(ctx, "Invalid %s value: %.*s", bq_kind_sql(to), BW_SLICE_ARG(v->s));
    mpz_clear(scaled);
}

static void string_to_bytes(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    (void)from;
    (void)to;
    bq_result_blob(ctx, v->s);
}

static void string_to_time(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    int64_t t;
    bool ok = to == BQ_DATE       ? bq_date_parse(v->s, &t)
              : to == BQ_TIME     ? bq_time_parse(v->s, &t)
              : to == BQ_DATETIME ? bq_datetime_parse(v->s, &t)
                                  : bq_timestamp_parse(v->s, 0, &t);

    (void)from;
    if (ok)
        sqlite3_result_int64(ctx, t);
    else if (to == BQ_DATE || to == BQ_TIMESTAMP)
        bad(ctx, to == BQ_DATE ? "Invalid date: " : "Invalid timestamp: ", v->s, "'");
    else
        bad(ctx, to == BQ_TIME ? "Invalid time string " : "Invalid datetime string ", v->s, "\"");
}

static void string_to_interval(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    bq_interval i;
    unsigned char bytes[24];

    (void)from;
    (void)to;
    if (bq_interval_parse(v->s, &i)) {
        bq_interval_encode(&i, bytes);
        bq_result_blob(ctx, (bw_slice){(char *)bytes, sizeof(bytes)});
    } else {
        bad(ctx, "Invalid INTERVAL value ", v->s, "'");
    }
}

static void string_to_range(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    unsigned char bytes[BQ_RANGE_SIZE];
    bq_range r;

    (void)from;
    if (!bq_range_parse(to, v->s, &r)) {
        bad(ctx, "Invalid range value: ", v->s, "'");
    } else if (!bq_range_ordered(&r)) {
        bad(ctx, BQ_RANGE_ORDER_ERROR ": ", v->s, "");
    } else {
        bq_range_encode(&r, bytes);
        bq_result_blob(ctx, (bw_slice){(char *)bytes, sizeof(bytes)});
    }
}

static void int_to_bool(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    (void)from;
    (void)to;
    sqlite3_result_int(ctx, v->i != 0);
}

static void int_to_float(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    (void)from;
    (void)to;
    sqlite3_result_int64(ctx, bq_float_encode((double)v->i));
}

static void int_to_decimal(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    mpz_t scaled, power;

    (void)from;
    mpz_init_set_si(scaled, v->i);
    mpz_init(power);
    bq_decimal_pow10(power, (unsigned)bq_decimal_spec_of(to)->scale);
    mpz_mul(scaled, scaled, power);
    result_decimal(ctx, to, scaled);
    mpz_clears(scaled, power, NULL);
}

static void same(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    (void)from;
    (void)to;
    bq_result(ctx, v);
}

static void float_error(sqlite3_context *ctx, double d, bq_kind to)
{
    bw_buf text = BW_BUF_INIT;

    bq_float_print_sql(d, &text);
    if (isfinite(d))
        bq_result_error(ctx, "%s out of range: %s", to == BQ_INT64 ? "int64" : "numeric",
                        bw_buf_cstr(&text));
    else
        bq_result_error(ctx, "Illegal conversion of non-finite floating point number to %s: %s",
                        to == BQ_INT64 ? "an integer" : "numeric", bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

static void float_to_int(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    double d = bq_float_decode(v->i), r = round(d);

    (void)from;
    if (!isfinite(d) || r < -9223372036854775808.0 || r >= 9223372036854775808.0)
        float_error(ctx, d, to);
    else
        sqlite3_result_int64(ctx, (int64_t)r);
}

static void float_to_decimal(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    double d = bq_float_decode(v->i);
    mpz_t scaled;

    (void)from;
    mpz_init(scaled);
    if (!bq_decimal_from_double(to, d, scaled) || !result_decimal(ctx, to, scaled))
        float_error(ctx, d, to);
    mpz_clear(scaled);
}

static void decimal_error(sqlite3_context *ctx, bq_kind from, const mpz_t scaled, bq_kind to)
{
    bw_buf text = BW_BUF_INIT;

    bq_decimal_print(from, scaled, &text);
    bq_result_error(ctx, "%s out of range: %s", to == BQ_INT64 ? "int64" : "numeric",
                    bw_buf_cstr(&text));
    bw_buf_fini(&text);
}

static void decimal_to_int(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    mpz_t scaled, power;

    mpz_inits(scaled, power, NULL);
    bq_decimal_decode(from, v->s, scaled);
    bq_decimal_pow10(power, (unsigned)bq_decimal_spec_of(from)->scale);
    bq_decimal_div_round(power, scaled, power);
    if (mpz_fits_slong_p(power))
        sqlite3_result_int64(ctx, mpz_get_si(power));
    else
        decimal_error(ctx, from, scaled, to);
    mpz_clears(scaled, power, NULL);
}

static void decimal_to_float(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    mpz_t scaled;

    (void)to;
    mpz_init(scaled);
    bq_decimal_decode(from, v->s, scaled);
    sqlite3_result_int64(ctx, bq_float_encode(bq_decimal_to_double(from, scaled)));
    mpz_clear(scaled);
}

static void decimal_to_decimal(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    int shift = bq_decimal_spec_of(to)->scale - bq_decimal_spec_of(from)->scale;
    mpz_t scaled, power, moved;

    mpz_inits(scaled, power, moved, NULL);
    bq_decimal_decode(from, v->s, scaled);
    bq_decimal_pow10(power, (unsigned)abs(shift));
    if (shift > 0)
        mpz_mul(moved, scaled, power);
    else
        bq_decimal_div_round(moved, scaled, power);
    if (!result_decimal(ctx, to, moved))
        decimal_error(ctx, from, scaled, to);
    mpz_clears(scaled, power, moved, NULL);
}

static void date_to_time(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    (void)from;
    (void)to;
    sqlite3_result_int64(ctx, v->i * BQ_US_PER_DAY);
}

/* DATETIME and TIMESTAMP (at UTC) to their parts. */
static void time_to_date(sqlite3_context *ctx, const bq_value *v, bq_kind from, bq_kind to)
{
    int64_t days = bq_floor_div(v->i, BQ_US_PER_DAY);

    (void)from;
    sqlite3_result_int64(ctx, to == BQ_DATE ? days : v->i - days * BQ_US_PER_DAY);
}

static convert *const conversions[BQ_KIND_COUNT][BQ_KIND_COUNT] = {
    [BQ_BOOL] = {[BQ_INT64] = same, [BQ_STRING] = to_string},
    [BQ_INT64] = {[BQ_BOOL] = int_to_bool,
                  [BQ_FLOAT64] = int_to_float,
                  [BQ_NUMERIC] = int_to_decimal,
                  [BQ_BIGNUMERIC] = int_to_decimal,
                  [BQ_STRING] = to_string},
    [BQ_FLOAT64] = {[BQ_INT64] = float_to_int,
                    [BQ_NUMERIC] = float_to_decimal,
                    [BQ_BIGNUMERIC] = float_to_decimal,
                    [BQ_STRING] = to_string},
    [BQ_NUMERIC] = {[BQ_INT64] = decimal_to_int,
                    [BQ_FLOAT64] = decimal_to_float,
                    [BQ_BIGNUMERIC] = decimal_to_decimal,
                    [BQ_STRING] = to_string},
    [BQ_BIGNUMERIC] = {[BQ_INT64] = decimal_to_int,
                       [BQ_FLOAT64] = decimal_to_float,
                       [BQ_NUMERIC] = decimal_to_decimal,
                       [BQ_STRING] = to_string},
    [BQ_STRING] = {[BQ_BOOL] = string_to_bool,
                   [BQ_INT64] = string_to_int64,
                   [BQ_FLOAT64] = string_to_float,
                   [BQ_NUMERIC] = string_to_decimal,
                   [BQ_BIGNUMERIC] = string_to_decimal,
                   [BQ_BYTES] = string_to_bytes,
                   [BQ_DATE] = string_to_time,
                   [BQ_TIME] = string_to_time,
                   [BQ_DATETIME] = string_to_time,
                   [BQ_TIMESTAMP] = string_to_time,
                   [BQ_INTERVAL] = string_to_interval,
                   [BQ_RANGE_DATE] = string_to_range,
                   [BQ_RANGE_DATETIME] = string_to_range,
                   [BQ_RANGE_TIMESTAMP] = string_to_range},
    [BQ_BYTES] = {[BQ_STRING] = to_string},
    [BQ_DATE] =
        {[BQ_DATETIME] = date_to_time, [BQ_TIMESTAMP] = date_to_time, [BQ_STRING] = to_string},
    [BQ_TIME] = {[BQ_STRING] = to_string},
    [BQ_DATETIME] = {[BQ_DATE] = time_to_date,
                     [BQ_TIME] = time_to_date,
                     [BQ_TIMESTAMP] = same,
                     [BQ_STRING] = to_string},
    [BQ_TIMESTAMP] = {[BQ_DATE] = time_to_date,
                      [BQ_TIME] = time_to_date,
                      [BQ_DATETIME] = same,
                      [BQ_STRING] = to_string},
    [BQ_INTERVAL] = {[BQ_STRING] = to_string},
    [BQ_RANGE_DATE] = {[BQ_STRING] = to_string},
    [BQ_RANGE_DATETIME] = {[BQ_STRING] = to_string},
    [BQ_RANGE_TIMESTAMP] = {[BQ_STRING] = to_string},
};

static void cast(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bq_value v = bq_arg(argv[0]);
    bq_kind from = (bq_kind)sqlite3_value_int(argv[1]), to = (bq_kind)sqlite3_value_int(argv[2]);
    convert *f = conversions[from][to];
    if (f)
        f(ctx, &v, from, to);
    else
        bq_result_error(ctx, "Invalid cast from %s to %s", bq_kind_sql(from), bq_kind_sql(to));
}

static void fit(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const bq_field *type = bq_arg_type(argv[1]);
    bq_value v = bq_arg(argv[0]);
    bw_arena arena = BW_ARENA_INIT;
    bq_error err = BQ_ERROR_INIT;

    (void)argc;
    if (!type || v.cls == BQ_NULL)
        sqlite3_result_null(ctx);
    else if (bq_value_fit(type, &arena, &v, &err) == BW_OK)
        bq_result(ctx, &v);
    else
        bq_result_error(ctx, "%s", err.message);
    bw_arena_fini(&arena);
}

const bq_function bq_cast_functions[] = {
    {"bq_cast", 3, cast, false},
    {"bq_fit", 2, fit, false},
};

const size_t bq_cast_function_count = BW_COUNT(bq_cast_functions);
