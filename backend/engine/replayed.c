#include "backend/engine/replayed.h"

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define EVENT_ID "bw-event-id"

/* ---- into a letter ---------------------------------------------------------------------- */

static bool is_ours(bw_slice name)
{
    return bw_slice_is(name, BW_LETTER_MESSAGE_ID) || bw_slice_is(name, BW_LETTER_PUBLISH_TIME) ||
           bw_slice_is(name, BW_LETTER_ORDERING_KEY) || bw_slice_is(name, BW_LETTER_STORED);
}

static bool is_stored(bw_slice name)
{
    return bw_slice_is(name, BW_LETTER_STORED);
}

/* The attributes but for some. */
static void add_others(bw_buf *out, bw_slice attributes, bool (*leave_out)(bw_slice name))
{
    bw_json_scan scan = bw_json_scan_init(attributes);
    bw_json_token key;
    bw_slice raw;
    bw_buf name = BW_BUF_INIT, value = BW_BUF_INIT;
    bool object = attributes.len && bw_json_next(&scan, &key) && key.type == BW_JSON_OBJECT;
    while (object && bw_json_next_member(&scan, &key, &raw)) {
        bw_buf_clear(&name);
        bw_buf_clear(&value);
        if (bw_json_unescape(key.raw, &name) && !leave_out(bw_buf_slice(&name)) &&
            bw_json_unescape(raw, &value))
            bw_pubsub_add_attribute(out, bw_buf_cstr(&name), bw_buf_slice(&value));
    }
    bw_buf_fini(&name);
    bw_buf_fini(&value);
}

bw_slice bw_letter_attributes(const bw_event_message *m, bw_slice ordering_key, bool replayed,
                              bw_slice stored, bw_arena *arena)
{
    char time[BW_TIME_TEXT];
    bw_buf b = BW_BUF_INIT;
    add_others(&b, m->attributes, replayed ? is_stored : is_ours);
    if (!replayed) {
        bw_pubsub_add_attribute(&b, BW_LETTER_MESSAGE_ID, m->message_id);
        bw_pubsub_add_attribute(&b, BW_LETTER_PUBLISH_TIME,
                                bw_slice_cstr(bw_format_time(m->publish_us, time)));
        if (ordering_key.len)
            bw_pubsub_add_attribute(&b, BW_LETTER_ORDERING_KEY, ordering_key);
    }
    if (stored.len)
        bw_pubsub_add_attribute(&b, BW_LETTER_STORED, stored);
    if (b.len == 0)
        bw_buf_adds(&b, "{}");
    bw_slice text = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return text;
}

/* ---- out of it again -------------------------------------------------------------------- */

bw_replayed_message bw_replayed_letter(const bw_dead_letter *l)
{
    return (bw_replayed_message){
        .letter_id = l->event_id,
        .content_hash = l->content_hash,
        .data = l->content,
        .attributes = l->attributes,
        .force = l->reason == BW_REASON_CONFLICT,
    };
}

bw_event_message bw_replayed_received(const bw_replayed_message *m, int64_t now_us, bw_arena *arena)
{
    bw_slice attributes = bw_slice_cstr(m->attributes ? m->attributes : "{}");
    bw_slice time = bw_pubsub_attribute(attributes, BW_LETTER_PUBLISH_TIME, arena);
    bw_event_message out = {
        .data = m->data,
        .attributes = attributes,
        .message_id = bw_pubsub_attribute(attributes, BW_LETTER_MESSAGE_ID, arena),
    };
    if (!bw_parse_time(time, &out.publish_us))
        out.publish_us = now_us;
    return out;
}

void bw_replayed_keep_id(const bw_replayed_message *m, bw_event *event)
{
    bw_slice own = bw_json_member(event->payload, "event_id");
    if (own.len == 0 || bw_slice_is(own, "null"))
        event->id = bw_slice_cstr(m->letter_id);
}

/* What the engine or Pub/Sub added when it became a letter. */
static bool added(bw_slice name)
{
    static const char dead[] = "CloudPubSubDeadLetter";
    return is_ours(name) || bw_slice_is(name, EVENT_ID) ||
           (name.len >= sizeof(dead) - 1 && memcmp(name.ptr, dead, sizeof(dead) - 1) == 0);
}

bw_pubsub_outgoing bw_replayed_outgoing(const bw_dead_letter *l, bw_arena *arena)
{
    bw_slice attributes = bw_slice_cstr(l->attributes ? l->attributes : "{}");
    bw_buf own = BW_BUF_INIT;
    add_others(&own, attributes, added);
    bw_pubsub_add_attribute(&own, EVENT_ID, bw_slice_cstr(l->event_id));
    bw_pubsub_outgoing out = {
        .data = l->content,
        .attributes = bw_arena_slice(arena, bw_buf_slice(&own)),
        .ordering_key = bw_pubsub_attribute(attributes, BW_LETTER_ORDERING_KEY, arena),
    };
    bw_buf_fini(&own);
    return out;
}
