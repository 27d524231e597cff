#include "backend/google/logging.h"

#include <stdlib.h>

#include "backend/google/rest.h"

#define ENTRIES_MAX 1000
/* The service's limit is 10 MB of request. */
#define REQUEST_MAX ((size_t)9500000)

struct bw_logging {
    bw_rest rest;
    char *project; /* or NULL */
};

bw_logging *bw_logging_new(const bw_google *google, const char *project, const bw_clock *clock,
                           const bw_cancel *cancel)
{
    bw_logging *log = bw_xcalloc(1, sizeof(*log));
    const char *own = project ? project : bw_google_project(google);
    bw_rest_init(&log->rest, google, BW_SERVICE_LOGGING, clock, cancel, "logging");
    log->project = own ? bw_xstrdup(own) : NULL;
    return log;
}

void bw_logging_free(bw_logging *log)
{
    if (!log)
        return;
    bw_rest_fini(&log->rest);
    free(log->project);
    free(log);
}

void bw_logging_set_deadline(bw_logging *log, int64_t per_call_us)
{
    log->rest.per_call_us = per_call_us;
}

/*
 * With partialSuccess an answer may be an error and yet most entries are in: its details have
 * WriteLogEntriesPartialErrors with {"logEntryErrors": {"<index>": {code, message}}}. Counts them;
 * false when the answer is no such thing.
 */
static bool read_partial(const bw_rest *rest, size_t n, size_t *refused, bw_error *err)
{
    const bw_buf *body = &rest->response.body;
    json_t *root = body->len ? json_loadb(body->ptr, body->len, 0, NULL) : NULL, *detail, *entry;
    const char *key, *message = NULL;
    size_t i;
    *refused = 0;
    json_t *details = json_object_get(json_object_get(root, "error"), "details");
    json_array_foreach(details, i, detail)
    {
        json_object_foreach(json_object_get(detail, "logEntryErrors"), key, entry)
        {
            const char *text = json_string_value(json_object_get(entry, "message"));
            message = message ? message : text;
            (*refused)++;
        }
    }
    bool partial = *refused > 0 && *refused <= n;
    if (partial)
        bw_error_set(err, BW_REJECTED, "%zu of %zu log entries were refused: %s", *refused, n,
                     message ? message : "without a reason");
    json_decref(root);
    return partial;
}

/* The entries from `at` on that fit into one request. */
static json_t *take_some(const json_t *entries, size_t at)
{
    json_t *some = json_array();
    size_t bytes = 0;
    for (size_t n = json_array_size(entries); at < n && json_array_size(some) < ENTRIES_MAX; at++) {
        const json_t *entry = json_array_get(entries, at);
        bytes += json_dumpb(entry, NULL, 0, JSON_COMPACT) + 1;
        if (json_array_size(some) > 0 && bytes > REQUEST_MAX)
            break;
        json_array_append(some, (json_t *)entry);
    }
    return some;
}

/* Sends some entries; a refusal of single ones is in *refused and *partial, and no failure. */
static bw_status send_some(bw_logging *log, const char *log_id, const json_t *labels, json_t *some,
                           size_t *refused, bw_error *partial, bw_error *err)
{
    bw_buf name = BW_BUF_INIT;
    bw_error local = BW_ERROR_INIT;
    bw_buf_addf(&name, "projects/%s/logs/", log->project);
    bw_http_add_escaped(&name, bw_slice_cstr(log_id));
    char *url =
        bw_xasprintf("%s/v2/entries:write", bw_google_base(log->rest.google, BW_SERVICE_LOGGING));
    json_t *body = json_pack("{s:s, s:{s:s, s:{s:s}}, s:O, s:b}", "logName", bw_buf_cstr(&name),
                             "resource", "type", "global", "labels", "project_id", log->project,
                             "entries", some, "partialSuccess", 1);
    if (labels)
        json_object_set_new(body, "labels", json_deep_copy(labels));
    bw_rest_call call = {.what = "write log entries", .method = "POST", .url = url};
    bw_status s = bw_rest_post(&log->rest, &call, body, NULL, err);
    *refused = 0;
    if (s != BW_OK && s != BW_CANCELLED &&
        read_partial(&log->rest, json_array_size(some), refused,
                     partial->status == BW_OK ? partial : &local))
        s = BW_OK;
    json_decref(body);
    free(url);
    bw_buf_fini(&name);
    return s;
}

bw_status bw_logging_write(bw_logging *log, const char *log_id, const json_t *labels,
                           const json_t *entries, size_t *written, size_t *refused, bw_error *err)
{
    bw_error partial = BW_ERROR_INIT;
    size_t in = 0, out = 0, at = 0;
    bw_status s = BW_OK;
    if (!log->project) {
        bw_error_set(err, BW_INVALID, "no Google Cloud project is named");
        bw_error_hint(err, "set project: in the configuration, or GOOGLE_CLOUD_PROJECT");
        s = BW_INVALID;
    }
    while (s == BW_OK && at < json_array_size(entries)) {
        size_t bad = 0;
        json_t *some = take_some(entries, at);
        s = send_some(log, log_id, labels, some, &bad, &partial, err);
        at += json_array_size(some);
        if (s == BW_OK) {
            out += bad;
            in += json_array_size(some) - bad;
        }
        json_decref(some);
    }
    if (written)
        *written = in;
    if (refused)
        *refused = out;
    if (s == BW_OK && out) {
        s = BW_REJECTED;
        if (err)
            *err = partial;
    }
    return s;
}
