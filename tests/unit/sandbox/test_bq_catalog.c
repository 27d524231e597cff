/* Covers bq_catalog.h: datasets, tables, rows, copies, jobs; what survives a restart. */
#include "tests/support/test.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/sandbox/bq_catalog.h"

/* A clock that the test holds. */
typedef struct test_clock {
    bw_clock base;
    int64_t now;
} test_clock;

static int64_t test_now(const bw_clock *c)
{
    return ((const test_clock *)c)->now;
}

typedef struct fixture {
    test_clock clock;
    bq_catalog *catalog;
    bw_arena arena;
    bq_error err;
} fixture;

#define OK(f, expr)                                      \
    do {                                                 \
        if ((expr) != BW_OK)                             \
            fail_msg("%s: %s", #expr, (f)->err.message); \
    } while (0)
#define REFUSED(f, expr, text)                       \
    do {                                             \
        assert_int_not_equal((expr), BW_OK);         \
        assert_string_equal((f)->err.message, text); \
    } while (0)

static const bq_table_ref T = {"p", "d", "t"};

static void open_catalog(fixture *f, const char *dir)
{
    f->clock = (test_clock){{test_now, test_now}, INT64_C(1700000000000000)};
    OK(f, bq_catalog_open(dir, &f->clock.base, &f->catalog, &f->err));
}

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof(*f));
    open_catalog(f, NULL);
    bq_dataset d = {.project = "p", .id = "d"};
    OK(f, bq_dataset_create(f->catalog, &d, NULL, &f->err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bq_catalog_close(f->catalog);
    bw_arena_fini(&f->arena);
    free(f);
    return 0;
}

static bq_table table_of(fixture *f, bq_table_ref ref, const char *fields, const char *metadata)
{
    bq_table t = {.project = ref.project,
                  .dataset = ref.dataset,
                  .id = ref.table,
                  .metadata = metadata,
                  .expires_us = BW_TIME_NONE};
    OK(f, bq_schema_parse(&f->arena, bw_slice_cstr(fields), &t.schema, &f->err));
    return t;
}

#define AB "[{\"name\":\"a\",\"type\":\"INT64\"},{\"name\":\"b\",\"type\":\"STRING\"}]"

static void create(fixture *f, bq_table_ref ref, const char *fields)
{
    bq_table t = table_of(f, ref, fields, NULL);
    OK(f, bq_table_create(f->catalog, &t, NULL, &f->err));
}

static void add_row(fixture *f, bq_append *a, const char *json)
{
    const bq_schema *schema = bq_append_schema(a);
    bq_value *row = BW_ARENA_ARRAY(&f->arena, bq_value, schema->count);
    OK(f, bq_row_from_json(schema, bw_slice_cstr(json), (bq_load_options){false}, &f->arena, row,
                           &f->err));
    OK(f, bq_append_row(a, row, &f->err));
}

static bw_status load_one(fixture *f, bq_table_ref ref, const bq_append_options *options,
                          const char *json)
{
    bq_append *a;
    bw_status status = bq_append_begin(f->catalog, ref, options, &a, &f->err);
    if (status != BW_OK)
        return status;
    add_row(f, a, json);
    return bq_append_commit(a, NULL, NULL, &f->err);
}

static bool print_row(void *user, const bq_value *row, size_t count)
{
    bw_buf *out = user;
    for (size_t i = 0; i < count; i++) {
        bw_buf_adds(out, i ? "," : out->len ? " " : "");
        if (row[i].cls == BQ_INT)
            bw_buf_addf(out, "%lld", (long long)row[i].i);
        else if (row[i].cls == BQ_NULL)
            bw_buf_addc(out, '-');
        else if (row[i].cls == BQ_BLOB)
            bw_buf_addf(out, "<%zu>", row[i].s.len);
        else
            bw_buf_add(out, row[i].s.ptr, row[i].s.len);
    }
    return true;
}

static void holds(fixture *f, bq_table_ref ref, const char *expected)
{
    bw_buf out = BW_BUF_INIT;
    bq_table t;
    OK(f, bq_table_scan(f->catalog, ref, NULL, 0, 0, -1, print_row, &out, &f->err));
    assert_string_equal(bw_buf_cstr(&out), expected);
    OK(f, bq_table_get(f->catalog, ref, &t, &f->err));
    int64_t rows = *expected != '\0';
    for (const char *p = expected; *p; p++)
        rows += *p == ' ';
    assert_int_equal(t.rows, rows);
    bq_table_fini(&t);
    bw_buf_fini(&out);
}

static void datasets_live_and_die(void **state)
{
    fixture *f = *state;
    bq_dataset d = {.project = "p", .id = "d", .metadata = "{\"labels\":{\"a\":\"b\"}}"};
    bq_dataset out;

    REFUSED(f, bq_dataset_create(f->catalog, &d, NULL, &f->err), "Already Exists: Dataset p:d");
    assert_string_equal(f->err.reason, "duplicate");
    d.id = "a-b";
    assert_int_equal(bq_dataset_create(f->catalog, &d, NULL, &f->err), BW_INVALID);
    REFUSED(f, bq_dataset_get(f->catalog, "other", "d", &out, &f->err),
            "Not found: Dataset other:d");
    OK(f, bq_dataset_get(f->catalog, "p", "d", &out, &f->err));
    assert_string_equal(out.location, "US");
    char etag[24];
    memcpy(etag, out.etag, sizeof(etag));
    bq_dataset_fini(&out);
    REFUSED(f, bq_dataset_update(f->catalog, "p", "d", d.metadata, "stale", NULL, &f->err),
            "Precondition check failed.");
    assert_string_equal(f->err.reason, "conditionNotMet");
    OK(f, bq_dataset_update(f->catalog, "p", "d", d.metadata, etag, &out, &f->err));
    assert_string_equal(out.metadata, d.metadata);
    assert_string_not_equal(out.etag, etag);
    bq_dataset_fini(&out);
    create(f, T, AB);
    REFUSED(f, bq_dataset_delete(f->catalog, "p", "d", false, &f->err),
            "Dataset p:d is still in use");
    OK(f, bq_dataset_delete(f->catalog, "p", "d", true, &f->err));
    REFUSED(f, bq_table_get(f->catalog, T, &(bq_table){0}, &f->err), "Not found: Dataset p:d");
}

static void tables_are_described(void **state)
{
    fixture *f = *state;
    bq_table out;
    bq_table t =
        table_of(f, T, AB, "{\"labels\":{\"k\":\"v\"},\"clustering\":{\"fields\":[\"a\"]}}");

    OK(f, bq_table_create(f->catalog, &t, &out, &f->err));
    assert_int_equal(out.schema.count, 2);
    assert_string_equal(out.metadata, t.metadata);
    assert_int_equal(out.created_us, f->clock.now);
    assert_int_equal(out.expires_us, BW_TIME_NONE);
    bq_table_fini(&out);
    REFUSED(f, bq_table_create(f->catalog, &t, NULL, &f->err), "Already Exists: Table p:d.t");
    REFUSED(f, bq_table_get(f->catalog, (bq_table_ref){"p", "d", "no"}, &out, &f->err),
            "Not found: Table p:d.no");
    REFUSED(f, bq_table_get(f->catalog, (bq_table_ref){"p2", "d", "t"}, &out, &f->err),
            "Not found: Dataset p2:d");
}

static void wrong_tables_are_refused(void **state)
{
    static const struct {
        const char *id, *metadata;
    } cases[] = {
        {"a$b", "{}"},
        {"", "{}"},
        {"x", "{\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"a\"}}"},
        {"x", "{\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"none\"}}"},
        {"x", "{\"timePartitioning\":{\"type\":\"WEEK\",\"field\":\"ts\"}}"},
        {"x", "{\"timePartitioning\":{\"type\":\"HOUR\",\"field\":\"day\"}}"},
        {"x", "{\"clustering\":{\"fields\":[\"f\"]}}"},
        {"x", "{\"clustering\":{\"fields\":[\"nope\"]}}"},
        {"x", "{\"clustering\":{\"fields\":[\"a\",\"b\",\"ts\",\"day\",\"a\"]}}"},
        {"x", "{\"rangePartitioning\":{\"field\":\"b\",\"range\":{\"start\":\"0\"}}}"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bq_table t = table_of(f, (bq_table_ref){"p", "d", cases[i].id},
                              "[{\"name\":\"a\",\"type\":\"INT64\"},{\"name\":\"b\",\"type\":"
                              "\"STRING\"},{\"name\":\"f\",\"type\":\"FLOAT\"},{\"name\":\"ts\","
                              "\"type\":\"TIMESTAMP\"},{\"name\":\"day\",\"type\":\"DATE\"}]",
                              cases[i].metadata);
        assert_int_equal(bq_table_create(f->catalog, &t, NULL, &f->err), BW_INVALID);
    }
}

static void patches_follow_the_rules(void **state)
{
    fixture *f = *state;
    bq_table out;
    bq_schema wider, narrower;
    int64_t soon = f->clock.now + BW_MINUTE;

    create(f, T, AB);
    OK(f, load_one(f, T, &(bq_append_options){0}, "{\"a\":1}"));
    OK(f, bq_schema_parse(&f->arena,
                          BW_SLICE_LIT("[{\"name\":\"a\",\"type\":\"INT64\"},{\"name\":\"b\","
                                       "\"type\":\"STRING\"},{\"name\":\"c\",\"type\":\"INT64\","
                                       "\"mode\":\"REPEATED\"}]"),
                          &wider, &f->err));
    OK(f, bq_schema_parse(&f->arena, BW_SLICE_LIT("[{\"name\":\"a\",\"type\":\"INT64\"}]"),
                          &narrower, &f->err));
    REFUSED(f,
            bq_table_update(f->catalog, T, &(bq_table_patch){.schema = &narrower}, NULL, &f->err),
            "Provided Schema does not match Table p:d.t. Field b is missing in new schema");
    REFUSED(f,
            bq_table_update(f->catalog, T, &(bq_table_patch){.schema = &wider, .if_match = "x"},
                            NULL, &f->err),
            "Precondition check failed.");
    OK(f, bq_table_update(f->catalog, T, &(bq_table_patch){.schema = &wider, .expires_us = &soon},
                          &out, &f->err));
    assert_int_equal(out.schema.count, 3);
    assert_int_equal(out.expires_us, soon);
    bq_table_fini(&out);
    holds(f, T, "1,-,<4>");
    f->clock.now = soon;
    REFUSED(f, bq_table_get(f->catalog, T, &out, &f->err), "Not found: Table p:d.t");
}

static void dispositions_do_what_they_say(void **state)
{
    fixture *f = *state;
    bq_table other = table_of(f, T, "[{\"name\":\"z\",\"type\":\"STRING\"}]", NULL);
    bq_table more = table_of(
        f, T, "[{\"name\":\"a\",\"type\":\"INT64\"},{\"name\":\"c\",\"type\":\"STRING\"}]", NULL);

    assert_int_equal(load_one(f, T, &(bq_append_options){0}, "{}"), BW_NOT_FOUND);
    create(f, T, AB);
    OK(f, load_one(f, T, &(bq_append_options){0}, "{\"a\":1,\"b\":\"x\"}"));
    OK(f, load_one(f, T, &(bq_append_options){0}, "{\"a\":2}"));
    holds(f, T, "1,x 2,-");
    REFUSED(f, load_one(f, T, &(bq_append_options){.write = BQ_WRITE_EMPTY}, "{}"),
            "Already Exists: Table p:d.t");
    REFUSED(f, load_one(f, T, &(bq_append_options){.table = &more}, "{}"),
            "Provided Schema does not match Table p:d.t. Cannot add fields (field: c)");
    OK(f, load_one(f, T, &(bq_append_options){.table = &more, .evolve = {.allow_addition = true}},
                   "{\"a\":3,\"c\":\"new\"}"));
    holds(f, T, "1,x,- 2,-,- 3,-,new");
    OK(f, load_one(f, T, &(bq_append_options){.write = BQ_WRITE_TRUNCATE_DATA}, "{\"a\":9}"));
    holds(f, T, "9,-,-");
    OK(f, load_one(f, T, &(bq_append_options){.write = BQ_WRITE_TRUNCATE, .table = &other},
                   "{\"z\":\"only\"}"));
    holds(f, T, "only");
    OK(f, load_one(f, (bq_table_ref){"p", "d", "made"},
                   &(bq_append_options){.create = true, .table = &other}, "{\"z\":\"1\"}"));
    holds(f, (bq_table_ref){"p", "d", "made"}, "1");
}

static void nothing_is_seen_before_the_commit(void **state)
{
    fixture *f = *state;
    bq_append *a;

    create(f, T, AB);
    OK(f, bq_append_begin(f->catalog, T, &(bq_append_options){0}, &a, &f->err));
    char *big = bw_xmalloc(1 << 20);
    memset(big, 'x', 1 << 20);
    memcpy(big, "{\"b\":\"", 6);
    memcpy(big + (1 << 20) - 3, "\"}", 3);
    for (int i = 0; i < 9; i++)
        add_row(f, a, big);
    free(big);
    holds(f, T, "");
    bq_append_abort(a);
    holds(f, T, "");
}

static bw_status refuse_commit(void *user, bq_catalog *catalog, bq_error *err)
{
    bq_job_record job = {"p", "US", "j", 1, "{}"};
    (void)user;
    assert_int_equal(bq_job_put_locked(catalog, &job, err), BW_OK);
    return bq_error_set(err, "backendError", NULL, "not now");
}

static bw_status note_job(void *user, bq_catalog *catalog, bq_error *err)
{
    bq_job_record job = {"p", "US", "j", 1, user};
    return bq_job_put_locked(catalog, &job, err);
}

static void the_hook_commits_with_the_rows(void **state)
{
    fixture *f = *state;
    bq_append *a;
    char *json = NULL;

    create(f, T, AB);
    OK(f, bq_append_begin(f->catalog, T, &(bq_append_options){0}, &a, &f->err));
    add_row(f, a, "{\"a\":1}");
    REFUSED(f, bq_append_commit(a, refuse_commit, NULL, &f->err), "not now");
    holds(f, T, "");
    REFUSED(f, bq_job_get(f->catalog, "p", NULL, "j", &json, &f->err), "Not found: Job p:j");
    OK(f, bq_append_begin(f->catalog, T, &(bq_append_options){0}, &a, &f->err));
    add_row(f, a, "{\"a\":1}");
    OK(f, bq_append_commit(a, note_job, "{\"done\":1}", &f->err));
    holds(f, T, "1,-");
    OK(f, bq_job_get(f->catalog, "p", "us", "j", &json, &f->err));
    assert_string_equal(json, "{\"done\":1}");
    free(json);
}

static void copies_are_whole(void **state)
{
    fixture *f = *state;
    bq_table_ref u = {"p", "d", "u"};
    int64_t rows;

    create(f, T, AB);
    OK(f, load_one(f, T, &(bq_append_options){0}, "{\"a\":1,\"b\":\"x\"}"));
    assert_int_equal(
        bq_table_copy(f->catalog, &T, 1, u, BQ_WRITE_EMPTY, false, NULL, NULL, &rows, &f->err),
        BW_NOT_FOUND);
    OK(f, bq_table_copy(f->catalog, &T, 1, u, BQ_WRITE_EMPTY, true, NULL, NULL, &rows, &f->err));
    assert_int_equal(rows, 1);
    OK(f, bq_table_copy(f->catalog, &T, 1, u, BQ_WRITE_APPEND, true, NULL, NULL, &rows, &f->err));
    holds(f, u, "1,x 1,x");
    OK(f, bq_table_copy(f->catalog, (bq_table_ref[]){T, u}, 2, u, BQ_WRITE_TRUNCATE, true, NULL,
                        NULL, &rows, &f->err));
    holds(f, u, "1,x 1,x 1,x");
    holds(f, T, "1,x");
}

static bool collect_id(void *user, const bq_table *table)
{
    bw_buf *out = user;
    bw_buf_addf(out, "%s ", table->id);
    return true;
}

static bool first_job(void *user, const bq_job_record *job)
{
    bw_buf *out = user;
    bw_buf_addf(out, "%s ", job->id);
    return true;
}

static void lists_are_ordered(void **state)
{
    fixture *f = *state;
    bw_buf out = BW_BUF_INIT;

    create(f, (bq_table_ref){"p", "d", "b"}, AB);
    create(f, (bq_table_ref){"p", "d", "a"}, AB);
    create(f, (bq_table_ref){"p", "d", "c"}, AB);
    OK(f, bq_table_list(f->catalog, "p", "d", "a", collect_id, &out, &f->err));
    assert_string_equal(bw_buf_cstr(&out), "b c ");
    bw_buf_clear(&out);
    OK(f, bq_job_insert(f->catalog, &(bq_job_record){"p", "US", "j1", 1, "{}"}, &f->err));
    OK(f, bq_job_insert(f->catalog, &(bq_job_record){"p", "US", "j2", 2, "{}"}, &f->err));
    REFUSED(f, bq_job_insert(f->catalog, &(bq_job_record){"p", "US", "j1", 3, "{}"}, &f->err),
            "Already Exists: Job p:US.j1");
    OK(f, bq_job_list(f->catalog, "p", first_job, &out, &f->err));
    assert_string_equal(bw_buf_cstr(&out), "j2 j1 ");
    bw_buf_fini(&out);
}

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = bw_xasprintf("%s/%s", dir, e->d_name);
        unlink(path);
        free(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

static void a_directory_survives_a_restart(void **state)
{
    char dir[] = "/tmp/bw-sandbox-XXXXXX";
    fixture g = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    open_catalog(&g, dir);
    bq_dataset d = {.project = "p", .id = "d", .location = "EU"};
    OK(&g, bq_dataset_create(g.catalog, &d, NULL, &g.err));
    create(&g, T, AB);
    OK(&g, load_one(&g, T, &(bq_append_options){0}, "{\"a\":1,\"b\":\"x\"}"));
    /* A load that never commits leaves a storage behind; the next open clears it. */
    bq_append *a;
    OK(&g, bq_append_begin(g.catalog, T, &(bq_append_options){0}, &a, &g.err));
    bq_catalog *first = g.catalog;
    open_catalog(&g, dir);
    holds(&g, T, "1,x");
    OK(&g, load_one(&g, T, &(bq_append_options){0}, "{\"a\":2}"));
    holds(&g, T, "1,x 2,-");
    bq_catalog_close(g.catalog);
    bq_append_abort(a);
    bq_catalog_close(first);
    bw_arena_fini(&g.arena);
    remove_dir(dir);
}

/* ---- Several threads --------------------------------------------------------------------------- */

typedef struct writer {
    fixture *f;
    int id;
} writer;

static void *append_many(void *user)
{
    writer *w = user;
    bw_arena arena = BW_ARENA_INIT;
    bq_error err = BQ_ERROR_INIT;

    for (int i = 0; i < 20; i++) {
        bq_append *a;
        bq_value row[2] = {{BQ_INT, w->id * 1000 + i, {NULL, 0}}, {BQ_NULL, 0, {NULL, 0}}};
        assert_int_equal(bq_append_begin(w->f->catalog, T, &(bq_append_options){0}, &a, &err),
                         BW_OK);
        for (int k = 0; k < 50; k++)
            assert_int_equal(bq_append_row(a, row, &err), BW_OK);
        assert_int_equal(bq_append_commit(a, NULL, NULL, &err), BW_OK);
    }
    bw_arena_fini(&arena);
    return NULL;
}

static void threads_may_write_together(void **state)
{
    fixture *f = *state;
    pthread_t threads[4];
    writer writers[4];
    bq_table t;

    create(f, T, AB);
    for (int i = 0; i < 4; i++) {
        writers[i] = (writer){f, i};
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    OK(f, bq_table_get(f->catalog, T, &t, &f->err));
    assert_int_equal(t.rows, 4 * 20 * 50);
    assert_int_equal(t.bytes, 4 * 20 * 50 * 8);
    bq_table_fini(&t);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(datasets_live_and_die),
        WITH(tables_are_described),
        WITH(wrong_tables_are_refused),
        WITH(patches_follow_the_rules),
        WITH(dispositions_do_what_they_say),
        WITH(nothing_is_seen_before_the_commit),
        WITH(the_hook_commits_with_the_rows),
        WITH(copies_are_whole),
        WITH(lists_are_ordered),
        WITH(threads_may_write_together),
        cmocka_unit_test(a_directory_survives_a_restart),
    };
    return BW_RUN_TESTS(tests);
}
