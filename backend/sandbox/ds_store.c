#include "backend/sandbox/ds_store.h"

#include <stdlib.h>

#include "backend/sandbox/ds_transaction.h"

/* Ids as the service allocates them: beyond what people write down, and exact as a double. */
#define FIRST_ID INT64_C(4503599627370496)

#define LIVE "until > ?3 AND version <= ?3"

static const char *const statements[DS_SQL_COUNT] = {
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
    [DS_SQL_STATE_PUT] = "UPDATE ds_state SET last_version = ?, horizon = ?, next_id = ?",
    [DS_SQL_RESERVED_FIND] = "SELECT 1 FROM ds_reserved WHERE partition = ? AND key = ?",
    [DS_SQL_RESERVED_ADD] = "INSERT OR IGNORE INTO ds_reserved(partition, key) VALUES(?, ?)",
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS ds_partition(id INTEGER PRIMARY KEY, project TEXT, database TEXT,"
    " namespace TEXT, UNIQUE(project, database, namespace));"
    "CREATE TABLE IF NOT EXISTS ds_property(id INTEGER PRIMARY KEY, partition INTEGER, kind BLOB,"
    " name BLOB, UNIQUE(partition, kind, name));"
    "CREATE TABLE IF NOT EXISTS ds_entity(id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER,"
    " kind BLOB, key BLOB, version INTEGER, until INTEGER, created INTEGER, size INTEGER, json "
    "BLOB);"
    "CREATE UNIQUE INDEX IF NOT EXISTS ds_entity_key ON ds_entity(partition, key, until);"
    "CREATE INDEX IF NOT EXISTS ds_entity_kind ON ds_entity(partition, kind, key, until, version);"
    "CREATE INDEX IF NOT EXISTS ds_entity_history ON ds_entity(until)"
    " WHERE until < 9223372036854775807;"
    "CREATE TABLE IF NOT EXISTS ds_index(property INTEGER, value BLOB, key BLOB, entity INTEGER,"
    " element INTEGER, PRIMARY KEY(property, value, key, entity)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS ds_index_entity ON ds_index(entity, property, value, element);"
    "CREATE TABLE IF NOT EXISTS ds_reserved(partition INTEGER, key BLOB,"
    " PRIMARY KEY(partition, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS ds_state(last_version INTEGER, horizon INTEGER, next_id INTEGER);"
    "INSERT INTO ds_state SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM ds_state);";

/* ---- SQLite ----------------------------------------------------------------------------------- */

sqlite3_stmt *ds_store_bound(ds_store *store, ds_statement which, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = bw_sb_db_vquery(store->db, statements[which], types, ap);
    va_end(ap);
    return stmt;
}

bw_status ds_store_row(ds_store *store, sqlite3_stmt *stmt, bw_error *err)
{
    int code = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        return BW_OK;
    return code == SQLITE_DONE ? BW_NOT_FOUND : bw_sb_db_error(store->db, err);
}

bw_status ds_store_run(ds_store *store, sqlite3_stmt *stmt, bw_error *err)
{
    return bw_sb_db_finish(store->db, stmt) ? BW_OK : bw_sb_db_error(store->db, err);
}

bw_status ds_store_begin(ds_store *store, bw_error *err)
{
    store->horizon_begun = store->horizon;
    store->history_begun = store->history;
    return bw_sb_db_begin(store->db) ? BW_OK : bw_sb_db_error(store->db, err);
}

void ds_store_undo(ds_store *store)
{
    store->horizon = store->horizon_begun;
    store->history = store->history_begun;
    ds_properties_forget(store);
    bw_sb_db_undo(store->db);
}

bw_status ds_store_end(ds_store *store, bw_status status, bw_error *err)
{
    if (status == BW_OK && !bw_sb_db_commit(store->db))
        status = bw_sb_db_error(store->db, err);
    if (status != BW_OK)
        ds_store_undo(store);
    return status;
}

/* ---- Opening ---------------------------------------------------------------------------------- */

static bw_status read_state(ds_store *store, bw_error *err)
{
    const char *sql = "SELECT last_version, horizon, next_id, (SELECT count(*) FROM ds_entity"
                      " WHERE until < 9223372036854775807) FROM ds_state";
    sqlite3_stmt *stmt = bw_sb_db_query(store->db, sql, "");
    bw_status status = ds_store_row(store, stmt, err);
    if (status == BW_OK) {
        store->last_version = sqlite3_column_int64(stmt, 0);
        store->horizon = sqlite3_column_int64(stmt, 1);
        store->next_id = sqlite3_column_int64(stmt, 2);
        store->history = sqlite3_column_int64(stmt, 3);
    }
    bw_sb_db_done(store->db, stmt);
    if (store->next_id < FIRST_ID)
        store->next_id = FIRST_ID;
    return status;
}

bw_status ds_store_open(const char *dir, const bw_clock *clock, ds_store **out, bw_error *err)
{
    ds_store *store = bw_xcalloc(1, sizeof *store);
    store->clock = clock;
    bw_status status = bw_sb_db_open(dir, "datastore.db", schema, &store->db, err);
    if (status == BW_OK)
        status = read_state(store, err);
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
    for (size_t i = 0; i < DS_PROPERTY_SLOTS; i++)
        bw_buf_fini(&store->properties[i].text);
    bw_sb_db_close(store->db);
    free(store);
}

bw_status ds_store_reset(ds_store *store, bw_error *err)
{
    bw_sb_db_lock(store->db);
    ds_transactions_clear(store);
    ds_properties_forget(store);
    bw_status status = ds_store_begin(store, err);
    if (status == BW_OK) {
        status =
            bw_sb_db_script(store->db,
                            "DELETE FROM ds_index; DELETE FROM ds_entity; DELETE FROM ds_property;"
                            "DELETE FROM ds_partition; DELETE FROM ds_reserved;"
                            "UPDATE ds_state SET next_id = 0, horizon = last_version",
                            err);
        status = ds_store_end(store, status, err);
    }
    if (status == BW_OK)
        status = read_state(store, err);
    bw_sb_db_unlock(store->db);
    return status;
}
