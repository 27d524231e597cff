/*
 * The catalog from inside: what the SQL engine and the files of the catalog share. Everything here
 * is called with the catalog's mutex held.
 *
 * A table's rows lie in the SQLite table "t<storage>": the column "!" is the integer primary key and
 * gives the order of arrival, the others carry the schema's names, without a type so that SQLite
 * converts nothing. Replacing a table's rows at once means pointing it at another storage. A storage
 * that no table points at is rubbish of a killed process and goes at the next open.
 */
#ifndef BW_SANDBOX_BQ_STORE_H
#define BW_SANDBOX_BQ_STORE_H

#include "backend/sandbox/bq_catalog.h"
#include "backend/sandbox/db.h"

struct bq_catalog {
    bw_sb_db *db;
    const bw_clock *clock;
    int64_t next_expiry_us; /* guarded by db; BW_FOREVER when nothing expires */
    int64_t buffer_us;      /* guarded by db: rows of insertAll stay so long in the buffer */
};

#define BQ_ANONYMOUS_DATASET "_anonymous"
#define BQ_ANONYMOUS_LIFE    (24 * BW_HOUR)

/* Takes the mutex and removes what has expired. */
void bq_store_lock(bq_catalog *catalog);
void bq_store_unlock(bq_catalog *catalog);

/* What SQLite says, as internalError (stopped when it was interrupted). */
bw_status bq_store_error(bq_catalog *catalog, bq_error *err);
/* Statements without rows, with arguments as in db.h. */
BW_NODISCARD bw_status bq_store_exec(bq_catalog *catalog, bq_error *err, const char *sql,
                                     const char *types, ...);
/* SQL made of a format and run without arguments. */
BW_NODISCARD bw_status bq_store_execf(bq_catalog *catalog, bq_error *err, const char *fmt, ...)
    BW_PRINTF(3, 4);
/* A prepared statement with its arguments bound; the caller steps it and gives it to
   bw_sb_db_done() in the end. */
BW_NODISCARD bw_status bq_store_query(bq_catalog *catalog, bq_error *err, sqlite3_stmt **out,
                                      const char *sql, const char *types, ...);

BW_NODISCARD bw_status bq_store_begin(bq_catalog *catalog, bq_error *err);
/* Commits when `status` is BW_OK, else rolls back; returns what the caller returns. */
BW_NODISCARD bw_status bq_store_end(bq_catalog *catalog, bw_status status, bq_error *err);

/* A new storage with these columns. */
BW_NODISCARD bw_status bq_storage_create(bq_catalog *catalog, const bq_schema *schema,
                                         int64_t *storage, bq_error *err);
BW_NODISCARD bw_status bq_storage_drop(bq_catalog *catalog, int64_t storage, bq_error *err);
/* Adds the columns that `want` has beyond `have`. */
BW_NODISCARD bw_status bq_storage_widen(bq_catalog *catalog, int64_t storage, const bq_schema *have,
                                        const bq_schema *want, bq_error *err);
/* Appends "name" in double quotes. */
void bq_store_quote(bw_buf *out, const char *name);

/* The next number of a storage; fails when there are too many columns. */
BW_NODISCARD bw_status bq_storage_number(bq_catalog *catalog, size_t columns, int64_t *number,
                                         bq_error *err);

/* ---- Anonymous results (bq_result.c) ----------------------------------------------------------- */

#define BQ_RESULT_TABLE 16
static inline bool bq_is_result(int64_t storage)
{
    return storage < 0;
}
/* Room for a result of so many columns, inside a transaction. */
BW_NODISCARD bw_status bq_result_create(bq_catalog *catalog, size_t columns, int64_t *storage,
                                        bq_error *err);
/* The statement that fills it from one that begins with "SELECT " and has its columns. */
const char *bq_result_insert(bw_arena *arena, int64_t storage, const char *select);
/* The quoted table where its rows lie, with columns c1, c2, ...; they are those with storage = its
   number, in the order of "!". */
const char *bq_result_table(int64_t storage, char out[BQ_RESULT_TABLE]);
BW_NODISCARD bw_status bq_result_drop(bq_catalog *catalog, int64_t storage, bq_error *err);
/* Gives it a storage like any other table's. */
BW_NODISCARD bw_status bq_result_promote(bq_catalog *catalog, const bq_table *table,
                                         int64_t *storage, bq_error *err);

/* A table with its storage (which is then no result's any more); fails with notFound (of dataset or
   table). */
BW_NODISCARD bw_status bq_store_find(bq_catalog *catalog, bq_table_ref ref, bq_table *out,
                                     int64_t *storage, bq_error *err);
/* The same, but a result stays one. */
BW_NODISCARD bw_status bq_store_peek(bq_catalog *catalog, bq_table_ref ref, bq_table *out,
                                     int64_t *storage, bq_error *err);
BW_NODISCARD bw_status bq_store_dataset(bq_catalog *catalog, const char *project, const char *id,
                                        bq_dataset *out, bq_error *err);
/* Inserts the catalog's row for a table over an existing storage. Checks everything that
   bq_table_create checks. */
BW_NODISCARD bw_status bq_store_add(bq_catalog *catalog, const bq_table *in, int64_t storage,
                                    int64_t rows, int64_t bytes, bq_error *err);
/* Writes schema, metadata, expires_us, rows, bytes of `table` back with a new version. */
BW_NODISCARD bw_status bq_store_put(bq_catalog *catalog, const bq_table *table, int64_t storage,
                                    bq_error *err);
BW_NODISCARD bw_status bq_store_remove(bq_catalog *catalog, bq_table_ref ref, bq_error *err);

/* The tables of a dataset by id, the anonymous ones too. */
BW_NODISCARD bw_status bq_store_list(bq_catalog *catalog, const char *project, const char *dataset,
                                     const char *after, bq_table_visit *visit, void *user,
                                     bq_error *err);

/* What a decorator (t$20240131) names: a range of the partitioning column, half open. */
typedef struct bq_partition {
    const char *id;     /* behind the $; NULL: no decorator */
    const char *column; /* NULL: partitioned by ingestion time */
    int64_t from, to;   /* stored values */
} bq_partition;

/* The table without its decorator; *id is the decorator or NULL. */
bq_table_ref bq_partition_split(bw_arena *arena, bq_table_ref ref, const char **id);
/* `table` needs schema and metadata. */
BW_NODISCARD bw_status bq_partition_find(bw_arena *arena, const bq_table *table, const char *id,
                                         bq_partition *out, bq_error *err);
/* Fails when a row of the storage is of another partition. */
BW_NODISCARD bw_status bq_partition_check(bq_catalog *catalog, const bq_partition *p,
                                          int64_t storage, bq_error *err);
/* Removes the partition's rows, and books it in `table`. */
BW_NODISCARD bw_status bq_partition_clear(bq_catalog *catalog, const bq_partition *p,
                                          bq_table *table, int64_t storage, bq_error *err);

/* What a write into an existing or new table needs, for loads, copies and query destinations. */
typedef struct bq_target {
    bq_table table;  /* as it is, when it exists */
    int64_t storage; /* its storage */
    bool exists;
    bq_schema schema;       /* that the rows must have; in table.arena */
    bq_partition partition; /* of the reference's decorator; in table.arena */
} bq_target;
BW_NODISCARD bw_status bq_target_find(bq_catalog *catalog, bq_table_ref ref,
                                      const bq_append_options *options, bq_target *out,
                                      bq_error *err);
/* Makes `storage` (holding `rows` rows in out->schema) the table's content or adds it to it, and
   disposes of it. */
BW_NODISCARD bw_status bq_target_apply(bq_catalog *catalog, bq_table_ref ref,
                                       const bq_append_options *options, bq_target *target,
                                       const bq_schema *stored, int64_t storage, int64_t rows,
                                       int64_t bytes, bq_error *err);
void bq_target_fini(bq_target *target);

/* A SQLite column as a stored value, borrowed until the next step. */
bq_value bq_store_column(sqlite3_stmt *stmt, int column);
/* As text in the arena; NULL is empty. */
const char *bq_store_text(bw_arena *arena, sqlite3_stmt *stmt, int column);
void bq_store_bind(sqlite3_stmt *stmt, int index, const bq_value *value);

/* ---- The streaming buffer (bq_buffer.c) -------------------------------------------------------- */

/* The newest `count` rows of the storage have just been streamed. */
BW_NODISCARD bw_status bq_buffer_add(bq_catalog *catalog, int64_t storage, int64_t count,
                                     int64_t bytes, bq_error *err);
/* Fills the buffer_ members. */
BW_NODISCARD bw_status bq_buffer_fill(bq_catalog *catalog, int64_t storage, bq_table *table,
                                      bq_error *err);
/* Runs a query for its first value, 0 when it gives none. */
typedef bw_status bq_buffer_probe(void *user, const char *sql, int64_t *value);
/* Fails with invalidQuery when one of the rows (numbers that `rows_query` selects; NULL: all) is in
   the buffer. */
BW_NODISCARD bw_status bq_buffer_check(bq_catalog *catalog, const bq_table *table, int64_t storage,
                                       const char *rows_query, bq_buffer_probe *probe, void *user,
                                       bq_error *err);

/* ---- Snapshots (bq_snapshot.c) ----------------------------------------------------------------- */

/* Whether there is room for one: of a catalog in memory it is a copy. Takes the mutex itself. */
bool bq_snapshot_fits(bq_catalog *catalog);
/* A connection that sees what is committed now, and goes on seeing that, without the mutex; the
   caller's, to be closed with sqlite3_close(). */
BW_NODISCARD bw_status bq_snapshot_open(bq_catalog *catalog, sqlite3 **out, bq_error *err);

/* Checks names of datasets and tables, partitioning and clustering against the schema. */
BW_NODISCARD bw_status bq_check_table(const bq_table *table, bq_error *err);
BW_NODISCARD bw_status bq_check_dataset_id(const char *id, bq_error *err);
/* What datasets.insert and delete do, under the mutex and in a transaction. */
BW_NODISCARD bw_status bq_store_dataset_add(bq_catalog *catalog, const bq_dataset *in,
                                            bq_error *err);
BW_NODISCARD bw_status bq_store_dataset_remove(bq_catalog *catalog, const char *project,
                                               const char *id, bool delete_contents, bq_error *err);
/* Another name in the same dataset. */
BW_NODISCARD bw_status bq_store_rename(bq_catalog *catalog, bq_table_ref ref, const char *id,
                                       bq_error *err);
/* The hidden dataset for results, made as needed. */
BW_NODISCARD bw_status bq_store_anonymous(bq_catalog *catalog, const char *project,
                                          const char *location, bq_error *err);

#endif
