/*
 * Functions whose types follow from their arguments: conditionals, GREATEST, CONCAT, arrays, JSON,
 * the current time.
 */
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/sql_functions.h"

static sql_typed typed(bq_field type, const char *sql)
{
    return (sql_typed){.type = type, .sql = sql};
}

/* Brings arguments [from, count) to their supertype. */
static bool unify(sql_analysis *a, const sql_expr *x, sql_typed *args, size_t from, size_t count,
                  const char *name, bq_field *super)
{
    if (sql_supertype(a, args + from, count - from, super)) {
        for (size_t i = from; i < count; i++)
            sql_coerce(a, &args[i], super);
        return true;
    }
    sql_no_signature(a, x->pos, sql_printf(a, "function %s", name), args, count,
                     sql_printf(a, "signature: %s(ANY, [ANY, ...])", name));
    return false;
}

static const char *list(sql_analysis *a, const char *function, const sql_typed *args, size_t count)
{
    bw_buf out = BW_BUF_INIT;

    bw_buf_addf(&out, "%s(", function);
    for (size_t i = 0; i < count; i++)
        bw_buf_addf(&out, "%s%s", i ? "," : "", args[i].sql);
    bw_buf_addc(&out, ')');
    const char *text = bw_arena_strndup(a->arena, out.ptr, out.len);
    bw_buf_fini(&out);
    return text;
}

static sql_typed call_if(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                         size_t count)
{
    const bq_field boolean = sql_type(BQ_BOOL);
    bq_field super = boolean;

    (void)scope;
    if (!sql_coerce(a, &args[0], &boolean))
        sql_no_signature(a, x->pos, "function IF", args, count, "signature: IF(BOOL, ANY, ANY)");
    unify(a, x, args, 1, 3, "IF", &super);
    return typed(super, sql_printf(a, "(CASE WHEN %s THEN %s ELSE %s END)", args[0].sql,
                                   args[1].sql, args[2].sql));
}

static sql_typed call_coalesce(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                               sql_typed *args, size_t count)
{
    bq_field super = sql_type(BQ_INT64);

    (void)scope;
    unify(a, x, args, 0, count, "COALESCE", &super);
    return typed(super, count == 1 ? args[0].sql : list(a, "coalesce", args, count));
}

static sql_typed call_nullif(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                             size_t count)
{
    bq_field super = sql_type(BQ_INT64);

    (void)scope;
    unify(a, x, args, 0, count, "NULLIF", &super);
    sql_typed same = sql_compare(a, "=", args[0], args[1], x->pos);
    return typed(super,
                 sql_printf(a, "(CASE WHEN %s THEN NULL ELSE %s END)", same.sql, args[0].sql));
}

static sql_typed extreme(sql_analysis *a, const sql_expr *x, sql_typed *args, size_t count,
                         const char *name)
{
    bq_field super = sql_type(BQ_INT64);
    bool least = name[0] == 'L';

    if (!unify(a, x, args, 0, count, name, &super))
        return typed(super, "NULL");
    if (super.mode == BQ_REPEATED || super.kind == BQ_JSON || super.kind == BQ_STRUCT ||
        super.kind == BQ_GEOGRAPHY)
        sql_error(a, x->pos, "Argument type %s is not supported by function %s",
                  sql_type_name(a, &super), name);
    if (count == 1)
        return args[0];
    /* SQLite's min and max of several values are NULL when any is, as GoogleSQL's. */
    return typed(super, super.kind == BQ_FLOAT64
                            ? list(a, least ? "bq_fleast" : "bq_fgreatest", args, count)
                            : list(a, least ? "min" : "max", args, count));
}

static sql_typed call_greatest(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                               sql_typed *args, size_t count)
{
    (void)scope;
    return extreme(a, x, args, count, "GREATEST");
}

static sql_typed call_least(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                            size_t count)
{
    (void)scope;
    return extreme(a, x, args, count, "LEAST");
}

static sql_typed call_concat(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                             size_t count)
{
    bq_field type = sql_type(args[0].type.kind == BQ_BYTES ? BQ_BYTES : BQ_STRING);

    (void)scope;
    for (size_t i = 0; i < count; i++) {
        if (type.kind == BQ_STRING && args[i].type.kind != BQ_BYTES &&
            args[i].type.mode != BQ_REPEATED && args[i].type.kind != BQ_STRUCT &&
            args[i].type.kind != BQ_JSON)
            args[i] = sql_cast(a, &args[i], &type, false, args[i].pos);
        else if (!sql_coerce(a, &args[i], &type))
            sql_no_signature(a, x->pos, "function CONCAT", args, count,
                             "signatures: CONCAT(STRING, [STRING, ...]); CONCAT(BYTES, [BYTES, "
                             "...])");
    }
    return typed(type, list(a, "bq_concat", args, count));
}

/* ---- Arrays ------------------------------------------------------------------------------------ */

static bool need_array(sql_analysis *a, const sql_expr *x, const sql_typed *arg, const char *name)
{
    if (arg->type.mode == BQ_REPEATED || arg->literal == SQL_L_NULL)
        return true;
    sql_no_signature(a, x->pos, sql_printf(a, "function %s", name), arg, 1,
                     sql_printf(a, "signature: %s(ARRAY)", name));
    return false;
}

static sql_typed call_array_length(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                   sql_typed *args, size_t count)
{
    (void)scope;
    (void)count;
    need_array(a, x, &args[0], "ARRAY_LENGTH");
    return typed(sql_type(BQ_INT64), list(a, "bq_array_length", args, 1));
}

static sql_typed call_array_reverse(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                    sql_typed *args, size_t count)
{
    (void)scope;
    (void)count;
    need_array(a, x, &args[0], "ARRAY_REVERSE");
    return typed(args[0].type, list(a, "bq_array_reverse", args, 1));
}

static sql_typed call_array_end(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                sql_typed *args, size_t count)
{
    bool last = sql_name_equal(x->names.items[0], "ARRAY_LAST");

    (void)scope;
    (void)count;
    need_array(a, x, &args[0], last ? "ARRAY_LAST" : "ARRAY_FIRST");
    return typed(sql_element_of(&args[0].type),
                 sql_printf(a, "bq_array_end(%s,%d)", args[0].sql, last));
}

static sql_typed call_array_slice(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                  sql_typed *args, size_t count)
{
    const bq_field integer = sql_type(BQ_INT64);

    (void)scope;
    if (!need_array(a, x, &args[0], "ARRAY_SLICE") || !sql_coerce(a, &args[1], &integer) ||
        !sql_coerce(a, &args[2], &integer))
        sql_no_signature(a, x->pos, "function ARRAY_SLICE", args, count,
                         "signature: ARRAY_SLICE(ARRAY, INT64, INT64)");
    return typed(args[0].type, list(a, "bq_array_slice", args, count));
}

static sql_typed call_array_concat(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                   sql_typed *args, size_t count)
{
    bq_field super = sql_type(BQ_INT64);

    (void)scope;
    if (unify(a, x, args, 0, count, "ARRAY_CONCAT", &super))
        need_array(a, x, &(sql_typed){.type = super}, "ARRAY_CONCAT");
    return typed(super, list(a, "bq_array_concat", args, count));
}

static sql_typed call_range_bucket(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                   sql_typed *args, size_t count)
{
    bq_field point = args[0].type, array = sql_array_of(point);

    (void)scope;
    if (args[1].type.mode == BQ_REPEATED) {
        sql_typed both[2] = {args[0], {.type = sql_element_of(&args[1].type)}};
        if (sql_supertype(a, both, 2, &point))
            array = sql_array_of(point);
    }
    if (point.mode == BQ_REPEATED || !sql_coerce(a, &args[0], &point) ||
        !sql_coerce(a, &args[1], &array))
        sql_no_signature(a, x->pos, "function RANGE_BUCKET", args, count,
                         "signature: RANGE_BUCKET(T, ARRAY<T>)");
    return typed(sql_type(BQ_INT64),
                 sql_printf(a, "bq_range_bucket(%s,%s)", args[0].sql, args[1].sql));
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static const char *json_of(sql_analysis *a, const sql_typed *x)
{
    return sql_printf(a, "bq_to_json(%s,%s)", x->sql, sql_bind_type(a, &x->type));
}

static sql_typed call_to_json(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                              size_t count)
{
    bool text = sql_name_equal(x->names.items[0], "TO_JSON_STRING");
    const bq_field boolean = sql_type(BQ_BOOL);
    const char *json = json_of(a, &args[0]);

    (void)scope;
    if (count == 2 && (!text || !sql_coerce(a, &args[1], &boolean)))
        sql_no_signature(a, x->pos, text ? "function TO_JSON_STRING" : "function TO_JSON", args,
                         count, "signatures: TO_JSON_STRING(ANY, [BOOL]); TO_JSON(ANY)");
    if (count == 2)
        json = sql_printf(a, "(CASE WHEN %s THEN bq_json_indent(%s) ELSE %s END)", args[1].sql,
                          json, json);
    if (!text) /* a JSON value has its members in order */
        json = sql_printf(a, "bq_parse_json(%s,1)", json);
    return typed(sql_type(text ? BQ_STRING : BQ_JSON), json);
}

static sql_typed call_json_array(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                 sql_typed *args, size_t count)
{
    (void)scope;
    (void)x;
    for (size_t i = 0; i < count; i++)
        args[i].sql = json_of(a, &args[i]);
    return typed(sql_type(BQ_JSON), list(a, "bq_json_array", args, count));
}

static sql_typed call_json_object(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                  sql_typed *args, size_t count)
{
    const bq_field string = sql_type(BQ_STRING);

    (void)scope;
    for (size_t i = 0; i < count; i++) {
        if (i % 2 == 1)
            args[i].sql = json_of(a, &args[i]);
        else if (count % 2 != 0 || !sql_coerce(a, &args[i], &string))
            sql_no_signature(a, x->pos, "function JSON_OBJECT", args, count,
                             "signature: JSON_OBJECT([STRING, ANY], ...)");
    }
    return typed(sql_type(BQ_JSON), list(a, "bq_json_object", args, count));
}

static sql_typed call_parse_json(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                 sql_typed *args, size_t count)
{
    const bq_field string = sql_type(BQ_STRING);
    const char *mode = "0";

    if (!sql_coerce(a, &args[0], &string))
        sql_no_signature(a, x->pos, "function PARSE_JSON", args, 1,
                         "signature: PARSE_JSON(STRING, [wide_number_mode => STRING])");
    if (count == 2) {
        const sql_expr *named = x->args.items[1];
        const sql_expr *value = named->kind == SQL_X_NAMED ? named->args.items[0] : named;
        sql_typed v = sql_analyze(a, scope, value);
        if (v.literal != SQL_L_STRING ||
            (!bw_slice_is(v.text, "round") && !bw_slice_is(v.text, "exact")))
            sql_error(a, named->pos,
                      "Invalid `wide_number_mode` specified: must be 'exact' or "
                      "'round'");
        mode = bw_slice_is(v.text, "round") ? "1" : "0";
    }
    return typed(sql_type(BQ_JSON), sql_printf(a, "bq_parse_json(%s,%s)", args[0].sql, mode));
}

/* ---- MAKE_INTERVAL ----------------------------------------------------------------------------- */

static sql_typed call_make_interval(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                    sql_typed *args, size_t count)
{
    static const char *const names[] = {"year", "month", "day", "hour", "minute", "second"};
    const bq_field integer = sql_type(BQ_INT64);
    const char *parts[6] = {"0", "0", "0", "0", "0", "0"};

    for (size_t i = 0; i < count; i++) {
        const sql_expr *named = x->args.items[i];
        size_t at = i;
        if (named->kind == SQL_X_NAMED) {
            for (at = 0; at < 6 && !sql_name_equal(named->text, names[at]);)
                at++;
            args[i] = sql_analyze(a, scope, named->args.items[0]);
        }
        if (at == 6)
            sql_error(a, named->pos,
                      "Named argument `%.*s` not found in signature for function "
                      "MAKE_INTERVAL",
                      BW_SLICE_ARG(named->text));
        else if (!sql_coerce(a, &args[i], &integer))
            sql_no_signature(a, x->pos, "function MAKE_INTERVAL", args, count,
                             "signature: MAKE_INTERVAL([INT64], ...)");
        else
            parts[at] = args[i].sql;
    }
    return typed(sql_type(BQ_INTERVAL),
                 sql_printf(a, "bq_interval_of(%s,%s,%s,%s,%s,%s)", parts[0], parts[1], parts[2],
                            parts[3], parts[4], parts[5]));
}

/* ---- FORMAT ------------------------------------------------------------------------------------ */

static sql_typed call_format(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                             size_t count)
{
    const bq_field string = sql_type(BQ_STRING);
    bw_buf out = BW_BUF_INIT;

    (void)scope;
    if (!sql_coerce(a, &args[0], &string))
        sql_no_signature(a, x->pos, "function FORMAT", args, count,
                         "signature: FORMAT(STRING, [ANY, ...])");
    bw_buf_addf(&out, "bq_format(%s", args[0].sql);
    for (size_t i = 1; i < count; i++)
        bw_buf_addf(&out, ",%s,%s", args[i].sql, sql_bind_type(a, &args[i].type));
    bw_buf_addc(&out, ')');
    sql_typed t = typed(string, bw_arena_strndup(a->arena, out.ptr, out.len));
    bw_buf_fini(&out);
    return t;
}

/* ---- Now --------------------------------------------------------------------------------------- */

/* The statement's time, optionally at a zone. */
static int64_t local_now(sql_analysis *a, const sql_expr *x, const sql_typed *args, size_t count)
{
    int64_t offset = 0;

    if (count > 0 && (args[0].literal != SQL_L_STRING ||
                      !bq_zone_offset(args[0].text, a->now_us, false, &offset)))
        sql_error(a, x->pos, "Invalid time zone: %.*s", BW_SLICE_ARG(args[0].text));
    return a->now_us + offset;
}

static sql_typed constant(sql_analysis *a, bq_kind kind, int64_t v)
{
    bq_value value = bq_int(v);
    return typed(sql_type(kind), sql_value_text(a, &value));
}

static sql_typed call_now(sql_analysis *a, sql_scope *scope, const sql_expr *x, sql_typed *args,
                          size_t count)
{
    int64_t now = local_now(a, x, args, count);
    bw_slice name = x->names.items[0];
    int64_t days = bq_floor_div(now, BQ_US_PER_DAY);

    (void)scope;
    if (sql_name_equal(name, "CURRENT_DATE"))
        return constant(a, BQ_DATE, days);
    if (sql_name_equal(name, "CURRENT_TIME"))
        return constant(a, BQ_TIME, now - days * BQ_US_PER_DAY);
    if (sql_name_equal(name, "CURRENT_DATETIME"))
        return constant(a, BQ_DATETIME, now);
    return constant(a, BQ_TIMESTAMP, a->now_us);
}

const sql_special sql_specials[] = {
    {"IF", 3, 3, call_if},
    {"IFNULL", 2, 2, call_coalesce},
    {"COALESCE", 1, -1, call_coalesce},
    {"NULLIF", 2, 2, call_nullif},
    {"GREATEST", 1, -1, call_greatest},
    {"LEAST", 1, -1, call_least},
    {"CONCAT", 1, -1, call_concat},
    {"ARRAY_LENGTH", 1, 1, call_array_length},
    {"ARRAY_REVERSE", 1, 1, call_array_reverse},
    {"ARRAY_CONCAT", 1, -1, call_array_concat},
    {"ARRAY_FIRST", 1, 1, call_array_end},
    {"ARRAY_LAST", 1, 1, call_array_end},
    {"ARRAY_SLICE", 3, 3, call_array_slice},
    {"RANGE_BUCKET", 2, 2, call_range_bucket},
    {"JSON_ARRAY", 0, -1, call_json_array},
    {"JSON_OBJECT", 0, -1, call_json_object},
    {"TO_JSON_STRING", 1, 2, call_to_json},
    {"TO_JSON", 1, 1, call_to_json},
    {"PARSE_JSON", 1, 2, call_parse_json},
    {"MAKE_INTERVAL", 0, 6, call_make_interval},
    {"FORMAT", 1, -1, call_format},
    {"CURRENT_TIMESTAMP", 0, 0, call_now},
    {"CURRENT_DATE", 0, 1, call_now},
    {"CURRENT_DATETIME", 0, 1, call_now},
    {"CURRENT_TIME", 0, 1, call_now},
};

const size_t sql_special_count = BW_COUNT(sql_specials);
