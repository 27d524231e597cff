/* Windows and their pieces. */
#include <inttypes.h>
#include <stdio.h>

#include "backend/core/units.h"
#include "backend/sources/postgres_plan.h"

/* Without an index a cut costs a pass over the table, so only what is clearly too large is cut. */
#define UNINDEXED_EXCESS 2.0

static bw_cursor_kind kind_of(const bw_pgplan *p)
{
    return p->info->cursor_kind;
}

/* A sequence's window: everything above what is final, up to the highest value there is. */
static bw_status sequence_range(bw_pgplan *p, bw_error *err)
{
    bw_arena *arena = &p->snapshot_arena;
    bw_pgresult *r;
    int64_t now;
    const char *sql =
        bw_arena_printf(arena, "SELECT max(%s) FROM %s", p->table.cursor, p->table.relation);
    bw_status status = bw_pgconn_query(p->conn, sql, NULL, 0, &r, err);
    if (status != BW_OK)
        return status;
    const char *max = bw_pgresult_dup(r, 0, 0, arena);
    int64_t value = bw_pgresult_int(r, 0, 0, 0);
    bw_pgresult_free(r);
    /* The clock after the value: who begins later allocates higher ones. */
    status = bw_pg_clock(p->conn, &now, err);
    if (status != BW_OK)
        return status;
    p->range.above =
        p->position.from_known ? bw_arena_printf(arena, "%" PRId64, p->position.from) : NULL;
    p->range.upto = max ? max : p->range.above;
    if (max)
        bw_pgposition_see(&p->position, now, value);
    return BW_OK;
}

static bw_status time_range(bw_pgplan *p, bw_error *err)
{
    bool since = p->request.kind == BW_READ_SINCE;
    int64_t from = since ? p->request.since_us - 1 : p->position.next_from_us;
    /* With a zone the range is counted from the lookback's end, see bw_pgrange_of_times. */
    bw_status status = bw_pgrange_of_times(p->conn, &p->table, from, p->lookback_us,
                                           p->moment.to_us, &p->snapshot_arena, &p->range, err);
    if (since)
        p->range.upto = NULL;
    return status;
}

/* Without an index all cuts are found in one pass. */
static bw_status find_cuts(bw_pgplan *p, bw_error *err)
{
    double limit = bw_pg_batch_rows(p->spec, &p->table), rows;
    bw_buf sql = BW_BUF_INIT;
    p->n_cuts = p->next_cut = 0;
    if (p->table.cursor_indexed)
        return BW_OK;
    bw_buf_addf(&sql, "SELECT 1 FROM %s WHERE ", p->table.relation);
    bw_pgrange_add(&sql, p->table.cursor, bw_pg_cursor_type(&p->table), &p->range);
    bw_status status = bw_pg_estimate_rows(p->conn, bw_buf_cstr(&sql), &rows, err);
    bw_buf_fini(&sql);
    if (status != BW_OK || rows < limit * UNINDEXED_EXCESS)
        return status;
    return bw_pgrange_cuts(p->conn, &p->table, p->table.cursor, bw_pg_cursor_type(&p->table),
                           &p->range, limit, &p->snapshot_arena, &p->cuts, &p->n_cuts, err);
}

bw_status bw_pgplan_window(bw_pgplan *p, bw_error *err)
{
    bw_pgposition *at = &p->position;
    bw_status status =
        bw_pgmoment_take(p->conn, p->spec, p->lookback_us, at->next_from_us, &p->moment, err);
    if (status != BW_OK)
        return status;
    p->base_us = p->moment.base_us;
    /* What was read before a cut saw the open transactions of its own moment. */
    if (at->resume && at->next_from_us != BW_TIME_NONE &&
        at->next_from_us + p->lookback_us < p->base_us)
        p->base_us = at->next_from_us + p->lookback_us;
    status = bw_pgplan_snapshot(p, err);
    if (status == BW_OK)
        status = kind_of(p) == BW_CURSOR_SEQUENCE ? sequence_range(p, err) : time_range(p, err);
    if (status == BW_OK && at->resume)
        p->range.above = bw_arena_strdup(&p->snapshot_arena, at->resume);
    if (status == BW_OK)
        status = bw_pg_count_unreached(p->conn, &p->table, &p->snapshot_arena, &p->nulls, &p->ahead,
                                       err);
    /* The window reaches back over what the backfill has read a moment ago: only what its snapshot
       did not see is read, whatever its time. */
    p->unread = NULL;
    if (status == BW_OK && p->request.kind == BW_READ_INCREMENTAL)
        status = bw_pgbackfill_unread(p->conn, &p->backfill, &p->snapshot_arena, &p->unread, err);
    return status == BW_OK ? find_cuts(p, err) : status;
}

/* The cut at which the next piece ends, NULL when it is the last. */
static bw_status next_cut(bw_pgplan *p, const char **cut, bw_error *err)
{
    *cut = NULL;
    bw_status status = BW_OK;
    if (p->table.cursor_indexed)
        status = bw_pgrange_cut(p->conn, &p->table, p->table.cursor, bw_pg_cursor_type(&p->table),
                                &p->range, bw_pg_batch_rows(p->spec, &p->table), &p->snapshot_arena,
                                cut, err);
    else if (p->next_cut < p->n_cuts)
        *cut = p->cuts[p->next_cut++];
    if (*cut && p->range.upto && strcmp(*cut, p->range.upto) == 0)
        *cut = NULL;
    return status;
}

/* Where a text of the cursor stands on its own axis; BW_TIME_NONE for a sequence. */
static int64_t axis_time(const bw_pgplan *p, const char *text)
{
    int64_t us;
    bw_type type = p->info->schema.fields[p->info->cursor].type;
    if (!text || kind_of(p) == BW_CURSOR_SEQUENCE ||
        !bw_value_version(bw_slice_cstr(text), type, &us))
        return BW_TIME_NONE;
    return us;
}

static void piece_position(bw_pgplan *p, const char *cut)
{
    bw_pgposition *at = &p->position;
    at->next_from_us = p->base_us - p->lookback_us;
    if (cut) {
        at->resume = bw_arena_strdup(&p->snapshot_arena, cut);
        /* Only an instant says up to when everything is there. */
        if (kind_of(p) == BW_CURSOR_TIMESTAMP)
            at->to_us = axis_time(p, cut);
        p->end.watermark_us = kind_of(p) == BW_CURSOR_TIMESTAMP ? at->to_us : BW_TIME_NONE;
        return;
    }
    at->resume = NULL;
    at->to_us = p->moment.to_us;
    if (kind_of(p) == BW_CURSOR_SEQUENCE)
        bw_pgposition_settle(at, at->next_from_us);
    p->end.watermark_us = at->to_us;
}

static const char *piece_label(const bw_pgplan *p, bw_arena *arena)
{
    char text[BW_TIME_TEXT];
    if (p->request.kind == BW_READ_SINCE)
        return bw_arena_printf(arena, "since %s", bw_format_time(p->request.since_us, text));
    int64_t to = p->batch.to_us != BW_TIME_NONE ? p->batch.to_us : p->moment.to_us;
    return bw_arena_printf(arena, "window to %s", bw_format_clock(to, false, text));
}

bw_status bw_pgplan_piece(bw_pgplan *p, bw_error *err)
{
    const char *cut;
    bw_status status = next_cut(p, &cut, err);
    if (status != BW_OK)
        return status;
    bw_pgrange piece = {p->range.above, cut ? cut : p->range.upto};
    bw_buf sql = BW_BUF_INIT;
    bw_buf_addf(&sql, "SELECT %s FROM %s WHERE ", p->table.select_list, p->table.relation);
    bw_pgrange_add(&sql, p->table.cursor, bw_pg_cursor_type(&p->table), &piece);
    if (p->unread) /* of which the planner knows nothing */
        bw_buf_addf(&sql, " AND%s", p->unread);
    else
        status = bw_pg_estimate_rows(p->conn, bw_buf_cstr(&sql), &p->batch.rows_expected, err);
    bw_pgplan_copy(p, bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    p->batch.from_us = axis_time(p, piece.above);
    p->batch.to_us = axis_time(p, piece.upto);
    p->batch.label = piece_label(p, &p->batch_arena);
    p->batch.backfill = !p->request.checkpoint && p->request.kind == BW_READ_INCREMENTAL &&
                        p->request.backfill_span_us > 0;
    p->end.null_cursors = p->nulls;
    p->end.ahead_rows = p->ahead;
    p->end.held_back_by = *p->moment.held_by ? p->moment.held_by : NULL;
    piece_position(p, cut);
    p->range.above = cut;
    if (!cut)
        p->phase = BW_PGPHASE_OVER;
    return status;
}
