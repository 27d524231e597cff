#include "backend/sandbox/query_params.h"

#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/json_edit.h"

#define MAX_PARAMS 10000
#define MAX_DEPTH  16

static bw_status parse_type(bw_arena *arena, bw_slice type, int depth, bq_field *out,
                            bq_error *err);

static bw_status parse_struct_type(bw_arena *arena, bw_slice list, int depth, bq_field *out,
                                   bq_error *err)
{
    bw_slice item;
    size_t count = 0;
    bw_status status = BW_OK;
    for (size_t at = 0; bw_sb_json_each_element(list, &at, &item);)
        count++;
    out->kind = BQ_STRUCT;
    out->fields.fields = BW_ARENA_ARRAY(arena, bq_field, count + 1);
    for (size_t at = 0; status == BW_OK && bw_sb_json_each_element(list, &at, &item);) {
        bq_field *field = &out->fields.fields[out->fields.count++];
        status = parse_type(arena, bw_sb_json_object(item, "type"), depth + 1, field, err);
        field->name = bw_sb_json_text(arena, item, "name");
        if (!field->name)
            field->name = "";
    }
    return status;
}

static bw_status parse_type(bw_arena *arena, bw_slice type, int depth, bq_field *out, bq_error *err)
{
    const char *word = type.len ? bw_sb_json_text(arena, type, "type") : NULL;
    *out = (bq_field){.name = ""};
    if (!word || depth > MAX_DEPTH)
        return bq_error_set(err, "invalid", NULL, "Query parameter without a valid parameterType");
    if (strcmp(word, "ARRAY") == 0) {
        bw_status status =
            parse_type(arena, bw_sb_json_object(type, "arrayType"), depth + 1, out, err);
        if (status == BW_OK && out->mode == BQ_REPEATED)
            return bq_error_set(err, "invalid", NULL, "Arrays of arrays are not supported");
        out->mode = BQ_REPEATED;
        return status;
    }
    if (strcmp(word, "STRUCT") == 0)
        return parse_struct_type(arena, bw_json_member(type, "structTypes"), depth, out, err);
    if (strcmp(word, "RANGE") == 0) {
        const char *of =
            bw_sb_json_text(arena, bw_sb_json_object(type, "rangeElementType"), "type");
        if (of && bq_range_of(bw_slice_cstr(of), &out->kind))
            return BW_OK;
        return bq_error_set(err, "invalid", NULL,
                            "Query parameter of type RANGE needs a rangeElementType of DATE, "
                            "DATETIME or TIMESTAMP");
    }
    if (!bq_kind_parse(bw_slice_cstr(word), &out->kind))
        return bq_error_set(err, "invalid", NULL, "Unknown parameter type: %s", word);
    return BW_OK;
}

static bw_status parse_value(bw_arena *arena, const bq_field *type, bw_slice value, bq_value *out,
                             bq_error *err);

static bw_status parse_array(bw_arena *arena, const bq_field *type, bw_slice value, bq_value *out,
                             bq_error *err)
{
    bw_slice list = value.len ? bw_json_member(value, "arrayValues") : value, item;
    bq_field element = *type;
    size_t count = 0, n = 0;
    bw_status status = BW_OK;
    element.mode = BQ_NULLABLE;
    for (size_t at = 0; list.len && bw_sb_json_each_element(list, &at, &item);)
        count++;
    bq_value *items = BW_ARENA_ARRAY(arena, bq_value, count + 1);
    for (size_t at = 0; list.len && status == BW_OK && bw_sb_json_each_element(list, &at, &item);)
        status = parse_value(arena, &element, item, &items[n++], err);
    if (status == BW_OK)
        *out = bq_value_pack(arena, items, n);
    return status;
}

static bw_status parse_struct(bw_arena *arena, const bq_field *type, bw_slice value, bq_value *out,
                              bq_error *err)
{
    bw_slice members = value.len ? bw_sb_json_object(value, "structValues") : value;
    bw_status status = BW_OK;
    if (!members.len) {
        *out = (bq_value){.cls = BQ_NULL};
        return BW_OK;
    }
    bq_value *items = BW_ARENA_ARRAY(arena, bq_value, type->fields.count + 1);
    for (size_t i = 0; i < type->fields.count && status == BW_OK; i++) {
        const bq_field *field = &type->fields.fields[i];
        status = parse_value(arena, field, bw_sb_json_object(members, field->name), &items[i], err);
    }
    if (status == BW_OK)
        *out = bq_value_pack(arena, items, type->fields.count);
    return status;
}

/* RangeValue: {"start": {"value": ...}, "end": {"value": ...}}; one that is missing is unbounded. */
static bw_status parse_range(bw_arena *arena, const bq_field *type, bw_slice range, bq_value *out,
                             bq_error *err)
{
    static const char *const names[] = {"start", "end"};
    int64_t ends[] = {BQ_RANGE_NO_START, BQ_RANGE_NO_END};
    unsigned char *bytes = bw_arena_alloc(arena, BQ_RANGE_SIZE);

    for (size_t i = 0; i < BW_COUNT(names); i++) {
        const char *text = bw_sb_json_text(arena, bw_sb_json_object(range, names[i]), "value");
        if (text && !bq_range_parse_bound(type->kind, bw_slice_cstr(text), i == 0, &ends[i]))
            return bq_error_set(err, "invalidQuery", "query",
                                "Invalid value for type %s: %s of the range is %s",
                                bq_kind_sql(type->kind), names[i], text);
    }
    bq_range r = {ends[0], ends[1]};
    if (!bq_range_ordered(&r))
        return bq_error_set(err, "invalidQuery", "query", BQ_RANGE_ORDER_ERROR);
    bq_range_encode(&r, bytes);
    *out = (bq_value){.cls = BQ_BLOB, .s = {(const char *)bytes, BQ_RANGE_SIZE}};
    return BW_OK;
}

/* `value` is a QueryParameterValue. Clients write scalars as strings, and some as bare numbers. */
static bw_status parse_value(bw_arena *arena, const bq_field *type, bw_slice value, bq_value *out,
                             bq_error *err)
{
    if (type->mode == BQ_REPEATED)
        return parse_array(arena, type, value, out, err);
    if (type->kind == BQ_STRUCT)
        return parse_struct(arena, type, value, out, err);
    bw_slice range = value.len ? bw_sb_json_object(value, "rangeValue") : value;
    if (bq_is_range(type->kind) && range.len)
        return parse_range(arena, type, range, out, err);
    bw_slice raw = value.len ? bw_json_member(value, "value") : value;
    if (raw.len == 0 || bw_slice_is(raw, "null")) {
        *out = (bq_value){.cls = BQ_NULL};
        return BW_OK;
    }
    if (raw.ptr[0] == '"') {
        bw_buf text = BW_BUF_INIT;
        bool fine = bw_json_unescape(raw, &text);
        raw = bw_arena_slice(arena, bw_buf_slice(&text));
        bw_buf_fini(&text);
        if (!fine)
            return bq_error_set(err, "invalid", NULL, "Query parameter is not valid text");
    }
    return bq_value_from_text(type, raw, arena, out, err);
}

bw_status bw_sb_query_params(bw_arena *arena, bw_slice list, const char *mode,
                             const bq_sql_param **params, size_t *count, bq_error *err)
{
    bw_slice item;
    size_t n = 0;
    bool named = mode && (strcmp(mode, "NAMED") == 0 || strcmp(mode, "named") == 0);
    bw_status status = BW_OK;
    *params = NULL;
    *count = 0;
    for (size_t at = 0; list.len && bw_sb_json_each_element(list, &at, &item);)
        n++;
    if (n > MAX_PARAMS)
        return bq_error_set(err, "invalid", NULL, "Too many query parameters, limit is %d",
                            MAX_PARAMS);
    bq_sql_param *made = BW_ARENA_ARRAY(arena, bq_sql_param, n + 1);
    for (size_t at = 0; n && status == BW_OK && bw_sb_json_each_element(list, &at, &item);) {
        bq_sql_param *p = &made[(*count)++];
        p->name = bw_sb_json_text(arena, item, "name");
        if (p->name && !*p->name)
            p->name = NULL;
        status = parse_type(arena, bw_sb_json_object(item, "parameterType"), 0, &p->type, err);
        if (status == BW_OK)
            status = parse_value(arena, &p->type, bw_sb_json_object(item, "parameterValue"),
                                 &p->value, err);
        if (status == BW_OK && named && !p->name)
            status = bq_error_set(err, "invalid", NULL,
                                  "Query parameters must have names in NAMED mode");
    }
    *params = made;
    return status;
}
