#include "backend/sources/datastore_plan.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/units.h"
#include "backend/sources/datastore_columns.h"
#include "backend/sources/datastore_row.h"

#define KEYS_PER_BATCH BW_DATASTORE_MAX_KEYS
/* The service reads as of an instant for an hour; a window that has taken so long is planned anew. */
#define WINDOW_LIFE (30 * BW_MINUTE)

/* ---- batches ---- */

static void begin_batch(bw_dsplan *p, const char *label, double rows)
{
    p->before.phase = p->phase;
    p->before.position = p->position;
    p->before.window_from_us = p->window_from_us;
    p->query = (bw_slice){NULL, 0};
    p->keys = NULL;
    p->n_keys = 0;
    p->batch = (bw_batch_plan){
        .label = label, .rows_expected = rows, .from_us = BW_TIME_NONE, .to_us = BW_TIME_NONE};
    p->end = (bw_batch_end){.watermark_us = BW_TIME_NONE, .null_cursors = -1, .ahead_rows = -1};
}

/* The moment from which incremental reading goes on after a backfill or a full read. */
static void set_moment(bw_dsplan *p, int64_t now)
{
    p->position.to_us = now;
    p->position.next_from_us = p->cursor ? now - p->lookback_us : BW_TIME_NONE;
}

/* Entities whose cursor is ahead of the clock: no window reaches them yet. */
static bw_status count_ahead(bw_dsplan *p, int64_t now, bw_error *err)
{
    bw_dsfilter ahead = {
        .kind = p->info->name, .cursor = p->cursor, .from_us = now, .to_us = BW_TIME_NONE};
    p->ahead = -1;
    return p->cursor ? bw_dssource_count(p->source, &ahead, 0, now, &p->ahead, err) : BW_OK;
}

static bw_status next_slice(bw_dsplan *p, bw_error *err)
{
    bw_buf after = BW_BUF_INIT;
    bw_status status = bw_dssource_clock(p->source, &p->at_us, err);
    if (status == BW_OK && !p->position.after) {
        /* Going on keeps the moment of the first plan: incremental reading begins there. */
        set_moment(p, p->at_us);
        status = count_ahead(p, p->at_us, err);
    }
    if (status != BW_OK)
        return status;
    begin_batch(p, bw_arena_printf(&p->batch_arena, "slice %" PRId64, p->position.slices + 1),
                p->info->rows_estimate);
    p->batch.backfill = true;
    bw_dsfilter filter = {.kind = p->info->name, .by_key = true};
    if (p->position.after &&
        !bw_key_from_path(bw_slice_cstr(p->position.after), &p->source->home, &after)) {
        bw_buf_fini(&after);
        return bw_error_set(err, BW_INVALID, "the checkpoint has a key that is none: %s",
                            p->position.after);
    }
    filter.after = bw_buf_slice(&after);
    p->query = bw_dssource_query(p->source, &filter, &p->batch_arena);
    bw_buf_fini(&after);
    return BW_OK;
}

static bw_status begin_window(bw_dsplan *p, bw_error *err)
{
    bw_status status = bw_dssource_clock(p->source, &p->window_to_us, err);
    if (status == BW_OK)
        status = count_ahead(p, p->window_to_us, err);
    if (status != BW_OK)
        return status;
    if (p->request.kind != BW_READ_SINCE)
        p->window_from_us = p->position.next_from_us;
    else if (!p->in_window)
        p->window_from_us = p->request.since_us - 1;
    p->window_begun_us = bw_mono_us(p->source->env->clock);
    p->in_window = true;
    return BW_OK;
}

static const char *window_label(const bw_dsplan *p, bw_arena *arena)
{
    char text[BW_TIME_TEXT];
    if (p->request.kind == BW_READ_SINCE)
        return bw_arena_printf(arena, "since %s", bw_format_time(p->request.since_us, text));
    return bw_arena_printf(arena, "window to %s", bw_format_clock(p->window_to_us, false, text));
}

static bw_status next_piece(bw_dsplan *p, bw_error *err)
{
    bool since = p->request.kind == BW_READ_SINCE;
    bool old = bw_mono_us(p->source->env->clock) - p->window_begun_us > WINDOW_LIFE;
    bw_status status = p->in_window && !old ? BW_OK : begin_window(p, err);
    if (status != BW_OK)
        return status;
    begin_batch(p, window_label(p, &p->batch_arena), -1);
    p->at_us = p->window_to_us;
    p->batch.backfill = !p->request.checkpoint && p->request.kind == BW_READ_INCREMENTAL &&
                        p->request.backfill_span_us > 0;
    bw_dsfilter filter = {.kind = p->info->name,
                          .cursor = p->cursor,
                          .from_us = p->window_from_us,
                          .to_us = since ? BW_TIME_NONE : p->window_to_us};
    p->batch.from_us = filter.from_us;
    p->batch.to_us = filter.to_us;
    p->query = bw_dssource_query(p->source, &filter, &p->batch_arena);
    return BW_OK;
}

static bw_status next_whole(bw_dsplan *p, bw_error *err)
{
    bw_dsfilter all = {.kind = p->info->name, .by_key = true};
    bw_status status = bw_dssource_clock(p->source, &p->at_us, err);
    if (status == BW_OK && p->source->point_in_time)
        p->at_us -= p->at_us % BW_MINUTE;
    if (status == BW_OK)
        status = count_ahead(p, p->at_us, err);
    if (status != BW_OK)
        return status;
    p->position.after = NULL;
    set_moment(p, p->at_us);
    begin_batch(p, "whole kind", p->info->rows_estimate);
    p->batch.whole = true;
    p->query = bw_dssource_query(p->source, &all, &p->batch_arena);
    return BW_OK;
}

/* {"__key__": "Order/42"} as bw_row_key_json writes it. */
static bw_status add_key(bw_dsplan *p, const char *text, bw_error *err)
{
    bw_buf key = BW_BUF_INIT;
    char *path = bw_json_valid(bw_slice_cstr(text), NULL, NULL)
                     ? bw_json_member_string(bw_slice_cstr(text), BW_DS_KEY)
                     : NULL;
    bool good = path && bw_key_from_path(bw_slice_cstr(path), &p->source->home, &key);
    good = good && bw_dssource_has(p->source, p->info->name, bw_buf_slice(&key));
    if (good)
        p->keys[p->n_keys++] = bw_arena_slice(&p->batch_arena, bw_buf_slice(&key));
    bw_buf_fini(&key);
    free(path);
    if (good)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "%s is not the key of an entity that is read here", text);
    return bw_error_hint(err, "Write {\"" BW_DS_KEY "\":\"%s/42\"}.", p->info->name);
}

static bw_status next_keys(bw_dsplan *p, bw_error *err)
{
    size_t n = p->request.n_keys - p->next_key;
    bw_status status = bw_dssource_clock(p->source, &p->at_us, err);
    if (status != BW_OK)
        return status;
    if (n > KEYS_PER_BATCH)
        n = KEYS_PER_BATCH;
    begin_batch(p, bw_arena_printf(&p->batch_arena, "%zu key%s", n, n == 1 ? "" : "s"), (double)n);
    p->keys = BW_ARENA_ARRAY(&p->batch_arena, bw_slice, n + 1);
    for (size_t i = 0; status == BW_OK && i < n; i++)
        status = add_key(p, p->request.keys[p->next_key + i], err);
    p->next_key += n;
    if (p->next_key >= p->request.n_keys)
        p->phase = BW_DSPHASE_OVER;
    return status;
}

bw_status bw_dsplan_next(bw_dsplan *p, bool *more, bw_error *err)
{
    bw_arena_reset(&p->batch_arena, (size_t)64 << 10);
    *more = p->phase != BW_DSPHASE_OVER;
    switch (p->phase) {
    case BW_DSPHASE_BACKFILL:
        return next_slice(p, err);
    case BW_DSPHASE_WINDOW:
        return next_piece(p, err);
    case BW_DSPHASE_WHOLE:
        return next_whole(p, err);
    case BW_DSPHASE_KEYS:
        return next_keys(p, err);
    case BW_DSPHASE_OVER:
        break;
    }
    return BW_OK;
}

/* ---- what a batch ends with ---- */

static void slice_reached(bw_dsplan *p, const bw_dsreached *r)
{
    p->position.slices++;
    p->position.nulls += r->nulls;
    p->end.ahead_rows = p->ahead;
    if (!r->whole && r->last_key) {
        p->position.after = bw_arena_strdup(&p->arena, r->last_key);
        return;
    }
    p->end.null_cursors = p->cursor ? p->position.nulls : -1;
    p->end.watermark_us = p->position.to_us;
    p->position.after = NULL;
    p->position.slices = p->position.nulls = 0;
    p->phase = BW_DSPHASE_WINDOW;
}

static void piece_reached(bw_dsplan *p, const bw_dsreached *r)
{
    int64_t settled = p->window_to_us - p->lookback_us;
    p->end.ahead_rows = p->ahead;
    if (r->whole || r->last_us == BW_TIME_NONE) {
        p->position.to_us = p->window_to_us;
        p->position.next_from_us = settled;
        p->phase = BW_DSPHASE_OVER;
    } else {
        /* The rest of the window comes next; should that be later, its late commits do as well. */
        p->window_from_us = r->last_us;
        p->position.to_us = r->last_us;
        p->position.next_from_us = r->last_us < settled ? r->last_us : settled;
    }
    p->end.watermark_us = p->position.to_us;
}

void bw_dsplan_reached(bw_dsplan *p, const bw_dsreached *r)
{
    if (p->before.phase == BW_DSPHASE_KEYS)
        return;
    p->phase = p->before.phase;
    p->position = p->before.position;
    p->window_from_us = p->before.window_from_us;
    switch (p->phase) {
    case BW_DSPHASE_BACKFILL:
        slice_reached(p, r);
        break;
    case BW_DSPHASE_WINDOW:
        piece_reached(p, r);
        if (p->request.kind == BW_READ_SINCE)
            return; /* the checkpoint does not move */
        break;
    case BW_DSPHASE_WHOLE:
        p->end.watermark_us = p->position.to_us;
        p->end.null_cursors = p->cursor ? r->nulls : -1;
        p->end.ahead_rows = p->ahead;
        p->phase = BW_DSPHASE_OVER;
        break;
    case BW_DSPHASE_KEYS:
    case BW_DSPHASE_OVER:
        return;
    }
    p->end.position = bw_dsposition_write(&p->position, &p->batch_arena);
}

/* ---- setting up ---- */

static void copy_request(bw_dsplan *p, const bw_read_request *request)
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

static bw_status start_at(bw_dsplan *p, bw_error *err)
{
    int64_t us;
    if (!bw_parse_time(bw_slice_cstr(p->request.start_from), &us))
        return bw_error_set(err, BW_INVALID, "start_from: %s is not a time", p->request.start_from);
    p->position.next_from_us = us - p->lookback_us;
    return BW_OK;
}

/* From the beginning of what `backfill` names: a span is a window that begins that long ago. */
static bw_status start_backfill(bw_dsplan *p, bw_error *err)
{
    int64_t now = 0;
    if (p->request.backfill_span_us <= 0) {
        p->phase = BW_DSPHASE_BACKFILL;
        return BW_OK;
    }
    bw_status status = bw_dssource_clock(p->source, &now, err);
    p->position.next_from_us = now - p->request.backfill_span_us;
    return status;
}

static bw_status start_incremental(bw_dsplan *p, bw_error *err)
{
    if (!p->cursor) {
        p->phase = BW_DSPHASE_WHOLE;
        return BW_OK;
    }
    p->phase = BW_DSPHASE_WINDOW;
    if (!p->request.checkpoint)
        return p->request.start_from ? start_at(p, err) : start_backfill(p, err);
    bw_dsposition wanted = p->position;
    bw_status status =
        bw_dsposition_read(p->request.checkpoint, &wanted, &p->arena, &p->position, err);
    if (status == BW_OK && p->position.after)
        p->phase = BW_DSPHASE_BACKFILL;
    return status;
}

static bw_status start_since(bw_dsplan *p, bw_error *err)
{
    p->phase = BW_DSPHASE_WINDOW;
    if (p->cursor)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "kind %s has no time to read from: %s", p->info->name,
                 p->info->cursor_origin);
    return bw_error_hint(err, "Resync it in full, or by key.");
}

bw_status bw_dsplan_init(bw_dsplan *p, bw_dssource *source, const bw_table_spec *spec,
                         const bw_table_info *info, const bw_read_request *request, bw_error *err)
{
    *p = (bw_dsplan){.source = source, .spec = spec, .info = info, .ahead = -1};
    copy_request(p, request);
    p->cursor = info->cursor >= 0 ? info->schema.fields[info->cursor].source_name : NULL;
    p->lookback_us = spec->lookback_us < 0 ? BW_DS_LOOKBACK : spec->lookback_us;
    p->position = (bw_dsposition){.kind = info->name,
                                  .namespace = source->home.namespace ? source->home.namespace : "",
                                  .ancestor = source->ancestor ? source->ancestor : "",
                                  .cursor = p->cursor,
                                  .to_us = BW_TIME_NONE,
                                  .next_from_us = BW_TIME_NONE,
                                  .columns = bw_dscolumns_write(&info->schema, &p->arena)};
    switch (request->kind) {
    case BW_READ_INCREMENTAL:
        return start_incremental(p, err);
    case BW_READ_FULL:
        p->phase = BW_DSPHASE_WHOLE;
        break;
    case BW_READ_SINCE:
        return start_since(p, err);
    case BW_READ_KEYS:
        p->phase = request->n_keys ? BW_DSPHASE_KEYS : BW_DSPHASE_OVER;
        break;
    }
    return BW_OK;
}

void bw_dsplan_fini(bw_dsplan *p)
{
    bw_arena_fini(&p->batch_arena);
    bw_arena_fini(&p->arena);
}
