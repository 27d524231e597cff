/*
 * MERGE. All of it is decided before anything is written:
 *
 *   1. the source becomes a temporary table, with a column for each key that ON compares for
 *      equality, and an index over these;
 *   2. the target is scanned once against that index: the pairs that match, each with the number of
 *      the first WHEN MATCHED clause whose condition holds (0: none);
 *   3. a target row in two pairs that would change it is an error;
 *   4. new values, rows to delete and rows to insert are computed, then applied.
 */
#include "backend/sandbox/sql_run.h"

typedef struct merge {
    sql_run *r;
    sql_target t;
    sql_scope both; /* target and source */
    sql_scope source_only, target_only;
    const char *source_text; /* of FROM: the source under its own alias */
    sql_scope sources;       /* its names; their columns read from the temporary table "s" */
    sql_column *original;    /* the same columns in source_text */
    size_t column_count;
    const char **keys; /* source side of equalities, over "s" */
    const char *
        *key_columns;     /* the columns of "s" that hold them: c1, or k1 for what is computed */
    const char **matches; /* target side */
    size_t key_count;
    const char *rest; /* of ON, over target and "s"; NULL when nothing is left */
    bool never;       /* ON FALSE */
    const char **conditions;
    sql_assigned *assigned; /* per WHEN */
    const char **inserts;
} merge;

/* ---- The source -------------------------------------------------------------------------------- */

/* The source's columns read from "s" from now on; what they were is kept in `original`. */
static void move_column(merge *m, sql_column *c)
{
    sql_analysis *a = &m->r->a;

    *SQL_ADD(a, m->original, m->column_count) = *c;
    if (c->table)
        c->table->used[c->index] = true;
    c->table = NULL;
    c->sql = sql_printf(a, "s.c%zu", m->column_count);
}

/* The source is analysed under its own names. A join brings several of them, and merged columns. */
static bool open_source(merge *m)
{
    sql_analysis *a = &m->r->a;
    sql_scope scope = {.clause = "USING clause"};

    m->source_text = sql_analyze_from(a, &scope, m->r->stmt->from);
    for (size_t i = 0; i < scope.source_count && !a->failed; i++) {
        sql_source *source = scope.sources[i];
        if (source->alias.len > 0 && sql_slice_equal(m->t.source->alias, source->alias))
            sql_error(a, m->r->stmt->from->pos, "Duplicate table alias %.*s",
                      BW_SLICE_ARG(source->alias));
        for (size_t k = 0; k < source->columns.count; k++)
            move_column(m, &source->columns.items[k]);
        if (source->is_value)
            move_column(m, &source->value);
        source->row_sql = "s.rowid";
    }
    for (size_t i = 0; i < scope.merged.count && !a->failed; i++)
        move_column(m, &scope.merged.items[i]);
    m->sources = scope;
    return !a->failed;
}

static void add_sources(merge *m, sql_scope *to)
{
    for (size_t i = 0; i < m->sources.source_count; i++)
        sql_scope_add(&m->r->a, to, m->sources.sources[i]);
    to->merged = m->sources.merged;
}

/* ---- ON ---------------------------------------------------------------------------------------- */

/* Can x be computed from this scope alone? */
static bool belongs_to(merge *m, sql_scope *scope, const sql_expr *x, sql_typed *out)
{
    sql_analysis *a = &m->r->a;
    bq_error err = BQ_ERROR_INIT, *kept = a->err;

    a->err = &err;
    *out = sql_analyze(a, scope, x);
    bool ok = !a->failed;
    a->failed = false;
    a->err = kept;
    return ok;
}

/* T.x = S.y, in either order, with a type that compares by its bytes. */
static bool take_equality(merge *m, const sql_expr *x)
{
    sql_analysis *a = &m->r->a;
    sql_typed sides[2], t, s;

    if (x->kind != SQL_X_BINARY || !bw_slice_is(x->text, "="))
        return false;
    const sql_expr *l = x->args.items[0], *r = x->args.items[1];
    if (belongs_to(m, &m->target_only, l, &t) && belongs_to(m, &m->source_only, r, &s)) {
        sides[0] = t;
        sides[1] = s;
    } else if (belongs_to(m, &m->target_only, r, &t) && belongs_to(m, &m->source_only, l, &s)) {
        sides[0] = t;
        sides[1] = s;
    } else {
        return false;
    }
    bq_field super;
    if (sides[0].constant || sides[1].constant || !sql_supertype(a, sides, 2, &super) ||
        super.kind == BQ_FLOAT64 || super.kind == BQ_JSON || super.kind == BQ_GEOGRAPHY ||
        super.mode == BQ_REPEATED)
        return false;
    sql_coerce(a, &sides[0], &super);
    sql_coerce(a, &sides[1], &super);
    const char *key = sql_key(a, &sides[1]);
    bool plain = strncmp(key, "s.c", 3) == 0 && strspn(key + 3, "0123456789") == strlen(key + 3);
    m->matches[m->key_count] = sql_key(a, &sides[0]);
    m->key_columns[m->key_count] = plain ? key + 2 : sql_printf(a, "k%zu", m->key_count + 1);
    m->keys[m->key_count++] = key;
    return true;
}

static void add_rest(merge *m, const sql_expr *x)
{
    sql_typed t = sql_analyze_bool(&m->r->a, &m->both, x, "ON clause");

    m->rest = m->rest ? sql_printf(&m->r->a, "%s AND %s", m->rest, t.sql) : t.sql;
}

static void analyze_on(merge *m)
{
    const sql_expr *on = m->r->stmt->on;
    sql_typed whole = sql_analyze_bool(&m->r->a, &m->both, on, "ON clause");
    size_t most = on->kind == SQL_X_LOGIC ? on->args.count : 1;

    if (m->r->a.failed)
        return;
    m->keys = BW_ARENA_ARRAY(m->r->a.arena, const char *, most + 1);
    m->key_columns = BW_ARENA_ARRAY(m->r->a.arena, const char *, most + 1);
    m->matches = BW_ARENA_ARRAY(m->r->a.arena, const char *, most + 1);
    m->never = on->kind == SQL_X_BOOL && !on->flag;
    if (on->kind != SQL_X_LOGIC || !on->flag) {
        if (!take_equality(m, on))
            m->rest = whole.sql;
        return;
    }
    for (size_t i = 0; i < on->args.count && !m->r->a.failed; i++) {
        if (!take_equality(m, on->args.items[i]))
            add_rest(m, on->args.items[i]);
    }
}

/* ---- WHEN -------------------------------------------------------------------------------------- */

static sql_scope *scope_of(merge *m, sql_match match)
{
    return match == SQL_M_MATCHED         ? &m->both
           : match == SQL_M_NOT_BY_TARGET ? &m->source_only
                                          : &m->target_only;
}

static const char *insert_text(merge *m, const sql_when *w, size_t number)
{
    sql_run *r = m->r;
    int *columns;
    size_t count;
    sql_exprs values = w->values;

    if (!sql_insert_columns(r, &m->t, &w->columns, w->columns_pos, &columns, &count))
        return "";
    if (w->action == SQL_A_INSERT_ROW) {
        /* ROW: the source's columns, in their order. */
        const sql_columns *row = &m->sources.sources[0]->columns;
        if (m->sources.source_count > 1)
            sql_error(&r->a, w->pos,
                      "Unsupported: INSERT ROW from a join is not part of the sandbox's SQL");
        values = (sql_exprs){NULL, 0};
        for (size_t i = 0; i < row->count; i++) {
            sql_expr *path = BW_ARENA_NEW(r->a.arena, sql_expr);
            *path = (sql_expr){.kind = SQL_X_PATH, .pos = w->pos};
            path->names.items = BW_ARENA_ARRAY(r->a.arena, bw_slice, 1);
            path->names.items[0] = bw_slice_cstr(row->items[i].name);
            path->names.count = 1;
            *SQL_ADD(&r->a, values.items, values.count) = path;
        }
    }
    const char **texts =
        sql_insert_values(r, &m->source_only, &m->t, columns, count, &values, w->pos);
    if (r->a.failed)
        return "";
    return sql_insert_text(r, &m->t, columns, count, texts,
                           sql_printf(&r->a,
                                      " FROM temp.bw_news AS n JOIN temp.bw_source AS s ON "
                                      "s.rowid=n.s WHERE n.action=%zu ORDER BY n.s",
                                      number));
}

static void analyze_whens(merge *m)
{
    const sql_stmt *stmt = m->r->stmt;
    size_t n = stmt->when_count;

    m->conditions = BW_ARENA_ARRAY(m->r->a.arena, const char *, n);
    m->assigned = BW_ARENA_ARRAY(m->r->a.arena, sql_assigned, n);
    m->inserts = BW_ARENA_ARRAY(m->r->a.arena, const char *, n);
    for (size_t i = 0; i < n && !m->r->a.failed; i++) {
        const sql_when *w = &stmt->whens[i];
        sql_scope *scope = scope_of(m, w->match);
        m->conditions[i] = "1";
        if (w->condition)
            m->conditions[i] =
                sql_analyze_bool(&m->r->a, scope, w->condition, "WHEN condition").sql;
        if (m->r->a.failed)
            return;
        if (w->action == SQL_A_UPDATE)
            sql_analyze_sets(m->r, scope, &m->t, w->sets, w->set_count, &m->assigned[i]);
        else if (w->action != SQL_A_DELETE)
            m->inserts[i] = insert_text(m, w, i + 1);
    }
}

/* CASE: the number of the first clause of this kind whose condition holds, else 0. */
static const char *action_text(merge *m, sql_match match)
{
    const sql_stmt *stmt = m->r->stmt;
    bw_buf out = BW_BUF_INIT;
    bool any = false;

    for (size_t i = 0; i < stmt->when_count; i++) {
        if (stmt->whens[i].match != match)
            continue;
        bw_buf_addf(&out, "%s WHEN %s THEN %zu", any ? "" : "CASE", m->conditions[i], i + 1);
        any = true;
    }
    bw_buf_adds(&out, any ? " ELSE 0 END" : "0");
    const char *text = sql_printf(&m->r->a, "%s", bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return text;
}

/* ---- Running ----------------------------------------------------------------------------------- */

static bw_status make_source(merge *m)
{
    sql_analysis *a = &m->r->a;
    bw_buf sql = BW_BUF_INIT, index = BW_BUF_INIT;

    bw_buf_adds(&sql, "CREATE TEMP TABLE bw_source AS SELECT ");
    for (size_t i = 0; i < m->column_count; i++)
        bw_buf_addf(&sql, "%s%s AS c%zu", i ? "," : "", m->original[i].sql, i + 1);
    bw_buf_addf(&sql, " FROM %s", m->source_text);
    bw_status status = sql_exec(m->r, bw_buf_cstr(&sql), NULL);
    for (size_t i = 0; status == BW_OK && i < m->key_count; i++) {
        const char *column = m->key_columns[i];
        bw_buf_addf(&index, "%s%s", i ? "," : "", column);
        if (column[0] == 'c')
            continue;
        status =
            sql_exec(m->r, sql_printf(a, "ALTER TABLE temp.bw_source ADD COLUMN %s", column), NULL);
        if (status == BW_OK)
            status = sql_exec(
                m->r, sql_printf(a, "UPDATE temp.bw_source AS s SET %s=%s", column, m->keys[i]),
                NULL);
    }
    if (status == BW_OK && m->key_count > 0)
        status = sql_exec(
            m->r,
            sql_printf(a, "CREATE INDEX temp.bw_source_key ON bw_source(%s)", bw_buf_cstr(&index)),
            NULL);
    bw_buf_fini(&sql);
    bw_buf_fini(&index);
    return status;
}

static bw_status make_pairs(merge *m)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql,
                "CREATE TEMP TABLE bw_pairs AS SELECT %s AS r,s.rowid AS s,%s AS action FROM "
                "\"t%lld\" AS %s CROSS JOIN temp.bw_source AS s",
                m->t.source->row_sql, action_text(m, SQL_M_MATCHED), (long long)m->t.table->storage,
                m->t.alias);
    bw_buf_adds(&sql, m->never ? " WHERE 0" : " WHERE 1");
    for (size_t i = 0; i < m->key_count; i++)
        bw_buf_addf(&sql, " AND s.%s=%s", m->key_columns[i], m->matches[i]);
    if (m->rest)
        bw_buf_addf(&sql, " AND %s", m->rest);
    bw_status status = sql_exec(m->r, bw_buf_cstr(&sql), NULL);
    bw_buf_fini(&sql);
    int64_t twice = 0;
    if (status == BW_OK)
        status = sql_exec_int(m->r,
                              "SELECT r FROM temp.bw_pairs WHERE action > 0 GROUP BY r "
                              "HAVING count(*) > 1 LIMIT 1",
                              0, &twice);
    if (status == BW_OK && twice != 0)
        return bq_error_set(m->r->err, "invalidQuery", "query",
                            "UPDATE/MERGE must match at most one source row for each target row");
    return status;
}

/* Source rows without a partner, and target rows without one, with the clause that takes them. */
static bw_status make_unmatched(merge *m)
{
    sql_analysis *a = &m->r->a;
    bw_status status = sql_exec(
        m->r,
        sql_printf(a,
                   "CREATE TEMP TABLE bw_news AS SELECT s.rowid AS s,%s AS action FROM "
                   "temp.bw_source AS s WHERE s.rowid NOT IN (SELECT s FROM temp.bw_pairs)",
                   action_text(m, SQL_M_NOT_BY_TARGET)),
        NULL);
    bool wanted = false;

    for (size_t i = 0; i < m->r->stmt->when_count; i++)
        wanted = wanted || m->r->stmt->whens[i].match == SQL_M_NOT_BY_SOURCE;
    if (status == BW_OK && wanted)
        status = sql_exec(
            m->r,
            sql_printf(a,
                       "CREATE TEMP TABLE bw_left AS SELECT %s AS r,%s AS action FROM \"t%lld\" "
                       "AS %s WHERE %s NOT IN (SELECT r FROM temp.bw_pairs)",
                       m->t.source->row_sql, action_text(m, SQL_M_NOT_BY_SOURCE),
                       (long long)m->t.table->storage, m->t.alias, m->t.source->row_sql),
            NULL);
    return status;
}

/* The new values of one UPDATE clause, from the rows as they are. */
static bw_status make_values(merge *m, size_t i)
{
    const sql_when *w = &m->r->stmt->whens[i];
    bool matched = w->match == SQL_M_MATCHED;
    const char *pairs = matched ? "bw_pairs" : "bw_left";
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql, "CREATE TEMP TABLE bw_values%zu AS SELECT p.r AS r", i);
    for (size_t k = 0; k < m->assigned[i].count; k++)
        bw_buf_addf(&sql, ",%s AS v%zu", m->assigned[i].values[k], k + 1);
    bw_buf_addf(&sql, " FROM temp.%s AS p CROSS JOIN \"t%lld\" AS %s ON %s=p.r", pairs,
                (long long)m->t.table->storage, m->t.alias, m->t.source->row_sql);
    if (matched)
        bw_buf_adds(&sql, " CROSS JOIN temp.bw_source AS s ON s.rowid=p.s");
    bw_buf_addf(&sql, " WHERE p.action=%zu", i + 1);
    bw_status status = sql_exec(m->r, bw_buf_cstr(&sql), NULL);
    bw_buf_fini(&sql);
    return status;
}

static bw_status apply(merge *m, int64_t *bytes)
{
    const sql_stmt *stmt = m->r->stmt;
    bq_sql_result *out = m->r->result;
    bw_status status = BW_OK;

    for (size_t i = 0; status == BW_OK && i < stmt->when_count; i++) {
        if (stmt->whens[i].action == SQL_A_UPDATE)
            status = make_values(m, i);
    }
    /* Inserts first: their texts may read the target as it was, and their rows are not among those
       that the other clauses have already been given. */
    for (size_t i = 0; status == BW_OK && i < stmt->when_count; i++) {
        int64_t inserted = 0, added = 0;
        if (!m->inserts[i])
            continue;
        status = sql_insert_rows(m->r, &m->t, m->inserts[i], &inserted, &added);
        out->inserted += inserted;
        *bytes += added;
    }
    for (size_t i = 0; status == BW_OK && i < stmt->when_count; i++) {
        const sql_when *w = &stmt->whens[i];
        const char *rows = w->match == SQL_M_MATCHED ? "bw_pairs" : "bw_left";
        if (w->action == SQL_A_UPDATE)
            status = sql_apply_updates(m->r, &m->t, sql_printf(&m->r->a, "temp.bw_values%zu", i),
                                       &m->assigned[i], &out->updated, bytes);
        else if (w->action == SQL_A_DELETE)
            status = sql_apply_deletes(
                m->r, &m->t,
                sql_printf(&m->r->a, "SELECT r FROM temp.%s WHERE action=%zu", rows, i + 1),
                &out->deleted, bytes);
    }
    return status;
}

static bw_status drop_temporaries(merge *m)
{
    static const char *const names[] = {"bw_source", "bw_pairs", "bw_news", "bw_left"};
    bw_status status = BW_OK;

    for (size_t i = 0; status == BW_OK && i < BW_COUNT(names); i++)
        status =
            sql_exec(m->r, sql_printf(&m->r->a, "DROP TABLE IF EXISTS temp.%s", names[i]), NULL);
    for (size_t i = 0; status == BW_OK && i < m->r->stmt->when_count; i++)
        status =
            sql_exec(m->r, sql_printf(&m->r->a, "DROP TABLE IF EXISTS temp.bw_values%zu", i), NULL);
    return status;
}

bw_status sql_run_merge(sql_run *r)
{
    merge m = {.r = r};
    int64_t bytes = 0;

    m.both.clause = m.source_only.clause = m.target_only.clause = "MERGE";
    m.both.no_windows = m.source_only.no_windows = m.target_only.no_windows = true;
    if (sql_target_open(r, &m.t) && open_source(&m)) {
        sql_scope_add(&r->a, &m.both, m.t.source);
        add_sources(&m, &m.both);
        sql_scope_add(&r->a, &m.target_only, m.t.source);
        add_sources(&m, &m.source_only);
        analyze_on(&m);
        if (!r->a.failed)
            analyze_whens(&m);
    }
    bw_status status = sql_ready(r);
    if (status != BW_OK || r->dry_run)
        return status;
    status = make_source(&m);
    if (status == BW_OK)
        status = make_pairs(&m);
    if (status == BW_OK)
        status = make_unmatched(&m);
    if (status == BW_OK)
        status = apply(&m, &bytes);
    if (status == BW_OK)
        status = drop_temporaries(&m);
    return status == BW_OK
               ? sql_target_close(r, &m.t, r->result->inserted - r->result->deleted, bytes)
               : status;
}
