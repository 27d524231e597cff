/* Covers target.c and staging.c against the sandbox. */
#include "tests/integration/destination/lab.h"

static const char *const by_name[] = {"name", "total", "tags"};

static bw_target_spec rich_spec(void)
{
    return (bw_target_spec){.description = "Orders",
                            .location = "EU",
                            .partition_field = "updated_at",
                            .partition_by = "day",
                            .cluster = by_name,
                            .n_cluster = 3,
                            .current = true,
                            .nulls = true,
                            .raw = true};
}

static const char *text_at(const json_t *j, const char *a, const char *b)
{
    const json_t *v = json_object_get(j, a);
    const char *s = json_string_value(b ? json_object_get(v, b) : v);
    return s ? s : "";
}

static const json_t *field(const json_t *table, const char *name)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(json_object_get(table, "schema"), "fields"), i,
                       f) if (strcmp(text_at(f, "name", NULL), name) == 0) return f;
    return NULL;
}

static void test_everything_is_made(void **state)
{
    lab *l = *state;
    lab_prepare(l, rich_spec());
    assert_true(l->target.created);
    assert_true(l->target.partitioned);
    assert_false(l->target.incompatible);
    assert_int_equal(l->target.n_drift, 0);
    assert_int_equal(l->target.n_columns, LAB_FIELDS);
    assert_string_equal(l->target.location, "EU");

    json_t *t = lab_table(l, "orders");
    assert_string_equal(text_at(t, "description", NULL), "Orders");
    assert_string_equal(text_at(t, "labels", "bw_owner"), "0a1b2c3d");
    assert_string_equal(text_at(t, "timePartitioning", "type"), "DAY");
    assert_string_equal(text_at(t, "timePartitioning", "field"), "updated_at");
    char *clustering = json_dumps(json_object_get(t, "clustering"), JSON_COMPACT);
    assert_string_equal(clustering, "{\"fields\":[\"name\",\"total\"]}");
    free(clustering);
    assert_string_equal(text_at(field(t, "id"), "mode", NULL), "REQUIRED");
    assert_string_equal(text_at(field(t, "name"), "description", NULL), "who \"ordered\"");
    assert_string_equal(text_at(field(t, "total"), "precision", NULL), "10");
    assert_string_equal(text_at(field(t, "tags"), "mode", NULL), "REPEATED");
    assert_non_null(field(t, "_bw_hash"));
    assert_non_null(field(t, "_bw_nulls"));
    assert_null(field(t, "_bw_payload"));
    json_decref(t);

    t = lab_table(l, "orders_raw");
    assert_non_null(field(t, "_bw_payload"));
    assert_string_equal(text_at(t, "timePartitioning", "field"), "_bw_event_time");
    json_decref(t);
}

static void test_the_second_time_changes_nothing(void **state)
{
    lab *l = *state;
    lab_prepare(l, rich_spec());
    json_t *before = lab_table(l, "orders");
    lab_prepare(l, rich_spec());
    json_t *after = lab_table(l, "orders");
    assert_false(l->target.created);
    assert_int_equal(l->target.n_drift, 0);
    assert_int_equal(l->target.rows, 0);
    assert_string_equal(text_at(before, "etag", NULL), text_at(after, "etag", NULL));
    json_decref(before);
    json_decref(after);
}

static bw_status prepare_as(lab *l, const char *owner, bool take_over)
{
    bw_target_spec spec = {
        .dataset = "d", .table = "orders", .owner = owner, .take_over = take_over};
    bw_target target;
    return bw_destination_prepare(l->d, &spec, &lab_schema, &l->arena, &target, &l->err);
}

static void test_another_owner_is_refused(void **state)
{
    lab *l = *state;
    lab_prepare(l, (bw_target_spec){.current = true});
    assert_int_equal(prepare_as(l, "ffffffff", false), BW_CONFLICT);
    assert_non_null(strstr(l->err.message, "0a1b2c3d"));
    assert_true(l->err.hint[0]);
    assert_int_equal(prepare_as(l, "ffffffff", true), BW_OK);
    assert_int_equal(prepare_as(l, "0a1b2c3d", false), BW_CONFLICT);
}

/* A table that someone else made: other columns, no owner, a column too strict and one too many. */
static void make_table(lab *l)
{
    lab_prepare(l, (bw_target_spec){.table = "other"}); /* for the dataset */
    assert_int_equal(
        bw_test_http_json(l->http, "POST", "/bigquery/v2/projects/p/datasets/d/tables",
                          "{\"tableReference\":{\"projectId\":\"p\",\"datasetId\":\"d\","
                          "\"tableId\":\"orders\"},\"labels\":{\"team\":\"shop\"},\"schema\":"
                          "{\"fields\":["
                          "{\"name\":\"ID\",\"type\":\"INTEGER\",\"mode\":\"REQUIRED\"},"
                          "{\"name\":\"name\",\"type\":\"STRING\",\"mode\":\"REQUIRED\"},"
                          "{\"name\":\"updated_at\",\"type\":\"TIMESTAMP\"},"
                          "{\"name\":\"mine\",\"type\":\"DATE\",\"mode\":\"REQUIRED\"}]}}"),
        200);
}

static void test_drift_is_applied_and_told(void **state)
{
    lab *l = *state;
    make_table(l);
    lab_prepare(l, (bw_target_spec){.current = true});
    static const struct {
        bw_drift_kind kind;
        const char *column;
    } expected[] = {{BW_DRIFT_RELAXED, "name"},
                    {BW_DRIFT_ADDED, "total"},
                    {BW_DRIFT_ADDED, "tags"},
                    {BW_DRIFT_DROPPED, "mine"}};
    assert_int_equal(l->target.n_drift, BW_COUNT(expected));
    for (size_t i = 0; i < BW_COUNT(expected); i++) {
        assert_int_equal(l->target.drift[i].kind, expected[i].kind);
        assert_string_equal(l->target.drift[i].column, expected[i].column);
    }
    assert_int_equal(l->target.n_columns, LAB_FIELDS);

    json_t *t = lab_table(l, "orders");
    assert_string_equal(text_at(t, "labels", "bw_owner"), "0a1b2c3d");
    assert_string_equal(text_at(t, "labels", "team"), "shop");
    assert_string_equal(text_at(field(t, "name"), "mode", NULL), "NULLABLE");
    assert_string_equal(text_at(field(t, "mine"), "mode", NULL), "NULLABLE");
    assert_non_null(field(t, "total"));
    assert_non_null(field(t, "_bw_version"));
    json_decref(t);

    lab_prepare(l, (bw_target_spec){.current = true});
    assert_int_equal(l->target.n_drift, 1); /* what is dropped stays to be seen */
}

static void test_nothing_is_added_unasked(void **state)
{
    lab *l = *state;
    make_table(l);
    lab_prepare(l, (bw_target_spec){.add_columns = BW_ADD_NOTHING});
    assert_int_equal(l->target.n_columns, 3);
    json_t *t = lab_table(l, "orders");
    assert_null(field(t, "total"));
    json_decref(t);
}

static void test_an_incompatible_column_changes_nothing(void **state)
{
    lab *l = *state;
    lab_prepare(l, (bw_target_spec){.current = true});
    bw_field fields[LAB_FIELDS];
    memcpy(fields, lab_fields, sizeof fields);
    fields[LAB_TOTAL].type = BW_TYPE_STRING;
    fields[LAB_TOTAL].precision = 0;
    fields[LAB_UPDATED].required = false; /* would be relaxed */
    bw_schema schema = {fields, LAB_FIELDS};
    bw_target target;
    assert_ok(bw_destination_prepare(l->d, &l->spec, &schema, &l->arena, &target, &l->err), l->err);
    assert_true(target.incompatible);
    json_t *t = lab_table(l, "orders");
    assert_string_equal(text_at(field(t, "updated_at"), "mode", NULL), "REQUIRED");
    json_decref(t);
}

static void test_answers_that_are_lost(void **state)
{
    lab *l = *state;
    lab_fault(l, "bigquery.datasets.insert:cut-after:1:1");
    lab_fault(l, "bigquery.tables.insert:cut-after:1:1");
    lab_prepare(l, (bw_target_spec){.current = true});
    assert_int_equal(lab_fault_hits(l), 2);
    lab_fault(l, "bigquery.tables.patch:cut-after:1:1");
    lab_fault(l, "bigquery.tables.get:503:1:1");
    assert_int_equal(prepare_as(l, "ffffffff", true), BW_OK);
    assert_int_equal(lab_fault_hits(l), 4);
}

static void test_bad_settings_are_named(void **state)
{
    lab *l = *state;
    static const struct {
        const char *field, *by, *says;
    } cases[] = {{"nosuch", "day", "nosuch"}, {"total", "day", "NUMERIC"}, {"id", "week", "week"}};
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_target_spec spec = {.dataset = "d",
                               .table = "orders",
                               .owner = "0a1b2c3d",
                               .location = "EU",
                               .partition_field = cases[i].field,
                               .partition_by = cases[i].by};
        bw_target target;
        assert_int_equal(
            bw_destination_prepare(l->d, &spec, &lab_schema, &l->arena, &target, &l->err),
            BW_INVALID);
        assert_non_null(strstr(l->err.message, cases[i].says));
    }
    lab_prepare(l, (bw_target_spec){.location = "EU"});
    bw_target_spec spec = l->spec;
    spec.location = "US";
    bw_target target;
    assert_int_equal(bw_destination_prepare(l->d, &spec, &lab_schema, &l->arena, &target, &l->err),
                     BW_INVALID);
}

static void test_staging_is_made_like_the_target(void **state)
{
    lab *l = *state;
    lab_prepare(l, rich_spec());
    for (int again = 0; again < 2; again++)
        assert_ok(bw_destination_create_staging(l->d, &l->spec, &l->target, &lab_schema, "stage",
                                                &l->err),
                  l->err);
    json_t *t = lab_table(l, "stage");
    assert_string_equal(text_at(t, "timePartitioning", "field"), "updated_at");
    assert_true(text_at(t, "expirationTime", NULL)[0]);
    assert_string_equal(text_at(field(t, "updated_at"), "mode", NULL), "REQUIRED");
    assert_non_null(field(t, "_bw_payload"));
    json_decref(t);
    for (int again = 0; again < 2; again++)
        assert_ok(bw_destination_drop_staging(l->d, &l->target, "stage", &l->err), l->err);
    assert_int_equal(bw_test_http_get(l->http, "/bigquery/v2/projects/p/datasets/d/tables/stage"),
                     404);
    assert_int_equal(bw_destination_drop_staging(l->d, &l->target, "orders", &l->err), BW_INTERNAL);

    l->spec.tombstones = true;
    assert_ok(
        bw_destination_create_staging(l->d, &l->spec, &l->target, &lab_schema, "stage", &l->err),
        l->err);
    t = lab_table(l, "stage");
    assert_string_equal(text_at(field(t, "updated_at"), "mode", NULL), "NULLABLE");
    assert_string_equal(text_at(field(t, "id"), "mode", NULL), "REQUIRED");
    json_decref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(test_everything_is_made),
        LAB_TEST(test_the_second_time_changes_nothing),
        LAB_TEST(test_another_owner_is_refused),
        LAB_TEST(test_drift_is_applied_and_told),
        LAB_TEST(test_nothing_is_added_unasked),
        LAB_TEST(test_an_incompatible_column_changes_nothing),
        LAB_TEST(test_answers_that_are_lost),
        LAB_TEST(test_bad_settings_are_named),
        LAB_TEST(test_staging_is_made_like_the_target),
    };
    return BW_RUN_TESTS(tests);
}
