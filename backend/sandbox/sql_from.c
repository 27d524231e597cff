/*
 * FROM: tables, subqueries, UNNEST and joins become SQLite's, each under a fresh alias.
 */
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_analyze.h"

/* The name under which columns are found when no alias is written. */
static bw_slice implied_alias(const sql_from *f)
{
    return f->alias.len > 0 ? f->alias : f->path.items[f->path.count - 1];
}

static void add_source(sql_analysis *a, sql_scope *scope, sql_source *s, size_t pos)
{
    if (s->alias.len > 0 && sql_scope_find(scope, s->alias))
        sql_error(a, pos, "Duplicate table alias %.*s in the same FROM clause",
                  BW_SLICE_ARG(s->alias));
    sql_scope_add(a, scope, s);
}

static sql_source *relation_source(sql_analysis *a, const sql_columns *columns, bool is_value,
                                   bw_slice alias, const char *sql_alias)
{
    sql_source *s = BW_ARENA_NEW(a->arena, sql_source);

    s->alias = alias;
    for (size_t i = 0; i < columns->count; i++) {
        sql_column *c = SQL_ADD(a, s->columns.items, s->columns.count);
        *c = (sql_column){.name = columns->items[i].name,
                          .type = columns->items[i].type,
                          .pseudo = columns->items[i].pseudo};
        c->sql = sql_printf(a, "%s.c%zu", sql_alias, i + 1);
    }
    if (is_value && columns->count == 1) {
        s->is_value = true;
        s->value = s->columns.items[0];
        s->columns = (sql_columns){NULL, 0};
        const bq_schema *fields = &s->value.type.fields;
        for (size_t i = 0; s->value.type.kind == BQ_STRUCT && i < fields->count; i++) {
            sql_column *c = SQL_ADD(a, s->columns.items, s->columns.count);
            *c = (sql_column){.name = fields->fields[i].name, .type = fields->fields[i]};
            c->sql = sql_printf(a, "bq_item(%s,%zu)", s->value.sql, i);
        }
    }
    return s;
}

static const sql_cte *find_cte(sql_analysis *a, const sql_from *f)
{
    for (const sql_cte *c = f->path.count == 1 ? a->ctes : NULL; c; c = c->outer) {
        if (sql_slice_equal(c->name, f->path.items[0]))
            return c;
    }
    return NULL;
}

static const char *from_unnest_value(sql_analysis *a, sql_scope *scope, const sql_from *f,
                                     sql_typed array, bw_slice alias);

/* FROM t, t.array_column: a path that begins with a name of this FROM. */
static bool correlated_path(sql_scope *scope, const sql_from *f)
{
    if (f->path.count < 2)
        return false;
    for (sql_scope *s = scope; s; s = s->parent) {
        if (sql_scope_find(s, f->path.items[0]))
            return true;
    }
    return false;
}

static const char *from_relation(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    const char *alias = sql_printf(a, "q%d", sql_next(a));
    const sql_relation *r = f->relation;

    add_source(a, scope, relation_source(a, &r->columns, r->is_value, f->alias, alias), f->pos);
    return sql_printf(a, "(%s) AS %s", r->sql, alias);
}

static bool is_wildcard(const sql_from *f)
{
    bw_slice name = f->path.count > 0 ? f->path.items[f->path.count - 1] : (bw_slice){"", 0};

    return name.len > 0 && name.ptr[name.len - 1] == '*';
}

static const char *from_wildcard(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    bq_table_ref ref;

    if (!sql_table_ref(a, f, &ref))
        return "";
    sql_relation r = sql_analyze_wildcard(a, f, ref);
    sql_from rows = {.pos = f->pos, .alias = f->alias, .relation = &r};
    return a->failed ? "" : from_relation(a, scope, &rows);
}

/* Millionths of the rows. BigQuery takes whole blocks of rows by chance; here each row is one. */
static int64_t sample_share(sql_analysis *a, const sql_expr *x)
{
    int64_t whole = -1;
    double percent = -1;
    bool overflow;

    if (x->kind == SQL_X_FLOAT)
        bq_float_parse(x->text, &percent, &overflow);
    else if (sql_constant_int(a, x, &whole))
        percent = (double)whole;
    if (!a->failed && !(percent >= 0 && percent <= 100))
        sql_error(a, x->pos, "TABLESAMPLE needs a number of PERCENT between 0 and 100");
    return a->failed ? 0 : (int64_t)(percent * 10000);
}

static const char *from_table(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    const char *alias = sql_printf(a, "q%d", sql_next(a));
    const sql_cte *cte = find_cte(a, f);
    sql_source *metadata;
    const char *text;

    if (f->sample && (cte || is_wildcard(f) || correlated_path(scope, f)))
        sql_error(a, f->pos, "TABLESAMPLE can only be applied directly to tables");
    if (cte && cte->recursion) {
        if (scope->recursion)
            sql_error(a, f->pos, "A recursive term can refer to %.*s only once",
                      BW_SLICE_ARG(cte->name));
        scope->recursion = cte->recursion;
        scope->recursive = alias;
    }
    if (cte) {
        add_source(a, scope,
                   relation_source(a, &cte->columns, cte->is_value, implied_alias(f), alias),
                   f->pos);
        return sql_printf(a, "%s AS %s", cte->sql_name, alias);
    }
    if (correlated_path(scope, f)) {
        sql_expr path = {.kind = SQL_X_PATH, .pos = f->pos, .names = f->path};
        return from_unnest_value(a, scope, f, sql_analyze(a, scope, &path), implied_alias(f));
    }
    if (sql_metadata_source(a, f, &metadata, &text)) {
        if (f->sample)
            sql_error(a, f->pos, "TABLESAMPLE can only be applied directly to tables");
        if (!a->failed)
            add_source(a, scope, metadata, f->pos);
        return text;
    }
    if (is_wildcard(f))
        return from_wildcard(a, scope, f);
    sql_table *t = sql_find_any(a, f);
    if (!t)
        return "";
    if (bq_is_view(&t->table) && f->sample)
        sql_error(a, f->pos, "TABLESAMPLE can only be applied directly to tables");
    if (bq_is_view(&t->table)) {
        sql_relation r = sql_analyze_view(a, t, f->pos);
        sql_from rows = {.pos = f->pos, .alias = implied_alias(f), .relation = &r};
        return a->failed ? "" : from_relation(a, scope, &rows);
    }
    sql_source *s = sql_table_source(a, t, implied_alias(f), alias);
    add_source(a, scope, s, f->pos);
    if (f->sample)
        return sql_printf(a,
                          "(SELECT * FROM \"t%lld\" WHERE abs(random() %% 1000000) < %lld) AS %s",
                          (long long)t->storage, (long long)sample_share(a, f->sample), alias);
    return sql_printf(a, "\"t%lld\" AS %s", (long long)t->storage, alias);
}

static const char *from_subquery(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    const char *alias = sql_printf(a, "q%d", sql_next(a));
    /* A subquery in FROM sees the enclosing query, not its neighbours. */
    sql_relation r = sql_analyze_query(a, scope->parent, f->query);

    if (a->failed)
        return "";
    add_source(a, scope, relation_source(a, &r.columns, r.is_value, f->alias, alias), f->pos);
    return sql_printf(a, "(%s) AS %s", r.sql, alias);
}

sql_relation sql_analyze_from_all(sql_analysis *a, sql_scope *outer, const sql_from *f)
{
    sql_expr *star = BW_ARENA_NEW(a->arena, sql_expr);
    sql_item *item = BW_ARENA_NEW(a->arena, sql_item);
    sql_select *select = BW_ARENA_NEW(a->arena, sql_select);
    sql_query query = {.pos = f->pos, .select = select};

    *star = (sql_expr){.kind = SQL_X_STAR, .pos = f->pos};
    *item = (sql_item){.expr = star, .pos = f->pos};
    *select = (sql_select){.pos = f->pos, .items = item, .item_count = 1, .from = (sql_from *)f};
    return sql_analyze_query(a, outer, &query);
}

/* f with PIVOT or UNPIVOT behind it. */
static const char *from_turned(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    sql_relation r = f->pivot ? sql_analyze_pivot(a, scope->parent, f)
                              : sql_analyze_unpivot(a, scope->parent, f);
    sql_from turned = {.kind = SQL_F_RELATION,
                       .pos = f->pos,
                       .alias = f->pivot ? f->pivot->alias : f->unpivot->alias,
                       .relation = &r};

    return a->failed ? "" : from_relation(a, scope, &turned);
}

/* ---- UNNEST ------------------------------------------------------------------------------------ */

static const char *from_unnest_value(sql_analysis *a, sql_scope *scope, const sql_from *f,
                                     sql_typed array, bw_slice alias)
{
    const char *sql_alias = sql_printf(a, "q%d", sql_next(a));

    if (a->failed)
        return "";
    if (array.type.mode != BQ_REPEATED) {
        sql_error(a, array.pos,
                  "Values referenced in %s must be arrays. UNNEST contains "
                  "expression of type %s",
                  f->kind == SQL_F_UNNEST ? "UNNEST" : "FROM clause",
                  sql_type_name(a, &array.type));
        return "";
    }
    sql_columns one = {NULL, 0};
    sql_column *value = SQL_ADD(a, one.items, one.count);
    *value = (sql_column){.name = bw_arena_strndup(a->arena, alias.ptr ? alias.ptr : "", alias.len),
                          .type = sql_element_of(&array.type)};
    sql_source *s = relation_source(a, &one, true, alias, sql_alias);
    s->value.sql = sql_printf(a, "%s.value", sql_alias);
    for (size_t i = 0; i < s->columns.count; i++)
        s->columns.items[i].sql = sql_printf(a, "bq_item(%s.value,%zu)", sql_alias, i);
    if (s->value.type.kind != BQ_STRUCT) {
        sql_column *c = SQL_ADD(a, s->columns.items, s->columns.count);
        *c = s->value;
    }
    add_source(a, scope, s, f->pos);
    if (f->with_offset) {
        bw_slice name = f->offset_alias.len ? f->offset_alias : BW_SLICE_LIT("offset");
        sql_source *o = BW_ARENA_NEW(a->arena, sql_source);
        sql_column *c = SQL_ADD(a, o->columns.items, o->columns.count);
        *c = (sql_column){.name = bw_arena_strndup(a->arena, name.ptr, name.len),
                          .type = sql_type(BQ_INT64)};
        c->sql = sql_printf(a, "%s.position", sql_alias);
        sql_scope_add(a, scope, o);
    }
    return sql_printf(a, "bq_unnest(%s) AS %s", array.sql, sql_alias);
}

static const char *from_unnest(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    const char *clause = scope->clause;

    scope->clause = "FROM clause";
    sql_typed array = sql_analyze(a, scope, f->expr);
    scope->clause = clause;
    return from_unnest_value(a, scope, f, array, f->alias);
}

/* ---- Joins ------------------------------------------------------------------------------------- */

/* A column of the sources [from, to) by name; NULL when none or several (the error is set). */
static sql_column *using_column(sql_analysis *a, sql_scope *scope, size_t from, size_t to,
                                bw_slice name, size_t pos, const char *side)
{
    sql_column *found = NULL;

    for (size_t i = from; i < to; i++) {
        sql_columns *columns = &scope->sources[i]->columns;
        for (size_t k = 0; k < columns->count; k++) {
            sql_column *c = &columns->items[k];
            if (!sql_name_equal(name, c->name) || c->hidden)
                continue;
            if (found)
                sql_error(a, pos, "Column %.*s in USING clause is ambiguous on %s side of join",
                          BW_SLICE_ARG(name), side);
            found = c;
        }
    }
    if (!found)
        sql_error(a, pos, "Column %.*s in USING clause not found on %s side of join",
                  BW_SLICE_ARG(name), side);
    return a->failed ? NULL : found;
}

static sql_column *merged_column(sql_scope *scope, bw_slice name)
{
    for (size_t i = 0; i < scope->merged.count; i++) {
        if (sql_name_equal(name, scope->merged.items[i].name))
            return &scope->merged.items[i];
    }
    return NULL;
}

static const char *using_condition(sql_analysis *a, sql_scope *scope, const sql_from *f,
                                   size_t first, size_t middle, bw_slice name)
{
    sql_column *before = merged_column(scope, name);
    sql_column *l =
        before ? before : using_column(a, scope, first, middle, name, f->using_pos, "left");
    sql_column *r =
        using_column(a, scope, middle, scope->source_count, name, f->using_pos, "right");
    if (!l || !r)
        return "";
    sql_typed left = sql_column_ref(a, scope, l, f->using_pos);
    sql_typed right = sql_column_ref(a, scope, r, f->using_pos);
    left.ungrouped = right.ungrouped = NULL;
    sql_typed equal = sql_compare(a, "=", left, right, f->using_pos);
    sql_column merged = *l;
    if (f->join == SQL_J_RIGHT)
        merged.sql = r->sql;
    else if (f->join == SQL_J_FULL)
        merged.sql = sql_printf(a, "coalesce(%s,%s)", l->sql, r->sql);
    l->hidden = r->hidden = true;
    if (before)
        *before = merged;
    else
        *SQL_ADD(a, scope->merged.items, scope->merged.count) = merged;
    if (before)
        before->hidden = false;
    else
        scope->merged.items[scope->merged.count - 1].hidden = false;
    return equal.sql;
}

static const char *join_condition(sql_analysis *a, sql_scope *scope, const sql_from *f,
                                  size_t first, size_t middle)
{
    bw_buf out = BW_BUF_INIT;

    for (size_t i = 0; i < f->using.count && !a->failed; i++)
        bw_buf_addf(&out, "%s%s", i ? " AND " : "",
                    using_condition(a, scope, f, first, middle, f->using.items[i]));
    if (f->on) {
        const char *clause = scope->clause;
        scope->clause = "JOIN ON clause";
        bw_buf_adds(&out, sql_analyze_bool(a, scope, f->on, "JOIN ON clause").sql);
        scope->clause = clause;
    }
    const char *text = out.len ? sql_printf(a, " ON %s", bw_buf_cstr(&out)) : "";
    bw_buf_fini(&out);
    return text;
}

static const char *from_join(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    static const char *const words[] = {" CROSS JOIN ", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ",
                                        " FULL JOIN "};
    size_t first = scope->source_count;
    const char *left = sql_analyze_from(a, scope, f->left);
    size_t middle = scope->source_count;
    const char *right = a->failed ? "" : sql_analyze_from(a, scope, f->right);

    if (a->failed)
        return "";
    const char *on = join_condition(a, scope, f, first, middle);
    /* The parser has let t.x stand without ON, because it may be an array of the left side. */
    if (!*on && f->join != SQL_J_CROSS && f->right->kind == SQL_F_TABLE &&
        !correlated_path(scope, f->right))
        sql_error(a, f->pos,
                  "Syntax error: %s JOIN must have an immediately following ON or USING clause",
                  f->join == SQL_J_INNER ? "INNER" : "OUTER");
    /* SQLite's CROSS JOIN forbids reordering, which a comma does not. */
    const char *word = f->join == SQL_J_CROSS ? " JOIN " : words[f->join];
    if (f->join == SQL_J_LEFT && !*on)
        on = " ON 1";
    bool nested = f->right->kind == SQL_F_JOIN;
    return sql_printf(a, "%s%s%s%s%s%s", left, word, nested ? "(" : "", right, nested ? ")" : "",
                      on);
}

typedef const char *from_translator(sql_analysis *a, sql_scope *scope, const sql_from *f);

const char *sql_analyze_from(sql_analysis *a, sql_scope *scope, const sql_from *f)
{
    static from_translator *const translators[] = {
        [SQL_F_TABLE] = from_table, [SQL_F_SUBQUERY] = from_subquery, [SQL_F_UNNEST] = from_unnest,
        [SQL_F_JOIN] = from_join,   [SQL_F_RELATION] = from_relation,
    };
    if (f->sample && f->kind != SQL_F_TABLE)
        sql_error(a, f->pos, "TABLESAMPLE can only be applied directly to tables");
    if (f->pivot || f->unpivot)
        return a->failed ? "" : from_turned(a, scope, f);
    return a->failed ? "" : translators[f->kind](a, scope, f);
}
