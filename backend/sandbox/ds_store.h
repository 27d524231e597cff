/*
 * The Datastore from inside. Everything here is called with the store's mutex held.
 *
 * An entity has a row per version: `version` is the microsecond of the commit that wrote it, which
 * no two commits share, and `until` that of the commit that replaced or deleted it. So a snapshot of
 * the past is a condition on these two. Rows of the past are kept for an hour, and at most
 * DS_MAX_HISTORY of them; `horizon` is the time before which nothing can be read any more.
 *
 * Every indexed value of an entity is a row of ds_index under its property (of one kind in one
 * partition), in the encoding of ds_order.h, so that a query is a range of that index.
 */
#ifndef BW_SANDBOX_DS_STORE_H
#define BW_SANDBOX_DS_STORE_H

#include "backend/sandbox/datastore.h"
#include "backend/sandbox/db.h"
#include "backend/sandbox/ds_value.h"

#define DS_MAX_HISTORY    50000
#define DS_HISTORY_WINDOW (60 * BW_MINUTE)
/* The snapshot that sees what is current, and `until` of what is. */
#define DS_NOW     (INT64_MAX - 1)
#define DS_CURRENT INT64_MAX

typedef struct ds_transaction ds_transaction;

typedef enum ds_statement {
    DS_SQL_PARTITION_FIND,
    DS_SQL_PARTITION_ADD,
    DS_SQL_PROPERTY_FIND,
    DS_SQL_PROPERTY_ADD,
    DS_SQL_ENTITY_GET,
    DS_SQL_ENTITY_JSON,
    DS_SQL_ENTITY_ADD,
    DS_SQL_ENTITY_END,
    DS_SQL_ENTITY_ERASE,
    DS_SQL_ENTITY_LAST_END,
    DS_SQL_INDEX_ADD,
    DS_SQL_INDEX_ERASE,
    DS_SQL_INDEX_VALUE,
    DS_SQL_HISTORY_OLDEST,
    DS_SQL_STATE_PUT,
    DS_SQL_RESERVED_FIND,
    DS_SQL_RESERVED_ADD,
    DS_SQL_COUNT,
} ds_statement;

#define DS_PROPERTY_SLOTS 256

struct ds_store {
    bw_sb_db *db;
    const bw_clock *clock;
    int64_t last_version;                 /* guarded by db */
    int64_t horizon;                      /* guarded by db */
    int64_t history;                      /* guarded by db: rows of the past */
    int64_t horizon_begun, history_begun; /* guarded by db: as they were at the last begin */
    int64_t next_id;                      /* guarded by db: the last allocated id */
    struct {
        int64_t partition, id; /* id 0: free */
        size_t kind_len;
        bw_buf text;                 /* kind and name */
    } properties[DS_PROPERTY_SLOTS]; /* guarded by db: numbers that have been looked up */
    ds_transaction *transactions;    /* guarded by db: the newest first */
    uint64_t transaction_count;      /* guarded by db: ever begun */
    size_t open_transactions;        /* guarded by db */
};

/* ---- SQLite ----------------------------------------------------------------------------------- */

/* One of the fixed statements, with arguments as in db.h, which is to be stepped by one of the next two
   functions; NULL after a failure, which they take for one. */
sqlite3_stmt *ds_store_bound(ds_store *store, ds_statement which, const char *types, ...);
/* Steps a statement that gives no rows, and ends it. */
BW_NODISCARD bw_status ds_store_run(ds_store *store, sqlite3_stmt *stmt, bw_error *err);
/* Steps to the first row: BW_OK, BW_NOT_FOUND without an error, or a failure. The caller
   ends it by bw_sb_db_done(). */
BW_NODISCARD bw_status ds_store_row(ds_store *store, sqlite3_stmt *stmt, bw_error *err);

BW_NODISCARD bw_status ds_store_begin(ds_store *store, bw_error *err);
/* Commits when `status` is BW_OK, else rolls back; returns what the caller returns. */
BW_NODISCARD bw_status ds_store_end(ds_store *store, bw_status status, bw_error *err);
/* Undoes the begun work without a failure. */
void ds_store_undo(ds_store *store);

/* ---- Rows ------------------------------------------------------------------------------------- */

typedef struct ds_row {
    int64_t id; /* 0: there is no such entity */
    int64_t version, created;
    bw_slice json; /* the whole entity as ds_print_entity prints it; in the caller's arena */
} ds_row;

/* 0 when there is none and it is not to be made. */
BW_NODISCARD bw_status ds_partition_find(ds_store *store, const char *project, const char *database,
                                         const char *name_space, bool make, int64_t *out,
                                         bw_error *err);
/* 0 when there is none and it is not to be made. */
BW_NODISCARD bw_status ds_property_find(ds_store *store, int64_t partition, bw_slice kind,
                                        bw_slice name, bool make, int64_t *out, bw_error *err);

/* Forgets what ds_property_find() has found: numbers given in a transaction that is undone. */
void ds_properties_forget(ds_store *store);

/* As it was at the snapshot `at`. */
BW_NODISCARD bw_status ds_entity_get(ds_store *store, int64_t partition, bw_slice path, int64_t at,
                                     bw_arena *arena, ds_row *out, bw_error *err);
/* The text of a row, in the arena. */
BW_NODISCARD bw_status ds_entity_json(ds_store *store, int64_t id, bw_arena *arena, bw_slice *out,
                                      bw_error *err);
/* Writes a new row with its index entries, whose number is added to *indexed. */
BW_NODISCARD bw_status ds_entity_put(ds_store *store, int64_t partition, bw_slice path,
                                     const ds_entity *entity, int64_t created, int64_t version,
                                     int64_t *indexed, bw_error *err);
/* The row is of the past from `version` on; one of the same version goes without a trace. */
BW_NODISCARD bw_status ds_entity_end(ds_store *store, const ds_row *row, int64_t version,
                                     bw_error *err);
/* When the entity that is not there went away; the horizon when that is not known. */
BW_NODISCARD bw_status ds_entity_ended(ds_store *store, int64_t partition, bw_slice path,
                                       int64_t *version, bw_error *err);

/* The version of a commit that begins now. */
int64_t ds_version_next(ds_store *store);
/* The time of a read of what is current: later commits have later versions. */
int64_t ds_version_now(ds_store *store);
/* Whether the past at a time that a client names can be read; fails with INVALID. */
BW_NODISCARD bw_status ds_version_readable(ds_store *store, int64_t at, bw_error *err);
/* Writes the counters down and removes rows that nobody may read any more. */
BW_NODISCARD bw_status ds_version_commit(ds_store *store, int64_t version, bw_error *err);

/* An id that no key with this parent and kind has: fills it in. */
BW_NODISCARD bw_status ds_id_allocate(ds_store *store, int64_t partition, ds_key *key,
                                      bw_error *err);
/* Never to be allocated. */
BW_NODISCARD bw_status ds_id_reserve(ds_store *store, int64_t partition, const ds_key *key,
                                     bw_error *err);

#endif
