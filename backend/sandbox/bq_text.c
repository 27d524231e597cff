#include "backend/sandbox/bq_text.h"

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_time.h"

typedef void print_scalar(const bq_field *field, const bq_value *value, bw_buf *out);

static void print_bool(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bw_buf_adds(out, value->i ? "true" : "false");
}

static void print_int64(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bw_buf_addf(out, "%lld", (long long)value->i);
}

static void print_float64(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bq_float_print_sql(bq_float_decode(value->i), out);
}

static void print_decimal(const bq_field *field, const bq_value *value, bw_buf *out)
{
    bq_decimal_print_blob(field->kind, value->s, out);
}

static void print_bytes(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bw_buf_add(out, value->s.ptr, value->s.len);
}

static void print_date(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bq_date_print(value->i, out);
}

static void print_time(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bq_time_print(value->i, out);
}

static void print_datetime(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bq_datetime_print(value->i, ' ', out);
}

static void print_timestamp(const bq_field *field, const bq_value *value, bw_buf *out)
{
    (void)field;
    bq_timestamp_print(value->i, out);
}

static void print_interval(const bq_field *field, const bq_value *value, bw_buf *out)
{
    bq_interval v;

    (void)field;
    if (bq_interval_decode(value->s, &v))
        bq_interval_print(&v, out);
}

static void print_range(const bq_field *field, const bq_value *value, bw_buf *out)
{
    bq_range r;

    if (bq_range_decode(value->s, &r))
        bq_range_print(field->kind, &r, out);
}

static print_scalar *const printers[BQ_KIND_COUNT] = {
    [BQ_BOOL] = print_bool,
    [BQ_INT64] = print_int64,
    [BQ_FLOAT64] = print_float64,
    [BQ_NUMERIC] = print_decimal,
    [BQ_BIGNUMERIC] = print_decimal,
    [BQ_STRING] = print_bytes,
    [BQ_BYTES] = print_bytes,
    [BQ_DATE] = print_date,
    [BQ_TIME] = print_time,
    [BQ_DATETIME] = print_datetime,
    [BQ_TIMESTAMP] = print_timestamp,
    [BQ_JSON] = print_bytes,
    [BQ_GEOGRAPHY] = print_bytes,
    [BQ_INTERVAL] = print_interval,
    [BQ_RANGE_DATE] = print_range,
    [BQ_RANGE_DATETIME] = print_range,
    [BQ_RANGE_TIMESTAMP] = print_range,
};

void bq_value_print(const bq_field *field, const bq_value *value, bw_buf *out)
{
    if (printers[field->kind])
        printers[field->kind](field, value, out);
}
