#include "backend/store/internal.h"

#include "backend/core/crash_point.h"

#define COLUMNS                                                                         \
    "id, sync, mode, \"trigger\", state, kind, started, ended, rows_read, rows_loaded," \
    " rows_present, dead_letters, bytes_uploaded, bytes_billed, batches, checkpoint, error, hint"

static void read_run(bw_sql *q, bw_arena *arena, void *item)
{
    bw_run_record *r = item;
    r->id = bw_sql_int(q);
    r->sync = bw_sql_text(q, arena);
    r->mode = bw_sql_text(q, arena);
    r->trigger = bw_sql_text(q, arena);
    r->state = bw_sql_text(q, arena);
    r->kind = bw_sql_text(q, arena);
    r->started_us = bw_sql_time(q);
    r->ended_us = bw_sql_time(q);
    r->rows_read = bw_sql_int(q);
    r->rows_loaded = bw_sql_int(q);
    r->rows_present = bw_sql_int(q);
    r->dead_letters = bw_sql_int(q);
    r->bytes_uploaded = bw_sql_int(q);
    r->bytes_billed = bw_sql_int(q);
    r->batches = bw_sql_int(q);
    r->checkpoint = bw_sql_text(q, arena);
    r->error = bw_sql_text(q, arena);
    r->hint = bw_sql_text(q, arena);
}

static bw_status insert_run(bw_store *store, const bw_run_record *run, int64_t *id, bw_error *err)
{
    bw_status st = bw_sync_ensure(store, run->sync, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "INSERT INTO runs (sync, mode, \"trigger\", state, kind, started,"
                                  " checkpoint) VALUES (?, ?, ?, 'running', ?, ?, ?)");
    bw_sql_bind_text(&q, run->sync);
    bw_sql_bind_text(&q, run->mode);
    bw_sql_bind_text(&q, run->trigger);
    bw_sql_bind_text(&q, run->kind);
    bw_sql_bind_time(&q, run->started_us);
    bw_sql_bind_text(&q, run->checkpoint);
    st = bw_sql_run(&q, NULL, err);
    *id = sqlite3_last_insert_rowid(store->db);
    return st;
}

bw_status bw_store_run_begin(bw_store *store, const bw_run_record *run, int64_t *id, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, insert_run(store, run, id, err), err) : st;
}

static bw_status write_outcome(bw_store *store, const bw_run_record *run, bw_error *err)
{
    bw_sql q = bw_sql_open(
        store,
        "UPDATE runs SET mode = coalesce(?, mode), state = ?, ended = ?, rows_read = ?, "
        "rows_loaded = ?,"
        " rows_present = ?, dead_letters = ?, bytes_uploaded = ?, bytes_billed = ?, batches = ?,"
        " checkpoint = coalesce(?, checkpoint), error = ?, hint = ? WHERE id = ?");
    bw_sql_bind_text(&q, run->mode); /* the one that was found out, where it was to be */
    bw_sql_bind_text(&q, run->state);
    bw_sql_bind_time(&q, run->ended_us);
    bw_sql_bind_int(&q, run->rows_read);
    bw_sql_bind_int(&q, run->rows_loaded);
    bw_sql_bind_int(&q, run->rows_present);
    bw_sql_bind_int(&q, run->dead_letters);
    bw_sql_bind_int(&q, run->bytes_uploaded);
    bw_sql_bind_int(&q, run->bytes_billed);
    bw_sql_bind_int(&q, run->batches);
    bw_sql_bind_text(&q, run->checkpoint);
    bw_sql_bind_text(&q, run->error);
    bw_sql_bind_text(&q, run->hint);
    bw_sql_bind_int(&q, run->id);
    int64_t changed;
    bw_status st = bw_sql_run(&q, &changed, err);
    if (st == BW_OK && changed == 0)
        st = bw_error_set(err, BW_NOT_FOUND, "run %lld is not in the state", (long long)run->id);
    return st;
}

/* What a run's outcome does to its sync. A cancelled or interrupted run proves nothing: it neither
   counts as a failure nor clears one. */
static const struct {
    const char *state, *update;
} ON_SYNC[] = {
    {"ok", "UPDATE syncs SET last_run = ?1, last_success = ?1, failures = 0, error = NULL,"
           " hint = NULL WHERE name = ?4"},
    {"failed", "UPDATE syncs SET last_run = ?1, failures = failures + 1, error = ?2, hint = ?3"
               " WHERE name = ?4"},
    {"cancelled", "UPDATE syncs SET last_run = ?1 WHERE name = ?4"},
    {"interrupted", "UPDATE syncs SET last_run = ?1 WHERE name = ?4"},
};

static bw_status update_sync(bw_store *store, const bw_run_record *run, bw_error *err)
{
    for (size_t i = 0; i < BW_COUNT(ON_SYNC); i++) {
        if (strcmp(ON_SYNC[i].state, run->state) != 0)
            continue;
        bw_sql q = bw_sql_open(store, ON_SYNC[i].update);
        bw_sql_bind_time(&q, run->ended_us);
        bw_sql_bind_text(&q, run->error);
        bw_sql_bind_text(&q, run->hint);
        bw_sql_bind_text(&q, run->sync);
        return bw_sql_run(&q, NULL, err);
    }
    return BW_OK;
}

/* Letters that a refused batch left listed: a run over the same range that ended well has met those
   that are still true again. */
static bw_status drop_refused(bw_store *store, const bw_run_record *run, bw_error *err)
{
    bool whole = run->kind && strcmp(run->kind, "since") != 0 && strcmp(run->kind, "keys") != 0;
    if (strcmp(run->state, "ok") != 0 || !whole)
        return BW_OK;
    bw_sql q = bw_sql_open(store, "DELETE FROM letters WHERE sync = ? AND state = 'staged'");
    bw_sql_bind_text(&q, run->sync);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_run_end(bw_store *store, const bw_run_record *run, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    st = write_outcome(store, run, err);
    if (st == BW_OK)
        st = update_sync(store, run, err);
    if (st == BW_OK)
        st = drop_refused(store, run, err);
    bw_crash_point("store_run_end_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_run_end_after");
    return st;
}

bw_status bw_store_runs(bw_store *store, const char *sync, int64_t before_id, size_t limit,
                        bw_arena *arena, bw_run_record **out, size_t *count, bw_error *err)
{
    void *items;
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, sync ? "SELECT " COLUMNS " FROM runs WHERE id < ? AND sync = ?"
                                         " ORDER BY id DESC LIMIT ?"
                                       : "SELECT " COLUMNS " FROM runs WHERE id < ?"
                                         " ORDER BY id DESC LIMIT ?");
    bw_sql_bind_int(&q, before_id > 0 ? before_id : INT64_MAX);
    if (sync)
        bw_sql_bind_text(&q, sync);
    bw_sql_bind_limit(&q, limit);
    bw_status st = bw_sql_list(&q, arena, sizeof(**out), read_run, &items, count, err);
    bw_tx_read_end(store);
    *out = items;
    return st;
}
