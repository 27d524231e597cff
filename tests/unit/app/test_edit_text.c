/* Covers: app/edit_text. Content goes through an editor without being mangled. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "app/edit_text.h"

static void content_is_read_as_it_is(void **state)
{
    (void)state;
    static const struct {
        bw_slice given, means;
    } cases[] = {
        {BW_SLICE_LIT("{\"a\":1}"), BW_SLICE_LIT("{\"a\":1}")},
        {BW_SLICE_LIT("not json"), BW_SLICE_LIT("not json")},
        {BW_SLICE_LIT(""), BW_SLICE_LIT("")},
        {BW_SLICE_LIT("{}"), BW_SLICE_LIT("{}")},
        {BW_SLICE_LIT("[\"content_base64\"]"), BW_SLICE_LIT("[\"content_base64\"]")},
        {BW_SLICE_LIT(" { \"content_base64\" : \"/wB4\" }\n"), BW_SLICE_LIT("\xff\0x")},
        {BW_SLICE_LIT("{\"content_base64\":\"/wB4\",\"b\":1}"),
         BW_SLICE_LIT("{\"content_base64\":\"/wB4\",\"b\":1}")},
        {BW_SLICE_LIT("{\"content_base64\":\"\"}"), BW_SLICE_LIT("")},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_slice out;
        assert_ok(bw_content_read(cases[i].given, &arena, &out, &err), err);
        assert_true(bw_slice_eq(out, cases[i].means));
        bw_arena_fini(&arena);
    }
    static const char *const bad[] = {"{\"content_base64\":\"?\"}", "{\"content_base64\":1}"};
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_slice out;
        assert_int_equal(bw_content_read(bw_slice_cstr(bad[i]), &arena, &out, &err), BW_INVALID);
        bw_arena_fini(&arena);
    }
}

/* What comes back of the content when this is the editor; NULL when nothing has changed. */
static const char *edited(bw_arena *arena, const char *editor, bw_slice content)
{
    bw_error err = BW_ERROR_INIT;
    bw_slice out;
    bool changed;
    setenv("VISUAL", editor, 1);
    assert_ok(bw_edit_text(content, arena, &out, &changed, &err), err);
    return changed ? bw_arena_strndup(arena, out.ptr, out.len) : NULL;
}

static void an_editor_has_the_content_as_a_file(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    const bw_slice text = BW_SLICE_LIT("{\"a\": 12345678901234567890}");
    assert_null(edited(&arena, "true", text));
    assert_null(edited(&arena, "true", BW_SLICE_LIT("\xff\0x")));
    assert_null(edited(&arena, "true", BW_SLICE_LIT("")));
    /* Editors end the last line; that is no change, and not kept where there was none. */
    assert_null(edited(&arena, "sh -c 'echo >> \"$0\"'", text));
    assert_string_equal(edited(&arena, "sed -i s/1/2/", text), "{\"a\": 22345678901234567890}");
    assert_string_equal(edited(&arena, "sh -c 'echo two >> \"$0\"'", BW_SLICE_LIT("one\n")),
                        "one\ntwo\n");
    assert_string_equal(edited(&arena, "sed -i s./wB4.eHl6.", BW_SLICE_LIT("\xff\0x")), "xyz");
    bw_arena_fini(&arena);
}

static void an_editor_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const char *const editors[] = {"false", "/nowhere/editor", "sh -c 'kill -TERM $$'"};
    for (size_t i = 0; i < BW_COUNT(editors); i++) {
        bw_arena arena = BW_ARENA_INIT;
        bw_error err = BW_ERROR_INIT;
        bw_slice out;
        bool changed = true;
        setenv("VISUAL", editors[i], 1);
        assert_int_equal(bw_edit_text(BW_SLICE_LIT("x"), &arena, &out, &changed, &err), BW_IO);
        assert_false(changed);
        assert_non_null(strstr(err.message, "nothing was changed"));
        bw_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_is_read_as_it_is),
        cmocka_unit_test(an_editor_has_the_content_as_a_file),
        cmocka_unit_test(an_editor_that_fails_changes_nothing),
    };
    return BW_RUN_TESTS(tests);
}
