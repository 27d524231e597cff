/*
 * Whatever the model calls a value of a type, the encoder writes, and the sandbox, which shares no
 * rule with either, takes and prints again as the same value. The first byte chooses the type, the
 * rest is the text.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/destination/encoder.h"
#include "backend/sandbox/bq_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const bw_field *field, const bw_value *value, bw_buf *line)
{
    static const size_t column = 0;
    bw_schema schema = {field, 1};
    bw_encoder_options options = {.schema = &schema,
                                  .columns = &column,
                                  .n_columns = 1,
                                  .cursor = -1,
                                  .sync = "s",
                                  .batch = "1"};
    bw_encoder *encoder = bw_encoder_ndjson.new(&options);
    int at;
    if (bw_encoder_ndjson.row(encoder, value, NULL, line, &at) != BW_REASON_NONE)
        abort();
    bw_encoder_ndjson.free(encoder);
}

static bool is_exact(bw_type type)
{
    switch (type) {
    case BW_TYPE_BOOL:
    case BW_TYPE_INT64:
    case BW_TYPE_NUMERIC:
    case BW_TYPE_BIGNUMERIC:
    case BW_TYPE_STRING:
    case BW_TYPE_BYTES:
    case BW_TYPE_DATE:
        return true;
    default:
        return false;
    }
}

/* `cell` is {"v":"text"} of tabledata.list. */
static void compare(bw_type type, bw_slice text, bw_slice cell)
{
    bw_buf printed = BW_BUF_INIT;
    if (!bw_json_unescape(cell, &printed))
        abort();
    if (is_exact(type) && !bw_slice_eq(bw_buf_slice(&printed), text))
        abort();
    if (type == BW_TYPE_FLOAT64) {
        char *sent = bw_xstrndup(text.ptr, text.len);
        double a = strtod(sent, NULL), b = strtod(bw_buf_cstr(&printed), NULL);
        if (!(isnan(a) && isnan(b)) && !(a <= b && a >= b))
            abort();
        free(sent);
    }
    bw_buf_fini(&printed);
}

static void judge(bw_type type, bool repeated, bw_slice text, bw_slice line)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_error err = BQ_ERROR_INIT;
    bq_schema schema;
    bq_value row[1];
    bw_buf declared = BW_BUF_INIT, printed = BW_BUF_INIT;
    bw_buf_addf(&declared, "[{\"name\":\"v\",\"type\":\"%s\",\"mode\":\"%s\"}]", bw_type_name(type),
                repeated ? "REPEATED" : "NULLABLE");
    if (bq_schema_parse(&arena, bw_buf_slice(&declared), &schema, &err) != BW_OK)
        abort();
    if (bq_row_from_json(&schema, line, (bq_load_options){0}, &arena, row, &err) == BW_OK) {
        bq_cell_print(&schema.fields[0], &row[0], (bq_format_options){0}, &printed);
        if (!bw_json_valid(bw_buf_slice(&printed), NULL, NULL))
            abort();
        if (!repeated)
            compare(type, text, bw_buf_slice(&printed));
    } else if (type != BW_TYPE_JSON || !strstr(err.message, "round-trip")) {
        /* The judge is stricter than it must be with numbers in JSON: that loses nothing. */
        fprintf(stderr, "%.*s: %s\n", BW_SLICE_ARG(line), err.message);
        abort();
    }
    bw_buf_fini(&declared);
    bw_buf_fini(&printed);
    bw_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bw_type type = (bw_type)(data[0] % BW_TYPE_INTERVAL); /* no source makes those behind */
    bool repeated = data[0] >= 0x80;
    bw_slice text = {(const char *)data + 1, size - 1};
    if (bw_value_check(text, type, 0, 0) != BW_REASON_NONE)
        return 0;
    bw_field field = {.name = "v", .source_name = "v", .type = type, .repeated = repeated};
    bw_value one = bw_value_text(text.ptr, text.len),
             many = {.items = &one, .size = 1, .state = BW_VALUE_ARRAY};
    bw_buf line = BW_BUF_INIT;
    encode(&field, repeated ? &many : &one, &line);
    judge(type, repeated, text, (bw_slice){line.ptr, line.len - 1});
    bw_buf_fini(&line);
    return 0;
}
