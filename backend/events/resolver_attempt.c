/* One transaction of a resolver. Everything is in its scratch arena until the commit has
   succeeded. */
#include "backend/core/log.h"
#include "backend/events/resolver_internal.h"
#include "backend/events/stored.h"

/* An entity that events of the group are about. */
typedef struct slot {
    bw_slice path, key, tombstone_key;
    const char *unreadable; /* why its state cannot be told, or NULL */
    bool exists;            /* in Datastore, before */
    int64_t reserved;       /* bw_stored_reserved(), before */
    bool changed;
    bw_entity_state state; /* after the events so far */
} slot;

typedef struct work {
    bw_resolver *r;
    bw_attempt *attempt;
    int64_t now_us;
    slot *slots;
    size_t n_slots;
    size_t *slot_of;             /* per event */
    bw_slice *event_keys;        /* per event */
    bw_stored_outcome *outcomes; /* per event, where known */
    bool *known, *unreadable;    /* per event: the outcome is there; it cannot be read */
    bool *decided;               /* per event: the outcome is this attempt's */
    bw_resolution *out;
    bw_datastore_answer found;
} work;

static bw_slice take(bw_arena *arena, bw_buf *text)
{
    bw_slice kept = bw_arena_slice(arena, bw_buf_slice(text));
    bw_buf_clear(text);
    return kept;
}

/* ---- looking up --------------------------------------------------------------------------- */

static size_t slot_for(work *w, const bw_event *event, bw_buf *scratch)
{
    for (size_t i = 0; i < w->n_slots; i++) {
        if (bw_slice_eq(w->slots[i].path, event->key_text))
            return i;
    }
    slot *s = &w->slots[w->n_slots];
    s->path = event->key_text;
    (void)bw_key_from_path(event->key_text, &w->r->where, scratch);
    s->key = take(&w->r->scratch, scratch);
    bw_stored_tombstone_key(scratch, &w->r->where, event->key_text);
    s->tombstone_key = take(&w->r->scratch, scratch);
    return w->n_slots++;
}

static void prepare(work *w)
{
    bw_arena *arena = &w->r->scratch;
    size_t n = w->attempt->n;
    bw_buf scratch = BW_BUF_INIT;
    w->slots = BW_ARENA_ARRAY(arena, slot, n);
    w->slot_of = BW_ARENA_ARRAY(arena, size_t, n);
    w->event_keys = BW_ARENA_ARRAY(arena, bw_slice, n);
    w->outcomes = BW_ARENA_ARRAY(arena, bw_stored_outcome, n);
    w->known = BW_ARENA_ARRAY(arena, bool, n);
    w->unreadable = BW_ARENA_ARRAY(arena, bool, n);
    w->decided = BW_ARENA_ARRAY(arena, bool, n);
    w->out = BW_ARENA_ARRAY(arena, bw_resolution, n);
    for (size_t i = 0; i < n; i++) {
        const bw_event *event = w->attempt->items[i].event;
        bw_stored_event_key(&scratch, &w->r->where, event->id);
        w->event_keys[i] = take(arena, &scratch);
        w->slot_of[i] = slot_for(w, event, &scratch);
    }
    bw_buf_fini(&scratch);
}

static void read_slot(work *w, slot *s, const bw_datastore_result *entity,
                      const bw_datastore_result *tombstone)
{
    s->exists = entity->found;
    s->reserved = bw_stored_reserved(tombstone);
    s->unreadable = bw_stored_state(entity, tombstone, w->r->rules.clock_field, w->now_us,
                                    &w->r->scratch, &s->state);
}

static bw_status look_up(work *w, bw_error *err)
{
    bw_resolver *r = w->r;
    size_t n = w->attempt->n, count = n + 2 * w->n_slots;
    bw_slice *keys = BW_ARENA_ARRAY(&r->scratch, bw_slice, count);
    memcpy(keys, w->event_keys, n * sizeof *keys);
    for (size_t i = 0; i < w->n_slots; i++) {
        keys[n + 2 * i] = w->slots[i].key;
        keys[n + 2 * i + 1] = w->slots[i].tombstone_key;
    }
    bw_datastore_read read = {.begin = !w->attempt->before};
    if (read.begin)
        read.previous = bw_buf_slice(&r->aborted);
    int64_t began = bw_mono_us(r->clock);
    bw_status s = bw_datastore_lookup(r->ds, keys, count, &read, &r->scratch, &w->found, err);
    r->counts.waited_us += (uint64_t)(bw_mono_us(r->clock) - began);
    if (s != BW_OK)
        return s;
    for (size_t i = 0; i < n; i++) {
        const bw_datastore_result *result = &w->found.results[i];
        w->known[i] = result->found && bw_stored_outcome_read(result, &r->scratch, &w->outcomes[i]);
        w->unreadable[i] = result->found && !w->known[i];
    }
    for (size_t i = 0; i < w->n_slots; i++)
        read_slot(w, &w->slots[i], &w->found.results[n + 2 * i], &w->found.results[n + 2 * i + 1]);
    return BW_OK;
}

/* ---- resolving ---------------------------------------------------------------------------- */

static void blame(bw_resolution *out, bw_reason reason, const char *member, const char *detail)
{
    *out = (bw_resolution){.fault = {reason, bw_slice_cstr(member), bw_slice_cstr(detail)}};
}

static void blame_namesake(bw_resolution *out)
{
    blame(out, BW_REASON_BAD_MESSAGE, "event_id",
          "another event with another content has this id already");
}

/* The state as the caller gets it. False, and the fault, when it has no plain JSON. */
static bool describe(work *w, const bw_entity_state *state, bw_resolution *out)
{
    bw_buf text = BW_BUF_INIT;
    bw_entity_problem problem;
    bw_reason reason = BW_REASON_NONE;
    if (state->presence == BW_PRESENCE_EXISTS)
        reason = bw_entity_to_json(state->properties, &w->r->where, &text, &problem);
    if (reason == BW_REASON_NONE)
        out->properties = bw_arena_slice(&w->r->scratch, bw_buf_slice(&text));
    bw_buf_fini(&text);
    if (reason != BW_REASON_NONE) {
        blame(
            out, BW_REASON_PROCESSING, "",
            bw_arena_printf(&w->r->scratch, "the entity's %s: %s", problem.where, problem.detail));
        return false;
    }
    out->presence = state->presence;
    out->last_modified_us = state->last_modified_us;
    out->entity_version = state->version;
    out->conflict_resolved = state->conflict_resolved;
    out->clock = state->clock;
    out->resolved = true;
    return true;
}

/* The same id earlier in this group counts as if it had been stored. */
static void look_back(work *w, size_t i)
{
    for (size_t j = 0; j < i && !w->decided[i]; j++) {
        if (!w->decided[j] || !bw_slice_eq(w->event_keys[i], w->event_keys[j]))
            continue;
        w->known[i] = true;
        w->outcomes[i] = w->outcomes[j];
    }
}

static void redeliver(work *w, size_t i, const slot *s)
{
    bw_resolution *out = &w->out[i];
    if (!describe(w, &s->state, out))
        return;
    out->redelivered = true;
    out->outcome = w->outcomes[i].outcome;
    out->version = w->outcomes[i].version;
    out->event_us = w->outcomes[i].time_us;
    if (out->event_us == BW_TIME_NONE)
        out->event_us = w->attempt->items[i].event->timestamp_us;
}

static void resolve_anew(work *w, size_t i, slot *s)
{
    const bw_resolver_item *item = &w->attempt->items[i];
    bw_resolution *out = &w->out[i];
    bw_entity_state after;
    bw_outcome outcome =
        bw_conflict_resolve(&w->r->rules, &s->state, item->event, item->event->properties,
                            item->force, &w->r->scratch, &after);
    if (!describe(w, &after, out))
        return;
    out->outcome = outcome;
    out->version = after.version;
    out->event_us = item->event->timestamp_us;
    s->state = after;
    s->changed |= outcome != BW_OUTCOME_IGNORED && outcome != BW_OUTCOME_MANUAL;
    w->decided[i] = true;
    w->outcomes[i] = (bw_stored_outcome){outcome, after.version,
                                         bw_slice_cstr(item->event->content_hash), out->event_us};
}

static void resolve_one(work *w, size_t i)
{
    const bw_resolver_item *item = &w->attempt->items[i];
    slot *s = &w->slots[w->slot_of[i]];
    look_back(w, i);
    /* An operator's word on a conflict stands above what was stored of it, edited content too. */
    bool decides =
        w->known[i] && item->force && w->outcomes[i].outcome == BW_OUTCOME_MANUAL && !s->unreadable;
    if (decides)
        resolve_anew(w, i, s);
    else if (w->unreadable[i])
        blame(&w->out[i], BW_REASON_PROCESSING, "event_id",
              "what is stored under this event's id is no outcome");
    else if (w->known[i] && !bw_slice_is(w->outcomes[i].content, item->event->content_hash))
        blame_namesake(&w->out[i]);
    else if (s->unreadable)
        blame(&w->out[i], BW_REASON_PROCESSING, "", s->unreadable);
    else if (w->known[i])
        redeliver(w, i, s);
    else
        resolve_anew(w, i, s);
}

/* The state that an event meets, for whoever only wants to know. */
static void note_before(work *w, size_t i)
{
    const bw_entity_state *state = &w->slots[w->slot_of[i]].state;
    bw_resolution found = {0};
    if (w->slots[w->slot_of[i]].unreadable || !describe(w, state, &found))
        return; /* resolving it says why */
    w->attempt->before[i] = (bw_resolver_before){
        .presence = found.presence,
        .properties = bw_arena_slice(w->attempt->arena, found.properties),
        .last_modified_us = found.last_modified_us,
        .version = found.entity_version,
    };
}

/* ---- committing --------------------------------------------------------------------------- */

typedef struct mutations {
    bw_slice *items;
    size_t n;
    bw_buf text;
    bw_arena *arena;
} mutations;

static void begin_upsert(mutations *m)
{
    bw_buf_adds(&m->text, "{\"upsert\":");
}

static void end_mutation(mutations *m)
{
    bw_buf_addc(&m->text, '}');
    m->items[m->n++] = take(m->arena, &m->text);
}

static void add_delete(mutations *m, bw_slice key)
{
    bw_buf_adds(&m->text, "{\"delete\":");
    bw_buf_add(&m->text, key.ptr, key.len);
    end_mutation(m);
}

static void write_slot(work *w, const slot *s, mutations *m)
{
    bool exists = s->state.presence == BW_PRESENCE_EXISTS;
    if (exists) {
        begin_upsert(m);
        bw_stored_write_entity(&m->text, s->key, &s->state, w->r->rules.clock_field);
        end_mutation(m);
        if (s->state.version > s->reserved) {
            begin_upsert(m);
            bw_stored_write_reserved(&m->text, s->tombstone_key,
                                     s->state.version + BW_STORED_VERSIONS - 1);
            end_mutation(m);
        }
        return;
    }
    if (s->exists)
        add_delete(m, s->key);
    begin_upsert(m);
    bw_stored_write_tombstone(&m->text, s->tombstone_key, &s->state, w->now_us);
    end_mutation(m);
}

/* An outcome that a later event of the same id has replaced (a forced one) is not written twice: a
   commit has one mutation per entity. */
static bool replaced(const work *w, size_t i)
{
    for (size_t j = i + 1; j < w->attempt->n; j++) {
        if (w->decided[j] && bw_slice_eq(w->event_keys[i], w->event_keys[j]))
            return true;
    }
    return false;
}

static mutations write_all(work *w)
{
    mutations m = {.arena = &w->r->scratch, .text = BW_BUF_INIT};
    m.items = BW_ARENA_ARRAY(m.arena, bw_slice, w->attempt->n + 2 * w->n_slots);
    for (size_t i = 0; i < w->n_slots; i++) {
        if (w->slots[i].changed)
            write_slot(w, &w->slots[i], &m);
    }
    for (size_t i = 0; i < w->attempt->n; i++) {
        if (!w->decided[i] || replaced(w, i))
            continue;
        begin_upsert(&m);
        bw_stored_outcome_write(&m.text, w->event_keys[i], w->attempt->items[i].event,
                                &w->outcomes[i], w->now_us);
        end_mutation(&m);
    }
    bw_buf_fini(&m.text);
    return m;
}

/* Gives the locks back. They would expire by themselves, so a failure is nobody's business. */
static void roll_back(work *w)
{
    bw_error ignored;
    bw_datastore_set_deadline(w->r->ds, 5 * BW_SECOND);
    if (bw_datastore_rollback(w->r->ds, w->found.transaction, &ignored) != BW_OK)
        bw_log(BW_LOG_DEBUG, w->r->subject, "cannot roll back: %s", ignored.message);
    bw_datastore_set_deadline(w->r->ds, w->r->deadline_us);
}

static bw_status commit(work *w, bw_error *err)
{
    mutations m = write_all(w);
    bw_datastore_commit request = {w->found.transaction, m.items, m.n};
    if (m.n == 0) {
        roll_back(w);
        return BW_OK;
    }
    int64_t began = bw_mono_us(w->r->clock);
    bw_status s = bw_datastore_commit_send(w->r->ds, &request, &w->r->scratch, NULL, NULL, err);
    w->r->counts.waited_us += (uint64_t)(bw_mono_us(w->r->clock) - began);
    w->r->counts.commits += s == BW_OK;
    if (s == BW_CONFLICT) {
        bw_buf_clear(&w->r->aborted);
        bw_buf_add(&w->r->aborted, w->found.transaction.ptr, w->found.transaction.len);
    } else if (s != BW_OK && s != BW_CANCELLED) {
        roll_back(w);
    }
    return s;
}

static void hand_over(work *w)
{
    bw_arena *arena = w->attempt->arena;
    for (size_t i = 0; i < w->attempt->n; i++) {
        bw_resolution *out = &w->attempt->out[i];
        *out = w->out[i];
        out->properties = bw_arena_slice(arena, out->properties);
        out->clock = bw_arena_slice(arena, out->clock);
        out->fault.member = bw_arena_slice(arena, out->fault.member);
        out->fault.detail = bw_arena_slice(arena, out->fault.detail);
    }
}

bw_status bw_resolver_attempt(bw_resolver *r, bw_attempt *attempt, bw_error *err)
{
    work w = {.r = r, .attempt = attempt, .now_us = bw_wall_us(r->clock)};
    bw_arena_reset(&r->scratch, (size_t)4 << 20);
    attempt->looked_up = false;
    prepare(&w);
    bw_status s = look_up(&w, err);
    bw_buf_clear(&r->aborted);
    if (s == BW_OK) {
        attempt->looked_up = true;
        for (size_t i = 0; i < attempt->n; i++) {
            if (attempt->before)
                note_before(&w, i);
            resolve_one(&w, i);
        }
        if (!attempt->before)
            s = commit(&w, err);
    }
    if (s == BW_OK)
        hand_over(&w);
    return s;
}
