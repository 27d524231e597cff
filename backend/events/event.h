/*
 * A change event: what a message of a subscription says about one entity.
 *
 *     {"event_id": "...", "kind": "customer", "entity_id": "c-17", "operation": "update",
 *      "data": {"status": "gold"}, "timestamp": "2026-11-20T08:37:00Z", "source": "crm",
 *      "correlation_id": "..."}
 *
 *   entity_id   a string (the key's name) or a positive integer (its id); entity_key is the same, or
 *               an object {"path": [{"kind", "id" | "name"}, ...]} with ancestors first.
 *   kind        of the entity; the key's own, else the configured default, when it is not given.
 *   operation   create, update, delete, upsert or patch, in any case.
 *   data        the entity's fields; not needed by a delete. Names of our own (last_modified,
 *               version, conflict_resolved, _bw_...) are refused.
 *   timestamp   RFC 3339 with an offset, or an integer of milliseconds since 1970; the time of
 *               publishing when it is not given. Further in the future, or longer ago, than the
 *               tolerances is refused.
 *   null is the same as not given; members with other names are kept in the payload only.
 *
 * The event's id, under which it has its effect once: `event_id` (1 to 512 bytes); else the attribute
 * `bw-event-id`; else `correlation_id`, which publishers give to several events, followed by ":" and
 * 16 hexadecimal digits of a hash over (kind, entity, operation, timestamp, data); else the message's
 * id, with the rules' scope before it.
 *
 * Nothing is repaired: a message that is not such an event is a dead letter with a reason, the member
 * it is about and words. Data must fit Datastore exactly (backend/google/entity.h); escape sequences
 * are data. Threads: any.
 */
#ifndef BW_EVENTS_EVENT_H
#define BW_EVENTS_EVENT_H

#include "backend/core/arena.h"
#include "backend/core/clock.h"
#include "backend/model/value.h"

/* Data that Datastore could hold, with every character escaped, fits into it. */
#define BW_EVENT_MAX_BYTES ((size_t)8 << 20)
/* Beyond it an event's time is taken for a wrong clock. */
#define BW_EVENT_FUTURE_TOLERANCE (5 * BW_MINUTE)
#define BW_EVENT_ID_MAX           512

typedef enum bw_event_operation {
    BW_EVENT_CREATE, /* data is the whole state */
    BW_EVENT_UPDATE, /* data is some fields */
    BW_EVENT_DELETE,
    BW_EVENT_UPSERT, /* data is the whole state */
    BW_EVENT_PATCH,  /* data is some fields */
    BW_EVENT_OPERATION_COUNT,
} bw_event_operation;

/* "create", "update", "delete", "upsert", "patch". */
const char *bw_event_operation_name(bw_event_operation operation);
/* In any case; false when it is none of them. */
bool bw_event_operation_parse(bw_slice word, bw_event_operation *operation);

/* As it was delivered. */
typedef struct bw_event_message {
    bw_slice data;
    bw_slice attributes; /* JSON object of strings; may be empty */
    bw_slice message_id;
    int64_t publish_us;
} bw_event_message;

typedef struct bw_event_rules {
    const char *default_kind;    /* or NULL: an event says its own */
    const char *message_scope;   /* before a message's id, unique in its topic only; or NULL */
    int64_t future_tolerance_us; /* 0: BW_EVENT_FUTURE_TOLERANCE */
    int64_t past_tolerance_us;   /* 0: any age */
    size_t max_bytes;            /* of a message's data; 0: BW_EVENT_MAX_BYTES */
    const char *clock_field;     /* the vector clock's member, then required; NULL: none */
} bw_event_rules;

typedef struct bw_event {
    bw_slice id;       /* see above */
    bw_slice kind;     /* of the entity: the last of the path */
    bw_slice key;      /* JSON: {"path":[{"kind":"customer","name":"c-17"}]}, ids as strings */
    bw_slice key_text; /* for people and tables, one per key (bw_key_path): customer/c-17 */
    bw_event_operation operation;
    bw_slice data;           /* JSON object, as it stands in the payload; empty: none */
    bw_slice properties;     /* data as Datastore's `properties`; empty: none */
    int64_t timestamp_us;    /* of the change */
    bool timestamp_given;    /* false: the time of publishing */
    bw_slice source;         /* may be empty */
    bw_slice correlation_id; /* may be empty */
    bw_slice clock;          /* {"node": counter}; empty without rules->clock_field */
    bw_slice payload;        /* the message's data, exactly */
    char content_hash[33];   /* of what the event says (members in any order), without its id */
} bw_event;

/* What is wrong with a message. */
typedef struct bw_event_fault {
    bw_reason reason;
    bw_slice member; /* "timestamp", "data.total"; empty when it is the whole message */
    bw_slice detail; /* in words, valid UTF-8 */
} bw_event_fault;

/* True, or false and the fault. What the event and the fault point to is in the message's data or
   the arena. `now_us` is wall time. */
bool bw_event_parse(const bw_event_rules *rules, const bw_event_message *message, int64_t now_us,
                    bw_arena *arena, bw_event *event, bw_event_fault *fault);

#endif
