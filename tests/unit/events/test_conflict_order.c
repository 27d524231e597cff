/* conflict.h: under latest_wins the state does not depend on the order of arrival. Random events, some
   of the same time, arrive in random orders and more than once; the state must be that of
   applying each once in the order of (timestamp, event id), by a model that knows nothing of
   registers. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/events/conflict.h"

#define FIELDS   5
#define EVENTS   12
#define ARRIVALS 18
#define CASES    20000

typedef struct change {
    bw_event event;
    char id[16], data[200];
    int values[FIELDS]; /* -1: not given */
} change;

typedef struct model {
    bool exists;
    int values[FIELDS]; /* -1: none */
    int64_t last_us;
} model;

/* xorshift64 (Marsaglia 2003) */
static uint64_t seed;

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static void make_change(change *c, int number)
{
    *c = (change){.event.timestamp_us = (int64_t)below(8) + 1};
    c->event.operation = (bw_event_operation)below(BW_EVENT_OPERATION_COUNT);
    /* The order of ids is not the order of making. */
    snprintf(c->id, sizeof(c->id), "e%02u-%d", below(90) + 10, number);
    size_t at = 1;
    c->data[0] = '{';
    for (int f = 0; f < FIELDS; f++) {
        c->values[f] = below(3) == 0 ? (int)below(1000) : -1;
        if (c->values[f] >= 0)
            at += (size_t)snprintf(c->data + at, sizeof(c->data) - at, "%s\"f%d\":%d",
                                   at > 1 ? "," : "", f, c->values[f]);
    }
    snprintf(c->data + at, sizeof(c->data) - at, "}");
}

static int by_order(const void *a, const void *b)
{
    const change *x = a, *y = b;
    if (x->event.timestamp_us != y->event.timestamp_us)
        return x->event.timestamp_us > y->event.timestamp_us ? 1 : -1;
    return strcmp(x->id, y->id);
}

static model in_order(change *changes, size_t n)
{
    model m = {false, {-1, -1, -1, -1, -1}, 0};
    qsort(changes, n, sizeof *changes, by_order);
    for (size_t i = 0; i < n; i++) {
        changes[i].event.id = bw_slice_cstr(changes[i].id);
        bw_event_operation op = changes[i].event.operation;
        bool partial = op == BW_EVENT_UPDATE || op == BW_EVENT_PATCH;
        m.exists = op != BW_EVENT_DELETE;
        m.last_us = changes[i].event.timestamp_us;
        for (int f = 0; f < FIELDS; f++) {
            if (!partial)
                m.values[f] = m.exists ? changes[i].values[f] : -1;
            else if (changes[i].values[f] >= 0)
                m.values[f] = changes[i].values[f];
        }
    }
    return m;
}

static void check(const model *expected, const bw_entity_state *found, uint64_t began)
{
    char text[200] = "";
    size_t at = 0;
    for (int f = 0; expected->exists && f < FIELDS; f++) {
        if (expected->values[f] >= 0)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\"f%d\":%d", at ? "," : "", f,
                                   expected->values[f]);
    }
    bool same = found->presence == (expected->exists ? BW_PRESENCE_EXISTS : BW_PRESENCE_DELETED) &&
                found->last_modified_us == expected->last_us && !found->conflict_resolved;
    if (expected->exists)
        same = same && found->properties.len == at + 2 &&
               memcmp(found->properties.ptr + 1, text, at) == 0;
    if (!same)
        fail_msg("seed %llu: expected %s{%s} @%lld, found %d %.*s @%lld (%.*s)",
                 (unsigned long long)began, expected->exists ? "" : "none ", text,
                 (long long)expected->last_us, (int)found->presence,
                 BW_SLICE_ARG(found->properties), (long long)found->last_modified_us,
                 BW_SLICE_ARG(found->registers));
}

static void one_case(bw_arena *arena)
{
    static const bw_conflict_rules rules = {.strategy = BW_STRATEGY_LATEST_WINS};
    uint64_t began = seed;
    change changes[EVENTS];
    size_t n = 1 + below(EVENTS), order[ARRIVALS], arrivals = n + below(ARRIVALS - EVENTS + 1);
    for (size_t i = 0; i < n; i++)
        make_change(&changes[i], (int)i);
    model expected = in_order(changes, n);
    for (size_t i = 0; i < arrivals; i++) { /* each at least once, then some again, shuffled */
        size_t j = below((unsigned)i + 1);
        order[i] = order[j];
        order[j] = i < n ? i : below((unsigned)n);
    }
    bw_entity_state state = {.last_modified_us = BW_TIME_NONE};
    int64_t version = 0;
    for (size_t i = 0; i < arrivals; i++) {
        const change *c = &changes[order[i]];
        bw_outcome outcome = bw_conflict_resolve(&rules, &state, &c->event, bw_slice_cstr(c->data),
                                                 false, arena, &state);
        version += outcome != BW_OUTCOME_IGNORED;
        assert_int_equal(state.version, version);
    }
    check(&expected, &state, began);
}

static void the_state_is_that_of_the_events_in_their_order(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    for (unsigned i = 0; i < CASES; i++) {
        seed = UINT64_C(0x9E3779B97F4A7C15) * (i + 1);
        one_case(&arena);
        bw_arena_reset(&arena, 1 << 20);
    }
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_that_of_the_events_in_their_order)};
    return BW_RUN_TESTS(tests);
}
