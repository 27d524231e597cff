/* What the files of the store share. Private to this room and its tests. */
#ifndef BW_STORE_INTERNAL_H
#define BW_STORE_INTERNAL_H

#include <pthread.h>

#include "backend/store/sql.h"

typedef struct bw_sql_cached {
    char *text;
    sqlite3_stmt *stmt;
    bool open;
} bw_sql_cached;

struct bw_store {
    const bw_clock *clock;
    char *dir;
    char id[9];
    bool reader;
    int lock_fd; /* holds the engine's lock, or -1 */
    int wake_fd; /* the engine's end of the wake socket, or -1 */
    pthread_mutex_t mu;
    sqlite3 *db;          /* guarded by mu */
    bw_sql_cached *cache; /* guarded by mu */
    size_t n_cache, cache_cap;
};

/* ---- directory and locks (directory.c, lock.c) ------------------------------------------ */

/* Makes DIR with its parents (0700) or checks that it can hold the state: local, and not writable
   by others. DENIED, IO, UNSUPPORTED for a network file system. */
BW_NODISCARD bw_status bw_state_dir_prepare(const char *dir, bw_error *err);
/* The name of a network file system by its statfs magic, or NULL when it is taken for local. */
const char *bw_network_fs_name(unsigned long magic);
/* DIR/name (free()). */
char *bw_state_path(const char *dir, const char *name);

/* The lock file has two locks of open file descriptions (F_OFD_SETLK): unlike the classic ones they
   also keep two engines of one process apart, and closing another descriptor of the file does not
   drop them. */
typedef enum bw_lock_kind {
    BW_LOCK_ENGINE, /* held as long as the engine has the state */
    BW_LOCK_OPEN,   /* held while the file is made, migrated or recovered */
} bw_lock_kind;

/* A descriptor of DIR/lock, made when missing. */
BW_NODISCARD bw_status bw_lock_file_open(const char *dir, int *fd, bw_error *err);
/* CONFLICT at once when another has the engine's lock (names it); the open lock is waited for. */
BW_NODISCARD bw_status bw_lock_take(int fd, bw_lock_kind kind, const char *dir,
                                    const bw_clock *clock, bw_error *err);
void bw_lock_release(int fd, bw_lock_kind kind);

/* ---- schema (schema.c) ------------------------------------------------------------------ */

#define BW_STORE_SCHEMA 3

/* Brings the file to the current schema. UNSUPPORTED when it is newer; INVALID when it is an SQLite
   database of something else. `may_write` false: an older one is UNSUPPORTED too. */
BW_NODISCARD bw_status bw_schema_migrate(bw_store *store, bool may_write, bw_error *err);

/* ---- within a transaction --------------------------------------------------------------- */

/* Makes the sync's row when there is none. */
bw_status bw_sync_ensure(bw_store *store, const char *name, bw_error *err);
/* Appends to the audit trail. */
bw_status bw_audit_append(bw_store *store, const char *who, const char *action, const char *subject,
                          const char *detail, bw_error *err);
/* The letters' part of the commit of a batch. */
bw_status bw_letters_commit(bw_store *store, const char *sync, int64_t batch, bool replaced,
                            bw_error *err);
/* SQL function letter_hash(content), for the schema's steps. */
int bw_letter_hash_register(sqlite3 *db);
/* Lists what the batch staged as `staged`, unless the letter is known already. */
bw_status bw_letters_refuse(bw_store *store, const char *sync, int64_t batch, bw_error *err);
/* Deletes what the batch staged. */
bw_status bw_letters_unstage(bw_store *store, const char *sync, int64_t batch, bw_error *err);

/* ---- wake socket (wake.c) --------------------------------------------------------------- */

/* Makes the engine's end; on failure logs and leaves -1. */
void bw_wake_open(bw_store *store);
void bw_wake_close(bw_store *store);
/* Tells the engine that there is something; nobody there is fine. */
void bw_wake_send(const bw_store *store);

#endif
