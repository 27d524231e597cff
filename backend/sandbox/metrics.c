#include "backend/sandbox/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/filter.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/stamp.h"

#define MAX_POINTS 100000
/* A sample of Pub/Sub's is visible some minutes after its time: a window that ends this little
   before now still shows the newest one. */
#define SAMPLE_NS (240 * BW_SB_NS_PER_S)

bool bw_sb_metric_type_valid(const char *type)
{
    static const char *const domains[] = {"custom.googleapis.com/", "external.googleapis.com/",
                                          "workload.googleapis.com/", "prometheus.googleapis.com/"};
    for (size_t i = 0; i < BW_COUNT(domains); i++) {
        size_t len = strlen(domains[i]);
        if (strncmp(type, domains[i], len) == 0)
            return type[len] && strlen(type) <= 200 && !strstr(type, "..") &&
                   type[strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789_/.-")] == '\0';
    }
    return false;
}

void bw_sb_metric_add_object(bw_buf *out, const char *name, const char *type, bw_slice labels)
{
    bw_sb_json_add_raw(out, name, BW_SLICE_LIT("{"));
    bw_sb_json_add_text(out, "type", type);
    if (!bw_slice_is(labels, "{}"))
        bw_sb_json_add_raw(out, "labels", labels);
    bw_buf_addc(out, '}');
}

/* ---- Descriptors ------------------------------------------------------------------------------ */

typedef enum backlog_part { UNDELIVERED, OLDEST_AGE, BYTES } backlog_part;

static const struct {
    const char *type, *unit, *name;
    backlog_part part;
} backlog_metrics[] = {
    {"pubsub.googleapis.com/subscription/num_undelivered_messages", "1", "Unacked messages",
     UNDELIVERED},
    {"pubsub.googleapis.com/subscription/oldest_unacked_message_age", "s",
     "Oldest unacked message age", OLDEST_AGE},
    {"pubsub.googleapis.com/subscription/backlog_bytes", "By", "Backlog size", BYTES},
};

static const char *backlog_descriptor(bw_arena *arena, const char *project, size_t i)
{
    return bw_arena_printf(
        arena,
        "{\"name\":\"projects/%s/metricDescriptors/%s\",\"metricKind\":\"GAUGE\","
        "\"valueType\":\"INT64\",\"unit\":\"%s\",\"displayName\":\"%s\","
        "\"type\":\"%s\",\"monitoredResourceTypes\":[\"pubsub_subscription\"]}",
        project, backlog_metrics[i].type, backlog_metrics[i].unit, backlog_metrics[i].name,
        backlog_metrics[i].type);
}

const char *bw_sb_metric_descriptor(bw_sb_operations *ops, bw_arena *arena, const char *project,
                                    const char *type)
{
    for (size_t i = 0; i < BW_COUNT(backlog_metrics); i++) {
        if (strcmp(type, backlog_metrics[i].type) == 0)
            return backlog_descriptor(arena, project, i);
    }
    sqlite3_stmt *stmt = bw_sb_db_query(
        ops->db, "SELECT json FROM descriptor WHERE project = ? AND type = ?", "tt", project, type);
    const char *json = bw_sb_db_next(stmt) ? bw_sb_db_text(arena, stmt, 0) : NULL;
    bw_sb_db_done(ops->db, stmt);
    return json;
}

void bw_sb_metric_descriptor_make(bw_sb_operations *ops, bw_arena *arena, const char *project,
                                  const char *type, const char *kind, const char *value_type,
                                  bw_slice labels)
{
    bw_buf json = BW_BUF_INIT;
    bw_slice key, value;
    bw_buf_addc(&json, '{');
    bw_sb_json_add_text(&json, "name",
                        bw_arena_printf(arena, "projects/%s/metricDescriptors/%s", project, type));
    bw_sb_json_add_raw(&json, "labels", BW_SLICE_LIT("["));
    for (size_t at = 0; labels.len && bw_sb_json_each(labels, &at, &key, &value);)
        bw_buf_addf(&json, "%s{\"key\":%.*s}", json.ptr[json.len - 1] == '[' ? "" : ",",
                    BW_SLICE_ARG(key));
    bw_buf_addc(&json, ']');
    bw_sb_json_add_text(&json, "metricKind", kind);
    bw_sb_json_add_text(&json, "valueType", value_type);
    bw_sb_json_add_text(&json, "type", type);
    bw_buf_addc(&json, '}');
    bw_slice text = bw_buf_slice(&json);
    bw_sb_db_exec(ops->db, "INSERT OR IGNORE INTO descriptor VALUES(?, ?, ?)", "tts", project, type,
                  text);
    bw_buf_fini(&json);
}

/* ---- Filters ---------------------------------------------------------------------------------- */

/* What a filter looks at: a series' metric and resource, or a descriptor's type. */
typedef struct subject {
    bw_arena *arena;
    bw_slice metric, resource; /* objects with type and labels */
    const char *project;
} subject;

static bool known_path(const bw_sb_restriction *r)
{
    if (r->depth == 1)
        return strcmp(r->path[0], "project") == 0;
    bool object =
        r->depth > 1 && (strcmp(r->path[0], "metric") == 0 || strcmp(r->path[0], "resource") == 0);
    if (object && r->depth == 2)
        return strcmp(r->path[1], "type") == 0;
    return object && r->depth == 3 &&
           (strcmp(r->path[1], "labels") == 0 || strcmp(r->path[1], "label") == 0);
}

typedef struct filter_check {
    char *why;
    size_t size;
    const char *metric; /* the type that a filter of series must name */
} filter_check;

static const char *const functions[] = {"starts_with", "ends_with", "has_substring", "one_of"};

static bool check_one(void *user, const bw_sb_restriction *r, bool required)
{
    filter_check *c = user;
    bool known = !r->function;
    for (size_t i = 0; i < BW_COUNT(functions) && !known; i++)
        known = strcmp(r->function, functions[i]) == 0;
    bool equality = r->op == BW_SB_FILTER_EQ || r->op == BW_SB_FILTER_NE;
    if (!known || !known_path(r) || (r->function && !equality) ||
        (!equality && r->op != BW_SB_FILTER_HAS)) {
        snprintf(c->why, c->size,
                 "The supplied filter does not specify a valid combination of metric and monitored "
                 "resource descriptors, or uses what the sandbox does not support: near '%.60s'.",
                 r->depth ? r->path[0] : r->values[0]);
        return false;
    }
    if (required && r->op == BW_SB_FILTER_EQ && !r->function && r->depth == 2 &&
        strcmp(r->path[0], "metric") == 0)
        c->metric = r->values[0];
    return true;
}

static bool function_holds(const bw_sb_restriction *r, const char *text)
{
    size_t have = strlen(text), len = strlen(r->values[0]);
    if (strcmp(r->function, "starts_with") == 0)
        return strncmp(text, r->values[0], len) == 0;
    if (strcmp(r->function, "ends_with") == 0)
        return have >= len && strcmp(text + have - len, r->values[0]) == 0;
    if (strcmp(r->function, "has_substring") == 0)
        return strstr(text, r->values[0]) != NULL;
    for (size_t i = 0; i < r->value_count; i++) {
        if (strcmp(text, r->values[i]) == 0)
            return true;
    }
    return false;
}

static bool holds(void *user, const bw_sb_restriction *r)
{
    const subject *s = user;
    const char *text = s->project;
    if (r->depth > 1) {
        bw_slice object = r->path[0][0] == 'm' ? s->metric : s->resource;
        if (r->depth == 3)
            object = bw_sb_json_object(object, "labels");
        text = bw_sb_json_text(s->arena, object, r->path[r->depth - 1]);
    }
    if (!text) /* a label that is missing is the empty text */
        text = "";
    if (!r->function)
        return bw_sb_filter_compare(r, text, false);
    return function_holds(r, text) == (r->op == BW_SB_FILTER_EQ);
}

/* NULL's metric: the filter names none. False after answering. */
static bool read_filter(bw_sb_request *r, bw_sb_reply *reply, const bw_sb_filter **filter,
                        const char **metric)
{
    bw_sb_filter_error err;
    char why[400];
    filter_check check = {why, sizeof why, NULL};
    if (!bw_sb_filter_parse(&r->arena, bw_sb_request_query(r, "filter"), filter, &err)) {
        bw_sb_reply_bad(reply, "%s", err.message);
        return false;
    }
    if (!bw_sb_filter_each(*filter, check_one, &check)) {
        bw_sb_reply_bad(reply, "%s", why);
        return false;
    }
    *metric = check.metric;
    return true;
}

/* ---- Listing series --------------------------------------------------------------------------- */

typedef struct list_call {
    bw_sb_operations *ops;
    bw_sb_request *request;
    bw_buf *out;
    const char *project, *metric;
    const bw_sb_filter *filter;
    int64_t start_ns, end_ns;
    bool headers;       /* without points; a page is then so many series */
    int64_t skip, left; /* what the pages before have shown, what this one may */
    int64_t size, offset;
    bool any, more;
    backlog_part part;
} list_call;

/* Whether the page takes one more; those before it and behind it are counted. */
static bool take(list_call *call)
{
    if (call->skip > 0) {
        call->skip--;
        return false;
    }
    if (call->left == 0) {
        call->more = true;
        return false;
    }
    call->left--;
    return true;
}

static bool series_matches(list_call *call, bw_slice head)
{
    subject s = {&call->request->arena, bw_sb_json_object(head, "metric"),
                 bw_sb_json_object(head, "resource"), call->project};
    return bw_sb_filter_matches(call->filter, holds, &s);
}

static void open_series(list_call *call, bw_slice head)
{
    bw_buf_adds(call->out, call->any ? "," : "");
    call->any = true;
    bw_buf_add(call->out, head.ptr, head.len - 1);
}

static void add_point(bw_buf *out, int64_t start_ns, int64_t end_ns, bw_slice value)
{
    char stamp[BW_SB_STAMP];
    bw_buf_adds(out, "{\"interval\":{");
    bw_sb_json_add_text(out, "startTime", bw_sb_stamp_print(start_ns, stamp));
    bw_sb_json_add_text(out, "endTime", bw_sb_stamp_print(end_ns, stamp));
    bw_buf_adds(out, "},\"value\":");
    bw_buf_add(out, value.ptr, value.len);
    bw_buf_addc(out, '}');
}

/* Newest first. A gauge counts when its end lies in (start, end], everything else when it touches
   the window. */
static bool print_series(list_call *call, int64_t id, bw_slice head)
{
    sqlite3_stmt *points =
        bw_sb_db_query(call->ops->db,
                       "SELECT end_ns, start_ns, value FROM point WHERE series = ?1 AND end_ns > ?2"
                       " AND (start_ns < ?3 OR end_ns <= ?3) ORDER BY end_ns DESC",
                       "iii", id, call->start_ns, call->end_ns);
    bool opened = false;
    if (!points)
        return false;
    while (!call->more && bw_sb_db_next(points)) {
        if (call->headers && opened)
            break;
        if (!take(call)) {
            if (call->headers)
                break;
            continue;
        }
        if (!opened) {
            open_series(call, head);
            if (!call->headers)
                bw_buf_adds(call->out, ",\"points\":[");
        } else {
            bw_buf_addc(call->out, ',');
        }
        opened = true;
        if (!call->headers)
            add_point(call->out, sqlite3_column_int64(points, 1), sqlite3_column_int64(points, 0),
                      bw_sb_db_bytes(points, 2));
    }
    bw_sb_db_done(call->ops->db, points);
    if (opened)
        bw_buf_adds(call->out, call->headers ? "}" : "]}");
    return true;
}

static bool list_written(list_call *call)
{
    sqlite3_stmt *rows = bw_sb_db_query(
        call->ops->db, "SELECT id, json FROM series WHERE project = ? AND metric = ? ORDER BY key",
        "tt", call->project, call->metric);
    bool good = rows != NULL;
    while (good && !call->more && bw_sb_db_next(rows)) {
        bw_slice head = bw_sb_db_bytes(rows, 1);
        if (series_matches(call, head))
            good = print_series(call, sqlite3_column_int64(rows, 0), head);
    }
    bw_sb_db_done(call->ops->db, rows);
    return good;
}

static void list_backlog(void *user, const char *subscription, const char *topic,
                         const bw_sb_backlog *b)
{
    (void)topic;
    list_call *call = user;
    bw_arena *arena = &call->request->arena;
    bw_buf head = BW_BUF_INIT;
    int64_t now = bw_sb_now_ns(call->ops);
    int64_t at = now < call->end_ns ? now : call->end_ns;
    if (call->end_ns < now - SAMPLE_NS || call->start_ns >= at)
        return; /* only the present is known */
    bw_buf labels = BW_BUF_INIT;
    bw_buf_addc(&labels, '{');
    bw_sb_json_add_text(&labels, "project_id", call->project);
    bw_sb_json_add_text(&labels, "subscription_id", subscription);
    bw_buf_addc(&labels, '}');
    bw_buf_addc(&head, '{');
    bw_sb_metric_add_object(&head, "metric", call->metric, BW_SLICE_LIT("{}"));
    bw_sb_metric_add_object(&head, "resource", "pubsub_subscription", bw_buf_slice(&labels));
    bw_sb_json_add_text(&head, "metricKind", "GAUGE");
    bw_sb_json_add_text(&head, "valueType", "INT64");
    bw_buf_addc(&head, '}');
    if (series_matches(call, bw_buf_slice(&head)) && take(call)) {
        int64_t value = call->part == UNDELIVERED  ? b->undelivered
                        : call->part == OLDEST_AGE ? b->oldest_unacked_age_us / BW_SECOND
                                                   : b->bytes;
        open_series(call, bw_buf_slice(&head));
        if (!call->headers) {
            bw_buf_adds(call->out, ",\"points\":[");
            add_point(call->out, at, at,
                      bw_slice_cstr(
                          bw_arena_printf(arena, "{\"int64Value\":\"%lld\"}", (long long)value)));
            bw_buf_addc(call->out, ']');
        }
        bw_buf_addc(call->out, '}');
    }
    bw_buf_fini(&head);
    bw_buf_fini(&labels);
}

static bool list_arguments(list_call *call, bw_sb_reply *reply)
{
    bw_sb_request *r = call->request;
    const char *end = bw_sb_request_query(r, "interval.endTime");
    const char *start = bw_sb_request_query(r, "interval.startTime");
    const char *view = bw_sb_request_query(r, "view");
    static const char *const refused[] = {
        "aggregation.perSeriesAligner", "aggregation.crossSeriesReducer",
        "aggregation.alignmentPeriod", "secondaryAggregation.perSeriesAligner", "orderBy"};
    for (size_t i = 0; i < BW_COUNT(refused); i++) {
        const char *value = bw_sb_request_query(r, refused[i]);
        if (value && *value && !strstr(value, "_NONE")) {
            bw_sb_reply_error(reply, 501, NULL, NULL, "The sandbox does not support %s.",
                              refused[i]);
            return false;
        }
    }
    if (!end || !bw_sb_stamp_parse(end, &call->end_ns)) {
        bw_sb_reply_bad(reply, "Field interval.endTime had an invalid value: Interval end time is "
                               "required.");
        return false;
    }
    call->start_ns = call->end_ns - (call->end_ns > INT64_MIN);
    if (start && (!bw_sb_stamp_parse(start, &call->start_ns) || call->start_ns > call->end_ns)) {
        bw_sb_reply_bad(reply, "Field interval.startTime had an invalid value: the start time must "
                               "not be after the end time.");
        return false;
    }
    call->headers = view && (strcmp(view, "HEADERS") == 0 || strcmp(view, "1") == 0);
    if (!bw_sb_ops_page(r, reply, MAX_POINTS, MAX_POINTS, &call->size, &call->offset) ||
        !read_filter(r, reply, &call->filter, &call->metric))
        return false;
    call->skip = call->offset;
    call->left = call->size;
    if (!call->metric)
        bw_sb_reply_bad(reply, "The supplied filter must specify a single metric: metric.type = "
                               "\"...\".");
    return call->metric != NULL;
}

bw_sb_outcome bw_sb_time_series_list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    list_call call = {.ops = context,
                      .request = r,
                      .out = &reply->body,
                      .project = bw_sb_request_param(r, "project")};
    if (!list_arguments(&call, reply))
        return BW_SB_DONE;
    bool backlog = false, good = true;
    for (size_t i = 0; i < BW_COUNT(backlog_metrics) && !backlog; i++) {
        backlog = strcmp(call.metric, backlog_metrics[i].type) == 0;
        call.part = backlog_metrics[i].part;
    }
    bw_buf_adds(call.out, "{\"timeSeries\":[");
    if (!backlog) {
        bw_sb_db_lock(call.ops->db);
        good = list_written(&call);
        if (!good)
            bw_sb_db_failed(call.ops->db, reply);
        bw_sb_db_unlock(call.ops->db);
    } else if (call.ops->pubsub) {
        bw_sb_pubsub_each_backlog(call.ops->pubsub, call.project, list_backlog, &call);
    }
    if (!good)
        return BW_SB_DONE;
    bw_buf_addc(call.out, ']');
    if (call.more)
        bw_sb_ops_add_page(call.out, call.offset + call.size);
    bw_buf_addc(call.out, '}');
    return BW_SB_DONE;
}

/* ---- Listing descriptors ---------------------------------------------------------------------- */

static void list_descriptor(list_call *call, const char *type, bw_slice json)
{
    bw_buf metric = BW_BUF_INIT;
    bw_buf_addc(&metric, '{');
    bw_sb_json_add_text(&metric, "type", type);
    bw_buf_addc(&metric, '}');
    subject s = {&call->request->arena, bw_buf_slice(&metric), BW_SLICE_LIT("{}"), call->project};
    if (bw_sb_filter_matches(call->filter, holds, &s) && take(call)) {
        bw_buf_adds(call->out, call->any ? "," : "");
        call->any = true;
        bw_buf_add(call->out, json.ptr, json.len);
    }
    bw_buf_fini(&metric);
}

bw_sb_outcome bw_sb_metric_descriptors_list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    list_call call = {.ops = context,
                      .request = r,
                      .out = &reply->body,
                      .project = bw_sb_request_param(r, "project")};
    if (!bw_sb_ops_page(r, reply, 10000, 10000, &call.size, &call.offset) ||
        !read_filter(r, reply, &call.filter, &call.metric))
        return BW_SB_DONE;
    call.skip = call.offset;
    call.left = call.size;
    bw_buf_adds(call.out, "{\"metricDescriptors\":[");
    for (size_t i = 0; i < BW_COUNT(backlog_metrics); i++)
        list_descriptor(&call, backlog_metrics[i].type,
                        bw_slice_cstr(backlog_descriptor(&r->arena, call.project, i)));
    bw_sb_db_lock(call.ops->db);
    sqlite3_stmt *rows = bw_sb_db_query(call.ops->db,
                                        "SELECT type, json FROM descriptor WHERE project = ?"
                                        " ORDER BY type",
                                        "t", call.project);
    while (bw_sb_db_next(rows))
        list_descriptor(&call, bw_sb_db_text(&r->arena, rows, 0), bw_sb_db_bytes(rows, 1));
    bw_buf_addc(call.out, ']');
    if (call.more)
        bw_sb_ops_add_page(call.out, call.offset + call.size);
    bw_buf_addc(call.out, '}');
    if (!bw_sb_db_done(call.ops->db, rows))
        bw_sb_db_failed(call.ops->db, reply);
    bw_sb_db_unlock(call.ops->db);
    return BW_SB_DONE;
}
