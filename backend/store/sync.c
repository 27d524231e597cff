#include "backend/store/internal.h"

#include "backend/core/text.h"
#include "backend/core/units.h"

#define COLUMNS                                                                              \
    "name, source, target, mode, checkpoint, watermark, last_success, last_run, next_run,"   \
    " paused, paused_by, parked_until, parked_reason, state, freshness, lag_s, error, hint," \
    " failures, rows_total, null_cursors, ahead_rows, notes, next_batch, freshness_target,"  \
    " rows_present, source_offset, slowed, score_model"

static void read_sync(bw_sql *q, bw_arena *arena, void *item)
{
    bw_sync_record *s = item;
    s->name = bw_sql_text(q, arena);
    s->source = bw_sql_text(q, arena);
    s->target = bw_sql_text(q, arena);
    s->mode = bw_sql_text(q, arena);
    s->checkpoint = bw_sql_text(q, arena);
    s->watermark_us = bw_sql_time(q);
    s->last_success_us = bw_sql_time(q);
    s->last_run_us = bw_sql_time(q);
    s->next_run_us = bw_sql_time(q);
    s->paused = bw_sql_int(q) != 0;
    s->paused_by = bw_sql_text(q, arena);
    s->parked_until_us = bw_sql_time(q);
    s->parked_reason = bw_sql_text(q, arena);
    s->state = bw_sql_text(q, arena);
    s->freshness = bw_sql_real(q);
    s->lag_s = bw_sql_real(q);
    s->error = bw_sql_text(q, arena);
    s->hint = bw_sql_text(q, arena);
    s->failures = (int)bw_sql_int(q);
    s->rows_total = bw_sql_int(q);
    s->null_cursors = bw_sql_int(q);
    s->ahead_rows = bw_sql_int(q);
    s->notes = bw_sql_text(q, arena);
    s->next_batch = bw_sql_int(q);
    s->freshness_target_us = bw_sql_time(q);
    s->rows_present = bw_sql_int(q);
    s->source_offset_us = bw_sql_time(q);
    s->slowed = bw_sql_text(q, arena);
    s->score_model = bw_sql_slice(q, arena);
}

bw_status bw_store_sync_get(bw_store *store, const char *name, bw_arena *arena, bw_sync_record *out,
                            bool *found, bw_error *err)
{
    *out = (bw_sync_record){0};
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT " COLUMNS " FROM syncs WHERE name = ?");
    bw_sql_bind_text(&q, name);
    *found = bw_sql_next(&q);
    if (*found)
        read_sync(&q, arena, out);
    bw_status st = bw_sql_end(&q, err);
    bw_tx_read_end(store);
    return st;
}

bool bw_store_sync_has_written(bw_store *store, const char *name)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error ignored = BW_ERROR_INIT;
    bw_sync_record record;
    bool found = false;
    bw_status s = bw_store_sync_get(store, name, &arena, &record, &found, &ignored);
    bool has = s == BW_OK && found && record.next_batch > 1;
    bw_arena_fini(&arena);
    return has;
}

bw_status bw_store_sync_list(bw_store *store, bw_arena *arena, bw_sync_record **out, size_t *count,
                             bw_error *err)
{
    void *items;
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT " COLUMNS " FROM syncs ORDER BY name");
    bw_status st = bw_sql_list(&q, arena, sizeof(**out), read_sync, &items, count, err);
    bw_tx_read_end(store);
    *out = items;
    return st;
}

bw_status bw_sync_ensure(bw_store *store, const char *name, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "INSERT INTO syncs (name) VALUES (?) ON CONFLICT DO NOTHING");
    bw_sql_bind_text(&q, name);
    return bw_sql_run(&q, NULL, err);
}

static bw_status write_facts(bw_store *store, const bw_sync_record *s, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "UPDATE syncs SET source = ?, target = ?, mode = ?, state = ?,"
                                  " freshness = ?, lag_s = ?, next_run = ?, notes = ?,"
                                  " freshness_target = ?, source_offset = ?, slowed = ?"
                                  " WHERE name = ?");
    bw_sql_bind_text(&q, s->source);
    bw_sql_bind_text(&q, s->target);
    bw_sql_bind_text(&q, s->mode);
    bw_sql_bind_text(&q, s->state);
    bw_sql_bind_real(&q, s->freshness);
    bw_sql_bind_real(&q, s->lag_s);
    bw_sql_bind_time(&q, s->next_run_us);
    bw_sql_bind_text(&q, s->notes);
    bw_sql_bind_time(&q, s->freshness_target_us);
    bw_sql_bind_time(&q, s->source_offset_us);
    bw_sql_bind_text(&q, s->slowed);
    bw_sql_bind_text(&q, s->name);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_sync_put(bw_store *store, const bw_sync_record *sync, bw_error *err)
{
    return bw_store_sync_put_all(store, sync, 1, err);
}

bw_status bw_store_sync_put_all(bw_store *store, const bw_sync_record *syncs, size_t count,
                                bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    for (size_t i = 0; i < count && st == BW_OK; i++) {
        st = bw_sync_ensure(store, syncs[i].name, err);
        if (st == BW_OK)
            st = write_facts(store, &syncs[i], err);
    }
    return bw_tx_end(store, st, err);
}

static bw_status set_paused(bw_store *store, const char *name, bool paused, const char *who,
                            bw_error *err)
{
    bw_status st = bw_sync_ensure(store, name, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE syncs SET paused = ?1, paused_by = ?2"
                                  " WHERE name = ?3 AND paused <> ?1");
    bw_sql_bind_int(&q, paused);
    bw_sql_bind_text(&q, paused ? who : NULL);
    bw_sql_bind_text(&q, name);
    int64_t changed;
    st = bw_sql_run(&q, &changed, err);
    if (st != BW_OK || changed == 0)
        return st;
    return bw_audit_append(store, who, paused ? "pause" : "resume", name, "{}", err);
}

bw_status bw_store_sync_pause(bw_store *store, const char *name, bool paused, const char *who,
                              bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, set_paused(store, name, paused, who, err), err) : st;
}

static bw_status set_parked(bw_store *store, const char *name, int64_t until_us, const char *reason,
                            bw_error *err)
{
    bw_status st = bw_sync_ensure(store, name, err);
    if (st != BW_OK)
        return st;
    bw_sql q =
        bw_sql_open(store, "UPDATE syncs SET parked_until = ?1, parked_reason = ?2 WHERE"
                           " name = ?3 AND (parked_until IS NOT ?1 OR parked_reason IS NOT ?2)");
    bool parked = until_us != BW_TIME_NONE;
    bw_sql_bind_time(&q, until_us);
    bw_sql_bind_text(&q, parked ? reason : NULL);
    bw_sql_bind_text(&q, name);
    int64_t changed;
    st = bw_sql_run(&q, &changed, err);
    if (st != BW_OK || changed == 0)
        return st;
    bw_buf detail = BW_BUF_INIT;
    bw_buf_adds(&detail, "{");
    if (parked) {
        char time[BW_TIME_TEXT];
        bw_buf_addf(&detail, "\"until\":\"%s\"", bw_format_time(until_us, time));
        if (reason) {
            bw_buf_adds(&detail, ",\"reason\":");
            bw_json_add_string(&detail, bw_slice_cstr(reason));
        }
    }
    bw_buf_adds(&detail, "}");
    st = bw_audit_append(store, "engine", parked ? "park" : "unpark", name, bw_buf_cstr(&detail),
                         err);
    bw_buf_fini(&detail);
    return st;
}

bw_status bw_store_sync_park(bw_store *store, const char *name, int64_t until_us,
                             const char *reason, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, set_parked(store, name, until_us, reason, err), err) : st;
}

static bw_status set_notes(bw_store *store, const char *name, const char *notes, bw_error *err)
{
    bw_status st = bw_sync_ensure(store, name, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE syncs SET notes = ? WHERE name = ?");
    bw_sql_bind_text(&q, notes);
    bw_sql_bind_text(&q, name);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_sync_note(bw_store *store, const char *name, const char *notes, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, set_notes(store, name, notes, err), err) : st;
}

static bw_status set_alive(bw_store *store, const char *name, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "UPDATE syncs SET last_run = ?1, last_success = ?1, failures = 0,"
                                  " error = NULL, hint = NULL WHERE name = ?2");
    bw_sql_bind_time(&q, bw_wall_us(store->clock));
    bw_sql_bind_text(&q, name);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_sync_alive(bw_store *store, const char *name, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, set_alive(store, name, err), err) : st;
}

/* The epoch makes a batch that was planned before leave the checkpoint alone when it commits. */
static bw_status forget_checkpoint(bw_store *store, const char *name, const char *who,
                                   bw_error *err)
{
    bw_status st = bw_sync_ensure(store, name, err);
    if (st != BW_OK)
        return st;
    bw_sql q =
        bw_sql_open(store, "UPDATE syncs SET checkpoint = NULL, epoch = epoch + 1 WHERE name = ?");
    bw_sql_bind_text(&q, name);
    st = bw_sql_run(&q, NULL, err);
    return st == BW_OK ? bw_audit_append(store, who, "reset", name, "{}", err) : st;
}

bw_status bw_store_sync_reset(bw_store *store, const char *name, const char *who, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    return st == BW_OK ? bw_tx_end(store, forget_checkpoint(store, name, who, err), err) : st;
}
