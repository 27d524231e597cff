/* The durable side of the commit protocol: planned, loaded, final, committed. */
#include "backend/store/internal.h"

#include "backend/core/crash_point.h"
#include "backend/core/json.h"
#include "backend/core/text.h"

#define OPEN_STATES "('planned', 'loaded')"
#define COLUMNS_WITH(staging)                                                                     \
    "b.sync, b.number, b.run_id, b.attempt, b.state, b.label, b.project, b.dataset,"              \
    " b.table_name, " staging ", b.load_job, b.final_attempt, b.backfill, b.position,"            \
    " b.watermark, b.rows_read, b.rows_loaded, b.rows_present, b.dead_letters, b.bytes_uploaded," \
    " b.null_cursors, b.ahead_rows, b.landed_keys, b.started, b.updated"
#define COLUMNS COLUMNS_WITH("b.staging")

static const char *const STATE_NAMES[] = {
    [BW_BATCH_PLANNED] = "planned",
    [BW_BATCH_LOADED] = "loaded",
    [BW_BATCH_COMMITTED] = "committed",
    [BW_BATCH_ABANDONED] = "abandoned",
};

const char *bw_batch_state_name(bw_batch_state state)
{
    return STATE_NAMES[state];
}

static bw_batch_state parse_state(bw_slice name)
{
    for (size_t i = 0; i < BW_COUNT(STATE_NAMES); i++) {
        if (bw_slice_is(name, STATE_NAMES[i]))
            return (bw_batch_state)i;
    }
    return BW_BATCH_ABANDONED;
}

/* ---- reading ---------------------------------------------------------------------------- */

static void read_batch(bw_sql *q, bw_arena *arena, void *item)
{
    bw_batch_record *b = item;
    b->sync = bw_sql_text(q, arena);
    b->number = bw_sql_int(q);
    b->run_id = bw_sql_int(q);
    b->attempt = (int)bw_sql_int(q);
    b->state = parse_state(bw_sql_peek(q));
    b->label = bw_sql_text(q, arena);
    b->project = bw_sql_text(q, arena);
    b->dataset = bw_sql_text(q, arena);
    b->table = bw_sql_text(q, arena);
    b->staging = bw_sql_text(q, arena);
    b->load_job = bw_sql_text(q, arena);
    b->final_attempt = (int)bw_sql_int(q);
    b->backfill = bw_sql_int(q) != 0;
    b->position = bw_sql_text(q, arena);
    b->watermark_us = bw_sql_time(q);
    b->rows_read = bw_sql_int(q);
    b->rows_loaded = bw_sql_int(q);
    b->rows_present = bw_sql_int(q);
    b->dead_letters = bw_sql_int(q);
    b->bytes_uploaded = bw_sql_int(q);
    b->null_cursors = bw_sql_int(q);
    b->ahead_rows = bw_sql_int(q);
    b->landed_keys = bw_sql_text(q, arena);
    b->started_us = bw_sql_time(q);
    b->updated_us = bw_sql_time(q);
}

static bw_status read_finals(bw_store *store, bw_arena *arena, bw_batch_record *b, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "SELECT kind, text, done FROM batch_finals"
                                  " WHERE sync = ? AND number = ? ORDER BY step");
    bw_sql_bind_text(&q, b->sync);
    bw_sql_bind_int(&q, b->number);
    b->n_finals = 0;
    while (b->n_finals < BW_BATCH_FINALS && bw_sql_next(&q)) {
        bw_batch_final *f = &b->finals[b->n_finals++];
        f->kind = (int)bw_sql_int(&q);
        f->text = bw_sql_text(&q, arena);
        f->done = bw_sql_int(&q) != 0;
    }
    return bw_sql_end(&q, err);
}

/* The rest of a listing: `q` is bound. Takes the store's mutex itself only around statements that
   the caller opened under it. */
static bw_status list_batches(bw_sql *q, bw_arena *arena, bw_batch_record **out, size_t *count,
                              bw_error *err)
{
    void *items;
    bw_store *store = q->store;
    bw_status st = bw_sql_list(q, arena, sizeof(**out), read_batch, &items, count, err);
    *out = items;
    for (size_t i = 0; i < *count && st == BW_OK; i++)
        st = read_finals(store, arena, &(*out)[i], err);
    bw_tx_read_end(store);
    return st;
}

bw_status bw_store_batch_open_list(bw_store *store, const char *sync, bw_arena *arena,
                                   bw_batch_record **out, size_t *count, bw_error *err)
{
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT " COLUMNS " FROM batches b WHERE b.state IN " OPEN_STATES
                                  " AND (?1 IS NULL OR b.sync = ?1) ORDER BY b.started, b.number");
    bw_sql_bind_text(&q, sync);
    return list_batches(&q, arena, out, count, err);
}

bw_status bw_store_run_batches(bw_store *store, int64_t run_id, size_t limit, bw_arena *arena,
                               bw_batch_record **out, size_t *count, bw_error *err)
{
    bw_tx_read(store);
    bw_sql q =
        bw_sql_open(store, "SELECT " COLUMNS
                           " FROM batches b WHERE b.run_id = ? ORDER BY b.number DESC LIMIT ?");
    bw_sql_bind_int(&q, run_id);
    bw_sql_bind_int(&q, (int64_t)limit);
    return list_batches(&q, arena, out, count, err);
}

/* ---- plan, retry ------------------------------------------------------------------------ */

static bw_status take_number(bw_store *store, const bw_batch_record *b, int64_t *epoch,
                             bw_error *err)
{
    int64_t next = 1;
    bw_status st = bw_sync_ensure(store, b->sync, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "SELECT next_batch, epoch FROM syncs WHERE name = ?");
    bw_sql_bind_text(&q, b->sync);
    if (bw_sql_next(&q)) {
        next = bw_sql_int(&q);
        *epoch = bw_sql_int(&q);
    }
    st = bw_sql_end(&q, err);
    if (st != BW_OK)
        return st;
    if (b->number != next)
        return bw_error_set(err, BW_CONFLICT, "sync %s: the next batch is %lld, not %lld", b->sync,
                            (long long)next, (long long)b->number);
    q = bw_sql_open(store, "UPDATE syncs SET next_batch = next_batch + 1 WHERE name = ?");
    bw_sql_bind_text(&q, b->sync);
    return bw_sql_run(&q, NULL, err);
}

static bw_status note_staging(bw_store *store, const bw_batch_record *b, bw_error *err)
{
    if (!b->staging)
        return BW_OK;
    bw_sql q = bw_sql_open(store, "INSERT INTO stagings (sync, number, staging) VALUES (?, ?, ?)"
                                  " ON CONFLICT DO NOTHING");
    bw_sql_bind_text(&q, b->sync);
    bw_sql_bind_int(&q, b->number);
    bw_sql_bind_text(&q, b->staging);
    return bw_sql_run(&q, NULL, err);
}

static bw_status insert_batch(bw_store *store, const bw_batch_record *b, int64_t epoch,
                              bw_error *err)
{
    int64_t now = bw_wall_us(store->clock);
    bw_sql q = bw_sql_open(
        store, "INSERT INTO batches (sync, number, run_id, attempt, state, label, project, dataset,"
               " table_name, staging, load_job, final_attempt, backfill, rows_read, rows_loaded,"
               " dead_letters, bytes_uploaded, null_cursors, ahead_rows, started, updated, epoch)"
               " VALUES (?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, -1, -1, ?, ?,"
               " ?)");
    bw_sql_bind_text(&q, b->sync);
    bw_sql_bind_int(&q, b->number);
    bw_sql_bind_int(&q, b->run_id);
    bw_sql_bind_int(&q, b->attempt);
    bw_sql_bind_text(&q, b->label);
    bw_sql_bind_text(&q, b->project);
    bw_sql_bind_text(&q, b->dataset);
    bw_sql_bind_text(&q, b->table);
    bw_sql_bind_text(&q, b->staging);
    bw_sql_bind_text(&q, b->load_job);
    bw_sql_bind_int(&q, b->final_attempt);
    bw_sql_bind_int(&q, b->backfill);
    bw_sql_bind_int(&q, now);
    bw_sql_bind_int(&q, now);
    bw_sql_bind_int(&q, epoch);
    bw_status st = bw_sql_run(&q, NULL, err);
    return st == BW_OK ? note_staging(store, b, err) : st;
}

bw_status bw_store_batch_plan(bw_store *store, const bw_batch_record *batch, bw_error *err)
{
    int64_t epoch = 0;
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    st = take_number(store, batch, &epoch, err);
    if (st == BW_OK)
        st = insert_batch(store, batch, epoch, err);
    bw_crash_point("store_batch_plan_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_batch_plan_after");
    return st;
}

/* Runs the update of a batch that must be in a certain state; the statement's last two parameters
   are sync and number. */
static bw_status update_batch(bw_sql *q, const char *sync, int64_t number, const char *expected,
                              bw_error *err)
{
    bw_sql_bind_text(q, sync);
    bw_sql_bind_int(q, number);
    int64_t changed;
    bw_status st = bw_sql_run(q, &changed, err);
    if (st == BW_OK && changed == 0)
        st = bw_error_set(err, BW_CONFLICT, "sync %s: batch %lld is not %s", sync,
                          (long long)number, expected);
    return st;
}

bw_status bw_store_batch_retry(bw_store *store, const bw_batch_record *batch, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q =
        bw_sql_open(store, "UPDATE batches SET attempt = ?, staging = ?, load_job = ?,"
                           " updated = ? WHERE state = 'planned' AND sync = ? AND number = ?");
    bw_sql_bind_int(&q, batch->attempt);
    bw_sql_bind_text(&q, batch->staging);
    bw_sql_bind_text(&q, batch->load_job);
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    st = update_batch(&q, batch->sync, batch->number, "planned", err);
    if (st == BW_OK)
        st = note_staging(store, batch, err);
    if (st == BW_OK)
        st = bw_letters_unstage(store, batch->sync, batch->number, err);
    bw_crash_point("store_batch_retry_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_batch_retry_after");
    return st;
}

/* ---- loaded, final ---------------------------------------------------------------------- */

static bw_status write_loaded(bw_store *store, const bw_batch_record *b, bw_error *err)
{
    bw_sql q =
        bw_sql_open(store, "UPDATE batches SET state = 'loaded', final_attempt = ?, position = ?,"
                           " watermark = ?, rows_read = ?, rows_loaded = ?,"
                           " rows_present = ?, dead_letters = ?,"
                           " bytes_uploaded = ?, null_cursors = ?, ahead_rows = ?, landed_keys = ?,"
                           " updated = ?"
                           " WHERE state IN " OPEN_STATES " AND sync = ? AND number = ?");
    bw_sql_bind_int(&q, b->final_attempt);
    bw_sql_bind_text(&q, b->position);
    bw_sql_bind_time(&q, b->watermark_us);
    bw_sql_bind_int(&q, b->rows_read);
    bw_sql_bind_int(&q, b->rows_loaded);
    bw_sql_bind_int(&q, b->rows_present);
    bw_sql_bind_int(&q, b->dead_letters);
    bw_sql_bind_int(&q, b->bytes_uploaded);
    bw_sql_bind_int(&q, b->null_cursors);
    bw_sql_bind_int(&q, b->ahead_rows);
    bw_sql_bind_text(&q, b->landed_keys);
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    return update_batch(&q, b->sync, b->number, "open", err);
}

static bw_status write_finals(bw_store *store, const bw_batch_record *b, bw_error *err)
{
    bw_status st = BW_OK;
    for (int i = 0; i < b->n_finals && st == BW_OK; i++) {
        bw_sql q = bw_sql_open(store, "INSERT INTO batch_finals (sync, number, step, kind, text,"
                                      " done) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                                      " kind = excluded.kind, text = excluded.text,"
                                      " done = excluded.done");
        bw_sql_bind_text(&q, b->sync);
        bw_sql_bind_int(&q, b->number);
        bw_sql_bind_int(&q, i);
        bw_sql_bind_int(&q, b->finals[i].kind);
        bw_sql_bind_text(&q, b->finals[i].text ? b->finals[i].text : "");
        bw_sql_bind_int(&q, b->finals[i].done);
        st = bw_sql_run(&q, NULL, err);
    }
    return st;
}

static bw_status check_counts(const bw_batch_record *b, bw_error *err)
{
    if (b->rows_read == b->rows_loaded + b->rows_present + b->dead_letters)
        return BW_OK;
    return bw_error_set(err, BW_INTERNAL,
                        "sync %s: batch %lld read %lld rows, but loaded %lld, found %lld at the "
                        "target and %lld dead letters",
                        b->sync, (long long)b->number, (long long)b->rows_read,
                        (long long)b->rows_loaded, (long long)b->rows_present,
                        (long long)b->dead_letters);
}

/* What would only show at the commit, when it is too late to do anything about it. */
static bw_status check_loaded(const bw_batch_record *b, bw_error *err)
{
    bw_status st = check_counts(b, err);
    if (st != BW_OK)
        return st;
    if (b->landed_keys && !bw_json_valid(bw_slice_cstr(b->landed_keys), NULL, NULL))
        return bw_error_set(err, BW_INTERNAL, "sync %s: batch %lld: landed keys are not JSON",
                            b->sync, (long long)b->number);
    return BW_OK;
}

bw_status bw_store_batch_loaded(bw_store *store, const bw_batch_record *batch, bw_error *err)
{
    bw_status st = check_loaded(batch, err);
    if (st == BW_OK)
        st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    st = write_loaded(store, batch, err);
    if (st == BW_OK)
        st = write_finals(store, batch, err);
    bw_crash_point("store_batch_loaded_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_batch_loaded_after");
    return st;
}

bw_status bw_store_batch_final(bw_store *store, const bw_batch_record *batch, bw_error *err)
{
    bw_status st = check_counts(batch, err);
    if (st == BW_OK)
        st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE batches SET final_attempt = ?, rows_loaded = ?,"
                                  " rows_present = ?, updated = ?"
                                  " WHERE state = 'loaded' AND sync = ? AND number = ?");
    bw_sql_bind_int(&q, batch->final_attempt);
    bw_sql_bind_int(&q, batch->rows_loaded);
    bw_sql_bind_int(&q, batch->rows_present);
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    st = update_batch(&q, batch->sync, batch->number, "loaded", err);
    if (st == BW_OK)
        st = write_finals(store, batch, err);
    bw_crash_point("store_batch_final_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_batch_final_after");
    return st;
}

bw_status bw_store_batch_forget_landed(bw_store *store, const char *sync, int64_t number,
                                       bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE batches SET landed_keys = NULL WHERE state = 'loaded'"
                                  " AND sync = ? AND number = ?");
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, number);
    return bw_tx_end(store, bw_sql_run(&q, NULL, err), err);
}

/* ---- commit ----------------------------------------------------------------------------- */

/* Both updates take what batch_loaded stored. ?1 sync, ?2 number, ?3 the run that commits. */
static const char *const COMMIT_SYNC =
    "UPDATE syncs SET checkpoint = CASE WHEN b.epoch = syncs.epoch"
    " THEN coalesce(b.position, checkpoint) ELSE checkpoint END,"
    " watermark = coalesce(b.watermark, syncs.watermark),"
    " rows_total = rows_total + b.rows_loaded,"
    " rows_present = syncs.rows_present + b.rows_present,"
    " null_cursors = CASE WHEN b.null_cursors >= 0 THEN b.null_cursors ELSE syncs.null_cursors END,"
    " ahead_rows = CASE WHEN b.ahead_rows >= 0 THEN b.ahead_rows ELSE syncs.ahead_rows END"
    " FROM batches b WHERE b.sync = ?1 AND b.number = ?2 AND syncs.name = ?1";
static const char *const COMMIT_RUN =
    "UPDATE runs SET rows_read = runs.rows_read + b.rows_read,"
    " rows_loaded = runs.rows_loaded + b.rows_loaded,"
    " rows_present = runs.rows_present + b.rows_present,"
    " dead_letters = runs.dead_letters + b.dead_letters,"
    " bytes_uploaded = runs.bytes_uploaded + b.bytes_uploaded, batches = runs.batches + 1,"
    " checkpoint = coalesce(b.position, checkpoint)"
    " FROM batches b WHERE b.sync = ?1 AND b.number = ?2 AND runs.id = ?3"
    " AND runs.state = 'running'";

static bw_status commit_sync(bw_store *store, const bw_batch_record *b, bw_error *err)
{
    bw_sql q = bw_sql_open(store, COMMIT_SYNC);
    bw_sql_bind_text(&q, b->sync);
    bw_sql_bind_int(&q, b->number);
    return bw_sql_run(&q, NULL, err);
}

/* What an earlier run left, the run that finishes it counts. */
static bw_status commit_run(bw_store *store, const bw_batch_record *b, int64_t run_id,
                            bw_error *err)
{
    bw_sql q = bw_sql_open(store, COMMIT_RUN);
    bw_sql_bind_text(&q, b->sync);
    bw_sql_bind_int(&q, b->number);
    bw_sql_bind_int(&q, run_id);
    return bw_sql_run(&q, NULL, err);
}

static bw_status read_stored(bw_store *store, const bw_batch_record *b, bw_arena *arena,
                             bw_batch_record *stored, bw_error *err)
{
    bw_sql q =
        bw_sql_open(store, "SELECT " COLUMNS " FROM batches b WHERE b.sync = ? AND b.number = ?");
    bw_sql_bind_text(&q, b->sync);
    bw_sql_bind_int(&q, b->number);
    bool found = bw_sql_next(&q);
    if (found)
        read_batch(&q, arena, stored);
    bw_status st = bw_sql_end(&q, err);
    if (st != BW_OK)
        return st;
    if (!found || (stored->state != BW_BATCH_LOADED && stored->state != BW_BATCH_COMMITTED))
        return bw_error_set(err, BW_CONFLICT, "sync %s: batch %lld is %s, not loaded", b->sync,
                            (long long)b->number,
                            found ? bw_batch_state_name(stored->state) : "unknown");
    return BW_OK;
}

static bw_status audit_commit(bw_store *store, const bw_batch_record *b, bw_error *err)
{
    bw_buf detail = BW_BUF_INIT, target = BW_BUF_INIT;
    bw_buf_addf(&target, "%s.%s.%s", b->project ? b->project : "", b->dataset ? b->dataset : "",
                b->table ? b->table : "");
    bw_buf_addf(&detail,
                "{\"batch\":%lld,\"run\":%lld,\"rows\":%lld,\"present\":%lld,"
                "\"dead_letters\":%lld,",
                (long long)b->number, (long long)b->run_id, (long long)b->rows_loaded,
                (long long)b->rows_present, (long long)b->dead_letters);
    bw_buf_adds(&detail, "\"target\":");
    bw_json_add_string(&detail, bw_buf_slice(&target));
    if (b->position) {
        bw_buf_adds(&detail, ",\"position\":");
        bw_json_add_string(&detail, bw_slice_cstr(b->position));
    }
    bw_buf_adds(&detail, "}");
    bw_status st = bw_audit_append(store, "engine", "commit", b->sync, bw_buf_cstr(&detail), err);
    bw_buf_fini(&detail);
    bw_buf_fini(&target);
    return st;
}

static bw_status write_model(bw_store *store, const char *sync, bw_slice model, bw_error *err)
{
    if (!model.ptr)
        return BW_OK;
    bw_sql q = bw_sql_open(store, "UPDATE syncs SET score_model = ? WHERE name = ?");
    bw_sql_bind_slice(&q, model);
    bw_sql_bind_text(&q, sync);
    return bw_sql_run(&q, NULL, err);
}

static bw_status commit(bw_store *store, const bw_batch_record *b, int64_t run_id, bw_slice model,
                        bool replaced, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "UPDATE batches SET state = 'committed', updated = ?"
                                  " WHERE sync = ? AND number = ?");
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    bw_status st = update_batch(&q, b->sync, b->number, "there", err);
    if (st == BW_OK)
        st = commit_sync(store, b, err);
    if (st == BW_OK)
        st = commit_run(store, b, run_id, err);
    if (st == BW_OK)
        st = bw_letters_commit(store, b->sync, b->number, replaced, err);
    if (st == BW_OK)
        st = write_model(store, b->sync, model, err);
    return st == BW_OK ? audit_commit(store, b, err) : st;
}

bw_status bw_store_batch_commit(bw_store *store, const bw_batch_record *batch, bw_slice score_model,
                                bool replaced, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_batch_record stored = {0};
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    st = read_stored(store, batch, &arena, &stored, err);
    if (st == BW_OK && stored.state == BW_BATCH_LOADED)
        st = commit(store, &stored, batch->run_id, score_model, replaced, err);
    bw_crash_point("store_batch_commit_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_batch_commit_after");
    bw_arena_fini(&arena);
    return st;
}

/* ---- giving up -------------------------------------------------------------------------- */

bw_status bw_store_batch_abandon(bw_store *store, const char *sync, int64_t number,
                                 bool keep_letters, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE batches SET state = 'abandoned', updated = ?"
                                  " WHERE state <> 'committed' AND sync = ? AND number = ?");
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    st = update_batch(&q, sync, number, "open", err);
    if (st == BW_OK && keep_letters)
        st = bw_letters_refuse(store, sync, number, err);
    if (st == BW_OK)
        st = bw_letters_unstage(store, sync, number, err);
    bw_crash_point("store_batch_abandon_before");
    st = bw_tx_end(store, st, err);
    bw_crash_point("store_batch_abandon_after");
    return st;
}

/* ---- staging tables --------------------------------------------------------------------- */

bw_status bw_store_staging_list(bw_store *store, const char *sync, bw_arena *arena,
                                bw_batch_record **out, size_t *count, bw_error *err)
{
    bw_tx_read(store);
    bw_sql q = bw_sql_open(
        store, "SELECT " COLUMNS_WITH("t.staging") " FROM stagings t JOIN batches b ON b.sync = "
                                                   "t.sync AND b.number = t.number"
                                                   " WHERE b.state IN ('committed', 'abandoned') "
                                                   "AND (?1 IS NULL OR t.sync = ?1)"
                                                   " ORDER BY t.sync, t.number, t.staging");
    bw_sql_bind_text(&q, sync);
    return list_batches(&q, arena, out, count, err);
}

bw_status bw_store_staging_forget(bw_store *store, const char *sync, int64_t number,
                                  const char *staging, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q =
        bw_sql_open(store, "DELETE FROM stagings WHERE sync = ? AND number = ? AND staging = ?");
    bw_sql_bind_text(&q, sync);
    bw_sql_bind_int(&q, number);
    bw_sql_bind_text(&q, staging);
    return bw_tx_end(store, bw_sql_run(&q, NULL, err), err);
}
