#include "backend/sandbox/db.h"

#include <stdlib.h>

#include "backend/sandbox/hash.h"

/* ---- Opening ---------------------------------------------------------------------------------- */

bw_status bw_sb_db_script(bw_sb_db *db, const char *sql, bw_error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? BW_OK
                                                                        : bw_sb_db_error(db, err);
}

static bw_status open_handle(bw_sb_db *db, const char *path, bw_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (code != SQLITE_OK)
        return bw_error_set(err, BW_IO, "cannot open %s: %s", path,
                            db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
    sqlite3_busy_timeout(db->handle, 5000);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* NORMAL in WAL mode: a killed process loses nothing, only a power cut could. */
    return bw_sb_db_script(
        db,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;"
        "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF",
        err);
}

bw_status bw_sb_db_open(const char *dir, const char *file, const char *schema, bw_sb_db **out,
                        bw_error *err)
{
    bw_sb_db *db = bw_xcalloc(1, sizeof *db);
    char *path = dir ? bw_xasprintf("%s/%s", dir, file) : bw_xstrdup(":memory:");
    pthread_mutex_init(&db->mu, NULL);
    bw_status status = open_handle(db, path, err);
    free(path);
    if (status == BW_OK)
        status = bw_sb_db_script(db, schema, err);
    if (status != BW_OK) {
        bw_sb_db_close(db);
        return status;
    }
    *out = db;
    return BW_OK;
}

void bw_sb_db_close(bw_sb_db *db)
{
    if (!db)
        return;
    while (db->idle_count > 0)
        sqlite3_finalize(db->idle[--db->idle_count].stmt);
    sqlite3_close(db->handle);
    pthread_mutex_destroy(&db->mu);
    free(db);
}

bw_status bw_sb_db_reset(bw_sb_db *db, bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    bw_sb_db_lock(db);
    bw_buf_adds(&sql, "BEGIN;");
    sqlite3_stmt *tables =
        bw_sb_db_query(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", "");
    while (bw_sb_db_next(tables))
        bw_buf_addf(&sql, "DELETE FROM \"%s\";", (const char *)sqlite3_column_text(tables, 0));
    bw_sb_db_done(db, tables);
    bw_buf_adds(&sql, "COMMIT");
    bw_status status = bw_sb_db_script(db, bw_buf_cstr(&sql), err);
    if (status != BW_OK)
        bw_sb_db_end(db, false);
    bw_sb_db_unlock(db);
    bw_buf_fini(&sql);
    return status;
}

void bw_sb_db_lock(bw_sb_db *db)
{
    pthread_mutex_lock(&db->mu);
}

void bw_sb_db_unlock(bw_sb_db *db)
{
    pthread_mutex_unlock(&db->mu);
}

/* ---- Statements ------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *sql)
{
    return bw_sb_hash(BW_SB_HASH_SEED, sql, strlen(sql));
}

/* An idle statement of this text, which is the caller's now; NULL when there is none. */
static sqlite3_stmt *take_idle(bw_sb_db *db, const char *sql)
{
    uint64_t hash = hash_of(sql);
    for (size_t i = 0; i < db->idle_count; i++) {
        sqlite3_stmt *stmt = db->idle[i].stmt;
        if (db->idle[i].hash != hash || strcmp(sqlite3_sql(stmt), sql) != 0)
            continue;
        db->idle_count--;
        memmove(&db->idle[i], &db->idle[i + 1], (db->idle_count - i) * sizeof db->idle[0]);
        return stmt;
    }
    return NULL;
}

/* Definitions are made once; a text of many columns would keep much memory. */
static bool worth_keeping(const char *sql)
{
    static const char *const words[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT"};
    if (strlen(sql) > 2000)
        return false;
    for (size_t i = 0; i < BW_COUNT(words); i++) {
        if (strncmp(sql, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}

static void keep_idle(bw_sb_db *db, sqlite3_stmt *stmt)
{
    if (!worth_keeping(sqlite3_sql(stmt))) {
        sqlite3_finalize(stmt);
        return;
    }
    if (db->idle_count == BW_SB_DB_IDLE)
        sqlite3_finalize(db->idle[--db->idle_count].stmt);
    memmove(&db->idle[1], &db->idle[0], db->idle_count * sizeof db->idle[0]);
    db->idle[0].hash = hash_of(sqlite3_sql(stmt));
    db->idle[0].stmt = stmt;
    db->idle_count++;
}

sqlite3_stmt *bw_sb_db_vquery(bw_sb_db *db, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *stmt = take_idle(db, sql);
    if (!stmt && sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) != SQLITE_OK)
        return NULL;
    for (int i = 1; *types; types++, i++) {
        if (*types == 'i') {
            sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
        } else if (*types == 't') {
            sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
        } else {
            bw_slice s = va_arg(ap, bw_slice);
            const char *bytes = s.ptr ? s.ptr : "";
            if (*types == 's')
                sqlite3_bind_text64(stmt, i, bytes, s.len, SQLITE_STATIC, SQLITE_UTF8);
            else
                sqlite3_bind_blob64(stmt, i, bytes, s.len, SQLITE_STATIC);
        }
    }
    return stmt;
}

sqlite3_stmt *bw_sb_db_query(bw_sb_db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = bw_sb_db_vquery(db, sql, types, ap);
    va_end(ap);
    return stmt;
}

bool bw_sb_db_next(sqlite3_stmt *stmt)
{
    return stmt && sqlite3_step(stmt) == SQLITE_ROW;
}

bool bw_sb_db_done(bw_sb_db *db, sqlite3_stmt *stmt)
{
    if (!stmt)
        return false;
    bool good = sqlite3_reset(stmt) == SQLITE_OK;
    sqlite3_clear_bindings(stmt);
    keep_idle(db, stmt);
    return good;
}

bool bw_sb_db_finish(bw_sb_db *db, sqlite3_stmt *stmt)
{
    while (bw_sb_db_next(stmt))
        ;
    return bw_sb_db_done(db, stmt);
}

bool bw_sb_db_value(bw_sb_db *db, sqlite3_stmt *stmt, int64_t *out)
{
    if (bw_sb_db_next(stmt) && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(stmt, 0);
    return bw_sb_db_done(db, stmt);
}

bool bw_sb_db_exec(bw_sb_db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = bw_sb_db_vquery(db, sql, types, ap);
    va_end(ap);
    return bw_sb_db_finish(db, stmt);
}

int bw_sb_db_changes(bw_sb_db *db)
{
    return sqlite3_changes(db->handle);
}

bool bw_sb_db_begin(bw_sb_db *db)
{
    return bw_sb_db_exec(db, "BEGIN IMMEDIATE", "");
}

bool bw_sb_db_commit(bw_sb_db *db)
{
    return bw_sb_db_exec(db, "COMMIT", "");
}

void bw_sb_db_undo(bw_sb_db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        bw_sb_db_exec(db, "ROLLBACK", "");
}

bool bw_sb_db_end(bw_sb_db *db, bool good)
{
    if (good && bw_sb_db_commit(db))
        return true;
    bw_sb_db_undo(db);
    return false;
}

bw_status bw_sb_db_error(bw_sb_db *db, bw_error *err)
{
    return bw_error_set(err, BW_IO, "the sandbox's storage failed: %s", sqlite3_errmsg(db->handle));
}

bw_sb_outcome bw_sb_db_failed(bw_sb_db *db, bw_sb_reply *reply)
{
    bw_error err = BW_ERROR_INIT;
    bw_status status = bw_sb_db_error(db, &err);
    (void)status;
    bw_sb_reply_error(reply, 500, NULL, NULL, "%s", err.message);
    return BW_SB_DONE;
}

/* ---- Columns ---------------------------------------------------------------------------------- */

const char *bw_sb_db_text(bw_arena *arena, sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return NULL;
    bw_slice s = bw_sb_db_bytes(stmt, column);
    return bw_arena_strndup(arena, s.ptr, s.len);
}

bw_slice bw_sb_db_bytes(sqlite3_stmt *stmt, int column)
{
    const void *bytes = sqlite3_column_blob(stmt, column);
    return (bw_slice){bytes ? bytes : "", (size_t)sqlite3_column_bytes(stmt, column)};
}
