/* Commands as the store keeps them, and back. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "backend/core/clock.h"
#include "backend/engine/command.h"

static void assert_strings(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
    assert_int_equal(n_a, n_b);
    for (size_t i = 0; i < n_a; i++)
        assert_string_equal(a[i], b[i]);
}

static void come_back_as_they_went(void **state)
{
    (void)state;
    static const char *const syncs[] = {"shop.orders", "shop.\"Odd \\ name\"", "sh\xc3\xb6p.x"};
    static const char *const keys[] = {"{\"id\":9007199254740993}", "{\"id\":\"a\\\"b\"}"};
    static const int64_t letters[] = {1, INT64_MAX, 9007199254740993};
    for (int k = 0; k < BW_COMMAND_KINDS; k++) {
        bw_command c = {.kind = (bw_command_kind)k,
                        .who = "ann@bridge",
                        .syncs = syncs,
                        .n_syncs = BW_COUNT(syncs),
                        .letters = letters,
                        .n_letters = BW_COUNT(letters),
                        .keys = keys,
                        .n_keys = BW_COUNT(keys),
                        .since_us = k == BW_COMMAND_SINCE ? 1790000000123456 : BW_TIME_NONE,
                        .reason = k == BW_COMMAND_REPLAY ? "CONFLICT" : NULL,
                        .publish = k == BW_COMMAND_REPLAY,
                        .stored = k % 2 == 0,
                        .dry_run = k % 3 == 0,
                        .rate = k * 0.5};
        if (k == BW_COMMAND_EDIT)
            c.content = BW_SLICE_LIT("{\"a\":\"\xc3\xa4\"}");
        else if (k == BW_COMMAND_DISCARD) /* not UTF-8, and a NUL */
            c.content = BW_SLICE_LIT("\xff\0x");
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_command back;
        char *json = bw_command_to_json(&c);
        assert_ok(bw_command_from_json(bw_command_name(c.kind), c.who, json, &arena, &back, &err),
                  err);
        assert_int_equal(back.kind, c.kind);
        assert_string_equal(back.who, c.who);
        assert_strings(back.syncs, back.n_syncs, c.syncs, c.n_syncs);
        assert_strings(back.keys, back.n_keys, c.keys, c.n_keys);
        assert_int_equal(back.n_letters, c.n_letters);
        for (size_t i = 0; i < c.n_letters; i++)
            assert_true(back.letters[i] == c.letters[i]);
        assert_true(back.since_us == c.since_us);
        assert_int_equal(back.content.ptr != NULL, c.content.ptr != NULL);
        assert_true(bw_slice_eq(back.content, c.content));
        assert_int_equal(back.reason != NULL, c.reason != NULL);
        if (c.reason)
            assert_string_equal(back.reason, c.reason);
        assert_int_equal(back.publish, c.publish);
        assert_int_equal(back.stored, c.stored);
        assert_int_equal(back.dry_run, c.dry_run);
        assert_true(back.rate == c.rate);
        free(json);
        bw_arena_fini(&arena);
    }
}

static void names_are_their_own(void **state)
{
    (void)state;
    for (int k = 0; k < BW_COMMAND_KINDS; k++) {
        bw_command_kind kind;
        assert_true(bw_command_parse(bw_command_name((bw_command_kind)k), &kind));
        assert_int_equal(kind, k);
    }
    bw_command_kind kind;
    assert_false(bw_command_parse("destroy", &kind));
}

static void refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *args;
    } bad[] = {{"destroy", "{}"}, {"sync", "[]"}, {"sync", "{"}, {"sync", ""}, {"", "{}"}};
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_command c;
        assert_int_equal(bw_command_from_json(bad[i].kind, "x", bad[i].args, &arena, &c, &err),
                         BW_INVALID);
        assert_non_null(strstr(err.message, "not understood"));
        bw_arena_fini(&arena);
    }
}

/* What is missing is nothing, never a guess; what has the wrong type neither. */
static void missing_members_mean_nothing(void **state)
{
    (void)state;
    static const char *const args[] = {
        NULL, "{}",
        "{\"syncs\":7,\"letters\":\"x\",\"keys\":{},\"since_us\":\"1\","
        "\"content\":1,\"stored\":\"yes\",\"rate\":\"fast\"}"};
    for (size_t i = 0; i < BW_COUNT(args); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_command c;
        assert_ok(bw_command_from_json("since", NULL, args[i], &arena, &c, &err), err);
        assert_int_equal(c.n_syncs + c.n_letters + c.n_keys, 0);
        assert_true(c.since_us == BW_TIME_NONE);
        assert_null(c.content.ptr);
        assert_false(c.stored || c.dry_run);
        assert_true(c.rate == 0);
        assert_string_equal(c.who, "");
        bw_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(come_back_as_they_went),
        cmocka_unit_test(names_are_their_own),
        cmocka_unit_test(refuses_what_it_does_not_understand),
        cmocka_unit_test(missing_members_mean_nothing),
    };
    return BW_RUN_TESTS(tests);
}
