#include "backend/engine/outbox.h"

#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

#define KEEP_BYTES ((size_t)1 << 20)

void bw_outbox_clear(bw_outbox *outbox)
{
    bw_arena_reset(&outbox->arena, KEEP_BYTES);
    outbox->count = 0;
}

static void add_member(bw_buf *out, const char *name, bw_slice text)
{
    bw_buf_addf(out, ",\"%s\":", name);
    if (text.len)
        bw_json_add_string(out, text);
    else
        bw_buf_adds(out, "null");
}

static bw_slice body(bw_arena *arena, const bw_event *e, const bw_resolution *r)
{
    char time[BW_TIME_TEXT];
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "{\"event_id\":");
    bw_json_add_string(&b, e->id);
    add_member(&b, "kind", e->kind);
    add_member(&b, "entity_key", e->key_text);
    add_member(&b, "operation", bw_slice_cstr(bw_event_operation_name(e->operation)));
    add_member(&b, "outcome", bw_slice_cstr(bw_outcome_name(r->outcome)));
    bw_buf_addf(&b, ",\"version\":%lld", (long long)r->version);
    add_member(&b, "timestamp", bw_slice_cstr(bw_format_time(r->event_us, time)));
    add_member(&b, "source", e->source);
    add_member(&b, "correlation_id", e->correlation_id);
    bw_buf_adds(&b, ",\"data\":");
    if (r->presence == BW_PRESENCE_EXISTS)
        bw_buf_add(&b, r->properties.ptr, r->properties.len);
    else
        bw_buf_adds(&b, "null");
    bw_buf_addc(&b, '}');
    bw_slice text = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return text;
}

static bw_slice attributes(bw_arena *arena, const bw_event *e)
{
    bw_buf b = BW_BUF_INIT;
    bw_pubsub_add_attribute(&b, BW_OUTBOX_EVENT_ID, e->id);
    if (e->kind.len <= BW_PUBSUB_MAX_ATTRIBUTE) /* the data has it in any case */
        bw_pubsub_add_attribute(&b, "kind", e->kind);
    bw_pubsub_add_attribute(&b, "operation", bw_slice_cstr(bw_event_operation_name(e->operation)));
    bw_slice text = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return text;
}

void bw_outbox_add(bw_outbox *outbox, const bw_event *event, const bw_resolution *r)
{
    bw_arena *a = &outbox->arena;
    if (r->outcome == BW_OUTCOME_IGNORED || r->outcome == BW_OUTCOME_MANUAL)
        return;
    BW_GROW(outbox->items, outbox->count + 1, outbox->cap);
    outbox->items[outbox->count++] = (bw_outbox_item){
        .operation = event->operation,
        .event_id = bw_arena_strndup(a, event->id.ptr, event->id.len),
        .source = bw_arena_strndup(a, event->source.ptr, event->source.len),
        .message = {.data = body(a, event, r), .attributes = attributes(a, event)},
    };
}

bw_status bw_outbox_audit(const bw_outbox *outbox, bw_store *store, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_audit_entry *entries = BW_ARENA_ARRAY(&arena, bw_audit_entry, outbox->count + 1);
    size_t n = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        const bw_outbox_item *item = &outbox->items[i];
        if (item->operation != BW_EVENT_DELETE)
            continue;
        entries[n++] = (bw_audit_entry){
            .who = item->source[0] ? item->source : "publisher",
            .action = "delete",
            .subject = item->event_id,
            .detail = bw_arena_strndup(&arena, item->message.data.ptr, item->message.data.len),
        };
    }
    bw_status s = n > 0 ? bw_store_audit_add_new(store, entries, n, NULL, err) : BW_OK;
    bw_arena_fini(&arena);
    return s;
}

static bw_status publish_some(const bw_outbox *outbox, bw_pubsub *ps, bw_event_operation operation,
                              bw_pubsub_outgoing *scratch, bw_arena *arena, bw_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        if (outbox->items[i].operation == operation)
            scratch[n++] = outbox->items[i].message;
    }
    if (n == 0)
        return BW_OK;
    const char *topic =
        bw_arena_printf(arena, BW_OUTBOX_TOPIC "%s", bw_event_operation_name(operation));
    bw_status s = bw_pubsub_publish(ps, topic, scratch, n, arena, NULL, err);
    if (s == BW_NOT_FOUND)
        bw_error_hint(err, "Create the topic (bridgewatch provision does), or take "
                           "external_events away.");
    return s;
}

bw_status bw_outbox_publish(bw_outbox *outbox, bw_pubsub *ps, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_pubsub_outgoing *scratch = bw_xcalloc(outbox->count + 1, sizeof(*scratch));
    bw_status s = BW_OK;
    for (int op = 0; s == BW_OK && op < BW_EVENT_OPERATION_COUNT; op++)
        s = publish_some(outbox, ps, (bw_event_operation)op, scratch, &arena, err);
    free(scratch);
    bw_arena_fini(&arena);
    return s;
}
