/*
 * Which types may stand for which: GoogleSQL's "Conversion rules". Nothing is converted silently
 * that could lose something: INT64 to NUMERIC to BIGNUMERIC to FLOAT64, DATE to DATETIME, and
 * literals to what they can be read as.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/sql_analyze.h"

bool sql_is_numeric(bq_kind kind)
{
    return kind == BQ_INT64 || kind == BQ_FLOAT64 || kind == BQ_NUMERIC || kind == BQ_BIGNUMERIC;
}

bool sql_groupable(const bq_field *type)
{
    return type->mode != BQ_REPEATED && type->kind != BQ_JSON && type->kind != BQ_GEOGRAPHY;
}

const char *sql_key(sql_analysis *a, const sql_typed *x)
{
    if (x->type.kind == BQ_FLOAT64 && x->type.mode != BQ_REPEATED)
        return sql_printf(a, "bq_float_key(%s)", x->sql);
    if (x->type.kind == BQ_INTERVAL && x->type.mode != BQ_REPEATED)
        return sql_printf(a, "bq_interval_key(%s)", x->sql);
    return x->sql;
}

const char *sql_distinct(sql_analysis *a, const sql_typed *x)
{
    /* An interval's key is a number; what is written out must stay an interval. */
    bool interval = x->type.kind == BQ_INTERVAL && x->type.mode != BQ_REPEATED;
    return interval ? x->sql : sql_key(a, x);
}

/* How far a numeric type is on the way INT64, NUMERIC, BIGNUMERIC, FLOAT64; 0: not numeric. */
static int numeric_rank(bq_kind kind)
{
    return kind == BQ_INT64        ? 1
           : kind == BQ_NUMERIC    ? 2
           : kind == BQ_BIGNUMERIC ? 3
           : kind == BQ_FLOAT64    ? 4
                                   : 0;
}

static bool literal_can(const sql_typed *x, bq_kind to)
{
    switch (x->literal) {
    case SQL_L_INT:
    case SQL_L_FLOAT:
        return to == BQ_FLOAT64 || to == BQ_NUMERIC || to == BQ_BIGNUMERIC;
    case SQL_L_STRING:
        return to == BQ_DATE || to == BQ_TIME || to == BQ_DATETIME || to == BQ_TIMESTAMP ||
               bq_is_range(to);
    default:
        return false;
    }
}

static bool fields_can(const bq_field *from, const bq_field *to)
{
    if (from->fields.count != to->fields.count)
        return false;
    for (size_t i = 0; i < from->fields.count; i++) {
        if (!bq_type_equal(&from->fields.fields[i], &to->fields.fields[i]))
            return false;
    }
    return true;
}

/* The type that item i of a constructor must take. */
static bq_field item_target(const bq_field *to, size_t i)
{
    return to->mode == BQ_REPEATED ? sql_element_of(to) : to->fields.fields[i];
}

static bool items_can(const sql_typed *x, const bq_field *to)
{
    if (to->mode != BQ_REPEATED && to->fields.count != x->item_count)
        return false;
    for (size_t i = 0; i < x->item_count; i++) {
        bq_field target = item_target(to, i);
        if (!sql_can_coerce(&x->items[i], &target))
            return false;
    }
    return true;
}

bool sql_can_coerce(const sql_typed *x, const bq_field *to)
{
    const bq_field *from = &x->type;
    bool to_array = to->mode == BQ_REPEATED, from_array = from->mode == BQ_REPEATED;
    bool shaped = from_array == to_array && (to_array || from->kind == to->kind);

    if (x->literal == SQL_L_NULL)
        return true;
    if (x->literal == SQL_L_EMPTY_ARRAY)
        return to_array;
    if (from_array != to_array)
        return false;
    if (x->items && shaped && items_can(x, to))
        return true;
    if (from->kind == to->kind)
        return from->kind != BQ_STRUCT || fields_can(from, to);
    if (from_array)
        return false;
    if (literal_can(x, to->kind))
        return true;
    if (numeric_rank(from->kind) && numeric_rank(to->kind))
        return numeric_rank(from->kind) < numeric_rank(to->kind);
    return from->kind == BQ_DATE && to->kind == BQ_DATETIME;
}

/* ---- Literals ---------------------------------------------------------------------------------- */

static bool decimal_literal(sql_analysis *a, sql_typed *x, bq_kind kind)
{
    size_t size = bq_decimal_spec_of(kind)->size;
    unsigned char *bytes = bw_arena_alloc(a->arena, size);
    mpz_t scaled;

    mpz_init(scaled);
    bool ok = bq_decimal_parse(kind, x->text, true, scaled) == BQ_DECIMAL_OK &&
              bq_decimal_encode(kind, scaled, bytes);
    mpz_clear(scaled);
    if (ok) {
        bq_value v = bq_blob((bw_slice){(const char *)bytes, size});
        x->sql = sql_value_text(a, &v);
    } else {
        sql_error(a, x->pos, "Could not cast literal %.*s to type %s", BW_SLICE_ARG(x->text),
                  bq_kind_sql(kind));
    }
    return ok;
}

static bool time_literal(sql_analysis *a, sql_typed *x, bq_kind kind)
{
    int64_t v = 0;
    bool ok = kind == BQ_DATE       ? bq_date_parse(x->text, &v)
              : kind == BQ_TIME     ? bq_time_parse(x->text, &v)
              : kind == BQ_DATETIME ? bq_datetime_parse(x->text, &v)
                                    : bq_timestamp_parse(x->text, 0, &v);
    bq_value value = bq_int(v);

    if (ok)
        x->sql = sql_value_text(a, &value);
    else
        sql_error(a, x->pos, "Could not cast literal \"%.*s\" to type %s", BW_SLICE_ARG(x->text),
                  bq_kind_sql(kind));
    return ok;
}

static bool range_literal(sql_analysis *a, sql_typed *x, bq_kind kind)
{
    unsigned char *bytes = bw_arena_alloc(a->arena, BQ_RANGE_SIZE);
    bq_range r;

    if (!bq_range_parse(kind, x->text, &r)) {
        sql_error(a, x->pos, "Could not cast literal \"%.*s\" to type %s", BW_SLICE_ARG(x->text),
                  bq_kind_sql(kind));
        return false;
    }
    if (!bq_range_ordered(&r)) {
        sql_error(a, x->pos, BQ_RANGE_ORDER_ERROR ": %.*s", BW_SLICE_ARG(x->text));
        return false;
    }
    bq_range_encode(&r, bytes);
    bq_value v = bq_blob((bw_slice){(const char *)bytes, BQ_RANGE_SIZE});
    x->sql = sql_value_text(a, &v);
    return true;
}

static bool float_literal(sql_analysis *a, sql_typed *x)
{
    double d;
    bool overflow;

    if (!bq_float_parse(x->text, &d, &overflow))
        return false;
    bq_value v = bq_int(bq_float_encode(d));
    x->sql = sql_value_text(a, &v);
    return true;
}

static bool coerce_literal(sql_analysis *a, sql_typed *x, bq_kind to)
{
    bool ok = to == BQ_FLOAT64                          ? float_literal(a, x)
              : to == BQ_NUMERIC || to == BQ_BIGNUMERIC ? decimal_literal(a, x, to)
              : bq_is_range(to)                         ? range_literal(a, x, to)
                                                        : time_literal(a, x, to);

    x->type = sql_type(to);
    x->literal = SQL_L_NONE;
    return ok;
}

static void coerce_items(sql_analysis *a, sql_typed *x, const bq_field *to)
{
    sql_typed *items = BW_ARENA_ARRAY(a->arena, sql_typed, x->item_count + 1);

    for (size_t i = 0; i < x->item_count; i++) {
        bq_field target = item_target(to, i);
        items[i] = x->items[i];
        sql_coerce(a, &items[i], &target);
    }
    x->items = items;
    x->sql = sql_tuple(a, items, x->item_count);
}

bool sql_coerce(sql_analysis *a, sql_typed *x, const bq_field *to)
{
    if (!sql_can_coerce(x, to))
        return false;
    if (x->items && !bq_type_equal(&x->type, to))
        coerce_items(a, x, to);
    if (x->literal == SQL_L_NULL || x->literal == SQL_L_EMPTY_ARRAY || to->mode == BQ_REPEATED ||
        x->type.kind == to->kind) {
        x->type = *to;
        x->type.mode = to->mode == BQ_REPEATED ? BQ_REPEATED : BQ_NULLABLE;
        return true;
    }
    if (literal_can(x, to->kind))
        return coerce_literal(a, x, to->kind);
    x->sql = sql_printf(a, "bq_cast(%s,%d,%d)", x->sql, (int)x->type.kind, (int)to->kind);
    x->type = sql_type(to->kind);
    x->literal = SQL_L_NONE;
    return true;
}

/* ---- Supertypes -------------------------------------------------------------------------------- */

static bool all_coerce(const sql_typed *items, size_t count, const bq_field *to)
{
    for (size_t i = 0; i < count; i++) {
        if (!sql_can_coerce(&items[i], to))
            return false;
    }
    return true;
}

/* INT64 literals beside a float literal and the like: the widest of them. */
static bool literal_supertype(const sql_typed *items, size_t count, bq_field *out)
{
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        if (items[i].literal == SQL_L_NULL || items[i].literal == SQL_L_EMPTY_ARRAY)
            continue;
        if (!found || numeric_rank(items[i].type.kind) > numeric_rank(out->kind))
            *out = items[i].type;
        found = true;
    }
    if (!found) {
        /* NULLs alone are INT64, as in a SELECT list; empty arrays are ARRAY<INT64>. */
        *out = sql_type(BQ_INT64);
        for (size_t i = 0; i < count; i++) {
            if (items[i].literal == SQL_L_EMPTY_ARRAY)
                *out = items[i].type;
        }
    }
    return all_coerce(items, count, out);
}

static bool supertype(const sql_typed *items, size_t count, bq_field *out)
{
    static const bq_kind wider[] = {BQ_NUMERIC, BQ_BIGNUMERIC, BQ_FLOAT64, BQ_DATETIME};
    bool any = false, floats = false;

    for (size_t i = 0; i < count; i++) {
        /* INT64 beside 0.5 is FLOAT64, though 0.5 could be NUMERIC beside a NUMERIC. */
        floats = floats || items[i].literal == SQL_L_FLOAT;
        if (items[i].literal != SQL_L_NONE)
            continue;
        any = true;
        if (all_coerce(items, count, &items[i].type)) {
            *out = items[i].type;
            return true;
        }
    }
    for (size_t i = 0; any && i < BW_COUNT(wider); i++) {
        bool decimal = wider[i] == BQ_NUMERIC || wider[i] == BQ_BIGNUMERIC;
        if (decimal && floats)
            continue;
        *out = sql_type(wider[i]);
        if (all_coerce(items, count, out))
            return true;
    }
    return !any && literal_supertype(items, count, out);
}

static bool all_rows(const sql_typed *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool null = items[i].literal == SQL_L_NULL;
        if (!null && (!items[i].items || items[i].type.kind != BQ_STRUCT ||
                      items[i].type.mode == BQ_REPEATED))
            return false;
    }
    return true;
}

/* STRUCTs that are written out: field by field. The names are those of the first that has them, as
   in [STRUCT(1 AS a, NULL AS b), (2, 'x')]. */
static bool row_supertype(sql_analysis *a, const sql_typed *items, size_t count, bq_field *out)
{
    const sql_typed *model = NULL;

    for (size_t i = 0; i < count; i++) {
        if (items[i].literal == SQL_L_NULL)
            continue;
        const bq_schema *fields = &items[i].type.fields;
        if (items[i].item_count != fields->count ||
            (model && fields->count != model->type.fields.count))
            return false;
        const char *name = model && fields->count > 0 ? model->type.fields.fields[0].name : "x";
        if (!model || !name || !*name)
            model = &items[i];
    }
    if (!model)
        return false;
    size_t width = model->item_count;
    sql_typed *column = BW_ARENA_ARRAY(a->arena, sql_typed, count);
    *out = model->type;
    out->fields.fields = BW_ARENA_ARRAY(a->arena, bq_field, width + 1);
    for (size_t k = 0; k < width; k++) {
        for (size_t i = 0; i < count; i++)
            column[i] = items[i].literal == SQL_L_NULL ? items[i] : items[i].items[k];
        if (!sql_supertype(a, column, count, &out->fields.fields[k]))
            return false;
        out->fields.fields[k].name = model->type.fields.fields[k].name;
    }
    return true;
}

bool sql_supertype(sql_analysis *a, const sql_typed *items, size_t count, bq_field *out)
{
    if (count > 1 && all_rows(items, count) && row_supertype(a, items, count, out))
        return true;
    return supertype(items, count, out);
}

/* ---- CAST and assignments ---------------------------------------------------------------------- */

/* Which explicit conversions exist, per source kind. */
#define K(kind) (1u << BQ_##kind)
static const unsigned castable[BQ_KIND_COUNT] = {
    [BQ_BOOL] = K(BOOL) | K(INT64) | K(STRING),
    [BQ_INT64] = K(BOOL) | K(INT64) | K(NUMERIC) | K(BIGNUMERIC) | K(FLOAT64) | K(STRING),
    [BQ_FLOAT64] = K(INT64) | K(NUMERIC) | K(BIGNUMERIC) | K(FLOAT64) | K(STRING),
    [BQ_NUMERIC] = K(INT64) | K(NUMERIC) | K(BIGNUMERIC) | K(FLOAT64) | K(STRING),
    [BQ_BIGNUMERIC] = K(INT64) | K(NUMERIC) | K(BIGNUMERIC) | K(FLOAT64) | K(STRING),
    [BQ_STRING] = K(BOOL) | K(INT64) | K(NUMERIC) | K(BIGNUMERIC) | K(FLOAT64) | K(STRING) |
                  K(BYTES) | K(DATE) | K(DATETIME) | K(TIME) | K(TIMESTAMP) | K(INTERVAL) |
                  K(RANGE_DATE) | K(RANGE_DATETIME) | K(RANGE_TIMESTAMP),
    [BQ_BYTES] = K(STRING) | K(BYTES),
    [BQ_DATE] = K(STRING) | K(DATE) | K(DATETIME) | K(TIMESTAMP),
    [BQ_DATETIME] = K(STRING) | K(DATE) | K(DATETIME) | K(TIME) | K(TIMESTAMP),
    [BQ_TIME] = K(STRING) | K(TIME),
    [BQ_TIMESTAMP] = K(STRING) | K(DATE) | K(DATETIME) | K(TIME) | K(TIMESTAMP),
    [BQ_INTERVAL] = K(STRING) | K(INTERVAL),
    [BQ_RANGE_DATE] = K(STRING) | K(RANGE_DATE),
    [BQ_RANGE_DATETIME] = K(STRING) | K(RANGE_DATETIME),
    [BQ_RANGE_TIMESTAMP] = K(STRING) | K(RANGE_TIMESTAMP),
    [BQ_JSON] = K(JSON),
    [BQ_GEOGRAPHY] = K(GEOGRAPHY),
};
#undef K

static bool has_parameters(const bq_field *f)
{
    bool found = f->precision > 0 || f->max_length > 0;

    for (size_t i = 0; !found && i < f->fields.count; i++)
        found = has_parameters(&f->fields.fields[i]);
    return found;
}

sql_typed sql_cast(sql_analysis *a, const sql_typed *x, const bq_field *to, bool safe, size_t pos)
{
    sql_typed out = *x;
    bool scalar = x->type.mode != BQ_REPEATED && to->mode != BQ_REPEATED;

    out.pos = pos;
    out.literal = SQL_L_NONE;
    bool decimal = scalar && (to->kind == BQ_NUMERIC || to->kind == BQ_BIGNUMERIC);
    if (x->literal == SQL_L_NULL) {
        out.type = *to;
    } else if (x->literal == SQL_L_FLOAT && decimal && !safe) {
        out.literal = x->literal; /* its digits, not the double that they stand for */
        sql_coerce(a, &out, to);
    } else if (scalar && x->type.kind != BQ_STRUCT && (castable[x->type.kind] >> to->kind & 1)) {
        if (x->type.kind != to->kind)
            out.sql = sql_printf(a, "%sbq_cast(%s,%d,%d)", safe ? "safe_" : "", x->sql,
                                 (int)x->type.kind, (int)to->kind);
        out.type = *to;
    } else if (!sql_coerce(a, &out, to)) {
        sql_error(a, pos, "Invalid cast from %s to %s", sql_type_name(a, &x->type),
                  sql_type_name(a, to));
    }
    out.type.mode = to->mode == BQ_REPEATED ? BQ_REPEATED : BQ_NULLABLE;
    if (has_parameters(to))
        out.sql =
            sql_printf(a, "%sbq_fit(%s,%s)", safe ? "safe_" : "", out.sql, sql_bind_type(a, to));
    return out;
}

const char *sql_assign(sql_analysis *a, sql_typed *x, const bq_field *column, sql_assignment how,
                       size_t place)
{
    if (!sql_coerce(a, x, column)) {
        const char *from = sql_type_name(a, &x->type), *to = sql_type_name(a, column);
        if (how == SQL_UPDATE_VALUE)
            sql_error(a, x->pos, "Value of type %s cannot be assigned to %s, which has type %s",
                      from, column->name, to);
        else if (how == SQL_QUERY_COLUMN)
            sql_error(a, x->pos,
                      "Query column %zu has type %s which cannot be inserted into column %s, which "
                      "has type %s",
                      place, from, column->name, to);
        else
            sql_error(a, x->pos,
                      "Value has type %s which cannot be inserted into column %s, which has type "
                      "%s",
                      from, column->name, to);
        return "NULL";
    }
    const char *sql = x->sql;
    if (has_parameters(column))
        sql = sql_printf(a, "bq_fit(%s,%s)", sql, sql_bind_type(a, column));
    if (column->mode == BQ_REPEATED)
        sql = sql_printf(a, "bq_stored_array(%s,'%s')", sql, column->name);
    else if (column->mode == BQ_REQUIRED)
        sql = sql_printf(a, "bq_required(%s,'%s')", sql, column->name);
    else if (column->kind == BQ_STRUCT)
        sql = sql_printf(a, "bq_stored_struct(%s,%s)", sql, sql_bind_type(a, column));
    return sql;
}
