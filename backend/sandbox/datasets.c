/* datasets.insert, get, list, patch, update, delete. */
#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/json_edit.h"

/* Members that the sandbox computes, or keeps apart from the metadata. */
static const char *const own_members[] = {
    "kind",
    "etag",
    "id",
    "selfLink",
    "location",
    "creationTime",
    "type",
    "datasetReference",
    "satisfiesPzi",
    "satisfiesPzs",
    "lastModifiedTime",
    NULL,
};

static void print_reference(bw_buf *out, const bq_dataset *d)
{
    bw_sb_json_add_raw(out, "datasetReference", BW_SLICE_LIT("{"));
    bw_sb_json_add_text(out, "datasetId", d->id);
    bw_sb_json_add_text(out, "projectId", d->project);
    bw_buf_addc(out, '}');
}

static void print_dataset(bw_buf *out, bw_arena *arena, const bq_dataset *d)
{
    bw_buf_adds(out, "{\"kind\":\"bigquery#dataset\"");
    bw_sb_json_add_text(out, "etag", d->etag);
    bw_sb_json_add_text(out, "id", bw_arena_printf(arena, "%s:%s", d->project, d->id));
    bw_sb_json_add_text(
        out, "selfLink",
        bw_arena_printf(arena,
                        "https://bigquery.googleapis.com/bigquery/v2/projects/%s/datasets/%s",
                        d->project, d->id));
    print_reference(out, d);
    bw_sb_json_add_text(out, "location", d->location);
    bw_sb_json_add_int64(out, "creationTime", d->created_us / 1000);
    bw_sb_json_add_int64(out, "lastModifiedTime", d->modified_us / 1000);
    bw_sb_json_add_members(out, bw_slice_cstr(d->metadata));
    bw_sb_json_add_text(out, "type", "DEFAULT");
    bw_buf_addc(out, '}');
}

static void answer(bw_sb_request *r, bw_sb_reply *reply, bw_status status, bq_dataset *d,
                   const bq_error *err)
{
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, err);
        return;
    }
    print_dataset(&reply->body, &r->arena, d);
    bq_dataset_fini(d);
}

static bw_sb_outcome insert(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    const char *project = bw_sb_request_param(r, "project");
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    bw_slice reference = bw_sb_json_object(body, "datasetReference");
    const char *named = bw_sb_json_text(&r->arena, reference, "projectId");
    const char *id = bw_sb_json_text(&r->arena, reference, "datasetId");
    if (!id)
        return bw_sb_reply_invalid(reply, "Required parameter is missing: datasetId");
    if (named && strcmp(named, project) != 0)
        return bw_sb_reply_invalid(reply,
                                   "Value for field dataset.projectId does not match the "
                                   "request's project: %s",
                                   named);
    const char *location = bw_sb_json_text(&r->arena, body, "location");
    bq_dataset in = {.project = project,
                     .id = id,
                     .location = bw_sb_location(&r->arena, location ? location : "US"),
                     .metadata = bw_sb_metadata(&r->arena, body, own_members)};
    bq_dataset out = {0};
    bq_error err = BQ_ERROR_INIT;
    bw_status status = bq_dataset_create(bq->catalog, &in, &out, &err);
    answer(r, reply, status, &out, &err);
    return BW_SB_DONE;
}

static bw_sb_outcome get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bq_dataset d = {0};
    bq_error err = BQ_ERROR_INIT;
    bw_status status = bq_dataset_get(bq->catalog, bw_sb_request_param(r, "project"),
                                      bw_sb_request_param(r, "dataset"), &d, &err);
    answer(r, reply, status, &d, &err);
    return BW_SB_DONE;
}

/*
 * PATCH merges into what is there, PUT replaces it. Without If-Match the merge is guarded by the
 * etag that it was made from, so that two patches at once both count.
 */
static bw_status change_once(bw_sb_bigquery *bq, bw_sb_request *r, const char *given, bq_dataset *d,
                             bq_error *err)
{
    const char *project = bw_sb_request_param(r, "project");
    const char *id = bw_sb_request_param(r, "dataset");
    const char *if_match = bw_sb_if_match(r), *metadata = given;
    bw_status status = bq_dataset_get(bq->catalog, project, id, d, err);
    if (status != BW_OK)
        return status;
    if (strcmp(r->verb, "PATCH") == 0) {
        bw_buf merged = BW_BUF_INIT;
        bw_sb_json_merge(bw_slice_cstr(d->metadata), bw_slice_cstr(given), &merged);
        metadata = bw_arena_strndup(&r->arena, merged.ptr, merged.len);
        bw_buf_fini(&merged);
        if (!if_match)
            if_match = bw_arena_strdup(&r->arena, d->etag);
    }
    bq_dataset_fini(d);
    *d = (bq_dataset){0};
    return bq_dataset_update(bq->catalog, project, id, metadata, if_match, d, err);
}

static bw_sb_outcome change(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_slice body;
    bq_dataset d = {0};
    bq_error err = BQ_ERROR_INIT;
    bw_status status;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    const char *given = bw_sb_metadata(&r->arena, body, own_members);
    do {
        status = change_once(context, r, given, &d, &err);
    } while (status == BW_CONFLICT && !bw_sb_if_match(r));
    answer(r, reply, status, &d, &err);
    return BW_SB_DONE;
}

static bw_sb_outcome delete (void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_bigquery *bq = context;
    bq_error err = BQ_ERROR_INIT;
    if (bq_dataset_delete(bq->catalog, bw_sb_request_param(r, "project"),
                          bw_sb_request_param(r, "dataset"),
                          bw_sb_request_query_true(r, "deleteContents"), &err) != BW_OK)
        bw_sb_reply_bq_error(reply, &err);
    else
        reply->status = 204;
    return BW_SB_DONE;
}

typedef struct list_state {
    bw_buf *out;
    bw_arena *arena;
    int64_t skip, left;
    bool more;
} list_state;

static bool list_one(void *user, const bq_dataset *d)
{
    list_state *s = user;
    if (s->skip-- > 0)
        return true;
    if (s->left-- == 0) {
        s->more = true;
        return false;
    }
    bw_buf_adds(s->out, s->out->ptr[s->out->len - 1] == '[' ? "" : ",");
    bw_buf_adds(s->out, "{\"kind\":\"bigquery#dataset\"");
    bw_sb_json_add_text(s->out, "id", bw_arena_printf(s->arena, "%s:%s", d->project, d->id));
    print_reference(s->out, d);
    bw_slice metadata = bw_slice_cstr(d->metadata);
    bw_sb_json_add_raw(s->out, "labels", bw_sb_json_object(metadata, "labels"));
    bw_sb_json_add_raw(s->out, "friendlyName", bw_json_member(metadata, "friendlyName"));
    bw_sb_json_add_text(s->out, "location", d->location);
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
    bw_buf_adds(&reply->body, "{\"kind\":\"bigquery#datasetList\",\"datasets\":[");
    list_state s = {&reply->body, &r->arena, offset, max, false};
    bw_status status =
        bq_dataset_list(bq->catalog, bw_sb_request_param(r, "project"), NULL, list_one, &s, &err);
    if (status != BW_OK) {
        bw_sb_reply_bq_error(reply, &err);
        return BW_SB_DONE;
    }
    bw_buf_addc(&reply->body, ']');
    if (s.more)
        bw_sb_add_page_token(&reply->body, "nextPageToken", offset + max);
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

#define ONE "projects/{project}/datasets/{dataset}"
static const bw_sb_route routes[] = {
    {"POST", "projects/{project}/datasets", "bigquery.datasets.insert", .handle = insert},
    {"GET", "projects/{project}/datasets", "bigquery.datasets.list", .handle = list},
    {"GET", ONE, "bigquery.datasets.get", .handle = get},
    {"PATCH", ONE, "bigquery.datasets.patch", .handle = change},
    {"PUT", ONE, "bigquery.datasets.update", .handle = change},
    {"DELETE", ONE, "bigquery.datasets.delete", .handle = delete},
};

bw_sb_service bw_sb_datasets_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){bw_sb_bigquery_prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS,
                           bq};
}
