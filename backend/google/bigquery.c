#include "backend/google/bigquery.h"

#include <stdlib.h>

#include "backend/google/bigquery_internal.h"

#define PAGE_MAX 1000

bw_bigquery *bw_bigquery_new(const bw_google *google, const bw_clock *clock,
                             const bw_cancel *cancel)
{
    bw_bigquery *bq = bw_xcalloc(1, sizeof(*bq));
    bw_rest_init(&bq->rest, google, BW_SERVICE_BIGQUERY, clock, cancel, "bigquery");
    bq->root = bw_google_base(google, BW_SERVICE_BIGQUERY);
    bq->project = bw_google_project(google);
    return bq;
}

void bw_bigquery_free(bw_bigquery *bq)
{
    if (!bq)
        return;
    bw_rest_fini(&bq->rest);
    free(bq);
}

void bw_bigquery_set_listener(bw_bigquery *bq, void (*tell)(void *user, const char *text),
                              void *user)
{
    bq->rest.listener = (bw_retry_listener){.tell = tell, .user = user};
}

void bw_bigquery_set_deadline(bw_bigquery *bq, int64_t per_call_us)
{
    bq->rest.per_call_us = per_call_us;
}

uint64_t bw_bigquery_bytes_sent(const bw_bigquery *bq)
{
    return bw_http_bytes_sent(bq->rest.http);
}

bool bw_bigquery_is_remote(const bw_bigquery *bq)
{
    return !bw_http_is_loopback(bq->root);
}

const char *bw_bigquery_reason(const bw_bigquery *bq)
{
    return bq->rest.reason;
}

/* ---- URLs ------------------------------------------------------------------------------- */

bw_status bw_bigquery_project(const bw_bigquery *bq, const char *project, const char **out,
                              bw_error *err)
{
    *out = project ? project : bq->project;
    if (*out)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "no Google Cloud project is named");
    return bw_error_hint(err, "set project: in the configuration, or GOOGLE_CLOUD_PROJECT");
}

char *bw_bigquery_url(const bw_bigquery *bq, const char *project, const char *const *segments,
                      bw_error *err)
{
    bw_buf url = BW_BUF_INIT;
    if (bw_bigquery_project(bq, project, &project, err) != BW_OK)
        return NULL;
    bw_buf_addf(&url, "%s/bigquery/v2/projects/", bq->root);
    bw_http_add_escaped(&url, bw_slice_cstr(project));
    for (; *segments; segments++) {
        bw_buf_addc(&url, '/');
        bw_http_add_escaped(&url, bw_slice_cstr(*segments));
    }
    return bw_buf_take(&url);
}

char *bw_bigquery_url_add(char *url, const char *name, const char *value)
{
    if (!url || !value)
        return url;
    bw_buf longer = BW_BUF_INIT;
    bw_buf_addf(&longer, "%s%c%s=", url, strchr(url, '?') ? '&' : '?', name);
    bw_http_add_escaped(&longer, bw_slice_cstr(value));
    free(url);
    return bw_buf_take(&longer);
}

/* One call on ROOT/.../segments; `body` NULL for none. */
static bw_status call_at(bw_bigquery *bq, const char *project, const char *const *segments,
                         bw_rest_call call, const json_t *body, json_t **out, bw_error *err)
{
    if (out)
        *out = NULL;
    char *url = bw_bigquery_url(bq, project, segments, err);
    if (!url)
        return BW_INVALID;
    call.url = url;
    bw_status s = body ? bw_rest_post(&bq->rest, &call, body, out, err)
                       : bw_rest_json(&bq->rest, &call, out, err);
    free(url);
    return s;
}

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- datasets --------------------------------------------------------------------------- */

bw_status bw_bigquery_get_dataset(bw_bigquery *bq, const char *project, const char *dataset,
                                  json_t **out, bw_error *err)
{
    bw_rest_call call = {.what = "read the dataset"};
    return call_at(bq, project, PATH("datasets", dataset), call, NULL, out, err);
}

bw_status bw_bigquery_insert_dataset(bw_bigquery *bq, const char *project, const char *dataset,
                                     const json_t *resource, json_t **out, bw_error *err)
{
    bw_rest_call call = {.what = "create the dataset", .method = "POST"};
    if (out)
        *out = NULL;
    bw_status s = bw_bigquery_project(bq, project, &project, err);
    if (s != BW_OK)
        return s;
    json_t *body = resource ? json_deep_copy(resource) : json_object();
    json_object_set_new(body, "datasetReference",
                        json_pack("{s:s, s:s}", "projectId", project, "datasetId", dataset));
    s = call_at(bq, project, PATH("datasets"), call, body, out, err);
    json_decref(body);
    return s;
}

/* Collects item.REFERENCE.ID of `items` of all pages, up to max. */
static bw_status list_ids(bw_bigquery *bq, char *base, const char *what, const char *items,
                          const char *reference, const char *id, size_t max, json_t **out,
                          bw_error *err)
{
    bw_status s = base ? BW_OK : BW_INVALID;
    json_t *ids = json_array();
    char *token = NULL;
    *out = NULL;
    do {
        json_t *page = NULL, *item;
        size_t i;
        char *url = base ? bw_bigquery_url_add(bw_xstrdup(base), "pageToken", token) : NULL;
        free(token);
        token = NULL;
        bw_rest_call call = {.what = what, .url = url};
        if (s == BW_OK)
            s = bw_rest_json(&bq->rest, &call, &page, err);
        free(url);
        json_array_foreach(json_object_get(page, items), i, item)
        {
            json_t *name = json_object_get(json_object_get(item, reference), id);
            if (json_is_string(name) && json_array_size(ids) < max)
                json_array_append(ids, name);
        }
        const char *next = json_string_value(json_object_get(page, "nextPageToken"));
        token = next && next[0] ? bw_xstrdup(next) : NULL;
        json_decref(page);
    } while (s == BW_OK && token && json_array_size(ids) < max);
    free(token);
    free(base);
    if (s == BW_OK)
        *out = ids;
    else
        json_decref(ids);
    return s;
}

static char *page_size(char *url, size_t max)
{
    char text[24];
    snprintf(text, sizeof(text), "%zu", max < PAGE_MAX ? max : (size_t)PAGE_MAX);
    return bw_bigquery_url_add(url, "maxResults", text);
}

bw_status bw_bigquery_list_datasets(bw_bigquery *bq, const char *project, size_t max, json_t **out,
                                    bw_error *err)
{
    char *url = page_size(bw_bigquery_url(bq, project, PATH("datasets"), err), max);
    return list_ids(bq, url, "list the datasets", "datasets", "datasetReference", "datasetId", max,
                    out, err);
}

/* ---- tables ----------------------------------------------------------------------------- */

bw_status bw_bigquery_get_table(bw_bigquery *bq, const bw_table_ref *ref, json_t **out,
                                bw_error *err)
{
    bw_rest_call call = {.what = "read the table"};
    bw_status s = call_at(bq, ref->project, PATH("datasets", ref->dataset, "tables", ref->table),
                          call, NULL, out, err);
    /* A table that says nothing of itself would be taken for one without columns. */
    if (s != BW_OK || !out || json_is_object(json_object_get(*out, "tableReference")))
        return s;
    json_decref(*out);
    *out = NULL;
    return bw_error_set(err, BW_UNAVAILABLE, "the answer about table %s describes no table",
                        ref->table);
}

bw_status bw_bigquery_insert_table(bw_bigquery *bq, const bw_table_ref *ref, const json_t *resource,
                                   json_t **out, bw_error *err)
{
    bw_rest_call call = {.what = "create the table", .method = "POST"};
    const char *project;
    if (out)
        *out = NULL;
    bw_status s = bw_bigquery_project(bq, ref->project, &project, err);
    if (s != BW_OK)
        return s;
    json_t *body = resource ? json_deep_copy(resource) : json_object();
    json_object_set_new(body, "tableReference",
                        json_pack("{s:s, s:s, s:s}", "projectId", project, "datasetId",
                                  ref->dataset, "tableId", ref->table));
    s = call_at(bq, project, PATH("datasets", ref->dataset, "tables"), call, body, out, err);
    json_decref(body);
    return s;
}

bw_status bw_bigquery_patch_table(bw_bigquery *bq, const bw_table_ref *ref, const json_t *patch,
                                  const char *etag, json_t **out, bw_error *err)
{
    char *match = etag ? bw_xasprintf("If-Match: %s", etag) : NULL;
    bw_rest_call call = {.what = "change the table", .method = "PATCH", .headers = {match}};
    bw_status s = call_at(bq, ref->project, PATH("datasets", ref->dataset, "tables", ref->table),
                          call, patch, out, err);
    free(match);
    return s;
}

bw_status bw_bigquery_delete_table(bw_bigquery *bq, const bw_table_ref *ref, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bw_rest_call call = {.what = "delete the table", .method = "DELETE"};
    err = err ? err : &local;
    bw_status s = call_at(bq, ref->project, PATH("datasets", ref->dataset, "tables", ref->table),
                          call, NULL, NULL, err);
    /* It was there for an attempt whose answer was lost. */
    return s == BW_NOT_FOUND && err->maybe_acted ? BW_OK : s;
}

bw_status bw_bigquery_list_tables(bw_bigquery *bq, const char *project, const char *dataset,
                                  size_t max, json_t **out, bw_error *err)
{
    char *url = bw_bigquery_url(bq, project, PATH("datasets", dataset, "tables"), err);
    return list_ids(bq, page_size(url, max), "list the tables", "tables", "tableReference",
                    "tableId", max, out, err);
}
