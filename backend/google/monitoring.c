#include "backend/google/monitoring.h"

#include <math.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/google/rest.h"

#define CUSTOM "custom.googleapis.com/bridgewatch/"
/* Samples are taken every 60 s and seen up to 4 min later; what is older than this says nothing. */
#define LOOK_BACK (10 * BW_MINUTE)

struct bw_monitoring {
    bw_rest rest;
    char *project; /* or NULL */
};

bw_monitoring *bw_monitoring_new(const bw_google *google, const char *project,
                                 const bw_clock *clock, const bw_cancel *cancel)
{
    bw_monitoring *mon = bw_xcalloc(1, sizeof(*mon));
    const char *own = project ? project : bw_google_project(google);
    bw_rest_init(&mon->rest, google, BW_SERVICE_MONITORING, clock, cancel, "monitoring");
    mon->project = own ? bw_xstrdup(own) : NULL;
    return mon;
}

void bw_monitoring_free(bw_monitoring *mon)
{
    if (!mon)
        return;
    bw_rest_fini(&mon->rest);
    free(mon->project);
    free(mon);
}

void bw_monitoring_set_deadline(bw_monitoring *mon, int64_t per_call_us)
{
    mon->rest.per_call_us = per_call_us;
}

/* ROOT/VERSION/projects/PROJECT/COLLECTION into `url`. */
static bw_status begin_in(const bw_monitoring *mon, const char *version, const char *project,
                          const char *collection, bw_buf *url, bw_error *err)
{
    project = project ? project : mon->project;
    if (!project) {
        bw_error_set(err, BW_INVALID, "no Google Cloud project is named");
        return bw_error_hint(err, "set project: in the configuration, or GOOGLE_CLOUD_PROJECT");
    }
    bw_buf_addf(url, "%s/%s/projects/", bw_google_base(mon->rest.google, BW_SERVICE_MONITORING),
                version);
    bw_http_add_escaped(url, bw_slice_cstr(project));
    bw_buf_addf(url, "/%s", collection);
    return BW_OK;
}

static bw_status begin_url(const bw_monitoring *mon, const char *project, bw_buf *url,
                           bw_error *err)
{
    return begin_in(mon, "v3", project, "timeSeries", url, err);
}

/* ---- reading ---------------------------------------------------------------------------- */

static void add_parameter(bw_buf *url, const char *name, const char *value)
{
    bw_buf_addf(url, "%c%s=", memchr(url->ptr, '?', url->len) ? '&' : '?', name);
    bw_http_add_escaped(url, bw_slice_cstr(value));
}

/* One page; *token becomes the next one's, or NULL. */
static bw_status read_page(bw_monitoring *mon, const bw_buf *base, char **token, json_t *series,
                           bw_error *err)
{
    json_t *page = NULL;
    bw_buf url = BW_BUF_INIT;
    bw_buf_add(&url, base->ptr, base->len);
    if (*token)
        add_parameter(&url, "pageToken", *token);
    free(*token);
    *token = NULL;
    bw_rest_call call = {.what = "read the metric", .url = bw_buf_cstr(&url)};
    bw_status s = bw_rest_json(&mon->rest, &call, &page, err);
    if (s == BW_OK) {
        json_array_extend(series, json_object_get(page, "timeSeries"));
        const char *next = json_string_value(json_object_get(page, "nextPageToken"));
        *token = next && next[0] ? bw_xstrdup(next) : NULL;
    }
    json_decref(page);
    bw_buf_fini(&url);
    return s;
}

bw_status bw_monitoring_list(bw_monitoring *mon, const char *project, const char *filter,
                             int64_t from_us, int64_t to_us, json_t **out, bw_error *err)
{
    char from[BW_TIME_TEXT], to[BW_TIME_TEXT];
    char *token = NULL;
    bw_buf base = BW_BUF_INIT;
    json_t *series = json_array();
    bw_status s = begin_url(mon, project, &base, err);
    *out = NULL;
    if (s == BW_OK) {
        add_parameter(&base, "filter", filter);
        add_parameter(&base, "interval.startTime", bw_format_time(from_us, from));
        add_parameter(&base, "interval.endTime", bw_format_time(to_us, to));
        do
            s = read_page(mon, &base, &token, series, err);
        while (s == BW_OK && token);
    }
    free(token);
    bw_buf_fini(&base);
    if (s == BW_OK)
        *out = series;
    else
        json_decref(series);
    return s;
}

/* A point's number, NAN when it has none. */
static double value_of(const json_t *point)
{
    const json_t *value = json_object_get(point, "value");
    const json_t *whole = json_object_get(value, "int64Value");
    const json_t *real = json_object_get(value, "doubleValue");
    if (json_is_string(whole)) {
        char *end;
        const char *text = json_string_value(whole);
        long long n = strtoll(text, &end, 10);
        return text[0] && !*end ? (double)n : NAN;
    }
    return json_is_number(whole)  ? json_number_value(whole)
           : json_is_number(real) ? json_number_value(real)
                                  : NAN;
}

/* The newest point that has a number, of all series; false when there is none. */
static bool newest(const json_t *series, double *value, int64_t *at_us)
{
    size_t i, k;
    json_t *one, *point;
    bool found = false;
    json_array_foreach(series, i, one)
    {
        json_array_foreach(json_object_get(one, "points"), k, point)
        {
            const json_t *interval = json_object_get(point, "interval");
            const char *text = json_string_value(json_object_get(interval, "endTime"));
            double v = value_of(point);
            int64_t at;
            if (isnan(v) || v < 0 || !text || !bw_parse_time(bw_slice_cstr(text), &at) ||
                (found && at <= *at_us))
                continue;
            *value = v;
            *at_us = at;
            found = true;
        }
    }
    return found;
}

static bw_status ask(bw_monitoring *mon, const char *project, const char *metric,
                     const char *subscription, double *value, int64_t *at_us, bw_error *err)
{
    json_t *series = NULL;
    int64_t now = bw_wall_us(mon->rest.clock);
    char *filter = bw_xasprintf("metric.type=\"pubsub.googleapis.com/subscription/%s\" AND "
                                "resource.labels.subscription_id=\"%s\"",
                                metric, subscription);
    *value = NAN;
    *at_us = BW_TIME_NONE;
    bw_status s = bw_monitoring_list(mon, project, filter, now - LOOK_BACK, now, &series, err);
    if (s == BW_OK && !newest(series, value, at_us))
        *value = NAN;
    json_decref(series);
    free(filter);
    return s;
}

bw_status bw_monitoring_backlog(bw_monitoring *mon, const char *subscription,
                                bw_subscription_backlog *out, bw_error *err)
{
    static const char prefix[] = "projects/";
    const char *slash = strrchr(subscription, '/'), *id = slash ? slash + 1 : subscription;
    char *project = NULL;
    double messages, oldest = NAN;
    if (strncmp(subscription, prefix, sizeof(prefix) - 1) == 0) {
        const char *name = subscription + sizeof(prefix) - 1;
        project = bw_xstrndup(name, strcspn(name, "/"));
    }
    *out = (bw_subscription_backlog){-1, BW_TIME_NONE, NAN, BW_TIME_NONE};
    bw_status s =
        strpbrk(id, "\"\\") ? bw_error_set(err, BW_INVALID, "%s is no subscription", id) : BW_OK;
    if (s == BW_OK)
        s = ask(mon, project, "num_undelivered_messages", id, &messages, &out->messages_at_us, err);
    if (s == BW_OK)
        s = ask(mon, project, "oldest_unacked_message_age", id, &oldest, &out->oldest_unacked_at,
                err);
    if (s == BW_OK) {
        out->messages = isnan(messages) || messages > 9e18 ? -1 : (int64_t)messages;
        out->oldest_unacked_s = oldest;
    } else {
        *out = (bw_subscription_backlog){-1, BW_TIME_NONE, NAN, BW_TIME_NONE};
    }
    free(project);
    return s;
}

/* ---- writing ---------------------------------------------------------------------------- */

json_t *bw_monitoring_gauge(const char *metric, const char *sync, double value, int64_t at_us)
{
    char at[BW_TIME_TEXT];
    char *type = strchr(metric, '/') ? bw_xstrdup(metric) : bw_xasprintf(CUSTOM "%s", metric);
    json_t *series =
        json_pack("{s:{s:s, s:{s:s}}, s:{s:s, s:{}}, s:s, s:s, s:[{s:{s:s}, s:{s:f}}]}", "metric",
                  "type", type, "labels", "sync", sync, "resource", "type", "global", "labels",
                  "metricKind", "GAUGE", "valueType", "DOUBLE", "points", "interval", "endTime",
                  bw_format_time(at_us, at), "value", "doubleValue", value);
    free(type);
    return series;
}

bw_status bw_monitoring_write(bw_monitoring *mon, const json_t *series, bw_error *err)
{
    bw_error later = BW_ERROR_INIT;
    bw_buf url = BW_BUF_INIT;
    bw_status first = begin_url(mon, NULL, &url, err);
    if (first != BW_OK)
        return first;
    bw_rest_call call = {.what = "write the metrics", .method = "POST", .url = bw_buf_cstr(&url)};
    for (size_t at = 0; at < json_array_size(series); at += BW_MONITORING_SERIES_MAX) {
        json_t *some = json_array();
        for (size_t i = at; i < at + BW_MONITORING_SERIES_MAX && i < json_array_size(series); i++)
            json_array_append(some, json_array_get(series, i));
        json_t *body = json_pack("{s:o}", "timeSeries", some);
        bw_status s = bw_rest_post(&mon->rest, &call, body, NULL, first == BW_OK ? err : &later);
        first = first == BW_OK ? s : first;
        json_decref(body);
    }
    bw_buf_fini(&url);
    return first;
}

/* ---- dashboards ------------------------------------------------------------------------- */

/* One call on the dashboard, or with `collection` on all of them; `body` NULL for none. */
static bw_status on_dashboard(bw_monitoring *mon, const char *id, bool collection,
                              bw_rest_call call, const json_t *body, json_t **out, bw_error *err)
{
    bw_buf url = BW_BUF_INIT;
    if (out)
        *out = NULL;
    bw_status s = begin_in(mon, "v1", NULL, "dashboards", &url, err);
    if (s != BW_OK)
        return s;
    if (!collection) {
        bw_buf_addc(&url, '/');
        bw_http_add_escaped(&url, bw_slice_cstr(id));
    }
    call.url = bw_buf_cstr(&url);
    s = body ? bw_rest_post(&mon->rest, &call, body, out, err)
             : bw_rest_json(&mon->rest, &call, out, err);
    bw_buf_fini(&url);
    return s;
}

/* With its name, and the tag where there is one. The caller's. */
static json_t *complete(const bw_monitoring *mon, const char *id, const json_t *dashboard,
                        const char *etag)
{
    json_t *body = json_deep_copy(dashboard);
    char *name = bw_xasprintf("projects/%s/dashboards/%s", mon->project ? mon->project : "", id);
    json_object_set_new(body, "name", json_string(name));
    if (etag)
        json_object_set_new(body, "etag", json_string(etag));
    free(name);
    return body;
}

bw_status bw_monitoring_get_dashboard(bw_monitoring *mon, const char *id, json_t **out,
                                      bw_error *err)
{
    bw_rest_call call = {.what = "read the dashboard"};
    return on_dashboard(mon, id, false, call, NULL, out, err);
}

bw_status bw_monitoring_create_dashboard(bw_monitoring *mon, const char *id,
                                         const json_t *dashboard, bw_error *err)
{
    bw_rest_call call = {.what = "create the dashboard", .method = "POST"};
    json_t *body = complete(mon, id, dashboard, NULL);
    bw_status s = on_dashboard(mon, id, true, call, body, NULL, err);
    json_decref(body);
    return s;
}

bw_status bw_monitoring_patch_dashboard(bw_monitoring *mon, const char *id, const json_t *dashboard,
                                        const char *etag, bw_error *err)
{
    bw_rest_call call = {.what = "change the dashboard", .method = "PATCH", .conflict_ends = true};
    json_t *body = complete(mon, id, dashboard, etag);
    bw_status s = on_dashboard(mon, id, false, call, body, NULL, err);
    json_decref(body);
    return s;
}

bw_status bw_monitoring_delete_dashboard(bw_monitoring *mon, const char *id, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    bw_rest_call call = {.what = "delete the dashboard", .method = "DELETE"};
    err = err ? err : &local;
    bw_status s = on_dashboard(mon, id, false, call, NULL, NULL, err);
    return s == BW_NOT_FOUND && err->maybe_acted ? BW_OK : s;
}
