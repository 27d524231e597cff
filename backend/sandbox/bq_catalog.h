/*
 * What the sandbox's BigQuery holds: datasets, tables with their rows, and jobs, in one SQLite
 * database, in memory or in a directory (WAL; survives SIGKILL). Projects do not see each other.
 *
 * Threads: any. One connection behind one mutex: a function holds it only for its own duration, so
 * a long load (bq_append) lets others in between its slices, and nothing of it is seen before its
 * commit. Statements that change tables run one after another. Callbacks run under the mutex and
 * must not call the catalog, except where said otherwise.
 * Expired tables and anonymous results are gone for everyone at their time.
 */
#ifndef BW_SANDBOX_BQ_CATALOG_H
#define BW_SANDBOX_BQ_CATALOG_H

#include "backend/core/cancel.h"
#include "backend/core/clock.h"
#include "backend/sandbox/bq_type.h"

typedef struct bq_catalog bq_catalog;

/* `dir` NULL: in memory. Creates DIR/bigquery.db as needed, drops what a killed process left half
   done. The clock must outlive the catalog. */
BW_NODISCARD bw_status bq_catalog_open(const char *dir, const bw_clock *clock, bq_catalog **out,
                                       bq_error *err);
void bq_catalog_close(bq_catalog *catalog);

/* How long rows of insertAll stay in the streaming buffer, where DML may not change them; 0, as at
   the beginning: not at all. */
void bq_catalog_set_buffer(bq_catalog *catalog, int64_t duration_us);
/* What is in the buffer now has left it. */
BW_NODISCARD bw_status bq_catalog_flush_buffer(bq_catalog *catalog, bq_error *err);

/* Forgets everything (POST /sandbox/reset). */
BW_NODISCARD bw_status bq_catalog_reset(bq_catalog *catalog, bq_error *err);

/* ---- Datasets --------------------------------------------------------------------------------- */

typedef struct bq_dataset {
    bw_arena arena; /* owns the texts of a dataset that a function filled */
    const char *project, *id;
    const char *location; /* "US" unless given */
    const char *metadata; /* JSON object: the resource's other members as the client gave them
                             (labels, description, friendlyName, defaultTableExpirationMs, ...) */
    int64_t created_us, modified_us;
    int64_t default_expiration_ms; /* defaultTableExpirationMs, taken from metadata; 0: none */
    char etag[24];
} bq_dataset;

/* Fails with duplicate, "Already Exists: Dataset p:d". Takes project, id, location, metadata of
   `in`; the rest is filled into `out` (may be NULL). */
BW_NODISCARD bw_status bq_dataset_create(bq_catalog *catalog, const bq_dataset *in, bq_dataset *out,
                                         bq_error *err);
BW_NODISCARD bw_status bq_dataset_get(bq_catalog *catalog, const char *project, const char *id,
                                      bq_dataset *out, bq_error *err);
/* Replaces metadata. `if_match` NULL or the etag that must still hold (conditionNotMet). */
BW_NODISCARD bw_status bq_dataset_update(bq_catalog *catalog, const char *project, const char *id,
                                         const char *metadata, const char *if_match,
                                         bq_dataset *out, bq_error *err);
/* Without delete_contents a dataset that holds tables is refused ("... is still in use"). */
BW_NODISCARD bw_status bq_dataset_delete(bq_catalog *catalog, const char *project, const char *id,
                                         bool delete_contents, bq_error *err);
typedef bool bq_dataset_visit(void *user, const bq_dataset *dataset); /* false stops */
/* By id, after `after` (exclusive, NULL from the start). */
BW_NODISCARD bw_status bq_dataset_list(bq_catalog *catalog, const char *project, const char *after,
                                       bq_dataset_visit *visit, void *user, bq_error *err);
void bq_dataset_fini(bq_dataset *dataset);

/* ---- Tables ----------------------------------------------------------------------------------- */

typedef struct bq_table_ref {
    const char *project, *dataset, *table;
} bq_table_ref;

typedef struct bq_table {
    bw_arena arena; /* owns the texts of a table that a function filled */
    const char *project, *dataset, *id;
    const char *location; /* the dataset's */
    bq_schema schema;
    const char *metadata; /* JSON object: the resource's other members as the client gave them:
                             description, friendlyName, labels, timePartitioning, rangePartitioning,
                             clustering, requirePartitionFilter, ... never NULL once filled */
    int64_t created_us, modified_us;
    int64_t expires_us;                /* BW_TIME_NONE: never */
    int64_t rows, bytes;               /* with those in the streaming buffer */
    int64_t buffer_rows, buffer_bytes; /* of those, in the buffer; bq_table_get fills them */
    int64_t buffer_since_us;           /* arrival of the oldest one there */
    char etag[24];
} bq_table;

/* Takes project, dataset, id, schema, metadata, expires_us of `in`. Checks names, that partitioning
   and clustering name columns of fitting types, at most 4 clustering columns. duplicate: "Already
   Exists: Table p:d.t"; notFound: "Not found: Dataset p:d". */
BW_NODISCARD bw_status bq_table_create(bq_catalog *catalog, const bq_table *in, bq_table *out,
                                       bq_error *err);
BW_NODISCARD bw_status bq_table_get(bq_catalog *catalog, bq_table_ref ref, bq_table *out,
                                    bq_error *err);
/*
 * Patch: NULL leaves a part as it is. `schema` is the complete new schema and goes through
 * bq_schema_evolve (addition and relaxation). `expires_us` points at the new time.
 */
typedef struct bq_table_patch {
    const bq_schema *schema;
    bool any_schema;      /* of a view: has no rows to fit */
    const char *metadata; /* the complete new object */
    const int64_t *expires_us;
    const char *if_match;
} bq_table_patch;
BW_NODISCARD bw_status bq_table_update(bq_catalog *catalog, bq_table_ref ref,
                                       const bq_table_patch *patch, bq_table *out, bq_error *err);
BW_NODISCARD bw_status bq_table_delete(bq_catalog *catalog, bq_table_ref ref, bq_error *err);
typedef bool bq_table_visit(void *user, const bq_table *table); /* false stops */
/* By id, after `after`. Anonymous results are not listed. */
BW_NODISCARD bw_status bq_table_list(bq_catalog *catalog, const char *project, const char *dataset,
                                     const char *after, bq_table_visit *visit, void *user,
                                     bq_error *err);
void bq_table_fini(bq_table *table);
/* "p:d.t" */
const char *bq_table_name(bq_table_ref ref, char *out, size_t size);

/*
 * Rows in a stable order (that of arrival) from `offset`, at most `limit` (-1: all). Columns:
 * `columns` NULL for all of the schema, else indices into it. Values are borrowed for the call.
 */
typedef bool bq_row_visit(void *user, const bq_value *row, size_t count); /* false stops */
BW_NODISCARD bw_status bq_table_scan(bq_catalog *catalog, bq_table_ref ref, const int *columns,
                                     size_t column_count, int64_t offset, int64_t limit,
                                     bq_row_visit *visit, void *user, bq_error *err);

/* ---- Writing rows ----------------------------------------------------------------------------- */

typedef enum bq_disposition {
    BQ_WRITE_APPEND,
    BQ_WRITE_TRUNCATE,      /* replaces rows, schema, partitioning */
    BQ_WRITE_TRUNCATE_DATA, /* replaces rows, keeps the schema */
    BQ_WRITE_EMPTY,         /* duplicate unless the table is empty */
} bq_disposition;

/*
 * Runs inside the transaction that makes a change visible, just before it commits: what it writes by
 * bq_job_put_locked() becomes durable together with the rows, so that a killed sandbox never knows
 * the one without the other. Not BW_OK rolls everything back.
 */
typedef bw_status bq_before_commit(void *user, bq_catalog *catalog, bq_error *err);

/*
 * An append that becomes visible at once at commit. Rows are collected and written in slices into
 * storage of their own; memory is bounded by a slice (4 MiB or one row). One thread at a time.
 */
typedef struct bq_append bq_append;

typedef struct bq_append_options {
    bq_disposition write;
    bool create;           /* CREATE_IF_NEEDED; false: the table must exist */
    const bq_table *table; /* schema, metadata, expires_us of a table to create or (WRITE_TRUNCATE)
                                to replace; NULL: the existing table's. On an existing table with
                                APPEND, EMPTY and TRUNCATE_DATA a schema here must evolve by `evolve` */
    bq_evolution evolve;   /* schemaUpdateOptions */
    bool discard;          /* counts rows and bytes, keeps nothing */
    bool streamed;         /* by insertAll: the rows go through the streaming buffer */
} bq_append_options;

/* Fails early with what is known now (notFound, schema mismatch, WRITE_EMPTY); all is checked again
   at commit. */
BW_NODISCARD bw_status bq_append_begin(bq_catalog *catalog, bq_table_ref ref,
                                       const bq_append_options *options, bq_append **out,
                                       bq_error *err);
/* The schema that rows must have: of the existing table, merged with the given one. */
const bq_schema *bq_append_schema(const bq_append *append);
/* `row`: schema->count checked values (bq_row_from_json). */
BW_NODISCARD bw_status bq_append_row(bq_append *append, const bq_value *row, bq_error *err);
int64_t bq_append_rows(const bq_append *append);
int64_t bq_append_bytes(const bq_append *append);
/* Makes the rows visible. Frees the append in every case. `hook` may be NULL. */
BW_NODISCARD bw_status bq_append_commit(bq_append *append, bq_before_commit *hook, void *user,
                                        bq_error *err);
void bq_append_abort(bq_append *append);

/* A copy job. The source's schema and rows; metadata too when the destination is created or
   replaced. Appending needs equal schemas. Several sources append in order. */
BW_NODISCARD bw_status bq_table_copy(bq_catalog *catalog, const bq_table_ref *sources, size_t count,
                                     bq_table_ref destination, bq_disposition write, bool create,
                                     bq_before_commit *hook, void *user, int64_t *rows,
                                     bq_error *err);

/* ---- Jobs ------------------------------------------------------------------------------------- */

/* A job's durable record. The catalog knows nothing about its content. */
typedef struct bq_job_record {
    const char *project, *location, *id;
    int64_t created_us;
    const char *json;       /* state, as the HTTP room writes it */
    const char *request_id; /* of jobs.query, only for bq_job_insert(); NULL for none */
} bq_job_record;

/* So long a requestId stands for the job that it has made. */
#define BQ_REQUEST_LIFE (15 * BW_MINUTE)

/* Inserts; duplicate when the id is there already in this project and location, or when the requestId
   has made another job within BQ_REQUEST_LIFE. */
BW_NODISCARD bw_status bq_job_insert(bq_catalog *catalog, const bq_job_record *job, bq_error *err);
/* Replaces the JSON. */
BW_NODISCARD bw_status bq_job_put(bq_catalog *catalog, const bq_job_record *job, bq_error *err);
/* The same from inside a bq_before_commit hook. */
BW_NODISCARD bw_status bq_job_put_locked(bq_catalog *catalog, const bq_job_record *job,
                                         bq_error *err);
/* `location` NULL: any. *json is the caller's (free()). */
BW_NODISCARD bw_status bq_job_get(bq_catalog *catalog, const char *project, const char *location,
                                  const char *id, char **json, bq_error *err);
/* The job that the requestId has made within BQ_REQUEST_LIFE before `now_us`; its location and id are in
   the arena. */
BW_NODISCARD bw_status bq_job_of_request(bq_catalog *catalog, bw_arena *arena, const char *project,
                                         const char *request_id, int64_t now_us,
                                         const char **location, const char **id, bq_error *err);
typedef bool bq_job_visit(void *user, const bq_job_record *job); /* false stops */
/* Newest first. `project` NULL: all (to resume after a restart). */
BW_NODISCARD bw_status bq_job_list(bq_catalog *catalog, const char *project, bq_job_visit *visit,
                                   void *user, bq_error *err);
BW_NODISCARD bw_status bq_job_delete(bq_catalog *catalog, const char *project, const char *location,
                                     const char *id, bq_error *err);

#endif
