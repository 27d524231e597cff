/* Covers sql.c: the texts of the final jobs, whole. */
#include "tests/support/test.h"

#include "backend/core/clock.h"
#include "backend/destination/sql.h"

static const bw_field fields[] = {
    {.name = "id", .type = BW_TYPE_INT64, .required = true, .key_part = true},
    {.name = "region", .type = BW_TYPE_STRING, .required = true, .key_part = true},
    {.name = "day", .type = BW_TYPE_DATE},
    {.name = "not_at_the_target", .type = BW_TYPE_STRING},
};
static const bw_schema schema = {fields, BW_COUNT(fields)};
static const size_t columns[] = {0, 1, 2};
static const bw_target target = {
    .project = "p-1", .dataset = "d", .table = "orders", .columns = columns, .n_columns = 3};
static const size_t key[] = {0, 1};

static void expect(const bw_target_spec *spec, const bw_final_request *request,
                   const char *expected)
{
    bw_arena arena = BW_ARENA_INIT;
    const char *text = bw_final_text(spec, &target, &schema, request, &arena);
    assert_string_equal(text, expected);
    assert_string_equal(bw_final_text(spec, &target, &schema, request, &arena), text);
    bw_arena_fini(&arena);
}

static bw_final_request request(bw_final_kind kind, size_t n_key)
{
    return (bw_final_request){.kind = kind,
                              .staging = "stage",
                              .key = key,
                              .n_key = n_key,
                              .event_time_min_us = BW_TIME_NONE,
                              .event_time_max_us = BW_TIME_NONE};
}

#define NEWER                                                           \
    "(T.`_bw_version` IS NULL OR S.`_bw_version` > T.`_bw_version` OR " \
    "(S.`_bw_version` = T.`_bw_version` AND "                           \
    "(S.`_bw_hash` != T.`_bw_hash` OR S.`_bw_deleted` != T.`_bw_deleted`)))"
#define MERGE_HEAD                \
    "MERGE `p-1.d.orders` AS T\n" \
    "USING `p-1.d.stage` AS S\n"  \
    "ON T.`id` = S.`id`\n"        \
    "  AND T.`region` = S.`region`"
#define MERGE_UPDATE                             \
    "\nWHEN MATCHED AND " NEWER " THEN\n"        \
    "  UPDATE SET\n"                             \
    "    `id` = S.`id`,\n"                       \
    "    `region` = S.`region`,\n"               \
    "    `day` = S.`day`,\n"                     \
    "    `_bw_version` = S.`_bw_version`,\n"     \
    "    `_bw_hash` = S.`_bw_hash`,\n"           \
    "    `_bw_synced_at` = S.`_bw_synced_at`,\n" \
    "    `_bw_deleted` = S.`_bw_deleted`"
#define MERGE_INSERT                                                                \
    "\nWHEN NOT MATCHED THEN\n"                                                     \
    "  INSERT (`id`, `region`, `day`, `_bw_version`, `_bw_hash`, `_bw_synced_at`, " \
    "`_bw_deleted`)\n"                                                              \
    "  VALUES (S.`id`, S.`region`, S.`day`, S.`_bw_version`, S.`_bw_hash`, "        \
    "S.`_bw_synced_at`, S.`_bw_deleted`)"

static void test_merge(void **state)
{
    (void)state;
    bw_target_spec spec = {.current = true};
    bw_final_request r = request(BW_FINAL_MERGE, 2);
    expect(&spec, &r, MERGE_HEAD MERGE_UPDATE MERGE_INSERT);

    /* Bounds on a column that is not part of the key would double rows that moved. */
    spec.partition_field = "day";
    r.bounds_of = "day";
    r.event_time_min_us = INT64_C(1700000000000000);
    r.event_time_max_us = INT64_C(1700100000000000);
    expect(&spec, &r, MERGE_HEAD MERGE_UPDATE MERGE_INSERT);
}

static void test_merge_bounds_a_partition_in_the_key(void **state)
{
    (void)state;
    static const size_t with_day[] = {0, 2};
    bw_target_spec spec = {.current = true, .partition_field = "day"};
    bw_final_request r = request(BW_FINAL_MERGE, 2);
    r.key = with_day;
    r.bounds_of = "day";
    r.event_time_min_us = INT64_C(1700000000000000);
    r.event_time_max_us = INT64_C(1700100000000000);
    expect(
        &spec, &r,
        "MERGE `p-1.d.orders` AS T\n"
        "USING `p-1.d.stage` AS S\n"
        "ON T.`id` = S.`id`\n"
        "  AND T.`day` = S.`day`\n"
        "  AND T.`day` BETWEEN DATE '2023-11-14' AND DATE '2023-11-16'" MERGE_UPDATE MERGE_INSERT);
}

static void test_merge_keeps_the_content_of_what_a_bare_delete_deletes(void **state)
{
    (void)state;
    bw_target_spec spec = {.current = true, .tombstones = true};
    bw_final_request r = request(BW_FINAL_MERGE, 2);
    expect(&spec, &r,
           MERGE_HEAD "\nWHEN MATCHED AND S.`_bw_deleted` AND " NEWER " THEN\n"
                      "  UPDATE SET\n"
                      "    `_bw_version` = S.`_bw_version`,\n"
                      "    `_bw_hash` = S.`_bw_hash`,\n"
                      "    `_bw_synced_at` = S.`_bw_synced_at`,\n"
                      "    `_bw_deleted` = S.`_bw_deleted`" MERGE_UPDATE MERGE_INSERT);
}

static void test_insert_numbers_identical_rows(void **state)
{
    (void)state;
    bw_target_spec spec = {.event_id = true, .nulls = true};
    bw_final_request r = request(BW_FINAL_INSERT, 0);
    expect(&spec, &r,
           "INSERT INTO `p-1.d.orders` (`id`, `region`, `day`, `_bw_event_id`, `_bw_nulls`)\n"
           "SELECT S.`id`, S.`region`, S.`day`, S.`_bw_id`, S.`_bw_nulls`\n"
           "FROM (\n"
           "  SELECT N.*, IF(N.`_bw_nth` = 1, N.`_bw_event_id`, CONCAT(N.`_bw_event_id`, '-', "
           "CAST(N.`_bw_nth` AS STRING))) AS `_bw_id`\n"
           "  FROM (\n"
           "    SELECT R.*, ROW_NUMBER() OVER (PARTITION BY R.`_bw_event_id`) AS `_bw_nth`\n"
           "    FROM `p-1.d.stage` AS R\n"
           "  ) AS N\n"
           ") AS S\n"
           "WHERE NOT EXISTS (\n"
           "  SELECT 1 FROM `p-1.d.orders` AS T\n"
           "  WHERE T.`_bw_event_id` = S.`_bw_id`\n"
           ")");
}

static void test_insert_with_a_key_and_bounds(void **state)
{
    (void)state;
    bw_target_spec spec = {.event_id = true, .partition_field = "day"};
    bw_final_request r = request(BW_FINAL_INSERT, 2);
    r.event_time_min_us = INT64_C(1700000000000000);
    r.event_time_max_us = INT64_C(1700000000000000);
    r.bounds_of = "day";
    expect(&spec, &r,
           "INSERT INTO `p-1.d.orders` (`id`, `region`, `day`, `_bw_event_id`)\n"
           "SELECT S.`id`, S.`region`, S.`day`, S.`_bw_id`\n"
           "FROM (\n"
           "  SELECT N.*, N.`_bw_event_id` AS `_bw_id`\n"
           "  FROM (\n"
           "    SELECT R.*, ROW_NUMBER() OVER (PARTITION BY R.`_bw_event_id`) AS `_bw_nth`\n"
           "    FROM `p-1.d.stage` AS R\n"
           "  ) AS N\n"
           "  WHERE N.`_bw_nth` = 1\n"
           ") AS S\n"
           "WHERE NOT EXISTS (\n"
           "  SELECT 1 FROM `p-1.d.orders` AS T\n"
           "  WHERE T.`_bw_event_id` = S.`_bw_id`\n"
           "    AND (T.`day` BETWEEN DATE '2023-11-14' AND DATE '2023-11-14' OR T.`day` IS NULL)\n"
           ")");
}

static void test_bounds_of_another_column_are_not_used(void **state)
{
    (void)state;
    bw_arena arena = BW_ARENA_INIT;
    bw_target_spec spec = {.event_id = true, .partition_field = "day"};
    bw_final_request r = request(BW_FINAL_INSERT, 2);
    r.event_time_min_us = r.event_time_max_us = INT64_C(1700000000000000);
    r.bounds_of = "region";
    assert_null(strstr(bw_final_text(&spec, &target, &schema, &r, &arena), "BETWEEN"));
    r.bounds_of = NULL;
    assert_null(strstr(bw_final_text(&spec, &target, &schema, &r, &arena), "BETWEEN"));
    bw_arena_fini(&arena);
}

static void test_raw_insert(void **state)
{
    (void)state;
    bw_target_spec spec = {.current = true, .raw = true};
    bw_final_request r = request(BW_FINAL_RAW_INSERT, 2);
    r.event_time_min_us = INT64_C(1700000000250000);
    r.event_time_max_us = INT64_C(1700000001000000);
    expect(&spec, &r,
           "INSERT INTO `p-1.d.orders_raw` (`_bw_event_id`, `_bw_op`, `_bw_key`, `_bw_version`, "
           "`_bw_event_time`, `_bw_ingested_at`, `_bw_batch`, `_bw_score`, `_bw_payload`)\n"
           "SELECT S.`_bw_id`, S.`_bw_op`, S.`_bw_key`, S.`_bw_version`, S.`_bw_event_time`, "
           "S.`_bw_ingested_at`, S.`_bw_batch`, S.`_bw_score`, S.`_bw_payload`\n"
           "FROM (\n"
           "  SELECT N.*, N.`_bw_event_id` AS `_bw_id`\n"
           "  FROM (\n"
           "    SELECT R.*, ROW_NUMBER() OVER (PARTITION BY R.`_bw_event_id`) AS `_bw_nth`\n"
           "    FROM `p-1.d.stage` AS R\n"
           "  ) AS N\n"
           "  WHERE N.`_bw_nth` = 1\n"
           ") AS S\n"
           "WHERE NOT EXISTS (\n"
           "  SELECT 1 FROM `p-1.d.orders_raw` AS T\n"
           "  WHERE T.`_bw_event_id` = S.`_bw_id`\n"
           "    AND (T.`_bw_event_time` BETWEEN TIMESTAMP '2023-11-14T22:13:20.25Z' AND TIMESTAMP "
           "'2023-11-14T22:13:21Z' OR T.`_bw_event_time` IS NULL)\n"
           ")");
}

static void test_replacement(void **state)
{
    (void)state;
    bw_target_spec spec = {.current = true};
    bw_final_request r = request(BW_FINAL_COPY, 2);
    expect(&spec, &r, "copy stage");
    spec.raw = true; /* staging holds the raw columns too */
    expect(&spec, &r,
           "MERGE `p-1.d.orders` AS T\n"
           "USING `p-1.d.stage` AS S\n"
           "ON FALSE\n"
           "WHEN NOT MATCHED BY SOURCE THEN\n"
           "  DELETE\n"
           "WHEN NOT MATCHED BY TARGET THEN\n"
           "  INSERT (`id`, `region`, `day`, `_bw_version`, `_bw_hash`, `_bw_synced_at`, "
           "`_bw_deleted`)\n"
           "  VALUES (S.`id`, S.`region`, S.`day`, S.`_bw_version`, S.`_bw_hash`, "
           "S.`_bw_synced_at`, S.`_bw_deleted`)");
}

static void test_names_are_quoted(void **state)
{
    (void)state;
    bw_buf b = BW_BUF_INIT;
    bw_sql_add_name(&b, "a`b\\c; DROP");
    assert_string_equal(bw_buf_cstr(&b), "`a\\`b\\\\c; DROP`");
    bw_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_bounds_a_partition_in_the_key),
        cmocka_unit_test(test_merge_keeps_the_content_of_what_a_bare_delete_deletes),
        cmocka_unit_test(test_insert_numbers_identical_rows),
        cmocka_unit_test(test_insert_with_a_key_and_bounds),
        cmocka_unit_test(test_bounds_of_another_column_are_not_used),
        cmocka_unit_test(test_raw_insert),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_names_are_quoted),
    };
    return BW_RUN_TESTS(tests);
}
