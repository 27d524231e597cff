/*
 * The store's way to SQLite: prepared statements from a cache, values bound and read in order, one
 * mapping of SQLite's results to errors, transactions behind the store's mutex. Private to this
 * room.
 *
 *     bw_sql q = bw_sql_open(store, "SELECT id, who FROM audit WHERE id > ?");
 *     bw_sql_bind_int(&q, after);
 *     while (bw_sql_next(&q))
 *         note(bw_sql_int(&q), bw_sql_text(&q, arena));
 *     st = bw_sql_end(&q, err);
 *
 * An error sticks to the statement: everything after it does nothing, bw_sql_end reports it.
 * Threads: between bw_tx_begin (or bw_tx_read) and bw_tx_end, which hold the mutex.
 */
#ifndef BW_STORE_SQL_H
#define BW_STORE_SQL_H

#include <sqlite3.h>

#include "backend/store/store.h"

typedef struct bw_sql {
    bw_store *store;
    sqlite3_stmt *stmt;
    int rc;     /* SQLITE_OK before the first step, then ROW or DONE, or the first error */
    int bound;  /* parameters bound so far */
    int column; /* columns of the current row read so far */
} bw_sql;

/* A statement ready to be bound. `text` is prepared once per store and must not be open already. */
bw_sql bw_sql_open(bw_store *store, const char *text);

/* Bind the next parameter. NULL, BW_TIME_NONE, NAN and a slice without a pointer are NULL. Text and
   slices are borrowed until bw_sql_end. */
void bw_sql_bind_int(bw_sql *q, int64_t v);
void bw_sql_bind_time(bw_sql *q, int64_t us);
void bw_sql_bind_real(bw_sql *q, double v);
void bw_sql_bind_text(bw_sql *q, const char *text);
void bw_sql_bind_slice(bw_sql *q, bw_slice bytes);
/* For LIMIT: 0 is no limit. */
void bw_sql_bind_limit(bw_sql *q, size_t limit);

/* The next row; false at the end and on an error. */
bool bw_sql_next(bw_sql *q);

/* The next column of the row, in the arena where it is text. */
int64_t bw_sql_int(bw_sql *q);
int64_t bw_sql_time(bw_sql *q);
double bw_sql_real(bw_sql *q);
const char *bw_sql_text(bw_sql *q, bw_arena *arena);
bw_slice bw_sql_slice(bw_sql *q, bw_arena *arena);
/* Borrowed until the next step; "" for NULL. */
bw_slice bw_sql_peek(bw_sql *q);

/* Gives the statement back. */
bw_status bw_sql_end(bw_sql *q, bw_error *err);
/* Steps to the end and gives it back; *changes (may be NULL) counts the rows changed. */
bw_status bw_sql_run(bw_sql *q, int64_t *changes, bw_error *err);
/* One integer from one row (`none` where there is no row or it is NULL) and gives it back. */
bw_status bw_sql_one_int(bw_sql *q, int64_t none, int64_t *out, bw_error *err);
/* Every row as an item of `size` bytes read by `read`, as an array in the arena. */
typedef void bw_sql_reader(bw_sql *q, bw_arena *arena, void *item);
bw_status bw_sql_list(bw_sql *q, bw_arena *arena, size_t size, bw_sql_reader *read, void **out,
                      size_t *count, bw_error *err);

/* Statements without parameters or rows, not cached. */
bw_status bw_sql_script(bw_store *store, const char *text, bw_error *err);
/* Finalizes the cache. */
void bw_sql_fini(bw_store *store);

/* Takes the mutex and begins a writing transaction (BEGIN IMMEDIATE, so that it never has to give
   up half-way for another writer). Without BW_OK nothing is held. */
BW_NODISCARD bw_status bw_tx_begin(bw_store *store, bw_error *err);
/* Commits when status is BW_OK, else rolls back; releases the mutex. Returns the final status. */
BW_NODISCARD bw_status bw_tx_end(bw_store *store, bw_status status, bw_error *err);
/* The mutex alone, for reading by single statements. */
void bw_tx_read(bw_store *store);
void bw_tx_read_end(bw_store *store);
/* The error for an SQLite result code, with a hint that names the file or its directory. */
bw_status bw_sql_error(bw_store *store, int rc, bw_error *err);

#endif
