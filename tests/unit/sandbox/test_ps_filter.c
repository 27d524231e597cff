/* The filters of subscriptions: what they accept and what they match. Covers: sandbox/ps_filter. */
#include "tests/support/test.h"

#include <stdio.h>

#include "backend/sandbox/ps_filter.h"

/* {"name": "com", "lang": "en-GB", "iana.org/tag": "\"q\"", "empty": ""} */
static ps_attribute items[] = {
    {BW_SLICE_LIT("name"), BW_SLICE_LIT("com")},
    {BW_SLICE_LIT("lang"), BW_SLICE_LIT("en-GB")},
    {BW_SLICE_LIT("iana.org/tag"), BW_SLICE_LIT("\"q\"")},
    {BW_SLICE_LIT("empty"), BW_SLICE_LIT("")},
};
static const ps_attributes message = {items, BW_COUNT(items)};

static void every_form_matches_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        {"attributes:name", true},
        {"attributes:other", false},
        {"attributes:Name", false},
        {" attributes : name ", true},
        {"attributes:\"iana.org/tag\"", true},
        {"attributes:empty", true},
        {"attributes.empty = \"\"", true},
        {"attributes.name = \"com\"", true},
        {"attributes.name=\"com\"", true},
        {"attributes.name = \"COM\"", false},
        {"attributes.name = \"co\"", false},
        {"attributes.name != \"com\"", false},
        {"attributes.name != \"org\"", true},
        {"attributes.other != \"com\"", true}, /* without the attribute too */
        {"attributes.other = \"\"", false},
        {"attributes.\"iana.org/tag\" = \"\\\"q\\\"\"", true},
        {"attributes.\"iana.org/tag\" = \"\\x22q\\042\"", true},
        {"attributes.name = \"\\u0063om\"", true},
        {"hasPrefix(attributes.lang, \"en\")", true},
        {"hasPrefix(attributes.lang, \"en-GB\")", true},
        {"hasPrefix(attributes.lang, \"en-GBx\")", false},
        {"hasPrefix(attributes.lang, \"\")", true},
        {"hasPrefix(attributes.other, \"\")", false},
        {"hasPrefix ( attributes.\"lang\" , \"en\" )", true},
        {"NOT attributes:name", false},
        {"NOT attributes:other", true},
        {"-attributes:other", true},
        {"NOT NOT attributes:name", true},
        {"NOT(attributes:name)", false},
        {"NOT hasPrefix(attributes.lang,\"de\")", true},
        {"attributes:name AND attributes:lang", true},
        {"attributes:name AND attributes:other", false},
        {"attributes:other OR attributes:name", true},
        {"attributes:other OR attributes:none", false},
        {"attributes:other OR attributes:none OR attributes:name", true},
        {"attributes:name AND attributes:lang AND attributes:empty", true},
        {"NOT attributes:other AND attributes:name", true},  /* NOT binds closest */
        {"NOT attributes:name AND attributes:other", false}, /* else this would match */
        {"NOT (attributes:name AND attributes:other)", true},
        {"attributes:other OR (attributes:name AND attributes:lang)", true},
        {"(attributes:other OR attributes:name) AND attributes:lang", true},
        {"(attributes:name OR attributes:lang) AND attributes:other", false},
        {"((attributes:name))", true},
        {"attributes:AND OR attributes:name", true}, /* a word is a key after the colon */
        {"attributes:name\nAND\tattributes:lang", true},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_arena arena = BW_ARENA_INIT;
        const char *why;
        size_t at;
        const ps_filter *f = ps_filter_parse(&arena, bw_slice_cstr(cases[i].text), &why, &at);
        if (!f)
            fail_msg("%s: %s at %zu", cases[i].text, why, at);
        if (ps_filter_matches(f, &message) != cases[i].matches)
            fail_msg("%s: should%s match", cases[i].text, cases[i].matches ? "" : " not");
        bw_arena_fini(&arena);
    }
}

static void what_is_not_a_filter_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"", 0},
        {" ", 1},
        {"name", 0},
        {"attribute:name", 0},
        {"attributes", 10},
        {"attributes:", 11},
        {"attributes.name", 15},
        {"attributes.name = com", 18},
        {"attributes.name = 'com'", 18},
        {"attributes.name == \"com\"", 17},
        {"attributes.name < \"com\"", 16},
        {"attributes.name = \"com", 22},
        {"attributes.name = \"\\q\"", 20},
        {"attributes.name = \"\\ud800\"", 25},
        {"attributes.name = \"\\xg\"", 21},
        {"attributes:a b", 13},
        {"attributes:a and attributes:b", 13},
        {"attributes:a AND", 16},
        {"attributes:a AND attributes:b OR attributes:c", 32},
        {"attributes:a OR attributes:b AND attributes:c", 32},
        {"NOT", 3},
        {"(attributes:a", 13},
        {"attributes:a)", 12},
        {"()", 1},
        {"hasPrefix(attributes:a, \"x\")", 20},
        {"hasPrefix(attributes.a)", 22},
        {"hasprefix(attributes.a, \"x\")", 0},
        {"attributes.a.b = \"x\"", 12},
        {"message.data = \"x\"", 0},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_arena arena = BW_ARENA_INIT;
        const char *why = NULL;
        size_t at = 0;
        if (ps_filter_parse(&arena, bw_slice_cstr(cases[i].text), &why, &at))
            fail_msg("\"%s\" is taken", cases[i].text);
        assert_non_null(why);
        if (at != cases[i].at)
            fail_msg("\"%s\": %s at %zu, not %zu", cases[i].text, why, at, cases[i].at);
        bw_arena_fini(&arena);
    }
}

static void length_is_bounded(void **state)
{
    (void)state;
    char text[PS_FILTER_MAX + 2];
    const char *why;
    size_t at;
    bw_arena arena = BW_ARENA_INIT;
    memset(text, '(', sizeof text); /* as deep as the bound lets it go */
    assert_null(ps_filter_parse(&arena, (bw_slice){text, PS_FILTER_MAX}, &why, &at));
    memset(text, 'k', sizeof text);
    memcpy(text, "attributes:", 11);
    assert_non_null(ps_filter_parse(&arena, (bw_slice){text, PS_FILTER_MAX}, &why, &at));
    assert_null(ps_filter_parse(&arena, (bw_slice){text, PS_FILTER_MAX + 1}, &why, &at));
    assert_null(ps_filter_parse(&arena, (bw_slice){"attributes:a\0b", 14}, &why, &at));
    bw_arena_fini(&arena);
}

static void no_filter_matches_all(void **state)
{
    (void)state;
    assert_true(ps_filter_matches(NULL, &message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_matches_what_it_says),
        cmocka_unit_test(what_is_not_a_filter_is_refused),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(no_filter_matches_all),
    };
    return BW_RUN_TESTS(tests);
}
