#include "backend/engine/replayed.h"

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define EVENT_ID "bw-event-id"

bw_replayed_message bw_replayed_letter(const bw_dead_letter *l)
{
    return (bw_replayed_message){
        .letter_id = l->event_id,
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
    if (bw_json_member(event->payload, "event_id").len == 0)
        event->id = bw_slice_cstr(m->letter_id);
}

/* What the engine or Pub/Sub added when it became a letter. */
static bool added(bw_slice name)
{
    static const char *const names[] = {BW_LETTER_MESSAGE_ID, BW_LETTER_PUBLISH_TIME,
                                        BW_LETTER_ORDERING_KEY, BW_LETTER_STORED, EVENT_ID};
    static const char dead[] = "CloudPubSubDeadLetter";
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        if (bw_slice_is(name, names[i]))
            return true;
    }
    return name.len >= sizeof(dead) - 1 && memcmp(name.ptr, dead, sizeof(dead) - 1) == 0;
}

bw_pubsub_outgoing bw_replayed_outgoing(const bw_dead_letter *l, bw_arena *arena)
{
    bw_slice attributes = bw_slice_cstr(l->attributes ? l->attributes : "{}"), raw;
    bw_json_scan scan = bw_json_scan_init(attributes);
    bw_json_token key;
    bw_buf own = BW_BUF_INIT, name = BW_BUF_INIT, value = BW_BUF_INIT;
    bool object = bw_json_next(&scan, &key) && key.type == BW_JSON_OBJECT;
    while (object && bw_json_next_member(&scan, &key, &raw)) {
        bw_buf_clear(&name);
        bw_buf_clear(&value);
        if (bw_json_unescape(key.raw, &name) && !added(bw_buf_slice(&name)) &&
            bw_json_unescape(raw, &value))
            bw_pubsub_add_attribute(&own, bw_buf_cstr(&name), bw_buf_slice(&value));
    }
    bw_pubsub_add_attribute(&own, EVENT_ID, bw_slice_cstr(l->event_id));
    bw_pubsub_outgoing out = {
        .data = l->content,
        .attributes = bw_arena_slice(arena, bw_buf_slice(&own)),
        .ordering_key = bw_pubsub_attribute(attributes, BW_LETTER_ORDERING_KEY, arena),
    };
    bw_buf_fini(&own);
    bw_buf_fini(&name);
    bw_buf_fini(&value);
    return out;
}
