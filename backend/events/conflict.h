/*
 * What an event makes of an entity: pure functions of the state before, the event and the rules.
 *
 * create and upsert carry the whole state; update and patch lay their fields over what is there,
 * and make the entity where there is none; delete leaves a tombstone.
 *
 * Conflict. Causality `time`: the state's last_modified (a tombstone's too) is newer than the
 * event. Causality `vector`: the clocks are concurrent; an event whose clock is after the state's
 * applies, one before or equal is ignored, whatever the strategy. Without a conflict the event
 * applies. With one the strategy decides:
 *
 *   merge        fields that the entity lacks, and those of always_take, are taken; the stored
 *                value wins elsewhere; conflict_resolved is set. A delete loses, a tombstone wins.
 *   latest_wins  every field has the value of the newest event that says something about it, by
 *                (timestamp, event id). The state is the same whatever the order of arrival.
 *   stored_wins  the event is ignored.
 *   event_wins   the event applies.
 *   manual       nothing changes: an operator decides.
 *
 * A field may have a rule of its own: latest_wins, stored_wins or event_wins for it alone; manual
 * makes the whole event manual when it would change that field. Deletes, and events that meet a
 * tombstone, go by the strategy.
 *
 * last_modified is the newest timestamp that took part and never goes back. The version goes up by
 * one with every outcome that changes the state: applied, merged, deleted. conflict_resolved is set
 * by `merged` under every strategy but latest_wins, and cleared by the next whole state that
 * applies.
 *
 * latest_wins keeps registers in the hidden property _bw_fields: the stamp (time, event id) of the
 * newest event, of the last whole state or delete (the base), and of each field that differs from
 * the base:
 *
 *     {"last":[us,"id"],"base":[us,"id"],"deleted":true,"fields":[[us,"id",["name",...]],...]}
 *
 * `base` is left out when it is `last`, and null when no whole state was ever seen. When `last` is
 * not at the entity's last_modified, somebody else has written it: then the registers are void, and
 * all of it is a whole state of that time.
 * Threads: any.
 */
#ifndef BW_EVENTS_CONFLICT_H
#define BW_EVENTS_CONFLICT_H

#include "backend/events/event.h"

typedef enum bw_strategy {
    BW_STRATEGY_MERGE,
    BW_STRATEGY_LATEST_WINS,
    BW_STRATEGY_STORED_WINS,
    BW_STRATEGY_EVENT_WINS,
    BW_STRATEGY_MANUAL,
    BW_STRATEGY_COUNT,
} bw_strategy;

/* "merge", "latest_wins", ... */
bool bw_strategy_parse(const char *name, bw_strategy *strategy);

typedef struct bw_field_strategy {
    const char *name;
    bw_strategy strategy; /* not merge */
} bw_field_strategy;

#define BW_CLOCK_FIELD "vector_clock"

/* Borrowed; all zero is `merge` by time. */
typedef struct bw_conflict_rules {
    bw_strategy strategy;
    const bw_field_strategy *fields;
    size_t n_fields;
    const char *const *always_take; /* under merge */
    size_t n_always_take;
    const char *clock_field; /* causality `vector`: the clock's property; NULL: `time` */
} bw_conflict_rules;

typedef enum bw_presence {
    BW_PRESENCE_ABSENT, /* never seen, or its tombstone has expired (then the version goes on) */
    BW_PRESENCE_EXISTS,
    BW_PRESENCE_DELETED, /* a tombstone */
} bw_presence;

/* An entity. What its properties hold is not looked at: plain JSON or Datastore's values, as long as
   the events' data are of the same sort. */
typedef struct bw_entity_state {
    bw_presence presence;
    bw_slice properties;      /* JSON object without our own; empty unless it exists */
    int64_t last_modified_us; /* BW_TIME_NONE when not known: older than everything */
    int64_t version;          /* 0 when it never had one */
    bool conflict_resolved;
    bw_slice registers; /* _bw_fields; may be empty */
    bw_slice clock;     /* {"node": counter}; may be empty */
} bw_entity_state;

typedef enum bw_outcome {
    BW_OUTCOME_APPLIED,
    BW_OUTCOME_MERGED, /* the state is of both sides */
    BW_OUTCOME_IGNORED,
    BW_OUTCOME_DELETED,
    BW_OUTCOME_MANUAL,
    BW_OUTCOME_COUNT,
} bw_outcome;

/* "applied", ... */
const char *bw_outcome_name(bw_outcome outcome);
bool bw_outcome_parse(bw_slice name, bw_outcome *outcome);

/* `data` stands for event->data, in the form that the state's properties have; `force` lets the
   event win a conflict, as an operator does who replays a `manual` one. `after` may be `before`; its
   slices point into both sides and the arena. Before, event and rules are valid as their headers
   say. */
bw_outcome bw_conflict_resolve(const bw_conflict_rules *rules, const bw_entity_state *before,
                               const bw_event *event, bw_slice data, bool force, bw_arena *arena,
                               bw_entity_state *after);

#endif
