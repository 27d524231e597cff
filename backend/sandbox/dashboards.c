/* Dashboards of Cloud Monitoring (v1): plain JSON resources with an entity tag. */
#include <stdio.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/operations.h"

#define MAX_ID 64

static const char *const own_members[] = {"name", "etag", NULL};
static const char *const layouts[] = {"gridLayout", "mosaicLayout", "rowLayout", "columnLayout"};

/* Checks the resource and prints it with its name and tag. NULL, or why it is refused. */
static const char *complete(bw_sb_request *r, bw_slice body, const char *id, bw_buf *out)
{
    const char *title = bw_sb_json_text(&r->arena, body, "displayName");
    int count = 0;
    char etag[24];
    if (!title || !*title)
        return "Field displayName is required.";
    for (size_t i = 0; i < BW_COUNT(layouts); i++)
        count += bw_sb_json_object(body, layouts[i]).len > 0;
    if (count != 1)
        return "Exactly one of gridLayout, mosaicLayout, rowLayout and columnLayout is required.";
    bw_buf rest = BW_BUF_INIT;
    bw_sb_json_without(body, own_members, &rest);
    bw_sb_ops_etag(bw_buf_slice(&rest), etag);
    bw_buf_addc(out, '{');
    bw_sb_json_add_text(out, "name",
                        bw_arena_printf(&r->arena, "projects/%s/dashboards/%s",
                                        bw_sb_request_param(r, "project"), id));
    bw_sb_json_add_text(out, "etag", etag);
    bw_sb_json_add_members(out, bw_buf_slice(&rest));
    bw_buf_addc(out, '}');
    bw_buf_fini(&rest);
    return NULL;
}

/* The id that the client wants, or one of the sandbox's making; NULL when it is malformed. */
static const char *wanted_id(bw_sb_operations *ops, bw_sb_request *r, bw_slice body)
{
    const char *name = bw_sb_json_text(&r->arena, body, "name");
    char etag[24];
    if (!name || !*name) {
        bw_sb_ops_etag(body, etag);
        return bw_arena_printf(&r->arena, "%llx-%s", (unsigned long long)bw_sb_now_ns(ops), etag);
    }
    const char *head =
        bw_arena_printf(&r->arena, "projects/%s/dashboards/", bw_sb_request_param(r, "project"));
    size_t len = strlen(head);
    if (strncmp(name, head, len) != 0)
        return NULL;
    const char *id = name + len;
    size_t id_len = strlen(id);
    return id_len && id_len <= MAX_ID &&
                   strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                              "TUVWXYZ0123456789-") == id_len
               ? id
               : NULL;
}

static bool is_dry(bw_sb_request *r)
{
    return bw_sb_request_query_true(r, "validateOnly");
}

static bw_sb_outcome create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    const char *id = wanted_id(ops, r, body);
    if (!id)
        return bw_sb_reply_bad(reply, "Field name had an invalid value.");
    bw_buf json = BW_BUF_INIT;
    const char *fault = complete(r, body, id, &json);
    bw_slice text = bw_buf_slice(&json);
    bw_sb_db_lock(ops->db);
    bool stored = fault || is_dry(r) ||
                  bw_sb_db_exec(ops->db, "INSERT OR IGNORE INTO dashboard VALUES(?, ?, ?)", "tts",
                                bw_sb_request_param(r, "project"), id, text);
    if (fault)
        bw_sb_reply_bad(reply, "%s", fault);
    else if (!stored)
        bw_sb_db_failed(ops->db, reply);
    else if (!is_dry(r) && bw_sb_db_changes(ops->db) == 0)
        bw_sb_reply_error(reply, 409, NULL, NULL, "Dashboard %s already exists.", id);
    else
        bw_buf_add(&reply->body, text.ptr, text.len);
    bw_sb_db_unlock(ops->db);
    bw_buf_fini(&json);
    return BW_SB_DONE;
}

/* Under the mutex. NULL when there is none. */
static const char *find(bw_sb_operations *ops, bw_sb_request *r)
{
    sqlite3_stmt *stmt =
        bw_sb_db_query(ops->db, "SELECT json FROM dashboard WHERE project = ? AND id = ?", "tt",
                       bw_sb_request_param(r, "project"), bw_sb_request_param(r, "dashboard"));
    const char *json = bw_sb_db_next(stmt) ? bw_sb_db_text(&r->arena, stmt, 0) : NULL;
    bw_sb_db_done(ops->db, stmt);
    return json;
}

static void reply_missing(bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_reply_error(reply, 404, NULL, NULL, "Requested entity was not found: dashboard %s.",
                      bw_sb_request_param(r, "dashboard"));
}

static bw_sb_outcome get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_sb_db_lock(ops->db);
    const char *json = find(ops, r);
    bw_sb_db_unlock(ops->db);
    if (json)
        bw_buf_adds(&reply->body, json);
    else
        reply_missing(r, reply);
    return BW_SB_DONE;
}

/* Replaces the whole dashboard; a tag in the body must still be the current one. */
static void patch_locked(bw_sb_operations *ops, bw_sb_request *r, bw_slice body, bw_sb_reply *reply)
{
    const char *now = find(ops, r);
    if (!now) {
        reply_missing(r, reply);
        return;
    }
    const char *given = bw_sb_json_text(&r->arena, body, "etag");
    const char *etag = bw_sb_json_text(&r->arena, bw_slice_cstr(now), "etag");
    if (given && *given && strcmp(given, etag) != 0) {
        bw_sb_reply_error(reply, 409, "ABORTED", NULL,
                          "The dashboard has been changed since: its etag is %s.", etag);
        return;
    }
    bw_buf json = BW_BUF_INIT;
    const char *fault = complete(r, body, bw_sb_request_param(r, "dashboard"), &json);
    bw_slice text = bw_buf_slice(&json);
    if (fault)
        bw_sb_reply_bad(reply, "%s", fault);
    else if (is_dry(r) ||
             bw_sb_db_exec(ops->db, "UPDATE dashboard SET json = ? WHERE project = ? AND id = ?",
                           "stt", text, bw_sb_request_param(r, "project"),
                           bw_sb_request_param(r, "dashboard")))
        bw_buf_add(&reply->body, text.ptr, text.len);
    else
        bw_sb_db_failed(ops->db, reply);
    bw_buf_fini(&json);
}

static bw_sb_outcome patch(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    bw_sb_db_lock(ops->db);
    patch_locked(ops, r, body, reply);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

static bw_sb_outcome delete (void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_sb_db_lock(ops->db);
    if (!bw_sb_db_exec(ops->db, "DELETE FROM dashboard WHERE project = ? AND id = ?", "tt",
                       bw_sb_request_param(r, "project"), bw_sb_request_param(r, "dashboard")))
        bw_sb_db_failed(ops->db, reply);
    else if (bw_sb_db_changes(ops->db) == 0)
        reply_missing(r, reply);
    else
        bw_buf_adds(&reply->body, "{}");
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

static bw_sb_outcome list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    int64_t size, offset, count = 0;
    if (!bw_sb_ops_page(r, reply, 1000, 1000, &size, &offset))
        return BW_SB_DONE;
    bw_sb_db_lock(ops->db);
    sqlite3_stmt *rows = bw_sb_db_query(
        ops->db, "SELECT json FROM dashboard WHERE project = ? ORDER BY id LIMIT ? OFFSET ?", "tii",
        bw_sb_request_param(r, "project"), size + 1, offset);
    bw_buf_adds(&reply->body, "{\"dashboards\":[");
    while (bw_sb_db_next(rows) && count++ < size) {
        bw_slice json = bw_sb_db_bytes(rows, 0);
        bw_buf_adds(&reply->body, count > 1 ? "," : "");
        bw_buf_add(&reply->body, json.ptr, json.len);
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

static const char *const prefixes[] = {"/v1/", NULL};
#define ALL "projects/{project}/dashboards"
#define ONE ALL "/{dashboard}"
static const bw_sb_route routes[] = {
    {"POST", ALL, "monitoring.projects.dashboards.create", .handle = create},
    {"GET", ALL, "monitoring.projects.dashboards.list", .handle = list},
    {"GET", ONE, "monitoring.projects.dashboards.get", .handle = get},
    {"PATCH", ONE, "monitoring.projects.dashboards.patch", .handle = patch},
    {"DELETE", ONE, "monitoring.projects.dashboards.delete", .handle = delete},
};

bw_sb_service bw_sb_dashboards_service(bw_sb_operations *operations)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_DETAILS, operations};
}
