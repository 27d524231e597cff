/*
 * CREATE VIEW and DROP VIEW.
 */
#include "backend/core/text.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_options.h"

/* The columns of the query under the names of the column list, when there is one. */
static void name_columns(sql_run *r, sql_relation *relation)
{
    const sql_names *names = &r->stmt->columns;

    if (names->count > 0 && names->count != relation->columns.count)
        sql_error(&r->a, r->stmt->columns_pos,
                  "CREATE VIEW column list has %zu columns, but the query has %zu", names->count,
                  relation->columns.count);
    for (size_t i = 0; !r->a.failed && i < relation->columns.count; i++) {
        sql_column *c = &relation->columns.items[i];
        if (names->count > 0)
            c->name = bw_arena_strndup(r->a.arena, names->items[i].ptr, names->items[i].len);
        else if (!*c->name && !relation->is_value)
            sql_error(&r->a, r->stmt->query->pos,
                      "CREATE VIEW columns must be named, but column %zu has no name", i + 1);
    }
}

/* {"view":{"query":...},"description":...} */
static const char *view_metadata(sql_run *r)
{
    sql_table_options options = {.expires_us = BW_TIME_NONE};
    bw_buf out = BW_BUF_INIT;

    bw_buf_adds(&out, "{\"view\":{\"query\":");
    bw_json_add_string(&out, r->stmt->text);
    bw_buf_adds(&out, ",\"useLegacySql\":false}");
    sql_read_options(r, r->stmt->options, r->stmt->option_count, &options);
    bw_buf_add(&out, options.json.ptr, options.json.len);
    bw_buf_addc(&out, '}');
    const char *text = sql_printf(&r->a, "%s", bw_buf_cstr(&out));
    bw_buf_fini(&options.json);
    bw_buf_fini(&out);
    return text;
}

/* The rows of a view are those of its text alone: the job's default dataset has no part in it, nor have
   a script's variables, temporary tables and functions. */
static bw_status describe(sql_run *r, bq_table_ref ref, bq_table *view)
{
    bq_schema schema = {0};
    const char *text;

    sql_relation relation =
        sql_analyze_apart(&r->a, ref.project, r->a.request->text, r->stmt->query);
    if (!r->a.failed)
        name_columns(r, &relation);
    view->metadata = view_metadata(r);
    bw_status status = sql_ready(r);
    if (status == BW_OK)
        status = sql_result_schema(r, &relation, &schema, &text);
    view->schema = schema;
    return status;
}

static bw_status create(sql_run *r, bq_table_ref ref, const bq_table *view, bool exists)
{
    int64_t storage;
    bw_status status = bq_storage_create(r->catalog, &view->schema, &storage, r->err);

    if (status == BW_OK && exists)
        status = bq_store_remove(r->catalog, ref, r->err);
    if (status == BW_OK)
        status = bq_store_add(r->catalog, view, storage, 0, 0, r->err);
    if (status == BW_INVALID)
        r->err->reason = "invalidQuery";
    return status;
}

/* Is there something of this name, and is it a view? */
static bw_status look_up(sql_run *r, bq_table_ref ref, bool *exists, bool *is_view)
{
    bq_error err = BQ_ERROR_INIT;
    bq_table table;
    bw_status status = sql_table_exists(r, ref, exists);

    *is_view = false;
    if (status == BW_OK && *exists && bq_store_find(r->catalog, ref, &table, NULL, &err) == BW_OK) {
        *is_view = bq_is_view(&table);
        bq_table_fini(&table);
    }
    return status;
}

bw_status sql_run_create_view(sql_run *r)
{
    const sql_stmt *stmt = r->stmt;
    bq_table view = {.expires_us = BW_TIME_NONE};
    bq_table_ref ref;
    bool exists, is_view;

    if (!sql_table_ref(&r->a, stmt->target, &ref))
        return BW_INVALID;
    sql_set_target(r, ref);
    bw_status status = look_up(r, ref, &exists, &is_view);
    if (status == BW_OK)
        status = describe(r, ref, &view);
    if (status != BW_OK)
        return status;
    if (exists && !is_view && stmt->or_replace)
        return bq_error_set(r->err, "invalidQuery", "query",
                            "%s:%s.%s is a TABLE: CREATE OR REPLACE VIEW cannot replace it",
                            ref.project, ref.dataset, ref.table);
    status = sql_table_may_be_made(r, ref, exists);
    if (status != BW_OK || r->dry_run || (exists && stmt->if_not_exists))
        return status;
    view.project = ref.project;
    view.dataset = ref.dataset;
    view.id = ref.table;
    return create(r, ref, &view, exists);
}

bw_status sql_run_drop_view(sql_run *r)
{
    bq_table_ref ref;
    bool exists, is_view;

    if (!sql_table_ref(&r->a, r->stmt->target, &ref))
        return BW_INVALID;
    sql_set_target(r, ref);
    bw_status status = look_up(r, ref, &exists, &is_view);
    if (status != BW_OK)
        return status;
    if (!exists && !r->stmt->if_exists)
        return bq_error_set(r->err, "notFound", NULL,
                            "Not found: Table %s:%s.%s was not found in location %s", ref.project,
                            ref.dataset, ref.table, r->a.location);
    if (exists && !is_view)
        return bq_error_set(r->err, "invalidQuery", "query",
                            "Cannot drop %s:%s.%s which has type TABLE. A VIEW was expected.",
                            ref.project, ref.dataset, ref.table);
    r->result->ddl_operation = exists ? "DROP" : "SKIP";
    if (!exists || r->dry_run)
        return BW_OK;
    return bq_store_remove(r->catalog, ref, r->err);
}
