#include "backend/sources/postgres_position.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/sources/position_json.h"

static void add_string(bw_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    bw_buf_addf(b, ",\"%s\":", name);
    bw_json_add_string(b, bw_slice_cstr(value));
}

static void add_time(bw_buf *b, const char *name, int64_t us)
{
    char text[BW_TIME_TEXT];
    if (us != BW_TIME_NONE)
        bw_buf_addf(b, ",\"%s\":\"%s\"", name, bw_format_time(us, text));
}

static void add_backfill(bw_buf *b, const bw_pgbackfill_position *f)
{
    bw_buf_addf(b, ",\"backfill\":{\"slices\":%" PRId64 ",\"xmin\":%" PRId64, f->slices, f->xmin);
    add_string(b, "key", f->key);
    bw_buf_addf(b, ",\"block\":%" PRId64 ",\"done\":[", f->block);
    for (size_t i = 0; i < f->n_done; i++)
        bw_buf_addf(b, "%s%" PRIu32 ",%" PRIu32, i ? "," : "", f->done[i].oid, f->done[i].filenode);
    bw_buf_adds(b, "]}");
}

const char *bw_pgposition_write(const bw_pgposition *p, bw_arena *arena)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "{\"v\":1");
    add_string(&b, "table", p->table);
    add_string(&b, "cursor", p->cursor);
    /* During a backfill nothing is complete up to any time: then these times are its plan's. */
    add_time(&b, p->backfill.active ? "planned" : "to", p->to_us);
    add_time(&b, "next_from", p->next_from_us);
    add_string(&b, "resume", p->resume);
    if (p->from_known)
        bw_buf_addf(&b, ",\"from\":%" PRId64, p->from);
    if (p->n_seen) {
        bw_buf_adds(&b, ",\"seen\":[");
        for (size_t i = 0; i < p->n_seen; i++)
            bw_buf_addf(&b, "%s%" PRId64 ",%" PRId64, i ? "," : "", p->seen[i].at_us,
                        p->seen[i].value);
        bw_buf_addc(&b, ']');
    }
    if (p->backfill.active)
        add_backfill(&b, &p->backfill);
    bw_buf_addc(&b, '}');
    const char *text = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

/* ---- reading ---- */

/* A flat array of integers, in the arena. */
static size_t read_integers(bw_slice object, const char *name, bw_arena *arena,
                            const int64_t **numbers)
{
    bw_slice raw = bw_json_member(object, name);
    size_t n = 0;
    int64_t *list = BW_ARENA_ARRAY(arena, int64_t, raw.len / 2 + 1);
    *numbers = list;
    if (raw.len == 0)
        return 0;
    const char *copy = bw_arena_strndup(arena, raw.ptr, raw.len), *p = copy + 1;
    while (*p && *p != ']') {
        char *end;
        list[n++] = strtoll(p, &end, 10);
        if (end == p)
            return 0;
        p = end + (*end == ',');
    }
    return n;
}

static void read_backfill(bw_slice object, bw_arena *arena, bw_pgbackfill_position *f)
{
    bw_slice raw = bw_json_member(object, "backfill");
    const int64_t *numbers;
    if (raw.len == 0)
        return;
    f->active = true;
    bw_json_member_int(raw, "slices", &f->slices);
    bw_json_member_int(raw, "xmin", &f->xmin);
    bw_json_member_int(raw, "block", &f->block);
    f->key = bw_position_string(raw, "key", arena);
    f->n_done = read_integers(raw, "done", arena, &numbers) / 2;
    bw_pgdone *done = BW_ARENA_ARRAY(arena, bw_pgdone, f->n_done + 1);
    for (size_t i = 0; i < f->n_done; i++)
        done[i] = (bw_pgdone){(uint32_t)numbers[2 * i], (uint32_t)numbers[2 * i + 1]};
    f->done = done;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bw_status bw_pgposition_read(const char *text, const char *table, const char *cursor,
                             bw_arena *arena, bw_pgposition *out, bw_error *err)
{
    static const char hint[] = "Start a full resync of this sync (R, or sync NAME --full); the "
                               "target stays as it is until "
                               "that has succeeded.";
    bw_slice object = bw_slice_cstr(text);
    const char *why = NULL;
    size_t at;
    int64_t version = 0;
    const int64_t *numbers;
    *out = (bw_pgposition){.to_us = BW_TIME_NONE, .next_from_us = BW_TIME_NONE};
    if (!bw_json_valid(object, &why, &at) || !bw_json_member_int(object, "v", &version) ||
        version != 1) {
        bw_error_set(err, BW_INVALID, "the checkpoint is not one of this driver: %.200s", text);
        return bw_error_hint(err, "%s", hint);
    }
    out->table = bw_position_string(object, "table", arena);
    out->cursor = bw_position_string(object, "cursor", arena);
    if (!same(out->table, table) || !same(out->cursor, cursor)) {
        bw_error_set(err, BW_INVALID,
                     "the checkpoint is of table %s with cursor %s, not of %s with cursor %s",
                     out->table ? out->table : "?", out->cursor ? out->cursor : "none", table,
                     cursor ? cursor : "none");
        return bw_error_hint(err, "%s", hint);
    }
    read_backfill(object, arena, &out->backfill);
    out->to_us = bw_position_time(object, out->backfill.active ? "planned" : "to");
    out->next_from_us = bw_position_time(object, "next_from");
    out->resume = bw_position_string(object, "resume", arena);
    out->from_known = bw_json_member_int(object, "from", &out->from);
    size_t n = read_integers(object, "seen", arena, &numbers) / 2;
    for (size_t i = 0; i < n && i < BW_PGPOSITION_SEEN; i++)
        out->seen[out->n_seen++] = (bw_pgseen){numbers[2 * i], numbers[2 * i + 1]};
    return BW_OK;
}

/* ---- sequences ---- */

void bw_pgposition_see(bw_pgposition *p, int64_t at_us, int64_t value)
{
    if (p->n_seen == BW_PGPOSITION_SEEN) {
        /* Fewer pairs only mean that a little more is read again. */
        size_t kept = 0;
        for (size_t i = 0; i < p->n_seen; i++) {
            if (i % 2 == 0 || i >= p->n_seen / 2)
                p->seen[kept++] = p->seen[i];
        }
        p->n_seen = kept;
    }
    p->seen[p->n_seen++] = (bw_pgseen){at_us, value};
}

void bw_pgposition_settle(bw_pgposition *p, int64_t bound_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n_seen; i++) {
        if (p->seen[i].at_us > bound_us) {
            p->seen[kept++] = p->seen[i];
            continue;
        }
        if (!p->from_known || p->seen[i].value > p->from)
            p->from = p->seen[i].value;
        p->from_known = true;
    }
    p->n_seen = kept;
}
