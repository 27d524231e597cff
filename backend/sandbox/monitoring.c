/* Cloud Monitoring v3: timeSeries.create and list, metricDescriptors. */
#include "backend/sandbox/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/stamp.h"

#define MAX_SERIES  200
#define MIN_STEP_NS (5 * BW_SB_NS_PER_S) /* between two points of a series */
#define OLDEST_NS   (25 * 3600 * BW_SB_NS_PER_S)
#define FUTURE_NS   (300 * BW_SB_NS_PER_S)
#define MAX_LABELS  30

static const char *const kinds[] = {"METRIC_KIND_UNSPECIFIED", "GAUGE", "DELTA", "CUMULATIVE"};
static const char *const types[] = {"VALUE_TYPE_UNSPECIFIED", "BOOL", "INT64", "DOUBLE", "STRING",
                                    "DISTRIBUTION",           "MONEY"};

/* ---- Creating --------------------------------------------------------------------------------- */

typedef struct create_call {
    bw_sb_operations *ops;
    bw_sb_request *request;
    const char *project;
    int64_t now_ns;
    int points, failed;
    bw_buf messages;     /* of the failed ones */
    int failed_codes[2]; /* how many failed with INVALID_ARGUMENT, with INTERNAL */
} create_call;

/* A series as it was sent. */
typedef struct incoming {
    const char *metric, *resource; /* their types */
    bw_slice metric_labels, resource_labels;
    const char *kind, *type;
    int64_t start_ns, end_ns;
    const char *value; /* TypedValue, normalised */
} incoming;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* {"k":"v",...} sorted by key, so that equal label sets are equal texts; NULL when it is no map of
   texts. */
static const char *sorted_labels(bw_arena *arena, bw_slice object)
{
    const char *members[MAX_LABELS];
    size_t count = 0;
    bw_slice key, value;
    for (size_t at = 0; object.len && bw_sb_json_each(object, &at, &key, &value);) {
        if (value.ptr[0] != '"' || count == MAX_LABELS)
            return NULL;
        members[count++] =
            bw_arena_printf(arena, "%.*s:%.*s", BW_SLICE_ARG(key), BW_SLICE_ARG(value));
    }
    qsort(members, count, sizeof members[0], by_text);
    bw_buf text = BW_BUF_INIT;
    bw_buf_addc(&text, '{');
    for (size_t i = 0; i < count; i++) {
        bw_buf_adds(&text, i ? "," : "");
        bw_buf_adds(&text, members[i]);
    }
    bw_buf_addc(&text, '}');
    const char *copy = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return copy;
}

static bool interval_of(bw_arena *arena, bw_slice object, int64_t *start_ns, int64_t *end_ns)
{
    const char *end = bw_sb_json_text(arena, object, "endTime");
    const char *start = bw_sb_json_text(arena, object, "startTime");
    if (!end || !bw_sb_stamp_parse(end, end_ns))
        return false;
    *start_ns = *end_ns;
    return !start || !*start || bw_sb_stamp_parse(start, start_ns);
}

static const struct {
    const char *member, *type;
} values[] = {{"boolValue", "BOOL"},
              {"int64Value", "INT64"},
              {"doubleValue", "DOUBLE"},
              {"stringValue", "STRING"},
              {"distributionValue", "DISTRIBUTION"}};

/* The one value of a point and its type, as it is given back; NULL when it is malformed. */
static const char *typed_value(bw_arena *arena, bw_slice object, const char **type)
{
    const char *text = NULL;
    for (size_t i = 0; i < BW_COUNT(values); i++) {
        bw_slice raw = bw_json_member(object, values[i].member);
        int64_t number;
        if (!raw.len)
            continue;
        if (text)
            return NULL;
        *type = values[i].type;
        if (strcmp(*type, "INT64") != 0)
            text = bw_arena_printf(arena, "{\"%s\":%.*s}", values[i].member, BW_SLICE_ARG(raw));
        else if (bw_json_member_int(object, "int64Value", &number))
            text = bw_arena_printf(arena, "{\"int64Value\":\"%lld\"}", (long long)number);
        else
            return NULL;
    }
    return text;
}

static const char *read_point(create_call *call, bw_slice series, incoming *in)
{
    bw_arena *arena = &call->request->arena;
    bw_slice points = bw_json_member(series, "points"), point = {0}, raw;
    size_t count = 0;
    for (size_t at = 0; points.len && bw_sb_json_each_element(points, &at, &raw); count++)
        point = raw;
    if (count != 1 || point.ptr[0] != '{')
        return "Field timeSeries.points had an invalid value: exactly one point must be given.";
    bw_slice interval = bw_sb_json_object(point, "interval");
    if (!interval.len || !interval_of(arena, interval, &in->start_ns, &in->end_ns))
        return "Field timeSeries.points[0].interval had an invalid value: endTime is required.";
    const char *type = NULL;
    bw_slice value = bw_sb_json_object(point, "value");
    in->value = value.len ? typed_value(arena, value, &type) : NULL;
    if (!in->value)
        return "Field timeSeries.points[0].value had an invalid value: one value is required.";
    if (strcmp(in->type, types[0]) == 0)
        in->type = type;
    if (strcmp(in->type, type) != 0)
        return "Field timeSeries.points[0].value had an invalid value: its type is not that of "
               "the series.";
    bool gauge = strcmp(in->kind, "GAUGE") == 0;
    if (gauge ? in->start_ns != in->end_ns : in->start_ns >= in->end_ns)
        return gauge ? "Field timeSeries.points[0].interval had an invalid value: a GAUGE has "
                       "equal start and end times."
                     : "Field timeSeries.points[0].interval had an invalid value: the start time "
                       "must be before the end time.";
    if (in->end_ns > call->now_ns + FUTURE_NS || in->end_ns < call->now_ns - OLDEST_NS)
        return "Field timeSeries.points[0].interval.end_time had an invalid value: Data points "
               "cannot be written more than 25h in the past or 5 minutes in the future.";
    return NULL;
}

/* NULL, or what makes the request itself wrong. */
static const char *read_series(create_call *call, bw_slice raw, incoming *in)
{
    bw_arena *arena = &call->request->arena;
    bw_slice metric = bw_sb_json_object(raw, "metric"), kind, type;
    bw_slice resource = bw_sb_json_object(raw, "resource");
    in->metric = bw_sb_json_text(arena, metric, "type");
    in->resource = bw_sb_json_text(arena, resource, "type");
    in->metric_labels = bw_sb_json_object(metric, "labels");
    in->resource_labels = bw_sb_json_object(resource, "labels");
    if (!in->metric || !bw_sb_metric_type_valid(in->metric))
        return "Field timeSeries.metric.type had an invalid value: it must begin with the domain "
               "custom.googleapis.com or external.googleapis.com.";
    if (!in->resource || !*in->resource)
        return "Field timeSeries.resource.type is required.";
    kind = bw_json_member(raw, "metricKind");
    type = bw_json_member(raw, "valueType");
    in->kind = kind.len ? bw_sb_ops_enum(arena, kind, kinds, BW_COUNT(kinds)) : kinds[0];
    in->type = type.len ? bw_sb_ops_enum(arena, type, types, BW_COUNT(types)) : types[0];
    if (!in->kind || !in->type)
        return "Field timeSeries.metricKind or timeSeries.valueType had an invalid value.";
    if (strcmp(in->kind, kinds[0]) == 0)
        in->kind = "GAUGE";
    return read_point(call, raw, in);
}

static void note_failure(create_call *call, size_t index, const incoming *in, bool internal,
                         const char *why)
{
    call->failed++;
    call->failed_codes[internal]++;
    bw_buf_addf(&call->messages, "%s%s: timeSeries[%zu]: %s", call->messages.len ? "; " : "", why,
                index, in->metric);
}

/* The descriptor that the metric has, made when it has none; false when kind or type differ. */
static bool descriptor_fits(create_call *call, const incoming *in)
{
    bw_arena *arena = &call->request->arena;
    const char *json = bw_sb_metric_descriptor(call->ops, arena, call->project, in->metric);
    if (!json) {
        bw_sb_metric_descriptor_make(call->ops, arena, call->project, in->metric, in->kind,
                                     in->type, in->metric_labels);
        return true;
    }
    bw_slice object = bw_slice_cstr(json);
    const char *kind = bw_sb_json_text(arena, object, "metricKind");
    const char *type = bw_sb_json_text(arena, object, "valueType");
    return kind && type && strcmp(kind, in->kind) == 0 && strcmp(type, in->type) == 0;
}

/* The series' id (0 after a failure of the storage) and the end of its newest point. */
static int64_t series_id(create_call *call, const incoming *in, const char *key, int64_t *newest)
{
    bw_sb_db *db = call->ops->db;
    bw_buf json = BW_BUF_INIT;
    bw_arena *arena = &call->request->arena;
    bw_buf_addc(&json, '{');
    bw_sb_metric_add_object(&json, "metric", in->metric,
                            bw_slice_cstr(sorted_labels(arena, in->metric_labels)));
    bw_sb_metric_add_object(&json, "resource", in->resource,
                            bw_slice_cstr(sorted_labels(arena, in->resource_labels)));
    bw_sb_json_add_text(&json, "metricKind", in->kind);
    bw_sb_json_add_text(&json, "valueType", in->type);
    bw_buf_addc(&json, '}');
    bw_slice text = bw_buf_slice(&json);
    bool good = bw_sb_db_exec(
        db, "INSERT OR IGNORE INTO series(project, metric, key, json) VALUES(?, ?, ?, ?)", "ttts",
        call->project, in->metric, key, text);
    bw_buf_fini(&json);
    sqlite3_stmt *stmt =
        good ? bw_sb_db_query(db,
                              "SELECT id, (SELECT max(end_ns) FROM point WHERE series = id)"
                              " FROM series WHERE project = ? AND metric = ? AND key = ?",
                              "ttt", call->project, in->metric, key)
             : NULL;
    int64_t id = 0;
    *newest = INT64_MIN;
    if (bw_sb_db_next(stmt)) {
        id = sqlite3_column_int64(stmt, 0);
        if (sqlite3_column_type(stmt, 1) != SQLITE_NULL)
            *newest = sqlite3_column_int64(stmt, 1);
    }
    bw_sb_db_done(db, stmt);
    return id;
}

static void store_series(create_call *call, size_t index, const incoming *in)
{
    bw_arena *arena = &call->request->arena;
    int64_t newest;
    const char *own = sorted_labels(arena, in->metric_labels);
    const char *resource = sorted_labels(arena, in->resource_labels);
    if (!own || !resource) {
        note_failure(call, index, in, false, "Labels must be texts, at most 30 of them");
        return;
    }
    if (!descriptor_fits(call, in)) {
        note_failure(call, index, in, false,
                     "Value type or metric kind differs from the metric descriptor");
        return;
    }
    const char *key = bw_arena_printf(arena, "%s\n%s\n%s", own, in->resource, resource);
    int64_t id = series_id(call, in, key, &newest);
    if (id && in->end_ns <= newest)
        note_failure(call, index, in, false,
                     "Points must be written in order. One or more of the points specified had "
                     "an older start time than the most recent point.");
    else if (id && newest != INT64_MIN && in->end_ns - newest < MIN_STEP_NS)
        note_failure(call, index, in, false,
                     "One or more points were written more frequently than the maximum sampling "
                     "period configured for the metric.");
    else if (!id || !bw_sb_db_exec(call->ops->db, "INSERT INTO point VALUES(?, ?, ?, ?)", "iiit",
                                   id, in->end_ns, in->start_ns, in->value))
        note_failure(call, index, in, true, "The sandbox's storage failed");
}

static void reply_failures(create_call *call, bw_sb_reply *reply)
{
    static const int codes[] = {3, 13};
    bool internal = call->failed_codes[1] > 0;
    bw_buf detail = BW_BUF_INIT;
    bw_buf_addf(&detail,
                "[{\"@type\":\"type.googleapis.com/google.monitoring.v3.CreateTimeSeriesSummary\","
                "\"totalPointCount\":%d,\"successPointCount\":%d,\"errors\":[",
                call->points, call->points - call->failed);
    for (size_t i = 0, told = 0; i < BW_COUNT(codes); i++) {
        if (call->failed_codes[i])
            bw_buf_addf(&detail, "%s{\"status\":{\"code\":%d},\"pointCount\":%d}",
                        told++ ? "," : "", codes[i], call->failed_codes[i]);
    }
    bw_buf_adds(&detail, "]}]");
    bw_sb_reply_error(reply, internal ? 500 : 400, NULL, NULL,
                      "One or more TimeSeries could not be written: %s",
                      bw_buf_cstr(&call->messages));
    bw_sb_reply_error_details(reply, bw_buf_slice(&detail));
    bw_buf_fini(&detail);
}

/* The series of the request; NULL after answering. */
static incoming *read_all(create_call *call, bw_slice body, bw_sb_reply *reply)
{
    bw_slice list = bw_json_member(body, "timeSeries"), raw;
    incoming *all = bw_arena_zalloc(&call->request->arena, MAX_SERIES * sizeof *all);
    const char *fault = NULL;
    for (size_t at = 0; list.len && !fault && bw_sb_json_each_element(list, &at, &raw);) {
        if (call->points == MAX_SERIES)
            fault = "Field timeSeries had an invalid value: at most 200 series can be written at "
                    "once.";
        else if (raw.ptr[0] != '{')
            fault = "Field timeSeries had an invalid value: a series must be an object.";
        else
            fault = read_series(call, raw, &all[call->points++]);
    }
    if (!fault && call->points == 0)
        fault = "Field timeSeries is required.";
    if (!fault)
        return all;
    bw_sb_reply_bad(reply, "%s", fault);
    return NULL;
}

static bw_sb_outcome create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    create_call call = {.ops = context,
                        .request = r,
                        .project = bw_sb_request_param(r, "project"),
                        .now_ns = bw_sb_now_ns(context)};
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    const incoming *all = read_all(&call, body, reply);
    if (!all)
        return BW_SB_DONE;
    bw_sb_db *db = call.ops->db;
    bw_sb_db_lock(db);
    bool good = bw_sb_db_begin(db);
    for (int i = 0; good && i < call.points; i++)
        store_series(&call, (size_t)i, &all[i]);
    if (!bw_sb_db_end(db, good))
        bw_sb_db_failed(db, reply);
    else if (call.failed)
        reply_failures(&call, reply);
    else
        bw_buf_adds(&reply->body, "{}");
    bw_sb_db_unlock(db);
    bw_buf_fini(&call.messages);
    return BW_SB_DONE;
}

/* ---- Descriptors ------------------------------------------------------------------------------ */

static bw_sb_outcome create_descriptor(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    const char *project = bw_sb_request_param(r, "project");
    const char *type = bw_sb_json_text(&r->arena, body, "type");
    bw_slice kind = bw_json_member(body, "metricKind"), value = bw_json_member(body, "valueType");
    const char *kind_name = bw_sb_ops_enum(&r->arena, kind, kinds, BW_COUNT(kinds));
    const char *type_name = bw_sb_ops_enum(&r->arena, value, types, BW_COUNT(types));
    if (!type || !bw_sb_metric_type_valid(type))
        return bw_sb_reply_bad(reply, "Field metricDescriptor.type had an invalid value: it must "
                                      "begin with the domain custom.googleapis.com or "
                                      "external.googleapis.com.");
    if (!kind_name || !type_name || kind_name == kinds[0] || type_name == types[0])
        return bw_sb_reply_bad(
            reply, "Field metricDescriptor.metricKind or metricDescriptor.valueType is missing.");
    static const char *const own[] = {"name", "type", "metricKind", "valueType", NULL};
    bw_buf rest = BW_BUF_INIT, json = BW_BUF_INIT;
    bw_sb_json_without(body, own, &rest);
    bw_buf_addc(&json, '{');
    bw_sb_json_add_text(
        &json, "name",
        bw_arena_printf(&r->arena, "projects/%s/metricDescriptors/%s", project, type));
    bw_sb_json_add_members(&json, bw_buf_slice(&rest));
    bw_sb_json_add_text(&json, "metricKind", kind_name);
    bw_sb_json_add_text(&json, "valueType", type_name);
    bw_sb_json_add_text(&json, "type", type);
    bw_buf_addc(&json, '}');
    bw_slice text = bw_buf_slice(&json);
    bw_sb_db_lock(ops->db);
    if (bw_sb_db_exec(ops->db, "INSERT OR REPLACE INTO descriptor VALUES(?, ?, ?)", "tts", project,
                      type, text))
        bw_buf_add(&reply->body, text.ptr, text.len);
    else
        bw_sb_db_failed(ops->db, reply);
    bw_sb_db_unlock(ops->db);
    bw_buf_fini(&rest);
    bw_buf_fini(&json);
    return BW_SB_DONE;
}

static bw_sb_outcome get_descriptor(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    const char *type = bw_sb_request_param(r, "type");
    bw_sb_db_lock(ops->db);
    const char *json =
        bw_sb_metric_descriptor(ops, &r->arena, bw_sb_request_param(r, "project"), type);
    bw_sb_db_unlock(ops->db);
    if (json)
        bw_buf_adds(&reply->body, json);
    else
        bw_sb_reply_error(reply, 404, NULL, NULL, "Could not find descriptor for metric '%s'.",
                          type);
    return BW_SB_DONE;
}

static bw_sb_outcome delete_descriptor(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    const char *project = bw_sb_request_param(r, "project"), *type = bw_sb_request_param(r, "type");
    bw_sb_db *db = ops->db;
    bw_sb_db_lock(db);
    bool good =
        bw_sb_db_begin(db) &&
        bw_sb_db_exec(db,
                      "DELETE FROM point WHERE series IN (SELECT id FROM series WHERE project = ?"
                      " AND metric = ?)",
                      "tt", project, type) &&
        bw_sb_db_exec(db, "DELETE FROM series WHERE project = ? AND metric = ?", "tt", project,
                      type) &&
        bw_sb_db_exec(db, "DELETE FROM descriptor WHERE project = ? AND type = ?", "tt", project,
                      type);
    int found = good ? bw_sb_db_changes(db) : 0;
    if (!bw_sb_db_end(db, good))
        bw_sb_db_failed(db, reply);
    else if (!found)
        bw_sb_reply_error(reply, 404, NULL, NULL, "Could not find descriptor for metric '%s'.",
                          type);
    else
        bw_buf_adds(&reply->body, "{}");
    bw_sb_db_unlock(db);
    return BW_SB_DONE;
}

static const char *const prefixes[] = {"/v3/", NULL};
#define DESCRIPTORS "projects/{project}/metricDescriptors"
static const bw_sb_route routes[] = {
    {"POST", "projects/{project}/timeSeries", "monitoring.projects.timeSeries.create",
     .handle = create},
    {"GET", "projects/{project}/timeSeries", "monitoring.projects.timeSeries.list",
     .handle = bw_sb_time_series_list},
    {"POST", DESCRIPTORS, "monitoring.projects.metricDescriptors.create",
     .handle = create_descriptor},
    {"GET", DESCRIPTORS, "monitoring.projects.metricDescriptors.list",
     .handle = bw_sb_metric_descriptors_list},
    {"GET", DESCRIPTORS "/{type=**}", "monitoring.projects.metricDescriptors.get",
     .handle = get_descriptor},
    {"DELETE", DESCRIPTORS "/{type=**}", "monitoring.projects.metricDescriptors.delete",
     .handle = delete_descriptor},
};

bw_sb_service bw_sb_monitoring_service(bw_sb_operations *operations)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_DETAILS, operations};
}
