/*
 * The destination: BigQuery, as the engine sees it. Every step with an effect carries an id that
 * the engine chose and stored before the call, so that it can be called again after a crash: it
 * finds what already happened, adopts it, or says that it did not. The destination writes nothing
 * into the store; the engine does, between the steps (engine/run.c holds the commit protocol).
 *
 * Errors: UNAVAILABLE, TIMEOUT and RATE were retried within `deadline`s already; QUOTA parks the
 * sync (err->retry_after_s says for how long); REJECTED means that rows were refused; CONFLICT that
 * another engine owns the target or a job under our id is not ours; DENIED and INVALID are final.
 * Threads: one bw_destination belongs to one thread (it owns HTTP connections); make one per run.
 */
#ifndef BW_DESTINATION_DESTINATION_H
#define BW_DESTINATION_DESTINATION_H

#include "backend/core/cancel.h"
#include "backend/google/google.h"
#include "backend/model/schema.h"

typedef struct bw_destination bw_destination;

/* Counts what is booked against quotas; implemented by the engine on the store. */
typedef struct bw_budget_ops {
    void *user;
    /* Books one modification of the target (`table` is "project.dataset.table"; partitions >= 1 when
       partitioned) before the job is sent. QUOTA with retry_after_s when the budget is used up. */
    bw_status (*book)(void *user, const char *table, int partitions, bw_error *err);
    /* Bytes that a query job will read, before it is sent. QUOTA when over the sync's limit. */
    bw_status (*book_bytes)(void *user, int64_t bytes, bw_error *err);
} bw_budget_ops;

bw_destination *bw_destination_new(const bw_google *google, const bw_clock *clock,
                                   const bw_cancel *cancel, const bw_budget_ops *budget);
void bw_destination_free(bw_destination *d);

/* How long transient failures are retried before a step gives up. Default 10 min. */
void bw_destination_set_deadline(bw_destination *d, int64_t per_step_us);

/* Tells, on the thread that works, why the service is asked again, and "" when it has answered. */
void bw_destination_set_listener(bw_destination *d, void (*tell)(void *user, const char *text),
                                 void *user);

typedef enum bw_compression {
    BW_COMPRESS_AUTO, /* when the endpoint is on another machine */
    BW_COMPRESS_ON,
    BW_COMPRESS_OFF,
} bw_compression;

/* Whether loads that begin from now on are sent as gzip. Default AUTO. */
void bw_destination_set_compression(bw_destination *d, bw_compression compression);

/* ---- the target ------------------------------------------------------------------------- */

#define BW_LABEL_OWNER "bw_owner" /* of a target: the store that it belongs to */

typedef enum bw_drift_policy {
    BW_ADD_COLUMNS,
    BW_ADD_COLUMNS_BACKFILL,
    BW_ADD_NOTHING
} bw_drift_policy;

typedef struct bw_target_spec {
    const char *project, *dataset, *table; /* project NULL: the configuration's */
    const char *location;                  /* for a dataset that has to be made */
    const char *description;
    const char *partition_field; /* NULL: not partitioned */
    const char *partition_by;    /* day hour month year */
    const char *const *cluster;
    size_t n_cluster;
    const char *owner; /* this store's id: the label bw_owner */
    bool take_over;    /* claim a target that another store owns */
    bool raw;          /* also <table>_raw */
    bw_drift_policy add_columns;
    /* The columns that the engine adds (engine_columns.h), chosen by the mode. */
    bool current;           /* _bw_version, _bw_hash, _bw_synced_at, _bw_deleted */
    bool event_id;          /* _bw_event_id (append targets) */
    bool nulls;             /* _bw_nulls: some column is REPEATED */
    bool tombstones;        /* rows may be deletes that carry only their key */
    bool events;            /* rows carry events (bw_row_event): a key may occur several times in a
                               batch, and its highest version is what the current table gets */
    int64_t staging_ttl_us; /* default 7 days */
} bw_target_spec;

typedef enum bw_drift_kind {
    BW_DRIFT_ADDED,     /* at the source, added to the target */
    BW_DRIFT_NOT_ADDED, /* at the source, not at the target, and not allowed to add */
    BW_DRIFT_RELAXED,   /* REQUIRED became NULLABLE */
    BW_DRIFT_WIDENED,   /* the source's type grew, and the target's with it; no value changes */
    BW_DRIFT_DROPPED,   /* gone at the source; stays NULL at the target from now on */
    BW_DRIFT_RETYPED,   /* types differ and the load would fail: the sync stops */
} bw_drift_kind;

const char *bw_drift_kind_name(bw_drift_kind kind);

typedef struct bw_drift {
    bw_drift_kind kind;
    const char *column;
    const char *source_side; /* "NUMERIC(10, 2) from numeric(10,2)" or "-" */
    const char *target_side;
    const char *consequence; /* what happens, in words */
} bw_drift;

/* The target as found or made. Lives in the arena given to prepare. */
typedef struct bw_target {
    const char *project, *dataset, *table, *location;
    bool created;   /* by this call */
    bool unclaimed; /* inspect: it does not carry this store's label yet */
    bool partitioned;
    bool incompatible; /* a RETYPED drift is among `drift`: nothing may be loaded */
    const bw_drift *drift;
    size_t n_drift;
    int64_t rows; /* at the time of the look; -1 unknown */
    /* The columns of the target that loads fill, in the order of the encoder: the schema's fields
       that the target has, as indexes into the schema. */
    const size_t *columns;
    size_t n_columns;
} bw_target;

/* Makes the dataset and the table(s) where they are missing, adds, relaxes and widens columns as
   allowed, reports drift, claims ownership by the label bw_owner (If-Match). CONFLICT when another
   store owns the target and take_over is false. Never drops, truncates or retypes anything; widened
   are only decimals, to what holds every value of before and of the source exactly. */
BW_NODISCARD bw_status bw_destination_prepare(bw_destination *d, const bw_target_spec *spec,
                                              const bw_schema *schema, bw_arena *arena,
                                              bw_target *out, bw_error *err);

/* Makes the dataset alone where it is missing. `location` (may be NULL) is where it is. */
BW_NODISCARD bw_status bw_destination_prepare_dataset(bw_destination *d, const bw_target_spec *spec,
                                                      bw_arena *arena, const char **location,
                                                      bw_error *err);

/* What prepare would find, and the drift that it would meet, without changing anything. NOT_FOUND
   when the dataset or the table is not there yet, CONFLICT as prepare. */
BW_NODISCARD bw_status bw_destination_inspect(bw_destination *d, const bw_target_spec *spec,
                                              const bw_schema *schema, bw_arena *arena,
                                              bw_target *out, bw_error *err);

/* ---- loading ---------------------------------------------------------------------------- */

/* The staging table of a batch: the target's columns (for append and raw: with their event ids),
   expiring by itself. Making it again under the same name is not an error. */
BW_NODISCARD bw_status bw_destination_create_staging(bw_destination *d, const bw_target_spec *spec,
                                                     const bw_target *target,
                                                     const bw_schema *schema, const char *staging,
                                                     bw_error *err);
BW_NODISCARD bw_status bw_destination_drop_staging(bw_destination *d, const bw_target *target,
                                                   const char *staging, bw_error *err);

typedef enum bw_write_disposition {
    BW_WRITE_APPEND,
    BW_WRITE_TRUNCATE, /* atomically, keeping the table's schema and policies where accepted */
    BW_WRITE_EMPTY,
} bw_write_disposition;

typedef struct bw_job_label {
    const char *key, *value;
} bw_job_label;

/* What identifies a job: stored before it is sent. */
typedef struct bw_job_id {
    const char *id;
    const bw_job_label
        *labels; /* bw_store, bw_sync (hashed where too long), bw_batch, bw_attempt, bw_step */
    size_t n_labels;
} bw_job_id;

typedef struct bw_job_result {
    bool found;        /* the service knows the job */
    bool done, failed; /* failed: error says why; the rows below when it is about rows */
    int64_t rows;      /* output or affected rows; -1 when the service does not say */
    int64_t bytes;     /* billed or loaded; -1 unknown */
    bw_error error;
    /* Load jobs that failed on rows: byte offsets of the rows that the service named. */
    int64_t bad_offsets[16];
    size_t n_bad_offsets;
    char bad_message[512];
} bw_job_result;

typedef struct bw_load bw_load;

/*
 * A load job fed by bytes. The bytes of NDJSON go in by write(), in any portions; they are compressed
 * when the endpoint is remote (or as the configuration says), buffered to upload chunks of 8 MiB and
 * sent by ONE resumable upload, or by multipart when everything fits into the first chunk. write()
 * blocks while the far side is slow; a failed chunk is sent again from the offset that the server
 * reports. end() returns when the job is done: OK with *result, REJECTED when rows were refused
 * (result->failed), or an error. An unknown outcome has been resolved by asking for the job.
 */
BW_NODISCARD bw_status bw_load_begin(bw_destination *d, const bw_target *target, const char *table,
                                     const bw_job_id *job, bw_write_disposition disposition,
                                     bw_load **out, bw_error *err);
BW_NODISCARD bw_status bw_load_write(bw_load *load, const void *bytes, size_t n, bw_error *err);
BW_NODISCARD bw_status bw_load_end(bw_load *load, bw_job_result *result, bw_error *err);
/* Bytes handed to the network so far (compressed where compressed). Any thread. */
uint64_t bw_load_uploaded(const bw_load *load);
/* Gives up what was not ended; the job is never made. Frees in any case. */
void bw_load_free(bw_load *load);

/* ---- final jobs ------------------------------------------------------------------------- */

typedef enum bw_final_kind {
    BW_FINAL_MERGE,      /* staging into the current table by key */
    BW_FINAL_INSERT,     /* staging into an append target: event ids that it does not hold */
    BW_FINAL_RAW_INSERT, /* staging into <table>_raw, likewise */
    BW_FINAL_COPY,       /* staging replaces the target's content: a copy job, WRITE_TRUNCATE */
} bw_final_kind;

typedef struct bw_final_request {
    bw_final_kind kind;
    const bw_target *into; /* MERGE: another table that gets the same rows; NULL: the target */
    const char *staging;
    const size_t *key; /* MERGE: indexes into the schema */
    size_t n_key;
    /* The batch's literal bounds: RAW_INSERT looks only there for event ids. The other statements
       use them when the column that they are of is the one that the target is partitioned by (MERGE:
       and part of the key). BW_TIME_NONE: not known. */
    int64_t event_time_min_us, event_time_max_us;
    const char *bounds_of; /* name of the cursor's column; NULL: none */
} bw_final_request;

/* The text of a final job: SQL, or for COPY the words "copy STAGING". In the arena. Deterministic.*/
const char *bw_final_text(const bw_target_spec *spec, const bw_target *target,
                          const bw_schema *schema, const bw_final_request *request,
                          bw_arena *arena);

/* A key that occurs twice in the staging table, as JSON (in the arena), or *key NULL. */
BW_NODISCARD bw_status bw_destination_find_duplicate(bw_destination *d, const bw_target *target,
                                                     const bw_schema *schema, const size_t *key,
                                                     size_t n_key, const char *staging,
                                                     bw_arena *arena, const char **duplicate,
                                                     bw_error *err);

/* Sends the job under its id unless the service has it already, waits for its end. A failed job is
   an error whose status says whether a next attempt may help (retryable). `text` as stored. */
BW_NODISCARD bw_status bw_destination_run_final(bw_destination *d, const bw_target *target,
                                                bw_final_kind kind, const char *text,
                                                const char *staging, const bw_job_id *job,
                                                int64_t max_bytes_billed, bw_job_result *result,
                                                bw_error *err);

/* What became of a job: result->found false when the service does not know it. CONFLICT when it is
   there with other labels or another destination. */
BW_NODISCARD bw_status bw_destination_find_job(bw_destination *d, const bw_target *target,
                                               const bw_job_id *job, bw_job_result *result,
                                               bw_error *err);

/* One question with one scalar answer, as text in the arena; NULL for NULL or no row. */
BW_NODISCARD bw_status bw_destination_ask(bw_destination *d, const bw_target *target,
                                          const char *sql, bw_arena *arena, const char **answer,
                                          bw_error *err);

#endif
