#include "backend/sources/postgres_plan.h"

#include <inttypes.h>

#include "backend/core/units.h"
#include "backend/sources/postgres_keys.h"

#define KEYS_PER_BATCH 1000

/* ---- snapshots ---- */

/* Said again for the transaction, because a pooler may have given us another session. */
static const char begin_sql[] =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';"
    "SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL extra_float_digits = 3;"
    "SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content';"
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"
    "SAVEPOINT bw";

static bw_status lock_table(bw_pgplan *p, bw_error *err)
{
    const char *relation = bw_pgtable_quoted(p->info->name, &p->snapshot_arena);
    bw_status status =
        bw_pgconn_execf(p->conn, err, "LOCK TABLE %s IN ACCESS SHARE MODE", relation);
    /* Foreign tables, materialised views and rights on columns only cannot be locked: they are
       read all the same. */
    if (status != BW_DENIED && status != BW_INVALID)
        return status;
    return bw_pgconn_exec(p->conn, "ROLLBACK TO bw", err);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_field(const bw_field *a, const bw_field *b)
{
    return same_text(a->source_name, b->source_name) && a->type == b->type &&
           a->repeated == b->repeated && a->required == b->required && a->key_part == b->key_part &&
           a->precision == b->precision && a->scale == b->scale;
}

static bw_status check_same(const bw_pgplan *p, bw_error *err)
{
    const bw_schema *now = &p->table.info.schema, *then = &p->info->schema;
    bool same = now->count == then->count && p->table.info.cursor == p->info->cursor &&
                p->table.info.n_key == p->info->n_key;
    for (size_t i = 0; same && i < now->count; i++)
        same = same_field(&now->fields[i], &then->fields[i]);
    if (same)
        return BW_OK;
    bw_error_set(err, BW_CONFLICT, "table %s has changed since it was described", p->info->name);
    if (err)
        err->retryable = true;
    return bw_error_hint(err, "The next run sees it as it is now.");
}

bw_status bw_pgplan_release(bw_pgplan *p, bw_error *err)
{
    if (!p->in_snapshot)
        return BW_OK;
    p->in_snapshot = false;
    bw_pgcopy_fini(&p->copy);
    bw_arena_reset(&p->snapshot_arena, 0);
    return bw_pgconn_exec(p->conn, "COMMIT", err);
}

bw_status bw_pgplan_snapshot(bw_pgplan *p, bw_error *err)
{
    bw_status status = bw_pgplan_release(p, err);
    if (status == BW_OK)
        status = bw_pgconn_exec(p->conn, begin_sql, err);
    if (status != BW_OK)
        return status;
    p->in_snapshot = true;
    status = lock_table(p, err);
    if (status == BW_OK)
        status = bw_pgtable_load(p->conn, p->spec, &p->snapshot_arena, &p->table, err);
    if (status == BW_OK)
        status = check_same(p, err);
    if (status != BW_OK)
        return status;
    const bw_table_info *info = &p->table.info;
    p->copy = bw_pgcopy_init(&info->schema, p->table.types, info->key, info->n_key);
    return BW_OK;
}

void bw_pgplan_copy(bw_pgplan *p, const char *select)
{
    p->sql = bw_arena_printf(&p->batch_arena, "COPY (%s) TO STDOUT", select);
}

/* ---- the checkpoint after everything was read ---- */

#define MOMENT_PATIENCE (5 * BW_SECOND)
#define MOMENT_STEP     (BW_SECOND / 10)

/* The highest value of a sequence, and a time at which it had been allocated. */
static bw_status highest(bw_pgplan *p, bool *known, bw_pgseen *out, bw_error *err)
{
    bw_buf sql = BW_BUF_INIT;
    bw_pgresult *r;
    bw_buf_adds(&sql, "SELECT max(");
    bw_pg_add_identifier(&sql, p->info->schema.fields[p->info->cursor].source_name);
    bw_buf_addf(&sql, ") FROM %s", bw_pgtable_quoted(p->info->name, &p->batch_arena));
    bw_status status = bw_pgconn_query(p->conn, bw_buf_cstr(&sql), NULL, 0, &r, err);
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    *known = bw_pgresult_text(r, 0, 0) != NULL;
    out->value = bw_pgresult_int(r, 0, 0, 0);
    bw_pgresult_free(r);
    return bw_pg_clock(p->conn, &out->at_us, err);
}

/*
 * A sequence's values are allocated in order but committed in any. What is below the highest value
 * is final once every transaction that was open when that value was read has ended; for the short
 * ones it is worth waiting. Where a long one remains, the first window reads everything again.
 */
static bw_status sequence_moment(bw_pgplan *p, bw_error *err)
{
    const bw_clock *clock = bw_pgconn_env(p->conn)->clock;
    const bw_cancel *cancel = bw_pgconn_env(p->conn)->cancel;
    int64_t patience = bw_mono_us(clock) + MOMENT_PATIENCE;
    bool known;
    bw_pgseen seen;
    bw_status status = highest(p, &known, &seen, err);
    p->position.n_seen = 0;
    p->position.from_known = false;
    for (;;) {
        if (status == BW_OK)
            status =
                bw_pgmoment_take(p->conn, p->spec, p->lookback_us, BW_TIME_NONE, &p->moment, err);
        if (status != BW_OK)
            return status;
        p->base_us = p->moment.base_us;
        if (known && p->moment.open_known && p->moment.base_us >= seen.at_us) {
            p->position.from_known = true;
            p->position.from = seen.value;
            return BW_OK;
        }
        int64_t now = bw_mono_us(clock);
        if (!known || !p->moment.open_known || now >= patience) {
            if (known)
                bw_pgposition_see(&p->position, seen.at_us, seen.value);
            return BW_OK;
        }
        status = bw_wait_until(cancel, clock, now + MOMENT_STEP, err);
    }
}

bw_status bw_pgplan_moment(bw_pgplan *p, bw_error *err)
{
    bw_status status;
    if (p->info->cursor_kind == BW_CURSOR_SEQUENCE)
        status = sequence_moment(p, err);
    else
        status = bw_pgmoment_take(p->conn, p->spec, p->lookback_us, BW_TIME_NONE, &p->moment, err);
    if (status != BW_OK)
        return status;
    p->base_us = p->moment.base_us;
    p->position.to_us = p->moment.to_us;
    p->position.next_from_us =
        p->info->cursor >= 0 ? p->moment.base_us - p->lookback_us : BW_TIME_NONE;
    p->position.resume = NULL;
    return BW_OK;
}

/* ---- batches ---- */

static void begin_batch(bw_pgplan *p, const char *label, double rows)
{
    p->batch = (bw_batch_plan){
        .label = label, .rows_expected = rows, .from_us = BW_TIME_NONE, .to_us = BW_TIME_NONE};
    p->end = (bw_batch_end){.watermark_us = BW_TIME_NONE, .null_cursors = -1, .ahead_rows = -1};
}

static void set_position(bw_pgplan *p)
{
    p->end.position = bw_pgposition_write(&p->position, &p->batch_arena);
}

static bw_status begin_backfill(bw_pgplan *p, bw_error *err)
{
    bw_status status = BW_OK;
    /* Going on keeps the moment of the first plan: incremental reading begins there. */
    if (!p->position.backfill.active)
        status = bw_pgplan_moment(p, err);
    if (status == BW_OK)
        status = bw_pgplan_snapshot(p, err);
    if (status == BW_OK)
        status = bw_pgbackfill_plan(p->conn, &p->table, p->spec, &p->position.backfill, &p->arena,
                                    &p->backfill, err);
    p->begun = status == BW_OK;
    return status;
}

static bw_status next_slice(bw_pgplan *p, bw_error *err)
{
    bw_pgslice slice;
    bw_status status = p->begun ? BW_OK : begin_backfill(p, err);
    if (status == BW_OK)
        status = bw_pgbackfill_next(p->conn, &p->backfill, &p->batch_arena, &slice, err);
    if (status != BW_OK)
        return status;
    begin_batch(p, slice.label, slice.rows_expected);
    p->batch.backfill = true;
    p->batch.whole = p->backfill.slicing == BW_PGSLICING_WHOLE && p->info->n_key == 0;
    bw_pgplan_copy(p, slice.select);
    if (slice.last) {
        p->position.backfill = (bw_pgbackfill_position){0};
        p->end.watermark_us = p->position.to_us;
        p->phase = BW_PGPHASE_WINDOW;
        p->begun = false;
    } else {
        bw_pgbackfill_where(&p->backfill, &p->batch_arena, &p->position.backfill);
    }
    set_position(p);
    return BW_OK;
}

static bw_status next_whole(bw_pgplan *p, bw_error *err)
{
    bw_status status = bw_pgplan_moment(p, err);
    if (status == BW_OK)
        status = bw_pgplan_snapshot(p, err);
    if (status == BW_OK && p->table.cursor)
        status =
            bw_pg_count_unreached(p->conn, &p->table, &p->batch_arena, &p->nulls, &p->ahead, err);
    if (status != BW_OK)
        return status;
    begin_batch(p, "whole table", p->table.info.rows_estimate);
    p->batch.whole = true;
    p->end.watermark_us = p->position.to_us;
    if (p->table.cursor) {
        p->end.null_cursors = p->nulls;
        p->end.ahead_rows = p->ahead;
        p->end.held_back_by = *p->moment.held_by ? p->moment.held_by : NULL;
    }
    bw_pgplan_copy(p, bw_arena_printf(&p->batch_arena, "SELECT %s FROM %s", p->table.select_list,
                                      p->table.relation));
    p->position.backfill = (bw_pgbackfill_position){0};
    set_position(p);
    p->phase = BW_PGPHASE_OVER;
    return BW_OK;
}

static bw_status next_keys(bw_pgplan *p, bw_error *err)
{
    bw_status status = p->begun ? BW_OK : bw_pgplan_snapshot(p, err);
    if (status != BW_OK)
        return status;
    p->begun = true;
    size_t n = p->request.n_keys - p->next_key;
    if (n > KEYS_PER_BATCH)
        n = KEYS_PER_BATCH;
    bw_buf sql = BW_BUF_INIT;
    bw_buf_addf(&sql, "SELECT %s FROM %s WHERE ", p->table.select_list, p->table.relation);
    status = bw_pgkeys_add(&sql, &p->table, p->request.keys + p->next_key, n, err);
    if (status == BW_OK) {
        begin_batch(p, bw_arena_printf(&p->batch_arena, "%zu key%s", n, n == 1 ? "" : "s"),
                    (double)n);
        bw_pgplan_copy(p, bw_buf_cstr(&sql));
    }
    bw_buf_fini(&sql);
    p->next_key += n;
    if (p->next_key >= p->request.n_keys)
        p->phase = BW_PGPHASE_OVER;
    return status;
}

static bw_status next_piece(bw_pgplan *p, bw_error *err)
{
    bw_status status = p->begun ? BW_OK : bw_pgplan_window(p, err);
    if (status != BW_OK)
        return status;
    p->begun = true;
    begin_batch(p, NULL, -1);
    status = bw_pgplan_piece(p, err);
    if (status == BW_OK && p->request.kind != BW_READ_SINCE)
        set_position(p);
    return status;
}

bw_status bw_pgplan_next(bw_pgplan *p, bool *more, bw_error *err)
{
    bw_arena_reset(&p->batch_arena, (size_t)64 << 10);
    /* The position is in the batch's arena: what of it lives on is copied by those who set it. */
    *more = p->phase != BW_PGPHASE_OVER;
    switch (p->phase) {
    case BW_PGPHASE_BACKFILL:
        return next_slice(p, err);
    case BW_PGPHASE_WINDOW:
        return next_piece(p, err);
    case BW_PGPHASE_WHOLE:
        return next_whole(p, err);
    case BW_PGPHASE_KEYS:
        return next_keys(p, err);
    case BW_PGPHASE_OVER:
        return bw_pgplan_release(p, err);
    }
    return BW_OK;
}

/* ---- setting up ---- */

static void copy_request(bw_pgplan *p, const bw_read_request *request)
{
    p->request = *request;
    if (request->checkpoint)
        p->request.checkpoint = bw_arena_strdup(&p->arena, request->checkpoint);
    if (request->start_from)
        p->request.start_from = bw_arena_strdup(&p->arena, request->start_from);
    const char **keys = BW_ARENA_ARRAY(&p->arena, const char *, request->n_keys + 1);
    for (size_t i = 0; i < request->n_keys; i++)
        keys[i] = bw_arena_strdup(&p->arena, request->keys[i]);
    p->request.keys = keys;
}

static bw_status check_request(const bw_pgplan *p, bw_error *err)
{
    const bw_table_info *info = p->info;
    bool sequence = info->cursor_kind == BW_CURSOR_SEQUENCE;
    if (sequence && p->request.mode == BW_MODE_UPSERT) {
        bw_error_set(err, BW_INVALID, "cursor: column %s is a number, which does not show updates",
                     info->schema.fields[info->cursor].source_name);
        return bw_error_hint(err, "Use mode: append, or a timestamp as cursor.");
    }
    if (p->request.kind == BW_READ_SINCE && (info->cursor < 0 || sequence)) {
        bw_error_set(err, BW_INVALID, "table %s has no time to read from: %s", info->name,
                     sequence ? "its cursor is a number" : info->cursor_origin);
        return bw_error_hint(err, "Resync it in full, or by key.");
    }
    return BW_OK;
}

static bw_status start_at(bw_pgplan *p, bw_error *err)
{
    int64_t us;
    if (p->info->cursor_kind == BW_CURSOR_SEQUENCE)
        return bw_error_set(err, BW_INVALID, "start_from: the cursor of table %s is not a time",
                            p->info->name);
    if (!bw_parse_time(bw_slice_cstr(p->request.start_from), &us))
        return bw_error_set(err, BW_INVALID, "start_from: %s is not a time", p->request.start_from);
    p->position.next_from_us = us - p->lookback_us;
    return BW_OK;
}

/* From the beginning of what `backfill` names: a span is a window that begins that long ago. */
static bw_status start_backfill(bw_pgplan *p, bw_error *err)
{
    int64_t now;
    bool times = p->info->cursor_kind != BW_CURSOR_SEQUENCE;
    if (p->request.backfill_span_us <= 0 || !times) {
        p->phase = BW_PGPHASE_BACKFILL;
        return BW_OK;
    }
    bw_status status = bw_pg_clock(p->conn, &now, err);
    p->position.next_from_us = now - p->request.backfill_span_us;
    return status;
}

static bw_status start_incremental(bw_pgplan *p, bw_error *err)
{
    const bw_table_info *info = p->info;
    if (info->cursor < 0) {
        p->phase = BW_PGPHASE_WHOLE;
        return BW_OK;
    }
    p->phase = BW_PGPHASE_WINDOW;
    if (!p->request.checkpoint)
        return p->request.start_from ? start_at(p, err) : start_backfill(p, err);
    bw_status status = bw_pgposition_read(p->request.checkpoint, info->name,
                                          info->schema.fields[info->cursor].source_name, &p->arena,
                                          &p->position, err);
    if (status == BW_OK && p->position.backfill.active)
        p->phase = BW_PGPHASE_BACKFILL;
    return status;
}

bw_status bw_pgplan_init(bw_pgplan *p, bw_pgconn *conn, const bw_table_spec *spec,
                         const bw_table_info *info, const bw_read_request *request, bw_error *err)
{
    *p = (bw_pgplan){.conn = conn, .spec = spec, .info = info, .nulls = -1, .ahead = -1};
    copy_request(p, request);
    p->position =
        (bw_pgposition){.table = info->name, .to_us = BW_TIME_NONE, .next_from_us = BW_TIME_NONE};
    if (info->cursor >= 0)
        p->position.cursor = info->schema.fields[info->cursor].source_name;
    bw_status status = check_request(p, err);
    if (status == BW_OK)
        status = bw_pg_lookback(conn, spec, info, &p->lookback_us, err);
    if (status != BW_OK)
        return status;
    switch (request->kind) {
    case BW_READ_INCREMENTAL:
        return start_incremental(p, err);
    case BW_READ_FULL:
        p->phase = BW_PGPHASE_WHOLE;
        break;
    case BW_READ_SINCE:
        p->phase = BW_PGPHASE_WINDOW;
        break;
    case BW_READ_KEYS:
        p->phase = request->n_keys ? BW_PGPHASE_KEYS : BW_PGPHASE_OVER;
        break;
    }
    return BW_OK;
}

void bw_pgplan_fini(bw_pgplan *p)
{
    bw_error ignored = BW_ERROR_INIT;
    if (bw_pgconn_copying(p->conn))
        bw_pgconn_hang_up(p->conn);
    if (p->in_snapshot && bw_pgconn_usable(p->conn) &&
        bw_pgconn_exec(p->conn, "ROLLBACK", &ignored) == BW_OK)
        p->in_snapshot = false;
    bw_pgcopy_fini(&p->copy);
    bw_arena_fini(&p->batch_arena);
    bw_arena_fini(&p->snapshot_arena);
    bw_arena_fini(&p->arena);
}
