/*
 * INSERT, UPDATE, DELETE and TRUNCATE. What is to be written is computed first, whole, then applied:
 * a statement reads the table as it was before.
 */
#include "backend/sandbox/sql_run.h"

#include "backend/sandbox/sql_parser.h"

/* ---- The target -------------------------------------------------------------------------------- */

bool sql_target_open(sql_run *r, sql_target *t)
{
    const sql_from *f = r->stmt->target;
    bw_slice name = f->alias.len ? f->alias : f->path.items[f->path.count - 1];

    if (f->pivot || f->unpivot || f->sample)
        sql_error(&r->a, f->pos,
                  "Syntax error: PIVOT, UNPIVOT and TABLESAMPLE are not allowed on the target of a "
                  "DML statement");
    t->table = sql_find_table(&r->a, f);
    if (!t->table)
        return false;
    const bq_table *table = &t->table->table;
    t->ref = (bq_table_ref){table->project, table->dataset, table->id};
    t->alias = sql_printf(&r->a, "q%d", sql_next(&r->a));
    t->source = sql_table_source(&r->a, t->table, name, t->alias);
    r->result->is_dml = true;
    sql_set_target(r, t->ref);
    return true;
}

bw_status sql_target_close(sql_run *r, sql_target *t, int64_t rows_delta, int64_t bytes_delta)
{
    bq_table *table = &t->table->table;
    const bq_sql_result *out = r->result;

    if (out->inserted + out->updated + out->deleted == 0)
        return BW_OK;
    table->rows += rows_delta;
    table->bytes += bytes_delta;
    return bq_store_put(r->catalog, table, t->table->storage, r->err);
}

static const bq_schema *schema_of(const sql_target *t)
{
    return &t->table->table.schema;
}

/* ---- INSERT ------------------------------------------------------------------------------------ */

bool sql_insert_columns(sql_run *r, const sql_target *t, const sql_names *names, size_t pos,
                        int **columns, size_t *count)
{
    const bq_schema *schema = schema_of(t);
    size_t n = names->count ? names->count : schema->count;

    *columns = BW_ARENA_ARRAY(r->a.arena, int, n + 1);
    *count = n;
    for (size_t i = 0; i < n; i++) {
        (*columns)[i] = names->count ? bq_schema_find(schema, names->items[i]) : (int)i;
        if ((*columns)[i] < 0)
            sql_error(&r->a, pos, "Column %.*s is not present in table %s.%s.%s",
                      BW_SLICE_ARG(names->items[i]), t->ref.project, t->ref.dataset, t->ref.table);
        for (size_t k = 0; k < i; k++) {
            if ((*columns)[k] == (*columns)[i])
                sql_error(&r->a, pos, "INSERT has columns with duplicate name: %.*s",
                          BW_SLICE_ARG(names->items[i]));
        }
    }
    return !r->a.failed;
}

const char *sql_default_value(sql_run *r, const bq_field *column, size_t pos)
{
    sql_typed x = {.type = *column, .sql = "NULL", .pos = pos, .literal = SQL_L_NULL};
    sql_scope none = {0};
    sql_stmt stmt;
    bq_error err = BQ_ERROR_INIT;

    if (column->default_sql) {
        char *text = bw_arena_printf(r->a.arena, "SELECT %s", column->default_sql);
        if (sql_parse(r->a.arena, bw_slice_cstr(text), &stmt, &err) == BW_OK && stmt.query &&
            stmt.query->select && stmt.query->select->item_count == 1)
            x = sql_analyze(&r->a, &none, stmt.query->select->items[0].expr);
        else
            sql_error(&r->a, pos, "Invalid default value of column %s", column->name);
    }
    return r->a.failed ? "NULL" : sql_assign(&r->a, &x, column, SQL_INSERT_VALUE, 0);
}

const char **sql_insert_values(sql_run *r, sql_scope *scope, const sql_target *t,
                               const int *columns, size_t count, const sql_exprs *values,
                               size_t pos)
{
    const bq_schema *schema = schema_of(t);
    const char **texts = BW_ARENA_ARRAY(r->a.arena, const char *, count + 1);

    if (values->count != count) {
        sql_error(&r->a, pos, "Inserted row has wrong column count; Has %zu, expected %zu",
                  values->count, count);
        return texts;
    }
    for (size_t i = 0; i < count && !r->a.failed; i++) {
        const bq_field *column = &schema->fields[columns[i]];
        if (values->items[i]->kind == SQL_X_DEFAULT) {
            texts[i] = sql_default_value(r, column, values->items[i]->pos);
            continue;
        }
        sql_typed x = sql_analyze(&r->a, scope, values->items[i]);
        texts[i] = r->a.failed ? "NULL" : sql_assign(&r->a, &x, column, SQL_INSERT_VALUE, i + 1);
    }
    return texts;
}

const char *sql_insert_text(sql_run *r, const sql_target *t, const int *columns, size_t count,
                            const char *const *values, const char *from)
{
    const bq_schema *schema = schema_of(t);
    bw_buf names = BW_BUF_INIT, texts = BW_BUF_INIT;

    for (size_t i = 0; i < schema->count && !r->a.failed; i++) {
        const char *value = NULL;
        for (size_t k = 0; k < count; k++) {
            if (columns[k] == (int)i)
                value = values[k];
        }
        bw_buf_adds(&names, i ? "," : "");
        bq_store_quote(&names, schema->fields[i].name);
        bw_buf_addf(&texts, "%s%s", i ? "," : "",
                    value ? value : sql_default_value(r, &schema->fields[i], r->stmt->pos));
    }
    const char *text =
        sql_printf(&r->a, "INSERT INTO \"t%lld\"(%s) SELECT %s%s", (long long)t->table->storage,
                   bw_buf_cstr(&names), bw_buf_cstr(&texts), from);
    bw_buf_fini(&names);
    bw_buf_fini(&texts);
    return text;
}

bw_status sql_insert_rows(sql_run *r, sql_target *t, const char *text, int64_t *inserted,
                          int64_t *bytes)
{
    long long storage = (long long)t->table->storage;
    int64_t last;

    bw_status status =
        sql_exec_int(r, sql_printf(&r->a, "SELECT max(\"!\") FROM \"t%lld\"", storage), 0, &last);
    if (status == BW_OK)
        status = sql_exec(r, text, inserted);
    if (status == BW_OK)
        status = sql_rows_bytes(r, t->table->storage, schema_of(t),
                                sql_printf(&r->a, "\"!\" > %lld", (long long)last), bytes);
    return status;
}

/* Rows of VALUES as one compound SELECT: v.column1, v.column2, ... */
static const char *values_text(sql_run *r, const sql_target *t, const int *columns, size_t count)
{
    bw_buf rows = BW_BUF_INIT;
    sql_scope none = {.clause = "VALUES", .no_windows = true};

    for (size_t i = 0; i < r->stmt->row_count && !r->a.failed; i++) {
        const sql_row *row = &r->stmt->rows[i];
        const char **texts = sql_insert_values(r, &none, t, columns, count, &row->values, row->pos);
        bw_buf_adds(&rows, i ? ",(" : "(");
        for (size_t k = 0; k < count && !r->a.failed; k++)
            bw_buf_addf(&rows, "%s%s", k ? "," : "", texts[k]);
        bw_buf_addc(&rows, ')');
    }
    const char **names = BW_ARENA_ARRAY(r->a.arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = sql_printf(&r->a, "column%zu", i + 1);
    const char *from = sql_printf(&r->a, " FROM (VALUES %s)", bw_buf_cstr(&rows));
    bw_buf_fini(&rows);
    return r->a.failed ? "" : sql_insert_text(r, t, columns, count, names, from);
}

static const char *query_text(sql_run *r, const sql_target *t, const int *columns, size_t count)
{
    const bq_schema *schema = schema_of(t);
    sql_relation q = sql_analyze_query(&r->a, NULL, r->stmt->query);
    const char **texts = BW_ARENA_ARRAY(r->a.arena, const char *, count + 1);

    if (r->a.failed)
        return "";
    if (q.columns.count != count) {
        sql_error(&r->a, r->stmt->query->pos,
                  "Inserted row has wrong column count; Has %zu, expected %zu", q.columns.count,
                  count);
        return "";
    }
    for (size_t i = 0; i < count && !r->a.failed; i++) {
        sql_typed x = {.type = q.columns.items[i].type,
                       .sql = sql_printf(&r->a, "c%zu", i + 1),
                       .pos = r->stmt->query->pos};
        if (q.null_columns && q.null_columns[i])
            x.literal = SQL_L_NULL;
        texts[i] = sql_assign(&r->a, &x, &schema->fields[columns[i]], SQL_QUERY_COLUMN, i + 1);
    }
    return sql_insert_text(r, t, columns, count, texts, sql_printf(&r->a, " FROM (%s)", q.sql));
}

bw_status sql_run_insert(sql_run *r)
{
    sql_target t;
    int *columns;
    size_t count;
    int64_t bytes = 0;
    const char *text = "";

    if (sql_target_open(r, &t) &&
        sql_insert_columns(r, &t, &r->stmt->columns, r->stmt->columns_pos, &columns, &count))
        text =
            r->stmt->query ? query_text(r, &t, columns, count) : values_text(r, &t, columns, count);
    bw_status status = sql_ready(r);
    if (status != BW_OK || r->dry_run)
        return status;
    status = sql_insert_rows(r, &t, text, &r->result->inserted, &bytes);
    return status == BW_OK ? sql_target_close(r, &t, r->result->inserted, bytes) : status;
}

/* ---- UPDATE and DELETE -------------------------------------------------------------------------- */

/* The text of a STRUCT with the field that `names` lead to replaced; without names, the value. */
static const char *with_field(sql_run *r, const char *sql, const bq_field *type,
                              const bw_slice *names, size_t count, const sql_set *set,
                              sql_typed *value)
{
    bool is_struct = type->kind == BQ_STRUCT && type->mode != BQ_REPEATED;
    int at = is_struct && count > 0 ? bq_schema_find(&type->fields, names[0]) : -1;

    if (count == 0)
        return sql_assign(&r->a, value, type, SQL_UPDATE_VALUE, 0);
    if (at < 0) {
        sql_error(&r->a, set->pos, "Field name %.*s does not exist in %s", BW_SLICE_ARG(names[0]),
                  sql_type_name(&r->a, type));
        return "NULL";
    }
    const char *item = sql_printf(&r->a, "bq_item(%s,%d)", sql, at);
    return sql_printf(
        &r->a, "bq_with_item(%s,%d,%s,%zu)", sql, at,
        with_field(r, item, &type->fields.fields[at], names + 1, count - 1, set, value),
        type->fields.count);
}

void sql_analyze_sets(sql_run *r, sql_scope *scope, const sql_target *t, const sql_set *sets,
                      size_t count, sql_assigned *out)
{
    const bq_schema *schema = schema_of(t);

    out->count = count;
    out->columns = BW_ARENA_ARRAY(r->a.arena, int, count + 1);
    out->values = BW_ARENA_ARRAY(r->a.arena, const char *, count + 1);
    for (size_t i = 0; i < count && !r->a.failed; i++) {
        const sql_set *set = &sets[i];
        size_t named = set->path.count > 1 && sql_slice_equal(set->path.items[0], t->source->alias);
        bw_slice name = set->path.items[named];
        int at = bq_schema_find(schema, name);
        if (at < 0)
            sql_error(&r->a, set->pos, "Unrecognized name: %.*s", BW_SLICE_ARG(name));
        for (size_t k = 0; k < i; k++) {
            if (out->columns[k] == at)
                sql_error(&r->a, set->pos, "Update item %.*s assigned more than once",
                          BW_SLICE_ARG(name));
        }
        if (r->a.failed)
            return;
        const bq_field *column = &schema->fields[at];
        out->columns[i] = at;
        if (set->value->kind == SQL_X_DEFAULT) {
            out->values[i] = sql_default_value(r, column, set->pos);
            continue;
        }
        sql_typed x = sql_analyze(&r->a, scope, set->value);
        if (!r->a.failed)
            out->values[i] =
                with_field(r, t->source->columns.items[at].sql, column, set->path.items + named + 1,
                           set->path.count - named - 1, set, &x);
    }
}

static bw_status probe(void *user, const char *sql, int64_t *value)
{
    return sql_exec_int(user, sql, 0, value);
}

/* None of the rows (all of the table without a query) may be in the streaming buffer. */
static bw_status not_buffered(sql_run *r, const sql_target *t, const char *rows_query)
{
    return bq_buffer_check(r->catalog, &t->table->table, t->table->storage, rows_query, probe, r,
                           r->err);
}

static bw_status affected_bytes(sql_run *r, const sql_target *t, const char *rows_query,
                                int64_t *bytes)
{
    return sql_rows_bytes(r, t->table->storage, schema_of(t),
                          sql_printf(&r->a, "\"!\" IN (%s)", rows_query), bytes);
}

bw_status sql_apply_updates(sql_run *r, sql_target *t, const char *temp,
                            const sql_assigned *assigned, int64_t *updated, int64_t *bytes)
{
    const char *rows = sql_printf(&r->a, "SELECT r FROM %s", temp);
    int64_t before = 0, after = 0, changes = 0;
    bw_buf sql = BW_BUF_INIT;

    bw_status status = not_buffered(r, t, rows);
    if (status == BW_OK)
        status = affected_bytes(r, t, rows, &before);
    bw_buf_addf(&sql, "UPDATE \"t%lld\" SET ", (long long)t->table->storage);
    for (size_t i = 0; i < assigned->count; i++) {
        bw_buf_adds(&sql, i ? "," : "");
        bq_store_quote(&sql, schema_of(t)->fields[assigned->columns[i]].name);
        bw_buf_addf(&sql, "=u.v%zu", i + 1);
    }
    bw_buf_addf(&sql, " FROM %s AS u WHERE \"t%lld\".\"!\"=u.r", temp,
                (long long)t->table->storage);
    if (status == BW_OK)
        status = sql_exec(r, bw_buf_cstr(&sql), &changes);
    bw_buf_fini(&sql);
    if (status == BW_OK)
        status = affected_bytes(r, t, rows, &after);
    *updated += changes;
    *bytes += after - before;
    return status;
}

bw_status sql_apply_deletes(sql_run *r, sql_target *t, const char *rows_query, int64_t *deleted,
                            int64_t *bytes)
{
    int64_t before = 0, changes = 0;

    bw_status status = not_buffered(r, t, rows_query);
    if (status == BW_OK)
        status = affected_bytes(r, t, rows_query, &before);
    if (status == BW_OK)
        status = sql_exec(r,
                          sql_printf(&r->a, "DELETE FROM \"t%lld\" WHERE \"!\" IN (%s)",
                                     (long long)t->table->storage, rows_query),
                          &changes);
    *deleted += changes;
    *bytes -= before;
    return status;
}

/* The rows to change, with their new values, as a temporary table. */
static const char *update_text(sql_run *r, const sql_target *t, const sql_assigned *assigned,
                               const char *from, const char *where)
{
    bw_buf sql = BW_BUF_INIT;

    bw_buf_addf(&sql, "CREATE TEMP TABLE bw_updates AS SELECT %s AS r", t->source->row_sql);
    for (size_t i = 0; i < assigned->count; i++)
        bw_buf_addf(&sql, ",%s AS v%zu", assigned->values[i], i + 1);
    bw_buf_addf(&sql, " FROM \"t%lld\" AS %s%s%s WHERE %s", (long long)t->table->storage, t->alias,
                from ? " JOIN " : "", from ? from : "", where);
    const char *text = sql_printf(&r->a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return text;
}

static bw_status once_per_row(sql_run *r, const char *temp)
{
    int64_t twice;
    bw_status status = sql_exec_int(
        r, sql_printf(&r->a, "SELECT r FROM %s GROUP BY r HAVING count(*) > 1 LIMIT 1", temp), 0,
        &twice);

    if (status == BW_OK && twice != 0)
        return bq_error_set(r->err, "invalidQuery", "query",
                            "UPDATE/MERGE must match at most one source row for each target row");
    return status;
}

bw_status sql_run_update(sql_run *r)
{
    sql_target t;
    sql_assigned assigned = {0};
    sql_scope scope = {.clause = "UPDATE", .no_windows = true};
    const char *from = NULL, *text = "";
    int64_t bytes = 0;

    if (sql_target_open(r, &t)) {
        sql_scope_add(&r->a, &scope, t.source);
        if (r->stmt->from)
            from = sql_analyze_from(&r->a, &scope, r->stmt->from);
        sql_analyze_sets(r, &scope, &t, r->stmt->sets, r->stmt->set_count, &assigned);
        sql_typed where = sql_analyze_bool(&r->a, &scope, r->stmt->where, "WHERE clause");
        text = r->a.failed ? "" : update_text(r, &t, &assigned, from, where.sql);
    }
    bw_status status = sql_ready(r);
    if (status != BW_OK || r->dry_run)
        return status;
    status = sql_exec(r, text, NULL);
    if (status == BW_OK && from)
        status = once_per_row(r, "bw_updates");
    if (status == BW_OK)
        status = sql_apply_updates(r, &t, "bw_updates", &assigned, &r->result->updated, &bytes);
    if (status == BW_OK)
        status = sql_exec(r, "DROP TABLE temp.bw_updates", NULL);
    return status == BW_OK ? sql_target_close(r, &t, 0, bytes) : status;
}

bw_status sql_run_delete(sql_run *r)
{
    sql_target t;
    sql_scope scope = {.clause = "DELETE", .no_windows = true};
    const char *rows = "";
    int64_t bytes = 0;

    if (sql_target_open(r, &t)) {
        sql_scope_add(&r->a, &scope, t.source);
        sql_typed where = sql_analyze_bool(&r->a, &scope, r->stmt->where, "WHERE clause");
        rows = sql_printf(&r->a, "SELECT %s FROM \"t%lld\" AS %s WHERE %s", t.source->row_sql,
                          (long long)t.table->storage, t.alias, where.sql);
    }
    bw_status status = sql_ready(r);
    if (status != BW_OK || r->dry_run)
        return status;
    status = sql_apply_deletes(r, &t, rows, &r->result->deleted, &bytes);
    return status == BW_OK ? sql_target_close(r, &t, -r->result->deleted, bytes) : status;
}

bw_status sql_run_truncate(sql_run *r)
{
    sql_target t;
    bool found = sql_target_open(r, &t);
    int64_t storage;
    bw_status status = sql_ready(r);

    if (status != BW_OK || r->dry_run || !found)
        return status;
    bq_table *table = &t.table->table;
    r->result->deleted = table->rows;
    status = not_buffered(r, &t, NULL);
    if (status == BW_OK)
        status = bq_storage_create(r->catalog, &table->schema, &storage, r->err);
    if (status == BW_OK)
        status = bq_storage_drop(r->catalog, t.table->storage, r->err);
    table->rows = table->bytes = 0;
    return status == BW_OK ? bq_store_put(r->catalog, table, storage, r->err) : status;
}
