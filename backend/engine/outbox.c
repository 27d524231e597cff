#include "backend/engine/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

#define KEEP_BYTES ((size_t)1 << 20)
/* Of data: what is held in memory, and what is read back at a time. */
#define HELD_BYTES  ((size_t)16 << 20)
#define GROUP_BYTES ((size_t)8 << 20)

void bw_outbox_clear(bw_outbox *outbox)
{
    bw_arena_reset(&outbox->arena, KEEP_BYTES);
    if (outbox->file)
        fclose(outbox->file);
    outbox->file = NULL;
    outbox->filed = 0;
    outbox->count = outbox->held = 0;
}

void bw_outbox_fini(bw_outbox *outbox)
{
    bw_outbox_clear(outbox);
    bw_arena_fini(&outbox->arena);
    free(outbox->items);
    *outbox = (bw_outbox){0};
}

/* ---- the file --------------------------------------------------------------------------- */

static bw_status file_failed(bw_error *err)
{
    bw_error_set(err, BW_IO, "the temporary file of external events: %s", strerror(errno));
    return bw_error_hint(err, "Is there room in the directory for temporary files?");
}

static bw_status put(bw_outbox *outbox, bw_outbox_item *item, bw_slice data, bw_error *err)
{
    item->message.data.len = data.len;
    if (outbox->held + data.len <= HELD_BYTES) {
        outbox->held += data.len;
        item->message.data = bw_arena_slice(&outbox->arena, data);
        return BW_OK;
    }
    if (!outbox->file && !(outbox->file = tmpfile()))
        return file_failed(err);
    item->at = outbox->filed;
    outbox->filed += (int64_t)data.len;
    if (fwrite(data.ptr, 1, data.len, outbox->file) != data.len)
        return file_failed(err);
    return BW_OK;
}

static bw_status get(const bw_outbox *outbox, const bw_outbox_item *item, bw_arena *arena,
                     bw_pubsub_outgoing *out, bw_error *err)
{
    *out = item->message;
    if (out->data.ptr)
        return BW_OK;
    char *data = bw_arena_bytes(arena, out->data.len);
    if (fseeko(outbox->file, item->at, SEEK_SET) != 0 ||
        fread(data, 1, out->data.len, outbox->file) != out->data.len)
        return file_failed(err);
    out->data.ptr = data;
    return BW_OK;
}

/* ---- messages --------------------------------------------------------------------------- */

static void add_member(bw_buf *out, const char *name, bw_slice text)
{
    bw_buf_addf(out, ",\"%s\":", name);
    if (text.len)
        bw_json_add_string(out, text);
    else
        bw_buf_adds(out, "null");
}

/* An open object. */
static void add_words(bw_buf *b, const bw_event *e, const bw_resolution *r)
{
    char time[BW_TIME_TEXT];
    bw_buf_adds(b, "{\"event_id\":");
    bw_json_add_string(b, e->id);
    add_member(b, "kind", e->kind);
    add_member(b, "entity_key", e->key_text);
    add_member(b, "operation", bw_slice_cstr(bw_event_operation_name(e->operation)));
    add_member(b, "outcome", bw_slice_cstr(bw_outcome_name(r->outcome)));
    bw_buf_addf(b, ",\"version\":%lld", (long long)r->version);
    add_member(b, "timestamp", bw_slice_cstr(bw_format_time(r->event_us, time)));
    add_member(b, "source", e->source);
    add_member(b, "correlation_id", e->correlation_id);
}

static void add_body(bw_buf *b, const bw_event *e, const bw_resolution *r)
{
    add_words(b, e, r);
    bw_buf_adds(b, ",\"data\":");
    if (r->presence == BW_PRESENCE_EXISTS)
        bw_buf_add(b, r->properties.ptr, r->properties.len);
    else
        bw_buf_adds(b, "null");
    bw_buf_addc(b, '}');
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

bw_status bw_outbox_add(bw_outbox *outbox, const char *sync, const bw_event *event,
                        const bw_resolution *r, bw_error *err)
{
    bw_arena *a = &outbox->arena;
    if (r->outcome == BW_OUTCOME_IGNORED || r->outcome == BW_OUTCOME_MANUAL)
        return BW_OK;
    BW_GROW(outbox->items, outbox->count + 1, outbox->cap);
    bw_outbox_item *item = &outbox->items[outbox->count++];
    *item = (bw_outbox_item){
        .operation = event->operation,
        .event_id = bw_arena_strndup(a, event->id.ptr, event->id.len),
        .source = bw_arena_strndup(a, event->source.ptr, event->source.len),
        .message = {.attributes = attributes(a, event)},
    };
    bw_buf text = BW_BUF_INIT;
    if (event->operation == BW_EVENT_DELETE) {
        add_words(&text, event, r);
        add_member(&text, "sync", bw_slice_cstr(sync));
        bw_buf_addc(&text, '}');
        item->detail = bw_arena_strdup(a, bw_buf_cstr(&text));
        bw_buf_clear(&text);
    }
    add_body(&text, event, r);
    bw_status s = put(outbox, item, bw_buf_slice(&text), err);
    bw_buf_fini(&text);
    return s;
}

bw_status bw_outbox_audit(const bw_outbox *outbox, bw_store *store, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_audit_entry *entries = BW_ARENA_ARRAY(&arena, bw_audit_entry, outbox->count + 1);
    size_t n = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        const bw_outbox_item *item = &outbox->items[i];
        if (!item->detail)
            continue;
        entries[n++] = (bw_audit_entry){
            .who = item->source[0] ? item->source : "publisher",
            .action = "delete",
            .subject = item->event_id,
            .detail = item->detail,
        };
    }
    bw_status s = n > 0 ? bw_store_audit_add_new(store, entries, n, NULL, err) : BW_OK;
    bw_arena_fini(&arena);
    return s;
}

static bw_status send(bw_pubsub *ps, bw_event_operation operation,
                      const bw_pubsub_outgoing *messages, size_t n, bw_arena *arena, bw_error *err)
{
    const char *topic =
        bw_arena_printf(arena, BW_OUTBOX_TOPIC "%s", bw_event_operation_name(operation));
    bw_status s = bw_pubsub_publish(ps, topic, messages, n, arena, NULL, err);
    if (s == BW_NOT_FOUND)
        bw_error_hint(err, "Create the topic (bridgewatch provision does), or take "
                           "external_events away.");
    return s;
}

static bw_status publish_some(const bw_outbox *outbox, bw_pubsub *ps, bw_event_operation operation,
                              bw_pubsub_outgoing *scratch, bw_arena *arena, bw_error *err)
{
    size_t n = 0, bytes = 0;
    bw_status s = BW_OK;
    for (size_t i = 0; s == BW_OK && i < outbox->count; i++) {
        if (outbox->items[i].operation != operation)
            continue;
        s = get(outbox, &outbox->items[i], arena, &scratch[n++], err);
        bytes += outbox->items[i].message.data.len;
        if (s != BW_OK || bytes < GROUP_BYTES)
            continue;
        s = send(ps, operation, scratch, n, arena, err);
        n = bytes = 0;
        bw_arena_reset(arena, KEEP_BYTES);
    }
    return s == BW_OK && n > 0 ? send(ps, operation, scratch, n, arena, err) : s;
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
