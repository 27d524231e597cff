/*
 * Covers: app/provision_compare, app/provision_terraform (its strings and names). What is wanted of a
 * subscription beside what was found, and texts in HCL.
 */
#include "tests/support/test.h"

#include <string.h>

#include "app/provision.h"

/* The outcome of comparing: "update ackDeadlineSeconds,...: ack_deadline 10s -> 1m; ...". */
static const char *compared(const char *wanted, const char *found, bw_arena *arena,
                            bw_provision_item *item)
{
    json_t *resource = json_loads(found, 0, NULL);
    bw_buf b = BW_BUF_INIT;
    *item = (bw_provision_item){.kind = BW_PROVISION_SUBSCRIPTION};
    item->wanted = json_loads(wanted, 0, NULL);
    assert_non_null(resource);
    assert_non_null(item->wanted);
    bw_provision_compare(item, resource, arena);
    bw_buf_adds(&b, bw_provision_action_name(item->action));
    if (item->mask)
        bw_buf_addf(&b, " %s", item->mask);
    for (size_t i = 0; i < item->n_changes; i++)
        bw_buf_addf(&b, "%s %s %s -> %s", i ? ";" : ":", item->changes[i].field,
                    item->changes[i].from, item->changes[i].to);
    const char *text = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    json_decref(resource);
    return text;
}

static void let_go(bw_provision_item *item)
{
    json_decref(item->wanted);
    json_decref(item->patch);
}

#define FOUND                                                                    \
    "{\"topic\":\"projects/p/topics/t\",\"ackDeadlineSeconds\":10,"              \
    "\"messageRetentionDuration\":\"604800s\",\"labels\":{\"team\":\"red\"},"    \
    "\"deadLetterPolicy\":{\"deadLetterTopic\":\"d\",\"maxDeliveryAttempts\":9}" \
    ",\"retainAckedMessages\":true}"

static void what_differs_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *wanted, *outcome;
    } cases[] = {
        {"{}", "unchanged"},
        {"{\"topic\":\"projects/p/topics/t\",\"ackDeadlineSeconds\":10,\"filter\":\"\","
         "\"enableMessageOrdering\":false,\"messageRetentionDuration\":\"604800.000000s\"}",
         "unchanged"},
        {"{\"ackDeadlineSeconds\":60}", "update ackDeadlineSeconds: ack_deadline 10s -> 1m"},
        {"{\"ackDeadlineSeconds\":90,\"retainAckedMessages\":false}",
         "update ackDeadlineSeconds,retainAckedMessages: ack_deadline 10s -> 90s; "
         "retain_acked true -> false"},
        {"{\"deadLetterPolicy\":{\"deadLetterTopic\":\"d\"}}", "unchanged"},
        {"{\"deadLetterPolicy\":{\"deadLetterTopic\":\"e\",\"maxDeliveryAttempts\":5}}",
         "update deadLetterPolicy: dead_letter_topic d -> e; max_delivery_attempts 9 -> 5"},
        {"{\"topic\":\"projects/p/topics/u\"}",
         "conflict: topic projects/p/topics/t -> projects/p/topics/u"},
        {"{\"filter\":\"a\",\"ackDeadlineSeconds\":11}",
         "conflict ackDeadlineSeconds: filter none -> a; ack_deadline 10s -> 11s"},
        {"{\"enableMessageOrdering\":true}", "conflict: ordering false -> true"},
    };
    bw_arena arena = BW_ARENA_INIT;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_provision_item item;
        assert_string_equal(compared(cases[i].wanted, FOUND, &arena, &item), cases[i].outcome);
        let_go(&item);
    }
    bw_arena_fini(&arena);
}

/* A policy is sent whole: what is not stated stays as it is, and a new one gets the default. */
static void policies_are_sent_whole(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_provision_item item;
    static const char wanted[] = "{\"deadLetterPolicy\":{\"deadLetterTopic\":\"e\"}}";
    compared(wanted, FOUND, &arena, &item);
    char *text = json_dumps(item.patch, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text, "{\"deadLetterPolicy\":{\"deadLetterTopic\":\"e\",\"maxDeliveryAttempts\":9}}");
    free(text);
    let_go(&item);
    assert_string_equal(compared(wanted, "{}", &arena, &item),
                        "update deadLetterPolicy: dead_letter_topic none -> e");
    text = json_dumps(item.patch, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text, "{\"deadLetterPolicy\":{\"deadLetterTopic\":\"e\",\"maxDeliveryAttempts\":100}}");
    free(text);
    let_go(&item);
    bw_arena_fini(&arena);
}

static void losses_are_said(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_provision_item item;
    compared("{\"messageRetentionDuration\":\"3600s\"}", FOUND, &arena, &item);
    assert_non_null(strstr(item.note, "dropped"));
    let_go(&item);
    compared("{\"messageRetentionDuration\":\"700000s\"}", FOUND, &arena, &item);
    assert_null(item.note);
    let_go(&item);
    compared("{}", "{\"topic\":\"_deleted-topic_\"}", &arena, &item);
    assert_int_equal(item.action, BW_PROVISION_CONFLICT);
    let_go(&item);
    compared("{}", "{\"pushConfig\":{\"pushEndpoint\":\"https://x\"}}", &arena, &item);
    assert_int_equal(item.action, BW_PROVISION_CONFLICT);
    let_go(&item);
    compared("{}", "{\"pushConfig\":{}}", &arena, &item);
    assert_int_equal(item.action, BW_PROVISION_UNCHANGED);
    let_go(&item);
    bw_arena_fini(&arena);
}

/* What a service leaves out because it is nothing is there; what it adds does not matter. */
static void what_is_covered(void **state)
{
    (void)state;
    static const struct {
        const char *found, *wanted;
        bool covers;
    } cases[] = {
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", true},
        {"{\"a\":1.0}", "{\"a\":1}", true},
        {"{}", "{\"x\":0,\"y\":\"\",\"z\":false,\"l\":[],\"o\":{}}", true},
        {"{}", "{\"x\":1}", false},
        {"{\"a\":2}", "{\"a\":1}", false},
        {"{\"a\":[{\"x\":4,\"more\":1}]}", "{\"a\":[{\"x\":4}]}", true},
        {"{\"a\":[{\"x\":4},{}]}", "{\"a\":[{\"x\":4}]}", false},
        {"{\"a\":[]}", "{\"a\":[{\"x\":4}]}", false},
        {"{\"a\":\"1\"}", "{\"a\":1}", false},
        {"{\"a\":\"1\"}", "{\"a\":{\"x\":0}}", false},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        json_t *found = json_loads(cases[i].found, 0, NULL);
        json_t *wanted = json_loads(cases[i].wanted, 0, NULL);
        if (bw_provision_covers(found, wanted) != cases[i].covers)
            fail_msg("%s and %s", cases[i].found, cases[i].wanted);
        json_decref(found);
        json_decref(wanted);
    }
}

static void strings_of_hcl(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hcl;
    } cases[] = {
        {"", "\"\""},
        {"plain, ümläut", "\"plain, ümläut\""},
        {"a \"b\" \\ c", "\"a \\\"b\\\" \\\\ c\""},
        {"one\ntwo\t\r\x1b\x7f", "\"one\\ntwo\\u0009\\u000d\\u001b\\u007f\""},
        {"${x} %{y} $x %y $", "\"$${x} %%{y} $x %y $\""},
        {"$${x} %%%{y}", "\"$\\u0024{x} %%\\u0025{y}\""},
        {"%${x}", "\"%$${x}\""},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf b = BW_BUF_INIT;
        bw_hcl_add_string(&b, cases[i].text);
        assert_string_equal(bw_buf_cstr(&b), cases[i].hcl);
        bw_buf_fini(&b);
    }
}

static void names_of_hcl(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"orders-events", "orders-events"},
                                           {"9lives", "_9lives"},
                                           {"-x", "_-x"},
                                           {"a.b~c+d%e", "a_b_c_d_e"},
                                           {"", "_"},
                                           {"ü\"x", "____x"}};
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf b = BW_BUF_INIT;
        bw_hcl_add_name(&b, cases[i][0]);
        assert_string_equal(bw_buf_cstr(&b), cases[i][1]);
        bw_buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_named), cmocka_unit_test(policies_are_sent_whole),
        cmocka_unit_test(losses_are_said),       cmocka_unit_test(what_is_covered),
        cmocka_unit_test(strings_of_hcl),        cmocka_unit_test(names_of_hcl),
    };
    return BW_RUN_TESTS(tests);
}
