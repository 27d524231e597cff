/* resolver.h against the sandbox's Datastore: what is written, what is returned, and that an event has
   its effect once. */
#include "tests/integration/events/resolving.h"

static void writes_entities_tombstones_and_outcomes(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"name\":\"Ann\",\"n\":1.50}");
    add(f, "patch", "a", 2, "e2", "{\"n\":2}");
    add(f, "upsert", "b", 1, "e3", "{\"x\":[1,{\"y\":null}]}");
    add(f, "delete", "b", 3, "e4", NULL);
    add(f, "update", "a", 1, "e5", "{\"n\":7,\"m\":8}");
    resolve(f);
    assert_resolved(f, 0, "applied v1 {\"n\":1.5,\"name\":\"Ann\"}");
    assert_resolved(f, 1, "applied v2 {\"n\":2,\"name\":\"Ann\"}");
    assert_resolved(f, 2, "applied v1 {\"x\":[1,{\"y\":null}]}");
    assert_resolved(f, 3, "deleted v2 deleted");
    assert_resolved(f, 4, "merged v3 {\"m\":8,\"n\":2,\"name\":\"Ann\"} resolved");
    assert_int_equal(f->out[4].entity_version, 3);
    assert_int_equal(f->out[4].last_modified_us, f->items[1].event->timestamp_us);
    assert_int_equal(bw_resolver_counted(f->resolver).commits, 1);

    assert_string_equal(plain(f, "customer", "a"),
                        "{\"conflict_resolved\":true,\"last_modified\":\"2026-01-01T00:00:02Z\","
                        "\"m\":8,\"n\":2,\"name\":\"Ann\",\"version\":3}");
    assert_string_equal(plain(f, "customer", "b"), "none");
    assert_string_equal(plain(f, "_bw_tombstone", "customer/a"), "{\"version\":1002}");
    int64_t n, at = 0, expires = 0;
    bw_slice tombstone = stored(f, "_bw_tombstone", "customer/b");
    assert_true(bw_entity_int(tombstone, "version", &n) && n == 2);
    assert_true(bw_entity_time(tombstone, "last_modified", &at) &&
                at == f->items[3].event->timestamp_us);
    bw_slice outcome = stored(f, "_bw_event", "e5");
    bw_buf word = BW_BUF_INIT;
    assert_true(bw_entity_string(outcome, "result", &word));
    assert_string_equal(bw_buf_cstr(&word), "merged");
    assert_true(bw_entity_int(outcome, "version", &n) && n == 3);
    assert_true(bw_entity_time(outcome, "at", &at) &&
                bw_entity_time(outcome, "_bw_expires", &expires));
    assert_int_equal(expires - at, 62 * BW_DAY);
    bw_buf_fini(&word);
}

static void a_redelivery_finds_its_outcome(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "patch", "a", 2, "e2", "{\"n\":2}");
    add(f, "delete", "b", 2, "e3", NULL);
    add(f, "patch", "a", 2, "e2", "{ \"n\": 2 }"); /* twice in one group, written otherwise */
    resolve(f);
    assert_resolved(f, 3, "applied v2 again {\"n\":2}");
    forget(f);
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "delete", "b", 2, "e3", NULL);
    add(f, "upsert", "b", 5, "e4", "{\"m\":1}");
    add(f, "delete", "b", 2, "e3", NULL);
    resolve(f);
    assert_resolved(f, 0,
                    "applied v1 again {\"n\":2}"); /* the outcome as it was, the entity as it is */
    assert_int_equal(f->out[0].entity_version, 2);
    assert_resolved(f, 1, "deleted v1 again deleted");
    assert_resolved(f, 2, "applied v2 {\"m\":1}");
    assert_resolved(f, 3, "deleted v1 again {\"m\":1}");
    bw_slice before = stored(f, "customer", "a");
    resolve(f);
    for (size_t i = 0; i < f->n; i++)
        assert_true(f->out[i].redelivered);
    assert_true(bw_slice_eq(stored(f, "customer", "a"), before));
    assert_int_equal(bw_resolver_counted(f->resolver).commits, 2);
}

static void an_id_belongs_to_one_event(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "create", "a", 2, "e1", "{\"n\":1}");
    add(f, "create", "b", 1, "e1", "{\"n\":1}");
    add(f, "create", "a", 1, "e2", "{\"n\":1}");
    resolve(f);
    assert_resolved(f, 0, "applied v1 {\"n\":1}");
    assert_resolved(f, 1, "BAD_MESSAGE event_id");
    assert_resolved(f, 2, "BAD_MESSAGE event_id");
    assert_resolved(f, 3, "applied v2 {\"n\":1}");
    resolve(f);
    assert_resolved(f, 1, "BAD_MESSAGE event_id");
    assert_string_equal(plain(f, "customer", "b"), "none");
}

/* Of every type that plain JSON has not: an event that does not name them leaves them alone. */
static void others_properties_keep_their_values(void **state)
{
    fixture *f = *state;
    static const char *const values[] = {
        "\"at\":{\"timestampValue\":\"2020-01-01T00:00:00.123456Z\"}",
        "\"blob\":{\"blobValue\":\"AAEC\"}",
        "\"geo\":{\"geoPointValue\":{\"latitude\":1.5,\"longitude\":-2}}",
        "\"hidden\":{\"stringValue\":\"x\",\"excludeFromIndexes\":true}",
        "\"key\":{\"keyValue\":{\"path\":[{\"kind\":\"k\",\"id\":\"5\"}]}}",
        "\"real\":{\"doubleValue\":3}",
    };
    bw_buf properties = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(values); i++)
        bw_buf_addf(&properties, "%s%s", i ? "," : "{", values[i]);
    bw_buf_adds(&properties, ",\"n\":{\"integerValue\":\"1\"}}");
    write_directly(f, "customer", "a", bw_buf_cstr(&properties));
    bw_buf_fini(&properties);
    bw_slice before = stored(f, "customer", "a");
    add(f, "patch", "a", 1, "e1", "{\"n\":2}");
    resolve(f);
    assert_true(f->out[0].resolved);
    static const char *const names[] = {"at", "blob", "geo", "hidden", "key", "real"};
    bw_slice after = stored(f, "customer", "a");
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        bw_slice old = bw_entity_value(before, names[i]), new = bw_entity_value(after, names[i]);
        assert_true(old.len && bw_slice_eq(old, new));
    }
    int64_t n;
    assert_true(bw_entity_int(after, "n", &n) && n == 2);
}

static void somebodys_version_is_not_overwritten(void **state)
{
    fixture *f = *state;
    write_directly(f, "customer", "a", "{\"version\":{\"stringValue\":\"2.0-beta\"}}");
    add(f, "patch", "a", 1, "e1", "{\"n\":2}");
    add(f, "patch", "b", 1, "e2", "{\"n\":2}");
    resolve(f);
    assert_resolved(f, 0, "PROCESSING ");
    assert_string_equal(
        bw_arena_strndup(&f->arena, f->out[0].fault.detail.ptr, f->out[0].fault.detail.len),
        "the entity's version, which the engine keeps, is a string and no integer");
    assert_resolved(f, 1, "applied v1 {\"n\":2}");
    assert_string_equal(plain(f, "customer", "a"), "{\"version\":\"2.0-beta\"}");
    assert_string_equal(plain(f, "_bw_event", "e1"), "none");
}

static void a_version_beyond_counting_is_somebodys(void **state)
{
    fixture *f = *state;
    write_directly(f, "customer", "a", "{\"version\":{\"integerValue\":\"9223372036854775807\"}}");
    write_directly(f, "customer", "b", "{\"version\":{\"integerValue\":\"-2\"}}");
    add(f, "patch", "a", 1, "e1", "{\"n\":2}");
    add(f, "patch", "b", 1, "e2", "{\"n\":2}");
    resolve(f);
    assert_resolved(f, 0, "PROCESSING ");
    assert_resolved(f, 1, "PROCESSING ");
    assert_string_equal(plain(f, "customer", "b"), "{\"version\":-2}");
}

static void a_manual_conflict_waits_until_it_is_forced(void **state)
{
    fixture *f = *state;
    bw_resolver_options how = resolving_options(f);
    how.rules.strategy = BW_STRATEGY_MANUAL;
    resolve_with(f, &how);
    add(f, "create", "a", 5, "e1", "{\"n\":1}");
    add(f, "patch", "a", 4, "e2", "{\"n\":2}");
    resolve(f);
    assert_resolved(f, 1, "manual v1 {\"n\":1}");
    resolve(f);
    assert_resolved(f, 1, "manual v1 again {\"n\":1}");
    f->items[1].force = true;
    resolve(f);
    assert_resolved(f, 1, "applied v2 {\"n\":2}");
    resolve(f); /* replaying twice changes nothing more */
    assert_resolved(f, 1, "applied v2 again {\"n\":2}");
    assert_int_equal(f->out[1].entity_version, 2);
}

/* The outcomes of running, the states between, and nothing written. */
static void a_preview_changes_nothing(void **state)
{
    fixture *f = *state;
    bw_resolver_before before[5];
    bw_error err = BW_ERROR_INIT;
    add(f, "create", "a", 2, "e1", "{\"n\":1}");
    resolve(f);
    uint64_t commits = bw_resolver_counted(f->resolver).commits;
    forget(f);
    add(f, "patch", "a", 3, "e2", "{\"m\":2}");
    add(f, "delete", "a", 4, "e3", NULL);
    add(f, "create", "a", 2, "e1", "{\"n\":1}");
    add(f, "create", "b", 1, "e4", "{\"n\":12345678901234567}");
    add(f, "create", "a", 2, "e1", "{\"n\":2}"); /* another event's id */
    for (int again = 0; again < 2; again++) {
        assert_ok(bw_resolver_preview(f->resolver, f->items, f->n, &f->arena, before, f->out, &err),
                  err);
        assert_resolved(f, 0, "applied v2 {\"m\":2,\"n\":1}");
        assert_true(bw_slice_is(before[0].properties, "{\"n\":1}"));
        assert_int_equal(before[0].version, 1);
        assert_resolved(f, 1, "deleted v3 deleted");
        assert_true(bw_slice_is(before[1].properties, "{\"m\":2,\"n\":1}"));
        assert_true(f->out[2].redelivered);
        assert_int_equal(before[2].presence, BW_PRESENCE_DELETED);
        assert_resolved(f, 3, "applied v1 {\"n\":12345678901234567}");
        assert_int_equal(before[3].presence, BW_PRESENCE_ABSENT);
        assert_false(f->out[4].resolved);
    }
    assert_int_equal(bw_resolver_counted(f->resolver).commits, commits);
    assert_string_equal(plain(f, "customer", "b"), "none");
    assert_string_equal(plain(f, "_bw_event", "e2"), "none");
    resolve(f);
    assert_resolved(f, 1, "deleted v3 deleted");
}

/* The operator's word stands above the stored outcome even where the content was edited. */
static void an_edited_conflict_may_be_forced(void **state)
{
    fixture *f = *state;
    bw_resolver_options how = resolving_options(f);
    how.rules.strategy = BW_STRATEGY_MANUAL;
    resolve_with(f, &how);
    add(f, "create", "a", 5, "e1", "{\"n\":1}");
    add(f, "upsert", "a", 1, "e2", "{\"n\":2}");
    resolve(f);
    assert_int_equal(f->out[1].outcome, BW_OUTCOME_MANUAL);
    forget(f);
    add(f, "upsert", "a", 1, "e2", "{\"n\":3}");
    resolve(f);
    assert_false(f->out[0].resolved);
    f->items[0].force = true;
    resolve(f);
    assert_resolved(f, 0, "applied v2 {\"n\":3}");
}

static void a_vector_clock_is_kept_with_the_entity(void **state)
{
    fixture *f = *state;
    bw_event_rules rules = {.default_kind = "customer", .clock_field = "clock"};
    bw_resolver_options how = resolving_options(f);
    how.rules.clock_field = "clock";
    resolve_with(f, &how);
    static const char *const texts[] = {
        "{\"event_id\":\"e1\",\"entity_id\":\"a\",\"operation\":\"create\",\"data\":{\"n\":1},"
        "\"clock\":{\"x\":1,\"y\":1}}",
        "{\"event_id\":\"e2\",\"entity_id\":\"a\",\"operation\":\"patch\",\"data\":{\"n\":2},"
        "\"clock\":{\"x\":1}}",
        "{\"event_id\":\"e3\",\"entity_id\":\"a\",\"operation\":\"patch\",\"data\":{\"n\":3,\"m\":"
        "3},"
        "\"clock\":{\"x\":2}}",
        "{\"event_id\":\"e4\",\"entity_id\":\"a\",\"operation\":\"delete\","
        "\"clock\":{\"x\":3,\"y\":1}}",
        "{\"event_id\":\"e5\",\"entity_id\":\"a\",\"operation\":\"create\",\"data\":{},"
        "\"clock\":{\"x\":3}}",
    };
    for (size_t i = 0; i < BW_COUNT(texts); i++)
        f->items[f->n++].event = event_of(f, &rules, texts[i]);
    f->n = 3;
    resolve(f);
    assert_resolved(f, 0, "applied v1 {\"n\":1}");
    assert_resolved(f, 1, "ignored v1 {\"n\":1}");
    assert_resolved(f, 2, "merged v2 {\"m\":3,\"n\":1} resolved");
    assert_true(bw_slice_is(f->out[2].clock, "{\"x\":2,\"y\":1}"));
    assert_non_null(strstr(plain(f, "customer", "a"), "\"clock\":{\"x\":2,\"y\":1}"));
    f->n = BW_COUNT(texts);
    resolve(f);
    assert_resolved(f, 3, "deleted v3 deleted");
    assert_resolved(f, 4, "ignored v3 deleted"); /* the tombstone has the clock, too */
}

/* An expired tombstone is nothing to conflict with, but the version goes on. */
static void a_tombstone_expires(void **state)
{
    fixture *f = *state;
    write_directly(f, "_bw_tombstone", "customer/a",
                   "{\"version\":{\"integerValue\":\"41\"},\"last_modified\":{\"timestampValue\":"
                   "\"2026-06-01T00:00:00Z\"},\"deleted_at\":{\"timestampValue\":"
                   "\"2020-01-01T00:00:00Z\"}}");
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    resolve(f);
    assert_resolved(f, 0, "applied v42 {\"n\":1}");
    assert_string_equal(plain(f, "_bw_tombstone", "customer/a"), "{\"version\":1041}");
}

static void delete_directly(fixture *f, const char *kind, const char *name)
{
    bw_buf text = BW_BUF_INIT;
    bw_buf_adds(&text, "{\"delete\":");
    bw_key_write_one(&text, &(bw_partition){.project = "p"}, kind, name, 0);
    bw_buf_addc(&text, '}');
    bw_slice mutations[] = {bw_buf_slice(&text)};
    bw_datastore_commit commit = {.mutations = mutations, .count = 1};
    assert_ok(bw_datastore_commit_send(f->ds, &commit, &f->arena, NULL, NULL, &f->err), f->err);
    bw_buf_fini(&text);
}

/* Whatever somebody else does to the entity, its next version is higher than all before. */
static void versions_go_on_over_what_somebody_else_does(void **state)
{
    fixture *f = *state;
    add(f, "create", "a", 1, "e1", "{\"n\":1}");
    add(f, "patch", "a", 2, "e2", "{\"n\":2}");
    resolve(f);
    assert_resolved(f, 1, "applied v2 {\"n\":2}");
    delete_directly(f, "customer", "a");
    forget(f);
    add(f, "patch", "a", 3, "e3", "{\"n\":3}");
    resolve(f);
    assert_resolved(f, 0, "applied v1002 {\"n\":3}");
    write_directly(f, "customer", "a", "{\"m\":{\"integerValue\":\"7\"}}");
    forget(f);
    add(f, "patch", "a", 4, "e4", "{\"n\":4}");
    add(f, "delete", "a", 5, "e5", NULL);
    resolve(f);
    assert_resolved(f, 0, "applied v2002 {\"m\":7,\"n\":4}");
    assert_resolved(f, 1, "deleted v2003 deleted");
    forget(f);
    add(f, "create", "a", 6, "e6", "{\"n\":6}"); /* no gap where nobody else was at work */
    resolve(f);
    assert_resolved(f, 0, "applied v2004 {\"n\":6}");
    assert_string_equal(plain(f, "_bw_tombstone", "customer/a"), "{\"version\":3003}");
}

/* Names that Datastore has no room for, or keeps for itself. */
static void ids_and_paths_of_every_kind_are_kept(void **state)
{
    fixture *f = *state;
    char name[1401], text[5000];
    memset(name, 'n', 1400);
    name[1400] = '\0';
    add(f, "create", "a", 1, "__x__", "{\"n\":1}");
    snprintf(text, sizeof text,
             "{\"event_id\":\"e2\",\"operation\":\"delete\",\"entity_key\":{\"path\":"
             "[{\"kind\":\"k\",\"name\":\"%s\"},{\"kind\":\"__k\",\"name\":\"%s__\"}]}}",
             name, name);
    f->items[f->n++].event = event_of(f, NULL, text);
    snprintf(text, sizeof text,
             "{\"event_id\":\"e3\",\"operation\":\"delete\",\"entity_key\":{\"path\":"
             "[{\"kind\":\"__k\",\"name\":\"n__\"}]}}");
    f->items[f->n++].event = event_of(f, NULL, text);
    resolve(f);
    assert_resolved(f, 0, "applied v1 {\"n\":1}");
    assert_resolved(f, 1, "deleted v1 deleted");
    assert_resolved(f, 2, "deleted v1 deleted");
    resolve(f);
    for (size_t i = 0; i < f->n; i++)
        assert_true(f->out[i].redelivered);
}

static void groups_are_as_large_as_allowed(void **state)
{
    fixture *f = *state;
    char id[20], entity[20];
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "e%d", i);
        snprintf(entity, sizeof entity, "c%d", i % 400);
        add(f, i % 5 == 4 ? "delete" : "patch", entity, i, id, i % 5 == 4 ? NULL : "{\"n\":1}");
    }
    bw_resolver_options how = resolving_options(f);
    how.group = 10000;
    resolve_with(f, &how);
    resolve(f);
    for (size_t i = 0; i < f->n; i++)
        assert_true(f->out[i].resolved);
    assert_int_equal(bw_resolver_counted(f->resolver).commits, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_entities_tombstones_and_outcomes, begin, end),
        cmocka_unit_test_setup_teardown(a_redelivery_finds_its_outcome, begin, end),
        cmocka_unit_test_setup_teardown(an_id_belongs_to_one_event, begin, end),
        cmocka_unit_test_setup_teardown(others_properties_keep_their_values, begin, end),
        cmocka_unit_test_setup_teardown(somebodys_version_is_not_overwritten, begin, end),
        cmocka_unit_test_setup_teardown(a_version_beyond_counting_is_somebodys, begin, end),
        cmocka_unit_test_setup_teardown(a_manual_conflict_waits_until_it_is_forced, begin, end),
        cmocka_unit_test_setup_teardown(a_preview_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(an_edited_conflict_may_be_forced, begin, end),
        cmocka_unit_test_setup_teardown(a_vector_clock_is_kept_with_the_entity, begin, end),
        cmocka_unit_test_setup_teardown(a_tombstone_expires, begin, end),
        cmocka_unit_test_setup_teardown(versions_go_on_over_what_somebody_else_does, begin, end),
        cmocka_unit_test_setup_teardown(ids_and_paths_of_every_kind_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(groups_are_as_large_as_allowed, begin, end),
    };
    return BW_RUN_TESTS(tests);
}
