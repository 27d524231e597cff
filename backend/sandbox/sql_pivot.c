/*
 * PIVOT and UNPIVOT: queries over the rows that stand before them. PIVOT groups by every column that
 * it does not name, and aggregates once for each value; UNPIVOT is a row for each of its columns.
 */
#include <ctype.h>

#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/sql_analyze.h"

static sql_expr *new_expr(sql_analysis *a, sql_expr_kind kind, size_t pos)
{
    sql_expr *x = BW_ARENA_NEW(a->arena, sql_expr);

    x->kind = kind;
    x->pos = pos;
    return x;
}

static sql_expr *new_path(sql_analysis *a, const char *name, size_t pos)
{
    sql_expr *x = new_expr(a, SQL_X_PATH, pos);

    *SQL_ADD(a, x->names.items, x->names.count) = bw_slice_cstr(name);
    return x;
}

/* What stands before, with its own alias. */
static sql_from *source_of(sql_analysis *a, sql_scope *outer, const sql_from *f, sql_relation *r)
{
    sql_from *plain = BW_ARENA_NEW(a->arena, sql_from);
    sql_from *out = BW_ARENA_NEW(a->arena, sql_from);
    bool named = f->alias.len == 0 && f->kind == SQL_F_TABLE && f->path.count > 0;

    *plain = *f;
    plain->pivot = NULL;
    plain->unpivot = NULL;
    *r = sql_analyze_from_all(a, outer, plain);
    *out = (sql_from){.kind = SQL_F_RELATION,
                      .pos = f->pos,
                      .alias = named ? f->path.items[f->path.count - 1] : f->alias,
                      .relation = r};
    return out;
}

/* ---- PIVOT ------------------------------------------------------------------------------------- */

/* Does the expression name the column? */
static bool mentions(const sql_expr *x, bw_slice alias, const char *column)
{
    if (!x)
        return false;
    if (x->kind == SQL_X_PATH) {
        bool qualified = x->names.count > 1 && sql_slice_equal(x->names.items[0], alias);
        return sql_name_equal(x->names.items[qualified], column);
    }
    bool found = false;
    for (size_t i = 0; !found && i < x->args.count; i++)
        found = mentions(x->args.items[i], alias, column);
    for (size_t i = 0; x->call && !found && i < x->call->order.count; i++)
        found = mentions(x->call->order.items[i].expr, alias, column);
    return found || (x->call && mentions(x->call->having, alias, column));
}

/* 1.5 is _1_point_5, -1 is minus_1 */
static void add_number_name(bw_buf *out, bw_slice digits, bool negative)
{
    if (digits.len > 0 && digits.ptr[0] == '-') {
        negative = !negative;
        digits = (bw_slice){digits.ptr + 1, digits.len - 1};
    }
    bw_buf_adds(out, negative ? "minus_" : "_");
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == '.')
            bw_buf_adds(out, "_point_");
        else
            bw_buf_addc(out, digits.ptr[i]);
    }
}

/* The column's name that a value gives by itself; false when it needs an alias. */
static bool add_value_name(const sql_expr *x, bw_buf *out)
{
    bool negative = x->kind == SQL_X_UNARY && bw_slice_is(x->text, "-");
    const sql_expr *number = negative ? x->args.items[0] : x;
    int64_t days;

    if (x->kind == SQL_X_NULL) {
        bw_buf_adds(out, "NULL");
    } else if (x->kind == SQL_X_BOOL) {
        bw_buf_adds(out, x->flag ? "TRUE" : "FALSE");
    } else if (x->kind == SQL_X_STRING) {
        bw_buf_add(out, x->text.ptr, x->text.len);
    } else if (number->kind == SQL_X_INT ||
               (number->kind == SQL_X_TYPED && number->type &&
                (number->type->kind == BQ_NUMERIC || number->type->kind == BQ_BIGNUMERIC))) {
        add_number_name(out, number->text, negative);
    } else if (x->kind == SQL_X_TYPED && x->type->kind == BQ_DATE &&
               bq_date_parse(x->text, &days)) {
        size_t from = out->len;
        bw_buf_addc(out, '_');
        bq_date_print(days, out);
        for (size_t i = from; i < out->len; i++)
            out->ptr[i] = out->ptr[i] == '-' ? '_' : out->ptr[i];
    } else {
        return false;
    }
    return true;
}

static bw_slice column_name(sql_analysis *a, const sql_item *call, const sql_item *value)
{
    bw_buf out = BW_BUF_INIT;

    if (call->alias.len > 0)
        bw_buf_addf(&out, "%.*s_", BW_SLICE_ARG(call->alias));
    if (value->alias.len > 0)
        bw_buf_add(&out, value->alias.ptr, value->alias.len);
    else if (!add_value_name(value->expr, &out))
        sql_error(a, value->pos,
                  "PIVOT value column must have an alias because its name cannot be "
                  "generated from its value");
    bw_slice name = bw_arena_slice(a->arena, bw_buf_slice(&out));
    bw_buf_fini(&out);
    return name;
}

static void check_pivot(sql_analysis *a, const sql_pivot *p)
{
    size_t unnamed = 0;

    for (size_t i = 0; i < p->call_count; i++) {
        const sql_expr *x = p->calls[i].expr;
        bool aggregate = x->kind == SQL_X_CALL && x->names.count == 1 && !x->call->over &&
                         sql_is_aggregate(x->names.items[0]);
        if (!aggregate)
            sql_error(a, p->calls[i].pos, "PIVOT expression must be an aggregate function call");
        unnamed += p->calls[i].alias.len == 0;
    }
    if (unnamed > 1)
        sql_error(a, p->pos, "At most one PIVOT expression may be without an alias");
}

/* The call over the rows whose input is the value. */
static sql_expr *filtered(sql_analysis *a, const sql_expr *call, sql_expr *input, sql_expr *value)
{
    sql_expr *x = BW_ARENA_NEW(a->arena, sql_expr);
    sql_expr *same = new_expr(a, SQL_X_IS_DISTINCT, value->pos);

    same->flag = true;
    *SQL_ADD(a, same->args.items, same->args.count) = input;
    *SQL_ADD(a, same->args.items, same->args.count) = value;
    *x = *call;
    x->call = BW_ARENA_NEW(a->arena, sql_call);
    *x->call = *call->call;
    x->call->filter = same;
    return x;
}

sql_relation sql_analyze_pivot(sql_analysis *a, sql_scope *outer, const sql_from *f)
{
    const sql_pivot *p = f->pivot;
    sql_relation r;
    sql_select select = {.pos = p->pos};
    sql_query query = {.pos = p->pos, .select = &select};

    check_pivot(a, p);
    select.from = source_of(a, outer, f, &r);
    for (size_t i = 0; !a->failed && i < r.columns.count; i++) {
        const char *name = r.columns.items[i].name;
        bool used = mentions(p->input, select.from->alias, name);
        for (size_t k = 0; !used && k < p->call_count; k++)
            used = mentions(p->calls[k].expr, select.from->alias, name);
        if (used)
            continue;
        sql_expr *column = new_path(a, name, p->pos);
        *SQL_ADD(a, select.items, select.item_count) = (sql_item){.expr = column, .pos = p->pos};
        *SQL_ADD(a, select.group.items, select.group.count) = column;
        select.has_group = true;
    }
    for (size_t v = 0; !a->failed && v < p->value_count; v++) {
        for (size_t k = 0; !a->failed && k < p->call_count; k++) {
            sql_expr *x = filtered(a, p->calls[k].expr, p->input, p->values[v].expr);
            sql_item item = {.expr = x, .pos = p->values[v].pos};
            item.alias = column_name(a, &p->calls[k], &p->values[v]);
            *SQL_ADD(a, select.items, select.item_count) = item;
        }
    }
    return a->failed ? r : sql_analyze_query(a, outer, &query);
}

/* ---- UNPIVOT ----------------------------------------------------------------------------------- */

static const sql_column *find_column(const sql_relation *r, bw_slice name)
{
    for (size_t i = 0; i < r->columns.count; i++) {
        if (sql_name_equal(name, r->columns.items[i].name))
            return &r->columns.items[i];
    }
    return NULL;
}

/* All groups are as wide as the list of values, and each place has one type. */
static void check_unpivot(sql_analysis *a, const sql_unpivot *u, const sql_relation *r)
{
    for (size_t i = 0; !a->failed && i < u->in_count; i++) {
        const sql_unpivot_in *in = &u->in[i];
        if (in->columns.count != u->values.count)
            sql_error(a, in->pos,
                      "The number of new columns introduced as value columns must be the same as "
                      "the number of columns in the column groups of UNPIVOT IN clause");
        for (size_t k = 0; !a->failed && k < in->columns.count; k++) {
            const sql_column *c = find_column(r, in->columns.items[k]);
            const sql_column *first = find_column(r, u->in[0].columns.items[k]);
            if (!c)
                sql_error(a, in->pos, "Unrecognized name: %.*s",
                          BW_SLICE_ARG(in->columns.items[k]));
            else if (!bq_type_equal(&c->type, &first->type))
                sql_error(a, in->pos,
                          "The datatype of column does not match with other datatypes in the IN "
                          "clause. Expected %s, Found %s",
                          sql_type_name(a, &first->type), sql_type_name(a, &c->type));
        }
        if (!a->failed && in->label && u->in[0].label && in->label->kind != u->in[0].label->kind)
            sql_error(a, in->pos, "All labels of UNPIVOT must be of one type, STRING or INT64");
    }
}

static bool turned(const sql_unpivot *u, const char *column)
{
    for (size_t i = 0; i < u->in_count; i++) {
        for (size_t k = 0; k < u->in[i].columns.count; k++) {
            if (sql_name_equal(u->in[i].columns.items[k], column))
                return true;
        }
    }
    return false;
}

/* 'Q1', or 'Q1_Q2' */
static sql_expr *label_of(sql_analysis *a, const sql_unpivot_in *in)
{
    sql_expr *x = new_expr(a, SQL_X_STRING, in->pos);
    bw_buf text = BW_BUF_INIT;

    for (size_t i = 0; i < in->columns.count; i++)
        bw_buf_addf(&text, "%s%.*s", i ? "_" : "", BW_SLICE_ARG(in->columns.items[i]));
    x->text = bw_arena_slice(a->arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return in->label ? in->label : x;
}

/* NOT (a IS NULL AND b IS NULL) */
static sql_expr *any_set(sql_analysis *a, const sql_unpivot_in *in)
{
    sql_expr *any = new_expr(a, SQL_X_LOGIC, in->pos);

    for (size_t i = 0; i < in->columns.count; i++) {
        sql_expr *set = new_expr(a, SQL_X_IS, in->pos);
        set->text = BW_SLICE_LIT("NULL");
        set->flag = true;
        *SQL_ADD(a, set->args.items, set->args.count) = new_path(
            a, bw_arena_strndup(a->arena, in->columns.items[i].ptr, in->columns.items[i].len),
            in->pos);
        *SQL_ADD(a, any->args.items, any->args.count) = set;
    }
    return any->args.count == 1 ? any->args.items[0] : any;
}

static sql_query *unpivoted(sql_analysis *a, const sql_unpivot *u, const sql_unpivot_in *in,
                            const sql_relation *r, sql_from *from)
{
    sql_select *s = BW_ARENA_NEW(a->arena, sql_select);
    sql_query *q = BW_ARENA_NEW(a->arena, sql_query);

    *s = (sql_select){.pos = in->pos, .from = from};
    *q = (sql_query){.pos = in->pos, .select = s};
    for (size_t i = 0; i < r->columns.count; i++) {
        const char *name = r->columns.items[i].name;
        if (!turned(u, name))
            *SQL_ADD(a, s->items, s->item_count) =
                (sql_item){.expr = new_path(a, name, in->pos), .pos = in->pos};
    }
    for (size_t i = 0; i < u->values.count; i++) {
        bw_slice column = in->columns.items[i];
        const char *name = bw_arena_strndup(a->arena, column.ptr, column.len);
        *SQL_ADD(a, s->items, s->item_count) = (sql_item){
            .expr = new_path(a, name, in->pos), .alias = u->values.items[i], .pos = in->pos};
    }
    *SQL_ADD(a, s->items, s->item_count) =
        (sql_item){.expr = label_of(a, in), .alias = u->name, .pos = in->pos};
    if (!u->include_nulls)
        s->where = any_set(a, in);
    return q;
}

sql_relation sql_analyze_unpivot(sql_analysis *a, sql_scope *outer, const sql_from *f)
{
    const sql_unpivot *u = f->unpivot;
    sql_relation r;
    sql_from *from = source_of(a, outer, f, &r);
    sql_query query = {.pos = u->pos, .set_op = BW_SLICE_LIT("UNION ALL")};

    if (!a->failed)
        check_unpivot(a, u, &r);
    if (a->failed)
        return r;
    /* Its rows are made once, and read once for each of the columns. */
    const char *once = sql_printf(a, "w%d", sql_next(a)), *rows = r.sql;
    r.sql = sql_printf(a, "SELECT * FROM %s", once);
    for (size_t i = 0; i < u->in_count; i++)
        *SQL_ADD(a, query.operands, query.operand_count) = unpivoted(a, u, &u->in[i], &r, from);
    if (query.operand_count == 1)
        query = *query.operands[0];
    sql_relation out = sql_analyze_query(a, outer, &query);
    out.sql = sql_printf(a, "WITH %s AS (%s) SELECT * FROM (%s)", once, rows, out.sql);
    return out;
}
