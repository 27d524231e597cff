/*
 * CREATE, DROP and ALTER TABLE. What tables.insert takes as JSON is made here from SQL.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/sql_run.h"

/* ---- Partitioning and clustering ---------------------------------------------------------------- */

static bool is_call(const sql_expr *x, const char *name, size_t args)
{
    return x->kind == SQL_X_CALL && x->names.count == 1 &&
           sql_name_equal(x->names.items[0], name) && x->args.count == args;
}

static bool plain_name(const sql_expr *x, bw_slice *name)
{
    if (x->kind != SQL_X_PATH || x->names.count != 1)
        return false;
    *name = x->names.items[0];
    return true;
}

static void add_time_partitioning(bw_buf *out, const char *type, bw_slice field)
{
    bw_buf_addf(out, ",\"timePartitioning\":{\"type\":\"%s\"", type);
    if (field.len > 0) {
        bw_buf_adds(out, ",\"field\":");
        bw_json_add_string(out, field);
    }
    bw_buf_addc(out, '}');
}

static const char *partition_type(const sql_expr *x)
{
    static const char *const types[] = {"DAY", "HOUR", "MONTH", "YEAR"};
    bw_slice name;

    for (size_t i = 0; plain_name(x, &name) && i < BW_COUNT(types); i++) {
        if (sql_name_equal(name, types[i]))
            return types[i];
    }
    return NULL;
}

/* RANGE_BUCKET(column, GENERATE_ARRAY(start, end, interval)) */
static bool range_partitioning(sql_run *r, const sql_expr *x, bw_buf *out)
{
    int64_t n[3] = {0, 0, 1};
    bw_slice field;

    if (!is_call(x, "RANGE_BUCKET", 2) || !plain_name(x->args.items[0], &field))
        return false;
    const sql_expr *range = x->args.items[1];
    if (!is_call(range, "GENERATE_ARRAY", 3) && !is_call(range, "GENERATE_ARRAY", 2))
        return false;
    for (size_t i = 0; i < range->args.count; i++) {
        if (!sql_constant_int(&r->a, range->args.items[i], &n[i]))
            return false;
    }
    bw_buf_adds(out, ",\"rangePartitioning\":{\"field\":");
    bw_json_add_string(out, field);
    bw_buf_addf(out, ",\"range\":{\"start\":\"%lld\",\"end\":\"%lld\",\"interval\":\"%lld\"}}",
                (long long)n[0], (long long)n[1], (long long)n[2]);
    return true;
}

static void add_partitioning(sql_run *r, const sql_expr *x, bw_buf *out)
{
    static const char *const truncs[] = {"TIMESTAMP_TRUNC", "DATETIME_TRUNC", "DATE_TRUNC"};
    bw_slice field = {"", 0};

    if (plain_name(x, &field)) {
        bool ingestion = sql_name_equal(field, "_PARTITIONDATE");
        add_time_partitioning(out, "DAY", ingestion ? (bw_slice){"", 0} : field);
        return;
    }
    if (is_call(x, "DATE", 1) && plain_name(x->args.items[0], &field)) {
        add_time_partitioning(out, "DAY", field);
        return;
    }
    for (size_t i = 0; i < BW_COUNT(truncs); i++) {
        const char *type = is_call(x, truncs[i], 2) ? partition_type(x->args.items[1]) : NULL;
        if (type && plain_name(x->args.items[0], &field)) {
            bool ingestion = sql_name_equal(field, "_PARTITIONTIME");
            add_time_partitioning(out, type, ingestion ? (bw_slice){"", 0} : field);
            return;
        }
    }
    if (!range_partitioning(r, x, out))
        sql_error(&r->a, x->pos,
                  "PARTITION BY expression must be DATE(<timestamp_column>), a DATE "
                  "column, TIMESTAMP_TRUNC, DATETIME_TRUNC, DATE_TRUNC or RANGE_BUCKET of a "
                  "column");
}

static void add_clustering(const sql_names *names, bw_buf *out)
{
    if (names->count == 0)
        return;
    bw_buf_adds(out, ",\"clustering\":{\"fields\":[");
    for (size_t i = 0; i < names->count; i++) {
        bw_buf_adds(out, i ? "," : "");
        bw_json_add_string(out, names->items[i]);
    }
    bw_buf_adds(out, "]}");
}

/* ---- OPTIONS ----------------------------------------------------------------------------------- */

/* What options become: members of the resource, and the time of expiry. */
typedef struct table_options {
    bw_buf json;
    int64_t expires_us;
    bool has_expiry;
} table_options;

static bool option_text(sql_run *r, const sql_option *o, bw_slice *text)
{
    sql_scope none = {0};
    sql_typed t = sql_analyze(&r->a, &none, o->value);

    if (!r->a.failed && t.literal != SQL_L_STRING)
        sql_error(&r->a, o->pos, "Option value for %.*s must be a STRING literal",
                  BW_SLICE_ARG(o->name));
    *text = t.text;
    return !r->a.failed;
}

static void option_string(sql_run *r, const sql_option *o, const char *member, table_options *out)
{
    bw_slice text;

    if (!option_text(r, o, &text))
        return;
    bw_buf_addf(&out->json, ",\"%s\":", member);
    bw_json_add_string(&out->json, text);
}

/* [("key", "value"), ...] */
static void option_labels(sql_run *r, const sql_option *o, table_options *out)
{
    const sql_expr *x = o->value;

    bw_buf_adds(&out->json, ",\"labels\":{");
    for (size_t i = 0; i < x->args.count; i++) {
        const sql_expr *pair = x->args.items[i];
        bool ok = pair->kind == SQL_X_STRUCT && pair->args.count == 2 &&
                  pair->args.items[0]->kind == SQL_X_STRING &&
                  pair->args.items[1]->kind == SQL_X_STRING;
        if (!ok) {
            sql_error(&r->a, o->pos,
                      "Option value for labels must be an array of pairs of "
                      "strings");
            return;
        }
        bw_buf_adds(&out->json, i ? "," : "");
        bw_json_add_string(&out->json, pair->args.items[0]->text);
        bw_buf_addc(&out->json, ':');
        bw_json_add_string(&out->json, pair->args.items[1]->text);
    }
    bw_buf_addc(&out->json, '}');
}

static void option_expiry(sql_run *r, const sql_option *o, table_options *out)
{
    const bq_field timestamp = sql_type(BQ_TIMESTAMP);
    sql_scope none = {0};
    sql_typed t = sql_analyze(&r->a, &none, o->value);

    out->has_expiry = true;
    out->expires_us = BW_TIME_NONE;
    if (r->a.failed || t.literal == SQL_L_NULL)
        return;
    if (!sql_coerce(&r->a, &t, &timestamp)) {
        sql_error(&r->a, o->pos, "Option value for expiration_timestamp must be a TIMESTAMP");
        return;
    }
    int64_t us;
    if (sql_exec_int(r, sql_printf(&r->a, "SELECT %s", t.sql), BW_TIME_NONE, &us) == BW_OK)
        out->expires_us = us;
    else
        r->a.failed = true;
}

static void option_bool(sql_run *r, const sql_option *o, const char *member, table_options *out)
{
    if (o->value->kind != SQL_X_BOOL)
        sql_error(&r->a, o->pos, "Option value for %.*s must be TRUE or FALSE",
                  BW_SLICE_ARG(o->name));
    bw_buf_addf(&out->json, ",\"%s\":%s", member, o->value->flag ? "true" : "false");
}

static void read_options(sql_run *r, const sql_option *options, size_t count, table_options *out)
{
    for (size_t i = 0; i < count && !r->a.failed; i++) {
        const sql_option *o = &options[i];
        if (sql_name_equal(o->name, "description"))
            option_string(r, o, "description", out);
        else if (sql_name_equal(o->name, "friendly_name"))
            option_string(r, o, "friendlyName", out);
        else if (sql_name_equal(o->name, "labels"))
            option_labels(r, o, out);
        else if (sql_name_equal(o->name, "expiration_timestamp"))
            option_expiry(r, o, out);
        else if (sql_name_equal(o->name, "require_partition_filter"))
            option_bool(r, o, "requirePartitionFilter", out);
        else
            sql_error(&r->a, o->pos, "Unknown option: %.*s", BW_SLICE_ARG(o->name));
    }
}

/* ---- Columns ----------------------------------------------------------------------------------- */

static void column_options(sql_run *r, sql_column_def *def)
{
    for (size_t i = 0; i < def->option_count && !r->a.failed; i++) {
        bw_slice text;
        if (!sql_name_equal(def->options[i].name, "description"))
            sql_error(&r->a, def->options[i].pos, "Unknown option: %.*s",
                      BW_SLICE_ARG(def->options[i].name));
        else if (option_text(r, &def->options[i], &text))
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
    table_options options = {.expires_us = BW_TIME_NONE};
    sql_relation relation = {0};
    bw_status status = BW_OK;

    if (stmt->query)
        relation = sql_analyze_query(&r->a, NULL, stmt->query);
    if (stmt->partition && !r->a.failed)
        add_partitioning(r, stmt->partition, &options.json);
    add_clustering(&stmt->cluster, &options.json);
    read_options(r, stmt->options, stmt->option_count, &options);
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
    table_options options = {.expires_us = BW_TIME_NONE};

    read_options(r, a->options, a->option_count, &options);
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
