/* Cloud Logging v2: entries.write, entries.list, projects.logs. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/log_filter.h"
#include "backend/sandbox/operations.h"
#include "backend/sandbox/stamp.h"

#define MAX_REQUEST ((size_t)10 << 20)
#define MAX_ENTRY   ((size_t)256 << 10)
#define MAX_LOG_ID  511
#define MAX_LABELS  64
#define MAX_PROJECT 100

/* ---- Writing ---------------------------------------------------------------------------------- */

/* One entry on its way into the log, made of what the entry and the request say. */
typedef struct entry {
    const char *project, *log;
    int64_t ts_ns;
    const char *insert_id;
    bw_buf json;
} entry;

typedef struct write_call {
    bw_sb_operations *ops;
    bw_sb_request *request;
    bw_slice body;
    const char *log_name; /* NULL: each entry has its own */
    bw_slice resource, labels;
    int64_t now_ns;
    bw_buf errors; /* logEntryErrors' members */
    int failed;
    char first[256];
} write_call;

/* "projects/p/logs/id", the id percent-encoded; taken apart into the arena. */
static bool split_log_name(bw_arena *arena, const char *name, const char **project,
                           const char **log)
{
    static const char head[] = "projects/", middle[] = "/logs/";
    if (!name || strncmp(name, head, sizeof head - 1) != 0)
        return false;
    const char *from = name + sizeof head - 1, *to = strchr(from, '/');
    if (!to || to == from || strncmp(to, middle, sizeof middle - 1) != 0)
        return false;
    const char *id = to + sizeof middle - 1;
    size_t len = strlen(id);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-.%";
    if (len == 0 || len > MAX_LOG_ID || strspn(id, allowed) != len || strchr(id, '/'))
        return false;
    *project = bw_arena_strndup(arena, from, (size_t)(to - from));
    *log = id;
    return true;
}

static size_t member_count(bw_slice object)
{
    bw_slice key, value;
    size_t n = 0;
    for (size_t at = 0; bw_sb_json_each(object, &at, &key, &value);)
        n++;
    return n;
}

/* What an entry has and the service does not copy as it stands. */
static const char *const own_members[] = {"logName",  "resource", "timestamp", "receiveTimestamp",
                                          "severity", "insertId", "labels",    NULL};

/* NULL, or why the entry is refused. */
static const char *entry_head(write_call *call, bw_slice raw, entry *e)
{
    bw_arena *arena = &call->request->arena;
    const char *name = bw_sb_json_text(arena, raw, "logName");
    if (!name)
        name = call->log_name;
    if (!name || !*name)
        return "Log name is missing: logName must be given in the request or in the entry.";
    if (!split_log_name(arena, name, &e->project, &e->log))
        return "Log name is malformed: projects/[PROJECT_ID]/logs/[LOG_ID] with the id "
               "URL-encoded is required.";
    const char *when = bw_sb_json_text(arena, raw, "timestamp");
    e->ts_ns = call->now_ns;
    if (when && !bw_sb_stamp_parse(when, &e->ts_ns))
        return "Invalid value at 'timestamp': not a timestamp of RFC 3339.";
    e->insert_id = bw_sb_json_text(arena, raw, "insertId");
    int payloads = 0;
    static const char *const kinds[] = {"textPayload", "jsonPayload", "protoPayload"};
    for (size_t i = 0; i < BW_COUNT(kinds); i++)
        payloads += bw_json_member(raw, kinds[i]).len > 0;
    if (payloads != 1)
        return payloads ? "Only one of textPayload, jsonPayload and protoPayload can be set."
                        : "The log entry has no payload.";
    bw_slice payload = bw_json_member(raw, "jsonPayload");
    if (payload.len && payload.ptr[0] != '{')
        return "Invalid value at 'json_payload': an object is required.";
    return NULL;
}

/* The entry's labels and, where it has none of that name, the request's. */
static const char *add_labels(write_call *call, bw_slice raw, bw_buf *out)
{
    bw_slice own = bw_sb_json_object(raw, "labels");
    if (!own.len && !call->labels.len)
        return NULL;
    bw_buf merged = BW_BUF_INIT;
    bw_sb_json_merge(call->labels.len ? call->labels : BW_SLICE_LIT("{}"),
                     own.len ? own : BW_SLICE_LIT("{}"), &merged);
    bool many = member_count(bw_buf_slice(&merged)) > MAX_LABELS;
    bw_sb_json_add_raw(out, "labels", bw_buf_slice(&merged));
    bw_buf_fini(&merged);
    return many ? "A log entry can have at most 64 labels." : NULL;
}

static const char *entry_make(write_call *call, bw_slice raw, entry *e)
{
    char stamp[BW_SB_STAMP];
    const char *fault =
        raw.len && raw.ptr[0] == '{' ? entry_head(call, raw, e) : "A log entry must be an object.";
    if (fault)
        return fault;
    bw_slice resource = bw_sb_json_object(raw, "resource");
    if (!resource.len)
        resource = call->resource;
    if (!resource.len || !bw_sb_json_text(&call->request->arena, resource, "type"))
        return "A monitored resource with a type must be given in the request or in the entry.";
    const char *severity = bw_sb_log_severity(&call->request->arena, raw);
    if (!severity)
        return "Invalid value at 'severity'.";
    bw_buf *out = &e->json;
    bw_buf_addc(out, '{');
    if (!e->insert_id || !*e->insert_id)
        e->insert_id =
            bw_arena_printf(&call->request->arena, "sbx%llx.%llx", (unsigned long long)call->now_ns,
                            (unsigned long long)++call->ops->entry_number);
    bw_sb_json_add_text(out, "insertId", e->insert_id);
    bw_buf rest = BW_BUF_INIT;
    bw_sb_json_without(raw, own_members, &rest);
    bw_sb_json_add_members(out, bw_buf_slice(&rest));
    bw_buf_fini(&rest);
    bw_sb_json_add_raw(out, "resource", resource);
    bw_sb_json_add_text(out, "timestamp", bw_sb_stamp_print(e->ts_ns, stamp));
    if (strcmp(severity, "DEFAULT") != 0)
        bw_sb_json_add_text(out, "severity", severity);
    fault = add_labels(call, raw, out);
    bw_sb_json_add_text(
        out, "logName",
        bw_arena_printf(&call->request->arena, "projects/%s/logs/%s", e->project, e->log));
    bw_sb_json_add_text(out, "receiveTimestamp", bw_sb_stamp_print(call->now_ns, stamp));
    bw_buf_addc(out, '}');
    if (!fault && raw.len > MAX_ENTRY)
        fault = "Log entry is too large: the maximum size is 256.0K.";
    return fault;
}

static bool entry_store(write_call *call, const entry *e)
{
    bw_slice json = bw_buf_slice(&e->json);
    return bw_sb_db_exec(call->ops->db, "INSERT OR IGNORE INTO log_name VALUES(?, ?)", "tt",
                         e->project, e->log) &&
           bw_sb_db_exec(call->ops->db,
                         "INSERT OR IGNORE INTO log_entry(project, log, ts, insert_id, json)"
                         " VALUES(?, ?, ?, ?, ?)",
                         "ttits", e->project, e->log, e->ts_ns, e->insert_id, json);
}

static void note_error(write_call *call, size_t index, const char *fault)
{
    if (call->failed++ == 0)
        snprintf(call->first, sizeof call->first, "%s", fault);
    bw_buf_addf(&call->errors, "%s\"%zu\":{\"code\":3,\"message\":", call->errors.len ? "," : "",
                index);
    bw_json_add_string(&call->errors, bw_slice_cstr(fault));
    bw_buf_addc(&call->errors, '}');
}

static void reply_errors(write_call *call, bw_sb_reply *reply)
{
    bw_buf detail = BW_BUF_INIT;
    bw_sb_reply_bad(reply, "%s", call->first);
    bw_buf_adds(&detail, "[{\"@type\":\"type.googleapis.com/google.logging.v2."
                         "WriteLogEntriesPartialErrors\",\"logEntryErrors\":{");
    bw_buf_add(&detail, call->errors.ptr, call->errors.len);
    bw_buf_adds(&detail, "}}]");
    bw_sb_reply_error_details(reply, bw_buf_slice(&detail));
    bw_buf_fini(&detail);
}

/* False: the storage failed. */
static bool write_entries(write_call *call, bool keep)
{
    bw_slice entries = bw_json_member(call->body, "entries"), raw;
    size_t index = 0;
    bool good = true;
    for (size_t at = 0; good && bw_sb_json_each_element(entries, &at, &raw); index++) {
        entry e = {0};
        const char *fault = entry_make(call, raw, &e);
        if (fault)
            note_error(call, index, fault);
        else if (keep)
            good = entry_store(call, &e);
        bw_buf_fini(&e.json);
    }
    return good;
}

static bool call_head(write_call *call, bw_sb_reply *reply)
{
    bw_arena *arena = &call->request->arena;
    const char *project, *log;
    call->log_name = bw_sb_json_text(arena, call->body, "logName");
    call->resource = bw_sb_json_object(call->body, "resource");
    call->labels = bw_sb_json_object(call->body, "labels");
    if (call->log_name && *call->log_name &&
        !split_log_name(arena, call->log_name, &project, &log)) {
        bw_sb_reply_bad(reply, "Log name is malformed: %s", call->log_name);
        return false;
    }
    bw_slice entries = bw_json_member(call->body, "entries");
    if (!entries.len || entries.ptr[0] != '[') {
        bw_sb_reply_bad(reply, "At least one log entry must be given.");
        return false;
    }
    return true;
}

static bw_sb_outcome write(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    write_call call = {.ops = context, .request = r, .now_ns = bw_sb_now_ns(context)};
    if (!bw_sb_body_object(r, reply, &call.body))
        return BW_SB_DONE;
    if (r->body.len > MAX_REQUEST)
        return bw_sb_reply_bad(reply, "Request payload size exceeds the limit: %zu bytes.",
                               MAX_REQUEST);
    if (!call_head(&call, reply))
        return BW_SB_DONE;
    bool partial = bw_sb_json_bool(call.body, "partialSuccess", false);
    bool dry = bw_sb_json_bool(call.body, "dryRun", false);
    bw_sb_db *db = call.ops->db;
    bw_sb_db_lock(db);
    bool good = bw_sb_db_begin(db) && write_entries(&call, !dry);
    bool wanted = good && (partial || !call.failed);
    bool kept = bw_sb_db_end(db, wanted);
    if (!good || (wanted && !kept))
        bw_sb_db_failed(db, reply);
    else if (call.failed)
        reply_errors(&call, reply);
    else
        bw_buf_adds(&reply->body, "{}");
    bw_sb_db_unlock(db);
    bw_buf_fini(&call.errors);
    return BW_SB_DONE;
}

/* ---- Listing ---------------------------------------------------------------------------------- */

#define MAX_PAGE     1000
#define MAX_ANSWER   ((size_t)10 << 20) /* a page ends there, whatever was asked for */
#define RETENTION_NS (30 * 86400 * BW_SB_NS_PER_S)
#define FUTURE_NS    (86400 * BW_SB_NS_PER_S)

typedef struct list_call {
    bw_sb_request *request;
    bw_slice body;
    bw_buf projects; /* a JSON array for SQLite */
    const bw_sb_filter *filter;
    bw_sb_log_range range;
    int64_t size, after; /* `after`: id of the last entry of the page before, 0 for none */
    bool descending;
} list_call;

static bool add_projects(list_call *call, bw_sb_reply *reply, const char *member,
                         const char *prefix)
{
    bw_slice names = bw_json_member(call->body, member), raw;
    size_t len = strlen(prefix);
    int count = 0;
    if (!names.len || names.ptr[0] != '[')
        return true;
    for (size_t at = 0; bw_sb_json_each_element(names, &at, &raw);) {
        bw_buf text = BW_BUF_INIT;
        bool good = raw.ptr[0] == '"' && bw_json_unescape(raw, &text);
        const char *name = bw_buf_cstr(&text);
        good = good && strncmp(name, prefix, len) == 0 && name[len] && !strchr(name + len, '/') &&
               ++count <= MAX_PROJECT;
        if (good) {
            bw_buf_adds(&call->projects, call->projects.len > 1 ? "," : "");
            bw_json_add_string(&call->projects, bw_slice_cstr(name + len));
        } else {
            bw_sb_reply_bad(reply,
                            "The sandbox lists logs of projects; resource name \"%s\" is "
                            "not one.",
                            name);
        }
        bw_buf_fini(&text);
        if (!good)
            return false;
    }
    return true;
}

static bool list_order(list_call *call, bw_sb_reply *reply)
{
    const char *order = bw_sb_json_text(&call->request->arena, call->body, "orderBy");
    call->descending = order && strcmp(order, "timestamp desc") == 0;
    if (!order || !*order || call->descending || strcmp(order, "timestamp asc") == 0 ||
        strcmp(order, "timestamp") == 0)
        return true;
    bw_sb_reply_bad(reply, "Invalid order by clause: only \"timestamp asc\" and \"timestamp "
                           "desc\" are supported.");
    return false;
}

static bool list_arguments(list_call *call, bw_sb_reply *reply)
{
    bw_arena *arena = &call->request->arena;
    char why[320];
    bw_buf_addc(&call->projects, '[');
    if (!add_projects(call, reply, "resourceNames", "projects/") ||
        !add_projects(call, reply, "projectIds", "") || !list_order(call, reply))
        return false;
    if (call->projects.len == 1) {
        bw_sb_reply_bad(reply, "At least one resource name must be given.");
        return false;
    }
    bw_buf_addc(&call->projects, ']');
    call->size = bw_sb_json_int(call->body, "pageSize", 50);
    if (call->size == 0)
        call->size = 50;
    if (call->size < 0 || call->size > MAX_PAGE) {
        bw_sb_reply_bad(reply, "Invalid page size: it must be between 1 and %d.", MAX_PAGE);
        return false;
    }
    if (!bw_sb_ops_page_token(bw_sb_json_text(arena, call->body, "pageToken"), &call->after)) {
        bw_sb_reply_bad(reply, "The page token is invalid.");
        return false;
    }
    if (bw_sb_log_filter_parse(arena, bw_sb_json_text(arena, call->body, "filter"), &call->filter,
                               &call->range, why, sizeof why))
        return true;
    bw_sb_reply_bad(reply, "%s", why);
    return false;
}

#define SELECT                                                                         \
    "SELECT id, json FROM log_entry WHERE project IN (SELECT value FROM json_each(?))" \
    " AND ts BETWEEN ? AND ? AND (?4 = 0 OR (ts, insert_id, id) "
static const char ascending[] =
    SELECT "> (SELECT ts, insert_id, id FROM log_entry WHERE id = ?4)) ORDER BY ts, insert_id, id";
static const char descending[] = SELECT "< (SELECT ts, insert_id, id FROM log_entry WHERE id = ?4))"
                                        " ORDER BY ts DESC, insert_id DESC, id DESC";

static void print_entries(list_call *call, sqlite3_stmt *rows, bw_buf *out)
{
    int64_t count = 0, last = 0;
    bool more = false;
    bw_buf_adds(out, "{\"entries\":[");
    while (!more && bw_sb_db_next(rows)) {
        bw_slice json = bw_sb_db_bytes(rows, 1);
        if (!bw_sb_log_filter_matches(call->filter, json))
            continue;
        more = count == call->size || (count && out->len + json.len > MAX_ANSWER);
        if (more)
            continue;
        bw_buf_adds(out, count++ ? "," : "");
        bw_buf_add(out, json.ptr, json.len);
        last = sqlite3_column_int64(rows, 0);
    }
    bw_buf_addc(out, ']');
    if (more)
        bw_sb_ops_add_page(out, last);
    bw_buf_addc(out, '}');
}

static bw_sb_outcome list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    list_call call = {.request = r};
    if (!bw_sb_body_object(r, reply, &call.body))
        return BW_SB_DONE;
    if (!list_arguments(&call, reply)) {
        bw_buf_fini(&call.projects);
        return BW_SB_DONE;
    }
    /* What is older than the retention or lies in the future is not shown. */
    int64_t now = bw_sb_now_ns(ops), low = now - RETENTION_NS, high = now + FUTURE_NS;
    low = call.range.low_ns > low ? call.range.low_ns : low;
    high = call.range.high_ns < high ? call.range.high_ns : high;
    bw_slice projects = bw_buf_slice(&call.projects);
    bw_sb_db_lock(ops->db);
    sqlite3_stmt *rows = bw_sb_db_query(ops->db, call.descending ? descending : ascending, "siii",
                                        projects, low, high, call.after);
    print_entries(&call, rows, &reply->body);
    if (!bw_sb_db_done(ops->db, rows))
        bw_sb_db_failed(ops->db, reply);
    bw_sb_db_unlock(ops->db);
    bw_buf_fini(&call.projects);
    return BW_SB_DONE;
}

/* ---- Logs ------------------------------------------------------------------------------------- */

static bw_sb_outcome list_logs(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    const char *project = bw_sb_request_param(r, "project");
    int64_t size, offset, count = 0;
    if (!bw_sb_ops_page(r, reply, 50, MAX_PAGE, &size, &offset))
        return BW_SB_DONE;
    bw_sb_db_lock(ops->db);
    sqlite3_stmt *rows = bw_sb_db_query(
        ops->db, "SELECT log FROM log_name WHERE project = ? ORDER BY log LIMIT ? OFFSET ?", "tii",
        project, size + 1, offset);
    bw_buf_adds(&reply->body, "{\"logNames\":[");
    while (bw_sb_db_next(rows) && count++ < size) {
        const char *log = bw_sb_db_text(&r->arena, rows, 0);
        bw_buf_adds(&reply->body, count > 1 ? "," : "");
        const char *name = bw_arena_printf(&r->arena, "projects/%s/logs/%s", project, log);
        bw_json_add_string(&reply->body, bw_slice_cstr(name));
    }
    bw_buf_addc(&reply->body, ']');
    if (count > size)
        bw_sb_ops_add_page(&reply->body, offset + size);
    bw_buf_addc(&reply->body, '}');
    if (!bw_sb_db_done(ops->db, rows))
        bw_sb_db_failed(ops->db, reply);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

/* The path's parameter is decoded once; log ids are kept as they are written in logName. */
static const char *encoded_log(bw_sb_request *r)
{
    const char *slash = strrchr(r->path, '/');
    return bw_arena_strdup(&r->arena, slash ? slash + 1 : "");
}

static bw_sb_outcome delete_log(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    const char *project = bw_sb_request_param(r, "project"), *log = encoded_log(r);
    bw_sb_db_lock(ops->db);
    bool good = bw_sb_db_begin(ops->db) &&
                bw_sb_db_exec(ops->db, "DELETE FROM log_entry WHERE project = ? AND log = ?", "tt",
                              project, log) &&
                bw_sb_db_exec(ops->db, "DELETE FROM log_name WHERE project = ? AND log = ?", "tt",
                              project, log);
    int found = good ? bw_sb_db_changes(ops->db) : 0;
    if (!bw_sb_db_end(ops->db, good))
        bw_sb_db_failed(ops->db, reply);
    else if (!found)
        bw_sb_reply_error(reply, 404, NULL, NULL, "Log %s not found.", log);
    else
        bw_buf_adds(&reply->body, "{}");
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

static const char *const prefixes[] = {"/v2/", NULL};
static const bw_sb_route routes[] = {
    {"POST", "entries:write", "logging.entries.write", .handle = write},
    {"POST", "entries:list", "logging.entries.list", .handle = list},
    {"GET", "projects/{project}/logs", "logging.projects.logs.list", .handle = list_logs},
    {"DELETE", "projects/{project}/logs/{log}", "logging.projects.logs.delete",
     .handle = delete_log},
};

bw_sb_service bw_sb_logging_service(bw_sb_operations *operations)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_DETAILS, operations};
}
