/*
 * Datastore's REST API (datastore/v1), thinly. Entities are content: requests are JSON text, answers
 * are validated and sliced (backend/core/json.h), never converted, so an int64 or a double is passed
 * on as it was written. What is inside an entity is entity.h's business.
 *
 * Memory: results and their slices live in the caller's arena; arguments are borrowed for the call.
 *
 * Retries. Reads, begin and rollback are repeated when the failure is transient (transport, 408, 429,
 * 5xx), with back-off until the call's deadline. A commit is repeated only when it certainly did not
 * act (429, no connection); otherwise it comes back at once, UNAVAILABLE or TIMEOUT with
 * err->maybe_acted: read what it would have written. Nothing is repeated after ABORTED.
 *
 * Errors, everywhere:
 *   CONFLICT   ABORTED (contention), or the transaction has expired: roll back, begin again with
 *              `previous` and do everything again. Retryable, nothing was written.
 *   EXISTS     an inserted key is taken (ALREADY_EXISTS)
 *   NOT_FOUND  an updated key is missing, or there is no such database
 *   INVALID    the request; also a precondition, and a query that needs an index
 *   UNAVAILABLE also for an answer that does not make sense: one that leaves out a key, say
 *   DENIED, QUOTA, RATE, TIMEOUT, CANCELLED
 *
 * Times are microseconds since the epoch, BW_TIME_NONE where the service gave none.
 * Threads: a client belongs to one thread.
 */
#ifndef BW_GOOGLE_DATASTORE_H
#define BW_GOOGLE_DATASTORE_H

#include "backend/core/arena.h"
#include "backend/google/google.h"

/* Of one request (Datastore's quotas and limits). */
#define BW_DATASTORE_MAX_KEYS      1000
#define BW_DATASTORE_MAX_MUTATIONS 500
#define BW_DATASTORE_MAX_REQUEST   ((size_t)10 << 20)

typedef struct bw_datastore bw_datastore;

/* `project` NULL: the google's; `database` NULL, "" or "(default)": the default one. Strings are copied, the rest
   is borrowed and outlives the client; clock and cancel may be NULL. */
bw_datastore *bw_datastore_new(const bw_google *google, const char *project, const char *database,
                               const bw_clock *clock, const bw_cancel *cancel);
void bw_datastore_free(bw_datastore *ds);
/* The subject of log lines, copied; default "datastore". */
void bw_datastore_set_subject(bw_datastore *ds, const char *subject);
/* Tells, on the calling thread, what is waited for before a call is sent again; "" when it is over. */
void bw_datastore_set_listener(bw_datastore *ds, void (*tell)(void *user, const char *text),
                               void *user);
/* How long one call may take, its retries included. Default 10 min. */
void bw_datastore_set_deadline(bw_datastore *ds, int64_t per_call_us);
/* NULL when none is known: then every call is INVALID. */
const char *bw_datastore_project(const bw_datastore *ds);
/* "" for the default database. */
const char *bw_datastore_database(const bw_datastore *ds);

/* ---- reading ---------------------------------------------------------------------------- */

/* How to read (ReadOptions): at most one of the three; all zero: the newest, strongly consistent. */
typedef struct bw_datastore_read {
    bw_slice transaction; /* in this one */
    bool begin;           /* begin a readWrite one with this read; the answer names it */
    bw_slice previous;    /* with begin: the transaction that was aborted, or {NULL, 0} */
    int64_t at_us;        /* as it was then (rounded down to what the service takes); 0: now */
} bw_datastore_read;

typedef struct bw_datastore_result {
    bool found;
    bw_slice entity; /* Entity JSON {"key", "properties"}; of a missing one only the key */
    bw_slice cursor; /* of a query's result, where the service gives one: the place after it */
    int64_t version; /* positive, grows with each write of the entity; of a missing one: when
                        that was so; 0 where the service does not say */
    int64_t create_us, update_us;
} bw_datastore_result;

typedef struct bw_datastore_answer {
    bw_datastore_result *results;
    size_t count;
    bw_slice transaction; /* begun by the call, or {NULL, 0} */
    int64_t read_us;      /* the service's readTime */
} bw_datastore_answer;

/* The entities of up to BW_DATASTORE_MAX_KEYS keys (Key JSON), answer->results in the order of the
   keys; keys that the service deferred are asked for again. Repeated when transient. A key that
   occurs twice is answered twice. */
BW_NODISCARD bw_status bw_datastore_lookup(bw_datastore *ds, const bw_slice *keys, size_t n_keys,
                                           const bw_datastore_read *read, bw_arena *arena,
                                           bw_datastore_answer *out, bw_error *err);

typedef struct bw_datastore_query {
    const char *namespace; /* namespace; NULL or "": the default one */
    bw_slice query;        /* Query JSON object without startCursor and limit */
    bw_slice start_cursor; /* base64 as the service wrote it, or {NULL, 0} */
    int64_t limit;         /* results at most; 0: the service's own choice */
    bw_datastore_read read;
} bw_datastore_query;

typedef enum bw_datastore_more {
    BW_DATASTORE_NOT_FINISHED, /* ask again from end_cursor */
    BW_DATASTORE_AFTER_LIMIT,  /* there may be more after the limit */
    BW_DATASTORE_AFTER_CURSOR, /* after the query's endCursor */
    BW_DATASTORE_NO_MORE,
} bw_datastore_more;

typedef struct bw_datastore_batch {
    bw_datastore_result *results; /* all found */
    size_t count;
    bw_slice end_cursor; /* {NULL, 0} where the service gives none */
    bw_datastore_more more;
    bw_slice transaction;
    int64_t read_us;
} bw_datastore_batch;

/* One batch of a query, as the service cuts it. Repeated when transient. */
BW_NODISCARD bw_status bw_datastore_run_query(bw_datastore *ds, const bw_datastore_query *query,
                                              bw_arena *arena, bw_datastore_batch *out,
                                              bw_error *err);

/* Walks over all results of a query, batch after batch. */
typedef struct bw_datastore_walk {
    bw_datastore_query query; /* borrowed strings; its limit is of the whole walk, 0: none */
    int64_t page;             /* results to ask for at a time; 0: 300 */
    bw_buf cursor; /* where the next batch begins; set it to go on from an earlier walk */
    int64_t seen;  /* results so far */
    bool over;
} bw_datastore_walk;

/* The next batch (it may be empty); walk->over is true when there are no more after it. */
BW_NODISCARD bw_status bw_datastore_walk_next(bw_datastore *ds, bw_datastore_walk *walk,
                                              bw_arena *arena, bw_datastore_batch *out,
                                              bw_error *err);
void bw_datastore_walk_fini(bw_datastore_walk *walk);

/* How many entities the query has (runAggregationQuery), at most `up_to` (0: no limit). *read_us may
   be NULL. Repeated when transient. */
BW_NODISCARD bw_status bw_datastore_count(bw_datastore *ds, const bw_datastore_query *query,
                                          int64_t up_to, int64_t *count, int64_t *read_us,
                                          bw_error *err);

/* ---- writing ---------------------------------------------------------------------------- */

/* A readWrite transaction; `previous` is the aborted one that this one repeats, or {NULL, 0}. The id
   (base64) is in the arena. Repeated when transient: one that nobody uses expires by itself. */
BW_NODISCARD bw_status bw_datastore_begin(bw_datastore *ds, bw_slice previous, bw_arena *arena,
                                          bw_slice *transaction, bw_error *err);
/* Repeated when transient. An expired transaction is INVALID: nothing to be done. */
BW_NODISCARD bw_status bw_datastore_rollback(bw_datastore *ds, bw_slice transaction, bw_error *err);

typedef struct bw_datastore_written {
    int64_t version; /* of the entity after the commit; 0 where the service does not say */
    bool conflict;   /* baseVersion or updateTime did not match: this mutation was not applied */
    bw_slice key;    /* Key JSON where the service allocated an id, else {NULL, 0} */
    int64_t create_us, update_us;
} bw_datastore_written;

typedef struct bw_datastore_commit {
    bw_slice transaction;      /* {NULL, 0}: each mutation by itself (NON_TRANSACTIONAL) */
    const bw_slice *mutations; /* Mutation JSON: {"upsert": ENTITY}, {"delete": KEY}, ... */
    size_t count;
} bw_datastore_commit;

/* Commits; `written` (in the order of the mutations, in the arena) and `commit_us` may be NULL. With
   a transaction and no mutations it ends what was only read. See "Retries". */
BW_NODISCARD bw_status bw_datastore_commit_send(bw_datastore *ds, const bw_datastore_commit *commit,
                                                bw_arena *arena, bw_datastore_written **written,
                                                int64_t *commit_us, bw_error *err);

#endif
