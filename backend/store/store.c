/* Opening and closing: directory, locks, the file, its schema, what a dead engine left behind. */
#include "backend/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/core/log.h"

#define BUSY_TIMEOUT_MS 10000

/* ---- the connection --------------------------------------------------------------------- */

/* Makes the file for its owner alone. Only with O_EXCL: closing any other descriptor of it would
   drop the locks that SQLite holds in this process (POSIX locks belong to process and file). */
static bw_status make_file(const char *path, bw_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        close(fd);
        return BW_OK;
    }
    if (errno != EEXIST) {
        int saved = errno;
        bw_error_errno(err, saved == EACCES ? BW_DENIED : BW_IO, saved, "state file %s", path);
        return bw_error_hint(err, "Look at owner, rights and free space of its directory.");
    }
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0 && chmod(path, 0600) != 0)
        bw_log(BW_LOG_WARN, "store",
               "%s can be read by other users and could not be closed to them", path);
    return BW_OK;
}

static bw_status connect_file(bw_store *store, int flags, bw_error *err)
{
    char *path = bw_state_path(store->dir, "state.db");
    /* Our mutex guards the connection, SQLite's own would be a second one. */
    int rc = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    free(path);
    if (rc != SQLITE_OK)
        return bw_sql_error(store, rc, err);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    rc = bw_letter_hash_register(store->db);
    return rc == SQLITE_OK ? BW_OK : bw_sql_error(store, rc, err);
}

static bw_status set_durable(bw_store *store, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "PRAGMA journal_mode = WAL");
    bool wal = bw_sql_next(&q) && bw_slice_is(bw_sql_peek(&q), "wal");
    bw_status st = bw_sql_end(&q, err);
    if (st != BW_OK)
        return st;
    if (!wal) {
        bw_error_set(err, BW_UNSUPPORTED, "the file system of %s has no write-ahead log",
                     store->dir);
        return bw_error_hint(err, "Name a directory on a local disk as state_dir.");
    }
    return bw_sql_script(store,
                         "PRAGMA synchronous = FULL;"
                         "PRAGMA foreign_keys = ON;"
                         "PRAGMA temp_store = MEMORY;"
                         "PRAGMA trusted_schema = OFF;"
                         "PRAGMA journal_size_limit = 67108864",
                         err);
}

static bw_status read_id(bw_store *store, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "SELECT value FROM meta WHERE key = 'store_id'");
    bw_slice id = {0};
    if (bw_sql_next(&q))
        id = bw_sql_peek(&q);
    bool found = id.len == sizeof(store->id) - 1;
    if (found)
        memcpy(store->id, id.ptr, id.len);
    bw_status st = bw_sql_end(&q, err);
    if (st == BW_OK && !found)
        st = bw_error_set(err, BW_CORRUPT, "state file %s/state.db has no id", store->dir);
    return st;
}

/* ---- what a dead engine left ------------------------------------------------------------ */

static bw_status quick_check(bw_store *store, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "PRAGMA quick_check(1)");
    char found[256] = "ok";
    if (bw_sql_next(&q)) {
        bw_slice verdict = bw_sql_peek(&q);
        snprintf(found, sizeof(found), "%.*s", BW_SLICE_ARG(verdict));
    }
    bw_status st = bw_sql_end(&q, err);
    if (st == BW_OK && strcmp(found, "ok") != 0) {
        st = bw_sql_error(store, SQLITE_CORRUPT, err);
        bw_error_wrap(err, "check after an unclean stop: %s", found);
    }
    return st;
}

/* Runs that died with their engine ended at its last sign of life; what it had taken in hand is
   free again. */
static const char *const RECOVERY[] = {
    "UPDATE runs SET state = 'interrupted', error = 'the engine ended while this ran',"
    " ended = (SELECT max(heartbeat, coalesce(runs.started, heartbeat)) FROM engine)"
    " WHERE state = 'running'",
    "UPDATE commands SET state = 'new' WHERE state = 'taken'",
    "UPDATE letters SET state = 'open' WHERE state = 'replaying'",
};

static bw_status announce(bw_store *store, bw_error *err)
{
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    int64_t now = bw_wall_us(store->clock);
    bw_sql q = bw_sql_open(store, "INSERT OR REPLACE INTO engine (one, started, heartbeat, version,"
                                  " host, pid, clean) VALUES (1, ?, ?, ?, ?, ?, 0)");
    bw_sql_bind_int(&q, now);
    bw_sql_bind_int(&q, now);
    bw_sql_bind_text(&q, BW_VERSION);
    bw_sql_bind_text(&q, host);
    bw_sql_bind_int(&q, getpid());
    return bw_sql_run(&q, NULL, err);
}

static bw_status recover(bw_store *store, bw_error *err)
{
    int64_t clean;
    bw_sql q = bw_sql_open(store, "SELECT clean FROM engine");
    bw_status st = bw_sql_one_int(&q, 1, &clean, err);
    if (st == BW_OK && !clean)
        st = quick_check(store, err);
    if (st != BW_OK)
        return st;
    st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    for (size_t i = 0; i < BW_COUNT(RECOVERY) && st == BW_OK; i++)
        st = bw_sql_script(store, RECOVERY[i], err);
    if (st == BW_OK)
        st = announce(store, err);
    return bw_tx_end(store, st, err);
}

/* ---- open and close --------------------------------------------------------------------- */

static bw_store *store_new(const char *dir, const bw_clock *clock)
{
    bw_store *store = bw_xcalloc(1, sizeof(*store));
    store->dir = bw_xstrdup(dir);
    store->clock = clock;
    store->lock_fd = -1;
    store->wake_fd = -1;
    pthread_mutex_init(&store->mu, NULL);
    return store;
}

static void store_free(bw_store *store)
{
    bw_wake_close(store);
    bw_sql_fini(store);
    sqlite3_close(store->db);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->mu);
    free(store->dir);
    free(store);
}

/* Under the open lock: nobody else makes or migrates the file meanwhile. */
static bw_status open_locked(bw_store *store, bw_store_access access, bw_error *err)
{
    char *path = bw_state_path(store->dir, "state.db");
    bw_status st = make_file(path, err);
    free(path);
    if (st == BW_OK)
        st = connect_file(store, SQLITE_OPEN_READWRITE, err);
    if (st == BW_OK)
        st = set_durable(store, err);
    char holder[128];
    if (st == BW_OK)
        st = bw_schema_migrate(
            store, access == BW_STORE_ENGINE || !bw_store_engine_runs(store->dir, holder), err);
    return st == BW_OK ? read_id(store, err) : st;
}

bw_status bw_store_open(const char *dir, bw_store_access access, const bw_clock *clock,
                        bw_store **out, bw_error *err)
{
    *out = NULL;
    bw_status st = bw_state_dir_prepare(dir, err);
    if (st != BW_OK)
        return st;
    bw_store *store = store_new(dir, clock);
    st = bw_lock_file_open(dir, &store->lock_fd, err);
    if (st == BW_OK)
        st = bw_lock_take(store->lock_fd, BW_LOCK_OPEN, dir, clock, err);
    if (st == BW_OK && access == BW_STORE_ENGINE)
        st = bw_lock_take(store->lock_fd, BW_LOCK_ENGINE, dir, clock, err);
    if (st == BW_OK)
        st = open_locked(store, access, err);
    if (store->lock_fd >= 0)
        bw_lock_release(store->lock_fd, BW_LOCK_OPEN);
    if (st == BW_OK && access == BW_STORE_ENGINE)
        st = recover(store, err);
    if (st != BW_OK) {
        store_free(store);
        return st;
    }
    if (access == BW_STORE_ENGINE) {
        bw_wake_open(store);
    } else {
        close(store->lock_fd);
        store->lock_fd = -1;
    }
    *out = store;
    return BW_OK;
}

bw_status bw_store_open_reader(const char *dir, const bw_clock *clock, bw_store **out,
                               bw_error *err)
{
    *out = NULL;
    char *path = bw_state_path(dir, "state.db");
    int missing = access(path, F_OK) == 0 ? 0 : errno;
    free(path);
    if (missing) {
        bw_error_errno(err, missing == EACCES ? BW_DENIED : BW_NOT_FOUND, missing,
                       "state file %s/state.db", dir);
        return bw_error_hint(err, "It is made when the engine first runs; check state_dir.");
    }
    bw_store *store = store_new(dir, clock);
    bw_status st = connect_file(store, SQLITE_OPEN_READONLY, err);
    if (st == BW_OK)
        st = bw_schema_migrate(store, false, err);
    if (st == BW_OK)
        st = read_id(store, err);
    if (st != BW_OK) {
        store_free(store);
        return st;
    }
    store->reader = true;
    *out = store;
    return BW_OK;
}

void bw_store_close(bw_store *store)
{
    if (!store)
        return;
    if (store->lock_fd >= 0) {
        bw_error err = BW_ERROR_INIT;
        bw_status st = bw_tx_begin(store, &err);
        if (st == BW_OK)
            st = bw_tx_end(store, bw_sql_script(store, "UPDATE engine SET clean = 1", &err), &err);
        if (st != BW_OK)
            bw_log_error(BW_LOG_WARN, "store", &err);
    }
    store_free(store);
}

const char *bw_store_id(const bw_store *store)
{
    return store->id;
}
