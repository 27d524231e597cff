/*
 * The tables, as a list of steps: step n brings a file of schema n to n + 1 (PRAGMA user_version).
 * A step that has been released is never changed.
 *
 * Times are microseconds since the epoch, NULL when unknown. States and reasons are stored by name,
 * so that a file can be read without this program.
 */
#include "backend/store/internal.h"

#include <stdio.h>

#define APPLICATION_ID 0x62777374 /* "bwst" */

static const char *const STEPS[BW_STORE_SCHEMA] = {
    /* 0 -> 1 */
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('store_id', lower(hex(randomblob(4))));"

    /* One row: the engine that has, or last had, the lock. clean: it said good-bye. */
    "CREATE TABLE engine (one INTEGER PRIMARY KEY CHECK (one = 1), started INTEGER NOT NULL,"
    " heartbeat INTEGER NOT NULL, version TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,"
    " clean INTEGER NOT NULL) STRICT;"

    /* epoch: counts resets, so that a batch from before a reset does not bring the checkpoint back. */
    "CREATE TABLE syncs (name TEXT PRIMARY KEY, source TEXT, target TEXT, mode TEXT,"
    " checkpoint TEXT, watermark INTEGER, last_success INTEGER, last_run INTEGER, next_run INTEGER,"
    " paused INTEGER NOT NULL DEFAULT 0, paused_by TEXT, parked_until INTEGER, parked_reason TEXT,"
    " state TEXT, freshness REAL, lag_s REAL, error TEXT, hint TEXT,"
    " failures INTEGER NOT NULL DEFAULT 0, rows_total INTEGER NOT NULL DEFAULT 0,"
    " null_cursors INTEGER NOT NULL DEFAULT -1, ahead_rows INTEGER NOT NULL DEFAULT -1, notes TEXT,"
    " next_batch INTEGER NOT NULL DEFAULT 1, freshness_target INTEGER, score_model BLOB,"
    " epoch INTEGER NOT NULL DEFAULT 0) STRICT;"

    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, sync TEXT NOT NULL, mode TEXT,"
    " \"trigger\" TEXT, state TEXT NOT NULL, kind TEXT, started INTEGER, ended INTEGER,"
    " rows_read INTEGER NOT NULL DEFAULT 0, rows_loaded INTEGER NOT NULL DEFAULT 0,"
    " dead_letters INTEGER NOT NULL DEFAULT 0, bytes_uploaded INTEGER NOT NULL DEFAULT 0,"
    " bytes_billed INTEGER NOT NULL DEFAULT 0, batches INTEGER NOT NULL DEFAULT 0,"
    " checkpoint TEXT, error TEXT, hint TEXT) STRICT;"
    "CREATE INDEX runs_by_sync ON runs (sync, id);"
    "CREATE INDEX runs_running ON runs (id) WHERE state = 'running';"

    "CREATE TABLE batches (sync TEXT NOT NULL, number INTEGER NOT NULL, run_id INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, state TEXT NOT NULL, label TEXT, project TEXT, dataset TEXT,"
    " table_name TEXT, staging TEXT, load_job TEXT, final_attempt INTEGER NOT NULL,"
    " backfill INTEGER NOT NULL, position TEXT, watermark INTEGER, rows_read INTEGER NOT NULL,"
    " rows_loaded INTEGER NOT NULL, dead_letters INTEGER NOT NULL, bytes_uploaded INTEGER NOT NULL,"
    " null_cursors INTEGER NOT NULL, ahead_rows INTEGER NOT NULL,"
    " landed_keys TEXT, started INTEGER, updated INTEGER,"
    " epoch INTEGER NOT NULL, PRIMARY KEY (sync, number)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX batches_by_run ON batches (run_id, number);"
    "CREATE INDEX batches_open ON batches (sync, number) WHERE state IN ('planned', 'loaded');"

    "CREATE TABLE batch_finals (sync TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, text TEXT NOT NULL, done INTEGER NOT NULL,"
    " PRIMARY KEY (sync, number, step),"
    " FOREIGN KEY (sync, number) REFERENCES batches ON DELETE CASCADE) STRICT, WITHOUT ROWID;"

    /* Staging tables that may exist, one for each attempt of a batch. */
    "CREATE TABLE stagings (sync TEXT NOT NULL, number INTEGER NOT NULL, staging TEXT NOT NULL,"
    " PRIMARY KEY (sync, number, staging),"
    " FOREIGN KEY (sync, number) REFERENCES batches) STRICT, WITHOUT ROWID;"

    "CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT, sync TEXT NOT NULL,"
    " event_id TEXT NOT NULL, key TEXT, reason TEXT NOT NULL, column_name TEXT, detail TEXT,"
    " attributes TEXT, attempts INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL, state TEXT NOT NULL, changed INTEGER NOT NULL,"
    " batch INTEGER NOT NULL, content BLOB, UNIQUE (sync, event_id)) STRICT;"
    "CREATE INDEX letters_listed ON letters (id) WHERE state IN ('staged', 'open', 'replaying');"
    "CREATE INDEX letters_by_sync ON letters (sync, id)"
    " WHERE state IN ('staged', 'open', 'replaying');"
    "CREATE INDEX letters_by_reason ON letters (sync, reason, first_seen, last_seen)"
    " WHERE state IN ('staged', 'open', 'replaying');"
    "CREATE INDEX letters_by_key ON letters (sync, key) WHERE state IN ('open', 'replaying');"

    /* What a batch in flight has found: nothing in letters changes before its commit. */
    "CREATE TABLE staged_letters (sync TEXT NOT NULL, batch INTEGER NOT NULL,"
    " event_id TEXT NOT NULL, key TEXT, reason TEXT NOT NULL, column_name TEXT, detail TEXT,"
    " attributes TEXT, attempts INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL, content BLOB, UNIQUE (sync, batch, event_id)) STRICT;"

    "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    " who TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,"
    " hash TEXT NOT NULL) STRICT;"
    "CREATE INDEX audit_by_subject ON audit (subject, id);"

    "CREATE TABLE commands (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    " who TEXT NOT NULL, kind TEXT NOT NULL, args TEXT NOT NULL, state TEXT NOT NULL,"
    " outcome TEXT) STRICT;"
    "CREATE INDEX commands_waiting ON commands (id) WHERE state IN ('new', 'taken');"

    /* One row per minute; it leaves the sum 24 h after its newest booking. */
    "CREATE TABLE bookings (what TEXT NOT NULL, whom TEXT NOT NULL, minute INTEGER NOT NULL,"
    " newest INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (what, whom, minute))"
    " STRICT, WITHOUT ROWID;",

    /* 1 -> 2: rows_present: read, but the target held them already. source_offset: the source's clock
       minus ours, in microseconds. slowed: why it runs less often than its schedule says. */
    "ALTER TABLE runs ADD COLUMN rows_present INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE batches ADD COLUMN rows_present INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE syncs ADD COLUMN rows_present INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE syncs ADD COLUMN source_offset INTEGER;"
    "ALTER TABLE syncs ADD COLUMN slowed TEXT;",

    /* 2 -> 3: messages that say different things under one event id are letters of their own. */
    "ALTER TABLE letters RENAME TO letters_1;"
    "CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT, sync TEXT NOT NULL,"
    " event_id TEXT NOT NULL, content_hash TEXT NOT NULL, key TEXT, reason TEXT NOT NULL,"
    " column_name TEXT, detail TEXT, attributes TEXT, attempts INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, state TEXT NOT NULL,"
    " changed INTEGER NOT NULL, batch INTEGER NOT NULL, content BLOB,"
    " UNIQUE (sync, event_id, content_hash)) STRICT;"
    "INSERT INTO letters SELECT id, sync, event_id,"
    " iif(attributes IS NULL, '', letter_hash(content)), key, reason, column_name, detail,"
    " attributes, attempts, first_seen, last_seen, state, changed, batch, content FROM letters_1;"
    "DELETE FROM sqlite_sequence WHERE name = 'letters';"
    "INSERT INTO sqlite_sequence SELECT 'letters', seq FROM sqlite_sequence"
    " WHERE name = 'letters_1';"
    "DROP TABLE letters_1;"
    "CREATE INDEX letters_listed ON letters (id) WHERE state IN ('staged', 'open', 'replaying');"
    "CREATE INDEX letters_by_sync ON letters (sync, id)"
    " WHERE state IN ('staged', 'open', 'replaying');"
    "CREATE INDEX letters_by_reason ON letters (sync, reason, first_seen, last_seen)"
    " WHERE state IN ('staged', 'open', 'replaying');"
    "CREATE INDEX letters_by_key ON letters (sync, key) WHERE state IN ('open', 'replaying');"

    "ALTER TABLE staged_letters RENAME TO staged_letters_1;"
    "CREATE TABLE staged_letters (sync TEXT NOT NULL, batch INTEGER NOT NULL,"
    " event_id TEXT NOT NULL, content_hash TEXT NOT NULL, key TEXT, reason TEXT NOT NULL,"
    " column_name TEXT, detail TEXT, attributes TEXT, attempts INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, content BLOB,"
    " UNIQUE (sync, batch, event_id, content_hash)) STRICT;"
    "INSERT INTO staged_letters SELECT sync, batch, event_id,"
    " iif(attributes IS NULL, '', letter_hash(content)), key, reason, column_name, detail,"
    " attributes, attempts, first_seen, last_seen, content FROM staged_letters_1 ORDER BY rowid;"
    "DROP TABLE staged_letters_1;",
};

static bw_status pragma_int(bw_store *store, const char *text, int64_t *out, bw_error *err)
{
    bw_sql q = bw_sql_open(store, text);
    return bw_sql_one_int(&q, 0, out, err);
}

static bw_status check_file(bw_store *store, int64_t version, bw_error *err)
{
    int64_t application = 0, objects = 0;
    bw_status st = pragma_int(store, "PRAGMA application_id", &application, err);
    if (st == BW_OK)
        st = pragma_int(store, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (st != BW_OK)
        return st;
    if (application != APPLICATION_ID && (version != 0 || objects != 0)) {
        bw_error_set(err, BW_INVALID, "%s/state.db is a database, but not one of bridgewatch",
                     store->dir);
        return bw_error_hint(err, "Name another directory as state_dir.");
    }
    if (version > BW_STORE_SCHEMA) {
        bw_error_set(err, BW_UNSUPPORTED,
                     "state file %s/state.db has schema %lld, this version (%s) knows up to %d",
                     store->dir, (long long)version, BW_VERSION, BW_STORE_SCHEMA);
        return bw_error_hint(err,
                             "Start the version of bridgewatch that wrote it, or a newer one.");
    }
    return BW_OK;
}

static bw_status apply(bw_store *store, int64_t version, bw_error *err)
{
    bw_status st = BW_OK;
    for (int64_t v = version; v < BW_STORE_SCHEMA && st == BW_OK; v++)
        st = bw_sql_script(store, STEPS[v], err);
    char pragmas[96];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, BW_STORE_SCHEMA);
    return st == BW_OK ? bw_sql_script(store, pragmas, err) : st;
}

bw_status bw_schema_migrate(bw_store *store, bool may_write, bw_error *err)
{
    int64_t version = 0;
    bw_status st = pragma_int(store, "PRAGMA user_version", &version, err);
    if (st == BW_OK)
        st = check_file(store, version, err);
    if (st != BW_OK || version == BW_STORE_SCHEMA)
        return st;
    if (!may_write) {
        bw_error_set(err, BW_UNSUPPORTED, "state file %s/state.db was written by an older version",
                     store->dir);
        return bw_error_hint(err, "Restart the engine with this version; it brings the file up to "
                                  "date.");
    }
    st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, apply(store, version, err), err) : st;
}
