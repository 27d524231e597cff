/* Finding tables, keys and cursors in the catalog. */
#include "tests/integration/sources/reading.h"

static bw_pg_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = bw_pg_cluster_start(NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bw_pg_cluster_free(cluster);
    return 0;
}

static const char *key_text(const bw_table_info *info, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < info->n_key; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "," : "",
                              info->schema.fields[info->key[i]].source_name);
    return out;
}

static void finds_keys(void **state)
{
    static const struct {
        const char *ddl, *key, *origin;
    } tables[] = {
        {"(a int, b int, PRIMARY KEY (b, a))", "b,a", "primary key"},
        {"(a int, PRIMARY KEY (a) DEFERRABLE INITIALLY DEFERRED)", "a", "primary key"},
        {"(a int NOT NULL UNIQUE, b int)", "a", "unique index k_a_key"},
        {"(a int NOT NULL UNIQUE, b int PRIMARY KEY)", "b", "primary key"},
        {"(a int NOT NULL, b int NOT NULL, c int NOT NULL UNIQUE, UNIQUE (a, b))", "c",
         "unique index k_c_key"},
        {"(a int NOT NULL, x text, PRIMARY KEY (a) INCLUDE (x))", "a", "primary key"},
        {"(a int UNIQUE)", "", "column a of k_a_key can be NULL"},
        {"(a int NOT NULL, UNIQUE (a) DEFERRABLE)", "",
         "no primary key and no unique index over NOT NULL columns"},
        {"(a jsonb PRIMARY KEY)", "", "column a of k_pkey cannot be compared at the destination"},
        {"(a int[] PRIMARY KEY)", "", "column a of k_pkey cannot be compared at the destination"},
        {"(a int)", "", "no primary key and no unique index over NOT NULL columns"},
    };
    (void)state;
    char key[100];
    opened *o = open_source_as(cluster, "postgres");
    for (size_t i = 0; i < BW_COUNT(tables); i++) {
        bw_pg_sqlf(cluster, "postgres", "DROP TABLE IF EXISTS k; CREATE TABLE k %s", tables[i].ddl);
        bw_table_spec spec = spec_of("k");
        bw_table_info info = describe(o, &spec);
        assert_string_equal(key_text(&info, key, sizeof key), tables[i].key);
        assert_string_equal(info.key_origin, tables[i].origin);
    }
    bw_pg_sql(cluster, "postgres",
              "DROP TABLE k; CREATE TABLE k (a int NOT NULL, b text NOT NULL);"
              "CREATE UNIQUE INDEX ON k (a) WHERE b = ''; CREATE UNIQUE INDEX ON k (lower(b))");
    bw_table_spec spec = spec_of("k");
    bw_table_info info = describe(o, &spec);
    assert_int_equal(info.n_key, 0);
    bw_pg_sql(cluster, "postgres", "CREATE UNIQUE INDEX k_ba ON k (b, a)");
    info = describe(o, &spec);
    assert_string_equal(key_text(&info, key, sizeof key), "b,a");
    /* A key whose column is not read is none. */
    spec.columns = (const char *const[]){"a"};
    spec.n_columns = 1;
    info = describe(o, &spec);
    assert_int_equal(info.n_key, 0);
    assert_string_equal(info.key_origin, "k_ba has a column that is not read");
    close_source(o);
}

static void finds_cursors(void **state)
{
    static const struct {
        const char *ddl, *cursor;
        bw_cursor_kind kind;
    } tables[] = {
        {"(modified_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)", "updated_at",
         BW_CURSOR_TIMESTAMP},
        {"(modified_at timestamp NOT NULL, updated_at timestamptz)", "modified_at",
         BW_CURSOR_DATETIME},
        {"(last_modified timestamptz NOT NULL)", "last_modified", BW_CURSOR_TIMESTAMP},
        {"(last_updated timestamptz NOT NULL)", "last_updated", BW_CURSOR_TIMESTAMP},
        {"(updated_at date NOT NULL, last_updated text NOT NULL)", NULL, BW_CURSOR_NONE},
        {"(updated_at bigint NOT NULL)", NULL, BW_CURSOR_NONE},
        {"(\"Updated_At\" timestamptz NOT NULL)", NULL, BW_CURSOR_NONE},
    };
    (void)state;
    opened *o = open_source_as(cluster, "postgres");
    for (size_t i = 0; i < BW_COUNT(tables); i++) {
        bw_pg_sqlf(cluster, "postgres", "DROP TABLE IF EXISTS c; CREATE TABLE c %s", tables[i].ddl);
        bw_table_spec spec = spec_of("c");
        bw_table_info info = describe(o, &spec);
        assert_int_equal(info.cursor_kind, tables[i].kind);
        if (tables[i].cursor)
            assert_string_equal(info.schema.fields[info.cursor].source_name, tables[i].cursor);
        else
            assert_int_equal(info.cursor, -1);
        spec.cursor = "";
        info = describe(o, &spec);
        assert_int_equal(info.cursor, -1);
        assert_string_equal(info.cursor_origin, "none wanted");
    }
    bw_error err = BW_ERROR_INIT;
    bw_table_info info;
    bw_pg_sql(cluster, "postgres",
              "DROP TABLE c; CREATE TABLE c (at text, updated_at timestamptz)");
    bw_table_spec spec = spec_of("c");
    spec.cursor = "at";
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_INVALID);
    assert_string_equal(err.message, "cursor: column at is text");
    spec.cursor = "update_at";
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_INVALID);
    assert_string_equal(err.hint, "Did you mean updated_at?");
    close_source(o);
}

static void describes_columns(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE SCHEMA \"My Shop\"; CREATE TABLE \"My Shop\".\"Order\" (\"select\" int"
              " PRIMARY KEY, \"1st-Name\" varchar(20), gone int, total numeric(10,2) NOT NULL"
              " DEFAULT 0, double_total numeric(12,2) GENERATED ALWAYS AS (total * 2) STORED,"
              " \"_bw_hash\" text, \"\"\"q\"\"\" int);"
              "ALTER TABLE \"My Shop\".\"Order\" DROP COLUMN gone;"
              "COMMENT ON TABLE \"My Shop\".\"Order\" IS 'what people want';"
              "COMMENT ON COLUMN \"My Shop\".\"Order\".total IS 'in euro';"
              "INSERT INTO \"My Shop\".\"Order\" VALUES (1, 'x', 2.50, DEFAULT, 'h', 3)");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("My Shop.Order");
    bw_table_info info = describe(o, &spec);
    const bw_field *f = info.schema.fields;
    assert_int_equal(info.schema.count, 6);
    assert_string_equal(info.name, "My Shop.Order");
    assert_string_equal(info.short_name, "My Shop.Order");
    assert_string_equal(info.comment, "what people want");
    assert_string_equal(f[0].name, "select");
    assert_true(f[0].required && f[0].key_part);
    assert_string_equal(f[1].name, "_1st_Name");
    assert_string_equal(f[1].source_type, "character varying(20)");
    assert_false(f[1].required);
    assert_string_equal(f[2].description, "in euro");
    assert_int_equal(f[2].precision, 10);
    assert_int_equal(f[2].scale, 2);
    assert_string_equal(f[4].name, "c_bw_hash");
    assert_string_equal(f[5].name, "_q_");
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_string_equal(bw_buf_cstr(&t.rows), "1|x|2.5|5|h|3\n");
    taken_free(&t);
    /* Names may also be quoted as in SQL. */
    spec.table = "\"My Shop\".\"Order\"";
    info = describe(o, &spec);
    assert_string_equal(info.name, "My Shop.Order");
    close_source(o);
}

static void refuses_clashing_names(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE clash (\"a-b\" int, \"A_b\" int); "
              "CREATE TABLE empty_handed ()");
    opened *o = open_source_as(cluster, "postgres");
    bw_error err = BW_ERROR_INIT;
    bw_table_info info;
    bw_table_spec spec = spec_of("clash");
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_INVALID);
    assert_non_null(strstr(err.message, "COL_NAME_CLASH"));
    spec.columns = (const char *const[]){"A_b"};
    spec.n_columns = 1;
    info = describe(o, &spec);
    assert_int_equal(info.schema.count, 1);
    spec.columns = (const char *const[]){"a-c"};
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_INVALID);
    assert_string_equal(err.message, "columns: table public.clash has no column a-c");
    spec = spec_of("empty_handed");
    assert_int_equal(o->class->describe(o->source, &spec, &o->arena, &info, &err), BW_INVALID);
    close_source(o);
}

static const char *list_text(opened *o, const char *pattern)
{
    bw_error err = BW_ERROR_INIT;
    const char *const *names;
    size_t n;
    assert_ok(o->class->list(o->source, pattern, &o->arena, &names, &n, &err), err);
    bw_buf b = BW_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(&b, "%s%s", i ? " " : "", names[i]);
    const char *text = bw_arena_strdup(&o->arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return text;
}

static void lists_tables(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres", "CREATE DATABASE listing");
    bw_pg_sql(cluster, "listing",
              "CREATE EXTENSION hstore; CREATE SCHEMA app; CREATE TABLE orders (); CREATE TABLE"
              " app.orders (); CREATE TABLE app.\"dot.ted\" (); CREATE TABLE audit_log ();"
              "CREATE TABLE p (id int) PARTITION BY LIST (id);"
              "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE VIEW v AS SELECT 1 AS one;"
              "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one; CREATE TEMP TABLE t ()");
    opened *o;
    bw_error err = BW_ERROR_INIT;
    char settings[300];
    snprintf(settings, sizeof settings, "host: %s, port: %d, database: listing, user: postgres",
             bw_pg_cluster_dir(cluster), bw_pg_cluster_port(cluster));
    assert_ok(try_open(&o, settings, "test", &err), err);
    assert_string_equal(list_text(o, "*"),
                        "\"app\".\"dot.ted\" app.orders public.audit_log public.orders public.p");
    assert_string_equal(list_text(o, "public.*"), "public.audit_log public.orders public.p");
    assert_string_equal(list_text(o, "*.orders"), "app.orders public.orders");
    assert_string_equal(list_text(o, "orders"), "public.orders");
    assert_string_equal(list_text(o, "o*"), "public.orders");
    assert_string_equal(list_text(o, "app.*"), "\"app\".\"dot.ted\" app.orders");
    assert_string_equal(list_text(o, "app.dot.ted"), "\"app\".\"dot.ted\"");
    assert_string_equal(list_text(o, "public.v"), "public.v");
    assert_string_equal(list_text(o, "mv"), "public.mv");
    assert_string_equal(list_text(o, "nothing"), "");
    close_source(o);
}

static void estimates_sizes(void **state)
{
    (void)state;
    bw_pg_sql(
        cluster, "postgres",
        "CREATE TABLE size_none (id int); CREATE TABLE size_new (id int);"
        "INSERT INTO size_new SELECT generate_series(1, 10000);"
        "CREATE TABLE size_old (id int); INSERT INTO size_old SELECT generate_series(1, 5000);"
        "ANALYZE size_old; CREATE VIEW size_view AS SELECT * FROM size_old");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("size_none");
    assert_true(describe(o, &spec).rows_estimate == 0);
    spec = spec_of("size_old");
    bw_table_info info = describe(o, &spec);
    assert_true(info.rows_estimate == 5000);
    assert_true(info.bytes_estimate > 100000);
    spec = spec_of("size_new");
    assert_in_range((int)describe(o, &spec).rows_estimate, 5000, 20000);
    spec = spec_of("size_view");
    info = describe(o, &spec);
    assert_true(info.rows_estimate == 5000);
    assert_true(info.bytes_estimate == -1);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_int_equal(t.n_rows, 5000);
    taken_free(&t);
    close_source(o);
}

static void tells_its_state(void **state)
{
    (void)state;
    opened *o = open_source_as(cluster, "postgres");
    bw_error err = BW_ERROR_INIT;
    bw_source_status status;
    assert_ok(o->class->status(o->source, &o->arena, &status, &err), err);
    assert_int_equal(strncmp(status.version, "PostgreSQL 1", 12), 0);
    assert_true(llabs(status.now_us - bw_wall_us(bw_clock_system())) < 5 * BW_SECOND);
    assert_true(status.latency_us > 0 && status.latency_us < 5 * BW_SECOND);
    assert_int_equal(status.n_warnings, 0);
    close_source(o);
}

static void warns_of_cached_sequences(void **state)
{
    (void)state;
    bw_pg_sql(
        cluster, "postgres",
        "CREATE TABLE cached (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 20) PRIMARY KEY)");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("cached");
    spec.cursor = "id";
    bw_table_info info = describe(o, &spec);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "20 values at a time"));
    close_source(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_keys),        cmocka_unit_test(finds_cursors),
        cmocka_unit_test(describes_columns), cmocka_unit_test(refuses_clashing_names),
        cmocka_unit_test(lists_tables),      cmocka_unit_test(estimates_sizes),
        cmocka_unit_test(tells_its_state),   cmocka_unit_test(warns_of_cached_sequences),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
