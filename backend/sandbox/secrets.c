/* Secret Manager v1: secrets and their versions, global ones and those of a location. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bigquery.h"
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/operations.h"
#include "backend/sandbox/stamp.h"

#define MAX_ID      255
#define MAX_PAYLOAD ((size_t)64 << 10)
#define MAX_PAGE    25000

#define LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define AUTOMATIC "{\"automatic\":{}}"

/* CRC-32C (Castagnoli), bit by bit: payloads are small. */
static uint32_t crc32c(bw_slice bytes)
{
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

/* "projects/p/secrets/s", or with its location. */
static const char *secret_name(bw_sb_request *r, const char *secret)
{
    const char *project = bw_sb_request_param(r, "project");
    const char *location = bw_sb_request_param(r, "location");
    return *location ? bw_arena_printf(&r->arena, "projects/%s/locations/%s/secrets/%s", project,
                                       location, secret)
                     : bw_arena_printf(&r->arena, "projects/%s/secrets/%s", project, secret);
}

static bw_sb_outcome reply_missing(bw_sb_request *r, bw_sb_reply *reply, const char *version)
{
    const char *secret = secret_name(r, bw_sb_request_param(r, "secret"));
    if (version)
        bw_sb_reply_error(reply, 404, NULL, NULL, "Secret Version [%s/versions/%s] not found.",
                          secret, version);
    else
        bw_sb_reply_error(reply, 404, NULL, NULL, "Secret [%s] not found.", secret);
    return BW_SB_DONE;
}

/* The request's secret, 0 when there is none. Under the mutex, as all below. */
static int64_t find_secret(bw_sb_operations *ops, bw_sb_request *r)
{
    int64_t id = 0;
    sqlite3_stmt *stmt = bw_sb_db_query(
        ops->db, "SELECT id FROM secret WHERE project = ? AND location = ? AND name = ?", "ttt",
        bw_sb_request_param(r, "project"), bw_sb_request_param(r, "location"),
        bw_sb_request_param(r, "secret"));
    bw_sb_db_value(ops->db, stmt, &id);
    return id;
}

/* ---- Secrets ---------------------------------------------------------------------------------- */

#define SECRET_COLUMNS "name, json, created, version"

static void print_secret(bw_sb_request *r, sqlite3_stmt *row, bw_buf *out)
{
    char stamp[BW_SB_STAMP];
    bw_buf_addc(out, '{');
    bw_sb_json_add_text(out, "name", secret_name(r, bw_sb_db_text(&r->arena, row, 0)));
    bw_sb_json_add_text(out, "createTime", bw_sb_stamp_print(sqlite3_column_int64(row, 2), stamp));
    bw_sb_json_add_text(out, "etag",
                        bw_arena_printf(&r->arena, "\"%016llx\"",
                                        (unsigned long long)sqlite3_column_int64(row, 3)));
    bw_sb_json_add_members(out, bw_sb_db_bytes(row, 1));
    bw_buf_addc(out, '}');
}

static void reply_secret(bw_sb_operations *ops, bw_sb_request *r, const char *id,
                         bw_sb_reply *reply)
{
    sqlite3_stmt *stmt = bw_sb_db_query(ops->db,
                                        "SELECT " SECRET_COLUMNS " FROM secret WHERE project = ?"
                                        " AND location = ? AND name = ?",
                                        "ttt", bw_sb_request_param(r, "project"),
                                        bw_sb_request_param(r, "location"), id);
    if (bw_sb_db_next(stmt))
        print_secret(r, stmt, &reply->body);
    else
        reply_missing(r, reply, NULL);
    bw_sb_db_done(ops->db, stmt);
}

static const char *create_fault(bw_sb_request *r, bw_slice body, const char *id)
{
    if (!id || !*id)
        return "The secret id is required: secretId.";
    if (strlen(id) > MAX_ID || id[strspn(id, LETTERS "-_")])
        return "The secret id is invalid: letters, digits, hyphens and underscores, at most 255 "
               "of them.";
    bool regional = *bw_sb_request_param(r, "location") != '\0';
    bw_slice replication = bw_sb_json_object(body, "replication");
    bool one = bw_sb_json_object(replication, "automatic").len ||
               bw_sb_json_object(replication, "userManaged").len;
    if (regional ? replication.len > 0 : !one)
        return regional ? "A regional secret has no replication policy."
                        : "The secret's replication policy is required: automatic or userManaged.";
    return NULL;
}

static bw_sb_outcome create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const char *const own[] = {"name", "createTime", "etag", "ttl", NULL};
    bw_sb_operations *ops = context;
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    const char *id = bw_sb_request_query(r, "secretId");
    const char *fault = create_fault(r, body, id);
    if (fault)
        return bw_sb_reply_bad(reply, "%s", fault);
    bw_buf rest = BW_BUF_INIT;
    bw_sb_json_without(body, own, &rest);
    bw_slice text = bw_buf_slice(&rest);
    bw_sb_db_lock(ops->db);
    bool good = bw_sb_db_exec(
        ops->db,
        "INSERT OR IGNORE INTO secret(project, location, name, json, created, version)"
        " VALUES(?, ?, ?, ?, ?, 1)",
        "tttsi", bw_sb_request_param(r, "project"), bw_sb_request_param(r, "location"), id, text,
        bw_sb_now_ns(ops));
    if (!good)
        bw_sb_db_failed(ops->db, reply);
    else if (bw_sb_db_changes(ops->db) == 0)
        bw_sb_reply_error(reply, 409, NULL, NULL, "Secret [%s] already exists.",
                          secret_name(r, id));
    else
        reply_secret(ops, r, id, reply);
    bw_sb_db_unlock(ops->db);
    bw_buf_fini(&rest);
    return BW_SB_DONE;
}

static bw_sb_outcome get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_sb_db_lock(ops->db);
    reply_secret(ops, r, bw_sb_request_param(r, "secret"), reply);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

static bw_sb_outcome delete (void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_sb_db *db = ops->db;
    bw_sb_db_lock(db);
    int64_t id = find_secret(ops, r);
    bool good = id && bw_sb_db_begin(db) &&
                bw_sb_db_exec(db, "DELETE FROM secret_version WHERE secret = ?", "i", id) &&
                bw_sb_db_exec(db, "DELETE FROM secret WHERE id = ?", "i", id);
    if (!id)
        reply_missing(r, reply, NULL);
    else if (bw_sb_db_end(db, good))
        bw_buf_adds(&reply->body, "{}");
    else
        bw_sb_db_failed(db, reply);
    bw_sb_db_unlock(db);
    return BW_SB_DONE;
}

/* ,"nextPageToken":...,"totalSize":N} */
static void end_list(bw_buf *out, int64_t offset, int64_t size, int64_t count, int64_t total)
{
    bw_buf_addc(out, ']');
    if (count > size)
        bw_sb_ops_add_page(out, offset + size);
    bw_buf_addf(out, ",\"totalSize\":%lld}", (long long)total);
}

static int64_t count_of(bw_sb_db *db, const char *sql, const char *types, const char *a,
                        const char *b)
{
    sqlite3_stmt *stmt = bw_sb_db_query(db, sql, types, a, b);
    int64_t n = 0;
    bw_sb_db_value(db, stmt, &n);
    return n;
}

static bool filter_refused(bw_sb_request *r, bw_sb_reply *reply)
{
    const char *filter = bw_sb_request_query(r, "filter");
    if (!filter || !*filter)
        return false;
    bw_sb_reply_error(reply, 501, NULL, NULL, "The sandbox does not filter lists of secrets.");
    return true;
}

static bw_sb_outcome list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    int64_t size, offset, count = 0;
    const char *project = bw_sb_request_param(r, "project");
    const char *location = bw_sb_request_param(r, "location");
    if (filter_refused(r, reply) || !bw_sb_ops_page(r, reply, MAX_PAGE, MAX_PAGE, &size, &offset))
        return BW_SB_DONE;
    bw_sb_db_lock(ops->db);
    int64_t total =
        count_of(ops->db, "SELECT count(*) FROM secret WHERE project = ? AND location = ?", "tt",
                 project, location);
    sqlite3_stmt *rows = bw_sb_db_query(ops->db,
                                        "SELECT " SECRET_COLUMNS " FROM secret WHERE project = ?"
                                        " AND location = ? ORDER BY name LIMIT ? OFFSET ?",
                                        "ttii", project, location, size + 1, offset);
    bw_buf_adds(&reply->body, "{\"secrets\":[");
    while (bw_sb_db_next(rows) && count++ < size) {
        bw_buf_adds(&reply->body, count > 1 ? "," : "");
        print_secret(r, rows, &reply->body);
    }
    end_list(&reply->body, offset, size, count, total);
    if (!bw_sb_db_done(ops->db, rows))
        bw_sb_db_failed(ops->db, reply);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

/* ---- Versions --------------------------------------------------------------------------------- */

#define VERSION_COLUMNS "number, state, created, destroyed, checked"

static void print_version(bw_sb_request *r, sqlite3_stmt *row, bw_buf *out)
{
    char stamp[BW_SB_STAMP];
    const char *secret = secret_name(r, bw_sb_request_param(r, "secret"));
    bw_buf_addc(out, '{');
    bw_sb_json_add_text(out, "name",
                        bw_arena_printf(&r->arena, "%s/versions/%lld", secret,
                                        (long long)sqlite3_column_int64(row, 0)));
    bw_sb_json_add_text(out, "createTime", bw_sb_stamp_print(sqlite3_column_int64(row, 2), stamp));
    if (sqlite3_column_int64(row, 3))
        bw_sb_json_add_text(out, "destroyTime",
                            bw_sb_stamp_print(sqlite3_column_int64(row, 3), stamp));
    const char *state = bw_sb_db_text(&r->arena, row, 1);
    bw_sb_json_add_text(out, "state", state);
    if (!*bw_sb_request_param(r, "location"))
        bw_sb_json_add_raw(out, "replicationStatus", BW_SLICE_LIT(AUTOMATIC));
    char etag[24];
    bw_sb_ops_etag(bw_slice_cstr(state), etag);
    bw_sb_json_add_text(out, "etag", bw_arena_printf(&r->arena, "\"%s\"", etag));
    if (sqlite3_column_int64(row, 4))
        bw_sb_json_add_bool(out, "clientSpecifiedPayloadChecksum", true);
    bw_buf_addc(out, '}');
}

/* The number that a version's name means: itself, or that of "latest". -1: there is none. */
static int64_t version_number(bw_sb_operations *ops, int64_t secret, const char *name)
{
    char *end;
    int64_t number = -1;
    if (strcmp(name, "latest") != 0) {
        long long n = strtoll(name, &end, 10);
        return name[0] >= '1' && name[0] <= '9' && !*end ? n : -1;
    }
    sqlite3_stmt *stmt = bw_sb_db_query(
        ops->db, "SELECT max(number) FROM secret_version WHERE secret = ?", "i", secret);
    bw_sb_db_value(ops->db, stmt, &number);
    return number;
}

/* A row of VERSION_COLUMNS and the payload for the caller to finalise; NULL after answering. */
static sqlite3_stmt *find_version(bw_sb_operations *ops, bw_sb_request *r, const char *name,
                                  bw_sb_reply *reply)
{
    int64_t secret = find_secret(ops, r);
    if (!secret) {
        reply_missing(r, reply, NULL);
        return NULL;
    }
    sqlite3_stmt *stmt = bw_sb_db_query(ops->db,
                                        "SELECT " VERSION_COLUMNS ", payload, secret"
                                        " FROM secret_version WHERE secret = ? AND number = ?",
                                        "ii", secret, version_number(ops, secret, name));
    if (bw_sb_db_next(stmt))
        return stmt;
    bw_sb_db_done(ops->db, stmt);
    reply_missing(r, reply, name);
    return NULL;
}

/* NULL, or why the payload is refused. */
static const char *read_payload(bw_sb_request *r, bw_slice body, bw_buf *payload, bool *checked)
{
    bw_slice object = bw_sb_json_object(body, "payload");
    const char *data = bw_sb_json_text(&r->arena, object, "data");
    int64_t given;
    size_t size;
    char *plain = data ? bw_arena_bytes(&r->arena, strlen(data) + 3) : NULL;
    if (!plain || !bq_base64_normalise(bw_slice_cstr(data), plain, &size) ||
        !bq_base64_decode((bw_slice){plain, size}, payload))
        return "The payload's data is required, in base64.";
    if (payload->len > MAX_PAYLOAD)
        return "The payload is too large: at most 64 KiB.";
    bw_slice crc = bw_json_member(object, "dataCrc32c");
    *checked = crc.len && !bw_slice_is(crc, "null");
    if (!*checked)
        return NULL;
    if (!bw_json_member_int(object, "dataCrc32c", &given))
        return "The payload's dataCrc32c is not a number.";
    return given == (int64_t)crc32c(bw_buf_slice(payload))
               ? NULL
               : "The checksum of the payload does not match dataCrc32c.";
}

static bw_sb_outcome add_version(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_slice body;
    bw_buf payload = BW_BUF_INIT;
    bool checked = false;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    const char *fault = read_payload(r, body, &payload, &checked);
    bw_buf_clear(&r->body); /* secrets do not belong into the request log */
    bw_slice bytes = bw_buf_slice(&payload);
    bw_sb_db_lock(ops->db);
    int64_t secret = find_secret(ops, r);
    sqlite3_stmt *row = NULL;
    if (fault) {
        bw_sb_reply_bad(reply, "%s", fault);
    } else if (!secret) {
        reply_missing(r, reply, NULL);
    } else if (!bw_sb_db_exec(ops->db,
                              "INSERT INTO secret_version SELECT ?1, 1 + coalesce((SELECT"
                              " max(number) FROM secret_version WHERE secret = ?1), 0), 'ENABLED',"
                              " ?2, 0, ?3, ?4",
                              "iiib", secret, bw_sb_now_ns(ops), (int64_t)checked, bytes)) {
        bw_sb_db_failed(ops->db, reply);
    } else {
        row = find_version(ops, r, "latest", reply);
        if (row)
            print_version(r, row, &reply->body);
    }
    bw_sb_db_done(ops->db, row);
    bw_sb_db_unlock(ops->db);
    bw_buf_fini(&payload);
    return BW_SB_DONE;
}

static bw_sb_outcome get_version(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_sb_db_lock(ops->db);
    sqlite3_stmt *row = find_version(ops, r, bw_sb_request_param(r, "version"), reply);
    if (row)
        print_version(r, row, &reply->body);
    bw_sb_db_done(ops->db, row);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

static void print_payload(bw_sb_request *r, sqlite3_stmt *row, bw_sb_reply *reply)
{
    bw_buf data = BW_BUF_INIT;
    bw_slice bytes = bw_sb_db_bytes(row, 5);
    bq_base64_encode(bytes, &data);
    bw_buf_adds(&reply->body, "{");
    bw_sb_json_add_text(&reply->body, "name",
                        bw_arena_printf(&r->arena, "%s/versions/%lld",
                                        secret_name(r, bw_sb_request_param(r, "secret")),
                                        (long long)sqlite3_column_int64(row, 0)));
    bw_sb_json_add_raw(&reply->body, "payload", BW_SLICE_LIT("{"));
    bw_sb_json_add_text(&reply->body, "data", bw_buf_cstr(&data));
    bw_sb_json_add_int64(&reply->body, "dataCrc32c", (int64_t)crc32c(bytes));
    bw_buf_adds(&reply->body, "}}");
    bw_buf_fini(&data);
}

static bw_sb_outcome access_version(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    bw_sb_db_lock(ops->db);
    sqlite3_stmt *row = find_version(ops, r, bw_sb_request_param(r, "version"), reply);
    const char *state = row ? bw_sb_db_text(&r->arena, row, 1) : NULL;
    if (state && strcmp(state, "ENABLED") == 0)
        print_payload(r, row, reply);
    else if (state)
        bw_sb_reply_error(reply, 400, "FAILED_PRECONDITION", NULL,
                          "Secret Version [%s/versions/%lld] is in %s state.",
                          secret_name(r, bw_sb_request_param(r, "secret")),
                          (long long)sqlite3_column_int64(row, 0), state);
    bw_sb_db_done(ops->db, row);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

/* versions:enable, :disable and :destroy; the last is for ever, and forgets the payload. */
static bw_sb_outcome change_state(void *context, bw_sb_request *r, bw_sb_reply *reply,
                                  const char *state)
{
    bw_sb_operations *ops = context;
    bw_sb_db *db = ops->db;
    bw_slice body;
    if (!bw_sb_body_object(r, reply, &body))
        return BW_SB_DONE;
    bool destroy = strcmp(state, "DESTROYED") == 0;
    bw_sb_db_lock(db);
    sqlite3_stmt *row = find_version(ops, r, bw_sb_request_param(r, "version"), reply);
    if (row) {
        int64_t number = sqlite3_column_int64(row, 0), secret = sqlite3_column_int64(row, 6);
        const char *now = bw_sb_db_text(&r->arena, row, 1);
        bw_sb_db_done(db, row);
        row = NULL;
        if (strcmp(now, "DESTROYED") == 0)
            bw_sb_reply_error(reply, 400, "FAILED_PRECONDITION", NULL,
                              "Secret Version [%s/versions/%lld] is in DESTROYED state.",
                              secret_name(r, bw_sb_request_param(r, "secret")), (long long)number);
        else if (!bw_sb_db_exec(db,
                                "UPDATE secret_version SET state = ?3, destroyed = ?4, payload ="
                                " CASE WHEN ?4 THEN NULL ELSE payload END WHERE secret = ?1 AND"
                                " number = ?2",
                                "iiti", secret, number, state,
                                destroy ? bw_sb_now_ns(ops) : (int64_t)0))
            bw_sb_db_failed(db, reply);
        else
            row = find_version(ops, r, bw_sb_request_param(r, "version"), reply);
        if (row)
            print_version(r, row, &reply->body);
    }
    bw_sb_db_done(db, row);
    bw_sb_db_unlock(db);
    return BW_SB_DONE;
}

static bw_sb_outcome enable(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return change_state(context, r, reply, "ENABLED");
}

static bw_sb_outcome disable(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return change_state(context, r, reply, "DISABLED");
}

static bw_sb_outcome destroy(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return change_state(context, r, reply, "DESTROYED");
}

static bw_sb_outcome list_versions(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_operations *ops = context;
    int64_t size, offset, count = 0;
    if (filter_refused(r, reply) || !bw_sb_ops_page(r, reply, MAX_PAGE, MAX_PAGE, &size, &offset))
        return BW_SB_DONE;
    bw_sb_db_lock(ops->db);
    int64_t secret = find_secret(ops, r), total = 0;
    sqlite3_stmt *rows =
        bw_sb_db_query(ops->db,
                       "SELECT " VERSION_COLUMNS ", count(*) OVER () FROM secret_version"
                       " WHERE secret = ? ORDER BY number DESC LIMIT ? OFFSET ?",
                       "iii", secret, size + 1, offset);
    bw_buf_adds(&reply->body, "{\"versions\":[");
    while (bw_sb_db_next(rows) && count++ < size) {
        total = sqlite3_column_int64(rows, 5);
        bw_buf_adds(&reply->body, count > 1 ? "," : "");
        print_version(r, rows, &reply->body);
    }
    end_list(&reply->body, offset, size, count, total);
    if (!bw_sb_db_done(ops->db, rows))
        bw_sb_db_failed(ops->db, reply);
    else if (!secret)
        reply_missing(r, reply, NULL);
    bw_sb_db_unlock(ops->db);
    return BW_SB_DONE;
}

static const char *const prefixes[] = {"/v1/", NULL};
#define GLOBAL   "projects/{project}/"
#define REGIONAL "projects/{project}/locations/{location}/"
#define SECRETS  "secretmanager.projects.secrets."
#define LOCATED  "secretmanager.projects.locations.secrets."
/* The global method, and its twin of a location. */
#define BOTH(verb, pattern, name, handler)                      \
    {verb, GLOBAL pattern, SECRETS name, .handle = (handler)},  \
    {                                                           \
        verb, REGIONAL pattern, LOCATED name, .handle = handler \
    }
static const bw_sb_route routes[] = {
    BOTH("POST", "secrets", "create", create),
    BOTH("GET", "secrets", "list", list),
    BOTH("GET", "secrets/{secret}", "get", get),
    BOTH("DELETE", "secrets/{secret}", "delete", delete),
    BOTH("POST", "secrets/{secret}:addVersion", "addVersion", add_version),
    BOTH("GET", "secrets/{secret}/versions", "versions.list", list_versions),
    BOTH("GET", "secrets/{secret}/versions/{version}", "versions.get", get_version),
    BOTH("GET", "secrets/{secret}/versions/{version}:access", "versions.access", access_version),
    BOTH("POST", "secrets/{secret}/versions/{version}:enable", "versions.enable", enable),
    BOTH("POST", "secrets/{secret}/versions/{version}:disable", "versions.disable", disable),
    BOTH("POST", "secrets/{secret}/versions/{version}:destroy", "versions.destroy", destroy),
};

bw_sb_service bw_sb_secrets_service(bw_sb_operations *operations)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_DETAILS, operations};
}
