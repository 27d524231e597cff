#include "backend/sandbox/operations.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/hash.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/stamp.h"

#define PAGE_TOKEN_PREFIX "SBXP"

/* Every key begins with the project: nobody sees another one's. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS log_entry(id INTEGER PRIMARY KEY, project TEXT, log TEXT,"
    " ts INTEGER, insert_id TEXT, json TEXT, UNIQUE(project, ts, insert_id, log));"
    "CREATE TABLE IF NOT EXISTS log_name(project TEXT, log TEXT, PRIMARY KEY(project, log))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, project TEXT, metric TEXT,"
    " key TEXT, json TEXT, UNIQUE(project, metric, key));"
    "CREATE TABLE IF NOT EXISTS point(series INTEGER, end_ns INTEGER, start_ns INTEGER,"
    " value TEXT, PRIMARY KEY(series, end_ns)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS descriptor(project TEXT, type TEXT, json TEXT,"
    " PRIMARY KEY(project, type)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS dashboard(project TEXT, id TEXT, json TEXT,"
    " PRIMARY KEY(project, id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS secret(id INTEGER PRIMARY KEY, project TEXT, location TEXT,"
    " name TEXT, json TEXT, created INTEGER, version INTEGER, UNIQUE(project, location, name));"
    "CREATE TABLE IF NOT EXISTS secret_version(secret INTEGER, number INTEGER, state TEXT,"
    " created INTEGER, destroyed INTEGER, checked INTEGER, payload BLOB,"
    " PRIMARY KEY(secret, number)) WITHOUT ROWID;";

bw_status bw_sb_operations_open(const char *dir, const bw_clock *clock, bw_sb_operations *out,
                                bw_error *err)
{
    *out = (bw_sb_operations){.clock = clock};
    return bw_sb_db_open(dir, "operations.db", schema, &out->db, err);
}

void bw_sb_operations_close(bw_sb_operations *operations)
{
    bw_sb_db_close(operations->db);
    operations->db = NULL;
}

int64_t bw_sb_now_ns(const bw_sb_operations *operations)
{
    return bw_wall_us(operations->clock) * BW_SB_NS_PER_US;
}

bw_sb_outcome bw_sb_reply_bad(bw_sb_reply *reply, const char *fmt, ...)
{
    char message[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    bw_sb_reply_error(reply, 400, NULL, NULL, "%s", message);
    return BW_SB_DONE;
}

bool bw_sb_ops_page_token(const char *token, int64_t *offset)
{
    size_t prefix = strlen(PAGE_TOKEN_PREFIX);
    char *end;
    *offset = 0;
    if (!token || !*token)
        return true;
    if (strncmp(token, PAGE_TOKEN_PREFIX, prefix) != 0)
        return false;
    *offset = strtoll(token + prefix, &end, 16);
    return *end == '\0' && *offset > 0;
}

bool bw_sb_ops_page(bw_sb_request *r, bw_sb_reply *reply, int64_t default_size, int64_t max_size,
                    int64_t *size, int64_t *offset)
{
    if (!bw_sb_request_query_int(r, "pageSize", 0, INT32_MAX, default_size, size)) {
        bw_sb_reply_bad(reply, "Invalid value at 'page_size'");
        return false;
    }
    if (*size == 0)
        *size = default_size;
    if (*size > max_size)
        *size = max_size;
    if (bw_sb_ops_page_token(bw_sb_request_query(r, "pageToken"), offset))
        return true;
    bw_sb_reply_bad(reply, "The page token is invalid.");
    return false;
}

void bw_sb_ops_add_page(bw_buf *out, int64_t offset)
{
    char token[40];
    snprintf(token, sizeof token, PAGE_TOKEN_PREFIX "%llx", (unsigned long long)offset);
    bw_sb_json_add_text(out, "nextPageToken", token);
}

const char *bw_sb_ops_enum(bw_arena *arena, bw_slice raw, const char *const *names, size_t count)
{
    if (raw.len > 1 && raw.ptr[0] == '"') {
        for (size_t i = 0; i < count; i++) {
            if (raw.len == strlen(names[i]) + 2 && memcmp(raw.ptr + 1, names[i], raw.len - 2) == 0)
                return names[i];
        }
        return NULL;
    }
    char *end, *text = bw_arena_strndup(arena, raw.ptr, raw.len);
    unsigned long number = strtoul(text, &end, 10);
    return end > text && !*end && number < count ? names[number] : NULL;
}

void bw_sb_ops_etag(bw_slice text, char out[24])
{
    uint64_t hash = bw_sb_hash(BW_SB_HASH_SEED, text.ptr, text.len);
    snprintf(out, 24, "%016llx", (unsigned long long)hash);
}
