/* The audit trail: a chain that shows what was done to it. */
#include "tests/unit/store/fixture.h"

#include "backend/store/internal.h"

static void add(fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        f->wall_us += BW_SECOND;
        assert_ok(bw_store_audit_add(f->store, "anna", "note", i % 2 ? SYNC : "other",
                                     "{\"a\":\"b\"}", &f->err),
                  f->err);
    }
}

static void expect_intact(fixture *f, int64_t expected)
{
    int64_t n;
    assert_ok(bw_store_audit_verify(f->store, &n, &f->err), f->err);
    assert_int_equal(n, expected);
}

static void expect_broken(fixture *f, const char *tamper, const char *named)
{
    int64_t n;
    assert_ok(bw_sql_script(f->store, tamper, &f->err), f->err);
    assert_int_equal(bw_store_audit_verify(f->store, &n, &f->err), BW_CORRUPT);
    if (!strstr(f->err.message, named))
        fail_msg("%s: \"%s\" does not name %s", tamper, f->err.message, named);
}

static void is_intact_and_listed_newest_first(void **state)
{
    fixture *f = *state;
    bw_audit_entry *e;
    size_t n;
    expect_intact(f, 0);
    add(f, 2500); /* more than one slice of the walk */
    expect_intact(f, 2500);
    assert_ok(bw_store_audit_list(f->store, NULL, 0, 2, &f->arena, &e, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_int_equal(e[0].id, 2500);
    assert_int_equal(e[0].at_us, f->wall_us);
    assert_string_equal(e[0].detail, "{\"a\":\"b\"}");
    assert_int_equal(strlen(e[0].hash), 64);
    assert_ok(bw_store_audit_list(f->store, "other", e[1].id, 0, &f->arena, &e, &n, &f->err),
              f->err);
    assert_int_equal(n, 1249);
    assert_string_equal(e[0].subject, "other");
}

/* Each case in a store of its own: damage is not repaired. */
static void shows_a_change(void **state)
{
    add(*state, 10);
    expect_broken(*state, "UPDATE audit SET who = 'bert' WHERE id = 5", "entry 5");
}

static void shows_a_shift_between_fields(void **state)
{
    add(*state, 10);
    expect_broken(*state, "UPDATE audit SET who = 'annan', action = 'ote' WHERE id = 7", "entry 7");
}

static void shows_a_removal(void **state)
{
    add(*state, 10);
    expect_broken(*state, "DELETE FROM audit WHERE id = 4", "entry 4");
}

static void shows_a_removal_at_the_end(void **state)
{
    add(*state, 10);
    expect_broken(*state, "DELETE FROM audit WHERE id >= 9", "entry 9");
}

static void shows_an_insertion(void **state)
{
    add(*state, 10);
    expect_broken(*state,
                  "INSERT INTO audit (at, who, action, subject, detail, hash)"
                  " SELECT at, who, action, subject, detail, hash FROM audit WHERE id = 10",
                  "entry 11");
}

static void records_what_operators_do(void **state)
{
    fixture *f = *state;
    static const char *const EXPECTED[] = {"unpark", "park", "reset", "resume", "pause"};
    bw_audit_entry *e;
    size_t n;
    for (int twice = 0; twice < 2; twice++) /* what changes nothing leaves no entry */
        assert_ok(bw_store_sync_pause(f->store, SYNC, true, "anna", &f->err), f->err);
    assert_ok(bw_store_sync_pause(f->store, SYNC, false, "anna", &f->err), f->err);
    assert_ok(bw_store_sync_reset(f->store, SYNC, "anna", &f->err), f->err);
    assert_ok(bw_store_sync_park(f->store, SYNC, f->wall_us, "quota \"x\"", &f->err), f->err);
    assert_ok(bw_store_sync_park(f->store, SYNC, BW_TIME_NONE, NULL, &f->err), f->err);
    assert_ok(bw_store_audit_list(f->store, SYNC, 0, 0, &f->arena, &e, &n, &f->err), f->err);
    assert_int_equal(n, BW_COUNT(EXPECTED));
    for (size_t i = 0; i < n; i++)
        assert_string_equal(e[i].action, EXPECTED[i]);
    assert_string_equal(e[1].detail,
                        "{\"until\":\"2026-09-21T14:13:20Z\",\"reason\":\"quota \\\"x\\\"\"}");
    expect_intact(f, (int64_t)n);
}

static size_t add_event(fixture *f, const char *detail)
{
    size_t added;
    bw_audit_entry e = {.who = "p", .action = "delete", .subject = "e1", .detail = detail};
    assert_ok(bw_store_audit_add_new(f->store, &e, 1, &added, &f->err), f->err);
    return added;
}

/* What is delivered again is there already; what another publisher calls by the same id is not. */
static void an_event_is_there_once_and_a_namesake_too(void **state)
{
    fixture *f = *state;
    static const char *const details[] = {
        "{\"sync\":\"a\",\"entity_key\":\"K/1\",\"version\":3}",
        "{\"sync\":\"a\",\"entity_key\":\"K/2\",\"version\":3}",
        "{\"sync\":\"b\",\"entity_key\":\"K/1\",\"version\":3}",
        "{\"entity_key\":\"K/1\",\"content_hash\":\"x\"}",
        "{\"entity_key\":\"K/1\",\"content_hash\":\"y\"}",
        "{\"reason\":\"BAD_UTF8\"}",
    };
    for (size_t i = 0; i < BW_COUNT(details); i++)
        assert_int_equal(add_event(f, details[i]), 1);
    for (size_t i = 0; i < BW_COUNT(details); i++)
        assert_int_equal(add_event(f, details[i]), 0);
    assert_int_equal(add_event(f, "{\"sync\":\"a\",\"entity_key\":\"K/1\",\"stored_time\":null}"),
                     0);
    expect_intact(f, BW_COUNT(details));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(is_intact_and_listed_newest_first),
        FIXTURE_TEST(shows_a_change),
        FIXTURE_TEST(shows_a_shift_between_fields),
        FIXTURE_TEST(shows_a_removal),
        FIXTURE_TEST(shows_a_removal_at_the_end),
        FIXTURE_TEST(shows_an_insertion),
        FIXTURE_TEST(records_what_operators_do),
        FIXTURE_TEST(an_event_is_there_once_and_a_namesake_too),
    };
    return BW_RUN_TESTS(tests);
}
