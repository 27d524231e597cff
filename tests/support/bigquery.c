#include "tests/support/bigquery.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/cancel.h"
#include "backend/core/json.h"
#include "backend/core/text.h"
#include "tests/support/test.h"

struct bw_test_bq {
    bw_test_http *http;
    char *project, *dataset;
};

/* ---- JSON ------------------------------------------------------------------------------------- */

static bw_slice element_at(bw_slice array, size_t index)
{
    bw_json_scan s = bw_json_scan_init(array);
    bw_json_token t;
    bw_slice value;
    if (!bw_json_next(&s, &t) || t.type != BW_JSON_ARRAY)
        return (bw_slice){NULL, 0};
    for (size_t i = 0; bw_json_skip(&s, &value); i++) {
        if (i == index)
            return value;
    }
    return (bw_slice){NULL, 0};
}

static bw_slice find_path(const char *json, const char *path)
{
    bw_slice at = bw_slice_cstr(json);
    char name[128];
    while (*path && at.len) {
        size_t len = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        char *end;
        unsigned long index = strtoul(name, &end, 10);
        at = *end == '\0' && at.ptr[0] == '[' ? element_at(at, index) : bw_json_member(at, name);
        path += len + (path[len] == '.');
    }
    return at;
}

bool bw_test_json_has(const char *json, const char *path)
{
    return find_path(json, path).len > 0;
}

const char *bw_test_json_at(const char *json, const char *path)
{
    static bw_buf ring[8];
    static size_t next;
    bw_slice raw = find_path(json, path);
    bw_buf *out = &ring[next++ % BW_COUNT(ring)];
    bw_buf_clear(out);
    if (raw.len < 2 || raw.ptr[0] != '"' || !bw_json_unescape(raw, out)) {
        bw_buf_clear(out);
        bw_buf_add(out, raw.ptr, raw.len);
    }
    return bw_buf_cstr(out);
}

/* ---- The service ------------------------------------------------------------------------------ */

bw_test_bq *bw_test_bq_new(const char *url, const char *project, const char *dataset)
{
    bw_test_bq *bq = bw_xcalloc(1, sizeof *bq);
    bq->http = bw_test_http_new(url);
    bq->project = bw_xstrdup(project);
    bq->dataset = bw_xstrdup(dataset);
    char *path = bw_xasprintf("/bigquery/v2/projects/%s/datasets", project);
    int status = bw_test_http_json(bq->http, "POST", path,
                                   "{\"datasetReference\":{\"datasetId\":\"%s\"}}", dataset);
    free(path);
    if (status != 200 && status != 409)
        fail_msg("datasets.insert: %d %s", status, bw_test_http_body(bq->http));
    return bq;
}

void bw_test_bq_free(bw_test_bq *bq)
{
    if (!bq)
        return;
    bw_test_http_free(bq->http);
    free(bq->project);
    free(bq->dataset);
    free(bq);
}

bw_test_http *bw_test_bq_http(bw_test_bq *bq)
{
    return bq->http;
}

void bw_test_bq_table(bw_test_bq *bq, const char *table, const char *fields, const char *members)
{
    char *path =
        bw_xasprintf("/bigquery/v2/projects/%s/datasets/%s/tables", bq->project, bq->dataset);
    int status = bw_test_http_json(
        bq->http, "POST", path,
        "{\"tableReference\":{\"projectId\":\"%s\",\"datasetId\":\"%s\",\"tableId\":\"%s\"},"
        "\"schema\":{\"fields\":%s}%s}",
        bq->project, bq->dataset, table, fields, members ? members : "");
    free(path);
    if (status != 200)
        fail_msg("tables.insert %s: %d %s", table, status, bw_test_http_body(bq->http));
}

int bw_test_bq_upload(bw_test_bq *bq, const char *table, const char *job, const char *members,
                      const void *data, size_t size)
{
    static const char *const headers[] = {"Content-Type: multipart/related; boundary=\"=b=\"",
                                          NULL};
    static const char newline_delimited[] = ",\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\"";
    bool formatted = members && strstr(members, "\"sourceFormat\"");
    bw_buf body = BW_BUF_INIT;
    char *path =
        bw_xasprintf("/upload/bigquery/v2/projects/%s/jobs?uploadType=multipart", bq->project);
    bw_buf_addf(&body,
                "--=b=\r\nContent-Type: application/json\r\n\r\n{\"configuration\":{\"load\":{"
                "\"destinationTable\":{\"projectId\":\"%s\",\"datasetId\":\"%s\",\"tableId\":"
                "\"%s\"}%s%s}},\"jobReference\":{"
                "\"projectId\":\"%s\"%s%s%s}}\r\n--=b=\r\nContent-Type: "
                "application/octet-stream\r\n\r\n",
                bq->project, bq->dataset, table, formatted ? "" : newline_delimited,
                members ? members : "", bq->project, job ? ",\"jobId\":\"" : "", job ? job : "",
                job ? "\"" : "");
    bw_buf_add(&body, data, size);
    bw_buf_adds(&body, "\r\n--=b=--");
    int status = bw_test_http_send(bq->http, &(bw_test_request){.verb = "POST",
                                                                .url = path,
                                                                .headers = headers,
                                                                .body = body.ptr,
                                                                .body_size = body.len});
    bw_buf_fini(&body);
    free(path);
    return status;
}

char *bw_test_bq_wait(bw_test_bq *bq, const char *job, const char *location)
{
    const bw_clock *clock = bw_clock_system();
    int64_t deadline = bw_mono_us(clock) + 120 * BW_SECOND;
    bw_error err = BW_ERROR_INIT;
    int64_t pause_us = 500;
    for (;;) {
        int status = bw_test_http_get(bq->http, "/bigquery/v2/projects/%s/jobs/%s?location=%s",
                                      bq->project, job, location ? location : "US");
        const char *body = bw_test_http_body(bq->http);
        if (status == 200 && strcmp(bw_test_json_at(body, "status.state"), "DONE") == 0)
            return bw_xstrdup(body);
        if (status != 200 || bw_mono_us(clock) > deadline)
            fail_msg("job %s is not done: %d %s", job, status, body);
        assert_ok(bw_wait_until(NULL, clock, bw_mono_us(clock) + pause_us, &err), err);
        pause_us = pause_us < 20000 ? pause_us * 2 : pause_us;
    }
}

char *bw_test_bq_load(bw_test_bq *bq, const char *table, const char *members, const char *data)
{
    int status = bw_test_bq_upload(bq, table, NULL, members, data, strlen(data));
    if (status != 200)
        fail_msg("load into %s: %d %s", table, status, bw_test_http_body(bq->http));
    char *id = bw_xstrdup(bw_test_json_at(bw_test_http_body(bq->http), "jobReference.jobId"));
    char *job = bw_test_bq_wait(bq, id, NULL);
    free(id);
    return job;
}

/* ---- Rows ------------------------------------------------------------------------------------- */

static void add_cell(bw_buf *out, bw_slice cell)
{
    bw_slice value = bw_json_member(cell, "v");
    if (bw_slice_is(value, "null"))
        bw_buf_adds(out, "NULL");
    else if (value.len && value.ptr[0] == '"')
        (void)bw_json_unescape(value, out);
    else
        bw_buf_add(out, value.ptr, value.len);
}

/* Appends the rows of a page. */
static void add_rows(bw_buf *out, const char *page)
{
    bw_slice rows = bw_json_member(bw_slice_cstr(page), "rows"), row, cell;
    if (!rows.len)
        return;
    bw_json_scan s = bw_json_scan_init(rows);
    bw_json_token t;
    if (!bw_json_next(&s, &t))
        return;
    while (bw_json_skip(&s, &row)) {
        bw_json_scan cells = bw_json_scan_init(bw_json_member(row, "f"));
        bool first = true;
        if (!bw_json_next(&cells, &t))
            return;
        for (; bw_json_skip(&cells, &cell); first = false) {
            if (!first)
                bw_buf_addc(out, '|');
            add_cell(out, cell);
        }
        bw_buf_addc(out, '\n');
    }
}

/* Reads a page and those that follow it; `path` already has a query. */
static char *read_pages(bw_test_bq *bq, const char *path)
{
    bw_buf out = BW_BUF_INIT;
    char *token = bw_xstrdup("");
    do {
        int status = bw_test_http_get(bq->http, "%s%s%s", path, *token ? "&pageToken=" : "", token);
        const char *page = bw_test_http_body(bq->http);
        if (status != 200)
            fail_msg("%s: %d %s", path, status, page);
        add_rows(&out, page);
        free(token);
        token = bw_xstrdup(bw_test_json_at(page, "pageToken"));
    } while (*token);
    free(token);
    return bw_buf_take(&out);
}

char *bw_test_bq_rows(bw_test_bq *bq, const char *table)
{
    char *path = bw_xasprintf("/bigquery/v2/projects/%s/datasets/%s/tables/%s/"
                              "data?formatOptions.useInt64Timestamp=true",
                              bq->project, bq->dataset, table);
    char *rows = read_pages(bq, path);
    free(path);
    return rows;
}

int bw_test_bq_try_query(bw_test_bq *bq, const char *sql)
{
    bw_buf body = BW_BUF_INIT;
    char *path = bw_xasprintf("/bigquery/v2/projects/%s/queries", bq->project);
    bw_buf_adds(&body, "{\"useLegacySql\":false,\"timeoutMs\":120000,\"maxResults\":0,\"query\":");
    bw_json_add_string(&body, bw_slice_cstr(sql));
    bw_buf_addf(&body, ",\"defaultDataset\":{\"projectId\":\"%s\",\"datasetId\":\"%s\"}}",
                bq->project, bq->dataset);
    int status = bw_test_http_send(bq->http, &(bw_test_request){.verb = "POST",
                                                                .url = path,
                                                                .body = body.ptr,
                                                                .body_size = body.len,
                                                                .timeout_s = 150});
    bw_buf_fini(&body);
    free(path);
    return status;
}

char *bw_test_bq_query(bw_test_bq *bq, const char *sql)
{
    int status = bw_test_bq_try_query(bq, sql);
    const char *body = bw_test_http_body(bq->http);
    if (status != 200 || strcmp(bw_test_json_at(body, "jobComplete"), "true") != 0)
        fail_msg("%s: %d %s", sql, status, body);
    char *path = bw_xasprintf("/bigquery/v2/projects/%s/queries/%s?location=%s"
                              "&formatOptions.useInt64Timestamp=true",
                              bq->project, bw_test_json_at(body, "jobReference.jobId"),
                              bw_test_json_at(body, "jobReference.location"));
    char *rows = read_pages(bq, path);
    free(path);
    return rows;
}
