#include "backend/sandbox/bq_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bq_functions.h"

/* ---- SQLite ----------------------------------------------------------------------------------- */

bw_status bq_store_error(bq_catalog *catalog, bq_error *err)
{
    int code = sqlite3_errcode(catalog->db->handle);
    if (code == SQLITE_INTERRUPT)
        return bq_error_set(err, "stopped", NULL,
                            "Job execution was cancelled: User requested cancellation");
    return bq_error_set(err, "internalError", NULL, "the sandbox's storage failed: %s",
                        sqlite3_errmsg(catalog->db->handle));
}

static bw_status check(bq_catalog *catalog, bool good, bq_error *err)
{
    return good ? BW_OK : bq_store_error(catalog, err);
}

bw_status bq_store_query(bq_catalog *catalog, bq_error *err, sqlite3_stmt **out, const char *sql,
                         const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    *out = bw_sb_db_vquery(catalog->db, sql, types, ap);
    va_end(ap);
    return check(catalog, *out != NULL, err);
}

bw_status bq_store_exec(bq_catalog *catalog, bq_error *err, const char *sql, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    sqlite3_stmt *stmt = bw_sb_db_vquery(catalog->db, sql, types, ap);
    va_end(ap);
    return check(catalog, bw_sb_db_finish(catalog->db, stmt), err);
}

bw_status bq_store_execf(bq_catalog *catalog, bq_error *err, const char *fmt, ...)
{
    va_list ap;
    char *sql;

    va_start(ap, fmt);
    int n = vasprintf(&sql, fmt, ap);
    va_end(ap);
    if (n < 0)
        return bq_error_set(err, "internalError", NULL, "out of memory");
    bw_status status = bq_store_exec(catalog, err, sql, "");
    free(sql);
    return status;
}

bw_status bq_store_begin(bq_catalog *catalog, bq_error *err)
{
    return check(catalog, bw_sb_db_begin(catalog->db), err);
}

bw_status bq_store_end(bq_catalog *catalog, bw_status status, bq_error *err)
{
    if (status == BW_OK)
        status = check(catalog, bw_sb_db_commit(catalog->db), err);
    if (status != BW_OK)
        bw_sb_db_undo(catalog->db);
    return status;
}

bq_value bq_store_column(sqlite3_stmt *stmt, int column)
{
    bq_value v = {BQ_NULL, 0, {NULL, 0}};

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        v.cls = BQ_INT;
        v.i = sqlite3_column_int64(stmt, column);
        break;
    case SQLITE_TEXT:
        v.cls = BQ_TEXT;
        v.s.ptr = (const char *)sqlite3_column_text(stmt, column);
        v.s.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    case SQLITE_BLOB:
        v.cls = BQ_BLOB;
        v.s.ptr = sqlite3_column_blob(stmt, column);
        v.s.len = (size_t)sqlite3_column_bytes(stmt, column);
        if (!v.s.ptr)
            v.s.ptr = "";
        break;
    default:
        break;
    }
    return v;
}

const char *bq_store_text(bw_arena *arena, sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return bw_arena_strdup(arena, text ? text : "");
}

void bq_store_bind(sqlite3_stmt *stmt, int index, const bq_value *value)
{
    const char *text = value->s.ptr ? value->s.ptr : "";

    switch (value->cls) {
    case BQ_NULL:
        sqlite3_bind_null(stmt, index);
        break;
    case BQ_INT:
        sqlite3_bind_int64(stmt, index, value->i);
        break;
    case BQ_TEXT:
        sqlite3_bind_text64(stmt, index, text, value->s.len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case BQ_BLOB:
        sqlite3_bind_blob64(stmt, index, text, value->s.len, SQLITE_STATIC);
        break;
    }
}

void bq_store_quote(bw_buf *out, const char *name)
{
    bw_buf_addc(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            bw_buf_addc(out, '"');
        bw_buf_addc(out, *name);
    }
    bw_buf_addc(out, '"');
}

/* ---- Storages --------------------------------------------------------------------------------- */

#define MAX_COLUMNS 1990 /* SQLite's own limit is 2000 */

static void column_definition(bw_buf *sql, const bq_field *f)
{
    bq_store_quote(sql, f->name);
    /* An array that was never given is the empty array; a tuple of none. */
    if (f->mode == BQ_REPEATED)
        bw_buf_adds(sql, " DEFAULT x'00000000'");
}

bw_status bq_storage_number(bq_catalog *catalog, size_t columns, int64_t *number, bq_error *err)
{
    sqlite3_stmt *stmt;

    if (columns > MAX_COLUMNS)
        return bq_error_set(err, "invalid", NULL,
                            "Too many columns: %zu, the sandbox keeps at most %d", columns,
                            MAX_COLUMNS);
    bw_status status = bq_store_query(
        catalog, err, &stmt, "UPDATE bq_sequence SET value = value + 1 RETURNING value", "");
    if (status != BW_OK)
        return status;
    *number = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    if (*number == 0)
        status = bq_store_error(catalog, err);
    bw_sb_db_done(catalog->db, stmt);
    return status;
}

bw_status bq_storage_create(bq_catalog *catalog, const bq_schema *schema, int64_t *storage,
                            bq_error *err)
{
    bw_status status = bq_storage_number(catalog, schema->count, storage, err);

    if (status != BW_OK)
        return status;
    bw_buf sql = BW_BUF_INIT;
    bw_buf_addf(&sql, "CREATE TABLE \"t%lld\"(\"!\" INTEGER PRIMARY KEY", (long long)*storage);
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_addc(&sql, ',');
        column_definition(&sql, &schema->fields[i]);
    }
    bw_buf_addc(&sql, ')');
    status = bq_store_exec(catalog, err, bw_buf_cstr(&sql), "");
    bw_buf_fini(&sql);
    return status;
}

bw_status bq_storage_drop(bq_catalog *catalog, int64_t storage, bq_error *err)
{
    if (bq_is_result(storage))
        return bq_result_drop(catalog, storage, err);
    bw_status status =
        bq_store_execf(catalog, err, "DROP TABLE IF EXISTS \"t%lld\"", (long long)storage);
    if (status != BW_OK)
        return status;
    return bq_store_exec(catalog, err, "DELETE FROM bq_buffer WHERE storage = ?", "i", storage);
}

bw_status bq_storage_widen(bq_catalog *catalog, int64_t storage, const bq_schema *have,
                           const bq_schema *want, bq_error *err)
{
    bw_status status = BW_OK;
    bw_buf sql = BW_BUF_INIT;

    for (size_t i = 0; status == BW_OK && i < want->count; i++) {
        const bq_field *f = &want->fields[i];
        if (bq_schema_find(have, bw_slice_cstr(f->name)) >= 0)
            continue;
        bw_buf_clear(&sql);
        bw_buf_addf(&sql, "ALTER TABLE \"t%lld\" ADD COLUMN ", (long long)storage);
        column_definition(&sql, f);
        status = bq_store_exec(catalog, err, bw_buf_cstr(&sql), "");
    }
    bw_buf_fini(&sql);
    return status;
}

/* ---- Opening ---------------------------------------------------------------------------------- */

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS bq_dataset(project TEXT, id TEXT, location TEXT, metadata TEXT,"
    " created INTEGER, modified INTEGER, version INTEGER, PRIMARY KEY(project, id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS bq_table(project TEXT, dataset TEXT, id TEXT, schema TEXT,"
    " metadata TEXT, created INTEGER, modified INTEGER, expires INTEGER, rows INTEGER,"
    " bytes INTEGER, version INTEGER, storage INTEGER, PRIMARY KEY(project, dataset, id))"
    " WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS bq_table_expires ON bq_table(expires) WHERE expires IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS bq_job(project TEXT, location TEXT, id TEXT, created INTEGER,"
    " json TEXT, PRIMARY KEY(project, location, id)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS bq_job_created ON bq_job(project, created);"
    "CREATE INDEX IF NOT EXISTS bq_job_id ON bq_job(project, id);"
    "CREATE TABLE IF NOT EXISTS bq_request(project TEXT, id TEXT, location TEXT, job TEXT,"
    " created INTEGER, PRIMARY KEY(project, id)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS bq_request_created ON bq_request(created);"
    "CREATE TABLE IF NOT EXISTS bq_buffer(storage INTEGER, first INTEGER, last INTEGER,"
    " bytes INTEGER, arrived INTEGER, PRIMARY KEY(storage, first)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS bq_sequence(value INTEGER);"
    "INSERT INTO bq_sequence SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM bq_sequence);";

/* Names of SQLite tables that the query gives, dropped one by one. */
static bw_status drop_listed(bq_catalog *catalog, const char *query, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_buf names = BW_BUF_INIT;
    bw_status status = bq_store_query(catalog, err, &stmt, query, "");

    if (status != BW_OK)
        return status;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        bw_buf_adds(&names, (const char *)sqlite3_column_text(stmt, 0));
        bw_buf_addc(&names, '\0');
    }
    bw_sb_db_done(catalog->db, stmt);
    for (size_t at = 0; status == BW_OK && at < names.len; at += strlen(names.ptr + at) + 1)
        status = bq_store_execf(catalog, err, "DROP TABLE \"%s\"", names.ptr + at);
    bw_buf_fini(&names);
    return status;
}

#define RESULTS  "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'r[0-9]*'"
#define STORAGES "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]*'"

static bw_status read_next_expiry(bq_catalog *catalog, bq_error *err)
{
    sqlite3_stmt *stmt;
    bw_status status = bq_store_query(catalog, err, &stmt, "SELECT min(expires) FROM bq_table", "");

    if (status != BW_OK)
        return status;
    catalog->next_expiry_us = BW_FOREVER;
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
        catalog->next_expiry_us = sqlite3_column_int64(stmt, 0);
    bw_sb_db_done(catalog->db, stmt);
    return BW_OK;
}

bw_status bq_catalog_open(const char *dir, const bw_clock *clock, bq_catalog **out, bq_error *err)
{
    bq_catalog *catalog = bw_xcalloc(1, sizeof(*catalog));
    bw_error why = BW_ERROR_INIT;

    catalog->clock = clock;
    bw_status status = bw_sb_db_open(dir, "bigquery.db", schema, &catalog->db, &why);
    if (status != BW_OK)
        status = bq_error_set(err, "internalError", NULL, "%s", why.message);
    if (status == BW_OK)
        status = drop_listed(
            catalog, STORAGES " AND name NOT IN (SELECT 't' || storage FROM bq_table)", err);
    if (status == BW_OK)
        status = read_next_expiry(catalog, err);
    if (status == BW_OK)
        status = bq_functions_register(catalog->db->handle, err);
    if (status != BW_OK) {
        bq_catalog_close(catalog);
        return status;
    }
    *out = catalog;
    return BW_OK;
}

void bq_catalog_close(bq_catalog *catalog)
{
    if (!catalog)
        return;
    bw_sb_db_close(catalog->db);
    free(catalog);
}

bw_status bq_catalog_reset(bq_catalog *catalog, bq_error *err)
{
    static const char *const clear[] = {"DELETE FROM bq_table", "DELETE FROM bq_dataset",
                                        "DELETE FROM bq_job", "DELETE FROM bq_request",
                                        "DELETE FROM bq_buffer"};
    bq_store_lock(catalog);
    bw_status status = bq_store_begin(catalog, err);
    for (size_t i = 0; status == BW_OK && i < BW_COUNT(clear); i++)
        status = bq_store_exec(catalog, err, clear[i], "");
    if (status == BW_OK)
        status = drop_listed(catalog, STORAGES, err);
    if (status == BW_OK)
        status = drop_listed(catalog, RESULTS, err);
    status = bq_store_end(catalog, status, err);
    catalog->next_expiry_us = BW_FOREVER;
    bq_store_unlock(catalog);
    return status;
}

/* ---- The mutex, and what has expired ----------------------------------------------------------- */

static bw_status drop_expired(bq_catalog *catalog, int64_t now, bq_error *err)
{
    sqlite3_stmt *stmt;
    int64_t storage = 0;
    bw_status status = bq_store_query(catalog, err, &stmt,
                                      "DELETE FROM bq_table WHERE (project, dataset, id) IN"
                                      " (SELECT project, dataset, id FROM bq_table"
                                      "  WHERE expires <= ? LIMIT 1) RETURNING storage",
                                      "i", now);

    if (status != BW_OK)
        return status;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        storage = sqlite3_column_int64(stmt, 0);
    bw_sb_db_done(catalog->db, stmt);
    if (storage == 0)
        return BW_NOT_FOUND;
    return bq_storage_drop(catalog, storage, err);
}

void bq_store_lock(bq_catalog *catalog)
{
    bw_sb_db_lock(catalog->db);
    int64_t now = bw_wall_us(catalog->clock);
    if (now < catalog->next_expiry_us)
        return;
    bq_error err = BQ_ERROR_INIT;
    bw_status status = bq_store_begin(catalog, &err);
    while (status == BW_OK)
        status = drop_expired(catalog, now, &err);
    if (bq_store_end(catalog, status == BW_NOT_FOUND ? BW_OK : status, &err) != BW_OK ||
        read_next_expiry(catalog, &err) != BW_OK)
        catalog->next_expiry_us = now + BW_SECOND; /* a full disk: try again, a little later */
}

void bq_store_unlock(bq_catalog *catalog)
{
    bw_sb_db_unlock(catalog->db);
}
