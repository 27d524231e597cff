/*
 * Stored values on their way out: the cells of tabledata.list and of query results.
 */
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"

static void print_quoted_tuple(const bq_field *field, const bq_value *value,
                               bq_format_options options, bw_buf *out)
{
    bq_tuple t;
    bq_value item;
    bool first = true;
    bool repeated = field->mode == BQ_REPEATED;
    bq_field element = *field;

    element.mode = BQ_NULLABLE;
    bw_buf_adds(out, repeated ? "[" : "{\"f\":[");
    bool open = bq_tuple_open(value->s, &t);
    for (size_t i = 0; open && bq_tuple_next(&t, &item); i++) {
        if (!repeated && i >= field->fields.count)
            break;
        bw_buf_adds(out, first ? "{\"v\":" : ",{\"v\":");
        first = false;
        bq_cell_print(repeated ? &element : &field->fields.fields[i], &item, options, out);
        bw_buf_addc(out, '}');
    }
    bw_buf_adds(out, repeated ? "]" : "]}");
}

static void print_plain(const bq_field *field, const bq_value *value, bq_format_options options,
                        bw_buf *out)
{
    if (field->kind == BQ_TIMESTAMP && options.int64_timestamp)
        bw_buf_addf(out, "%lld", (long long)value->i);
    else if (field->kind == BQ_TIMESTAMP)
        bq_timestamp_print_seconds(value->i, out);
    else if (field->kind == BQ_DATETIME)
        bq_datetime_print(value->i, 'T', out);
    else if (field->kind == BQ_FLOAT64)
        bq_float_print_rest(bq_float_decode(value->i), out);
    else if (field->kind == BQ_BYTES)
        bq_base64_encode(value->s, out);
    else
        bq_value_print(field, value, out);
}

/* The ends as cells of their own type would show them: clients parse them so. */
static void print_range(bq_kind kind, const bq_value *value, bq_format_options options, bw_buf *out)
{
    bq_field element = {.kind = bq_range_element(kind)};
    bq_range r;

    if (!bq_range_decode(value->s, &r))
        return;
    bq_value start = bq_int(r.start), end = bq_int(r.end);
    bw_buf_addc(out, '[');
    if (r.start == BQ_RANGE_NO_START)
        bw_buf_adds(out, "UNBOUNDED");
    else
        print_plain(&element, &start, options, out);
    bw_buf_adds(out, ", ");
    if (r.end == BQ_RANGE_NO_END)
        bw_buf_adds(out, "UNBOUNDED");
    else
        print_plain(&element, &end, options, out);
    bw_buf_addc(out, ')');
}

void bq_cell_print(const bq_field *field, const bq_value *value, bq_format_options options,
                   bw_buf *out)
{
    if (field->mode == BQ_REPEATED && value->cls == BQ_NULL) {
        bw_buf_adds(out, "[]");
    } else if (value->cls == BQ_NULL) {
        bw_buf_adds(out, "null");
    } else if (field->mode == BQ_REPEATED || field->kind == BQ_STRUCT) {
        print_quoted_tuple(field, value, options, out);
    } else if (field->kind == BQ_STRING || field->kind == BQ_GEOGRAPHY || field->kind == BQ_JSON) {
        bw_json_add_string(out, value->s);
    } else {
        /* None of the other types' texts needs an escape. */
        bw_buf_addc(out, '"');
        if (bq_is_range(field->kind))
            print_range(field->kind, value, options, out);
        else
            print_plain(field, value, options, out);
        bw_buf_addc(out, '"');
    }
}

void bq_row_print(const bq_schema *schema, const bq_value *row, bq_format_options options,
                  bw_buf *out)
{
    bw_buf_adds(out, "{\"f\":[");
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_adds(out, i > 0 ? ",{\"v\":" : "{\"v\":");
        bq_cell_print(&schema->fields[i], &row[i], options, out);
        bw_buf_addc(out, '}');
    }
    bw_buf_adds(out, "]}");
}

static const int64_t widths[BQ_KIND_COUNT] = {
    [BQ_BOOL] = 1,
    [BQ_INT64] = 8,
    [BQ_FLOAT64] = 8,
    [BQ_NUMERIC] = 16,
    [BQ_BIGNUMERIC] = 32,
    [BQ_DATE] = 8,
    [BQ_TIME] = 8,
    [BQ_DATETIME] = 8,
    [BQ_TIMESTAMP] = 8,
    [BQ_INTERVAL] = 16,
    [BQ_RANGE_DATE] = 16,
    [BQ_RANGE_DATETIME] = 16,
    [BQ_RANGE_TIMESTAMP] = 16,
};

int64_t bq_kind_bytes(bq_kind kind)
{
    return widths[kind];
}

int64_t bq_value_bytes(const bq_field *field, const bq_value *value)
{
    bq_tuple t;
    bq_value item;
    int64_t total = 0;
    bool repeated = field->mode == BQ_REPEATED;
    bq_field element = *field;

    if (value->cls == BQ_NULL)
        return 0;
    if (!repeated && field->kind != BQ_STRUCT) {
        if (widths[field->kind] > 0)
            return widths[field->kind];
        return (field->kind == BQ_JSON ? 0 : 2) + (int64_t)value->s.len;
    }
    element.mode = BQ_NULLABLE;
    bool open = bq_tuple_open(value->s, &t);
    for (size_t i = 0; open && bq_tuple_next(&t, &item); i++) {
        if (!repeated && i >= field->fields.count)
            break;
        total += bq_value_bytes(repeated ? &element : &field->fields.fields[i], &item);
    }
    return total;
}
