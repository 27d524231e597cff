#include "backend/store/internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ---- statements ------------------------------------------------------------------------- */

static bw_sql_cached *cached(bw_store *store, const char *text)
{
    for (size_t i = 0; i < store->n_cache; i++) {
        if (!store->cache[i].open && strcmp(store->cache[i].text, text) == 0)
            return &store->cache[i];
    }
    return NULL;
}

bw_sql bw_sql_open(bw_store *store, const char *text)
{
    bw_sql q = {.store = store};
    bw_sql_cached *c = cached(store, text);
    if (!c) {
        sqlite3_stmt *stmt = NULL;
        q.rc = sqlite3_prepare_v3(store->db, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
        if (q.rc != SQLITE_OK)
            return q;
        BW_GROW(store->cache, store->n_cache + 1, store->cache_cap);
        c = &store->cache[store->n_cache++];
        *c = (bw_sql_cached){.text = bw_xstrdup(text), .stmt = stmt};
    }
    c->open = true;
    q.stmt = c->stmt;
    return q;
}

void bw_sql_fini(bw_store *store)
{
    for (size_t i = 0; i < store->n_cache; i++) {
        sqlite3_finalize(store->cache[i].stmt);
        free(store->cache[i].text);
    }
    free(store->cache);
    store->cache = NULL;
    store->n_cache = store->cache_cap = 0;
}

static bool may_bind(bw_sql *q)
{
    q->bound++;
    return q->stmt && q->rc == SQLITE_OK;
}

void bw_sql_bind_int(bw_sql *q, int64_t v)
{
    if (may_bind(q))
        q->rc = sqlite3_bind_int64(q->stmt, q->bound, v);
}

void bw_sql_bind_time(bw_sql *q, int64_t us)
{
    if (us != BW_TIME_NONE)
        bw_sql_bind_int(q, us);
    else if (may_bind(q))
        q->rc = sqlite3_bind_null(q->stmt, q->bound);
}

void bw_sql_bind_real(bw_sql *q, double v)
{
    /* SQLite stores NaN as NULL by itself. */
    if (may_bind(q))
        q->rc = sqlite3_bind_double(q->stmt, q->bound, v);
}

void bw_sql_bind_text(bw_sql *q, const char *text)
{
    if (may_bind(q))
        q->rc = sqlite3_bind_text(q->stmt, q->bound, text, -1, SQLITE_STATIC);
}

void bw_sql_bind_slice(bw_sql *q, bw_slice bytes)
{
    if (may_bind(q))
        q->rc = sqlite3_bind_blob64(q->stmt, q->bound, bytes.ptr, bytes.len, SQLITE_STATIC);
}

void bw_sql_bind_limit(bw_sql *q, size_t limit)
{
    bw_sql_bind_int(q, limit > 0 && limit < INT64_MAX ? (int64_t)limit : -1);
}

bool bw_sql_next(bw_sql *q)
{
    if (!q->stmt || (q->rc != SQLITE_OK && q->rc != SQLITE_ROW))
        return false;
    q->column = 0;
    q->rc = sqlite3_step(q->stmt);
    return q->rc == SQLITE_ROW;
}

int64_t bw_sql_int(bw_sql *q)
{
    return sqlite3_column_int64(q->stmt, q->column++);
}

int64_t bw_sql_time(bw_sql *q)
{
    bool null = sqlite3_column_type(q->stmt, q->column) == SQLITE_NULL;
    int64_t us = bw_sql_int(q);
    return null ? BW_TIME_NONE : us;
}

double bw_sql_real(bw_sql *q)
{
    int column = q->column++;
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(q->stmt, column);
}

const char *bw_sql_text(bw_sql *q, bw_arena *arena)
{
    if (sqlite3_column_type(q->stmt, q->column) == SQLITE_NULL) {
        q->column++;
        return NULL;
    }
    bw_slice s = bw_sql_peek(q);
    return bw_arena_strndup(arena, s.ptr, s.len);
}

bw_slice bw_sql_slice(bw_sql *q, bw_arena *arena)
{
    if (sqlite3_column_type(q->stmt, q->column) == SQLITE_NULL) {
        q->column++;
        return (bw_slice){NULL, 0};
    }
    return bw_arena_slice(arena, bw_sql_peek(q));
}

bw_slice bw_sql_peek(bw_sql *q)
{
    int column = q->column++;
    const char *p = sqlite3_column_blob(q->stmt, column);
    return (bw_slice){p ? p : "", (size_t)sqlite3_column_bytes(q->stmt, column)};
}

bw_status bw_sql_end(bw_sql *q, bw_error *err)
{
    bw_status st = BW_OK;
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW && q->rc != SQLITE_DONE)
        st = bw_sql_error(q->store, q->rc, err);
    for (size_t i = 0; q->stmt && i < q->store->n_cache; i++) {
        if (q->store->cache[i].stmt == q->stmt)
            q->store->cache[i].open = false;
    }
    if (q->stmt) {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
    }
    q->stmt = NULL;
    return st;
}

bw_status bw_sql_run(bw_sql *q, int64_t *changes, bw_error *err)
{
    while (bw_sql_next(q))
        ;
    if (changes)
        *changes = q->rc == SQLITE_DONE ? sqlite3_changes64(q->store->db) : 0;
    return bw_sql_end(q, err);
}

bw_status bw_sql_one_int(bw_sql *q, int64_t none, int64_t *out, bw_error *err)
{
    *out = none;
    if (bw_sql_next(q) && sqlite3_column_type(q->stmt, 0) != SQLITE_NULL)
        *out = bw_sql_int(q);
    return bw_sql_end(q, err);
}

bw_status bw_sql_list(bw_sql *q, bw_arena *arena, size_t size, bw_sql_reader *read, void **out,
                      size_t *count, bw_error *err)
{
    char *items = NULL;
    size_t n = 0, cap = 0;
    while (bw_sql_next(q)) {
        items = bw_grow(items, size, n + 1, &cap);
        memset(items + n * size, 0, size);
        read(q, arena, items + n * size);
        n++;
    }
    bw_status st = bw_sql_end(q, err);
    *out = NULL;
    *count = 0;
    if (st == BW_OK && n > 0) {
        *out = bw_arena_alloc(arena, n * size);
        memcpy(*out, items, n * size);
        *count = n;
    }
    free(items);
    return st;
}

bw_status bw_sql_script(bw_store *store, const char *text, bw_error *err)
{
    int rc = sqlite3_exec(store->db, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? BW_OK : bw_sql_error(store, rc, err);
}

/* ---- transactions ----------------------------------------------------------------------- */

void bw_tx_read(bw_store *store)
{
    pthread_mutex_lock(&store->mu);
}

void bw_tx_read_end(bw_store *store)
{
    pthread_mutex_unlock(&store->mu);
}

bw_status bw_tx_begin(bw_store *store, bw_error *err)
{
    if (store->reader)
        return bw_error_set(err, BW_DENIED, "the state in %s was opened for reading only",
                            store->dir);
    pthread_mutex_lock(&store->mu);
    bw_sql q = bw_sql_open(store, "BEGIN IMMEDIATE");
    bw_status st = bw_sql_run(&q, NULL, err);
    if (st != BW_OK)
        pthread_mutex_unlock(&store->mu);
    return st;
}

bw_status bw_tx_end(bw_store *store, bw_status status, bw_error *err)
{
    if (status == BW_OK) {
        bw_sql q = bw_sql_open(store, "COMMIT");
        status = bw_sql_run(&q, NULL, err);
    }
    /* Some errors (FULL, IOERR) have rolled back already. */
    if (status != BW_OK && !sqlite3_get_autocommit(store->db)) {
        bw_sql q = bw_sql_open(store, "ROLLBACK");
        bw_error ignored = BW_ERROR_INIT;
        if (bw_sql_run(&q, NULL, &ignored) != BW_OK)
            bw_error_hint(err, "The roll-back failed too (%s).", ignored.message);
    }
    pthread_mutex_unlock(&store->mu);
    return status;
}

/* ---- errors ----------------------------------------------------------------------------- */

typedef struct error_rule {
    int rc; /* primary result code */
    bw_status status;
    const char *message;
    const char *hint, *hint_end; /* around the state directory's name */
} error_rule;

#define GOES_ON "; nothing was lost, work goes on from the last commit."
#define DAMAGED                                                                                \
    "Move state.db, state.db-wal and state.db-shm away from ",                                 \
        " (keep them): the targets stay as they are, and the next run of each sync reads its " \
        "table anew, after you have let it take over its target."

static const error_rule ERROR_RULES[] = {
    {SQLITE_FULL, BW_IO, "the disk is full", "Free space on the disk of ", GOES_ON},
    {SQLITE_IOERR, BW_IO, "reading or writing failed", "Look at the disk of ", GOES_ON},
    {SQLITE_CANTOPEN, BW_IO, "it cannot be opened", "Look at the rights and the disk of ", "."},
    {SQLITE_READONLY, BW_DENIED, "it cannot be written to", "Look at owner and rights in ", "."},
    {SQLITE_PERM, BW_DENIED, "it may not be opened", "Look at owner and rights in ", "."},
    {SQLITE_CORRUPT, BW_CORRUPT, "the file is damaged", DAMAGED},
    {SQLITE_NOTADB, BW_CORRUPT, "the file is not a database", DAMAGED},
    {SQLITE_BUSY, BW_UNAVAILABLE, "another process has been writing for too long",
     "See which processes have files open in ", "."},
    {SQLITE_LOCKED, BW_UNAVAILABLE, "another connection has been writing for too long",
     "See which processes have files open in ", "."},
};

static const error_rule *rule_for(int rc)
{
    for (size_t i = 0; i < BW_COUNT(ERROR_RULES); i++) {
        if (ERROR_RULES[i].rc == (rc & 0xff))
            return &ERROR_RULES[i];
    }
    return NULL;
}

bw_status bw_sql_error(bw_store *store, int rc, bw_error *err)
{
    const error_rule *r = rule_for(rc);
    if (!r)
        return bw_error_set(err, BW_INTERNAL, "state file %s/state.db: %s (%s)", store->dir,
                            sqlite3_errmsg(store->db), sqlite3_errstr(rc));
    int saved = sqlite3_system_errno(store->db);
    if (saved != 0 && (r->status == BW_IO || r->status == BW_DENIED))
        bw_error_errno(err, r->status, saved, "state file %s/state.db: %s", store->dir, r->message);
    else
        bw_error_set(err, r->status, "state file %s/state.db: %s", store->dir, r->message);
    return bw_error_hint(err, "%s%s%s", r->hint, store->dir, r->hint_end);
}
