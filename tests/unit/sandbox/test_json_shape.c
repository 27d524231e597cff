/* What counts as new in a document. Covers: sandbox/json_shape. */
#include "tests/support/test.h"

#include "backend/sandbox/json_shape.h"

typedef struct fact_set {
    uint64_t facts[256];
    size_t count;
} fact_set;

static void take(void *user, uint64_t fact)
{
    fact_set *set = user;
    for (size_t i = 0; i < set->count; i++) {
        if (set->facts[i] == fact)
            return;
    }
    assert_true(set->count < BW_COUNT(set->facts));
    set->facts[set->count++] = fact;
}

/* How many facts the second document has that the first has not. */
static size_t news(const char *known, const char *json)
{
    fact_set set = {.count = 0};
    assert_true(bw_sb_json_shape(bw_slice_cstr(known), 7, take, &set));
    size_t before = set.count;
    assert_true(bw_sb_json_shape(bw_slice_cstr(json), 7, take, &set));
    return set.count - before;
}

static void other_data_is_not_new(void **state)
{
    (void)state;
    static const struct {
        const char *known, *same;
    } cases[] = {
        {"{\"a\":1,\"b\":\"some text\"}", "{\"b\":\"other words\",\"a\":2}"},
        {"[{\"a\":true}]", "[{\"a\":true},{\"a\":true}]"},
        {"{\"t\":\"2026-01-02T03:04:05Z\"}", "{\"t\":\"1970-12-31T23:59:59Z\"}"},
        {"{\"t\":\"12\"}", "{\"t\":\"9\"}"},
        {"{\"a\":{\"b\":[]}}", "{ \"a\" : { \"b\" : [ ] } }"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++)
        assert_int_equal(news(cases[i].known, cases[i].same), 0);
}

static void another_member_type_format_or_word_is_new(void **state)
{
    (void)state;
    static const struct {
        const char *known, *other;
    } cases[] = {
        {"{\"a\":1}", "{\"b\":1}"},
        {"{\"a\":1}", "{\"a\":\"1\"}"},
        {"{\"a\":1}", "{\"a\":1.5}"},
        {"{\"a\":1}", "{\"a\":-1}"},
        {"{\"a\":1}", "{\"a\":null}"},
        {"{\"a\":1}", "{\"a\":[1]}"},
        {"{\"a\":true}", "{\"a\":false}"},
        {"{\"a\":\"DONE\"}", "{\"a\":\"RUNNING\"}"},
        {"{\"a\":\"600s\"}", "{\"a\":\"600\"}"},
        {"{\"a\":\"2026-01-02T03:04:05Z\"}", "{\"a\":\"2026-01-02 03:04:05\"}"},
        {"{\"a\":\"aGk=\"}", "{\"a\":\"aGk\"}"},
        {"{\"a\":\"x\"}", "{\"a\":\"\"}"},
        {"[{\"a\":1},{\"b\":1}]", "[{\"a\":1,\"b\":1}]"}, /* together, and not alone */
        {"{\"a\":{\"b\":1}}", "{\"a\":{},\"b\":1}"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        if (news(cases[i].known, cases[i].other) == 0)
            fail_msg("%s is nothing new after %s", cases[i].other, cases[i].known);
    }
}

static void what_is_not_json_is_told(void **state)
{
    (void)state;
    fact_set set = {.count = 0};
    assert_false(bw_sb_json_shape(BW_SLICE_LIT(""), 0, take, &set));
    assert_false(bw_sb_json_shape(BW_SLICE_LIT("{\"a\":1"), 0, take, &set));
    assert_false(bw_sb_json_shape(BW_SLICE_LIT("grant_type=x"), 0, take, &set));
}

static void depth_is_no_danger(void **state)
{
    (void)state;
    bw_buf deep = BW_BUF_INIT;
    fact_set set = {.count = 0};
    for (int i = 0; i < 100000; i++)
        bw_buf_addc(&deep, '[');
    assert_false(bw_sb_json_shape(bw_buf_slice(&deep), 0, take, &set));
    bw_buf_fini(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_data_is_not_new),
        cmocka_unit_test(another_member_type_format_or_word_is_new),
        cmocka_unit_test(what_is_not_json_is_told),
        cmocka_unit_test(depth_is_no_danger),
    };
    return BW_RUN_TESTS(tests);
}
