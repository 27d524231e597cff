/*
 * The contract of a source driver: one system that rows come from. A driver is one const
 * bw_source_class in its own file, one line in registry.c, its settings as its own const array, and
 * its tests. What a driver cannot do it leaves NULL or out of its capabilities: a missing operation
 * is a missing capability, never a stub.
 *
 * A polled table, a change stream and a subscription all fit: a reader is opened on one table (or
 * collection, kind, subscription) from a checkpoint; it hands out batches one after the other, each
 * batch as chunks; the last chunk of a batch carries the position that the checkpoint becomes once
 * the batch is committed; ack then tells the source that the position is durable.
 *
 * Threads: a bw_source and everything opened from it belong to one run, that is to one thread at a
 * time. bw_cancel is raised from elsewhere and must end every wait. Every wait has a deadline.
 * Positions and checkpoints are JSON objects that only the driver understands, except for the
 * member "to" (RFC 3339) where the position has a time.
 */
#ifndef BW_SOURCES_SOURCE_H
#define BW_SOURCES_SOURCE_H

#include "backend/config/config.h"
#include "backend/core/cancel.h"
#include "backend/google/google.h"
#include "backend/model/chunk.h"

typedef struct bw_source bw_source;
typedef struct bw_reader bw_reader;
typedef struct bw_source_class bw_source_class;

/* What a stream's reader leaves to the next reader of the same stream: messages that a failed run
   held, say, and what keeps them. The slot is its owner's, and lives longer than sources do; one
   reader at a time uses it. */
typedef struct bw_kept {
    void *what; /* the driver's; NULL: nothing was left */
    void (*drop)(void *what);
    bool holds; /* messages, which nobody else gets meanwhile; the run that left them failed */
} bw_kept;

/* No reader will come. Waits for nobody. */
static inline void bw_kept_drop(bw_kept *kept)
{
    if (kept->what)
        kept->drop(kept->what);
    *kept = (bw_kept){.what = NULL};
}

/* What a driver needs from its surroundings. Borrowed for the life of the source. */
typedef struct bw_source_env {
    const bw_clock *clock;
    const bw_cancel *cancel;
    /* Raised: a stream's reader hands out no further batch; cancelling raises it too. NULL: never. */
    const bw_cancel *yield;
    bw_kept *kept;            /* STREAM: or NULL, and then nothing is left to a next reader */
    const char *subject;      /* for log lines: the sync's or the source's name */
    int64_t stall_timeout_us; /* without a byte of progress */
    const bw_google *google;  /* for secrets that are kept there; NULL: none at hand */
    /* Told, on the calling thread, what is waited for before a service is asked again; "" when that
       is over. NULL: nobody listens. */
    void (*tell)(void *user, const char *text);
    void *tell_user;
} bw_source_env;

typedef enum bw_sync_mode {
    BW_MODE_AUTO, /* upsert where there is a key and a cursor, else replace */
    BW_MODE_UPSERT,
    BW_MODE_APPEND,
    BW_MODE_REPLACE,
    BW_MODE_EVENTS,
} bw_sync_mode;

const char *bw_sync_mode_name(bw_sync_mode mode);

/* What the configuration says of the table to read. Strings are borrowed from the configuration. */
typedef struct bw_table_spec {
    const char *table;
    const char *const *columns; /* NULL: all */
    size_t n_columns;
    const char *const *key; /* NULL: found out */
    size_t n_key;
    const char *cursor;      /* NULL: found out; "" : none wanted */
    const char *cursor_zone; /* NULL: the server's */
    int64_t lookback_us;     /* < 0: the default */
    int64_t late_commit_limit_us;
    /* Columns that the operator sends as STRING or JSON instead of their own type. */
    const struct bw_column_as {
        const char *column;
        bw_type type; /* BW_TYPE_STRING or BW_TYPE_JSON */
    } * as;
    size_t n_as;
    int64_t batch_rows, batch_bytes; /* where windows and slices are cut */
    /* For describe: where the sync is, or NULL. A source that finds its columns by looking at some
       rows keeps those that it has once found. */
    const char *checkpoint;
} bw_table_spec;

typedef enum bw_cursor_kind {
    BW_CURSOR_NONE,
    BW_CURSOR_TIMESTAMP, /* an instant: compared with the source's clock */
    BW_CURSOR_DATETIME,  /* a wall-clock time in cursor_zone */
    BW_CURSOR_SEQUENCE,  /* an integer that only grows: append only */
} bw_cursor_kind;

/* What the source's catalog says of the table. Lives in the arena given to describe. */
typedef struct bw_table_info {
    const char *name;       /* as the source qualifies it: "public.orders" */
    const char *short_name; /* without the default schema: "orders" */
    const char *comment;    /* or NULL */
    bw_schema schema;
    const size_t *key; /* indexes into schema.fields */
    size_t n_key;
    const char *key_origin; /* "primary key", "unique index orders_ref_key", "configured", or why
                               there is none */
    bool immutable;         /* a row with a key never changes: reading it again is the same event,
                               whatever else is said of it then (a message's delivery attempt) */
    int cursor;             /* index into schema.fields, or -1 */
    bw_cursor_kind cursor_kind;
    const char *cursor_origin;  /* "found by name", "configured", or why there is none */
    const char *cursor_zone;    /* the zone in force for a DATETIME cursor, else NULL */
    const char *cursor_problem; /* why the cursor cannot be trusted: check fails with it; or NULL */
    double rows_estimate;       /* the catalog's; negative when unknown */
    int64_t bytes_estimate;     /* negative when unknown */
    const char *const *warnings; /* sentences for check and the Sync screen */
    size_t n_warnings;
} bw_table_info;

/* What a run asks for. */
typedef enum bw_read_kind {
    BW_READ_INCREMENTAL, /* from the checkpoint; without one a backfill first */
    BW_READ_FULL,        /* the whole table in one consistent snapshot, as one batch */
    BW_READ_SINCE, /* rows whose cursor is >= since, then stop; the checkpoint does not move */
    BW_READ_KEYS,  /* the rows with these keys; the checkpoint does not move */
} bw_read_kind;

typedef struct bw_read_request {
    bw_read_kind kind;
    bw_sync_mode mode;        /* resolved: never AUTO */
    const char *checkpoint;   /* NULL: none yet */
    const char *start_from;   /* without a checkpoint: NULL (backfill all), or RFC 3339 */
    int64_t backfill_span_us; /* 0: all; else only rows whose cursor is younger */
    int64_t since_us;
    const char *const *keys; /* KEYS: JSON objects as bw_row_key_json writes them */
    size_t n_keys;
    /* STREAM: end the run when the stream is found empty. Otherwise the reader goes on waiting, and
       hands out a batch without rows now and then, so that the watermark moves. */
    bool drain;
    /* STREAM: how many runs in a row, the last ones, did not end well. What they had received may be
       held back for them still, the longer the more often: the stream is not found empty before that
       must be over. */
    int unsettled;
} bw_read_request;

/* One batch that the reader is about to hand out. Strings live until the next call of next(). */
typedef struct bw_batch_plan {
    const char *label; /* for people: "slice 3 of 12", "window to 08:00:40" */
    bool backfill;
    bool whole;           /* the whole table in one snapshot: may replace the target */
    double rows_expected; /* negative when unknown */
    /* The window, (from, to], as bw_value_version() gives the cursor of its rows: a DATETIME as if
       it were UTC. BW_TIME_NONE: open, or not a window of time. */
    int64_t from_us, to_us;
} bw_batch_plan;

/* What stands beside the rows of a batch, valid after its last chunk. */
typedef struct bw_batch_end {
    const char *position;     /* the checkpoint after this batch; NULL: it does not move */
    int64_t watermark_us;     /* the `to` that staleness counts from, or BW_TIME_NONE */
    int64_t null_cursors;     /* rows whose cursor is NULL, -1 when not counted */
    int64_t ahead_rows;       /* rows ahead of the source's clock, -1 when not counted */
    const char *held_back_by; /* who holds the window back ("pid 4711, idle in transaction, 12m"),
                                 or NULL */
} bw_batch_end;

/* A source's state for the Sources screen and check. Strings in the caller's arena. */
typedef struct bw_source_status {
    const char *version; /* "PostgreSQL 15.18" */
    int64_t latency_us;
    int64_t now_us; /* the source's wall clock */
    const char *const *warnings;
    size_t n_warnings;
} bw_source_status;

/* The state of one stream (a subscription), for its Sync screen and check. Strings in the caller's
   arena. */
typedef struct bw_stream_status {
    const char *name;  /* in full */
    const char *topic; /* where it comes from, in full */
    int64_t ack_deadline_us;
    int64_t retention_us; /* how long it keeps messages; -1 unknown */
    bool retains_acked;   /* so that a resync finds what was acknowledged, for retention_us */
    bool ordered, exactly_once;
    const char *dead_letter_topic; /* or NULL */
    int max_attempts;              /* before a message goes there; 0 without one */
    int64_t backlog;               /* messages not acknowledged; -1 unknown */
    double oldest_unacked_s;       /* NAN unknown */
    int64_t backlog_at_us;         /* when that was measured, or BW_TIME_NONE */
    const char *const *warnings;
    size_t n_warnings;
} bw_stream_status;

enum {
    BW_SOURCE_TABLES = 1 << 0, /* list, describe */
    BW_SOURCE_CURSOR = 1 << 1, /* incremental reading by a cursor */
    BW_SOURCE_STREAM = 1 << 2, /* an endless stream that is acknowledged */
    BW_SOURCE_KEYS = 1 << 3,   /* single rows by key */
    BW_SOURCE_GOOGLE = 1 << 4, /* asks a service of Google's: env.google must be there */
};

struct bw_source_class {
    const char *kind; /* "postgres" */
    const char *name; /* "PostgreSQL" */
    unsigned capabilities;
    const bw_setting *settings; /* of sources.<name> */
    size_t n_settings;

    /* Connects. On failure *out is NULL. DENIED for a wrong password or missing rights,
       UNAVAILABLE when nobody answers, INVALID for settings that contradict each other. */
    bw_status (*open)(const bw_source_class *class, const bw_config_node *settings,
                      const bw_source_env *env, bw_source **out, bw_error *err);
    void (*close)(bw_source *source);

    bw_status (*status)(bw_source *source, bw_arena *arena, bw_source_status *out, bw_error *err);
    /* What one stream holds and how it is set up; NULL where there are no streams. An unknown
       backlog is no failure. NOT_FOUND, DENIED. */
    bw_status (*stream)(bw_source *source, const bw_table_spec *spec, bw_arena *arena,
                        bw_stream_status *out, bw_error *err);
    /* Tables whose qualified name matches the pattern (bw_glob_match; without a dot: in the default
       schema), sorted, in the arena. */
    bw_status (*list)(bw_source *source, const char *pattern, bw_arena *arena,
                      const char *const **names, size_t *count, bw_error *err);
    /* NOT_FOUND, DENIED, INVALID (a configured column or cursor that is not there, name clash). */
    bw_status (*describe)(bw_source *source, const bw_table_spec *spec, bw_arena *arena,
                          bw_table_info *out, bw_error *err);

    /* Begins reading. `info` and `spec` outlive the reader. INVALID when the checkpoint does not
       belong to this table. */
    bw_status (*reader_open)(bw_source *source, const bw_table_spec *spec,
                             const bw_table_info *info, const bw_read_request *request,
                             bw_reader **out, bw_error *err);
    /* The next batch; *more false when the run is over. Called first, and after each batch is
       committed (never while one is unfinished). */
    bw_status (*reader_next)(bw_reader *reader, bool *more, bw_batch_plan *out, bw_error *err);
    /* Appends rows to the chunk (which was reset by the caller) until it is full or the batch ends;
       *end true with the last chunk (which may be empty). */
    bw_status (*reader_fetch)(bw_reader *reader, bw_chunk *chunk, bool *end, bw_error *err);
    /* After *end: what the batch ends with. */
    void (*reader_end)(bw_reader *reader, bw_batch_end *out);
    /* Reads the current batch again from its first row, in the same snapshot. */
    bw_status (*reader_restart)(bw_reader *reader, bw_error *err);
    /* The batch's rows are visible at the destination, but not committed yet: what the source has to
       tell others of them. May come again for the same rows. NULL where there is nothing to tell. */
    bw_status (*reader_visible)(bw_reader *reader, bw_error *err);
    /* The batch is committed, and the position durable (NULL: it did not move). NULL where the source
       does not care. */
    bw_status (*reader_ack)(bw_reader *reader, const char *position, bw_error *err);
    void (*reader_close)(bw_reader *reader);
};

/* The registered driver of that kind, or NULL. */
const bw_source_class *bw_source_find(const char *kind);
/* All of them, in the order of the documentation. */
const bw_source_class *const *bw_source_classes(size_t *count);

#endif
