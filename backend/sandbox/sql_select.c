/*
 * SELECT: list, grouping, HAVING, QUALIFY, and the ORDER BY and LIMIT of its query.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_select.h"

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

/* The name that |> RENAME gives to a column. */
static const char *new_name(select_state *st, const sql_expr *star, const char *name)
{
    for (size_t i = 0; i < star->rename.count; i++) {
        bw_slice to = star->renamed.items[i];
        if (sql_name_equal(star->rename.items[i], name))
            return bw_arena_strndup(st->a->arena, to.ptr, to.len);
    }
    return name;
}

static void star_column(select_state *st, const sql_expr *star, const sql_column *c)
{
    const sql_item *replace = replacement(star, c->name);

    if (!c->pseudo)
        *SQL_ADD(st->a, st->star_names.items, st->star_names.count) = bw_slice_cstr(c->name);
    if (c->hidden || c->pseudo || in_names(&star->except, c->name) || st->count > MAX_COLUMNS)
        return;
    output *o = add_output(st, new_name(st, star, c->name), star->pos);
    o->column = c;
    o->expr = replace ? replace->expr : NULL;
}

static void star_source(select_state *st, const sql_expr *star, const sql_source *source)
{
    for (size_t i = 0; i < source->columns.count; i++)
        star_column(st, star, &source->columns.items[i]);
}

/* Is the name that a modifier mentions among those that the star stands for? */
static void check_name(select_state *st, const sql_expr *star, bw_slice name, const char *list)
{
    bool found = false;

    for (size_t i = 0; !found && i < st->star_names.count; i++)
        found = sql_slice_equal(st->star_names.items[i], name);
    if (!found)
        sql_error(st->a, star->pos, "Column %.*s in SELECT * %s list does not exist",
                  BW_SLICE_ARG(name), list);
}

static void check_names_exist(select_state *st, const sql_expr *star, size_t before)
{
    for (size_t i = 0; i < star->except.count; i++)
        check_name(st, star, star->except.items[i], "EXCEPT");
    for (size_t i = 0; i < star->replace_count; i++)
        check_name(st, star, star->replace[i].alias, "REPLACE");
    for (size_t i = 0; i < star->rename.count; i++)
        check_name(st, star, star->rename.items[i], "RENAME");
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
        const sql_item *replace = replacement(star, f->name);
        *SQL_ADD(a, st->star_names.items, st->star_names.count) = bw_slice_cstr(f->name);
        if (in_names(&star->except, f->name))
            continue;
        sql_expr *field = BW_ARENA_NEW(a->arena, sql_expr);
        *field = (sql_expr){.kind = SQL_X_FIELD, .pos = star->pos, .text = bw_slice_cstr(f->name)};
        field->args.items = BW_ARENA_ARRAY(a->arena, sql_expr *, 1);
        field->args.items[0] = star->args.items[0];
        field->args.count = 1;
        output *o = add_output(st, f->name, star->pos);
        o->expr = replace ? replace->expr : field;
        o->expanded = true;
    }
}

static void expand_star(select_state *st, const sql_expr *star)
{
    size_t before = st->count;

    st->star_names = (sql_names){NULL, 0};
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

sql_typed sql_analyze_output(select_state *st, const output *o)
{
    if (o->expr)
        return sql_analyze(st->a, &st->scope, o->expr);
    sql_typed t = sql_column_ref(st->a, &st->scope, o->column, o->pos);
    sql_match_group(&st->scope, &t);
    return t;
}

const output *sql_output_meant(select_state *st, const sql_expr *x, const char *clause)
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
    st->scope.use_aliases = false;
    for (size_t i = 0; !st->a->failed && i < st->count; i++) {
        st->outputs[i].typed = sql_analyze_output(st, &st->outputs[i]);
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

static bool any_window(const select_state *st)
{
    bool any = sql_has_window(st->s->qualify);

    for (size_t i = 0; !any && i < st->count; i++)
        any = sql_has_window(st->outputs[i].expr);
    return any;
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
    if (st->s->qualify && !any_window(st))
        sql_error(
            a, st->s->qualify->pos,
            "The QUALIFY clause requires analytic function to be present in the QUALIFY clause "
            "or the SELECT list");
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
        const output *o = sql_output_meant(st, x, "ORDER BY");
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

void sql_analyze_clauses(select_state *st)
{
    if (!st->a->failed)
        analyze_outputs(st);
    if (!st->a->failed)
        analyze_conditions(st);
    if (!st->a->failed)
        analyze_order(st);
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

static sql_relation finish(select_state *st, const char *text)
{
    sql_relation r = {.sql = text};

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
    const char *sets = !a->failed && s->set_count > 0 ? sql_select_sets(&st) : NULL;
    if (!a->failed && !sets) {
        if (sql_is_grouped(&st))
            sql_analyze_group(&st);
        sql_analyze_clauses(&st);
    }
    if (a->failed)
        return (sql_relation){.sql = "SELECT NULL AS c1"};
    if (s->as_value && st.count != 1)
        sql_error(a, s->pos, "SELECT AS VALUE query must have exactly one column");
    if (s->as_struct)
        pack_struct(&st);
    sql_relation r = finish(&st, sets ? sets : sql_select_text(&st));
    r.is_value = s->as_struct || s->as_value;
    return r;
}
