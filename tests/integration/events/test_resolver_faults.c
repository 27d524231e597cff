/* resolver.h when things go wrong: lost requests and answers, contention, poison, outages. Whatever
   happens, every event has its effect once, and the state is that of the pure model. */
#include "tests/integration/events/resolving.h"

#include "backend/core/thread.h"

/* ---- lost requests and answers ----------------------------------------------------------------- */

static void a_lost_answer_is_looked_up(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "patch", "a", 2, "e2", "{\"m\":1}");
    faults(f, "datastore.projects.commit:cut-after:1:1\n");
    resolve(f);
    assert_resolved(f, 0, "applied v1 again {\"m\":1,\"n\":1}");
    assert_resolved(f, 1, "applied v2 again {\"m\":1,\"n\":1}");
    assert_int_equal(bw_resolver_counted(f->resolver).commits, 0);
}

static void a_lost_request_is_repeated(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    faults(f, "datastore.projects.commit:503:1:1\n"
              "datastore.projects.commit:cut-before:1:1:1\n"
              "datastore.projects.lookup:503:1:1\n");
    resolve(f);
    assert_resolved(f, 0, "applied v1 {\"n\":1}");
    assert_int_equal(bw_resolver_counted(f->resolver).commits, 1);
}

/* ---- the model ----------------------------------------------------------------------------------- */

#define ENTITIES 8

static uint64_t seed = 20261120;

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static void add_random(fixture *f, int number)
{
    static const char *const operations[] = {"create", "update", "delete", "upsert", "patch"};
    char id[20], entity[20], data[100];
    unsigned operation = below(5);
    snprintf(id, sizeof id, "e%03d", number);
    snprintf(entity, sizeof entity, "c%u", below(ENTITIES));
    snprintf(data, sizeof data, "{\"f%u\":%u,\"g%u\":\"%u\"}", below(3), below(100), below(3),
             below(100));
    add(f, operations[operation], entity, (int)below(60), id, operation == 2 ? NULL : data);
}

/* Every event, in the order in which they stand, with nothing but the pure function: what the stored
   entities must be. A resolution's version is compared on the way. */
static void compare_with_the_model(fixture *f, const bw_conflict_rules *rules)
{
    bw_entity_state model[ENTITIES];
    for (int i = 0; i < ENTITIES; i++)
        model[i] = (bw_entity_state){.last_modified_us = BW_TIME_NONE};
    for (size_t i = 0; i < f->n; i++) {
        const bw_event *e = f->items[i].event;
        bw_entity_state *m = &model[e->key_text.ptr[e->key_text.len - 1] - '0'];
        bw_outcome outcome = bw_conflict_resolve(rules, m, e, e->properties, false, &f->arena, m);
        assert_true(f->out[i].resolved);
        assert_int_equal(f->out[i].outcome, outcome);
        assert_int_equal(f->out[i].version, m->version);
    }
    for (int i = 0; i < ENTITIES; i++) {
        char name[20];
        snprintf(name, sizeof name, "c%d", i);
        bw_slice entity = stored(f, "customer", name);
        assert_int_equal(entity.ptr != NULL, model[i].presence == BW_PRESENCE_EXISTS);
        if (!entity.ptr)
            continue;
        int64_t version = 0, modified = 0;
        assert_true(bw_entity_int(entity, "version", &version) &&
                    bw_entity_time(entity, "last_modified", &modified));
        assert_int_equal(version, model[i].version);
        assert_int_equal(modified, model[i].last_modified_us);
    }
}

static void the_state_is_the_models_whatever_happens(void **state)
{
    fixture *f = *state;
    for (int strategy = 0; strategy < BW_STRATEGY_COUNT; strategy++) {
        bw_resolver_options how = resolving_options(f);
        how.rules.strategy = (bw_strategy)strategy;
        how.group = 7;
        resolve_with(f, &how);
        forget(f);
        for (int i = 0; i < 150; i++)
            add_random(f, i);
        faults(f, "datastore.projects.commit:cut-after:0.2:1\n"
                  "datastore.projects.commit:503:0.2:1\n"
                  "datastore.projects.lookup:cut-after:0.2:1\n");
        resolve(f);
        no_faults(f);
        compare_with_the_model(f, &how.rules);
        memset(f->out, 0, sizeof f->out);
        resolve(f);
        for (size_t i = 0; i < f->n; i++)
            assert_true(f->out[i].resolved && f->out[i].redelivered);
        compare_with_the_model(f, &how.rules);
        assert_int_equal(bw_test_http_json(f->http, "POST", "/sandbox/reset", NULL), 200);
    }
}

/* ---- contention ---------------------------------------------------------------------------------- */

#define RIVALS    3
#define PER_RIVAL 120
#define CONTESTED 4

typedef struct rival {
    fixture *f;
    bw_resolver *resolver;
    bw_arena arena;
    bw_resolver_item items[PER_RIVAL];
    bw_resolution out[PER_RIVAL];
    bw_status status;
    bw_error err;
    pthread_t thread;
} rival;

static void *race(void *user)
{
    rival *r = user;
    r->status = BW_OK;
    for (size_t i = 0; i < PER_RIVAL && r->status == BW_OK; i += 10)
        r->status = bw_resolver_run(r->resolver, r->items + i, 10, &r->arena, r->out + i, &r->err);
    return NULL;
}

/* Under latest_wins the events in the order of their times are the model, whoever wins when; each
   version belongs to one event. */
static void rivals_lose_nothing(void **state)
{
    fixture *f = *state;
    static rival rivals[RIVALS];
    static bool seen[CONTESTED][RIVALS * PER_RIVAL + 1];
    bw_resolver_options how = resolving_options(f);
    how.rules.strategy = BW_STRATEGY_LATEST_WINS;
    for (int i = 0; i < RIVALS * PER_RIVAL; i++) {
        char id[20], entity[20], data[60];
        snprintf(id, sizeof id, "e%03d", i);
        snprintf(entity, sizeof entity, "c%d", i % CONTESTED);
        snprintf(data, sizeof data, "{\"f%d\":%d,\"last\":%d}", i % 7, i, i);
        add(f, "patch", entity, i, id, data);
        rivals[i % RIVALS].items[i / RIVALS] = f->items[i];
    }
    for (int r = 0; r < RIVALS; r++) {
        rivals[r].f = f;
        rivals[r].resolver = bw_resolver_new(&how);
        bw_thread_start(&rivals[r].thread, "rival", race, &rivals[r]);
    }
    uint64_t aborted = 0;
    for (int r = 0; r < RIVALS; r++) {
        pthread_join(rivals[r].thread, NULL);
        assert_ok(rivals[r].status, rivals[r].err);
        aborted += bw_resolver_counted(rivals[r].resolver).aborted;
        for (int i = 0; i < PER_RIVAL; i++) {
            const bw_resolution *out = &rivals[r].out[i];
            int entity = (i * RIVALS + r) % CONTESTED;
            if (out->outcome == BW_OUTCOME_IGNORED)
                continue;
            assert_true(out->version > 0 && out->version <= RIVALS * PER_RIVAL);
            assert_false(seen[entity][out->version]);
            seen[entity][out->version] = true;
        }
        bw_resolver_free(rivals[r].resolver);
        bw_arena_fini(&rivals[r].arena);
    }
    assert_true(aborted > 0);
    for (int entity = 0; entity < CONTESTED; entity++) {
        char name[20];
        int64_t n;
        snprintf(name, sizeof name, "c%d", entity);
        bw_slice after = stored(f, "customer", name);
        assert_true(bw_entity_int(after, "last", &n));
        assert_int_equal(n, RIVALS * PER_RIVAL - CONTESTED + entity);
        for (int field = 0; field < 7; field++) {
            char property[20];
            int newest = RIVALS * PER_RIVAL - 1;
            while (newest % 7 != field || newest % CONTESTED != entity)
                newest--;
            snprintf(property, sizeof property, "f%d", field);
            assert_true(bw_entity_int(after, property, &n));
            assert_int_equal(n, newest);
        }
    }
}

/* ---- poison -------------------------------------------------------------------------------------- */

static void fill(char *text, size_t n, const char *before, const char *after)
{
    size_t head = strlen(before), tail = strlen(after);
    memcpy(text, before, head);
    memset(text + head, 'x', n - head - tail);
    memcpy(text + n - tail, after, tail + 1);
}

/* Together too large for an entity: each for itself is fine. */
static void what_datastore_refuses_is_found_among_the_good(void **state)
{
    fixture *f = *state;
    static char big[600001];
    char id[20], entity[20];
    fill(big, 600000, "{\"one\":\"", "\"}");
    add(f, "create", "c13", 1, "first", big);
    resolve(f);
    assert_true(f->out[0].resolved);
    forget(f);
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "e%d", i);
        snprintf(entity, sizeof entity, "c%d", i % 20);
        if (i == 13)
            fill(big, 600000, "{\"two\":\"", "\"}");
        add(f, "patch", entity, 2 + i, id, i == 13 ? big : "{\"n\":1}");
    }
    resolve(f);
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(f->out[i].resolved, i != 13);
        if (i != 13)
            assert_int_equal(f->out[i].version, i == 33 ? 2 : 1 + i / 20);
    }
    assert_resolved(f, 13, "PROCESSING ");
    assert_true(f->out[13].fault.detail.len > 0);
    assert_string_equal(plain(f, "_bw_event", "e13"), "none");
    assert_true(bw_resolver_counted(f->resolver).refused >= BW_RESOLVER_FAILURES);
}

/* A key that is too long is refused already when it is looked up. */
static void a_key_that_is_refused_is_found_too(void **state)
{
    fixture *f = *state;
    char name[1401];
    memset(name, 'n', 1400);
    name[1400] = '\0';
    bw_buf text = BW_BUF_INIT; /* longer than an event may have it */
    for (int i = 0; i < 6; i++)
        bw_buf_addf(&text, "%sk/%s", i ? "/" : "", name);
    add(f, "create", "a", 1, "e0", "{\"n\":1}");
    bw_event *event =
        event_of(f, NULL, "{\"event_id\":\"e1\",\"operation\":\"delete\",\"entity_id\":\"x\"}");
    event->key_text = bw_arena_slice(&f->arena, bw_buf_slice(&text));
    f->items[f->n++].event = event;
    add(f, "create", "b", 1, "e2", "{\"n\":1}");
    bw_buf_fini(&text);
    resolve(f);
    assert_resolved(f, 0, "applied v1 {\"n\":1}");
    assert_resolved(f, 1, "PROCESSING ");
    assert_resolved(f, 2, "applied v1 {\"n\":1}");
}

/* ---- outages ------------------------------------------------------------------------------------- */

static void an_outage_is_nobodys_fault(void **state)
{
    fixture *f = *state;
    bw_resolver_options how = resolving_options(f);
    how.deadline_us = 2 * BW_SECOND;
    how.group = 1;
    resolve_with(f, &how);
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "create", "b", 1, "e2", "{\"n\":1}");
    faults(f, "datastore.projects.commit:503:1:1000:1\n");
    bw_status s = bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err);
    assert_true(s == BW_UNAVAILABLE || s == BW_TIMEOUT);
    bw_test_sandbox_kill(f->sandbox);
    s = bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err);
    assert_true(s == BW_UNAVAILABLE || s == BW_TIMEOUT);
    bw_test_sandbox_restart(f->sandbox);
    resolve(f);
    assert_resolved(f, 0, "applied v1 again {\"n\":1}");
    assert_resolved(f, 1, "applied v1 {\"n\":1}");
}

static void a_refusal_of_everything_is_nobodys_fault(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "create", "b", 1, "e2", "{\"n\":1}");
    faults(f, "datastore.projects.lookup:403\n");
    assert_int_equal(bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err),
                     BW_DENIED);
    no_faults(f);
    faults(f, "datastore.projects.lookup:400\n");
    assert_int_equal(bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err),
                     BW_INVALID);
    no_faults(f);
    /* It answers, and takes no writes: the database is in a state that forbids them. */
    faults(f, "datastore.projects.commit:400/FAILED_PRECONDITION\n");
    assert_int_equal(bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err),
                     BW_INVALID);
    no_faults(f);
    resolve(f);
    assert_resolved(f, 1, "applied v1 {\"n\":1}");
}

/* As when an answer is larger than the client takes: less is asked for. */
static void what_is_too_much_is_asked_for_in_parts(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "create", "b", 1, "e2", "{\"n\":1}");
    faults(f, "datastore.projects.lookup:501:1:1\n");
    resolve(f);
    assert_resolved(f, 1, "applied v1 {\"n\":1}");
    assert_int_equal(bw_resolver_counted(f->resolver).commits, 2);
    faults(f, "datastore.projects.lookup:501\n");
    assert_int_equal(bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err),
                     BW_UNSUPPORTED);
    no_faults(f);
}

static void a_cancel_ends_the_call(void **state)
{
    fixture *f = *state;
    bw_cancel cancel;
    bw_cancel_init(&cancel);
    bw_cancel_raise(&cancel);
    bw_resolver_options how = resolving_options(f);
    how.cancel = &cancel;
    resolve_with(f, &how);
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    assert_int_equal(bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err),
                     BW_CANCELLED);
    bw_resolver_free(f->resolver);
    f->resolver = NULL;
    bw_cancel_fini(&cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_answer_is_looked_up, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_request_is_repeated, begin, end),
        cmocka_unit_test_setup_teardown(the_state_is_the_models_whatever_happens, begin, end),
        cmocka_unit_test_setup_teardown(rivals_lose_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_datastore_refuses_is_found_among_the_good, begin, end),
        cmocka_unit_test_setup_teardown(a_key_that_is_refused_is_found_too, begin, end),
        cmocka_unit_test_setup_teardown(an_outage_is_nobodys_fault, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_of_everything_is_nobodys_fault, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_much_is_asked_for_in_parts, begin, end),
        cmocka_unit_test_setup_teardown(a_cancel_ends_the_call, begin, end),
    };
    return BW_RUN_TESTS(tests);
}
