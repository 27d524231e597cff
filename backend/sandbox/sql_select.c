/*
 * SELECT: list, grouping, HAVING, QUALIFY, and the ORDER BY and LIMIT of its query.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_analyze.h"
#include "backend/sandbox/sql_select.h"

/* One output column on its way: where it comes from and what it became. */
typedef struct output {
    const sql_expr *expr; /* NULL: `column` of * */
    const sql_column *column;
    const sql_source *value; /* SELECT * of a value source without fields */
    sql_typed typed;
    const char *name; /* "" when it has none */
    size_t pos;
    bool expanded; /* from STRUCT.*: no alias that was written */
} output;

typedef struct select_state {
    sql_analysis *a;
    const sql_query *q;
    const sql_select *s;
    sql_scope scope;
    output *outputs;
    size_t count;
    const char *from, *where, *group, *having, *qualify;
    sql_typed *order; /* of q->order */
} select_state;

/* Queries over queries multiply the columns of their stars: SELECT * FROM t a, t b. */
#define MAX_COLUMNS 10000

static output *add_output(select_state *st, const char *name, size_t pos)
{
    if (st->count == MAX_COLUMNS)
        sql_error(st->a, pos, "Too many columns in SELECT: at most %d are allowed", MAX_COLUMNS);

    output *o = SQL_ADD(st->a, st->outputs, st->count);

    *o = (output){.name = name, .pos = pos};
    return o;
}

/* ---- The list ---------------------------------------------------------------------------------- */

static bool in_names(const sql_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (sql_name_equal(names->items[i], name))
            return true;
    }
    return false;
}

static const sql_item *replacement(const sql_expr *star, const char *name)
{
    for (size_t i = 0; i < star->replace_count; i++) {
        if (sql_name_equal(star->replace[i].alias, name))
            return &star->replace[i];
    }
    return NULL;
}

static void star_column(select_state *st, const sql_expr *star, const sql_column *c)
{
    const sql_item *replace = replacement(star, c->name);

    if (c->hidden || in_names(&star->except, c->name) || st->count > MAX_COLUMNS)
        return;
    output *o = add_output(st, c->name, star->pos);
    o->column = c;
    o->expr = replace ? replace->expr : NULL;
}

static void star_source(select_state *st, const sql_expr *star, const sql_source *source)
{
    for (size_t i = 0; i < source->columns.count; i++)
        star_column(st, star, &source->columns.items[i]);
}

static void check_names_exist(select_state *st, const sql_expr *star, size_t before)
{
    for (size_t i = 0; i < star->except.count; i++) {
        bool found = false;
        for (size_t s = 0; s < st->scope.source_count; s++) {
            const sql_columns *columns = &st->scope.sources[s]->columns;
            for (size_t c = 0; c < columns->count; c++)
                found = found || sql_name_equal(star->except.items[i], columns->items[c].name);
        }
        if (!found && star->args.count == 0)
            sql_error(st->a, star->pos, "Column %.*s in SELECT * EXCEPT list does not exist",
                      BW_SLICE_ARG(star->except.items[i]));
    }
    if (st->count == before && !st->a->failed)
        sql_error(st->a, star->pos, "SELECT * expands to zero columns after applying EXCEPT");
}

/* expr.*: a source by its alias, or the fields of a STRUCT. */
static void star_of(select_state *st, const sql_expr *star)
{
    sql_analysis *a = st->a;
    const sql_expr *of = star->args.items[0];

    if (of->kind == SQL_X_PATH && of->names.count == 1) {
        sql_source *source = sql_scope_find(&st->scope, of->names.items[0]);
        if (source) {
            /* Columns merged by USING belong to each side again. */
            for (size_t i = 0; i < source->columns.count; i++) {
                sql_column c = source->columns.items[i];
                c.hidden = false;
                sql_column *copy = BW_ARENA_NEW(a->arena, sql_column);
                *copy = c;
                star_column(st, star, copy);
            }
            return;
        }
    }
    sql_typed value = sql_analyze(a, &st->scope, of);
    if (a->failed)
        return;
    if (value.type.kind != BQ_STRUCT || value.type.mode == BQ_REPEATED) {
        sql_error(a, star->pos, "Dot-star is not supported for type %s",
                  sql_type_name(a, &value.type));
        return;
    }
    for (size_t i = 0; i < value.type.fields.count; i++) {
        const bq_field *f = &value.type.fields.fields[i];
        if (in_names(&star->except, f->name))
            continue;
        sql_expr *field = BW_ARENA_NEW(a->arena, sql_expr);
        *field = (sql_expr){.kind = SQL_X_FIELD, .pos = star->pos, .text = bw_slice_cstr(f->name)};
        field->args.items = BW_ARENA_ARRAY(a->arena, sql_expr *, 1);
        field->args.items[0] = star->args.items[0];
        field->args.count = 1;
        output *o = add_output(st, f->name, star->pos);
        o->expr = field;
        o->expanded = true;
    }
}

static void expand_star(select_state *st, const sql_expr *star)
{
    size_t before = st->count;

    if (star->args.count > 0) {
        star_of(st, star);
    } else if (st->scope.source_count == 0) {
        sql_error(st->a, star->pos, "SELECT * must have a FROM clause");
        return;
    } else {
        for (size_t i = 0; i < st->scope.merged.count; i++)
            star_column(st, star, &st->scope.merged.items[i]);
        for (size_t i = 0; i < st->scope.source_count; i++)
            star_source(st, star, st->scope.sources[i]);
    }
    check_names_exist(st, star, before);
}

static const char *implied_name(sql_analysis *a, const sql_item *item)
{
    const sql_expr *x = item->expr;
    bw_slice name = item->alias;

    if (name.len == 0 && x->kind == SQL_X_PATH)
        name = x->names.items[x->names.count - 1];
    if (name.len == 0 && x->kind == SQL_X_FIELD)
        name = x->text;
    return bw_arena_strndup(a->arena, name.ptr ? name.ptr : "", name.len);
}

static void collect_outputs(select_state *st)
{
    for (size_t i = 0; i < st->s->item_count && !st->a->failed; i++) {
        const sql_item *item = &st->s->items[i];
        if (item->expr->kind == SQL_X_STAR) {
            expand_star(st, item->expr);
            continue;
        }
        add_output(st, implied_name(st->a, item), item->pos)->expr = item->expr;
    }
}

static sql_typed analyze_output(select_state *st, const output *o)
{
    return o->expr ? sql_analyze(st->a, &st->scope, o->expr)
                   : sql_column_ref(st->a, &st->scope, o->column, o->pos);
}

/* ---- GROUP BY ---------------------------------------------------------------------------------- */

static bool is_aggregated(const select_state *st)
{
    bool any = st->s->has_group || sql_has_aggregate(st->s->having);

    for (size_t i = 0; !any && i < st->count; i++)
        any = sql_has_aggregate(st->outputs[i].expr);
    for (size_t i = 0; !any && i < st->q->order.count; i++)
        any = sql_has_aggregate(st->q->order.items[i].expr);
    return any || sql_has_aggregate(st->s->qualify);
}

/* An output by its position (GROUP BY 1) or its alias; NULL when x is neither. */
static const output *output_meant(select_state *st, const sql_expr *x, const char *clause)
{
    if (x->kind == SQL_X_INT) {
        long long n = strtoll(x->text.ptr, NULL, 10);
        if (n >= 1 && (size_t)n <= st->count)
            return &st->outputs[n - 1];
        sql_error(st->a, x->pos, "%s is out of SELECT column number range: %lld", clause, n);
    }
    for (size_t i = 0; x->kind == SQL_X_PATH && x->names.count == 1 && i < st->count; i++) {
        if (*st->outputs[i].name && sql_name_equal(x->names.items[0], st->outputs[i].name))
            return &st->outputs[i];
    }
    return NULL;
}

static sql_typed analyze_group_item(select_state *st, const sql_expr *x)
{
    sql_analysis *a = st->a;
    const output *o = output_meant(st, x, "GROUP BY");
    sql_typed t = {.sql = "NULL", .pos = x->pos};

    if (a->failed)
        return t;
    if (o && o->expanded && x->kind == SQL_X_PATH && sql_has_aggregate(o->expr))
        o = NULL; /* ARRAY_AGG(t)[OFFSET(0)].* ... GROUP BY id: the table's id */
    if (o && sql_has_aggregate(o->expr)) {
        sql_error(a, x->pos,
                  "Column %s contains an aggregation function, which is not allowed in "
                  "GROUP BY",
                  *o->name ? o->name : "expression");
        return t;
    }
    t = o ? analyze_output(st, o) : sql_analyze(a, &st->scope, x);
    if (a->failed)
        return t;
    if (!sql_groupable(&t.type))
        sql_error(a, x->pos, "Grouping by expressions of type %s is not allowed",
                  sql_type_name(a, &t.type));
    else if (!o && t.constant && x->kind != SQL_X_PARAM && t.literal != SQL_L_NONE)
        sql_error(a, x->pos, "Cannot GROUP BY literal values");
    return t;
}

static void add_group(select_state *st, bw_buf *text, sql_typed t)
{
    bw_buf_adds(text, st->scope.groups.count ? "," : " GROUP BY ");
    bw_buf_adds(text, t.constant ? sql_printf(st->a, "(%s)||''", t.sql) : sql_key(st->a, &t));
    *SQL_ADD(st->a, st->scope.groups.items, st->scope.groups.count) = t;
}

static void analyze_group(select_state *st)
{
    bw_buf text = BW_BUF_INIT;

    st->scope.clause = "GROUP BY clause";
    st->scope.no_windows = true;
    for (size_t i = 0; !st->a->failed && i < st->s->group.count; i++) {
        sql_typed t = analyze_group_item(st, st->s->group.items[i]);
        if (!st->a->failed)
            add_group(st, &text, t);
    }
    for (size_t i = 0; st->s->group_all && !st->a->failed && i < st->count; i++) {
        const output *o = &st->outputs[i];
        if (sql_has_aggregate(o->expr))
            continue;
        sql_typed t = analyze_output(st, o);
        if (!st->a->failed)
            add_group(st, &text, t);
    }
    st->group = sql_printf(st->a, "%s", bw_buf_cstr(&text));
    bw_buf_fini(&text);
    st->scope.clause = NULL;
    st->scope.no_windows = false;
    st->scope.grouped = true;
}

/* ---- What must be grouped or aggregated --------------------------------------------------------- */

static void require_grouped(select_state *st, const sql_typed *t, const char *clause)
{
    if (!st->a->failed && st->scope.grouped && t->ungrouped)
        sql_error(st->a, t->ungrouped_pos,
                  "%s references column %s which is neither grouped nor aggregated", clause,
                  *t->ungrouped ? t->ungrouped : "of a value");
}

static void analyze_outputs(select_state *st)
{
    for (size_t i = 0; !st->a->failed && i < st->count; i++) {
        st->outputs[i].typed = analyze_output(st, &st->outputs[i]);
        require_grouped(st, &st->outputs[i].typed, "SELECT list expression");
    }
    sql_scope *scope = &st->scope;
    scope->alias_exprs = BW_ARENA_ARRAY(st->a->arena, sql_typed, st->count + 1);
    scope->aliases.items = BW_ARENA_ARRAY(st->a->arena, sql_column, st->count + 1);
    scope->aliases.count = st->count;
    for (size_t i = 0; i < st->count; i++) {
        scope->alias_exprs[i] = st->outputs[i].typed;
        scope->aliases.items[i].name = st->outputs[i].name;
    }
    scope->use_aliases = true;
}

static void analyze_conditions(select_state *st)
{
    sql_analysis *a = st->a;

    if (st->s->having) {
        if (!st->scope.grouped)
            sql_error(a, st->s->having->pos,
                      "The HAVING clause requires GROUP BY or aggregation "
                      "to be present");
        st->scope.no_windows = true;
        sql_typed t = sql_analyze_bool(a, &st->scope, st->s->having, "HAVING clause");
        require_grouped(st, &t, "HAVING clause expression");
        st->having = t.sql;
        st->scope.no_windows = false;
    }
    if (st->s->qualify) {
        sql_typed t = sql_analyze_bool(a, &st->scope, st->s->qualify, "QUALIFY clause");
        require_grouped(st, &t, "QUALIFY clause expression");
        st->qualify = t.sql;
    }
}

/* ---- ORDER BY ---------------------------------------------------------------------------------- */

static void analyze_order(select_state *st)
{
    const sql_orders *orders = &st->q->order;

    st->order = BW_ARENA_ARRAY(st->a->arena, sql_typed, orders->count + 1);
    for (size_t i = 0; !st->a->failed && i < orders->count; i++) {
        const sql_expr *x = orders->items[i].expr;
        const output *o = output_meant(st, x, "ORDER BY");
        if (st->a->failed)
            return;
        st->order[i] = o ? o->typed : sql_analyze(st->a, &st->scope, x);
        st->order[i].pos = x->pos;
        require_grouped(st, &st->order[i], "ORDER BY clause expression");
        bool listed = o != NULL;
        for (size_t k = 0; st->s->distinct && !listed && k < st->count && !st->a->failed; k++)
            listed = strcmp(st->outputs[k].typed.sql, st->order[i].sql) == 0;
        if (st->s->distinct && !listed)
            sql_error(st->a, x->pos,
                      "ORDER BY clause expression references a column which is not "
                      "visible after SELECT DISTINCT");
    }
}

/* ---- Writing it out ---------------------------------------------------------------------------- */

static void add_outputs(select_state *st, bw_buf *sql)
{
    for (size_t i = 0; i < st->count; i++) {
        const sql_typed *t = &st->outputs[i].typed;
        const char *text = st->s->distinct ? sql_distinct(st->a, t) : t->sql;
        bw_buf_addf(sql, "%s%s AS c%zu", i ? "," : "", text, i + 1);
    }
}

static void add_order(select_state *st, bw_buf *sql, bool by_name)
{
    bool first = true;

    for (size_t i = 0; i < st->q->order.count && !st->a->failed; i++) {
        const sql_order *o = &st->q->order.items[i];
        sql_typed t = st->order[i];
        if (t.constant)
            continue; /* orders nothing, and a bare number would mean a column */
        if (by_name)
            t.sql = sql_printf(st->a, "o%zu", i + 1);
        bw_buf_addf(sql, "%s%s", first ? " ORDER BY " : ",",
                    sql_order_text(st->a, &t, o->desc, o->nulls));
        first = false;
    }
}

static void add_body(const select_state *st, bw_buf *sql)
{
    if (st->from)
        bw_buf_addf(sql, " FROM %s", st->from);
    if (st->where)
        bw_buf_addf(sql, " WHERE %s", st->where);
    if (st->group)
        bw_buf_adds(sql, st->group);
    if (st->having)
        bw_buf_addf(sql, " HAVING %s", st->having);
}

static const char *write_plain(select_state *st)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_adds(&sql, st->s->distinct ? "SELECT DISTINCT " : "SELECT ");
    add_outputs(st, &sql);
    add_body(st, &sql);
    add_order(st, &sql, false);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}

/* QUALIFY: the condition and the order become columns of an inner SELECT. */
static const char *write_qualified(select_state *st)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_adds(&sql, st->s->distinct ? "SELECT DISTINCT " : "SELECT ");
    for (size_t i = 0; i < st->count; i++)
        bw_buf_addf(&sql, "%sc%zu", i ? "," : "", i + 1);
    bw_buf_adds(&sql, " FROM (SELECT ");
    add_outputs(st, &sql);
    bw_buf_addf(&sql, ",%s AS qualified", st->qualify);
    for (size_t i = 0; i < st->q->order.count; i++)
        bw_buf_addf(&sql, ",%s AS o%zu", st->order[i].sql, i + 1);
    add_body(st, &sql);
    bw_buf_adds(&sql, ") WHERE qualified");
    add_order(st, &sql, true);
    const char *text = sql_printf(st->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}

static sql_relation finish(select_state *st)
{
    sql_relation r = {.sql = st->qualify ? write_qualified(st) : write_plain(st)};

    for (size_t i = 0; i < st->count; i++) {
        const output *o = &st->outputs[i];
        sql_column *c = SQL_ADD(st->a, r.columns.items, r.columns.count);
        *c = (sql_column){.name = o->name, .type = o->typed.type};
        if (st->s->distinct && !sql_groupable(&o->typed.type) && !st->a->failed)
            sql_error(st->a, o->pos, "Column %s of type %s cannot be used in SELECT DISTINCT",
                      o->name, sql_type_name(st->a, &o->typed.type));
    }
    return r;
}

/* SELECT AS STRUCT: the columns become the fields of one. */
static void pack_struct(select_state *st)
{
    sql_typed *items = BW_ARENA_ARRAY(st->a->arena, sql_typed, st->count + 1);
    bq_field *fields = BW_ARENA_ARRAY(st->a->arena, bq_field, st->count + 1);
    output one = {.name = "", .pos = st->s->pos};

    one.typed = (sql_typed){.type = {.name = "", .kind = BQ_STRUCT}, .pos = st->s->pos};
    for (size_t i = 0; i < st->count; i++) {
        items[i] = st->outputs[i].typed;
        fields[i] = items[i].type;
        fields[i].name = st->outputs[i].name;
        sql_inherit(&one.typed, &items[i]);
    }
    one.typed.type.fields = (bq_schema){fields, st->count};
    one.typed.sql = sql_tuple(st->a, items, st->count);
    st->outputs[0] = one;
    st->count = 1;
}

sql_relation sql_analyze_select(sql_analysis *a, sql_scope *outer, const sql_query *q)
{
    const sql_select *s = q->select;
    select_state st = {.a = a, .q = q, .s = s, .scope = {.parent = outer, .select = s}};

    if (s->from)
        st.from = sql_analyze_from(a, &st.scope, s->from);
    if (s->where && !a->failed) {
        if (!s->from)
            sql_error(a, s->where->pos, "Query without FROM clause cannot have a WHERE clause");
        st.scope.clause = "WHERE clause";
        st.scope.no_windows = true;
        st.where = sql_analyze_bool(a, &st.scope, s->where, "WHERE clause").sql;
        st.scope.clause = NULL;
        st.scope.no_windows = false;
    }
    if (!a->failed)
        collect_outputs(&st);
    if (!a->failed && is_aggregated(&st))
        analyze_group(&st);
    if (!a->failed)
        analyze_outputs(&st);
    if (!a->failed)
        analyze_conditions(&st);
    if (!a->failed)
        analyze_order(&st);
    if (a->failed)
        return (sql_relation){.sql = "SELECT NULL AS c1"};
    if (s->as_value && st.count != 1)
        sql_error(a, s->pos, "SELECT AS VALUE query must have exactly one column");
    if (s->as_struct)
        pack_struct(&st);
    sql_relation r = finish(&st);
    r.is_value = s->as_struct || s->as_value;
    return r;
}
