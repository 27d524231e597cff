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
    while (db->kept_count > 0)
        sqlite3_finalize(db->kept[--db->kept_count].stmt);
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

/* Of a few characters only: the texts are long, and compared when their keys are equal. */
static uint64_t key_of(const char *sql, size_t len)
{
    uint64_t key = BW_SB_HASH_SEED ^ len;
    for (size_t i = 0; i < len; i += len / 16 + 1)
        key = bw_sb_hash(key, &sql[i], 1);
    return key;
}

/* One of this text that nobody uses; NULL when there is none. */
static sqlite3_stmt *take_kept(bw_sb_db *db, const char *sql, uint64_t key)
{
    for (size_t i = 0; i < db->kept_count; i++) {
        if (db->kept[i].key != key || db->kept[i].busy ||
            strcmp(sqlite3_sql(db->kept[i].stmt), sql) != 0)
            continue;
        db->kept[i].busy = true;
        db->kept[i].used_at = ++db->uses;
        return db->kept[i].stmt;
    }
    return NULL;
}

/* Definitions are made once, but for those that are mostly there; a text of many columns would keep
   much memory. */
static bool worth_keeping(const char *sql, size_t len)
{
    static const char *const words[] = {"SELECT",
                                        "INSERT",
                                        "UPDATE",
                                        "DELETE",
                                        "BEGIN",
                                        "COMMIT",
                                        "CREATE TABLE IF NOT EXISTS",
                                        "CREATE INDEX IF NOT EXISTS"};
    for (size_t i = 0; i < BW_COUNT(words) && len <= 2000; i++) {
        if (strncmp(sql, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}

/* In a free place, or that of the one that has not been used for longest. */
static void keep(bw_sb_db *db, sqlite3_stmt *stmt, uint64_t key)
{
    size_t at = db->kept_count;
    for (size_t i = 0; db->kept_count == BW_SB_DB_STATEMENTS && i < db->kept_count; i++) {
        bool older = at == db->kept_count || db->kept[i].used_at < db->kept[at].used_at;
        at = !db->kept[i].busy && older ? i : at;
    }
    if (at == BW_SB_DB_STATEMENTS)
        return;
    if (at < db->kept_count)
        sqlite3_finalize(db->kept[at].stmt);
    else
        db->kept_count++;
    db->kept[at].key = key;
    db->kept[at].stmt = stmt;
    db->kept[at].used_at = ++db->uses;
    db->kept[at].busy = true;
}

static sqlite3_stmt *prepare(bw_sb_db *db, const char *sql)
{
    size_t len = strlen(sql);
    uint64_t key = key_of(sql, len);
    sqlite3_stmt *stmt = take_kept(db, sql, key);
    if (stmt)
        return stmt;
    if (sqlite3_prepare_v2(db->handle, sql, (int)len + 1, &stmt, NULL) != SQLITE_OK)
        return NULL;
    if (worth_keeping(sql, len))
        keep(db, stmt, key);
    return stmt;
}

static void give_back(bw_sb_db *db, sqlite3_stmt *stmt)
{
    for (size_t i = 0; i < db->kept_count; i++) {
        if (db->kept[i].stmt == stmt) {
            db->kept[i].busy = false;
            return;
        }
    }
    sqlite3_finalize(stmt);
}

sqlite3_stmt *bw_sb_db_vquery(bw_sb_db *db, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *stmt = prepare(db, sql);
    for (int i = 1; stmt && *types; types++, i++) {
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
    give_back(db, stmt);
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
