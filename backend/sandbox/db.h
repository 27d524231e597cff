/*
 * The SQLite database of one of the sandbox's services: a file of the data directory (WAL; survives
 * SIGKILL), or memory. One connection behind one mutex; statements are kept prepared by their text,
 * because to prepare one takes longer than to run it. Threads: any.
 */
#ifndef BW_SANDBOX_DB_H
#define BW_SANDBOX_DB_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "backend/sandbox/http.h"

#define BW_SB_DB_STATEMENTS 64

typedef struct bw_sb_db {
    sqlite3 *handle;
    pthread_mutex_t mu;
    struct {
        uint64_t key; /* of the text; equal texts have equal keys */
        sqlite3_stmt *stmt;
        uint64_t used_at;        /* on the clock of uses */
        bool busy;               /* between query and end */
    } kept[BW_SB_DB_STATEMENTS]; /* guarded by mu: prepared statements */
    size_t kept_count;           /* guarded by mu */
    uint64_t uses;               /* guarded by mu */
} bw_sb_db;

/* `dir` NULL: in memory. `schema`: CREATE TABLE IF NOT EXISTS statements. */
BW_NODISCARD bw_status bw_sb_db_open(const char *dir, const char *file, const char *schema,
                                     bw_sb_db **out, bw_error *err);
/* NULL is fine. */
void bw_sb_db_close(bw_sb_db *db);
/* Empties all tables. */
BW_NODISCARD bw_status bw_sb_db_reset(bw_sb_db *db, bw_error *err);

void bw_sb_db_lock(bw_sb_db *db);
void bw_sb_db_unlock(bw_sb_db *db);

/* Below here the mutex is held. */

/*
 * A statement, to be stepped and then ended by one of the next three functions; NULL after a failure,
 * which they take for one. `types` names the arguments: i int64_t, t text (may be NULL), s bw_slice
 * (text), b bw_slice (bytes). Texts and bytes are borrowed until the end.
 */
sqlite3_stmt *bw_sb_db_query(bw_sb_db *db, const char *sql, const char *types, ...);
sqlite3_stmt *bw_sb_db_vquery(bw_sb_db *db, const char *sql, const char *types, va_list ap);
/* Whether there is another row; false for NULL. */
bool bw_sb_db_next(sqlite3_stmt *stmt);
/* Ends it; false when a failure has ended the rows. */
bool bw_sb_db_done(bw_sb_db *db, sqlite3_stmt *stmt);
/* Steps through all its rows. */
bool bw_sb_db_finish(bw_sb_db *db, sqlite3_stmt *stmt);
/* Takes the first column of the first row; *out stays when there is none or it is null. */
bool bw_sb_db_value(bw_sb_db *db, sqlite3_stmt *stmt, int64_t *out);

/* Several statements without arguments. */
BW_NODISCARD bw_status bw_sb_db_script(bw_sb_db *db, const char *sql, bw_error *err);
/* A statement without rows; false after a failure. */
bool bw_sb_db_exec(bw_sb_db *db, const char *sql, const char *types, ...);
/* Rows that the last statement has changed. */
int bw_sb_db_changes(bw_sb_db *db);
bool bw_sb_db_begin(bw_sb_db *db);
bool bw_sb_db_commit(bw_sb_db *db);
/* Rolls back what has been begun, unless a failure has done that already. */
void bw_sb_db_undo(bw_sb_db *db);
/* Commits when `good`, else rolls back; whether it has been committed. */
bool bw_sb_db_end(bw_sb_db *db, bool good);
/* What SQLite says; as an error, and as an answer with 500 (returns BW_SB_DONE). */
bw_status bw_sb_db_error(bw_sb_db *db, bw_error *err);
bw_sb_outcome bw_sb_db_failed(bw_sb_db *db, bw_sb_reply *reply);

/* A text column in the arena, NULL for NULL; and as bytes, borrowed until the next step. */
const char *bw_sb_db_text(bw_arena *arena, sqlite3_stmt *stmt, int column);
bw_slice bw_sb_db_bytes(sqlite3_stmt *stmt, int column);

#endif
