/* Kinds of Datastore in BigQuery: every kind of value, what changed, what does not fit, and a backfill
   that was interrupted. */
#include "tests/integration/engine/lab.h"

/* Entities live in a namespace of the test's name; `settings` of the source begin with a comma. */
static void begin(lab *l, const char *settings, const char *syncs)
{
    l->sources = bw_arena_printf(&l->arena, "  shop: {type: datastore, namespace: %s%s}\n", l->name,
                                 settings);
    lab_configure(l, NULL, syncs);
    lab_start(l);
}

static void commit(lab *l, const char *mutations)
{
    int status =
        bw_test_http_json(l->http, "POST", "/v1/projects/p:commit",
                          "{\"mode\":\"NON_TRANSACTIONAL\",\"mutations\":[%s]}", mutations);
    if (status != 200)
        fail_msg("%d %s", status, bw_test_http_body(l->http));
}

static void add_put(bw_buf *out, const lab *l, const char *kind, const char *name,
                    const char *properties)
{
    bw_buf_addf(out,
                "%s{\"upsert\":{\"key\":{\"partitionId\":{\"namespaceId\":\"%s\"},\"path\":[{"
                "\"kind\":\"%s\",\"name\":\"%s\"}]},\"properties\":{%s}}}",
                out->len ? "," : "", l->name, kind, name, properties);
}

static void put(lab *l, const char *kind, const char *name, const char *properties)
{
    bw_buf mutations = BW_BUF_INIT;
    add_put(&mutations, l, kind, name, properties);
    commit(l, bw_buf_cstr(&mutations));
    bw_buf_fini(&mutations);
}

/* "updated_at":{...}, so many seconds from now. */
static const char *updated(lab *l, int64_t seconds)
{
    char text[BW_TIME_TEXT];
    bw_format_time(bw_wall_us(bw_clock_system()) + seconds * BW_SECOND, text);
    return bw_arena_printf(&l->arena, "\"updated_at\":{\"timestampValue\":\"%s\"}", text);
}

/* Items from..to, named by three digits, with their number and an old time. */
static void put_items(lab *l, int from, int to)
{
    bw_buf mutations = BW_BUF_INIT;
    for (int i = from; i <= to; i++) {
        char name[16];
        snprintf(name, sizeof name, "%03d", i);
        add_put(
            &mutations, l, "Item", name,
            bw_arena_printf(&l->arena, "\"n\":{\"integerValue\":\"%d\"},%s", i, updated(l, -3600)));
    }
    commit(l, bw_buf_cstr(&mutations));
    bw_buf_fini(&mutations);
}

static void every_kind_of_value_compares_equal(void **state)
{
    lab *l = *state;
    put(l, "All", "x",
        "\"b\":{\"booleanValue\":true},\"i\":{\"integerValue\":\"9007199254740993\"},"
        "\"d\":{\"doubleValue\":0.1},\"inf\":{\"doubleValue\":\"-Infinity\"},"
        "\"s\":{\"stringValue\":\"a\\u0001\\n|é\"},"
        "\"t\":{\"timestampValue\":\"2026-11-20T08:37:00.123456Z\"},"
        "\"blob\":{\"blobValue\":\"AP8=\",\"excludeFromIndexes\":true},\"z\":{\"nullValue\":null},"
        "\"geo\":{\"geoPointValue\":{\"latitude\":1.5,\"longitude\":-2}},"
        "\"ref\":{\"keyValue\":{\"path\":[{\"kind\":\"P\",\"id\":\"7\"}]}},"
        "\"arr\":{\"arrayValue\":{\"values\":[{\"integerValue\":\"1\"},{\"integerValue\":\"2\"}]}},"
        "\"mixed\":{\"arrayValue\":{\"values\":[{\"integerValue\":\"1\"},{\"nullValue\":null}]}},"
        "\"obj\":{\"entityValue\":{\"properties\":{\"z\":{\"doubleValue\":1},"
        "\"a\":{\"integerValue\":\"-9223372036854775808\"}}}}");
    put(l, "All", "y", "\"i\":{\"integerValue\":\"1\"}");
    begin(l, "", "  - {source: shop, table: All, schedule: manual}");
    assert_runs(l, "shop.All");
    assert_table(
        l, "__key__, b, i, d, inf, t, TO_BASE64(blob), ARRAY_LENGTH(arr), TO_HEX(CAST(s AS BYTES))",
        "All",
        "All/x|true|9007199254740993|0.1|-Infinity|1795163820123456|AP8=|2|"
        "61010a7cc3a9\n"
        "All/y|NULL|1|NULL|NULL|NULL|NULL|0|NULL\n");
    /* A null that is there is not a property that is not. */
    assert_table(
        l,
        "__key__, TO_JSON_STRING(geo), TO_JSON_STRING(ref), TO_JSON_STRING(mixed),"
        " TO_JSON_STRING(obj), z IS NULL, JSON_VALUE(__key_json__, '$.path[0].name')",
        "All",
        "All/x|{\"latitude\":1.5,\"longitude\":-2.0}|{\"path\":[{\"id\":\"7\",\"kind\":\"P\"}]}|"
        "[1,null]|{\"a\":-9223372036854775808,\"z\":1.0}|false|x\n"
        "All/y|null|null|null|null|true|y\n");
    assert_int_equal(lab_letters(l, "shop.All", true, &(bw_dead_letter *){NULL}), 0);
}

static void upserts_what_changed(void **state)
{
    lab *l = *state;
    put_items(l, 1, 3);
    begin(l, "", "  - {source: shop, table: Item, schedule: manual}");
    assert_runs(l, "shop.Item");
    assert_table(l, "__key__, n", "Item", "Item/\"001\"|1\nItem/\"002\"|2\nItem/\"003\"|3\n");
    put(l, "Item", "002",
        bw_arena_printf(&l->arena, "\"n\":{\"integerValue\":\"20\"},%s", updated(l, 0)));
    put(l, "Item", "004",
        bw_arena_printf(&l->arena,
                        "\"n\":{\"integerValue\":\"4\"},\"more\":{\"stringValue\":\"x\"},%s",
                        updated(l, 0)));
    assert_runs(l, "shop.Item");
    assert_table(l, "__key__, n", "Item",
                 "Item/\"001\"|1\nItem/\"002\"|20\nItem/\"003\"|3\nItem/\"004\"|4\n");
    assert_string_equal(lab_record(l, "shop.Item").mode, "upsert");
    assert_int_equal(lab_record(l, "shop.Item").null_cursors, 0);
}

static void what_does_not_fit_is_a_dead_letter_until_it_does(void **state)
{
    lab *l = *state;
    bw_dead_letter *letters;
    put_items(l, 1, 3);
    /* Beyond the sample, so the column is INT64 without it. */
    put(l, "Item", "100",
        bw_arena_printf(&l->arena, "\"n\":{\"stringValue\":\"many\"},%s", updated(l, -3600)));
    begin(l, ", sample: 3", "  - {source: shop, table: Item, schedule: manual}");
    assert_runs(l, "shop.Item");
    assert_table(l, "COUNT(*)", "Item", "3\n");
    assert_int_equal(lab_letters(l, "shop.Item", false, &letters), 1);
    assert_string_equal(letters[0].key, "{\"__key__\":\"Item/\\\"100\\\"\"}");
    assert_string_equal(letters[0].column, "n");
    assert_int_equal(letters[0].reason, BW_REASON_BAD_VALUE);
    put(l, "Item", "100",
        bw_arena_printf(&l->arena, "\"n\":{\"integerValue\":\"100\"},%s", updated(l, 0)));
    assert_runs(l, "shop.Item");
    assert_table(l, "COUNT(*), MAX(n)", "Item", "4|100\n");
    assert_int_equal(lab_letters(l, "shop.Item", false, &letters), 0);
}

static void a_backfill_that_was_interrupted_goes_on(void **state)
{
    lab *l = *state;
    put_items(l, 1, 40);
    begin(l, ", sample: 5", "  - {source: shop, table: Item, schedule: manual, batch: {rows: 10}}");
    /* The sample and the first two slices pass. */
    lab_fault(l, "datastore.projects.runQuery:403:1:1:4");
    assert_false(lab_run(l, "shop.Item"));
    bw_sync_record r = lab_record(l, "shop.Item");
    assert_non_null(strstr(r.checkpoint, "\"backfill\""));
    assert_true(r.watermark_us == BW_TIME_NONE || r.watermark_us == 0);
    put(l, "Item", "000",
        bw_arena_printf(&l->arena, "\"n\":{\"integerValue\":\"0\"},%s", updated(l, 0)));
    assert_runs(l, "shop.Item");
    assert_table(l, "COUNT(*), COUNT(DISTINCT n), MIN(n), MAX(n)", "Item", "41|41|0|40\n");
    assert_null(strstr(lab_record(l, "shop.Item").checkpoint, "\"backfill\""));
}

/* The one sampled entity loses a property: its column, and what others have in it, stay. */
static void columns_do_not_come_and_go(void **state)
{
    lab *l = *state;
    put_items(l, 1, 3);
    begin(l, ", sample: 1", "  - {source: shop, table: Item, schedule: manual}");
    assert_runs(l, "shop.Item");
    put(l, "Item", "001", updated(l, 0));
    put(l, "Item", "002",
        bw_arena_printf(&l->arena, "\"n\":{\"integerValue\":\"20\"},%s", updated(l, 0)));
    assert_runs(l, "shop.Item");
    assert_table(l, "__key__, n, __extra__ IS NULL", "Item",
                 "Item/\"001\"|NULL|true\nItem/\"002\"|20|true\nItem/\"003\"|3|true\n");
}

static void replaces_a_kind_without_a_cursor(void **state)
{
    lab *l = *state;
    put(l, "City", "a", "\"n\":{\"integerValue\":\"1\"}");
    put(l, "City", "b", "\"n\":{\"integerValue\":\"2\"}");
    begin(l, "", "  - {source: shop, table: City, schedule: manual}");
    assert_runs(l, "shop.City");
    assert_table(l, "__key__, n", "City", "City/a|1\nCity/b|2\n");
    char *gone = bw_xasprintf("{\"delete\":{\"partitionId\":{\"namespaceId\":\"%s\"},\"path\":[{"
                              "\"kind\":\"City\",\"name\":\"a\"}]}}",
                              l->name);
    commit(l, gone);
    free(gone);
    assert_runs(l, "shop.City");
    assert_table(l, "__key__, n", "City", "City/b|2\n");
    assert_string_equal(lab_record(l, "shop.City").mode, "replace");
}

static void resyncs_by_key(void **state)
{
    lab *l = *state;
    put_items(l, 1, 3);
    begin(l, "", "  - {source: shop, table: Item, schedule: manual}");
    assert_runs(l, "shop.Item");
    /* Changed without telling the time. */
    put(l, "Item", "002",
        bw_arena_printf(&l->arena, "\"n\":{\"integerValue\":\"22\"},%s", updated(l, -3000)));
    const char *sync = "shop.Item", *key = "{\"__key__\":\"Item/\\\"002\\\"\"}";
    assert_true(lab_do(
        l, (bw_command){
               .kind = BW_COMMAND_KEYS, .syncs = &sync, .n_syncs = 1, .keys = &key, .n_keys = 1}));
    assert_table(l, "n", "Item", "1\n3\n22\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(every_kind_of_value_compares_equal),
        LAB_TEST(upserts_what_changed),
        LAB_TEST(what_does_not_fit_is_a_dead_letter_until_it_does),
        LAB_TEST(a_backfill_that_was_interrupted_goes_on),
        LAB_TEST(columns_do_not_come_and_go),
        LAB_TEST(replaces_a_kind_without_a_cursor),
        LAB_TEST(resyncs_by_key),
    };
    LAB_MAIN(tests);
}
