/*
 * ALTER TABLE. Columns come, go, and widen; the rows follow.
 */
#include <stdlib.h>

#include "backend/sandbox/sql_options.h"

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
    sql_column_options(r, &def);
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

/* ---- SET DATA TYPE ------------------------------------------------------------------------------ */

/* Digits before and behind the point that a type without parameters has. */
static void decimal_room(const bq_field *f, int *whole, int *scale)
{
    *whole = f->kind == BQ_INT64 ? 19 : f->precision ? f->precision - f->scale : 29;
    *scale = f->kind == BQ_INT64 ? 0 : f->precision ? f->scale : 9;
    if (f->kind == BQ_BIGNUMERIC && !f->precision) {
        *whole = 39;
        *scale = 38;
    }
}

/* Wider in every respect: what was stored stays what it was. */
static bool widens(const bq_field *from, const bq_field *to)
{
    static const int ranks[BQ_KIND_COUNT] = {
        [BQ_INT64] = 1, [BQ_NUMERIC] = 2, [BQ_BIGNUMERIC] = 3, [BQ_FLOAT64] = 4};
    int from_whole, from_scale, to_whole, to_scale;

    if ((from->mode == BQ_REPEATED) != (to->mode == BQ_REPEATED))
        return false;
    if (from->kind == BQ_STRING || from->kind == BQ_BYTES)
        return to->kind == from->kind &&
               (to->max_length == 0 || (from->max_length && to->max_length >= from->max_length));
    if (!ranks[from->kind] || !ranks[to->kind])
        return bq_type_equal(from, to);
    if (ranks[from->kind] > ranks[to->kind] ||
        (from->mode == BQ_REPEATED && from->kind != to->kind))
        return false;
    if (to->kind == BQ_FLOAT64 || to->kind == BQ_INT64)
        return true;
    decimal_room(from, &from_whole, &from_scale);
    decimal_room(to, &to_whole, &to_scale);
    return to_whole >= from_whole && to_scale >= from_scale;
}

static bw_status set_type(sql_run *r, sql_table *t, const sql_alter *a, bq_field *field)
{
    bq_field to = a->column.field;
    bw_buf name = BW_BUF_INIT;

    if (!widens(field, &to)) {
        sql_error(&r->a, a->pos,
                  "ALTER TABLE ALTER COLUMN SET DATA TYPE requires that the existing column type "
                  "(%s) is assignable to the new type (%s)",
                  sql_type_name(&r->a, field), sql_type_name(&r->a, &to));
        return BW_INVALID;
    }
    bq_kind before = field->kind;
    field->kind = to.kind;
    field->precision = to.precision;
    field->scale = to.scale;
    field->max_length = to.max_length;
    if (before == to.kind || r->dry_run)
        return BW_OK;
    bq_store_quote(&name, field->name);
    bw_status status = sql_exec(r,
                                sql_printf(&r->a, "UPDATE \"t%lld\" SET %s=bq_cast(%s,%d,%d)",
                                           (long long)t->storage, bw_buf_cstr(&name),
                                           bw_buf_cstr(&name), (int)before, (int)to.kind),
                                NULL);
    bw_buf_fini(&name);
    if (status == BW_OK)
        status = sql_rows_bytes(r, t->storage, &t->table.schema, "1", &t->table.bytes);
    return status;
}

/* ---- RENAME ------------------------------------------------------------------------------------- */

static bw_status rename_column(sql_run *r, sql_table *t, const sql_alter *a, bq_schema *schema,
                               int at)
{
    bw_buf sql = BW_BUF_INIT, json = BW_BUF_INIT;
    const char *name = bw_arena_strndup(r->a.arena, a->name.ptr, a->name.len);
    int there = bq_schema_find(schema, a->name);
    bq_schema checked;

    if (there >= 0 && there != at) {
        sql_error(&r->a, a->pos, "Column already exists: %s", name);
        return BW_INVALID;
    }
    bw_buf_addf(&sql, "ALTER TABLE \"t%lld\" RENAME COLUMN ", (long long)t->storage);
    bq_store_quote(&sql, schema->fields[at].name);
    bw_buf_adds(&sql, " TO ");
    bq_store_quote(&sql, name);
    schema->fields[at].name = name;
    bq_schema_print(schema, &json);
    bw_status status = bq_schema_parse(r->a.arena, bw_buf_slice(&json), &checked, r->err);
    if (status == BW_OK && !r->dry_run)
        status = sql_exec(r, bw_buf_cstr(&sql), NULL);
    bw_buf_fini(&sql);
    bw_buf_fini(&json);
    return status;
}

static bw_status rename_table(sql_run *r, sql_table *t, const sql_alter *a)
{
    bq_table *table = &t->table;
    bq_table_ref from = {table->project, table->dataset, table->id}, to = from;
    bool exists;

    to.table = bw_arena_strndup(r->a.arena, a->name.ptr, a->name.len);
    if (r->stmt->alter_count > 1) {
        sql_error(&r->a, a->pos, "ALTER TABLE RENAME TO cannot be combined with other changes");
        return BW_INVALID;
    }
    bw_status status = sql_table_exists(r, to, &exists);
    if (status == BW_OK && exists)
        return bq_error_set(r->err, "duplicate", NULL, "Already Exists: Table %s:%s.%s", to.project,
                            to.dataset, to.table);
    if (status == BW_OK && !r->dry_run)
        status = bq_store_rename(r->catalog, from, to.table, r->err);
    table->id = to.table;
    return status;
}

/* ---- The statement ------------------------------------------------------------------------------ */

static bw_status alter_one(sql_run *r, sql_table *t, const sql_alter *a)
{
    bq_schema *schema = &t->table.schema;
    int at =
        a->column.field.name ? bq_schema_find(schema, bw_slice_cstr(a->column.field.name)) : -1;

    if (a->kind == SQL_ALTER_SET_OPTIONS) {
        set_options(r, a, &t->table);
    } else if (a->kind == SQL_ALTER_RENAME) {
        return rename_table(r, t, a);
    } else if (a->kind == SQL_ALTER_ADD_COLUMN) {
        add_column(r, a, schema);
    } else if (at < 0) {
        if (!a->if_exists)
            invalid_alter(r, a, "Column not found");
    } else if (a->kind == SQL_ALTER_DROP_COLUMN) {
        return drop_column(r, t, a, schema, at);
    } else if (a->kind == SQL_ALTER_RENAME_COLUMN) {
        return rename_column(r, t, a, schema, at);
    } else if (a->kind == SQL_ALTER_SET_TYPE) {
        return set_type(r, t, a, &schema->fields[at]);
    } else if (a->kind == SQL_ALTER_SET_DEFAULT) {
        schema->fields[at].default_sql = a->column.field.default_sql;
    } else if (a->kind == SQL_ALTER_COLUMN_OPTIONS) {
        sql_column_def def = a->column;
        sql_column_options(r, &def);
        schema->fields[at].description = def.field.description;
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
    bw_status status = sql_table_exists(r, ref, &exists);
    if (status == BW_OK && !exists && r->stmt->if_exists) {
        r->result->ddl_operation = "SKIP";
        return BW_OK;
    }
    sql_table *t = status == BW_OK ? sql_find_table(&r->a, r->stmt->target) : NULL;
    if (!t)
        return status == BW_OK ? sql_ready(r) : status;
    r->result->ddl_operation = "ALTER";
    for (size_t i = 0; status == BW_OK && i < r->stmt->alter_count; i++) {
        bq_schema before = t->table.schema;
        status = alter_one(r, t, &r->stmt->alters[i]);
        if (status == BW_OK && !r->dry_run)
            status = bq_storage_widen(r->catalog, t->storage, &before, &t->table.schema, r->err);
    }
    if (status != BW_OK || r->dry_run)
        return status;
    status = bq_check_table(&t->table, r->err);
    if (status == BW_OK)
        status = bq_store_put(r->catalog, &t->table, t->storage, r->err);
    if (status == BW_INVALID)
        r->err->reason = "invalidQuery";
    return status;
}
