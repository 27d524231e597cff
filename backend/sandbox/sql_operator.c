/*
 * Operators: arithmetic that fails rather than wraps, comparisons, concatenation, logic, CASE, CAST.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_analyze.h"

/* ---- Comparison -------------------------------------------------------------------------------- */

static const struct {
    const char *op, *floats;
} comparisons[] = {{"=", "bq_feq"},  {"!=", "bq_fne"}, {"<", "bq_flt"},
                   {"<=", "bq_fle"}, {">", "bq_fgt"},  {">=", "bq_fge"}};

static bool comparable(const bq_field *type, bool equality)
{
    for (size_t i = 0; type->kind == BQ_STRUCT && i < type->fields.count; i++) {
        if (!comparable(&type->fields.fields[i], equality))
            return false;
    }
    if (type->mode == BQ_REPEATED || type->kind == BQ_JSON || type->kind == BQ_GEOGRAPHY)
        return false;
    return equality || type->kind != BQ_STRUCT;
}

/* Notes a base table's column that a subquery compares for equality. */
static void want_index(sql_analysis *a, const sql_typed *x)
{
    const sql_column *c = x->origin;

    if (a->subqueries == 0 || !c || !c->table || strcmp(c->sql, x->sql) != 0)
        return;
    for (size_t i = 0; i < a->index_count; i++) {
        if (a->indexes[i].table == c->table && a->indexes[i].column == c->index)
            return;
    }
    *SQL_ADD(a, a->indexes, a->index_count) = (sql_index){c->table, c->index};
}

sql_typed sql_compare(sql_analysis *a, const char *op, sql_typed l, sql_typed r, size_t pos)
{
    sql_typed both[2] = {l, r};
    sql_typed out = sql_make(BQ_BOOL, "NULL", pos);
    bool equality = op[0] == '=' || op[0] == '!';
    bq_field super;

    sql_inherit(&out, &l);
    sql_inherit(&out, &r);
    if (a->failed)
        return out;
    if (!sql_supertype(a, both, 2, &super)) {
        sql_no_signature(a, pos, sql_printf(a, "operator %s", op), both, 2,
                         sql_printf(a, "signature: ANY %s ANY", op));
        return out;
    }
    if (!comparable(&super, equality)) {
        sql_error(a, pos, "%s is not defined for arguments of type %s",
                  equality ? "Equality" : sql_printf(a, "Operator %s", op),
                  sql_type_name(a, &super));
        return out;
    }
    sql_coerce(a, &both[0], &super);
    sql_coerce(a, &both[1], &super);
    out.sql = sql_printf(a, "(%s %s %s)", sql_key(a, &both[0]), op, sql_key(a, &both[1]));
    if (super.kind == BQ_STRUCT)
        out.sql = sql_printf(a, "(%sbq_struct_equal(%s,%s,%s))", op[0] == '!' ? "NOT " : "",
                             both[0].sql, both[1].sql, sql_bind_type(a, &super));
    if (op[0] == '=' && super.kind != BQ_FLOAT64) {
        want_index(a, &both[0]);
        want_index(a, &both[1]);
    }
    for (size_t i = 0; super.kind == BQ_FLOAT64 && i < BW_COUNT(comparisons); i++) {
        if (strcmp(op, comparisons[i].op) == 0)
            out.sql = sql_printf(a, "%s(%s,%s)", comparisons[i].floats, both[0].sql, both[1].sql);
    }
    return out;
}

/* ---- Arithmetic -------------------------------------------------------------------------------- */

typedef struct arithmetic_row {
    const char *op, *ints, *decimals, *floats;
    const char *signatures;
} arithmetic_row;

#define NUMBERS(op)                                                       \
    "signatures: INT64 " op " INT64; FLOAT64 " op " FLOAT64; NUMERIC " op \
    " NUMERIC; BIGNUMERIC " op " BIGNUMERIC"

static const arithmetic_row arithmetic[] = {
    {"+", "bq_iadd", "bq_dadd", "bq_fadd",
     NUMBERS("+") "; DATE + INT64; TIMESTAMP + INTERVAL; INTERVAL + INTERVAL"},
    {"-", "bq_isub", "bq_dsub", "bq_fsub",
     NUMBERS("-") "; DATE - INT64; TIMESTAMP - INTERVAL; INTERVAL - INTERVAL"},
    {"*", "bq_imul", "bq_dmul", "bq_fmul", NUMBERS("*")},
    {"/", NULL, "bq_ddiv", "bq_fdiv",
     "signatures: FLOAT64 / FLOAT64; NUMERIC / NUMERIC; BIGNUMERIC / BIGNUMERIC"},
};

static bool is_scalar(const sql_typed *x, bq_kind kind)
{
    return x->type.kind == kind && x->type.mode != BQ_REPEATED && x->literal != SQL_L_NULL;
}

static bool is_time(const sql_typed *x)
{
    return is_scalar(x, BQ_DATE) || is_scalar(x, BQ_DATETIME) || is_scalar(x, BQ_TIMESTAMP);
}

/* DATE + 1, TIMESTAMP - INTERVAL 1 DAY, DATE - DATE */
static bool time_arithmetic(sql_analysis *a, bool add, const sql_typed *l, const sql_typed *r,
                            sql_typed *out)
{
    if (is_scalar(l, BQ_INTERVAL) && is_scalar(r, BQ_INTERVAL)) {
        out->type = sql_type(BQ_INTERVAL);
        out->sql = sql_printf(a, "bq_interval_sum(%s,%s,%d)", l->sql, r->sql, add ? 1 : -1);
        return true;
    }
    const sql_typed *time = is_time(l) ? l : add && is_time(r) ? r : NULL;
    const sql_typed *other = time == l ? r : l;
    const char *sign = add ? "" : "-";

    if (!time)
        return false;
    if (is_scalar(time, BQ_DATE) && is_scalar(other, BQ_INT64)) {
        out->type = sql_type(BQ_DATE);
        out->sql = sql_printf(a, "bq_date_add(%s,%s%s,'DAY')", time->sql, sign, other->sql);
        return true;
    }
    if (is_scalar(other, BQ_INTERVAL)) {
        /* A DATE moved by an interval is a DATETIME. */
        bool date = is_scalar(time, BQ_DATE);
        out->type = sql_type(date ? BQ_DATETIME : time->type.kind);
        out->sql =
            sql_printf(a, "bq_add_interval(%s%s,%s,%d,%d)", time->sql, date ? "*86400000000" : "",
                       other->sql, add ? 1 : -1, (int)out->type.kind);
        return true;
    }
    if (!add && is_scalar(l, r->type.kind) && is_time(r)) {
        bool date = is_scalar(l, BQ_DATE);
        out->type = sql_type(BQ_INTERVAL);
        out->sql = sql_printf(a, "bq_time_difference(%s,%s,%d)", l->sql, r->sql, date);
        return true;
    }
    return false;
}

/* INTERVAL * INT64, INT64 * INTERVAL, INTERVAL / INT64 */
static bool interval_arithmetic(sql_analysis *a, bool product, const sql_typed *l,
                                const sql_typed *r, sql_typed *out)
{
    bool left = is_scalar(l, BQ_INTERVAL) && is_scalar(r, BQ_INT64);
    bool right = product && is_scalar(l, BQ_INT64) && is_scalar(r, BQ_INTERVAL);

    if (!left && !right)
        return false;
    out->type = sql_type(BQ_INTERVAL);
    out->sql = sql_printf(a, "bq_interval_%s(%s,%s)", product ? "product" : "quotient",
                          left ? l->sql : r->sql, left ? r->sql : l->sql);
    return true;
}

static void number_arithmetic(sql_analysis *a, const arithmetic_row *row, sql_typed *both,
                              sql_typed *out)
{
    const bq_field floats = sql_type(BQ_FLOAT64);
    bq_field super;
    bool ok = sql_supertype(a, both, 2, &super) && super.mode != BQ_REPEATED;

    if (ok && both[0].literal == SQL_L_STRING && both[1].literal == SQL_L_STRING)
        ok = false;
    if (ok && super.kind == BQ_INT64 && !row->ints)
        super = floats;
    if (!ok || !sql_is_numeric(super.kind) || !sql_coerce(a, &both[0], &super) ||
        !sql_coerce(a, &both[1], &super)) {
        sql_no_signature(a, out->pos, sql_printf(a, "operator %s", row->op), both, 2,
                         row->signatures);
        return;
    }
    const char *function = super.kind == BQ_INT64     ? row->ints
                           : super.kind == BQ_FLOAT64 ? row->floats
                                                      : row->decimals;
    out->type = sql_type(super.kind);
    out->sql = sql_printf(a, "%s(%s,%s)", function, both[0].sql, both[1].sql);
}

static void concatenate(sql_analysis *a, sql_typed *both, sql_typed *out)
{
    bq_field super;
    bool ok = sql_supertype(a, both, 2, &super);
    bool array = ok && super.mode == BQ_REPEATED;

    if (!ok || (!array && super.kind != BQ_STRING && super.kind != BQ_BYTES)) {
        sql_no_signature(a, out->pos, "operator ||", both, 2,
                         "signatures: STRING || STRING; BYTES || BYTES; ARRAY || ARRAY");
        return;
    }
    sql_coerce(a, &both[0], &super);
    sql_coerce(a, &both[1], &super);
    out->type = super;
    out->sql = sql_printf(a, "%s(%s,%s)", array ? "bq_array_concat" : "bq_concat", both[0].sql,
                          both[1].sql);
}

static void bitwise(sql_analysis *a, const char *op, sql_typed *both, sql_typed *out)
{
    const bq_field integer = sql_type(BQ_INT64);

    if (!sql_coerce(a, &both[0], &integer) || !sql_coerce(a, &both[1], &integer)) {
        sql_no_signature(a, out->pos, sql_printf(a, "operator %s", op), both, 2,
                         sql_printf(a, "signature: INT64 %s INT64", op));
        return;
    }
    out->type = integer;
    if (op[0] == '^' || op[0] == '<' || op[0] == '>')
        out->sql = sql_printf(a, "bq_bits(%s,'%s',%s)", both[0].sql, op, both[1].sql);
    else
        out->sql = sql_printf(a, "(%s %s %s)", both[0].sql, op, both[1].sql);
}

sql_typed sql_analyze_binary(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    const char *op = bw_arena_strndup(a->arena, x->text.ptr, x->text.len);
    sql_typed both[2] = {sql_analyze(a, scope, x->args.items[0]),
                         sql_analyze(a, scope, x->args.items[1])};
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);

    sql_inherit(&out, &both[0]);
    sql_inherit(&out, &both[1]);
    if (a->failed)
        return out;
    for (size_t i = 0; i < BW_COUNT(comparisons); i++) {
        if (strcmp(op, comparisons[i].op) == 0)
            return sql_compare(a, op, both[0], both[1], x->pos);
    }
    bool sum = op[0] == '+' || op[0] == '-';
    if (sum && time_arithmetic(a, op[0] == '+', &both[0], &both[1], &out))
        return out;
    if ((op[0] == '*' || op[0] == '/') &&
        interval_arithmetic(a, op[0] == '*', &both[0], &both[1], &out))
        return out;
    for (size_t i = 0; i < BW_COUNT(arithmetic); i++) {
        if (strcmp(op, arithmetic[i].op) == 0) {
            number_arithmetic(a, &arithmetic[i], both, &out);
            return out;
        }
    }
    if (strcmp(op, "||") == 0)
        concatenate(a, both, &out);
    else
        bitwise(a, op, both, &out);
    return out;
}

static sql_typed negate(sql_analysis *a, sql_typed x, size_t pos)
{
    sql_typed out = x;

    out.pos = pos;
    if (x.literal == SQL_L_INT || x.literal == SQL_L_FLOAT) {
        bool minus = x.text.len > 0 && x.text.ptr[0] == '-';
        out.text = bw_slice_cstr(minus ? sql_printf(a, "%.*s", (int)x.text.len - 1, x.text.ptr + 1)
                                       : sql_printf(a, "-%.*s", BW_SLICE_ARG(x.text)));
    }
    if (x.type.kind == BQ_INT64)
        out.sql = sql_printf(a, "bq_isub(0,%s)", x.sql);
    else if (x.type.kind == BQ_FLOAT64)
        out.sql = sql_printf(a, "bq_fneg(%s)", x.sql);
    else if (x.type.kind == BQ_INTERVAL)
        out.sql = sql_printf(a, "bq_interval_negate(%s)", x.sql);
    else
        out.sql = sql_printf(a, "bq_dneg(%s)", x.sql);
    return out;
}

/* -9223372036854775808 is one literal: its digits alone would not fit. */
static sql_typed negative_literal(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_expr literal = *x->args.items[0];

    literal.pos = x->pos;
    literal.text = bw_slice_cstr(sql_printf(a, "-%.*s", BW_SLICE_ARG(literal.text)));
    return sql_analyze(a, scope, &literal);
}

sql_typed sql_analyze_unary(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    const sql_expr *arg = x->args.items[0];
    char op = x->text.ptr[0];
    const bq_field boolean = sql_type(BQ_BOOL), integer = sql_type(BQ_INT64);
    bool hex = arg->text.len > 1 && (arg->text.ptr[1] | 32) == 'x';

    if (op == '-' && (arg->kind == SQL_X_INT || arg->kind == SQL_X_FLOAT) && !hex)
        return negative_literal(a, scope, x);
    sql_typed t = sql_analyze(a, scope, arg);
    if (a->failed)
        return t;
    if (op == 'N') {
        if (!sql_coerce(a, &t, &boolean))
            sql_no_signature(a, x->pos, "operator NOT", &t, 1, "signature: NOT BOOL");
        t.sql = sql_printf(a, "(NOT %s)", t.sql);
    } else if (op == '~') {
        if (!sql_coerce(a, &t, &integer))
            sql_no_signature(a, x->pos, "operator ~", &t, 1, "signature: ~INT64");
        t.sql = sql_printf(a, "(~%s)", t.sql);
    } else if (t.type.mode == BQ_REPEATED ||
               (!sql_is_numeric(t.type.kind) && t.type.kind != BQ_INTERVAL)) {
        sql_no_signature(a, x->pos, sql_printf(a, "operator %c", op), &t, 1,
                         "signatures: INT64; FLOAT64; NUMERIC; BIGNUMERIC");
    } else if (op == '-') {
        t = negate(a, t, x->pos);
    }
    return t;
}

/* ---- Logic ------------------------------------------------------------------------------------- */

/* Balanced, because SQLite limits the depth of expressions and long conditions are flat. */
static const char *join_balanced(sql_analysis *a, const sql_typed *items, size_t count,
                                 const char *op)
{
    if (count == 1)
        return items[0].sql;
    size_t half = count / 2;
    return sql_printf(a, "(%s %s %s)", join_balanced(a, items, half, op), op,
                      join_balanced(a, items + half, count - half, op));
}

sql_typed sql_analyze_logic(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    size_t count = x->args.count;
    sql_typed *args = BW_ARENA_ARRAY(a->arena, sql_typed, count);
    sql_typed out = sql_make(BQ_BOOL, "NULL", x->pos);
    const bq_field boolean = sql_type(BQ_BOOL);
    const char *op = x->flag ? "AND" : "OR";

    for (size_t i = 0; i < count; i++) {
        args[i] = sql_analyze(a, scope, x->args.items[i]);
        sql_inherit(&out, &args[i]);
    }
    for (size_t i = 0; !a->failed && i < count; i++) {
        if (!sql_coerce(a, &args[i], &boolean))
            sql_no_signature(a, x->pos, sql_printf(a, "operator %s", op), args, count,
                             sql_printf(a, "signature: BOOL %s ([BOOL, ...])", op));
    }
    if (!a->failed)
        out.sql = join_balanced(a, args, count, op);
    return out;
}

/* ---- CASE and CAST ----------------------------------------------------------------------------- */

sql_typed sql_analyze_case(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    size_t pairs = (x->args.count - x->flag - x->other) / 2;
    sql_typed *results = BW_ARENA_ARRAY(a->arena, sql_typed, pairs + 1);
    const char **conditions = BW_ARENA_ARRAY(a->arena, const char *, pairs);
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);
    sql_typed operand = out;
    size_t at = 0;
    bq_field super;

    if (x->flag) {
        operand = sql_analyze(a, scope, x->args.items[at++]);
        sql_inherit(&out, &operand);
    }
    for (size_t i = 0; i < pairs; i++) {
        sql_typed when = x->flag
                             ? sql_analyze(a, scope, x->args.items[at])
                             : sql_analyze_bool(a, scope, x->args.items[at], "CASE WHEN condition");
        if (x->flag)
            when = sql_compare(a, "=", operand, when, when.pos);
        conditions[i] = when.sql;
        results[i] = sql_analyze(a, scope, x->args.items[at + 1]);
        sql_inherit(&out, &when);
        sql_inherit(&out, &results[i]);
        at += 2;
    }
    results[pairs] =
        (sql_typed){.sql = "NULL", .literal = SQL_L_NULL, .type = out.type, .constant = true};
    if (x->other)
        results[pairs] = sql_analyze(a, scope, x->args.items[at]);
    sql_inherit(&out, &results[pairs]);
    if (a->failed)
        return out;
    if (!sql_supertype(a, results, pairs + 1, &super)) {
        sql_no_signature(a, x->pos, "operator CASE", results, pairs + 1,
                         "signature: results of one type");
        return out;
    }
    bw_buf sql = BW_BUF_INIT;
    bw_buf_adds(&sql, "(CASE");
    for (size_t i = 0; i <= pairs; i++) {
        sql_coerce(a, &results[i], &super);
        if (i < pairs)
            bw_buf_addf(&sql, " WHEN %s THEN %s", conditions[i], results[i].sql);
        else
            bw_buf_addf(&sql, " ELSE %s END)", results[i].sql);
    }
    out.type = super;
    out.sql = bw_arena_strndup(a->arena, sql.ptr, sql.len);
    bw_buf_fini(&sql);
    return out;
}

sql_typed sql_analyze_cast(sql_analysis *a, sql_scope *scope, const sql_expr *x)
{
    sql_typed value = sql_analyze(a, scope, x->args.items[0]);

    return a->failed ? value : sql_cast(a, &value, x->type, x->flag, x->pos);
}
