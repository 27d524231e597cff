/* tabledata.list and tabledata.insertAll. */
#include <stdlib.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/insert_ids.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/rows.h"

/* ---- list ------------------------------------------------------------------------------------- */

/* selectedFields: top-level columns in the order of the schema; a path selects its whole column. */
static bw_status select_fields(bw_arena *arena, const char *list, const bq_schema *schema,
                               bq_schema *selected, const int **columns, bq_error *err)
{
    bool *wanted = BW_ARENA_ARRAY(arena, bool, schema->count + 1);
    while (*list) {
        size_t len = strcspn(list, ",");
        bw_slice name = {list, len};
        const char *dot = memchr(list, '.', len);
        if (dot)
            name.len = (size_t)(dot - list);
        int column = bq_schema_find(schema, name);
        if (column < 0)
            return bq_error_set(err, "invalid", NULL, "Field %.*s not found in schema",
                                BW_SLICE_ARG(name));
        wanted[column] = true;
        list += len + (list[len] == ',');
    }
    int *indices = BW_ARENA_ARRAY(arena, int, schema->count + 1);
    selected->fields = BW_ARENA_ARRAY(arena, bq_field, schema->count + 1);
    selected->count = 0;
    for (size_t i = 0; i < schema->count; i++) {
        if (!wanted[i])
            continue;
        indices[selected->count] = (int)i;
        selected->fields[selected->count++] = schema->fields[i];
    }
    *columns = indices;
    return BW_OK;
}

static bw_status print_list(bw_sb_bigquery *bq, bw_sb_request *r, const bq_table *t, int64_t max,
                            int64_t offset, bw_buf *out, bq_error *err)
{
    const char *list = bw_sb_request_query(r, "selectedFields");
    bq_schema selected = t->schema;
    bw_sb_rows_request rows = {
        .table = bw_sb_path_table(r), .schema = &selected, .offset = offset, .max = max};
    int64_t printed;
    rows.format.int64_timestamp = bw_sb_request_query_true(r, "formatOptions.useInt64Timestamp");
    bw_status status = BW_OK;
    if (list && *list)
        status = select_fields(&r->arena, list, &t->schema, &selected, &rows.columns, err);
    if (status != BW_OK)
        return status;
    bw_buf_adds(out, "{\"kind\":\"bigquery#tableDataList\"");
    bw_sb_json_add_text(out, "etag", t->etag);
    bw_sb_json_add_int64(out, "totalRows", t->rows);
    status = bw_sb_rows_print(bq->catalog, &rows, out, &printed, err);
    if (status == BW_OK && offset + printed < t->rows)
        bw_sb_add_page_token(out, "pageToken", offset + printed);
    bw_buf_addc(out, '}');
    return status;
}

static bw_sb_outcome list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    int64_t max, offset, start;
    bq_error err = BQ_ERROR_INIT;
    bq_table t = {0};
    if (!bw_sb_page_args(r, reply, INT64_MAX, &max, &offset))
        return BW_SB_DONE;
    if (!bw_sb_request_query_int(r, "startIndex", 0, INT64_MAX, 0, &start))
        return bw_sb_reply_invalid(reply, "Invalid value for startIndex");
    bw_status status = bq_table_get(bq->catalog, bw_sb_path_table(r), &t, &err);
    if (status == BW_OK && bq_is_view(&t)) {
        status = bq_error_set(&err, "invalid", NULL, "Cannot list a table of type VIEW.");
        bq_table_fini(&t);
    } else if (status == BW_OK) {
        status = print_list(bq, r, &t, max, offset ? offset : start, &reply->body, &err);
        bq_table_fini(&t);
    }
    if (status != BW_OK)
        bw_sb_reply_bq_error(reply, &err);
    return BW_SB_DONE;
}

/* ---- insertAll -------------------------------------------------------------------------------- */

#define MAX_ROWS 50000

typedef struct insert_row {
    bw_slice json;
    const char *insert_id; /* NULL: none */
    bq_value *values;      /* NULL: refused */
    const char *why, *where;
    bool repeated; /* its insertId has been seen */
} insert_row;

typedef struct insert_run {
    bw_sb_bigquery *bq;
    bw_sb_request *request;
    bq_table_ref table;
    insert_row *rows;
    size_t count, refused;
    bool skip_invalid;
    bq_load_options options;
} insert_run;

/* NULL, or the member that a row may not have; "" when it is no object. */
static const char *row_fault(bw_arena *arena, bw_slice item)
{
    bw_slice key, value;
    if (item.ptr[0] != '{')
        return "";
    for (size_t at = 0; bw_sb_json_each(item, &at, &key, &value);) {
        if (!bw_slice_is(key, "\"json\"") && !bw_slice_is(key, "\"insertId\""))
            return bw_arena_strndup(arena, key.ptr, key.len);
    }
    return NULL;
}

static bool read_rows(insert_run *run, bw_slice body, bw_sb_reply *reply)
{
    bw_slice list = bw_json_member(body, "rows"), item;
    bw_arena *arena = &run->request->arena;
    size_t count = 0;
    for (size_t at = 0; list.len && bw_sb_json_each_element(list, &at, &item);)
        count++;
    if (count == 0 || count > MAX_ROWS) {
        bw_sb_reply_invalid(reply, count ? "Too many rows present in the request, limit is 50000"
                                         : "No rows present in the request.");
        return false;
    }
    run->rows = bw_xcalloc(count, sizeof *run->rows);
    for (size_t at = 0; bw_sb_json_each_element(list, &at, &item);) {
        const char *fault = row_fault(arena, item);
        if (fault) {
            bw_sb_reply_error(reply, 400, "parseError", NULL,
                              "Invalid JSON payload received. %s %s at 'rows[%zu]'.",
                              *fault ? "Unknown name" : "Invalid value", fault, run->count);
            return false;
        }
        insert_row *row = &run->rows[run->count++];
        row->json = bw_sb_json_object(item, "json");
        row->insert_id = bw_sb_json_text(arena, item, "insertId");
        if (row->insert_id && (!*row->insert_id || strlen(row->insert_id) > 128))
            row->insert_id = NULL;
    }
    return true;
}

static void check_rows(insert_run *run, const bq_schema *schema)
{
    bw_arena *arena = &run->request->arena;
    for (size_t i = 0; i < run->count; i++) {
        insert_row *row = &run->rows[i];
        bq_value *values = BW_ARENA_ARRAY(arena, bq_value, schema->count + 1);
        bw_slice json = row->json.len ? row->json : BW_SLICE_LIT("{}");
        bq_error why = BQ_ERROR_INIT;
        if (bq_row_from_json(schema, json, run->options, arena, values, &why) == BW_OK) {
            row->values = values;
            continue;
        }
        row->why = bw_arena_strdup(arena, why.message);
        row->where = bw_arena_strdup(arena, why.location);
        run->refused++;
    }
}

static bw_status write_rows(insert_run *run, bq_append *append, size_t *written, bq_error *err)
{
    *written = 0;
    for (size_t i = 0; i < run->count; i++) {
        insert_row *row = &run->rows[i];
        if (!row->values)
            continue;
        row->repeated = row->insert_id &&
                        !bw_sb_insert_ids_claim(run->bq->insert_ids, run->table, row->insert_id);
        if (row->repeated)
            continue;
        bw_status status = bq_append_row(append, row->values, err);
        if (status != BW_OK)
            return status;
        ++*written;
    }
    return BW_OK;
}

/* What was claimed for rows that did not make it may be sent again. */
static void release_ids(insert_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        insert_row *row = &run->rows[i];
        if (row->values && row->insert_id && !row->repeated)
            bw_sb_insert_ids_release(run->bq->insert_ids, run->table, row->insert_id);
    }
}

static bw_status insert_rows(insert_run *run, bq_error *err)
{
    bq_append_options options = {.write = BQ_WRITE_APPEND, .streamed = true};
    bq_append *append;
    size_t written;
    bw_status status = bq_append_begin(run->bq->catalog, run->table, &options, &append, err);
    if (status != BW_OK)
        return status;
    check_rows(run, bq_append_schema(append));
    if (run->refused == run->count || (run->refused && !run->skip_invalid)) {
        bq_append_abort(append);
        return BW_OK;
    }
    status = write_rows(run, append, &written, err);
    if (status == BW_OK)
        status = bq_append_commit(append, NULL, NULL, err);
    else
        bq_append_abort(append);
    if (status == BW_OK)
        atomic_fetch_add(&run->bq->stats->rows_inserted, written);
    else
        release_ids(run);
    return status;
}

static void print_row_error(bw_buf *out, size_t index, const char *reason, const insert_row *row)
{
    bw_buf_addf(out, "%s{\"index\":%zu,\"errors\":[{", out->ptr[out->len - 1] == '[' ? "" : ",",
                index);
    bw_sb_json_add_text(out, "reason", reason);
    bw_sb_json_add_text(out, "location", row->where ? row->where : "");
    bw_buf_adds(out, ",\"debugInfo\":\"\"");
    /* "No such field: x." of loads is "no such field: x." here. */
    const char *why = row->why ? row->why : "";
    bool lower = strncmp(why, "No such field", 13) == 0;
    char *message = bw_xasprintf("%s%s", lower ? "n" : "", why + lower);
    bw_sb_json_add_text(out, "message", message);
    free(message);
    bw_buf_adds(out, "}]}");
}

static void print_insert_errors(const insert_run *run, bw_buf *out)
{
    bw_buf_adds(out, "{\"kind\":\"bigquery#tableDataInsertAllResponse\"");
    if (run->refused) {
        bw_buf_adds(out, ",\"insertErrors\":[");
        for (size_t i = 0; i < run->count; i++) {
            const insert_row *row = &run->rows[i];
            if (!row->values)
                print_row_error(out, i, "invalid", row);
            else if (!run->skip_invalid)
                print_row_error(out, i, "stopped", row);
        }
        bw_buf_addc(out, ']');
    }
    bw_buf_addc(out, '}');
}

static bw_sb_outcome insert_all(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    insert_run run = {.bq = context, .request = r, .table = bw_sb_path_table(r)};
    bq_error err = BQ_ERROR_INIT;
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body) || !read_rows(&run, body, reply)) {
        free(run.rows);
        return BW_SB_DONE;
    }
    if (bw_sb_json_text(&r->arena, body, "templateSuffix")) {
        bw_sb_reply_error(reply, 501, NULL, NULL,
                          "The sandbox does not make tables from templates: templateSuffix");
        free(run.rows);
        return BW_SB_DONE;
    }
    run.skip_invalid = bw_sb_json_bool(body, "skipInvalidRows", false);
    run.options.ignore_unknown = bw_sb_json_bool(body, "ignoreUnknownValues", false);
    if (insert_rows(&run, &err) == BW_OK)
        print_insert_errors(&run, &reply->body);
    else
        bw_sb_reply_bq_error(reply, &err);
    free(run.rows);
    return BW_SB_DONE;
}

#define TABLE "projects/{project}/datasets/{dataset}/tables/{table}"
static const bw_sb_route routes[] = {
    {"GET", TABLE "/data", "bigquery.tabledata.list", .handle = list},
    {"POST", TABLE "/insertAll", "bigquery.tabledata.insertAll", .handle = insert_all},
};

bw_sb_service bw_sb_tabledata_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){bw_sb_bigquery_prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS,
                           bq};
}
