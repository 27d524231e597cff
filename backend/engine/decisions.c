#include "backend/engine/decisions.h"

#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

#define KEEP_BYTES ((size_t)1 << 20)

void bw_decisions_fini(bw_decisions *d)
{
    bw_arena_fini(&d->arena);
    free(d->merged);
    *d = (bw_decisions){0};
}

void bw_decisions_restart(bw_decisions *d)
{
    bw_arena_reset(&d->arena, KEEP_BYTES);
    d->n_merged = 0;
}

void bw_decisions_clear(bw_decisions *d)
{
    bw_decisions_restart(d);
    memset(d->counts, 0, sizeof(d->counts));
}

static void add_member(bw_buf *out, const char *name, bw_slice text)
{
    bw_buf_addf(out, ",\"%s\":", name);
    if (text.len)
        bw_json_add_string(out, text);
    else
        bw_buf_adds(out, "null");
}

/* The stored side's time is known when the conflict is met, not when the event comes again. */
static const char *describe(bw_arena *arena, const char *sync, const bw_event *e,
                            const bw_resolution *r)
{
    char time[BW_TIME_TEXT], stored[BW_TIME_TEXT];
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "{\"entity_key\":");
    bw_json_add_string(&b, e->key_text);
    add_member(&b, "operation", bw_slice_cstr(bw_event_operation_name(e->operation)));
    add_member(&b, "event_time", bw_slice_cstr(bw_format_time(r->event_us, time)));
    add_member(&b, "stored_time",
               r->redelivered ? (bw_slice){NULL, 0}
                              : bw_slice_cstr(bw_format_time(r->last_modified_us, stored)));
    add_member(&b, "source", e->source);
    add_member(&b, "sync", bw_slice_cstr(sync));
    bw_buf_addf(&b, ",\"version_before\":%lld,\"version\":%lld}", (long long)r->version - 1,
                (long long)r->version);
    const char *text = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

void bw_decisions_add(bw_decisions *d, const char *sync, const bw_event *event,
                      const bw_resolution *r)
{
    d->counts[r->outcome] += !r->redelivered;
    if (r->outcome != BW_OUTCOME_MERGED)
        return;
    BW_GROW(d->merged, d->n_merged + 1, d->merged_cap);
    d->merged[d->n_merged++] = (bw_audit_entry){
        .who = "engine",
        .action = "merged",
        .subject = bw_arena_strndup(&d->arena, event->id.ptr, event->id.len),
        .detail = describe(&d->arena, sync, event, r),
    };
}

static bw_status audit_counts(const bw_decisions *d, const char *sync, bw_store *store,
                              bw_error *err)
{
    if (d->counts[BW_OUTCOME_MERGED] + d->counts[BW_OUTCOME_IGNORED] +
            d->counts[BW_OUTCOME_MANUAL] ==
        0)
        return BW_OK;
    bw_buf b = BW_BUF_INIT;
    for (int i = 0; i < BW_OUTCOME_COUNT; i++)
        bw_buf_addf(&b, "%c\"%s\":%lld", i ? ',' : '{', bw_outcome_name((bw_outcome)i),
                    (long long)d->counts[i]);
    bw_buf_addc(&b, '}');
    bw_status s = bw_store_audit_add(store, "engine", "events", sync, bw_buf_cstr(&b), err);
    bw_buf_fini(&b);
    return s;
}

bw_status bw_decisions_audit(const bw_decisions *d, const char *sync, bw_store *store,
                             bw_error *err)
{
    bw_status s = BW_OK;
    if (d->n_merged > 0)
        s = bw_store_audit_add_new(store, d->merged, d->n_merged, NULL, err);
    return s == BW_OK ? audit_counts(d, sync, store, err) : s;
}
