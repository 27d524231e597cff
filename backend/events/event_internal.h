/*
 * What the parts of reading a message share: a member is read, or the fault is set and reading
 * stops. Threads: any.
 */
#ifndef BW_EVENTS_EVENT_INTERNAL_H
#define BW_EVENTS_EVENT_INTERNAL_H

#include "backend/events/event.h"

/* The members that mean something, in the order in which they are read. */
typedef enum event_member {
    MEMBER_EVENT_ID,
    MEMBER_CORRELATION_ID,
    MEMBER_SOURCE,
    MEMBER_KIND,
    MEMBER_ENTITY_ID,
    MEMBER_ENTITY_KEY,
    MEMBER_OPERATION,
    MEMBER_TIMESTAMP,
    MEMBER_DATA,
    MEMBER_CLOCK, /* named by the rules */
    MEMBER_COUNT,
} event_member;

typedef struct event_reader {
    const bw_event_rules *rules;
    const bw_event_message *message;
    int64_t now_us;
    bw_arena *arena;
    bw_event *event;
    bw_event_fault *fault;
    bw_slice members[MEMBER_COUNT]; /* raw JSON; empty: absent or null */
} event_reader;

/* The member's name in the message. */
bw_slice bw_event_member_name(const event_reader *r, event_member member);
/* Sets the fault and returns false. */
bool bw_event_refuse(event_reader *r, bw_reason reason, bw_slice member, const char *fmt, ...)
    BW_PRINTF(4, 5);
/* The content of a JSON string; false (and the fault) when it is none. */
bool bw_event_text(event_reader *r, bw_slice raw, bw_slice member, bw_slice *out);

/* kind, entity_id and entity_key: sets the event's kind, key and key_text. */
bool bw_event_read_key(event_reader *r);

#endif
