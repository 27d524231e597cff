/* tables.insert, get, list, patch, update, delete. */
#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/json_edit.h"

/* Members that the sandbox computes, or keeps apart from the metadata. */
static const char *const own_members[] = {
    "kind",
    "etag",
    "id",
    "selfLink",
    "tableReference",
    "schema",
    "location",
    "creationTime",
    "lastModifiedTime",
    "type",
    "numRows",
    "numBytes",
    "expirationTime",
    "numActiveLogicalBytes",
    "numLongTermBytes",
    "numLongTermLogicalBytes",
    "numTotalLogicalBytes",
    "streamingBuffer",
    NULL,
};

static void print_head(bw_buf *out, bw_arena *arena, const bq_table *t)
{
    bq_table_ref ref = {t->project, t->dataset, t->id};
    bw_buf_adds(out, "{\"kind\":\"bigquery#table\"");
    bw_sb_json_add_text(out, "id",
                        bw_arena_printf(arena, "%s:%s.%s", t->project, t->dataset, t->id));
    bw_sb_add_table_reference(out, "tableReference", ref);
    bw_sb_json_add_text(out, "type", bq_table_type(t));
    bw_sb_json_add_int64(out, "creationTime", t->created_us / 1000);
    if (t->expires_us != BW_TIME_NONE)
        bw_sb_json_add_int64(out, "expirationTime", t->expires_us / 1000);
}

static void print_table(bw_buf *out, bw_arena *arena, const bq_table *t)
{
    bw_buf schema = BW_BUF_INIT;
    bq_schema_print(&t->schema, &schema);
    print_head(out, arena, t);
    bw_sb_json_add_text(out, "etag", t->etag);
    bw_sb_json_add_text(
        out, "selfLink",
        bw_arena_printf(arena,
                        "https://bigquery.googleapis.com/bigquery/v2/projects/%s/datasets/%s/"
                        "tables/%s",
                        t->project, t->dataset, t->id));
    bw_sb_json_add_raw(out, "schema", bw_buf_slice(&schema));
    bw_sb_json_add_text(out, "location", t->location);
    bw_buf_addf(out, ",\"lastModifiedTime\":\"%lld\"", (long long)(t->modified_us / 1000));
    /* What is in the streaming buffer is not counted yet. */
    bw_sb_json_add_int64(out, "numRows", t->rows - t->buffer_rows);
    bw_sb_json_add_int64(out, "numBytes", t->bytes - t->buffer_bytes);
    bw_sb_json_add_int64(out, "numLongTermBytes", 0);
    bw_sb_json_add_int64(out, "numTotalLogicalBytes", t->bytes);
    bw_sb_json_add_int64(out, "numActiveLogicalBytes", t->bytes);
    bw_sb_json_add_int64(out, "numLongTermLogicalBytes", 0);
    if (t->buffer_rows) {
        bw_sb_json_add_raw(out, "streamingBuffer", BW_SLICE_LIT("{"));
        bw_sb_json_add_int64(out, "estimatedRows", t->buffer_rows);
        bw_sb_json_add_int64(out, "estimatedBytes", t->buffer_bytes);
        bw_sb_json_add_int64(out, "oldestEntryTime", t->buffer_since_us / 1000);
        bw_buf_addc(out, '}');
    }
    bw_sb_json_add_members(out, bw_slice_cstr(t->metadata));
    bw_buf_addc(out, '}');
    bw_buf_fini(&schema);
}

static void answer(bw_sb_request *r, bw_sb_reply *reply, bw_status status, bq_table *t,
                   const bq_error *err)
{
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, err);
        return;
    }
    print_table(&reply->body, &r->arena, t);
    bq_table_fini(t);
}

/* expirationTime in milliseconds, as text or number; absent or null: never. */
static int64_t expiry(bw_slice body)
{
    int64_t ms = bw_sb_json_int(body, "expirationTime", 0);
    return ms > 0 && ms < INT64_MAX / 1000 ? ms * 1000 : BW_TIME_NONE;
}

static bw_sb_outcome insert(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bw_slice body;
    bq_error err = BQ_ERROR_INIT;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    bq_table_ref ref = bw_sb_table_reference(&r->arena, bw_sb_json_object(body, "tableReference"),
                                             bw_sb_request_param(r, "project"));
    if (!ref.table)
        return bw_sb_reply_invalid(reply, "Required parameter is missing: tableId");
    if (strcmp(ref.project, bw_sb_request_param(r, "project")) != 0 ||
        (ref.dataset && strcmp(ref.dataset, bw_sb_request_param(r, "dataset")) != 0))
        return bw_sb_reply_invalid(reply, "Value for field tableReference does not match the "
                                          "request's project and dataset");
    if (bw_sb_json_object(body, "materializedView").len ||
        bw_sb_json_object(body, "externalDataConfiguration").len)
        return bw_sb_reply_invalid(reply,
                                   "The sandbox has no materialized views and no external tables");
    bq_table in = {.project = ref.project,
                   .dataset = bw_sb_request_param(r, "dataset"),
                   .id = ref.table,
                   .metadata = bw_sb_metadata(&r->arena, body, own_members),
                   .expires_us = expiry(body)};
    bq_table out = {0};
    bw_slice schema = bw_sb_json_object(body, "schema");
    bw_status status = BW_OK;
    if (bq_is_view(&in) && schema.len)
        status = bq_error_set(&err, "invalid", NULL,
                              "Schema field shouldn't be used as input with a view");
    else if (bq_is_view(&in))
        status = bq_view_describe(bq->catalog, &r->arena, &in, &err);
    else if (schema.len)
        status = bq_schema_parse(&r->arena, schema, &in.schema, &err);
    if (status == BW_OK)
        status = bq_table_create(bq->catalog, &in, &out, &err);
    answer(r, reply, status, &out, &err);
    return BW_SB_DONE;
}

static bw_sb_outcome get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bq_table t = {0};
    bq_error err = BQ_ERROR_INIT;
    bw_status status = bq_table_get(bq->catalog, bw_sb_path_table(r), &t, &err);
    answer(r, reply, status, &t, &err);
    return BW_SB_DONE;
}

/* A new text of a view brings its own schema; a table does not become a view, nor the reverse. */
static bw_status patch_view(bw_sb_bigquery *bq, bw_sb_request *r, bw_slice body,
                            const bq_table *now, bq_table_patch *patch, bq_schema *schema,
                            bq_error *err)
{
    if (!bw_sb_json_object(body, "view").len)
        return BW_OK;
    if (!bq_is_view(now))
        return bq_error_set(err, "invalid", NULL, "Cannot change a table's type to VIEW");
    bq_table view = {.project = bw_arena_strdup(&r->arena, now->project),
                     .dataset = bw_arena_strdup(&r->arena, now->dataset),
                     .metadata = patch->metadata};
    bw_status status = bq_view_describe(bq->catalog, &r->arena, &view, err);
    *schema = view.schema;
    patch->schema = schema;
    patch->any_schema = true;
    return status;
}

/* PATCH merges the metadata into what is there, PUT replaces it; a schema is always complete. */
static bw_status make_patch(bw_sb_bigquery *bq, bw_sb_request *r, bw_slice body,
                            bq_table_patch *patch, bq_schema *schema, int64_t *expires_us,
                            bq_error *err)
{
    bool merge = strcmp(r->verb, "PATCH") == 0;
    bw_slice given = bw_sb_json_object(body, "schema");
    patch->metadata = bw_sb_metadata(&r->arena, body, own_members);
    patch->if_match = bw_sb_if_match(r);
    if (given.len) {
        bw_status status = bq_schema_parse(&r->arena, given, schema, err);
        if (status != BW_OK)
            return status;
        patch->schema = schema;
    }
    if (!merge || bw_json_member(body, "expirationTime").len) {
        *expires_us = expiry(body);
        patch->expires_us = expires_us;
    }
    if (!merge)
        return BW_OK;
    bq_table now = {0};
    bw_status status = bq_table_get(bq->catalog, bw_sb_path_table(r), &now, err);
    if (status != BW_OK)
        return status;
    bw_buf merged = BW_BUF_INIT;
    bw_sb_json_merge(bw_slice_cstr(now.metadata), bw_slice_cstr(patch->metadata), &merged);
    patch->metadata = bw_arena_strndup(&r->arena, merged.ptr, merged.len);
    bw_buf_fini(&merged);
    status = patch_view(bq, r, body, &now, patch, schema, err);
    if (!patch->if_match) /* guards the merge: two patches at once both count */
        patch->if_match = bw_arena_strdup(&r->arena, now.etag);
    bq_table_fini(&now);
    return status;
}

static bw_sb_outcome change(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bw_slice body;
    bq_error err = BQ_ERROR_INIT;
    bq_schema schema = {0};
    int64_t expires_us = BW_TIME_NONE;
    bq_table out = {0};
    bw_status status;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    do {
        bq_table_patch patch = {0};
        status = make_patch(bq, r, body, &patch, &schema, &expires_us, &err);
        if (status == BW_OK)
            status = bq_table_update(bq->catalog, bw_sb_path_table(r), &patch, &out, &err);
    } while (status == BW_CONFLICT && !bw_sb_if_match(r));
    answer(r, reply, status, &out, &err);
    return BW_SB_DONE;
}

static bw_sb_outcome delete (void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bq_error err = BQ_ERROR_INIT;
    if (bq_table_delete(bq->catalog, bw_sb_path_table(r), &err) != BW_OK)
        bw_sb_reply_bq_error(reply, &err);
    else
        reply->status = 204;
    return BW_SB_DONE;
}

typedef struct list_state {
    bw_buf *out;
    bw_arena *arena;
    int64_t skip, left, total;
    bool more;
} list_state;

static bool list_one(void *user, const bq_table *t)
{
    list_state *s = user;
    s->total++;
    if (s->skip-- > 0)
        return true;
    if (s->left-- <= 0) {
        s->more = true;
        return true; /* goes on counting for totalItems */
    }
    bw_buf_adds(s->out, s->out->ptr[s->out->len - 1] == '[' ? "" : ",");
    print_head(s->out, s->arena, t);
    if (bq_is_view(t))
        bw_sb_json_add_raw(s->out, "view", BW_SLICE_LIT("{\"useLegacySql\":false}"));
    static const char *const members[] = {"friendlyName", "labels", "timePartitioning",
                                          "rangePartitioning", "clustering"};
    for (size_t i = 0; i < BW_COUNT(members); i++)
        bw_sb_json_add_raw(s->out, members[i],
                           bw_json_member(bw_slice_cstr(t->metadata), members[i]));
    bw_buf_addc(s->out, '}');
    return true;
}

static bw_sb_outcome list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    int64_t max, offset;
    bq_error err = BQ_ERROR_INIT;
    if (!bw_sb_page_args(r, reply, 50, &max, &offset))
        return BW_SB_DONE;
    bw_buf_adds(&reply->body, "{\"kind\":\"bigquery#tableList\",\"tables\":[");
    list_state s = {&reply->body, &r->arena, offset, max, 0, false};
    bw_status status = bq_table_list(bq->catalog, bw_sb_request_param(r, "project"),
                                     bw_sb_request_param(r, "dataset"), NULL, list_one, &s, &err);
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return BW_SB_DONE;
    }
    bw_buf_addf(&reply->body, "],\"totalItems\":%lld", (long long)s.total);
    if (s.more)
        bw_sb_add_page_token(&reply->body, "nextPageToken", offset + max);
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

#define ALL "projects/{project}/datasets/{dataset}/tables"
#define ONE ALL "/{table}"
static const bw_sb_route routes[] = {
    {"POST", ALL, "bigquery.tables.insert", .handle = insert},
    {"GET", ALL, "bigquery.tables.list", .handle = list},
    {"GET", ONE, "bigquery.tables.get", .handle = get},
    {"PATCH", ONE, "bigquery.tables.patch", .handle = change},
    {"PUT", ONE, "bigquery.tables.update", .handle = change},
    {"DELETE", ONE, "bigquery.tables.delete", .handle = delete},
};

bw_sb_service bw_sb_tables_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){bw_sb_bigquery_prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS,
                           bq};
}
