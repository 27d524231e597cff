#include "backend/events/conflict.h"

#include "backend/events/members.h"
#include "backend/events/registers.h"
#include "backend/events/vector_clock.h"

static const char *const strategies[BW_STRATEGY_COUNT] = {
    [BW_STRATEGY_MERGE] = "merge",
    [BW_STRATEGY_LATEST_WINS] = "latest_wins",
    [BW_STRATEGY_STORED_WINS] = "stored_wins",
    [BW_STRATEGY_EVENT_WINS] = "event_wins",
    [BW_STRATEGY_MANUAL] = "manual",
};

static const char *const outcomes[BW_OUTCOME_COUNT] = {
    [BW_OUTCOME_APPLIED] = "applied", [BW_OUTCOME_MERGED] = "merged",
    [BW_OUTCOME_IGNORED] = "ignored", [BW_OUTCOME_DELETED] = "deleted",
    [BW_OUTCOME_MANUAL] = "manual",
};

bool bw_strategy_parse(const char *name, bw_strategy *strategy)
{
    for (int i = 0; i < BW_STRATEGY_COUNT; i++) {
        if (strcmp(name, strategies[i]) == 0) {
            *strategy = (bw_strategy)i;
            return true;
        }
    }
    return false;
}

const char *bw_outcome_name(bw_outcome outcome)
{
    return outcomes[outcome];
}

bool bw_outcome_parse(bw_slice name, bw_outcome *outcome)
{
    for (int i = 0; i < BW_OUTCOME_COUNT; i++) {
        if (bw_slice_is(name, outcomes[i])) {
            *outcome = (bw_outcome)i;
            return true;
        }
    }
    return false;
}

/* One event that meets one state. */
typedef struct meeting {
    const bw_conflict_rules *rules;
    const bw_entity_state *before;
    const bw_event *event;
    bw_arena *arena;
    bw_stamp stamp;         /* the event's place in the order of changes */
    bw_registers registers; /* of the state */
    bw_members stored, given;
    bool whole; /* the event says all there is to say about the entity */

    bw_member *kept_members; /* the state after */
    bw_field_stamp *kept_stamps;
    size_t n_after;
} meeting;

static bw_stamp later(bw_stamp a, bw_stamp b)
{
    return bw_stamp_order(a, b) >= 0 ? a : b;
}

/* Whether anything is decided by registers, so that they have to be kept. */
static bool keeps_registers(const bw_conflict_rules *rules)
{
    bool keeps = rules->strategy == BW_STRATEGY_LATEST_WINS;
    for (size_t i = 0; i < rules->n_fields; i++)
        keeps |= rules->fields[i].strategy == BW_STRATEGY_LATEST_WINS;
    return keeps;
}

static const bw_field_strategy *own_rule(const bw_conflict_rules *rules, bw_slice field)
{
    for (size_t i = 0; i < rules->n_fields; i++) {
        if (bw_slice_is(field, rules->fields[i].name))
            return &rules->fields[i];
    }
    return NULL;
}

static bool always_takes(const bw_conflict_rules *rules, bw_slice field)
{
    for (size_t i = 0; i < rules->n_always_take; i++) {
        if (bw_slice_is(field, rules->always_take[i]))
            return true;
    }
    return false;
}

static void add_field(meeting *m, const bw_member *member, bw_stamp stamp)
{
    m->kept_members[m->n_after] = *member;
    m->kept_stamps[m->n_after++] = (bw_field_stamp){member->name, stamp};
}

/* A field that either side knows: walks both in the order of their names. */
typedef struct field {
    bw_slice name;
    const bw_member *stored, *given; /* NULL: not there */
} field;

static bool next_field(const meeting *m, size_t *i, size_t *j, field *out)
{
    const bw_member *s = *i < m->stored.count ? &m->stored.items[*i] : NULL;
    const bw_member *g = *j < m->given.count ? &m->given.items[*j] : NULL;
    if (!s && !g)
        return false;
    int order = !s ? 1 : !g ? -1 : bw_slice_order(s->name, g->name);
    *out = (field){order <= 0 ? s->name : g->name, order <= 0 ? s : NULL, order >= 0 ? g : NULL};
    *i += order <= 0;
    *j += order >= 0;
    return true;
}

/* ---- the state after ---------------------------------------------------------------------- */

/* What every outcome that changes something has in common. */
static bw_entity_state changed(const meeting *m, bw_presence presence, bw_registers registers)
{
    bw_entity_state after = *m->before;
    after.presence = presence;
    after.version++;
    after.last_modified_us = registers.last.us;
    registers.fields = m->kept_stamps;
    registers.n_fields = m->n_after;
    after.registers = (bw_slice){NULL, 0};
    if (keeps_registers(m->rules))
        after.registers = bw_registers_write(&registers, m->arena);
    after.properties = (bw_slice){NULL, 0};
    if (presence == BW_PRESENCE_EXISTS)
        after.properties = bw_members_write(m->kept_members, m->n_after, m->arena);
    if (m->rules->clock_field)
        after.clock = bw_clock_join(m->before->clock, m->event->clock, m->arena);
    return after;
}

/* The event has its whole effect. Where it is older than the state (it was let win), it counts as the
   state's newest change, so that last_modified never goes back. */
static bw_outcome apply(meeting *m, bw_entity_state *after)
{
    bool deletes = m->event->operation == BW_EVENT_DELETE;
    bw_registers now = m->registers;
    now.last = later(m->stamp, now.last);
    if (deletes || m->whole) {
        now.base = now.last;
        now.deleted = deletes;
    }
    if (deletes) {
        *after = changed(m, BW_PRESENCE_DELETED, now);
        after->conflict_resolved = false;
        return BW_OUTCOME_DELETED;
    }
    field f;
    for (size_t i = 0, j = 0; next_field(m, &i, &j, &f);) {
        if (f.given)
            add_field(m, f.given, now.last);
        else if (!m->whole)
            add_field(m, f.stored, bw_registers_of(&m->registers, f.name));
    }
    *after = changed(m, BW_PRESENCE_EXISTS, now);
    after->conflict_resolved &= !m->whole;
    return BW_OUTCOME_APPLIED;
}

static bw_outcome unchanged(const meeting *m, bw_entity_state *after, bw_outcome outcome)
{
    *after = *m->before;
    return outcome;
}

/* ---- conflicts ---------------------------------------------------------------------------- */

typedef enum verdict { TAKE, KEEP, ASK } verdict;

static verdict decide(const meeting *m, const field *f)
{
    const bw_field_strategy *rule = own_rule(m->rules, f->name);
    switch (rule ? rule->strategy : m->rules->strategy) {
    case BW_STRATEGY_MERGE:
        return !f->stored || (f->given && always_takes(m->rules, f->name)) ? TAKE : KEEP;
    case BW_STRATEGY_LATEST_WINS: {
        bw_stamp since = f->stored ? bw_registers_of(&m->registers, f->name) : m->registers.base;
        return bw_stamp_order(m->stamp, since) > 0 ? TAKE : KEEP;
    }
    case BW_STRATEGY_EVENT_WINS:
        return TAKE;
    case BW_STRATEGY_MANUAL:
        if (!rule || !f->stored || !f->given || !bw_slice_eq(f->stored->value, f->given->value))
            return ASK;
        return KEEP;
    default:
        return KEEP;
    }
}

/* Under latest_wins a whole state or a delete between the base and the newest change becomes the
   base: what is older than it is gone, even when nothing of it shows. */
static bool moves_base(const meeting *m)
{
    return m->rules->strategy == BW_STRATEGY_LATEST_WINS &&
           (m->whole || m->event->operation == BW_EVENT_DELETE) &&
           bw_stamp_order(m->stamp, m->registers.base) > 0;
}

static bw_outcome merged(meeting *m, bw_registers now, bw_entity_state *after)
{
    now.last = later(m->stamp, now.last);
    *after = changed(m, BW_PRESENCE_EXISTS, now);
    after->conflict_resolved |= m->rules->strategy != BW_STRATEGY_LATEST_WINS;
    return BW_OUTCOME_MERGED;
}

/* Field by field. */
static bw_outcome reconcile(meeting *m, bw_entity_state *after)
{
    const bw_conflict_rules *rules = m->rules;
    size_t taken = 0, kept = 0, touched = 0;
    field f;
    for (size_t i = 0, j = 0; next_field(m, &i, &j, &f);) {
        bool touches = f.given || m->whole;
        verdict v = touches ? decide(m, &f) : KEEP;
        if (v == ASK)
            return unchanged(m, after, BW_OUTCOME_MANUAL);
        touched += touches;
        taken += v == TAKE;
        kept += v == KEEP && touches;
        if (v == TAKE && f.given)
            add_field(m, f.given, m->stamp);
        else if (v == KEEP && f.stored)
            add_field(m, f.stored, bw_registers_of(&m->registers, f.name));
    }
    if (rules->strategy == BW_STRATEGY_MANUAL && touched == 0)
        return unchanged(m, after, BW_OUTCOME_MANUAL);
    if (rules->strategy == BW_STRATEGY_EVENT_WINS && kept == 0) {
        m->n_after = 0;
        return apply(m, after);
    }
    bw_registers now = m->registers;
    bool moved = moves_base(m);
    if (moved)
        now.base = m->stamp, now.deleted = false;
    if (rules->strategy != BW_STRATEGY_MERGE && taken == 0 && !moved)
        return unchanged(m, after, BW_OUTCOME_IGNORED);
    return merged(m, now, after);
}

/* A delete that is older than some of the entity's changes takes what is older than itself. */
static bw_outcome trim(meeting *m, bw_entity_state *after)
{
    if (m->before->presence != BW_PRESENCE_EXISTS || !moves_base(m))
        return unchanged(m, after, BW_OUTCOME_IGNORED);
    bw_registers now = m->registers;
    now.base = m->stamp;
    now.deleted = true;
    for (size_t i = 0; i < m->stored.count; i++) {
        bw_stamp since = bw_registers_of(&m->registers, m->stored.items[i].name);
        if (bw_stamp_order(since, m->stamp) > 0)
            add_field(m, &m->stored.items[i], since);
    }
    return merged(m, now, after);
}

/* A delete, or an event for what was deleted: there are no fields to be compared. */
static bw_outcome all_or_nothing(meeting *m, bw_entity_state *after)
{
    switch (m->rules->strategy) {
    case BW_STRATEGY_EVENT_WINS:
        return apply(m, after);
    case BW_STRATEGY_MANUAL:
        return unchanged(m, after, BW_OUTCOME_MANUAL);
    case BW_STRATEGY_LATEST_WINS:
        return trim(m, after);
    default:
        return unchanged(m, after, BW_OUTCOME_IGNORED);
    }
}

typedef enum relation { NO_CONFLICT, CONFLICT, STALE } relation;

static relation relate(const meeting *m)
{
    const bw_entity_state *before = m->before;
    if (before->presence == BW_PRESENCE_ABSENT)
        return NO_CONFLICT;
    bool newest = bw_stamp_order(m->stamp, m->registers.last) > 0;
    bool latest_wins = m->rules->strategy == BW_STRATEGY_LATEST_WINS;
    if (m->rules->clock_field) {
        bw_causality causality = bw_clock_compare(m->event->clock, before->clock);
        if (causality == BW_CAUSALITY_AFTER)
            return NO_CONFLICT;
        if (causality != BW_CAUSALITY_CONCURRENT)
            return STALE;
        return latest_wins && newest ? NO_CONFLICT : CONFLICT;
    }
    if (latest_wins)
        return newest ? NO_CONFLICT : CONFLICT;
    return before->last_modified_us > m->event->timestamp_us ? CONFLICT : NO_CONFLICT;
}

/* The clock stands beside the fields, not among them. */
static void drop_clock(const bw_conflict_rules *rules, bw_members *members)
{
    size_t n = 0;
    for (size_t i = 0; i < members->count; i++) {
        if (!rules->clock_field || !bw_slice_is(members->items[i].name, rules->clock_field))
            members->items[n++] = members->items[i];
    }
    members->count = n;
}

bw_outcome bw_conflict_resolve(const bw_conflict_rules *rules, const bw_entity_state *before,
                               const bw_event *event, bw_slice data, bool force, bw_arena *arena,
                               bw_entity_state *after)
{
    bw_entity_state state = *before;
    meeting m = {.rules = rules, .before = &state, .event = event, .arena = arena};
    m.stamp = (bw_stamp){event->timestamp_us, event->id};
    m.whole = event->operation == BW_EVENT_CREATE || event->operation == BW_EVENT_UPSERT;
    bw_registers_read(&state, arena, &m.registers);
    if (state.presence == BW_PRESENCE_EXISTS)
        (void)bw_members_read(state.properties, arena, &m.stored);
    if (event->operation != BW_EVENT_DELETE)
        (void)bw_members_read(data, arena, &m.given);
    drop_clock(rules, &m.stored);
    drop_clock(rules, &m.given);
    m.kept_members = BW_ARENA_ARRAY(arena, bw_member, m.stored.count + m.given.count + 1);
    m.kept_stamps = BW_ARENA_ARRAY(arena, bw_field_stamp, m.stored.count + m.given.count + 1);

    relation r = relate(&m);
    if (r == STALE)
        return unchanged(&m, after, BW_OUTCOME_IGNORED);
    if (r == NO_CONFLICT || force)
        return apply(&m, after);
    if (event->operation == BW_EVENT_DELETE || state.presence == BW_PRESENCE_DELETED)
        return all_or_nothing(&m, after);
    return reconcile(&m, after);
}
