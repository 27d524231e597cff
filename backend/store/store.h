/*
 * The store: one SQLite file in the state directory, the only thing that is authoritative. Checkpoints,
 * batches in flight, runs, dead letters, the audit trail, commands from other processes, quota
 * bookings. Everything can be killed at any instant and started again.
 *
 * One write connection behind a mutex, usable from any thread, short transactions only; WAL,
 * synchronous=FULL, busy_timeout. Readers (page queries) open their own read-only connection.
 * SQLITE_FULL and IOERR are BW_IO with a hint; a damaged file is BW_CORRUPT; a schema from a newer
 * version is BW_UNSUPPORTED. Times are wall-clock microseconds since the epoch; BW_TIME_NONE is NULL.
 * Structures given out live in the caller's arena.
 */
#ifndef BW_STORE_STORE_H
#define BW_STORE_STORE_H

#include "backend/core/arena.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/model/value.h"

typedef struct bw_store bw_store;

typedef enum bw_store_access {
    BW_STORE_ENGINE, /* takes the engine's lock (fcntl): CONFLICT when another process has it */
    BW_STORE_SHARED, /* reads and short writes beside a running engine (commands, dead letters) */
} bw_store_access;

/* Opens or makes DIR/state.db (0600) in DIR (made 0700). The engine after an unclean stop: quick_check
   runs; runs that died are interrupted, commands taken are new, letters being replayed are open.
   CONFLICT names the process that holds the engine's lock; UNSUPPORTED: a newer schema, or a network
   file system; DENIED: rights, or a directory that others can write to; INVALID: the file is some
   other program's; IO; CORRUPT. */
BW_NODISCARD bw_status bw_store_open(const char *dir, bw_store_access access, const bw_clock *clock,
                                     bw_store **out, bw_error *err);
/* Notes a clean stop when it holds the engine's lock. */
void bw_store_close(bw_store *store);
/* 8 hex digits made with the file: part of every job id, label of every target. Threads: any. */
const char *bw_store_id(const bw_store *store);
/* Whether any process holds the engine's lock on DIR; who ("pid 4711 on host") into holder. */
bool bw_store_engine_runs(const char *dir, char holder[128]);

/* ---- engine ----------------------------------------------------------------------------- */

typedef struct bw_engine_record {
    int64_t started_us, heartbeat_us;
    const char *version, *host;
    int64_t pid;
    bool running;           /* lock held and heartbeat younger than 15 s */
    int64_t remote_letters; /* what dead-letter subscriptions still held then; -1 unknown, or not
                               running */
} bw_engine_record;

/* The engine lives; `remote_letters` as in the record. */
BW_NODISCARD bw_status bw_store_heartbeat(bw_store *store, int64_t remote_letters, bw_error *err);
BW_NODISCARD bw_status bw_store_engine(bw_store *store, bw_arena *arena, bw_engine_record *out,
                                       bw_error *err);

/* ---- syncs ------------------------------------------------------------------------------ */

/* What is remembered of a sync between runs. */
typedef struct bw_sync_record {
    const char *name;
    const char *source, *target, *mode; /* as last resolved, for status without an engine */
    const char *checkpoint;             /* the driver's JSON, or NULL */
    int64_t watermark_us;               /* the committed `to` in the source's time */
    int64_t last_success_us, last_run_us, next_run_us;
    bool paused;
    const char *paused_by;
    int64_t parked_until_us; /* BW_TIME_NONE: not parked */
    const char *parked_reason;
    const char *state;                /* the home screen's word at the last publication */
    double freshness;                 /* 0 to 100, NAN unknown */
    double lag_s;                     /* NAN unknown */
    const char *error, *hint;         /* of the last run; NULL when it was well */
    int failures;                     /* runs that failed in a row */
    int64_t rows_total;               /* loaded since the store was made */
    int64_t rows_present;             /* read since then that the target held already */
    int64_t null_cursors, ahead_rows; /* -1 unknown */
    const char *notes;  /* JSON array of sentences: drift, warnings, unfilled columns */
    int64_t next_batch; /* number of the next batch */
    int64_t freshness_target_us;
    int64_t source_offset_us; /* the source's clock minus ours; BW_TIME_NONE unknown */
    const char *slowed;       /* why it runs less often than its schedule says; NULL: it does not */
    bw_slice score_model;     /* serialised, or empty */
} bw_sync_record;

BW_NODISCARD bw_status bw_store_sync_get(bw_store *store, const char *name, bw_arena *arena,
                                         bw_sync_record *out, bool *found, bw_error *err);
/* Whether the sync has ever had a batch, so that its target may hold rows of it; false when that cannot
   be read. */
bool bw_store_sync_has_written(bw_store *store, const char *name);
BW_NODISCARD bw_status bw_store_sync_list(bw_store *store, bw_arena *arena, bw_sync_record **out,
                                          size_t *count, bw_error *err);
/* Writes the facts for showing (source, target, mode, state, freshness, lag, next_run, notes,
   freshness_target, source_offset, slowed); makes the sync when it is new. Checkpoint, batches, totals and errors are
   moved only by batch_commit, run_end and the functions below. */
BW_NODISCARD bw_status bw_store_sync_put(bw_store *store, const bw_sync_record *sync,
                                         bw_error *err);
/* The same for several in one transaction (one wait for the disk). */
BW_NODISCARD bw_status bw_store_sync_put_all(bw_store *store, const bw_sync_record *syncs,
                                             size_t count, bw_error *err);
BW_NODISCARD bw_status bw_store_sync_pause(bw_store *store, const char *name, bool paused,
                                           const char *who, bw_error *err);
/* Its run, which has no end, is well: last_run and last_success are now, earlier failures are over. */
BW_NODISCARD bw_status bw_store_sync_alive(bw_store *store, const char *name, bw_error *err);
/* BW_TIME_NONE ends it. */
BW_NODISCARD bw_status bw_store_sync_park(bw_store *store, const char *name, int64_t until_us,
                                          const char *reason, bw_error *err);
/* Replaces the notes (a JSON array of sentences; NULL: none). */
BW_NODISCARD bw_status bw_store_sync_note(bw_store *store, const char *name, const char *notes,
                                          bw_error *err);
/* Forgets the checkpoint, so that the next run backfills (full resync, take-over). A batch that was
   planned before may still commit, but leaves the checkpoint alone. */
BW_NODISCARD bw_status bw_store_sync_reset(bw_store *store, const char *name, const char *who,
                                           bw_error *err);

/* ---- runs and batches ------------------------------------------------------------------- */

typedef struct bw_run_record {
    int64_t id;
    const char *sync, *mode;
    const char *trigger; /* schedule start command replay resync */
    const char *state;   /* running ok failed cancelled interrupted skipped */
    const char *kind;    /* incremental backfill full since keys */
    int64_t started_us, ended_us;
    int64_t rows_read, rows_loaded, rows_present, dead_letters; /* see bw_batch_record */
    int64_t bytes_uploaded, bytes_billed, batches;
    const char *checkpoint, *error, *hint;
} bw_run_record;

/* A run that was `running` in a store whose engine died is `interrupted` at the next open. */
BW_NODISCARD bw_status bw_store_run_begin(bw_store *store, const bw_run_record *run, int64_t *id,
                                          bw_error *err);
/* Writes the outcome and, on the sync: last_run, failures, error, hint, last_success when ok. */
BW_NODISCARD bw_status bw_store_run_end(bw_store *store, const bw_run_record *run, bw_error *err);

typedef enum bw_batch_state {
    BW_BATCH_PLANNED, /* ids are stored, nothing or something was sent */
    BW_BATCH_LOADED,  /* the staging table holds every row; final jobs may have been sent */
    BW_BATCH_COMMITTED,
    BW_BATCH_ABANDONED,
} bw_batch_state;

const char *bw_batch_state_name(bw_batch_state state);

#define BW_BATCH_FINALS 10

typedef struct bw_batch_final {
    int kind;         /* bw_final_kind */
    const char *text; /* SQL, as it will be sent */
    bool done;
} bw_batch_final;

typedef struct bw_batch_record {
    const char *sync;
    int64_t number, run_id;
    int attempt; /* of the load; counts up */
    bw_batch_state state;
    const char *label;
    const char *project, *dataset, *table; /* the target */
    const char *staging;                   /* table name, or NULL when loaded straight */
    const char *load_job;                  /* id of the load job(s)' attempt */
    bw_batch_final finals[BW_BATCH_FINALS];
    int n_finals;
    int final_attempt;
    bool backfill;
    const char *position; /* the checkpoint after it; NULL until loaded or when it does not move */
    int64_t watermark_us;
    /* read = loaded + present + dead letters. Until the final job has said what it found, every row
       that was staged counts as loaded. */
    int64_t rows_read, rows_loaded;
    int64_t rows_present; /* the target held them already, as they are or newer */
    int64_t dead_letters, bytes_uploaded;
    int64_t null_cursors, ahead_rows; /* -1 not counted */
    /* JSON array of keys (of messages: bw_store_letter_key), as strings, that have an open or replaying
       letter and landed in this batch; NULL: none. Durable from `loaded` on; the commit makes the letters superseded or replayed. */
    const char *landed_keys;
    int64_t started_us, updated_us;
} bw_batch_record;

/* Durable before the first request of the batch leaves. batch->number is the sync's next_batch (the
   caller made the ids from it), which is raised; CONFLICT when it is not. */
BW_NODISCARD bw_status bw_store_batch_plan(bw_store *store, const bw_batch_record *batch,
                                           bw_error *err);
/* A new load attempt: attempt, staging, load_job; its staged dead letters go. */
BW_NODISCARD bw_status bw_store_batch_retry(bw_store *store, const bw_batch_record *batch,
                                            bw_error *err);
/* Rows counted and equal (INTERNAL unless read = loaded + present + dead letters): the finals,
   position, watermark, counters and landed_keys become durable; the commit uses what is stored here,
   so that it does the same after a restart. */
BW_NODISCARD bw_status bw_store_batch_loaded(bw_store *store, const bw_batch_record *batch,
                                             bw_error *err);
/* One final job is done, and rows_loaded and rows_present are what it says (INTERNAL as above); or a
   further attempt of the finals begins (done unchanged). */
BW_NODISCARD bw_status bw_store_batch_final(bw_store *store, const bw_batch_record *batch,
                                            bw_error *err);
/*
 * One transaction: state committed, the sync's checkpoint (where the position is not NULL), watermark
 * and totals, the counters of the run that commits (run_id, while it is running), letters of
 * landed_keys superseded (open) or replayed (replaying), the batch's dead letters from staged to open
 * (a replaying letter met again is open again), the score model (unchanged when its ptr is NULL), an
 * audit entry. `replaced`: every open row letter of the sync is superseded unless this batch staged it
 * anew. Of the record only sync, number and run_id are used. Committing what is committed is fine;
 * CONFLICT when the batch is not loaded.
 */
BW_NODISCARD bw_status bw_store_batch_commit(bw_store *store, const bw_batch_record *batch,
                                             bw_slice score_model, bool replaced, bw_error *err);
/* Its staged dead letters go with it. With `keep_letters` (a flood that stopped the run) they stay
   listed, in state `staged`, until a whole run of the sync has ended well; met again they are new. */
BW_NODISCARD bw_status bw_store_batch_abandon(bw_store *store, const char *sync, int64_t number,
                                              bool keep_letters, bw_error *err);
/* Batches that are neither committed nor abandoned, oldest first. sync NULL: all. */
BW_NODISCARD bw_status bw_store_batch_open_list(bw_store *store, const char *sync, bw_arena *arena,
                                                bw_batch_record **out, size_t *count,
                                                bw_error *err);
/* Staging tables of finished batches (of all their attempts) that may still exist: to be dropped,
   then forgotten. */
BW_NODISCARD bw_status bw_store_staging_list(bw_store *store, const char *sync, bw_arena *arena,
                                             bw_batch_record **out, size_t *count, bw_error *err);
BW_NODISCARD bw_status bw_store_staging_forget(bw_store *store, const char *sync, int64_t number,
                                               const char *staging, bw_error *err);

/* ---- dead letters ----------------------------------------------------------------------- */

typedef enum bw_letter_state {
    BW_LETTER_STAGED,
    BW_LETTER_OPEN,
    BW_LETTER_REPLAYING,
    BW_LETTER_REPLAYED,
    BW_LETTER_SUPERSEDED,
    BW_LETTER_DISCARDED,
} bw_letter_state;

const char *bw_letter_state_name(bw_letter_state state);
bool bw_letter_state_parse(const char *name, bw_letter_state *state);

/* Members of a letter's attributes that are not the message's own, so that it can be replayed as it
   was received. */
#define BW_LETTER_MESSAGE_ID   "bw-message-id"
#define BW_LETTER_PUBLISH_TIME "bw-publish-time"
#define BW_LETTER_ORDERING_KEY "bw-ordering-key"
#define BW_LETTER_STORED       "bw-stored" /* of a conflict: the entity as Datastore has it */

typedef struct bw_dead_letter {
    int64_t id;
    const char *sync;
    const char *key;          /* compact JSON; NULL when the row has none */
    const char *event_id;     /* of a message; a row's key (hashed), or its content */
    const char *content_hash; /* of a message's content as it was first met, whatever it was edited
                                 to since; "" of a row; NULL when staged: of its content */
    bw_reason reason;
    const char *column, *detail;
    bw_slice content;       /* as the source gave it */
    const char *attributes; /* JSON object of a message, or NULL */
    int attempts;
    int64_t first_seen_us, last_seen_us;
    bw_letter_state state;
    int64_t batch;
    int64_t
        contradicts; /* the first other letter, not discarded, that says something else under the
                            same event id; 0: there is none. Only read */
} bw_dead_letter;

#define BW_LETTER_HASH 65

/* SHA-256 of a message's content, in hexadecimal digits. Threads: any. */
void bw_store_letter_hash(bw_slice content, char hash[BW_LETTER_HASH]);
/* Whether an operator has edited the message since it was first met. Of a letter with whole content. */
bool bw_store_letter_edited(const bw_dead_letter *letter);
/* What a landed message is known by among landed_keys; in the arena. */
const char *bw_store_letter_key(bw_arena *arena, bw_slice event_id, const char *content_hash);

/* Stages letters of a planned batch (one transaction). Meeting a letter again (same sync, event id and
   content hash: messages that say different things under one id are letters of their own) raises its
   attempts and last_seen and takes over reason, column, detail and content when the batch commits,
   not before; it is open again then, unless the very same content has been discarded. Of a letter
   that was edited the message as it was before changes nothing but attempts and last_seen: the
   operator's word stands. Unset times become now. */
BW_NODISCARD bw_status bw_store_letters_stage(bw_store *store, const char *sync, int64_t batch,
                                              const bw_dead_letter *letters, size_t count,
                                              bw_error *err);
/* Letters that belong to no batch (messages of a dead-letter subscription), open at once; met again as
   those of a batch. One transaction. */
BW_NODISCARD bw_status bw_store_letters_put(bw_store *store, const char *sync,
                                            const bw_dead_letter *letters, size_t count,
                                            bw_error *err);
/* How many staged letters of the batch are new: no letter of the same identity is open, replaying,
   edited, or discarded with the same content. */
BW_NODISCARD bw_status bw_store_letters_staged_new(bw_store *store, const char *sync, int64_t batch,
                                                   int64_t *count, bw_error *err);
/* Keys (of messages: bw_store_letter_key) of the sync's open and replaying letters, sorted (strcmp) and
   each once, for the run to watch for; at most `max`, those of replaying letters before others. */
BW_NODISCARD bw_status bw_store_letter_keys(bw_store *store, const char *sync, size_t max,
                                            bw_arena *arena, const char *const **keys,
                                            size_t *count, bw_error *err);

typedef struct bw_letter_filter {
    const int64_t *ids; /* NULL: any */
    size_t n_ids;
    const char *sync;   /* NULL: any */
    const char *reason; /* NULL: any */
    const char *text;   /* NULL, or part of key, event id, column, detail, reason, state or content
                           (ASCII case ignored) */
    bool any_state;     /* false: open, replaying, and staged ones that a flood left */
    int64_t after_id;   /* paging: ids greater than this */
    size_t offset;      /* so many of the first are left out */
    size_t limit;       /* 0: all */
    size_t content_max; /* of each content only so many of its first bytes; 0: all */
} bw_letter_filter;

BW_NODISCARD bw_status bw_store_letters(bw_store *store, const bw_letter_filter *filter,
                                        bw_arena *arena, bw_dead_letter **out, size_t *count,
                                        bw_error *err);
BW_NODISCARD bw_status bw_store_letters_count(bw_store *store, const bw_letter_filter *filter,
                                              int64_t *count, bw_error *err);

/* How much content of letters is in memory at a time: of one letter more only when it is larger. */
#define BW_LETTERS_BYTES ((size_t)8 << 20)

/* How many of the first letters that the filter selects hold at most `bytes` of content together; one
   at least where there is any. */
BW_NODISCARD bw_status bw_store_letters_fit(bw_store *store, const bw_letter_filter *filter,
                                            size_t bytes, size_t *count, bw_error *err);

typedef struct bw_letter_group {
    const char *sync;
    bw_reason reason;
    int64_t count;
    int64_t first_seen_us, last_seen_us;
} bw_letter_group;

/* Open letters by sync and reason, most first. sync NULL: all. */
BW_NODISCARD bw_status bw_store_letter_groups(bw_store *store, const char *sync, bw_arena *arena,
                                              bw_letter_group **out, size_t *count, bw_error *err);
/* A batch's letters stay as they are when it is committed: what landed comes again, or is replayed. */
BW_NODISCARD bw_status bw_store_batch_forget_landed(bw_store *store, const char *sync,
                                                    int64_t number, bw_error *err);
/* Moves letters to a state, those that may: OPEN takes replaying (the replay failed: attempts rises);
   REPLAYING open (no letter is replayed twice at the same time); REPLAYED and SUPERSEDED open and
   replaying; DISCARDED open. Each is an audit entry; discarding puts the content there. Many letters
   move in several transactions; *moved counts. */
BW_NODISCARD bw_status bw_store_letters_move(bw_store *store, const int64_t *ids, size_t count,
                                             bw_letter_state state, const char *who, int64_t *moved,
                                             bw_error *err);
/* Letters that were to be replayed and were not: open again, as if they had not been touched. */
BW_NODISCARD bw_status bw_store_letters_release(bw_store *store, const int64_t *ids, size_t count,
                                                bw_error *err);
/* Replaces the content of an open letter (edit before replay); the old one goes to the audit. */
BW_NODISCARD bw_status bw_store_letter_edit(bw_store *store, int64_t id, bw_slice content,
                                            const char *who, bw_error *err);

/* ---- audit ------------------------------------------------------------------------------ */

typedef struct bw_audit_entry {
    int64_t id, at_us;
    const char *who;    /* "engine" or the operator */
    const char *action; /* commit pause resume replay discard drift park resync ... */
    const char *subject;
    const char *detail; /* JSON object */
    const char *hash;   /* hex SHA-256 over the hash before it and the entry */
} bw_audit_entry;

BW_NODISCARD bw_status bw_store_audit_add(bw_store *store, const char *who, const char *action,
                                          const char *subject, const char *detail, bw_error *err);
/* The same for several in one transaction (id, at_us and hash are not read), without those that are in
   the trail already, because events are delivered more than once: with the same action and subject,
   and in the detail, a JSON object, the same sync, entity_key and content_hash where there are some.
   *added (may be NULL) counts. */
BW_NODISCARD bw_status bw_store_audit_add_new(bw_store *store, const bw_audit_entry *entries,
                                              size_t count, size_t *added, bw_error *err);
/* Newest first, from before_id (0: the newest). subject NULL: all. */
BW_NODISCARD bw_status bw_store_audit_list(bw_store *store, const char *subject, int64_t before_id,
                                           size_t limit, bw_arena *arena, bw_audit_entry **out,
                                           size_t *count, bw_error *err);
/* Walks the whole chain; CORRUPT names the first entry that was changed or is missing, the newest
   included. The chain has no key: it shows every change but that of someone who computes it anew;
   against that, compare the newest hash with a copy kept elsewhere. */
BW_NODISCARD bw_status bw_store_audit_verify(bw_store *store, int64_t *entries, bw_error *err);

/* ---- commands from other processes ------------------------------------------------------ */

typedef struct bw_command_record {
    int64_t id, at_us;
    const char *who, *kind, *args; /* args: JSON object */
    const char *state;             /* new taken done failed */
    const char *outcome;           /* sentence; NULL or its progress until done */
} bw_command_record;

/* Puts a command and wakes the engine through its datagram socket in the state directory. */
BW_NODISCARD bw_status bw_store_command_put(bw_store *store, const char *who, const char *kind,
                                            const char *args, int64_t *id, bw_error *err);
/* New commands, oldest first, marked taken. Commands taken by an engine that died are new again at its open. */
BW_NODISCARD bw_status bw_store_command_take(bw_store *store, bw_arena *arena,
                                             bw_command_record **out, size_t *count, bw_error *err);
/* How far a command is that is under way: its outcome until it is done. */
BW_NODISCARD bw_status bw_store_command_progress(bw_store *store, int64_t id, const char *text,
                                                 bw_error *err);
BW_NODISCARD bw_status bw_store_command_done(bw_store *store, int64_t id, bool ok,
                                             const char *outcome, bw_error *err);
/* NOT_FOUND when there is none. */
BW_NODISCARD bw_status bw_store_command_get(bw_store *store, int64_t id, bw_arena *arena,
                                            bw_command_record *out, bw_error *err);
/* The engine's end of the datagram socket: readable when a command came; -1 when there is none. */
int bw_store_wake_fd(const bw_store *store);
void bw_store_wake_drain(bw_store *store);

/* ---- quota bookings --------------------------------------------------------------------- */

/* Books n of `what` ("modifications", "load_jobs", "bytes") for a table or project, and gives the
   sum of the last 24 h including it (to the minute, never too little). */
BW_NODISCARD bw_status bw_store_book(bw_store *store, const char *what, const char *whom, int64_t n,
                                     int64_t *sum_24h, bw_error *err);
/* *oldest_us + 24 h is when the sum next falls; BW_TIME_NONE when nothing is booked. */
BW_NODISCARD bw_status bw_store_booked(bw_store *store, const char *what, const char *whom,
                                       int64_t *sum_24h, int64_t *oldest_us, bw_error *err);

typedef struct bw_booking {
    int64_t at_us; /* the newest of its minute: 24 h later it leaves the sum */
    int64_t n;
} bw_booking;

/* What makes up the sum, oldest first. */
BW_NODISCARD bw_status bw_store_bookings(bw_store *store, const char *what, const char *whom,
                                         bw_arena *arena, bw_booking **out, size_t *count,
                                         bw_error *err);

/* ---- pages ------------------------------------------------------------------------------ */

/* Runs, newest first. sync NULL: all; before_id 0: from the newest. */
BW_NODISCARD bw_status bw_store_runs(bw_store *store, const char *sync, int64_t before_id,
                                     size_t limit, bw_arena *arena, bw_run_record **out,
                                     size_t *count, bw_error *err);
/* Batches of one run, newest first, at most `limit`: a stream's run may have any number. */
BW_NODISCARD bw_status bw_store_run_batches(bw_store *store, int64_t run_id, size_t limit,
                                            bw_arena *arena, bw_batch_record **out, size_t *count,
                                            bw_error *err);

/* Removes what is older than the retention: finished batches and runs (newest 1,000 per sync stay),
   finished dead letters (90 days), bookings (2 days), commands (7 days). Never open letters, never
   the audit trail. */
BW_NODISCARD bw_status bw_store_trim(bw_store *store, bw_error *err);

/* A second, read-only store on the same file for the store reader's thread, or for showing the state
   without an engine. NOT_FOUND when there is no state yet; writing through it is DENIED. */
BW_NODISCARD bw_status bw_store_open_reader(const char *dir, const bw_clock *clock, bw_store **out,
                                            bw_error *err);

#endif
