/*
 * An encoder turns rows into the bytes of a load job, appended to a buffer. NDJSON (newline-delimited
 * JSON, one object per line) is the first. An encoder is prepared once per batch, so that what is the
 * same for each row (column names, quoting) is made once.
 * Threads: one at a time (the reader of the run).
 */
#ifndef BW_DESTINATION_ENCODER_H
#define BW_DESTINATION_ENCODER_H

#include "backend/model/chunk.h"

typedef struct bw_encoder bw_encoder;

/* Columns that the engine adds to a row; which of them are written is fixed per batch. */
enum {
    BW_ADD_CURRENT = 1 << 0,  /* _bw_version, _bw_hash, _bw_synced_at, _bw_deleted */
    BW_ADD_NULLS = 1 << 1,    /* _bw_nulls: names of the REPEATED columns that are NULL */
    BW_ADD_EVENT_ID = 1 << 2, /* _bw_event_id */
    BW_ADD_RAW = 1 << 3,      /* _bw_op, _bw_key, _bw_event_time, _bw_ingested_at, _bw_batch,
                                 _bw_score, _bw_payload */
    BW_ADD_EVENT = 1 << 4,    /* _bw_event_version: what is _bw_version in the raw table */
};

typedef struct bw_encoder_options {
    const bw_schema *schema;
    const size_t *columns; /* which fields of the schema, in this order */
    size_t n_columns;
    unsigned add;
    const size_t *key; /* for event ids and _bw_key */
    size_t n_key;
    bool immutable;       /* rows with a key never change: the event id is made of the key alone */
    int cursor;           /* field that _bw_version comes from, -1: version 0 */
    const char *sync;     /* part of the event id */
    const char *batch;    /* _bw_batch */
    int64_t synced_at_us; /* _bw_synced_at, _bw_ingested_at */
    size_t max_row_bytes; /* a longer line is ROW_TOO_BIG; default 90 MiB */
} bw_encoder_options;

/* What the engine knows of one row beside its values. */
typedef struct bw_row_extra {
    double score;              /* confidence; NAN when not scored */
    bool deleted;              /* _bw_deleted */
    const bw_row_event *event; /* of a change stream; else NULL */
} bw_row_extra;

/*
 * The NDJSON that BigQuery's load jobs take without loss:
 *
 *   NULL          the member is left out (in a JSON column "c":null would be JSON's null, not NULL)
 *   INT64         a number up to 2^53 - 1 on either side, beyond that a string
 *   FLOAT64       a number; NaN, Infinity and -Infinity are strings
 *   NUMERIC, BIGNUMERIC, BYTES, dates and times: strings
 *   JSON          the document itself, embedded; line breaks between its tokens become spaces
 *   REPEATED      an array; NULL is left out and named in _bw_nulls
 *
 * Reasons that it gives: ROW_TOO_BIG (column -1), KEY_NULL, and REQUIRED_NULL, which is not asked of
 * deleted rows.
 *
 * The event id of a row is 32 hex digits of XXH3-128 over (sync, key, version, content), of an
 * immutable row over (sync, key). Identical
 * rows of a keyless table share it in staging; the final INSERT numbers them (bw_final_text).
 * A row with an event has that event's id, operation, payload, time and version in the raw table, and
 * the version of the state that it shows in the current one.
 * _bw_version is INT64_MIN for a NULL cursor. _bw_event_time is the cursor's time, NULL when there
 * is none (no cursor, a sequence): deterministic, so that a row read again meets its first reading.
 */
struct bw_encoder_class {
    const char *name; /* "ndjson" */
    bw_encoder *(*new)(const bw_encoder_options *options);
    void (*free)(bw_encoder *encoder);
    /* Appends one row. On a reason other than NONE nothing was appended; *column is the index into
       the schema, or -1 for the whole row. */
    bw_reason (*row)(bw_encoder *encoder, const bw_value *values, const bw_row_extra *extra,
                     bw_buf *out, int *column);
};
typedef struct bw_encoder_class bw_encoder_class;

extern const bw_encoder_class bw_encoder_ndjson;

/* XXH3-64 of the row's encoded content, without the engine's columns, as row() last wrote it. */
uint64_t bw_encoder_content_hash(const bw_encoder *encoder);

#endif
