/*
 * The SQLite database of a service that keeps its resources by itself (Logging, Monitoring, Secret
 * Manager): a file of the data directory (WAL; survives SIGKILL), or memory. One connection behind
 * one mutex, which a handler holds for its own duration. Threads: any.
 */
#ifndef BW_SANDBOX_DB_H
#define BW_SANDBOX_DB_H

#include <sqlite3.h>

#include "backend/sandbox/http.h"

typedef struct bw_sb_db bw_sb_db;

/* `dir` NULL: in memory. `schema`: CREATE TABLE IF NOT EXISTS statements. */
BW_NODISCARD bw_status bw_sb_db_open(const char *dir, const char *file, const char *schema,
                                     bw_sb_db **out, bw_error *err);
/* NULL is fine. */
void bw_sb_db_close(bw_sb_db *db);
/* Empties all tables. */
BW_NODISCARD bw_status bw_sb_db_reset(bw_sb_db *db, bw_error *err);

void bw_sb_db_lock(bw_sb_db *db);
void bw_sb_db_unlock(bw_sb_db *db);

/*
 * Below here the mutex is held. `types` names the arguments: t text (may be NULL), i int64_t,
 * s const bw_slice * (text), b const bw_slice * (bytes).
 */
/* A prepared statement, which the caller steps and finalises; NULL after a failure. */
sqlite3_stmt *bw_sb_db_query(bw_sb_db *db, const char *sql, const char *types, ...);
/* A statement without rows; false after a failure. */
bool bw_sb_db_exec(bw_sb_db *db, const char *sql, const char *types, ...);
/* Rows that the last statement has changed. */
int bw_sb_db_changes(bw_sb_db *db);
bool bw_sb_db_begin(bw_sb_db *db);
/* Commits when `good`, else rolls back; whether it has been committed. */
bool bw_sb_db_end(bw_sb_db *db, bool good);
/* Answers 500 with what SQLite says. Returns BW_SB_DONE. */
bw_sb_outcome bw_sb_db_failed(bw_sb_db *db, bw_sb_reply *reply);

/* A text column in the arena, NULL for NULL; and as bytes, borrowed until the next step. */
const char *bw_sb_db_text(bw_arena *arena, sqlite3_stmt *stmt, int column);
bw_slice bw_sb_db_bytes(sqlite3_stmt *stmt, int column);

#endif
