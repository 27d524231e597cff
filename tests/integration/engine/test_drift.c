/* Columns that come, go and change at the source, and the whole table replaced under readers. */
#include "tests/integration/engine/lab.h"

#define ORDERS                                                                                   \
    "CREATE TABLE orders (id int PRIMARY KEY, v int NOT NULL, updated_at timestamptz NOT NULL);" \
    "INSERT INTO orders SELECT g, g, now() - interval '1 h' FROM generate_series(1, 2) g;"

static void begin(lab *l, const char *settings)
{
    char *syncs = bw_xasprintf("  - {source: db, table: orders, schedule: manual%s}", settings);
    lab_sql(l, ORDERS);
    lab_configure(l, NULL, syncs);
    free(syncs);
    lab_start(l);
    assert_runs(l, "db.orders");
}

/* The type and mode of a column of the target: "INTEGER NULLABLE"; "" when it is not there. */
static const char *column(lab *l, const char *name)
{
    assert_int_equal(
        bw_test_http_get(l->http, "/bigquery/v2/projects/p/datasets/%s/tables/orders", l->name),
        200);
    const char *body = bw_test_http_body(l->http);
    for (int i = 0;; i++) {
        char path[64];
        snprintf(path, sizeof path, "schema.fields.%d.name", i);
        const char *found = bw_test_json_at(body, path);
        if (!*found)
            return "";
        if (strcmp(found, name) != 0)
            continue;
        snprintf(path, sizeof path, "schema.fields.%d.type", i);
        const char *type = bw_test_json_at(body, path);
        snprintf(path, sizeof path, "schema.fields.%d.mode", i);
        return bw_arena_printf(&l->arena, "%s %s", type, bw_test_json_at(body, path));
    }
}

/* Whether some note of the Sync screen says that. */
static bool notes(lab *l, const char *part)
{
    bool found = false;
    const bw_snapshot *s = bw_engine_snapshot(l->engine);
    const bw_sync_detail *d = bw_snapshot_find(s, "db.orders")->detail;
    for (size_t i = 0; d && i < d->n_notes; i++)
        found |= strstr(d->notes[i], part) != NULL;
    bw_snapshot_unref(s);
    return found;
}

static void adds_columns(void **state)
{
    lab *l = *state;
    begin(l, "");
    lab_sql(l, "ALTER TABLE orders ADD COLUMN note text DEFAULT 'n';"
               "INSERT INTO orders VALUES (3, 3, now())");
    assert_runs(l, "db.orders");
    assert_table(l, "id, note", "orders", "1|NULL\n2|NULL\n3|n\n");
    assert_true(notes(l, "column note is not filled before"));
    assert_true(lab_run_kind(l, "db.orders", BW_COMMAND_FULL));
    assert_table(l, "id, note", "orders", "1|n\n2|n\n3|n\n");
    lab_until(l, "db.orders", lab_idle);
    assert_false(notes(l, "not filled"));
}

static void fills_added_columns_where_asked(void **state)
{
    lab *l = *state;
    begin(l, ", schema: {add_columns: backfill}");
    lab_sql(l, "ALTER TABLE orders ADD COLUMN note text DEFAULT 'n'");
    assert_runs(l, "db.orders");
    bw_run_record *runs;
    int64_t deadline = bw_mono_us(bw_clock_system()) + LAB_MAX;
    while (lab_runs(l, "db.orders", &runs) < 3 || strcmp(runs[0].state, "running") == 0)
        lab_wait(l, deadline, "no full resync begins");
    assert_string_equal(runs[0].kind, "full");
    assert_string_equal(runs[0].state, "ok");
    assert_table(l, "id, note", "orders", "1|n\n2|n\n");
}

static void leaves_columns_out_where_told(void **state)
{
    lab *l = *state;
    begin(l, ", schema: {add_columns: false}");
    lab_sql(l, "ALTER TABLE orders ADD COLUMN note text DEFAULT 'n';"
               "UPDATE orders SET updated_at = now()");
    assert_runs(l, "db.orders");
    assert_string_equal(column(l, "note"), "");
    lab_until(l, "db.orders", lab_idle);
    assert_true(notes(l, "column note"));
}

static void relaxes_and_keeps_what_is_gone(void **state)
{
    lab *l = *state;
    begin(l, "");
    assert_string_equal(column(l, "v"), "INTEGER REQUIRED");
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v DROP NOT NULL; INSERT INTO orders VALUES"
               " (3, NULL, now())");
    assert_runs(l, "db.orders");
    assert_string_equal(column(l, "v"), "INTEGER NULLABLE");
    lab_sql(l, "ALTER TABLE orders DROP COLUMN v; INSERT INTO orders VALUES (4, now())");
    assert_runs(l, "db.orders");
    assert_table(l, "id, v", "orders", "1|1\n2|2\n3|NULL\n4|NULL\n");
}

static bool drifted(const bw_sync_view *v)
{
    return v->state == BW_STATE_DRIFT;
}

static void stops_at_another_type(void **state)
{
    lab *l = *state;
    begin(l, "");
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE text USING 'x' || v;"
               "UPDATE orders SET updated_at = now()");
    assert_fails(l, "db.orders", "column v is STRING");
    lab_until(l, "db.orders", drifted);
    assert_table(l, "id, v", "orders", "1|1\n2|2\n");
    assert_int_equal(lab_open_batches(l, "db.orders"), 0);
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE int USING 7");
    assert_runs(l, "db.orders");
    assert_table(l, "id, v", "orders", "1|7\n2|7\n");
}

/* Whether the newest entries of the trail say that. */
static bool audited(lab *l, const char *part)
{
    bw_audit_entry *entries;
    size_t n;
    bool found = false;
    assert_ok(bw_store_audit_list(l->store, "db.orders", 0, 100, &l->arena, &entries, &n, &l->err),
              l->err);
    for (size_t i = 0; i < n; i++)
        found |= strcmp(entries[i].action, "drift") == 0 && strstr(entries[i].detail, part);
    return found;
}

/* A type that grew at the source grows at the target; no value changes, and none is lost. */
static void widens_what_the_source_has_widened(void **state)
{
    lab *l = *state;
    begin(l, ", raw: true");
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE numeric(12,2), ADD COLUMN w int;"
               "UPDATE orders SET v = 1.25, updated_at = now() WHERE id = 1");
    assert_runs(l, "db.orders");
    assert_string_equal(column(l, "v"), "NUMERIC REQUIRED");
    assert_table(l, "id, v, w", "orders", "1|1.25|NULL\n2|2|NULL\n");
    assert_true(
        notes(l, "column v widened: the target's column becomes NUMERIC; no value changes"));
    assert_true(
        audited(l, "\"column\":\"v\",\"change\":\"widened\",\"before\":\"INT64 REQUIRED\""));
    assert_true(audited(l, "\"column\":\"w\",\"change\":\"added\""));
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE numeric(50,20);"
               "INSERT INTO orders VALUES (3, 12345678901234567890123456789.00000000000000000001,"
               " now())");
    assert_runs(l, "db.orders");
    assert_string_equal(column(l, "v"), "BIGNUMERIC REQUIRED");
    assert_table(l, "id, v", "orders",
                 "1|1.25\n2|2\n3|12345678901234567890123456789.00000000000000000001\n");
    /* Never to FLOAT64, which would round. */
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE float8");
    assert_fails(l, "db.orders", "column v is FLOAT64");
}

static void widens_nothing_that_it_may_not(void **state)
{
    lab *l = *state;
    begin(l, ", schema: {add_columns: false}");
    lab_sql(l, "ALTER TABLE orders ALTER COLUMN v TYPE numeric(12,2)");
    assert_fails(l, "db.orders", "column v is NUMERIC(12, 2)");
    assert_string_equal(column(l, "v"), "INTEGER REQUIRED");
    lab_until(l, "db.orders", drifted);
}

/* ---- replaced whole --------------------------------------------------------------------- */

/* Readers see the old rows or the new ones, never a part of either. */
static void replaces_under_readers(lab *l, const char *sync, const char *table,
                                   bw_command_kind kind)
{
    uint64_t run = lab_ask(l, (bw_command){.kind = kind, .syncs = &sync, .n_syncs = 1});
    char *sql =
        bw_xasprintf("SELECT COUNT(*), COUNT(DISTINCT v), MIN(v) FROM `p.%s.%s`", l->name, table);
    bool over = false;
    int olds = 0;
    while (!over) {
        char *rows = bw_test_bq_query(l->bq, sql);
        bool old = strcmp(rows, "3000|1|1\n") == 0, fresh = strcmp(rows, "2500|1|2\n") == 0;
        if (!old && !fresh)
            fail_msg("half a table: %s", rows);
        olds += old;
        free(rows);
        while (bw_engine_news(l->engine, &l->news))
            over |= l->news.command == run && l->news.final;
    }
    free(sql);
    if (!l->news.ok)
        fail_msg("%s", l->news.text);
    assert_true(olds > 0);
    assert_string_equal(lab_table(l, "COUNT(*), MIN(v)", table), "2500|2\n");
}

static void replaces_atomically(void **state)
{
    lab *l = *state;
    const char *tables[] = {"whole", "upserted", "kept"};
    for (size_t i = 0; i < BW_COUNT(tables); i++) {
        char *sql =
            bw_xasprintf("CREATE TABLE %s (id int PRIMARY KEY, v int, updated_at timestamptz"
                         " NOT NULL DEFAULT now());"
                         "INSERT INTO %s SELECT g, 1 FROM generate_series(1, 3000) g",
                         tables[i], tables[i]);
        lab_sql(l, sql);
        free(sql);
    }
    lab_configure(l, NULL,
                  "  - {source: db, table: whole, schedule: manual, mode: replace}\n"
                  "  - {source: db, table: upserted, schedule: manual}\n"
                  "  - {source: db, table: kept, schedule: manual, raw: true}\n");
    lab_start(l);
    const char *const all[] = {"db.whole", "db.upserted", "db.kept"};
    assert_true(lab_do(l, (bw_command){.kind = BW_COMMAND_SYNC, .syncs = all, .n_syncs = 3}));
    for (size_t i = 0; i < BW_COUNT(tables); i++) {
        char *sql = bw_xasprintf("DELETE FROM %s WHERE id > 2500; UPDATE %s SET v = 2", tables[i],
                                 tables[i]);
        lab_sql(l, sql);
        free(sql);
    }
    replaces_under_readers(l, "db.whole", "whole", BW_COMMAND_SYNC);
    replaces_under_readers(l, "db.upserted", "upserted", BW_COMMAND_FULL);
    replaces_under_readers(l, "db.kept", "kept", BW_COMMAND_FULL);
}

static void takes_over_when_told(void **state)
{
    lab *l = *state;
    begin(l, "");
    lab_stop(l);
    bw_test_dir_remove(l->dir);
    free(l->dir);
    l->dir = bw_test_dir_new("engine");
    lab_configure(l, NULL, "  - {source: db, table: orders, schedule: manual}");
    lab_start(l);
    assert_fails(l, "db.orders", "another");
    assert_true(strstr(l->news.hint, "take") != NULL);
    lab_sql(l, "UPDATE orders SET v = 9, updated_at = now() WHERE id = 1");
    assert_true(lab_run_kind(l, "db.orders", BW_COMMAND_TAKE_OVER));
    assert_table(l, "id, v", "orders", "1|9\n2|2\n");
    assert_runs(l, "db.orders");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(adds_columns),
        LAB_TEST(fills_added_columns_where_asked),
        LAB_TEST(leaves_columns_out_where_told),
        LAB_TEST(relaxes_and_keeps_what_is_gone),
        LAB_TEST(stops_at_another_type),
        LAB_TEST(widens_what_the_source_has_widened),
        LAB_TEST(widens_nothing_that_it_may_not),
        LAB_TEST(replaces_atomically),
        LAB_TEST(takes_over_when_told),
    };
    LAB_MAIN(tests);
}
