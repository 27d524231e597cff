#include "backend/sandbox/db.h"

#include <pthread.h>
#include <stdlib.h>

struct bw_sb_db {
    sqlite3 *db;
    pthread_mutex_t mu;
};

static bw_status run(bw_sb_db *db, const char *sql, bw_error *err)
{
    char *why = NULL;
    if (sqlite3_exec(db->db, sql, NULL, NULL, &why) == SQLITE_OK)
        return BW_OK;
    bw_error_set(err, BW_IO, "the sandbox's storage failed: %s", why ? why : "no memory");
    sqlite3_free(why);
    return BW_IO;
}

bw_status bw_sb_db_open(const char *dir, const char *file, const char *schema, bw_sb_db **out,
                        bw_error *err)
{
    bw_sb_db *db = bw_xcalloc(1, sizeof *db);
    char *path = dir ? bw_xasprintf("%s/%s", dir, file) : bw_xstrdup(":memory:");
    pthread_mutex_init(&db->mu, NULL);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    bw_status status = BW_OK;
    if (sqlite3_open_v2(path, &db->db, flags, NULL) != SQLITE_OK)
        status = bw_error_set(err, BW_IO, "cannot open %s: %s", path,
                              db->db ? sqlite3_errmsg(db->db) : "no memory");
    free(path);
    if (status == BW_OK)
        status = run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err);
    if (status == BW_OK)
        status = run(db, schema, err);
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
    sqlite3_close(db->db);
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
    while (tables && sqlite3_step(tables) == SQLITE_ROW)
        bw_buf_addf(&sql, "DELETE FROM \"%s\";", (const char *)sqlite3_column_text(tables, 0));
    sqlite3_finalize(tables);
    bw_buf_adds(&sql, "COMMIT");
    bw_status status = run(db, bw_buf_cstr(&sql), err);
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

static sqlite3_stmt *prepare(bw_sb_db *db, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return NULL;
    for (int i = 1; *types; types++, i++) {
        if (*types == 'i') {
            sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
        } else if (*types == 't') {
            sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        } else {
            const bw_slice *s = va_arg(ap, const bw_slice *);
            const char *bytes = s->ptr ? s->ptr : "";
            if (*types == 's')
                sqlite3_bind_text64(stmt, i, bytes, s->len, SQLITE_TRANSIENT, SQLITE_UTF8);
            else
                sqlite3_bind_blob64(stmt, i, bytes, s->len, SQLITE_TRANSIENT);
        }
    }
    return stmt;
}

sqlite3_stmt *bw_sb_db_query(bw_sb_db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = prepare(db, sql, types, ap);
    va_end(ap);
    return stmt;
}

bool bw_sb_db_exec(bw_sb_db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = prepare(db, sql, types, ap);
    va_end(ap);
    if (!stmt)
        return false;
    int code = sqlite3_step(stmt);
    while (code == SQLITE_ROW)
        code = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE;
}

int bw_sb_db_changes(bw_sb_db *db)
{
    return sqlite3_changes(db->db);
}

bool bw_sb_db_begin(bw_sb_db *db)
{
    return bw_sb_db_exec(db, "BEGIN IMMEDIATE", "");
}

bool bw_sb_db_end(bw_sb_db *db, bool good)
{
    if (good && bw_sb_db_exec(db, "COMMIT", ""))
        return true;
    if (!sqlite3_get_autocommit(db->db))
        bw_sb_db_exec(db, "ROLLBACK", "");
    return false;
}

bw_sb_outcome bw_sb_db_failed(bw_sb_db *db, bw_sb_reply *reply)
{
    bw_sb_reply_error(reply, 500, NULL, NULL, "the sandbox's storage failed: %s",
                      sqlite3_errmsg(db->db));
    return BW_SB_DONE;
}

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
