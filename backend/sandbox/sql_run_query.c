/*
 * Queries: the rows become a table, named by the request or anonymous for a day.
 */
#include <stdio.h>

#include "backend/sandbox/sql_run.h"

/* A field of a result: no parameters, names for what has none. */
static void result_field(sql_run *r, const bq_field *type, const char *name, bq_field *out)
{
    bq_field_copy(&r->result->arena, type, out);
    out->name = bw_arena_strdup(&r->result->arena, name);
    out->description = out->default_sql = out->extra = NULL;
    out->precision = out->scale = 0;
    out->max_length = 0;
    if (out->mode == BQ_REQUIRED)
        out->mode = BQ_NULLABLE;
    for (size_t i = 0; i < out->fields.count; i++) {
        const bq_field f = out->fields.fields[i];
        bool named = f.name && *f.name;
        const char *made = bw_arena_printf(&r->result->arena, "_field_%zu", i + 1);
        result_field(r, &f, named ? f.name : made, &out->fields.fields[i]);
    }
}

static bw_status check_names(sql_run *r, const bq_schema *schema)
{
    bw_buf duplicates = BW_BUF_INIT;
    bw_status status = BW_OK;

    for (size_t i = 0; i < schema->count; i++) {
        bq_schema before = {schema->fields, i};
        if (bq_schema_find(&before, bw_slice_cstr(schema->fields[i].name)) >= 0)
            bw_buf_addf(&duplicates, "%s%s", duplicates.len ? ", " : "", schema->fields[i].name);
    }
    if (duplicates.len > 0)
        status = bq_error_set(r->err, "invalidQuery", "query",
                              "Duplicate column names in the result are not supported. Found "
                              "duplicate(s): %s",
                              bw_buf_cstr(&duplicates));
    bw_buf_fini(&duplicates);
    if (status != BW_OK)
        return status;
    /* The same rules as for a table's schema: go through its text. */
    bw_buf json = BW_BUF_INIT;
    bq_schema parsed;
    bq_schema_print(schema, &json);
    status = bq_schema_parse(r->a.arena, bw_buf_slice(&json), &parsed, r->err);
    if (status != BW_OK)
        r->err->reason = "invalidQuery";
    bw_buf_fini(&json);
    return status;
}

bw_status sql_result_schema(sql_run *r, const sql_relation *given, bq_schema *schema,
                            const char **text)
{
    sql_relation relation = sql_unpack_value(&r->a, given);
    size_t count = relation.columns.count;
    bw_buf sql = BW_BUF_INIT;
    int unnamed = 0;

    schema->fields = BW_ARENA_ARRAY(&r->result->arena, bq_field, count + 1);
    schema->count = count;
    for (size_t i = 0; i < count; i++) {
        const sql_column *c = &relation.columns.items[i];
        bq_field *f = &schema->fields[i];
        char made[32];
        snprintf(made, sizeof(made), "f%d_", unnamed);
        unnamed += !*c->name;
        result_field(r, &c->type, *c->name ? c->name : made, f);
        bw_buf_adds(&sql, i ? "," : "SELECT ");
        if (f->mode == BQ_REPEATED)
            bw_buf_addf(&sql, "bq_stored_array(c%zu,'%s')", i + 1, f->name);
        else if (f->kind == BQ_STRUCT)
            bw_buf_addf(&sql, "bq_stored_struct(c%zu,%s)", i + 1, sql_bind_type(&r->a, f));
        else
            bw_buf_addf(&sql, "c%zu", i + 1);
    }
    *text = sql_printf(&r->a, "%s FROM (%s)", bw_buf_cstr(&sql), relation.sql);
    bw_buf_fini(&sql);
    return check_names(r, schema);
}

bw_status sql_materialise(sql_run *r, const bq_schema *schema, const char *select, int64_t *storage,
                          int64_t *rows)
{
    bw_status status = bq_storage_create(r->catalog, schema, storage, r->err);
    bw_buf columns = BW_BUF_INIT;

    if (status != BW_OK)
        return status;
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_adds(&columns, i ? "," : "");
        bq_store_quote(&columns, schema->fields[i].name);
    }
    status = sql_exec(r,
                      sql_printf(&r->a, "INSERT INTO \"t%lld\"(%s) %s", (long long)*storage,
                                 bw_buf_cstr(&columns), select),
                      rows);
    bw_buf_fini(&columns);
    return status;
}

static bw_status materialise_result(sql_run *r, size_t columns, const char *select,
                                    int64_t *storage, int64_t *rows)
{
    bw_status status = bq_result_create(r->catalog, columns, storage, r->err);

    return status == BW_OK ? sql_exec(r, bq_result_insert(r->a.arena, *storage, select), rows)
                           : status;
}

static bw_status keep_anonymous(sql_run *r, const bq_schema *schema, int64_t storage, int64_t rows,
                                bq_table_ref *ref)
{
    const char *project = r->a.request->project;
    char id[40];

    snprintf(id, sizeof(id), "anon%016llx", (unsigned long long)-storage);
    *ref = (bq_table_ref){project, BQ_ANONYMOUS_DATASET, id};
    bq_table table = {.project = project,
                      .dataset = BQ_ANONYMOUS_DATASET,
                      .id = id,
                      .schema = *schema,
                      .expires_us = r->a.now_us + BQ_ANONYMOUS_LIFE};
    bw_status status = bq_store_anonymous(r->catalog, project, r->a.location, r->err);
    if (status == BW_OK)
        status = bq_store_add(r->catalog, &table, storage, rows, 0, r->err);
    ref->table = bw_arena_strdup(&r->result->arena, id);
    return status;
}

static bw_status keep_named(sql_run *r, const bq_schema *schema, int64_t storage, int64_t rows)
{
    const bq_sql_request *q = r->a.request;
    bq_table table = {.schema = *schema, .expires_us = BW_TIME_NONE};
    bq_append_options options = {
        .write = q->write, .create = q->create, .table = &table, .evolve = q->evolve};
    bq_target target;
    int64_t bytes;

    bw_status status = sql_rows_bytes(r, storage, schema, "1", &bytes);
    if (status == BW_OK)
        status = bq_target_find(r->catalog, *q->destination, &options, &target, r->err);
    if (status != BW_OK)
        return status;
    status = bq_target_apply(r->catalog, *q->destination, &options, &target, schema, storage, rows,
                             bytes, r->err);
    bq_target_fini(&target);
    return status;
}

bw_status sql_query_text(sql_run *r, const char **text)
{
    sql_relation relation = sql_analyze_query(&r->a, NULL, r->stmt->query);
    bw_status status = sql_ready(r);

    return status == BW_OK ? sql_result_schema(r, &relation, &r->result->schema, text) : status;
}

bw_status sql_run_query(sql_run *r)
{
    bw_arena *arena = &r->result->arena;
    const char *text;
    bw_status status = sql_query_text(r, &text);
    int64_t storage, rows;
    bq_table_ref ref;

    if (status != BW_OK || r->dry_run)
        return status;
    if (r->a.request->destination)
        status = sql_materialise(r, &r->result->schema, text, &storage, &rows);
    else
        status = materialise_result(r, r->result->schema.count, text, &storage, &rows);
    if (status != BW_OK)
        return status;
    if (r->a.request->destination) {
        const char *partition;
        ref = bq_partition_split(arena, *r->a.request->destination, &partition);
        status = keep_named(r, &r->result->schema, storage, rows);
    } else {
        status = keep_anonymous(r, &r->result->schema, storage, rows, &ref);
    }
    r->result->total_rows = rows;
    r->result->destination =
        (bq_table_ref){bw_arena_strdup(arena, ref.project), bw_arena_strdup(arena, ref.dataset),
                       bw_arena_strdup(arena, ref.table)};
    return status;
}
