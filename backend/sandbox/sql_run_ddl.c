/*
 * CREATE TABLE and DROP TABLE. What tables.insert takes as JSON is made here from SQL.
 */
#include <stdlib.h>

#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_options.h"

/* ---- Columns ----------------------------------------------------------------------------------- */

void sql_column_options(sql_run *r, sql_column_def *def)
{
    for (size_t i = 0; i < def->option_count && !r->a.failed; i++) {
        bw_slice text;
        if (!sql_name_equal(def->options[i].name, "description"))
            sql_error(&r->a, def->options[i].pos, "Unknown option: %.*s",
                      BW_SLICE_ARG(def->options[i].name));
        else if (sql_option_text(r, &def->options[i], &text))
            def->field.description = bw_arena_strndup(r->a.arena, text.ptr, text.len);
    }
}

/* The definitions as a schema, through the same checks as one that comes as JSON. */
static bw_status schema_of_defs(sql_run *r, bq_schema *out)
{
    const sql_stmt *stmt = r->stmt;
    bq_schema made = {BW_ARENA_ARRAY(r->a.arena, bq_field, stmt->def_count + 1), stmt->def_count};
    bw_buf json = BW_BUF_INIT;

    for (size_t i = 0; i < stmt->def_count; i++) {
        sql_column_options(r, &stmt->defs[i]);
        made.fields[i] = stmt->defs[i].field;
    }
    bq_schema_print(&made, &json);
    bw_status status =
        r->a.failed ? BW_INVALID : bq_schema_parse(r->a.arena, bw_buf_slice(&json), out, r->err);
    if (status != BW_OK && !r->a.failed) {
        r->err->reason = "invalidQuery";
        r->a.failed = true;
    }
    bw_buf_fini(&json);
    return status;
}

/* CREATE TABLE (columns) AS query: the query's columns are coerced in order. */
static bw_status coerce_to_defs(sql_run *r, const sql_relation *relation, const bq_schema *schema,
                                const char **text)
{
    bw_buf sql = BW_BUF_INIT;

    if (relation->columns.count != schema->count)
        sql_error(&r->a, r->stmt->pos,
                  "Column definition list has %zu columns, but the query has "
                  "%zu",
                  schema->count, relation->columns.count);
    for (size_t i = 0; i < schema->count && !r->a.failed; i++) {
        sql_typed x = {.type = relation->columns.items[i].type,
                       .sql = sql_printf(&r->a, "c%zu", i + 1),
                       .pos = r->stmt->query->pos};
        if (relation->null_columns && relation->null_columns[i])
            x.literal = SQL_L_NULL;
        bw_buf_addf(&sql, "%s%s", i ? "," : "SELECT ",
                    sql_assign(&r->a, &x, &schema->fields[i], SQL_QUERY_COLUMN, i + 1));
    }
    *text = sql_printf(&r->a, "%s FROM (%s)", bw_buf_cstr(&sql), relation->sql);
    bw_buf_fini(&sql);
    return r->a.failed ? BW_INVALID : BW_OK;
}

/* ---- CREATE ------------------------------------------------------------------------------------ */

typedef struct creation {
    bq_table table;
    const char *select; /* of AS; NULL without */
    bool exists;
} creation;

/* LIKE and COPY: the other table's columns and description; COPY, its rows too. */
static bw_status describe_as(sql_run *r, creation *c)
{
    const sql_table *t = sql_find_table(&r->a, r->stmt->model);
    bw_buf columns = BW_BUF_INIT;

    if (t) {
        c->table.schema = t->table.schema;
        c->table.metadata = t->table.metadata;
        for (size_t i = 0; i < t->table.schema.count; i++) {
            bw_buf_adds(&columns, i ? "," : "");
            bq_store_quote(&columns, t->table.schema.fields[i].name);
            t->used[i] = r->stmt->copies_rows;
        }
        if (r->stmt->copies_rows)
            c->select = sql_printf(&r->a, "SELECT %s FROM \"t%lld\" ORDER BY \"!\"",
                                   bw_buf_cstr(&columns), (long long)t->storage);
    }
    bw_buf_fini(&columns);
    return sql_ready(r);
}

static void need_names(sql_run *r, const sql_relation *relation)
{
    for (size_t i = 0; i < relation->columns.count && !relation->is_value; i++) {
        if (!*relation->columns.items[i].name)
            sql_error(&r->a, r->stmt->query->pos,
                      "CREATE TABLE columns must be named, but column %zu has no name", i + 1);
    }
}

static bw_status describe(sql_run *r, creation *c)
{
    const sql_stmt *stmt = r->stmt;
    sql_table_options options = {.expires_us = BW_TIME_NONE};
    sql_relation relation = {0};
    bw_status status = BW_OK;

    if (stmt->model)
        return describe_as(r, c);
    if (stmt->query)
        relation = sql_analyze_query(&r->a, NULL, stmt->query);
    if (stmt->query && stmt->def_count == 0 && !r->a.failed)
        need_names(r, &relation);
    if (stmt->partition && !r->a.failed)
        sql_add_partitioning(r, stmt->partition, &options.json);
    sql_add_clustering(&stmt->cluster, &options.json);
    sql_read_options(r, stmt->options, stmt->option_count, &options);
    c->table.expires_us = options.expires_us;
    bool any = options.json.len > 0;
    c->table.metadata = sql_printf(&r->a, "{%s}", any ? bw_buf_cstr(&options.json) + 1 : "");
    bw_buf_fini(&options.json);
    if (stmt->def_count > 0)
        status = schema_of_defs(r, &c->table.schema);
    if (status == BW_OK)
        status = sql_ready(r);
    if (status != BW_OK || !stmt->query)
        return status;
    return stmt->def_count > 0 ? coerce_to_defs(r, &relation, &c->table.schema, &c->select)
                               : sql_result_schema(r, &relation, &c->table.schema, &c->select);
}

/* What is written for tables does not touch views. */
static bw_status refuse_view(sql_run *r, bq_table_ref ref)
{
    bq_table table;
    bw_status status = bq_store_find(r->catalog, ref, &table, NULL, r->err);

    if (status != BW_OK)
        return status;
    status = bq_refuse_view(&table, r->err);
    bq_table_fini(&table);
    return status;
}

static bw_status create(sql_run *r, bq_table_ref ref, creation *c)
{
    int64_t storage, rows = 0, bytes = 0;
    bw_status status;

    if (c->select)
        status = sql_materialise(r, &c->table.schema, c->select, &storage, &rows);
    else
        status = bq_storage_create(r->catalog, &c->table.schema, &storage, r->err);
    if (status == BW_OK && c->select)
        status = sql_rows_bytes(r, storage, &c->table.schema, "1", &bytes);
    if (status == BW_OK && c->exists)
        status = bq_store_remove(r->catalog, ref, r->err);
    if (status == BW_OK)
        status = bq_store_add(r->catalog, &c->table, storage, rows, bytes, r->err);
    if (status == BW_INVALID)
        r->err->reason = "invalidQuery";
    return status;
}

bw_status sql_table_exists(sql_run *r, bq_table_ref ref, bool *exists)
{
    bq_error err = BQ_ERROR_INIT;
    bq_table table;
    bw_status status = bq_store_find(r->catalog, ref, &table, NULL, &err);

    *exists = status == BW_OK;
    if (status == BW_OK)
        bq_table_fini(&table);
    else if (strncmp(err.message, "Not found: Table", 16) != 0)
        return bq_error_set(r->err, err.reason, NULL,
                            "Not found: Dataset %s:%s was not found in location %s", ref.project,
                            ref.dataset, r->a.location);
    return BW_OK;
}

bw_status sql_table_may_be_made(sql_run *r, bq_table_ref ref, bool exists)
{
    r->result->ddl_operation = !exists                  ? "CREATE"
                               : r->stmt->or_replace    ? "REPLACE"
                               : r->stmt->if_not_exists ? "SKIP"
                                                        : NULL;
    if (r->result->ddl_operation)
        return BW_OK;
    return bq_error_set(r->err, "duplicate", NULL, "Already Exists: Table %s:%s.%s", ref.project,
                        ref.dataset, ref.table);
}

bw_status sql_run_create(sql_run *r)
{
    const sql_stmt *stmt = r->stmt;
    bq_table_ref ref;
    creation c = {.table = {.expires_us = BW_TIME_NONE}};

    r->result->statement_type = stmt->query ? "CREATE_TABLE_AS_SELECT" : "CREATE_TABLE";
    if (stmt->temporary && r->a.request->temp_count == 0)
        sql_error(&r->a, stmt->pos, "Use of CREATE TEMPORARY TABLE requires a script or session");
    if (r->a.failed || !sql_table_ref(&r->a, stmt->target, &ref))
        return BW_INVALID;
    sql_set_target(r, ref);
    bw_status status = sql_table_exists(r, ref, &c.exists);
    if (status == BW_OK)
        status = describe(r, &c);
    if (stmt->temporary)
        c.table.expires_us = r->a.now_us + 24 * BW_HOUR;
    if (status != BW_OK)
        return status;
    c.table.project = ref.project;
    c.table.dataset = ref.dataset;
    c.table.id = ref.table;
    status = sql_table_may_be_made(r, ref, c.exists);
    if (status == BW_OK && c.exists && stmt->or_replace)
        status = refuse_view(r, ref);
    if (status != BW_OK || r->dry_run || (c.exists && stmt->if_not_exists))
        return status;
    status = create(r, ref, &c);
    if (status == BW_OK && stmt->query)
        r->result->destination = r->result->target;
    return status;
}

/* ---- DROP ---------------------------------------------------------------------------- */

static bw_status not_found(sql_run *r, bq_table_ref ref)
{
    return bq_error_set(r->err, "notFound", NULL,
                        "Not found: Table %s:%s.%s was not found in location %s", ref.project,
                        ref.dataset, ref.table, r->a.location);
}

bw_status sql_run_drop(sql_run *r)
{
    bq_table_ref ref;
    bool exists;

    if (!sql_table_ref(&r->a, r->stmt->target, &ref))
        return BW_INVALID;
    sql_set_target(r, ref);
    bw_status status = sql_table_exists(r, ref, &exists);
    if (status == BW_OK && !exists && !r->stmt->if_exists)
        return not_found(r, ref);
    r->result->ddl_operation = exists ? "DROP" : "SKIP";
    if (status == BW_OK && exists)
        status = refuse_view(r, ref);
    if (status != BW_OK || !exists || r->dry_run)
        return status;
    return bq_store_remove(r->catalog, ref, r->err);
}
