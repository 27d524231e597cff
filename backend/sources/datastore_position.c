#include "backend/sources/datastore_position.h"

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

const char *bw_dsposition_write(const bw_dsposition *p, bw_arena *arena)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "{\"v\":1");
    add_string(&b, "kind", p->kind);
    add_string(&b, "namespace", p->namespace);
    add_string(&b, "ancestor", p->ancestor);
    add_string(&b, "cursor", p->cursor);
    /* During a backfill nothing is complete up to any time. */
    add_time(&b, p->after ? "planned" : "to", p->to_us);
    add_time(&b, "next_from", p->next_from_us);
    if (p->after) {
        bw_buf_addf(&b, ",\"backfill\":{\"slices\":%" PRId64 ",\"nulls\":%" PRId64, p->slices,
                    p->nulls);
        add_string(&b, "after", p->after);
        bw_buf_addc(&b, '}');
    }
    if (p->columns)
        bw_buf_addf(&b, ",\"columns\":%s", p->columns);
    bw_buf_addc(&b, '}');
    const char *text = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *or_none(const char *text)
{
    return text && *text ? text : "(none)";
}

bw_status bw_dsposition_read(const char *text, const bw_dsposition *wanted, bw_arena *arena,
                             bw_dsposition *out, bw_error *err)
{
    static const char hint[] = "Start a full resync of this sync (R, or sync NAME --full); the "
                               "target stays as it is until "
                               "that has succeeded.";
    bw_slice object = bw_slice_cstr(text);
    int64_t version = 0;
    *out = *wanted;
    if (!bw_json_valid(object, NULL, NULL) || !bw_json_member_int(object, "v", &version) ||
        version != 1) {
        bw_error_set(err, BW_INVALID, "the checkpoint is not one of this driver: %.200s", text);
        return bw_error_hint(err, "%s", hint);
    }
    out->kind = bw_position_string(object, "kind", arena);
    out->namespace = bw_position_string(object, "namespace", arena);
    out->ancestor = bw_position_string(object, "ancestor", arena);
    out->cursor = bw_position_string(object, "cursor", arena);
    if (!same(out->kind, wanted->kind) || !same(out->namespace, wanted->namespace) ||
        !same(out->ancestor, wanted->ancestor) || !same(out->cursor, wanted->cursor)) {
        bw_error_set(err, BW_INVALID,
                     "the checkpoint is of kind %s, namespace %s, ancestor %s, cursor %s, and not "
                     "of %s, %s, %s, %s",
                     or_none(out->kind), or_none(out->namespace), or_none(out->ancestor),
                     or_none(out->cursor), wanted->kind, or_none(wanted->namespace),
                     or_none(wanted->ancestor), or_none(wanted->cursor));
        return bw_error_hint(err, "%s", hint);
    }
    bw_slice backfill = bw_json_member(object, "backfill");
    if (backfill.len) {
        out->after = bw_position_string(backfill, "after", arena);
        (void)bw_json_member_int(backfill, "slices", &out->slices);
        (void)bw_json_member_int(backfill, "nulls", &out->nulls);
    }
    out->to_us = bw_position_time(object, out->after ? "planned" : "to");
    out->next_from_us = bw_position_time(object, "next_from");
    return BW_OK;
}
