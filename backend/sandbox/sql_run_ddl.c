/*
 * CREATE, DROP and ALTER TABLE. What tables.insert takes as JSON is made here from SQL.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_options.h"

/* ---- Columns ----------------------------------------------------------------------------------- */

static void column_options(sql_run *r, sql_column_def *def)
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
        column_options(r, &stmt->defs[i]);
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

static bw_status describe(sql_run *r, creation *c)
{
    const sql_stmt *stmt = r->stmt;
    sql_table_options options = {.expires_us = BW_TIME_NONE};
    sql_relation relation = {0};
    bw_status status = BW_OK;

    if (stmt->query)
        relation = sql_analyze_query(&r->a, NULL, stmt->query);
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

static bw_status table_exists(sql_run *r, bq_table_ref ref, bool *exists)
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

bw_status sql_run_create(sql_run *r)
{
    const sql_stmt *stmt = r->stmt;
    bq_table_ref ref;
    creation c = {.table = {.expires_us = BW_TIME_NONE}};

    r->result->statement_type = stmt->query ? "CREATE_TABLE_AS_SELECT" : "CREATE_TABLE";
    if (!sql_table_ref(&r->a, stmt->target, &ref))
        return BW_INVALID;
    sql_set_target(r, ref);
    bw_status status = table_exists(r, ref, &c.exists);
    if (status == BW_OK)
        status = describe(r, &c);
    if (status != BW_OK)
        return status;
    c.table.project = ref.project;
    c.table.dataset = ref.dataset;
    c.table.id = ref.table;
    r->result->ddl_operation = !c.exists             ? "CREATE"
                               : stmt->or_replace    ? "REPLACE"
                               : stmt->if_not_exists ? "SKIP"
                                                     : NULL;
    if (!r->result->ddl_operation)
        return bq_error_set(r->err, "duplicate", NULL, "Already Exists: Table %s:%s.%s",
                            ref.project, ref.dataset, ref.table);
    if (r->dry_run || (c.exists && stmt->if_not_exists))
        return BW_OK;
    status = create(r, ref, &c);
    if (status == BW_OK && c.select)
        r->result->destination = r->result->target;
    return status;
}

/* ---- DROP and ALTER ---------------------------------------------------------------------------- */

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
    bw_status status = table_exists(r, ref, &exists);
    if (status == BW_OK && !exists && !r->stmt->if_exists)
        return not_found(r, ref);
    r->result->ddl_operation = exists ? "DROP" : "SKIP";
    if (status != BW_OK || !exists || r->dry_run)
        return status;
    return bq_store_remove(r->catalog, ref, r->err);
}

static void invalid_alter(sql_run *r, const sql_alter *a, const char *what)
{
    sql_error(&r->a, a->pos, "%s: %s", what, a->column.field.name);
}

static void add_column(sql_run *r, const sql_alter *a, bq_schema *schema)
{
    if (bq_schema_find(schema, bw_slice_cstr(a->column.field.name)) >= 0) {
        if (!a->if_exists)
            invalid_alter(r, a, "Column already exists");
        return;
    }
    if (a->column.field.mode == BQ_REQUIRED) {
        invalid_alter(r, a, "Cannot add required fields to an existing schema");
        return;
    }
    bq_field *grown = BW_ARENA_ARRAY(r->a.arena, bq_field, schema->count + 1);
    memcpy(grown, schema->fields, schema->count * sizeof(*grown));
    sql_column_def def = a->column;
    column_options(r, &def);
    grown[schema->count] = def.field;
    *schema = (bq_schema){grown, schema->count + 1};
}

static bw_status drop_column(sql_run *r, sql_table *t, const sql_alter *a, bq_schema *schema,
                             int at)
{
    bq_field *left = BW_ARENA_ARRAY(r->a.arena, bq_field, schema->count + 1);
    bw_buf sql = BW_BUF_INIT;
    size_t n = 0;

    if (schema->count == 1) {
        invalid_alter(r, a, "Cannot drop the only column of a table");
        return BW_INVALID;
    }
    for (size_t i = 0; i < schema->count; i++) {
        if ((int)i != at)
            left[n++] = schema->fields[i];
    }
    *schema = (bq_schema){left, n};
    if (r->dry_run)
        return BW_OK;
    bw_buf_addf(&sql, "ALTER TABLE \"t%lld\" DROP COLUMN ", (long long)t->storage);
    bq_store_quote(&sql, a->column.field.name);
    bw_status status = sql_exec(r, bw_buf_cstr(&sql), NULL);
    bw_buf_fini(&sql);
    return status;
}

/* Members of `update` replace those of the metadata. */
static const char *merge_metadata(sql_run *r, const char *metadata, const char *update)
{
    bw_buf out = BW_BUF_INIT, name = BW_BUF_INIT;
    bw_json_scan s = bw_json_scan_init(bw_slice_cstr(metadata));
    bw_json_token t;
    bw_slice raw;

    bw_buf_addf(&out, "{%s", update);
    bool first = !*update;
    char *wrapped = bw_xasprintf("{%s}", update);
    bw_json_next(&s, &t);
    while (bw_json_next(&s, &t) && t.type == BW_JSON_KEY) {
        bw_buf_clear(&name);
        bw_json_unescape(t.raw, &name);
        if (!bw_json_skip(&s, &raw))
            break;
        if (bw_json_member(bw_slice_cstr(wrapped), bw_buf_cstr(&name)).ptr)
            continue;
        bw_buf_addf(&out, "%s%.*s:%.*s", first ? "" : ",", BW_SLICE_ARG(t.raw), BW_SLICE_ARG(raw));
        first = false;
    }
    bw_buf_addc(&out, '}');
    const char *text = sql_printf(&r->a, "%s", bw_buf_cstr(&out));
    free(wrapped);
    bw_buf_fini(&out);
    bw_buf_fini(&name);
    return text;
}

static void set_options(sql_run *r, const sql_alter *a, bq_table *table)
{
    sql_table_options options = {.expires_us = BW_TIME_NONE};

    sql_read_options(r, a->options, a->option_count, &options);
    if (options.has_expiry)
        table->expires_us = options.expires_us;
    if (options.json.len > 0)
        table->metadata = merge_metadata(r, table->metadata, bw_buf_cstr(&options.json) + 1);
    bw_buf_fini(&options.json);
}

static bw_status alter_one(sql_run *r, sql_table *t, const sql_alter *a)
{
    bq_schema *schema = &t->table.schema;
    int at =
        a->column.field.name ? bq_schema_find(schema, bw_slice_cstr(a->column.field.name)) : -1;

    if (a->kind == SQL_ALTER_SET_OPTIONS) {
        set_options(r, a, &t->table);
    } else if (a->kind == SQL_ALTER_ADD_COLUMN) {
        add_column(r, a, schema);
    } else if (at < 0) {
        if (!a->if_exists)
            invalid_alter(r, a, "Column not found");
    } else if (a->kind == SQL_ALTER_DROP_COLUMN) {
        return drop_column(r, t, a, schema, at);
    } else if (schema->fields[at].mode == BQ_REQUIRED) {
        schema->fields[at].mode = BQ_NULLABLE;
    }
    return r->a.failed ? BW_INVALID : BW_OK;
}

bw_status sql_run_alter(sql_run *r)
{
    bq_table_ref ref;
    bool exists;

    if (!sql_table_ref(&r->a, r->stmt->target, &ref))
        return BW_INVALID;
    sql_set_target(r, ref);
    bw_status status = table_exists(r, ref, &exists);
    if (status == BW_OK && !exists && r->stmt->if_exists) {
        r->result->ddl_operation = "SKIP";
        return BW_OK;
    }
    sql_table *t = status == BW_OK ? sql_find_table(&r->a, r->stmt->target) : NULL;
    if (!t)
        return status == BW_OK ? sql_ready(r) : status;
    bq_schema before = t->table.schema;
    r->result->ddl_operation = "ALTER";
    for (size_t i = 0; status == BW_OK && i < r->stmt->alter_count; i++)
        status = alter_one(r, t, &r->stmt->alters[i]);
    if (status != BW_OK || r->dry_run)
        return status;
    status = bq_storage_widen(r->catalog, t->storage, &before, &t->table.schema, r->err);
    if (status == BW_OK)
        status = bq_check_table(&t->table, r->err);
    if (status == BW_OK)
        status = bq_store_put(r->catalog, &t->table, t->storage, r->err);
    if (status == BW_INVALID)
        r->err->reason = "invalidQuery";
    return status;
}
