/* registers.h: the text of _bw_fields, and when it is void. */
#include "tests/support/test.h"

#include "backend/events/registers.h"

static const bw_conflict_rules latest = {.strategy = BW_STRATEGY_LATEST_WINS};

static bw_outcome meet(bw_entity_state *state, bw_arena *arena, bw_event_operation operation,
                       int64_t us, const char *id, const char *data)
{
    bw_event event = {.operation = operation, .timestamp_us = us, .id = bw_slice_cstr(id)};
    return bw_conflict_resolve(&latest, state, &event, bw_slice_cstr(data), false, arena, state);
}

static void assert_text(bw_slice found, const char *expected)
{
    if (!bw_slice_is(found, expected))
        fail_msg("%.*s is not %s", BW_SLICE_ARG(found), expected);
}

static void names_only_what_differs_from_the_base(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_entity_state s = {.last_modified_us = BW_TIME_NONE};
    meet(&s, &arena, BW_EVENT_PATCH, 5, "p\"1", "{\"a\":1}");
    assert_text(s.registers, "{\"last\":[5,\"p\\\"1\"],\"base\":null,\"deleted\":true,"
                             "\"fields\":[[5,\"p\\\"1\",[\"a\"]]]}");
    meet(&s, &arena, BW_EVENT_UPSERT, 6, "u", "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}");
    assert_text(s.registers, "{\"last\":[6,\"u\"]}");
    meet(&s, &arena, BW_EVENT_PATCH, 8, "p", "{\"a\":2,\"c\":2}");
    meet(&s, &arena, BW_EVENT_PATCH, 7, "q", "{\"a\":3,\"d\":3}");
    assert_text(s.registers, "{\"last\":[8,\"p\"],\"base\":[6,\"u\"],"
                             "\"fields\":[[7,\"q\",[\"d\"]],[8,\"p\",[\"a\",\"c\"]]]}");
    meet(&s, &arena, BW_EVENT_DELETE, 7, "r", "");
    assert_text(s.registers, "{\"last\":[8,\"p\"],\"base\":[7,\"r\"],\"deleted\":true,"
                             "\"fields\":[[8,\"p\",[\"a\",\"c\"]]]}");
    meet(&s, &arena, BW_EVENT_DELETE, 9, "s", "");
    assert_text(s.registers, "{\"last\":[9,\"s\"],\"deleted\":true}");
    bw_arena_fini(&arena);
}

static void are_void_when_somebody_else_has_written(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_entity_state s = {.last_modified_us = BW_TIME_NONE};
    meet(&s, &arena, BW_EVENT_CREATE, 5, "c", "{\"a\":1}");
    meet(&s, &arena, BW_EVENT_PATCH, 9, "p", "{\"b\":1}");
    bw_entity_state theirs = s;
    theirs.last_modified_us = 20;
    assert_int_equal(meet(&s, &arena, BW_EVENT_PATCH, 7, "q", "{\"a\":2}"), BW_OUTCOME_MERGED);
    assert_int_equal(meet(&theirs, &arena, BW_EVENT_PATCH, 7, "q", "{\"a\":2}"),
                     BW_OUTCOME_IGNORED);
    assert_int_equal(meet(&theirs, &arena, BW_EVENT_PATCH, 21, "r", "{\"a\":3}"),
                     BW_OUTCOME_APPLIED);
    assert_text(theirs.registers,
                "{\"last\":[21,\"r\"],\"base\":[20,\"\"],\"fields\":[[21,\"r\",[\"a\"]]]}");
    bw_arena_fini(&arena);
}

/* Whatever stands in the property, it is read as a state of one time rather than believed. */
static void are_void_when_they_make_no_sense(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "null",
        "x",
        "{}",
        "{\"last\":5}",
        "{\"last\":[5]}",
        "{\"last\":[\"5\",\"c\"]}",
        "{\"last\":[5.5,\"c\"]}",
        "{\"last\":[5,\"c\",1]}",
        "{\"last\":[5,\"c\"],\"base\":7}",
        "{\"last\":[5,\"c\"],\"fields\":{}}",
        "{\"last\":[5,\"c\"],\"fields\":[[4,\"x\",[1]]]}",
        "{\"last\":[5,\"c\"],\"fields\":[[4,\"x\",[\"a\"],1]]}",
        "{\"last\":[5,\"c\"],\"fields\":[[4,\"x\",[\"a\"]]",
    };
    bw_arena arena = BW_ARENA_INIT;
    for (size_t i = 0; i < BW_COUNT(texts); i++) {
        bw_entity_state s = {.presence = BW_PRESENCE_EXISTS,
                             .last_modified_us = 5,
                             .registers = bw_slice_cstr(texts[i])};
        bw_registers r;
        bw_registers_read(&s, &arena, &r);
        if (r.base.us != 5 || r.last.us != 5 || r.base.id.len || r.last.id.len || r.n_fields ||
            r.deleted)
            fail_msg("%s was believed", texts[i]);
    }
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_only_what_differs_from_the_base),
        cmocka_unit_test(are_void_when_somebody_else_has_written),
        cmocka_unit_test(are_void_when_they_make_no_sense),
    };
    return BW_RUN_TESTS(tests);
}
