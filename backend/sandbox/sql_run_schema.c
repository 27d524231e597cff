/*
 * CREATE SCHEMA and DROP SCHEMA: datasets.
 */
#include "backend/core/text.h"
#include "backend/sandbox/sql_options.h"

static bool dataset_name(sql_run *r, const char **project, const char **dataset)
{
    const sql_names *path = &r->stmt->target->path;
    bw_slice last = path->items[path->count - 1], first = path->items[0];

    if (path->count > 2) {
        sql_error(&r->a, r->stmt->target->pos, "Invalid dataset path");
        return false;
    }
    *dataset = bw_arena_strndup(r->a.arena, last.ptr, last.len);
    *project = path->count == 2 ? bw_arena_strndup(r->a.arena, first.ptr, first.len)
                                : r->a.request->project;
    return true;
}

/* OPTIONS(location = ..., description = ...); the others are kept nowhere, so they are refused. */
static void read_options(sql_run *r, bq_dataset *d)
{
    bw_buf out = BW_BUF_INIT;

    d->location = r->a.location;
    for (size_t i = 0; i < r->stmt->option_count && !r->a.failed; i++) {
        const sql_option *o = &r->stmt->options[i];
        bool text =
            sql_name_equal(o->name, "description") || sql_name_equal(o->name, "friendly_name");
        bw_slice value;
        if (!text && !sql_name_equal(o->name, "location")) {
            sql_error(&r->a, o->pos, "Unsupported: the option %.*s of a schema",
                      BW_SLICE_ARG(o->name));
        } else if (sql_option_text(r, o, &value) && text) {
            bool described = sql_name_equal(o->name, "description");
            bw_buf_addf(&out, "%c\"%s\":", out.len ? ',' : '{',
                        described ? "description" : "friendlyName");
            bw_json_add_string(&out, value);
        } else if (!r->a.failed) {
            d->location = bw_arena_strndup(r->a.arena, value.ptr, value.len);
        }
    }
    d->metadata = out.len ? sql_printf(&r->a, "%s}", bw_buf_cstr(&out)) : "{}";
    bw_buf_fini(&out);
}

bw_status sql_run_create_schema(sql_run *r)
{
    bq_dataset d = {.location = NULL};
    bq_error ignored = BQ_ERROR_INIT;

    if (!dataset_name(r, &d.project, &d.id))
        return BW_INVALID;
    read_options(r, &d);
    if (r->a.failed)
        return BW_INVALID;
    bw_status status = bq_check_dataset_id(d.id, r->err);
    bool exists = bq_store_dataset(r->catalog, d.project, d.id, NULL, &ignored) == BW_OK;
    r->result->ddl_operation = exists ? "SKIP" : "CREATE";
    if (status == BW_OK && exists && !r->stmt->if_not_exists)
        return bq_error_set(r->err, "duplicate", NULL, "Already Exists: Dataset %s:%s", d.project,
                            d.id);
    if (status != BW_OK || exists || r->dry_run)
        return status;
    return bq_store_dataset_add(r->catalog, &d, r->err);
}

bw_status sql_run_drop_schema(sql_run *r)
{
    const char *project, *dataset;
    bq_error ignored = BQ_ERROR_INIT;

    if (!dataset_name(r, &project, &dataset))
        return BW_INVALID;
    bool exists = bq_store_dataset(r->catalog, project, dataset, NULL, &ignored) == BW_OK;
    r->result->ddl_operation = exists ? "DROP" : "SKIP";
    if (!exists && !r->stmt->if_exists)
        return bq_error_set(r->err, "notFound", NULL,
                            "Not found: Dataset %s:%s was not found in location %s", project,
                            dataset, r->a.location);
    if (!exists || r->dry_run)
        return BW_OK;
    return bq_store_dataset_remove(r->catalog, project, dataset, r->stmt->cascade, r->err);
}
