#include <stdlib.h>
#include <string.h>

#include "backend/sandbox/bq_store.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/json_edit.h"

bool bq_is_view(const bq_table *table)
{
    return table->metadata && bw_sb_json_object(bw_slice_cstr(table->metadata), "view").len > 0;
}

const char *bq_view_query(bw_arena *arena, const bq_table *table)
{
    bw_slice view = bw_sb_json_object(bw_slice_cstr(table->metadata), "view");
    const char *text = bw_sb_json_text(arena, view, "query");

    return text ? text : "";
}

const char *bq_table_type(const bq_table *table)
{
    return bq_is_view(table) ? "VIEW" : "TABLE";
}

bw_status bq_refuse_view(const bq_table *table, bq_error *err)
{
    if (!bq_is_view(table))
        return BW_OK;
    return bq_error_set(
        err, "invalid", NULL,
        "%s:%s.%s is not allowed for this operation because it is currently a VIEW.",
        table->project, table->dataset, table->id);
}

bw_status bq_view_describe(bq_catalog *catalog, bw_arena *arena, bq_table *view, bq_error *err)
{
    bw_slice given = bw_sb_json_object(bw_slice_cstr(view->metadata), "view");
    const char *text = bw_sb_json_text(arena, given, "query");
    bq_sql_request request = {.project = view->project, .dry_run = true};
    bq_sql_result result;
    bq_dataset dataset;

    if (!text || !*text)
        return bq_error_set(err, "required", NULL, "Required parameter is missing: query");
    if (bw_sb_json_bool(given, "useLegacySql", true))
        return bq_error_set(err, "invalidQuery", "query",
                            "The sandbox does not speak legacy SQL: set useLegacySql to false");
    bw_status status = bq_dataset_get(catalog, view->project, view->dataset, &dataset, err);
    if (status != BW_OK)
        return status;
    request.location = bw_arena_strdup(arena, dataset.location);
    bq_dataset_fini(&dataset);
    request.text = bw_slice_cstr(text);
    status = bq_sql_run(catalog, &request, NULL, NULL, &result, err);
    if (status != BW_OK)
        return status;
    if (strcmp(result.statement_type, "SELECT") == 0)
        bq_schema_copy(arena, &result.schema, &view->schema);
    else
        status = bq_error_set(err, "invalidQuery", "query", "A view must be one query");
    bq_sql_result_fini(&result);
    return status;
}
