/* The ids of jobs and staging tables: different facts never give the same id, and the service takes
   every one of them. */
#include "tests/support/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/engine/run_internal.h"

static const char *const names[] = {
    "a",         "a_",     "a_1",    "a_1_1",    "a.1",         "a-1",           "a_5f1",
    "A",         "shop.a", "shop_a", "shop.a_1", "shop_2ea",    "shop.\xc3\xa4", "shop.a b",
    "shop.a\tb", "",       "_",      "1",        "1_1",         "a_1_1_load",    "shop.\"T\"",
    "shop.T",    "shop.t", "h",      "_h",       "shop._h0123", "a_1_2",         "a_12",
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void assert_all_different(const char **ids, size_t n)
{
    qsort(ids, n, sizeof(*ids), compare);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(ids[i - 1], ids[i]) == 0)
            fail_msg("twice: %s", ids[i]);
        assert_true(strlen(ids[i]) <= 1024);
        for (const char *p = ids[i]; *p; p++)
            assert_true(isalnum((unsigned char)*p) || *p == '_');
    }
}

static void different_facts_give_different_ids(void **state)
{
    (void)state;
    static const char *const steps[] = {"load", "p0", "p11", "merge0", "merge1", "raw0", "copy0"};
    static const int64_t batches[] = {1, 2, 11, 12, 111};
    bw_arena arena = BW_ARENA_INIT;
    const char **jobs = BW_ARENA_ARRAY(&arena, const char *, BW_COUNT(names) * 5 * 3 * 7);
    const char **tables = BW_ARENA_ARRAY(&arena, const char *, BW_COUNT(names) * 5 * 3);
    size_t n = 0, t = 0;
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        for (size_t b = 0; b < BW_COUNT(batches); b++) {
            for (int attempt = 1; attempt <= 12; attempt += 5) {
                tables[t++] =
                    bw_batch_staging_name(&arena, "0a1b2c3d", names[i], batches[b], attempt);
                for (size_t s = 0; s < BW_COUNT(steps); s++)
                    jobs[n++] = bw_batch_job_id(&arena, "0a1b2c3d", names[i], batches[b], attempt,
                                                steps[s]);
            }
        }
    }
    assert_all_different(jobs, n);
    assert_all_different(tables, t);
    bw_arena_fini(&arena);
}

static void very_long_names_stay_apart(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    const char *ids[200];
    for (size_t i = 0; i < BW_COUNT(ids); i++) {
        char name[2001];
        memset(name, i % 2 ? 'x' : '_', sizeof name - 1);
        name[sizeof name - 1 - i * 9] = '\0'; /* some short enough to stand for themselves */
        ids[i] = bw_batch_job_id(&arena, "0a1b2c3d", name, 1, 1, "load");
    }
    assert_all_different(ids, BW_COUNT(ids));
    bw_arena_fini(&arena);
}

/* Label values: lower-case letters, digits, _ and -, at most 63. */
static void labels_are_what_the_service_takes(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        size_t n;
        const bw_job_label *labels =
            bw_batch_labels(&arena, "0a1b2c3d", names[i], INT64_MAX, 7, "merge0", &n);
        assert_int_equal(n, 5);
        for (size_t k = 0; k < n; k++) {
            assert_true(strlen(labels[k].value) <= 63);
            for (const char *p = labels[k].value; *p; p++)
                assert_true(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_' ||
                            *p == '-');
        }
    }
    bw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_facts_give_different_ids),
        cmocka_unit_test(very_long_names_stay_apart),
        cmocka_unit_test(labels_are_what_the_service_takes),
    };
    return BW_RUN_TESTS(tests);
}
