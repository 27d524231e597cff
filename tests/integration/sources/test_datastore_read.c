/* The Datastore driver against the sandbox: columns, values, windows, backfills, namespaces. */
#include "tests/integration/sources/reading.h"

#include <inttypes.h>

#include "backend/core/units.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

typedef struct fixture {
    bw_test_http *http;
    bw_google *google;
    char project[32]; /* of this test alone */
    opened *o;
    bw_error err;
} fixture;

static bw_test_sandbox *sandbox;
static int tests_so_far;

static int group_setup(void **state)
{
    (void)state;
    sandbox = bw_test_sandbox_start(false, NULL);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    bw_test_sandbox_free(sandbox);
    return 0;
}

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    snprintf(f->project, sizeof f->project, "project-%d", ++tests_so_far);
    f->http = bw_test_http_new(bw_test_sandbox_url(sandbox));
    bw_google_options options = {.project = f->project,
                                 .credentials = "none",
                                 .datastore = bw_test_sandbox_url(sandbox),
                                 .clock = bw_clock_system()};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    if (f->o)
        close_source(f->o);
    bw_google_free(f->google);
    bw_test_http_free(f->http);
    free(f);
    return 0;
}

static opened *open_with(fixture *f, const char *settings)
{
    if (f->o)
        close_source(f->o);
    assert_ok(try_open_kind(&f->o, "datastore", f->google, settings, "test", &f->err), f->err);
    return f->o;
}

/* ---- writing ---- */

static void commit(fixture *f, const char *mutations)
{
    char path[80];
    snprintf(path, sizeof path, "/v1/projects/%s:commit", f->project);
    int status = bw_test_http_json(
        f->http, "POST", path, "{\"mode\":\"NON_TRANSACTIONAL\",\"mutations\":[%s]}", mutations);
    if (status != 200)
        fail_msg("%d %s", status, bw_test_http_body(f->http));
}

/* `path` is that of the key, as JSON: {"kind":"K","name":"x"} */
static void put_in(fixture *f, const char *namespace, const char *path, const char *properties)
{
    char *mutation = bw_xasprintf("{\"upsert\":{\"key\":{\"partitionId\":{\"namespaceId\":\"%s\"},"
                                  "\"path\":[%s]},\"properties\":{%s}}}",
                                  namespace, path, properties);
    commit(f, mutation);
    free(mutation);
}

#define NAME(kind, name)            "{\"kind\":\"" kind "\",\"name\":\"" name "\"}"
#define PROPERTY(name, type, value) "\"" name "\":{\"" type "\":" value "}"

/* Entity K/id with a number and a time. */
static void put_item_at(fixture *f, int id, int n, int64_t us)
{
    char time[BW_TIME_TEXT], path[64], properties[256];
    snprintf(path, sizeof path, "{\"kind\":\"K\",\"id\":\"%d\"}", id);
    snprintf(properties, sizeof properties,
             PROPERTY("n", "integerValue", "\"%d\"") "," PROPERTY("updated_at", "timestampValue",
                                                                  "\"%s\""),
             n, bw_format_time(us, time));
    put_in(f, "", path, properties);
}

/* So many seconds from now. */
static void put_item(fixture *f, int id, int n, double seconds)
{
    put_item_at(f, id, n, bw_wall_us(bw_clock_system()) + (int64_t)(seconds * 1e6));
}

static void put_items(fixture *f, int from, int to, double seconds)
{
    for (int id = from; id <= to; id++)
        put_item(f, id, id, seconds);
}

static void delete_item(fixture *f, int id)
{
    char mutation[128];
    snprintf(mutation, sizeof mutation, "{\"delete\":{\"path\":[{\"kind\":\"K\",\"id\":\"%d\"}]}}",
             id);
    commit(f, mutation);
}

/* ---- looking ---- */

static const char *columns_of(fixture *f, const bw_table_info *info)
{
    bw_buf b = BW_BUF_INIT;
    for (size_t i = 0; i < info->schema.count; i++) {
        const bw_field *c = &info->schema.fields[i];
        bw_buf_addf(&b, "%s %s%s (%s)\n", c->name, bw_field_type_text(c, &f->o->arena),
                    c->required ? " NOT NULL" : "", c->source_type);
    }
    const char *text = bw_arena_strdup(&f->o->arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

/* The numbers of the items (column n), in ascending order. */
static const char *numbers(taken *t)
{
    /* Rows of K are key|n|updated_at|key json|extra. */
    bw_buf only = BW_BUF_INIT;
    char *copy = bw_xstrndup(t->rows.len ? t->rows.ptr : "", t->rows.len);
    for (char *p = copy; *p; p = strchr(p, '\n') + 1) {
        char *n = strchr(p, '|') + 1;
        bw_buf_add(&only, n, strcspn(n, "|"));
        bw_buf_addc(&only, '\n');
    }
    free(copy);
    bw_buf_fini(&t->rows);
    t->rows = only;
    return ids(t);
}

static taken run(fixture *f, const char *checkpoint, bw_table_spec spec, size_t max_batches)
{
    taken t = {0};
    bw_table_info info = describe(f->o, &spec);
    bw_read_request request = {
        .kind = BW_READ_INCREMENTAL, .mode = BW_MODE_UPSERT, .checkpoint = checkpoint};
    assert_ok(try_take(f->o, &spec, &info, &request, max_batches, &t, &f->err), f->err);
    return t;
}

/* ---- describing ---- */

#define EVERYTHING                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     \
    PROPERTY("b", "booleanValue", "true")                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              \
    "," PROPERTY("i", "integerValue", "\"9007199254740993\"") "," PROPERTY("d", "doubleValue", "0.1") "," PROPERTY(                                                                                                                                                                                                                                                                                                                                                                                                                                    \
        "s",                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           \
        "stringValue", "\"a\\u0001|\\\"\"") "," PROPERTY("t", "timestampValue",                                                                                                                                                                                                                                                                                                                                                                                                                                                                        \
                                                         "\"2026-11-20T08:37:00.123456Z\"") "," PROPERTY("blob",                                                                                                                                                                                                                                                                                                                                                                                                                                       \
                                                                                                         "blobValue",                                                                                                                                                                                                                                                                                                                                                                                                                                  \
                                                                                                         "\"aGk=\"") "," PROPERTY("z",                                                                                                                                                                                                                                                                                                                                                                                                                 \
                                                                                                                                  "nullValue",                                                                                                                                                                                                                                                                                                                                                                                                         \
                                                                                                                                  "null") "," PROPERTY("geo",                                                                                                                                                                                                                                                                                                                                                                                          \
                                                                                                                                                       "geoPointValue", "{\"latitude\":1.5,\"longitude\":-2}") "," PROPERTY("ref",                                                                                                                                                                                                                                                                                                                     \
                                                                                                                                                                                                                            "keyValue", "{\"path\":[{\"kind\":\"P\",\"name\":\"x\"}]}") "," PROPERTY("arr", "arrayValue", "{\"values\":[{\"stringValue\":\"x\"},{\"stringValue\":\"y\"}]}") "," PROPERTY("mixed",                                                                                                                                      \
                                                                                                                                                                                                                                                                                                                                                                                                         "arrayValue", "{\"values\":[{\"integerValue\":\"1\"},{\"nullValue\":null}]}") "," PROPERTY("obj",                                             \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "entityValue",                                     \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "{\"properties\":{\"z\":{\"integerValue\":\"1\"}," \
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "\"a\":{\"arrayValue\":{}}}}")

static void columns_come_from_what_was_seen(void **state)
{
    fixture *f = *state;
    put_in(f, "", NAME("All", "x"), EVERYTHING);
    put_in(f, "", NAME("All", "y"),
           PROPERTY("i", "integerValue", "\"1\"") "," PROPERTY(
               "d", "integerValue", "\"2\"") "," PROPERTY("b", "nullValue", "null"));
    open_with(f, "sample: 2");
    bw_table_spec spec = spec_of("All");
    bw_table_info info = describe(f->o, &spec);
    assert_string_equal(columns_of(f, &info), "__key__ STRING NOT NULL (key)\n"
                                              "arr ARRAY<STRING> (array of string)\n"
                                              "b BOOL (boolean)\n"
                                              "blob BYTES (blob)\n"
                                              "d FLOAT64 (integer, double)\n"
                                              "geo JSON (geo point)\n"
                                              "i INT64 (integer)\n"
                                              "mixed JSON (array of null, integer)\n"
                                              "obj JSON (entity)\n"
                                              "ref JSON (key)\n"
                                              "s STRING (string)\n"
                                              "t TIMESTAMP (timestamp)\n"
                                              "z JSON (null)\n"
                                              "__key_json__ JSON (key)\n"
                                              "__extra__ JSON (other properties)\n");
    assert_int_equal(info.n_key, 1);
    assert_string_equal(info.key_origin, "entity key");
    assert_int_equal(info.cursor, -1);
    assert_true(info.rows_estimate >= 0);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "a sample of 2 entities"));
}

static void every_kind_of_value_arrives(void **state)
{
    fixture *f = *state;
    put_in(f, "", NAME("All", "x"), EVERYTHING);
    open_with(f, "sample: 10");
    bw_table_spec spec = spec_of("All");
    taken t = read_table(f->o, &spec, &(bw_read_request){.kind = BW_READ_FULL});
    assert_string_equal(
        bw_buf_cstr(&t.rows),
        "All/x|[x;y]|true|aGk=|0.1|{\"latitude\":1.5,\"longitude\":-2.0}|9007199254740993|[1,null]|"
        "{\"a\":[],\"z\":1}|{\"path\":[{\"kind\":\"P\",\"name\":\"x\"}]}|a\001|\"|"
        "2026-11-20 08:37:00.123456+00|null|{\"path\":[{\"kind\":\"All\",\"name\":\"x\"}]}|~\n");
    assert_true(t.plan.whole);
    assert_int_equal(t.n_rejected, 0);
    taken_free(&t);
}

static void what_the_sample_did_not_show_is_kept_or_refused(void **state)
{
    fixture *f = *state;
    put_in(f, "", NAME("K", "a"), PROPERTY("v", "integerValue", "\"1\""));
    put_in(f, "", NAME("K", "b"),
           PROPERTY("v", "integerValue", "\"2\"") "," PROPERTY("new", "stringValue", "\"x\""));
    put_in(f, "", NAME("K", "c"), PROPERTY("v", "stringValue", "\"three\""));
    open_with(f, "sample: 1");
    bw_table_spec spec = spec_of("K");
    taken t = read_table(f->o, &spec, &(bw_read_request){.kind = BW_READ_FULL});
    assert_string_equal(sorted(&t.rows),
                        "K/a|1|{\"path\":[{\"kind\":\"K\",\"name\":\"a\"}]}|~\n"
                        "K/b|2|{\"path\":[{\"kind\":\"K\",\"name\":\"b\"}]}|{\"new\":\"x\"}\n");
    assert_string_equal(bw_buf_cstr(&t.rejected), "BAD_VALUE v {\"__key__\":\"K/c\"}\n");
    taken_free(&t);
    /* As JSON it takes them all. */
    static const struct bw_column_as as[] = {{"v", BW_TYPE_JSON}};
    spec.as = as;
    spec.n_as = 1;
    t = read_table(f->o, &spec, &(bw_read_request){.kind = BW_READ_FULL});
    assert_int_equal(t.n_rows, 3);
    taken_free(&t);
    /* And only what is wanted comes when columns are named. */
    static const char *const columns[] = {"new"};
    spec.columns = columns;
    spec.n_columns = 1;
    t = read_table(f->o, &spec, &(bw_read_request){.kind = BW_READ_FULL});
    assert_string_equal(sorted(&t.rows), "K/a|~\nK/b|\"x\"\nK/c|~\n");
    taken_free(&t);
}

static void kinds_are_listed(void **state)
{
    fixture *f = *state;
    size_t n;
    const char *const *names;
    put_in(f, "", NAME("Order", "x"), "");
    put_in(f, "", NAME("Customer", "x"), "");
    put_in(f, "other", NAME("Hidden", "x"), "");
    open_with(f, "");
    assert_ok(f->o->class->list(f->o->source, "*", &f->o->arena, &names, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "Customer");
    assert_string_equal(names[1], "Order");
    assert_ok(f->o->class->list(f->o->source, "O*", &f->o->arena, &names, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    bw_source_status status;
    assert_ok(f->o->class->status(f->o->source, &f->o->arena, &status, &f->err), f->err);
    assert_true(llabs(status.now_us - bw_wall_us(bw_clock_system())) < BW_MINUTE);
}

static void a_kind_that_is_not_there_is_named(void **state)
{
    fixture *f = *state;
    bw_table_info info;
    open_with(f, "namespace: n");
    bw_table_spec spec = spec_of("Ordr");
    assert_int_equal(f->o->class->describe(f->o->source, &spec, &f->o->arena, &info, &f->err),
                     BW_NOT_FOUND);
    assert_string_equal(f->err.message, "kind Ordr: it has no entities in namespace n");
    spec.cursor = "changed";
    info = describe(f->o, &spec);
    assert_int_equal(info.cursor, 1);
    spec.key = (const char *const[]){"id"};
    spec.n_key = 1;
    assert_int_equal(f->o->class->describe(f->o->source, &spec, &f->o->arena, &info, &f->err),
                     BW_INVALID);
}

/* ---- windows ---- */

static void windows_read_what_changed(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 5, -3600);
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    spec.lookback_us = 0;
    taken t = run(f, NULL, spec, 0), u;
    assert_string_equal(numbers(&t), "1,2,3,4,5");
    put_item(f, 2, 20, 0);
    put_item(f, 6, 6, 0);
    u = run(f, t.position, spec, 0);
    assert_string_equal(numbers(&u), "6,20");
    taken_free(&t);
    t = run(f, u.position, spec, 0);
    assert_int_equal(t.n_rows, 0);
    assert_int_equal(t.batches, 1);
    taken_free(&t);
    taken_free(&u);
}

static void a_window_ends_at_the_services_clock(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 3, -3600);
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    taken t = run(f, NULL, spec, 0), u;
    assert_string_equal(numbers(&t), "1,2,3");
    put_item(f, 2, 20, -1);
    put_item(f, 4, 4, -200);  /* committed late, within the lookback of 5 min */
    put_item(f, 5, 5, -3600); /* too late */
    put_item(f, 6, 6, 3600);  /* ahead of the clock */
    u = run(f, t.position, spec, 0);
    assert_string_equal(numbers(&u), "4,20");
    assert_int_equal(u.end.ahead_rows, 1);
    assert_true(u.end.watermark_us != BW_TIME_NONE && u.plan.to_us == u.end.watermark_us);
    assert_non_null(strstr(bw_buf_cstr(&u.labels), "window to "));
    taken_free(&t);
    taken_free(&u);
}

static void large_windows_are_cut_between_instants(void **state)
{
    fixture *f = *state;
    put_item(f, 1, 1, -3600);
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    taken t = run(f, NULL, spec, 0), u;
    int64_t instant = bw_wall_us(bw_clock_system()) - 30 * BW_SECOND;
    put_items(f, 10, 11, -60);
    for (int id = 12; id <= 17; id++)
        put_item_at(f, id, id, instant);
    put_items(f, 18, 19, -20);
    spec.batch_rows = 3;
    u = run(f, t.position, spec, 0);
    assert_string_equal(numbers(&u), "10,11,12,13,14,15,16,17,18,19");
    assert_int_equal(u.batches, 2);
    taken_free(&u);
    /* Going on after the first piece gives the rest, and what the lookback reads again. */
    u = run(f, t.position, spec, 1);
    assert_string_equal(numbers(&u), "10,11,12,13,14,15,16,17");
    assert_int_equal(u.end.watermark_us, instant);
    taken v = run(f, u.position, spec, 0);
    assert_non_null(strstr(numbers(&v), "18,19"));
    taken_free(&t);
    taken_free(&u);
    taken_free(&v);
}

static void reads_since_a_time(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 3, -3600);
    put_items(f, 4, 5, -60);
    put_item(f, 6, 6, 3600);
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    bw_read_request request = {.kind = BW_READ_SINCE,
                               .mode = BW_MODE_UPSERT,
                               .since_us = bw_wall_us(bw_clock_system()) - BW_HOUR / 2};
    taken t = read_table(f->o, &spec, &request);
    assert_string_equal(numbers(&t), "4,5,6");
    assert_null(t.position);
    taken_free(&t);
}

static void cursors_must_be_timestamps_that_queries_find(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 2, -3600);
    put_in(f, "", "{\"kind\":\"K\",\"id\":\"3\"}", PROPERTY("n", "integerValue", "\"3\""));
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    bw_table_info info = describe(f->o, &spec);
    assert_int_equal(info.cursor, -1);
    assert_string_equal(info.cursor_origin, "property updated_at is missing, null or not indexed "
                                            "in some entities");
    spec.cursor = "updated_at";
    info = describe(f->o, &spec);
    assert_int_equal(info.cursor, 2);
    assert_non_null(strstr(info.warnings[1], "1 of 3 sampled entities have no indexed updated_at"));
    taken t = run(f, NULL, spec, 1);
    assert_int_equal(t.end.null_cursors, 1);
    taken_free(&t);
    spec.cursor = "n";
    assert_int_equal(f->o->class->describe(f->o->source, &spec, &f->o->arena, &info, &f->err),
                     BW_INVALID);
    assert_non_null(strstr(f->err.message, "not a timestamp but integer"));
}

/* A sample shows something else each time; a table's columns do not come and go with it. */
static void columns_and_cursor_stay_as_they_were(void **state)
{
    fixture *f = *state;
    put_in(f, "", NAME("K", "a"),
           PROPERTY("n", "integerValue", "\"1\"") "," PROPERTY(
               "updated_at", "timestampValue",
               "\"2026-01-01T00:00:00Z\"") "," PROPERTY("words", "arrayValue",
                                                        "{\"values\":[{\"stringValue\":\"x\"}]}"));
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    taken t = run(f, NULL, spec, 0);
    put_in(f, "", NAME("K", "a"),
           PROPERTY("n", "stringValue", "\"one\"") "," PROPERTY("m", "booleanValue", "true"));
    bw_table_info info = describe(f->o, &spec);
    assert_int_equal(info.cursor, -1);
    spec.checkpoint = t.position;
    info = describe(f->o, &spec);
    assert_string_equal(columns_of(f, &info), "__key__ STRING NOT NULL (key)\n"
                                              "m BOOL (boolean)\n"
                                              "n INT64 (string)\n"
                                              "updated_at TIMESTAMP (null)\n"
                                              "words ARRAY<STRING> (null)\n"
                                              "__key_json__ JSON (key)\n"
                                              "__extra__ JSON (other properties)\n");
    assert_int_equal(info.cursor, 3);
    assert_int_equal(info.n_warnings, 3);
    assert_non_null(strstr(info.warnings[1], "other kinds of values than before in n:"));
    assert_non_null(strstr(info.warnings[2], "1 of 1 sampled entities have no indexed updated_at"));
    /* The kind may even be empty now. */
    commit(f, "{\"delete\":{\"path\":[" NAME("K", "a") "]}}");
    info = describe(f->o, &spec);
    assert_int_equal(info.cursor, 2);
    taken u = run(f, t.position, spec, 0);
    assert_int_equal(u.n_rows, 0);
    taken_free(&t);
    taken_free(&u);
    /* Another sync's checkpoint says nothing. */
    spec.checkpoint = "{\"v\":1,\"kind\":\"L\",\"namespace\":\"\",\"ancestor\":\"\","
                      "\"columns\":{\"q\":\"INT64\"}}";
    assert_int_equal(f->o->class->describe(f->o->source, &spec, &f->o->arena, &info, &f->err),
                     BW_NOT_FOUND);
}

/* ---- backfills ---- */

static void a_backfill_goes_on_where_it_was(void **state)
{
    fixture *f = *state;
    put_items(f, 10, 39, -3600);
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    spec.batch_rows = 7;
    taken t = run(f, NULL, spec, 2), u;
    assert_int_equal(t.n_rows, 14);
    assert_string_equal(bw_buf_cstr(&t.labels), "slice 1\nslice 2\n");
    assert_int_equal(t.end.watermark_us, BW_TIME_NONE);
    /* Meanwhile: one before and one after where it stands, one changed, one gone. */
    put_item(f, 5, 5, -1);
    put_item(f, 50, 50, -1);
    put_item(f, 12, 120, -1);
    delete_item(f, 30);
    u = run(f, t.position, spec, 0);
    bw_buf_add(&t.rows, u.rows.ptr, u.rows.len);
    const char *all = numbers(&t);
    static const char *const once[] = {"10,11,12,13", ",29,31,", "38,39", "50,50,120"};
    for (size_t i = 0; i < BW_COUNT(once); i++) {
        if (!strstr(all, once[i]))
            fail_msg("%s is not in %s", once[i], all);
    }
    assert_non_null(strstr(all, "5,10,"));
    assert_non_null(strstr(bw_buf_cstr(&u.labels), "slice 3\n"));
    assert_true(u.end.watermark_us != BW_TIME_NONE);
    taken_free(&t);
    taken_free(&u);
}

static void a_batch_that_is_read_again_is_the_same(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 20, -3600);
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    spec.batch_rows = 8;
    bw_table_info info = describe(f->o, &spec);
    bw_read_request request = {.kind = BW_READ_INCREMENTAL, .mode = BW_MODE_UPSERT};
    bw_reader *reader;
    bool more;
    taken t = {0}, u = {0};
    assert_ok(f->o->class->reader_open(f->o->source, &spec, &info, &request, &reader, &f->err),
              f->err);
    assert_ok(f->o->class->reader_next(reader, &more, &t.plan, &f->err), f->err);
    assert_ok(take_batch(f->o, reader, info.schema.count, &t, &f->err), f->err);
    put_item(f, 3, 300, -1);
    delete_item(f, 4);
    assert_ok(f->o->class->reader_restart(reader, &f->err), f->err);
    assert_ok(take_batch(f->o, reader, info.schema.count, &u, &f->err), f->err);
    assert_string_equal(t.position, u.position);
    assert_string_equal(bw_buf_cstr(&t.rows), bw_buf_cstr(&u.rows));
    f->o->class->reader_close(reader);
    taken_free(&t);
    taken_free(&u);
}

static void a_checkpoint_of_something_else_is_refused(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 2, -3600);
    put_in(f, "n", "{\"kind\":\"K\",\"id\":\"1\"}",
           PROPERTY("updated_at", "timestampValue", "\"2026-01-01T00:00:00Z\""));
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    taken t = run(f, NULL, spec, 0), u = {0};
    open_with(f, "namespace: n");
    bw_table_info info = describe(f->o, &spec);
    bw_read_request request = {
        .kind = BW_READ_INCREMENTAL, .mode = BW_MODE_UPSERT, .checkpoint = t.position};
    assert_int_equal(try_take(f->o, &spec, &info, &request, 0, &u, &f->err), BW_INVALID);
    assert_non_null(strstr(f->err.message, "namespace (none)"));
    taken_free(&t);
}

/* ---- parts of a database ---- */

static void namespaces_do_not_see_each_other(void **state)
{
    fixture *f = *state;
    put_in(f, "a", NAME("K", "x"), PROPERTY("n", "integerValue", "\"1\""));
    put_in(f, "b", NAME("K", "x"), PROPERTY("n", "integerValue", "\"2\""));
    bw_table_spec spec = spec_of("K");
    static const char *const rows[] = {
        "K/x|1|{\"path\":[{\"kind\":\"K\",\"name\":\"x\"}],\"namespace\":\"a\"}|~\n",
        "K/x|2|{\"path\":[{\"kind\":\"K\",\"name\":\"x\"}],\"namespace\":\"b\"}|~\n"};
    for (int i = 0; i < 2; i++) {
        open_with(f, i ? "namespace: b" : "namespace: a");
        taken t = read_table(f->o, &spec, &(bw_read_request){.kind = BW_READ_FULL});
        assert_string_equal(bw_buf_cstr(&t.rows), rows[i]);
        taken_free(&t);
    }
}

static void an_ancestor_limits_what_is_read(void **state)
{
    fixture *f = *state;
    bw_error err = BW_ERROR_INIT;
    put_in(f, "", NAME("Shop", "north") "," NAME("K", "x"), PROPERTY("n", "integerValue", "\"1\""));
    put_in(f, "", NAME("Shop", "north2") "," NAME("K", "y"),
           PROPERTY("n", "integerValue", "\"2\""));
    put_in(f, "", NAME("K", "z"), PROPERTY("n", "integerValue", "\"3\""));
    open_with(f, "ancestor: Shop/north");
    bw_table_spec spec = spec_of("K");
    taken t = read_table(f->o, &spec, &(bw_read_request){.kind = BW_READ_FULL});
    assert_string_equal(numbers(&t), "1");
    taken_free(&t);
    const char *key = "{\"__key__\":\"Shop/north2/K/y\"}";
    bw_read_request request = {.kind = BW_READ_KEYS, .keys = &key, .n_keys = 1};
    bw_table_info info = describe(f->o, &spec);
    assert_int_equal(info.rows_estimate, 1);
    t = (taken){0};
    assert_int_equal(try_take(f->o, &spec, &info, &request, 0, &t, &err), BW_INVALID);
    close_source(f->o);
    assert_int_equal(try_open_kind(&f->o, "datastore", f->google, "ancestor: Shop", "t", &err),
                     BW_INVALID);
}

static void reads_by_key(void **state)
{
    fixture *f = *state;
    put_items(f, 1, 9, -3600);
    put_in(f, "", NAME("K", "7"), PROPERTY("n", "integerValue", "\"70\""));
    open_with(f, "");
    bw_table_spec spec = spec_of("K");
    static const char *const keys[] = {"{\"__key__\":\"K/3\"}", "{\"__key__\":\"K/\\\"7\\\"\"}",
                                       "{\"__key__\":\"K/99\"}"};
    bw_read_request request = {.kind = BW_READ_KEYS, .keys = keys, .n_keys = 3};
    taken t = read_table(f->o, &spec, &request);
    assert_string_equal(numbers(&t), "3,70");
    assert_null(t.position);
    taken_free(&t);
    static const char *const bad[] = {"{\"__key__\":\"Other/1\"}", "{\"id\":1}", "nonsense",
                                      "{\"__key__\":\"K\"}"};
    bw_table_info info = describe(f->o, &spec);
    for (size_t i = 0; i < BW_COUNT(bad); i++) {
        request = (bw_read_request){.kind = BW_READ_KEYS, .keys = &bad[i], .n_keys = 1};
        t = (taken){0};
        assert_int_equal(try_take(f->o, &spec, &info, &request, 0, &t, &f->err), BW_INVALID);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(columns_come_from_what_was_seen),
        TEST(every_kind_of_value_arrives),
        TEST(what_the_sample_did_not_show_is_kept_or_refused),
        TEST(kinds_are_listed),
        TEST(a_kind_that_is_not_there_is_named),
        TEST(windows_read_what_changed),
        TEST(a_window_ends_at_the_services_clock),
        TEST(large_windows_are_cut_between_instants),
        TEST(reads_since_a_time),
        TEST(cursors_must_be_timestamps_that_queries_find),
        TEST(columns_and_cursor_stay_as_they_were),
        TEST(a_backfill_goes_on_where_it_was),
        TEST(a_batch_that_is_read_again_is_the_same),
        TEST(a_checkpoint_of_something_else_is_refused),
        TEST(namespaces_do_not_see_each_other),
        TEST(an_ancestor_limits_what_is_read),
        TEST(reads_by_key),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
