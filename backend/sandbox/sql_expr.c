/*
 * Expressions: predicates, arrays, structs, subqueries. Literals are in sql_literal.c, operators in
 * sql_operator.c, calls in sql_call.c.
 */
#include "backend/sandbox/sql_analyze.h"

#define MAX_DEPTH 600

static sql_typed nothing(const sql_expr *x)
{
    return sql_make(BQ_INT64, "NULL", x->pos);
}

/* A query inside an expression: it may refer to the rows around it. */
static sql_relation analyze_inner(sql_analysis *a, sql_scope *scope, const sql_query *q)
{
    a->subqueries++;
    sql_relation r = sql_analyze_query(a, scope, q);
    a->subqueries--;
    return r;
}

/* ---- Predicates -------------------------------------------------------------------------------- */

static sql_typed result_of(sql_analysis *a, bq_kind kind, const sql_typed *args, size_t count,
                           size_t pos)
{
    sql_typed t = sql_make(kind, "NULL", pos);

    (void)a;
    for (size_t i = 0; i < count; i++)
        sql_inherit(&t, &args[i]);
    return t;
}

static sql_typed *analyze_args(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = BW_ARENA_ARRAY(a->arena, sql_typed, x->args.count + 1);

    for (size_t i = 0; i < x->args.count; i++)
        args[i] = sql_analyze(a, scope, x->args.items[i]);
    return args;
}

/* Brings all to one type that can be compared; false with the error set. */
static bool unify(sql_analysis *a, sql_typed *args, size_t count, const char *what, size_t pos,
                  bq_field *super)
{
    if (!sql_supertype(a, args, count, super)) {
        sql_no_signature(a, pos, what, args, count, "signature: ANY and the same type");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        sql_coerce(a, &args[i], super);
    if (super->kind == BQ_JSON || super->kind == BQ_GEOGRAPHY || super->mode == BQ_REPEATED) {
        sql_error(a, pos, "Equality is not defined for arguments of type %s",
                  sql_type_name(a, super));
        return false;
    }
    return true;
}

static sql_typed in_list(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_BOOL, args, x->args.count, x->pos);
    bq_field super;

    if (a->failed || !unify(a, args, x->args.count, "operator IN", x->pos, &super))
        return out;
    bw_buf sql = BW_BUF_INIT;
    bool floats = super.kind == BQ_FLOAT64;
    bw_buf_addf(&sql, "%s(", x->flag ? "(NOT " : "(");
    if (!floats)
        bw_buf_addf(&sql, "%s IN (", args[0].sql);
    for (size_t i = 1; i < x->args.count; i++) {
        if (floats)
            bw_buf_addf(&sql, "%sbq_feq(%s,%s)", i > 1 ? " OR " : "", args[0].sql, args[i].sql);
        else
            bw_buf_addf(&sql, "%s%s", i > 1 ? "," : "", args[i].sql);
    }
    bw_buf_adds(&sql, floats ? "))" : ")))");
    out.sql = bw_arena_strndup(a->arena, sql.ptr, sql.len);
    bw_buf_fini(&sql);
    return out;
}

static sql_typed in_unnest(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_BOOL, args, 2, x->pos);

    if (a->failed)
        return out;
    if (args[1].type.mode != BQ_REPEATED) {
        sql_error(a, args[1].pos, "Second argument of IN UNNEST must be an array but was %s",
                  sql_type_name(a, &args[1].type));
        return out;
    }
    bq_field element = sql_element_of(&args[1].type);
    if (!sql_coerce(a, &args[0], &element))
        sql_no_signature(a, x->pos, "operator IN UNNEST", args, 2,
                         "signature: ANY IN UNNEST(ARRAY<ANY>)");
    out.sql = sql_printf(a, "(%sbq_array_contains(%s,%s,%d))", x->flag ? "NOT " : "", args[1].sql,
                         args[0].sql, (int)element.kind);
    return out;
}

static sql_typed in_query(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed both[2] = {sql_analyze(a, scope, x->args.items[0])};
    sql_relation r = analyze_inner(a, scope, x->query);
    sql_typed out = result_of(a, BQ_BOOL, both, 1, x->pos);
    bq_field super;

    out.constant = false;
    if (a->failed)
        return out;
    if (r.columns.count != 1) {
        sql_error(a, x->query->pos, "Subquery of type IN must have only one output column");
        return out;
    }
    both[1] = (sql_typed){.type = r.columns.items[0].type, .sql = "c1", .pos = x->pos};
    if (!unify(a, both, 2, "operator IN", x->pos, &super))
        return out;
    out.sql = sql_printf(a, "(%s%s IN (SELECT %s FROM (%s)))", x->flag ? "NOT " : "",
                         sql_key(a, &both[0]), sql_key(a, &both[1]), r.sql);
    return out;
}

static sql_typed analyze_in(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    return x->query   ? in_query(a, scope, x)
           : x->other ? in_unnest(a, scope, x)
                      : in_list(a, scope, x);
}

static sql_typed analyze_between(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_BOOL, args, 3, x->pos);
    bq_field super;

    if (a->failed || !unify(a, args, 3, "operator BETWEEN", x->pos, &super))
        return out;
    const char *not = x->flag ? "NOT " : "";
    if (super.kind == BQ_FLOAT64)
        out.sql = sql_printf(a, "(%s(bq_fle(%s,%s) AND bq_fle(%s,%s)))", not, args[1].sql,
                             args[0].sql, args[0].sql, args[2].sql);
    else
        out.sql = sql_printf(a, "(%s(%s BETWEEN %s AND %s))", not, sql_key(a, &args[0]),
                             sql_key(a, &args[1]), sql_key(a, &args[2]));
    return out;
}

static sql_typed analyze_like(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_BOOL, args, 2, x->pos);
    const bq_field string = sql_type(BQ_STRING), bytes = sql_type(BQ_BYTES);

    if (a->failed)
        return out;
    bool strings = sql_coerce(a, &args[0], &string) && sql_coerce(a, &args[1], &string);
    if (!strings && !(sql_coerce(a, &args[0], &bytes) && sql_coerce(a, &args[1], &bytes)))
        sql_no_signature(a, x->pos, "operator LIKE", args, 2,
                         "signatures: STRING LIKE STRING; BYTES LIKE BYTES");
    out.sql = sql_printf(a, "(%sbq_like(%s,%s))", x->flag ? "NOT " : "", args[0].sql, args[1].sql);
    return out;
}

static sql_typed analyze_is(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed arg = sql_analyze(a, scope, x->args.items[0]);
    sql_typed out = result_of(a, BQ_BOOL, &arg, 1, x->pos);
    bool null = sql_name_equal(x->text, "NULL") || sql_name_equal(x->text, "UNKNOWN");
    const bq_field boolean = sql_type(BQ_BOOL);

    if (!a->failed && !sql_name_equal(x->text, "NULL") && !sql_coerce(a, &arg, &boolean))
        sql_no_signature(a, x->pos, sql_printf(a, "operator IS %.*s", BW_SLICE_ARG(x->text)), &arg,
                         1, "signature: BOOL IS TRUE or FALSE");
    const char *value = null ? "NULL" : sql_name_equal(x->text, "TRUE") ? "1" : "0";
    out.sql = sql_printf(a, "(%s %s %s)", arg.sql, x->flag ? "IS NOT" : "IS", value);
    return out;
}

static sql_typed analyze_is_distinct(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_BOOL, args, 2, x->pos);
    bq_field super;

    if (a->failed || !unify(a, args, 2, "operator IS DISTINCT FROM", x->pos, &super))
        return out;
    out.sql = sql_printf(a, "(%s %s %s)", sql_key(a, &args[0]), x->flag ? "IS" : "IS NOT",
                         sql_key(a, &args[1]));
    return out;
}

/* ---- Subqueries -------------------------------------------------------------------------------- */

static sql_typed subquery_result(sql_analysis *a, const sql_relation *r, const sql_expr *x,
                                 const char *what)
{
    sql_typed out = nothing(x);

    out.constant = false;
    if (a->failed)
        return out;
    if (r->columns.count != 1)
        sql_error(a, x->query->pos,
                  "%s cannot have more than one column unless using SELECT AS "
                  "STRUCT to build STRUCT values",
                  what);
    else
        out.type = r->columns.items[0].type;
    return out;
}

static sql_typed analyze_subquery(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_relation r = analyze_inner(a, scope, x->query);
    sql_typed out = subquery_result(a, &r, x, "Scalar subquery");

    out.sql = sql_printf(a, "(SELECT bq_single(c1) FROM (%s))", r.sql);
    return out;
}

static sql_typed analyze_array_query(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_relation r = analyze_inner(a, scope, x->query);
    sql_typed out = subquery_result(a, &r, x, "ARRAY subquery");

    if (!a->failed && out.type.mode == BQ_REPEATED)
        sql_error(a, x->pos,
                  "Cannot use array subquery with column of type %s because nested "
                  "arrays are not supported",
                  sql_type_name(a, &out.type));
    out.type = sql_array_of(out.type);
    out.sql = sql_printf(a, "(SELECT bq_collect(c1) FROM (%s))", r.sql);
    return out;
}

static sql_typed analyze_exists(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_relation r = analyze_inner(a, scope, x->query);
    sql_typed out = sql_make(BQ_BOOL, sql_printf(a, "(EXISTS (%s))", r.sql), x->pos);

    out.constant = false;
    return out;
}

/* ---- Arrays and structs ------------------------------------------------------------------------ */

/* "INT64, STRING": each once */
static const char *type_list(sql_analysis *a, const sql_typed *items, size_t count)
{
    const char *out = "";

    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || bq_type_equal(&items[i].type, &items[j].type);
        if (!seen)
            out = sql_printf(a, "%s%s%s", out, *out ? ", " : "", sql_type_name(a, &items[i].type));
    }
    return out;
}

static sql_typed analyze_array(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_INT64, args, x->args.count, x->pos);
    bq_field element = sql_type(BQ_INT64);

    if (a->failed)
        return out;
    if (x->type)
        element = sql_element_of(x->type);
    else if (x->args.count == 0)
        out.literal = SQL_L_EMPTY_ARRAY;
    else if (!sql_supertype(a, args, x->args.count, &element))
        sql_error(a, x->pos, "Array elements of types {%s} do not have a common supertype",
                  type_list(a, args, x->args.count));
    if (element.mode == BQ_REPEATED)
        sql_error(a, x->pos,
                  "Cannot construct array with element type %s because nested arrays "
                  "are not supported",
                  sql_type_name(a, &element));
    for (size_t i = 0; !a->failed && i < x->args.count; i++) {
        if (!sql_coerce(a, &args[i], &element))
            sql_error(a, args[i].pos, "Array element type %s does not coerce to %s",
                      sql_type_name(a, &args[i].type), sql_type_name(a, &element));
    }
    element.mode = BQ_NULLABLE;
    out.type = sql_array_of(element);
    out.sql = sql_tuple(a, args, x->args.count);
    if (!x->type) {
        out.items = args;
        out.item_count = x->args.count;
    }
    return out;
}

static const char *field_name(sql_analysis *a, const sql_expr *x, size_t i)
{
    const sql_expr *value = x->args.items[i];
    bw_slice name = x->names.items[i];

    if (name.len == 0 && value->kind == SQL_X_PATH)
        name = value->names.items[value->names.count - 1];
    if (name.len == 0 && value->kind == SQL_X_FIELD)
        name = value->text;
    return bw_arena_strndup(a->arena, name.ptr ? name.ptr : "", name.len);
}

static sql_typed analyze_struct(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    size_t count = x->args.count;
    sql_typed out = result_of(a, BQ_STRUCT, args, count, x->pos);

    if (a->failed)
        return out;
    if (x->type && x->type->fields.count != count) {
        sql_error(a, x->pos, "STRUCT type has %zu fields but constructor call has %zu fields",
                  x->type->fields.count, count);
        return out;
    }
    if (x->type)
        out.type = *x->type;
    else
        out.type.fields = (bq_schema){BW_ARENA_ARRAY(a->arena, bq_field, count + 1), count};
    for (size_t i = 0; i < count; i++) {
        bq_field *f = &out.type.fields.fields[i];
        if (x->type && !sql_coerce(a, &args[i], f))
            sql_error(a, args[i].pos, "Struct field %zu has type %s which does not coerce to %s",
                      i + 1, sql_type_name(a, &args[i].type), sql_type_name(a, f));
        if (!x->type) {
            *f = args[i].type;
            f->name = field_name(a, x, i);
        }
    }
    out.sql = sql_tuple(a, args, count);
    if (!x->type) {
        out.items = args;
        out.item_count = count;
    }
    return out;
}

static sql_typed analyze_index(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed *args = analyze_args(a, scope, x);
    sql_typed out = result_of(a, BQ_INT64, args, 2, x->pos);
    const bq_field integer = sql_type(BQ_INT64);
    bool ordinal = sql_name_equal(x->text, "ORDINAL") || sql_name_equal(x->text, "SAFE_ORDINAL");
    bool safe =
        x->text.len > 4 && sql_slice_equal((bw_slice){x->text.ptr, 4}, BW_SLICE_LIT("SAFE"));

    if (a->failed)
        return out;
    if (args[0].type.kind == BQ_JSON && args[0].type.mode != BQ_REPEATED) {
        bool name = args[1].type.kind == BQ_STRING;
        out.type = sql_type(BQ_JSON);
        out.sql = sql_printf(a, "bq_json_%s(%s,%s)", name ? "member" : "element", args[0].sql,
                             args[1].sql);
        return out;
    }
    if (args[0].type.mode != BQ_REPEATED) {
        sql_error(a, x->pos, "Subscript access using [INT64] is not supported on values of type %s",
                  sql_type_name(a, &args[0].type));
        return out;
    }
    if (!sql_coerce(a, &args[1], &integer))
        sql_error(a, args[1].pos,
                  "Array position in [] must be coercible to INT64 type, but has "
                  "type %s",
                  sql_type_name(a, &args[1].type));
    out.type = sql_element_of(&args[0].type);
    out.sql = sql_printf(a, "%sbq_element(%s,%s,%d)", safe ? "safe_" : "", args[0].sql, args[1].sql,
                         ordinal);
    return out;
}

static sql_typed analyze_field(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed value = sql_analyze(a, scope, x->args.items[0]);

    return a->failed ? value : sql_field_of(a, &value, x->text, x->pos);
}

/* ---- The rest ---------------------------------------------------------------------------------- */

static sql_typed analyze_star(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    (void)scope;
    sql_error(a, x->pos, "Syntax error: Unexpected \"*\"");
    return nothing(x);
}

static sql_typed analyze_named(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    (void)scope;
    sql_error(a, x->pos, "Named argument %.*s not found in signature", BW_SLICE_ARG(x->text));
    return nothing(x);
}

static sql_typed analyze_default(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    (void)scope;
    sql_error(a, x->pos, "Unexpected keyword DEFAULT");
    return nothing(x);
}

typedef sql_typed analyzer(sql_analysis *a, sql_scope *scope, const sql_expr *x);

static analyzer *const analyzers[] = {
    [SQL_X_NULL] = sql_literal_null,
    [SQL_X_BOOL] = sql_literal_bool,
    [SQL_X_INT] = sql_literal_int,
    [SQL_X_FLOAT] = sql_literal_float,
    [SQL_X_STRING] = sql_literal_string,
    [SQL_X_BYTES] = sql_literal_bytes,
    [SQL_X_TYPED] = sql_literal_typed,
    [SQL_X_PARAM] = sql_literal_param,
    [SQL_X_PATH] = sql_resolve_path,
    [SQL_X_STAR] = analyze_star,
    [SQL_X_UNARY] = sql_analyze_unary,
    [SQL_X_BINARY] = sql_analyze_binary,
    [SQL_X_LOGIC] = sql_analyze_logic,
    [SQL_X_CALL] = sql_analyze_call,
    [SQL_X_CASE] = sql_analyze_case,
    [SQL_X_CAST] = sql_analyze_cast,
    [SQL_X_EXTRACT] = sql_analyze_extract,
    [SQL_X_IN] = analyze_in,
    [SQL_X_BETWEEN] = analyze_between,
    [SQL_X_LIKE] = analyze_like,
    [SQL_X_IS] = analyze_is,
    [SQL_X_IS_DISTINCT] = analyze_is_distinct,
    [SQL_X_SUBQUERY] = analyze_subquery,
    [SQL_X_EXISTS] = analyze_exists,
    [SQL_X_ARRAY_QUERY] = analyze_array_query,
    [SQL_X_ARRAY] = analyze_array,
    [SQL_X_STRUCT] = analyze_struct,
    [SQL_X_INDEX] = analyze_index,
    [SQL_X_FIELD] = analyze_field,
    [SQL_X_INTERVAL] = sql_analyze_interval,
    [SQL_X_NAMED] = analyze_named,
    [SQL_X_DEFAULT] = analyze_default,
};

void sql_match_group(const sql_scope *scope, sql_typed *x)
{
    for (size_t i = 0; scope->grouped && x->ungrouped && i < scope->groups.count; i++) {
        if (strcmp(scope->groups.items[i].sql, x->sql) != 0)
            continue;
        x->ungrouped = NULL;
        if (scope->excluded && scope->excluded[i]) {
            x->sql = "NULL";
            x->origin = NULL;
            x->items = NULL;
        }
    }
}

sql_typed sql_analyze(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    if (a->failed)
        return nothing(x);
    if (++a->depth > MAX_DEPTH) {
        sql_error(a, x->pos, "Query is too deeply nested");
        a->depth--;
        return nothing(x);
    }
    sql_typed out = analyzers[x->kind](a, scope, x);
    a->depth--;
    sql_match_group(scope, &out);
    return out;
}

sql_typed sql_analyze_bool(sql_analysis *a, sql_scope *scope, const sql_expr *x, const char *where)
{
    sql_typed t = sql_analyze(a, scope, x);
    const bq_field boolean = sql_type(BQ_BOOL);

    if (!a->failed && !sql_coerce(a, &t, &boolean))
        sql_error(a, t.pos, "%s should return type BOOL, but returns %s", where,
                  sql_type_name(a, &t.type));
    return t;
}
