#include "backend/sandbox/ds_store.h"

#include <stdlib.h>

#include "backend/sandbox/ds_transaction.h"

/* Ids as the service allocates them: beyond what people write down, and exact as a double. */
#define FIRST_ID INT64_C(4503599627370496)

#define LIVE "until > ?3 AND version <= ?3"

static const char *const statements[DS_SQL_COUNT] = {
    [DS_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [DS_SQL_COMMIT] = "COMMIT",
    [DS_SQL_ROLLBACK] = "ROLLBACK",
    [DS_SQL_PARTITION_FIND] =
        "SELECT id FROM ds_partition WHERE project = ? AND database = ? AND namespace = ?",
    [DS_SQL_PARTITION_ADD] =
        "INSERT INTO ds_partition(project, database, namespace) VALUES(?, ?, ?)",
    [DS_SQL_PROPERTY_FIND] =
        "SELECT id FROM ds_property WHERE partition = ? AND kind = ? AND name = ?",
    [DS_SQL_PROPERTY_ADD] = "INSERT INTO ds_property(partition, kind, name) VALUES(?, ?, ?)",
    [DS_SQL_ENTITY_GET] = "SELECT id, version, created, json FROM ds_entity"
                          " WHERE partition = ?1 AND key = ?2 AND " LIVE,
    [DS_SQL_ENTITY_JSON] = "SELECT json FROM ds_entity WHERE id = ?",
    [DS_SQL_ENTITY_ADD] =
        "INSERT INTO ds_entity(partition, kind, key, version, until, created, size,"
        " json) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    [DS_SQL_ENTITY_END] = "UPDATE ds_entity SET until = ? WHERE id = ?",
    [DS_SQL_ENTITY_ERASE] = "DELETE FROM ds_entity WHERE id = ?",
    [DS_SQL_ENTITY_LAST_END] = "SELECT max(until) FROM ds_entity WHERE partition = ? AND key = ?",
    [DS_SQL_INDEX_ADD] = "INSERT OR IGNORE INTO ds_index(property, value, key, entity, element)"
                         " VALUES(?, ?, ?, ?, ?)",
    [DS_SQL_INDEX_ERASE] = "DELETE FROM ds_index WHERE entity = ?",
    [DS_SQL_INDEX_VALUE] =
        "SELECT value FROM ds_index INDEXED BY ds_index_entity WHERE entity = ? AND property = ?"
        " AND element = 0",
    [DS_SQL_HISTORY_OLDEST] = "SELECT id, until FROM ds_entity WHERE until < 9223372036854775807"
                              " ORDER BY until LIMIT 1",
    [DS_SQL_HISTORY_COUNT] = "SELECT count(*) FROM ds_entity WHERE until < 9223372036854775807",
    [DS_SQL_STATE_PUT] = "UPDATE ds_state SET last_version = ?, horizon = ?, next_id = ?",
    [DS_SQL_RESERVED_FIND] = "SELECT 1 FROM ds_reserved WHERE partition = ? AND key = ?",
    [DS_SQL_RESERVED_ADD] = "INSERT OR IGNORE INTO ds_reserved(partition, key) VALUES(?, ?)",
};

static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS ds_partition(id INTEGER PRIMARY KEY, project TEXT, database TEXT,"
    " namespace TEXT, UNIQUE(project, database, namespace))",
    "CREATE TABLE IF NOT EXISTS ds_property(id INTEGER PRIMARY KEY, partition INTEGER, kind BLOB,"
    " name BLOB, UNIQUE(partition, kind, name))",
    "CREATE TABLE IF NOT EXISTS ds_entity(id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER,"
    " kind BLOB, key BLOB, version INTEGER, until INTEGER, created INTEGER, size INTEGER, json "
    "BLOB)",
    "CREATE UNIQUE INDEX IF NOT EXISTS ds_entity_key ON ds_entity(partition, key, until)",
    "CREATE INDEX IF NOT EXISTS ds_entity_kind ON ds_entity(partition, kind, key, until, version)",
    "CREATE INDEX IF NOT EXISTS ds_entity_history ON ds_entity(until)"
    " WHERE until < 9223372036854775807",
    "CREATE TABLE IF NOT EXISTS ds_index(property INTEGER, value BLOB, key BLOB, entity INTEGER,"
    " element INTEGER, PRIMARY KEY(property, value, key, entity)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS ds_index_entity ON ds_index(entity, property, value, element)",
    "CREATE TABLE IF NOT EXISTS ds_reserved(partition INTEGER, key BLOB,"
    " PRIMARY KEY(partition, key)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS ds_state(last_version INTEGER, horizon INTEGER, next_id INTEGER)",
    "INSERT INTO ds_state SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM ds_state)",
};

/* ---- SQLite ----------------------------------------------------------------------------------- */

bw_status ds_store_fail(ds_store *store, bw_error *err)
{
    return bw_error_set(err, BW_IO, "the sandbox's storage failed: %s", sqlite3_errmsg(store->db));
}

sqlite3_stmt *ds_store_statement(ds_store *store, ds_statement which)
{
    sqlite3_stmt **stmt = &store->statements[which];
    if (!*stmt)
        sqlite3_prepare_v3(store->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    return *stmt;
}

sqlite3_stmt *ds_store_bound(ds_store *store, ds_statement which, const char *types, ...)
{
    sqlite3_stmt *stmt = ds_store_statement(store, which);
    va_list ap;
    va_start(ap, types);
    for (int i = 1; *types; types++, i++) {
        if (*types == 'i') {
            sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
        } else if (*types == 's') {
            sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        } else {
            bw_slice s = va_arg(ap, bw_slice);
            sqlite3_bind_blob64(stmt, i, s.ptr ? s.ptr : "", s.len, SQLITE_TRANSIENT);
        }
    }
    va_end(ap);
    return stmt;
}

bw_status ds_store_row(ds_store *store, sqlite3_stmt *stmt, bw_error *err)
{
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        return BW_OK;
    return code == SQLITE_DONE ? BW_NOT_FOUND : ds_store_fail(store, err);
}

bw_status ds_store_run(ds_store *store, sqlite3_stmt *stmt, bw_error *err)
{
    bw_status status = ds_store_row(store, stmt, err);
    sqlite3_reset(stmt);
    return status == BW_NOT_FOUND ? BW_OK : status;
}

bw_slice ds_store_blob(sqlite3_stmt *stmt, int column)
{
    const char *ptr = sqlite3_column_blob(stmt, column);
    return (bw_slice){ptr ? ptr : "", (size_t)sqlite3_column_bytes(stmt, column)};
}

bw_status ds_store_begin(ds_store *store, bw_error *err)
{
    store->horizon_begun = store->horizon;
    store->history_begun = store->history;
    return ds_store_run(store, ds_store_statement(store, DS_SQL_BEGIN), err);
}

void ds_store_undo(ds_store *store)
{
    store->horizon = store->horizon_begun;
    store->history = store->history_begun;
    /* Some failures have made SQLite roll back by itself. */
    if (!sqlite3_get_autocommit(store->db)) {
        sqlite3_stmt *stmt = ds_store_statement(store, DS_SQL_ROLLBACK);
        sqlite3_step(stmt);
        sqlite3_reset(stmt);
    }
}

bw_status ds_store_end(ds_store *store, bw_status status, bw_error *err)
{
    if (status == BW_OK)
        status = ds_store_run(store, ds_store_statement(store, DS_SQL_COMMIT), err);
    if (status != BW_OK)
        ds_store_undo(store);
    return status;
}

/* ---- Opening ---------------------------------------------------------------------------------- */

static bw_status exec(ds_store *store, const char *sql, bw_error *err)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? BW_OK
                                                                       : ds_store_fail(store, err);
}

static bw_status read_state(ds_store *store, bw_error *err)
{
    sqlite3_stmt *stmt;
    const char *sql = "SELECT last_version, horizon, next_id FROM ds_state";
    if (sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return ds_store_fail(store, err);
    bw_status status = ds_store_row(store, stmt, err);
    if (status == BW_OK) {
        store->last_version = sqlite3_column_int64(stmt, 0);
        store->horizon = sqlite3_column_int64(stmt, 1);
        store->next_id = sqlite3_column_int64(stmt, 2);
    }
    sqlite3_finalize(stmt);
    if (status != BW_OK)
        return status;
    stmt = ds_store_statement(store, DS_SQL_HISTORY_COUNT);
    status = ds_store_row(store, stmt, err);
    if (status == BW_OK)
        store->history = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    if (store->next_id < FIRST_ID)
        store->next_id = FIRST_ID;
    return status;
}

static bw_status open_database(ds_store *store, const char *dir, bw_error *err)
{
    static const char *const pragmas[] = {
        /* NORMAL in WAL mode: a killed process loses nothing, only a power cut could. */
        "PRAGMA journal_mode = WAL",  "PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -65536",
        "PRAGMA temp_store = MEMORY", "PRAGMA trusted_schema = OFF",
    };
    char *path = dir ? bw_xasprintf("%s/datastore.db", dir) : bw_xstrdup(":memory:");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    free(path);
    if (code != SQLITE_OK)
        return bw_error_set(err, BW_IO, "cannot open the sandbox's storage: %s",
                            store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
    sqlite3_busy_timeout(store->db, 5000);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < BW_COUNT(pragmas); i++)
        status = exec(store, pragmas[i], err);
    for (size_t i = 0; status == BW_OK && i < BW_COUNT(tables); i++)
        status = exec(store, tables[i], err);
    for (ds_statement i = 0; status == BW_OK && i < DS_SQL_COUNT; i++)
        status = ds_store_statement(store, i) ? BW_OK : ds_store_fail(store, err);
    return status == BW_OK ? read_state(store, err) : status;
}

bw_status ds_store_open(const char *dir, const bw_clock *clock, ds_store **out, bw_error *err)
{
    ds_store *store = bw_xcalloc(1, sizeof *store);
    store->clock = clock;
    pthread_mutex_init(&store->mu, NULL);
    bw_status status = open_database(store, dir, err);
    if (status != BW_OK) {
        ds_store_close(store);
        return status;
    }
    *out = store;
    return BW_OK;
}

void ds_store_close(ds_store *store)
{
    if (!store)
        return;
    ds_transactions_clear(store);
    for (size_t i = 0; i < DS_SQL_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->mu);
    free(store);
}

bw_status ds_store_reset(ds_store *store, bw_error *err)
{
    pthread_mutex_lock(&store->mu);
    ds_transactions_clear(store);
    bw_status status = ds_store_begin(store, err);
    if (status == BW_OK) {
        status = exec(store,
                      "DELETE FROM ds_index; DELETE FROM ds_entity; DELETE FROM ds_property;"
                      "DELETE FROM ds_partition; DELETE FROM ds_reserved;"
                      "UPDATE ds_state SET next_id = 0, horizon = last_version",
                      err);
        status = ds_store_end(store, status, err);
    }
    if (status == BW_OK)
        status = read_state(store, err);
    pthread_mutex_unlock(&store->mu);
    return status;
}
