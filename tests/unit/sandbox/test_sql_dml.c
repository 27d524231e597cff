/* Covers bq_sql.h for INSERT, UPDATE, DELETE, TRUNCATE, MERGE and DDL. */
#include "tests/unit/sandbox/sql_fixture.h"

#define WITH(test) cmocka_unit_test_setup_teardown(test, sql_setup, sql_teardown)

/* ---- INSERT, UPDATE, DELETE -------------------------------------------------------------------- */

static const sql_case simple[] = {
    {"CREATE TABLE d.t (id INT64 NOT NULL, n NUMERIC(5, 2), s STRING(3), a ARRAY<INT64>, "
     "k STRING DEFAULT 'dflt')",
     "CREATE"},
    {"INSERT INTO t (id, n) VALUES (1, 1.234), (2, NULL)", "inserted 2 updated 0 deleted 0"},
    {"INSERT t VALUES (3, 999.99, 'abc', [1, 2], DEFAULT)", "inserted 1 updated 0 deleted 0"},
    {"SELECT * FROM t ORDER BY id",
     "id INT64, n NUMERIC, s STRING, a ARRAY<INT64>, k STRING: "
     "1,1.23,null,[],dflt; 2,null,null,[],dflt; 3,999.99,abc,[{\"v\":\"1\"},{\"v\":\"2\"}],dflt"},
    {"INSERT INTO t (n) VALUES (1)", "! invalidQuery: Required field id cannot be null"},
    {"INSERT INTO t (id) VALUES (NULL)", "! invalidQuery: Required field id cannot be null"},
    {"INSERT INTO t (id, n) VALUES (9, 1000)",
     "! invalidQuery: NUMERIC(5, 2) has precision 5 and scale 2 but got a value that is not in "
     "range of [-999.99, 999.99]"},
    {"INSERT INTO t (id, s) VALUES (9, 'abcd')",
     "! invalidQuery: STRING(3) has maximum length 3 but got a value with length 4"},
    {"INSERT INTO t (id, a) VALUES (9, [1, NULL])",
     "! invalidQuery: Array cannot have a null element; error in writing field a"},
    {"INSERT INTO t (id) VALUES ('x')",
     "! invalidQuery: Value has type STRING which cannot be inserted into column id, which has "
     "type INT64 at [1:28]"},
    {"INSERT INTO t (id) VALUES (1.5)",
     "! invalidQuery: Value has type FLOAT64 which cannot be inserted into column id"},
    {"INSERT INTO t (id, n) SELECT 9, CAST(1.5 AS FLOAT64)",
     "! invalidQuery: Query column 2 has type FLOAT64 which cannot be inserted into column n, "
     "which has type NUMERIC(5, 2)"},
    {"INSERT INTO t (id) VALUES (1, 2)",
     "! invalidQuery: Inserted row has wrong column count; Has 2, expected 1 at [1:27]"},
    {"INSERT INTO t (nope) VALUES (1)",
     "! invalidQuery: Column nope is not present in table p.d.t at [1:15]"},
    {"INSERT INTO t (id, ID) VALUES (1, 2)",
     "! invalidQuery: INSERT has columns with duplicate name: ID"},
    {"SELECT COUNT(*) FROM t", "f0_ INT64: 3"},
    {"INSERT INTO t (id, s) SELECT id + 10, 'new' FROM t WHERE id < 3",
     "inserted 2 updated 0 deleted 0"},
    {"UPDATE t SET s = 'upd', n = id WHERE id > 10", "inserted 0 updated 2 deleted 0"},
    {"UPDATE t SET id = NULL WHERE id = 1", "! invalidQuery: Required field id cannot be null"},
    {"UPDATE t SET s = 5 WHERE TRUE",
     "! invalidQuery: Value of type INT64 cannot be assigned to s, which has type STRING(3) at "
     "[1:18]"},
    {"UPDATE t SET s = 'a', s = 'b' WHERE TRUE",
     "! invalidQuery: Update item s assigned more than once at [1:23]"},
    {"UPDATE t SET s = 'x'", "! invalidQuery: UPDATE must have a WHERE clause at [1:1]"},
    {"DELETE FROM t", "! invalidQuery: DELETE must have a WHERE clause at [1:1]"},
    {"UPDATE t SET s = u.l FROM (SELECT 1 AS id, 'j' AS l) AS u WHERE t.id = u.id",
     "inserted 0 updated 1 deleted 0"},
    {"UPDATE t SET s = u.l FROM UNNEST([STRUCT(1 AS id, 'a' AS l), (1, 'b')]) AS u WHERE t.id = "
     "u.id",
     "! invalidQuery: UPDATE/MERGE must match at most one source row for each target row"},
    {"UPDATE t AS x SET x.s = CONCAT(x.s, '!') WHERE x.id = 1", "inserted 0 updated 1 deleted 0"},
    {"UPDATE t SET id = id + 1 WHERE TRUE", "inserted 0 updated 5 deleted 0"},
    {"SELECT id, s FROM t ORDER BY id", "id INT64, s STRING: 2,j!; 3,null; 4,abc; 12,upd; 13,upd"},
    {"DELETE FROM t WHERE s = 'upd'", "inserted 0 updated 0 deleted 2"},
    {"DELETE t WHERE id IN (SELECT id FROM t WHERE s IS NULL)", "inserted 0 updated 0 deleted 1"},
    {"SELECT id FROM t ORDER BY id", "id INT64: 2; 4"},
    {"TRUNCATE TABLE t", "inserted 0 updated 0 deleted 2"},
    {"SELECT COUNT(*) FROM t", "f0_ INT64: 0"},
    {"INSERT INTO d.nope VALUES (1)",
     "! notFound: Not found: Table p:d.nope was not found in location US"},
};

static void rows_are_written_as_declared(void **state)
{
    sql_check(*state, simple, BW_COUNT(simple));
}

static void fields_of_structs_are_updated(void **state)
{
    static const sql_case cases[] = {
        {"CREATE TABLE d.w (id INT64, s STRUCT<a INT64, i STRUCT<x STRING(2), y INT64>>)",
         "CREATE"},
        {"INSERT INTO d.w VALUES (1, (1, ('x', 2))), (2, NULL)", "inserted 2 updated 0 deleted 0"},
        {"UPDATE d.w SET s.a = 5, id = 9 WHERE id = 1", "inserted 0 updated 1 deleted 0"},
        {"UPDATE d.w SET s.i.x = 'zz' WHERE TRUE", "inserted 0 updated 2 deleted 0"},
        {"SELECT id, s.a, s.i.x, s.i.y FROM d.w ORDER BY id",
         "id INT64, a INT64, x STRING, y INT64: 2,null,zz,null; 9,5,zz,2"},
        {"UPDATE d.w SET s.i.x = 'long' WHERE TRUE",
         "! invalidQuery: STRING(2) has maximum length 2 but got a value with length 4"},
        {"UPDATE d.w SET s.nope = 1 WHERE TRUE", "! invalidQuery: Field name nope does not exist "
                                                 "in STRUCT<a INT64, i STRUCT<x STRING(2), y "
                                                 "INT64>>"},
    };
    sql_check(*state, cases, BW_COUNT(cases));
}

static void many_values_in_one_insert(void **state)
{
    sql_fixture *f = *state;
    bw_buf text = BW_BUF_INIT;

    sql_must(f, "CREATE TABLE d.t (id INT64, s STRING)");
    bw_buf_adds(&text, "INSERT INTO t VALUES ");
    for (int i = 0; i < 3000; i++)
        bw_buf_addf(&text, "%s(%d, 'row %d')", i ? "," : "", i, i);
    sql_must(f, bw_buf_cstr(&text));
    bw_buf_clear(&text);
    bw_buf_adds(&text, "SELECT COUNT(*) FROM t WHERE id IN (");
    for (int i = 0; i < 2000; i++)
        bw_buf_addf(&text, "%s%d", i ? "," : "", i * 2);
    bw_buf_adds(&text, ") AND (");
    for (int i = 0; i < 2000; i++)
        bw_buf_addf(&text, "%sid = %d", i ? " OR " : "", i);
    bw_buf_addc(&text, ')');
    sql_check(f, &(sql_case){bw_buf_cstr(&text), "f0_ INT64: 1000"}, 1);
    bw_buf_fini(&text);
}

static void sizes_and_counts_stay_true(void **state)
{
    sql_fixture *f = *state;
    bq_table_ref ref = {"p", "d", "t"};
    bq_table t;

    sql_must(f, "CREATE TABLE d.t (id INT64, s STRING)");
    sql_must(f, "INSERT INTO t VALUES (1, 'abc'), (2, NULL), (3, 'x')");
    assert_int_equal(bq_table_get(f->catalog, ref, &t, &f->err), BW_OK);
    assert_int_equal(t.rows, 3);
    assert_int_equal(t.bytes, 3 * 8 + 5 + 3);
    char etag[24];
    memcpy(etag, t.etag, sizeof(etag));
    bq_table_fini(&t);
    sql_must(f, "UPDATE t SET s = 'abcdef' WHERE id = 2");
    sql_must(f, "DELETE FROM t WHERE id = 1");
    assert_int_equal(bq_table_get(f->catalog, ref, &t, &f->err), BW_OK);
    assert_int_equal(t.rows, 2);
    assert_int_equal(t.bytes, 2 * 8 + 8 + 3);
    assert_string_not_equal(t.etag, etag);
    bq_table_fini(&t);
}

/* ---- MERGE ------------------------------------------------------------------------------------- */

static void fill(sql_fixture *f)
{
    sql_must(f, "CREATE OR REPLACE TABLE d.t (id INT64 NOT NULL, v INT64, s STRING)");
    sql_must(f, "INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')");
}

#define SRC(rows)  "(SELECT * FROM UNNEST([STRUCT(0 AS id, 0 AS v, '' AS s)," rows "]) WHERE id > 0)"
#define ROWS       "SELECT id, v, s FROM t ORDER BY id"
#define IS(result) "id INT64, v INT64, s STRING: " result

/* Each on fresh rows (1, 10, a), (2, 20, b), (3, 30, c). */
static const struct {
    const char *merge, *outcome, *rows;
} merges[] = {
    {"MERGE `p.d.t` T USING (SELECT * FROM " SRC(
         "(2, 21, 'B'), (4, 40, 'D')") ") S ON T.`id` = "
                                       "S.`id` WHEN MATCHED THEN UPDATE SET `v` = S.`v`, `s` = "
                                       "S.`s` WHEN NOT MATCHED THEN INSERT "
                                       "(`id`, `v`, `s`) VALUES (S.`id`, S.`v`, S.`s`)",
     "inserted 1 updated 1 deleted 0", IS("1,10,a; 2,21,B; 3,30,c; 4,40,D")},
    {"MERGE t T USING " SRC(
         "(1, 5, 'older'), (2, 25, 'newer'), (3, 30, 'z')") " S ON T.id = S.id "
                                                            "WHEN MATCHED AND (S.v > T.v OR (S.v = "
                                                            "T.v AND S.s != T.s)) THEN UPDATE SET "
                                                            "v = S.v, s = S.s "
                                                            "WHEN NOT MATCHED THEN INSERT ROW",
     "inserted 0 updated 2 deleted 0", IS("1,10,a; 2,25,newer; 3,30,z")},
    {"MERGE t USING " SRC("(2, 1, 'x'), (2, 2, 'y')") " S ON t.id = S.id WHEN MATCHED THEN UPDATE "
                                                      "SET v = S.v",
     "! invalidQuery: UPDATE/MERGE must match at most one source row for each target row",
     IS("1,10,a; 2,20,b; 3,30,c")},
    {"MERGE t USING " SRC("(2, 1, 'x'), (2, 2, 'y')") " S ON t.id = S.id WHEN MATCHED AND S.v = 2 "
                                                      "THEN UPDATE SET v = S.v",
     "inserted 0 updated 1 deleted 0", IS("1,10,a; 2,2,b; 3,30,c")},
    {"MERGE t USING " SRC("(2, 1, 'x'), (2, 2, 'y')") " S ON t.id = S.id WHEN MATCHED THEN DELETE",
     "! invalidQuery: UPDATE/MERGE must match at most one source row for each target row",
     IS("1,10,a; 2,20,b; 3,30,c")},
    {"MERGE t USING " SRC("(5, 1, 'x'), (5, 2, 'y')") " S ON t.id = S.id WHEN NOT MATCHED THEN "
                                                      "INSERT ROW",
     "inserted 2 updated 0 deleted 0", IS("1,10,a; 2,20,b; 3,30,c; 5,1,x; 5,2,y")},
    {"MERGE t USING " SRC("(1, 0, 'del'), (2, 0, 'upd')") " S ON t.id = S.id WHEN MATCHED AND S.s "
                                                          "= 'del' THEN DELETE WHEN MATCHED THEN "
                                                          "UPDATE SET s = 'second'",
     "inserted 0 updated 1 deleted 1", IS("2,20,second; 3,30,c")},
    {"MERGE t USING " SRC(
         "(1, 0, 'x')") " S ON t.id = S.id WHEN MATCHED AND FALSE THEN DELETE WHEN "
                        "MATCHED AND S.v IS NULL THEN UPDATE SET s = 'n' WHEN NOT MATCHED BY "
                        "SOURCE THEN DELETE",
     "inserted 0 updated 0 deleted 2", IS("1,10,a")},
    {"MERGE t USING " SRC(
         "(2, 0, 'x')") " S ON t.id = S.id WHEN NOT MATCHED BY SOURCE AND t.v > 15 "
                        "THEN UPDATE SET s = 'gone', v = t.v + 1 WHEN NOT MATCHED BY SOURCE THEN "
                        "DELETE",
     "inserted 0 updated 1 deleted 1", IS("2,20,b; 3,31,gone")},
    {"MERGE t USING " SRC(
         "(8, 1, 'a'), (9, 2, 'b')") " S ON t.id = S.id WHEN NOT MATCHED BY TARGET "
                                     "AND S.v = 1 THEN INSERT (id) VALUES (S.id * 100) WHEN NOT "
                                     "MATCHED THEN INSERT (id, s) VALUES "
                                     "(S.id, 'second')",
     "inserted 2 updated 0 deleted 0", IS("1,10,a; 2,20,b; 3,30,c; 9,null,second; 800,null,null")},
    {"MERGE t USING " SRC("(1, 7, 'only')") " S ON FALSE WHEN NOT MATCHED THEN INSERT ROW WHEN NOT "
                                            "MATCHED BY SOURCE THEN DELETE",
     "inserted 1 updated 0 deleted 3", IS("1,7,only")},
    {"MERGE t USING " SRC(
         "(1, 10, 'x')") " S ON t.id = S.id AND t.v = S.v AND S.s < 'z' WHEN MATCHED "
                         "THEN UPDATE SET s = S.s",
     "inserted 0 updated 1 deleted 0", IS("1,10,x; 2,20,b; 3,30,c")},
    {"MERGE t USING " SRC("(1, 15, 'x'), (3, 35, 'y')") " S ON t.v < S.v AND S.v - t.v < 6 WHEN "
                                                        "MATCHED THEN UPDATE SET s = S.s",
     "inserted 0 updated 2 deleted 0", IS("1,10,x; 2,20,b; 3,30,y")},
    {"MERGE t USING (SELECT NUMERIC '2' AS k) S ON t.id = S.k WHEN MATCHED THEN UPDATE SET s = "
     "'num'",
     "inserted 0 updated 1 deleted 0", IS("1,10,a; 2,20,num; 3,30,c")},
    {"MERGE t USING (SELECT CAST(NULL AS INT64) AS k) S ON t.id = S.k WHEN MATCHED THEN DELETE "
     "WHEN "
     "NOT MATCHED THEN INSERT (id) VALUES (7)",
     "inserted 1 updated 0 deleted 0", IS("1,10,a; 2,20,b; 3,30,c; 7,null,null")},
    {"MERGE t USING (SELECT 9 AS k) S ON t.id = S.k WHEN NOT MATCHED THEN INSERT (id, v) VALUES "
     "(S.k, (SELECT SUM(v) FROM t))",
     "inserted 1 updated 0 deleted 0", IS("1,10,a; 2,20,b; 3,30,c; 9,60,null")},
    {"MERGE t USING (SELECT 9 AS k) S ON t.id = S.k WHEN NOT MATCHED THEN INSERT (v) VALUES (1)",
     "! invalidQuery: Required field id cannot be null", IS("1,10,a; 2,20,b; 3,30,c")},
    {"MERGE t USING (SELECT 2 AS k) S ON t.id = S.nope WHEN MATCHED THEN DELETE",
     "! invalidQuery: Name nope not found inside S", IS("1,10,a; 2,20,b; 3,30,c")},
    {"MERGE t USING (SELECT 2 AS k) S ON t.id = S.k WHEN MATCHED THEN INSERT ROW",
     "! invalidQuery: Syntax error: INSERT is only possible in WHEN NOT MATCHED",
     IS("1,10,a; 2,20,b; 3,30,c")},
    {"MERGE t USING (SELECT 2 AS k) S ON t.id = S.k WHEN MATCHED THEN UPDATE SET v = 'x'",
     "! invalidQuery: Value of type STRING cannot be assigned to v, which has type INT64",
     IS("1,10,a; 2,20,b; 3,30,c")},
    {"MERGE t USING (SELECT 2 AS k) Q ON t.id = Q.k WHEN NOT MATCHED BY SOURCE AND Q.k = 2 THEN "
     "DELETE",
     "! invalidQuery: Unrecognized name: Q", IS("1,10,a; 2,20,b; 3,30,c")},
};

static void merge_follows_its_clauses(void **state)
{
    sql_fixture *f = *state;

    for (size_t i = 0; i < BW_COUNT(merges); i++) {
        fill(f);
        sql_case cases[] = {{merges[i].merge, merges[i].outcome}, {ROWS, merges[i].rows}};
        sql_check(f, cases, 2);
    }
}

static void append_without_doubles(void **state)
{
    static const sql_case cases[] = {
        {"CREATE TABLE d.raw (`_bw_event_id` STRING, `_bw_event_time` TIMESTAMP, v INT64) "
         "PARTITION "
         "BY DATE(`_bw_event_time`)",
         "CREATE"},
        {"CREATE TABLE d.stage AS SELECT 'e1' AS `_bw_event_id`, TIMESTAMP '2024-01-01 10:00:00' "
         "AS "
         "`_bw_event_time`, 1 AS v UNION ALL SELECT 'e2', TIMESTAMP '2024-01-01 11:00:00', 2",
         "CREATE"},
        {"INSERT INTO d.raw VALUES ('e1', TIMESTAMP '2024-01-01 10:00:00', 1), ('e2', TIMESTAMP "
         "'2023-01-01 10:00:00', 0)",
         "inserted 2 updated 0 deleted 0"},
        {"INSERT INTO `p.d.raw` (`_bw_event_id`, `_bw_event_time`, `v`) SELECT S.`_bw_event_id`, "
         "S.`_bw_event_time`, S.`v` FROM `p.d.stage` S WHERE NOT EXISTS (SELECT 1 FROM `p.d.raw` R "
         "WHERE R.`_bw_event_id` = S.`_bw_event_id` AND R.`_bw_event_time` BETWEEN TIMESTAMP "
         "'2024-01-01 00:00:00+00' AND TIMESTAMP '2024-01-02 00:00:00+00')",
         "inserted 1 updated 0 deleted 0"},
        {"SELECT `_bw_event_id` AS e, v FROM `p.d.raw` ORDER BY v",
         "e STRING, v INT64: e2,0; e1,1; "
         "e2,2"},
        {"SELECT `_bw_event_id`, COUNT(*) AS n FROM `p.d.raw` GROUP BY `_bw_event_id` HAVING "
         "COUNT(*) > 1 LIMIT 1",
         "_bw_event_id STRING, n INT64: e2,2"},
    };
    sql_check(*state, cases, BW_COUNT(cases));
}

/* ---- DDL --------------------------------------------------------------------------------------- */

static const sql_case ddl[] = {
    {"CREATE TABLE d.a (id INT64 NOT NULL OPTIONS(description='key'), ts TIMESTAMP, c STRING) "
     "PARTITION BY TIMESTAMP_TRUNC(ts, MONTH) CLUSTER BY c, id OPTIONS(description='about', "
     "labels=[('k', 'v')], require_partition_filter=TRUE)",
     "CREATE"},
    {"CREATE TABLE d.a (id INT64)", "! duplicate: Already Exists: Table p:d.a"},
    {"CREATE TABLE IF NOT EXISTS d.a (id INT64)", "SKIP"},
    {"CREATE TABLE nope.a (id INT64)",
     "! notFound: Not found: Dataset p:nope was not found in location US"},
    {"CREATE TABLE d.b (x INT64) PARTITION BY RANGE_BUCKET(x, GENERATE_ARRAY(0, 100, 10))",
     "CREATE"},
    {"CREATE TABLE d.c (x INT64) PARTITION BY x",
     "! invalidQuery: The field specified for time partitioning can only be of type TIMESTAMP, "
     "DATE or DATETIME. The type found is: INTEGER."},
    {"CREATE TABLE d.c (x FLOAT64) CLUSTER BY x",
     "! invalidQuery: Clustering is not supported on field x of type FLOAT64"},
    {"CREATE TABLE d.c (x FLOAT)", "! invalidQuery: Type not found: FLOAT at [1:21]"},
    {"CREATE TABLE d.c (x NUMERIC(40, 2))", "! invalidQuery: In NUMERIC(P, 2), precision must be"},
    {"CREATE TABLE d.c (x ARRAY<ARRAY<INT64>>)",
     "! invalidQuery: Arrays of arrays are not supported at [1:21]"},
    {"CREATE TABLE d.c (x INT64, X STRING)", "! invalidQuery: Field X already exists in schema"},
    {"CREATE TABLE d.e (id NUMERIC, s STRING NOT NULL) AS SELECT 1, 'x'", "CREATE"},
    {"SELECT * FROM e", "id NUMERIC, s STRING: 1,x"},
    {"CREATE OR REPLACE TABLE d.e AS SELECT id, id + 1 AS next FROM d.e", "REPLACE"},
    {"SELECT * FROM e", "id NUMERIC, next NUMERIC: 1,2"},
    {"ALTER TABLE d.e ADD COLUMN tags ARRAY<STRING>, ADD COLUMN IF NOT EXISTS id INT64", "ALTER"},
    {"SELECT * FROM e", "id NUMERIC, next NUMERIC, tags ARRAY<STRING>: 1,2,[]"},
    {"ALTER TABLE d.e ADD COLUMN id INT64", "! invalidQuery: Column already exists: id at [1:17]"},
    {"ALTER TABLE d.e DROP COLUMN next", "ALTER"},
    {"SELECT * FROM e", "id NUMERIC, tags ARRAY<STRING>: 1,[]"},
    {"ALTER TABLE d.a ALTER COLUMN id DROP NOT NULL", "ALTER"},
    {"INSERT INTO d.a (id) VALUES (NULL)", "inserted 1 updated 0 deleted 0"},
    {"ALTER TABLE d.a SET OPTIONS(description='other')", "ALTER"},
    {"DROP TABLE d.e", "DROP"},
    {"DROP TABLE d.e", "! notFound: Not found: Table p:d.e was not found in location US"},
    {"DROP TABLE IF EXISTS d.e", "SKIP"},
};

static void tables_are_made_and_changed(void **state)
{
    sql_fixture *f = *state;
    bq_table t;

    sql_check(f, ddl, BW_COUNT(ddl));
    assert_int_equal(bq_table_get(f->catalog, (bq_table_ref){"p", "d", "a"}, &t, &f->err), BW_OK);
    assert_string_equal(
        t.metadata,
        "{\"description\":\"other\",\"timePartitioning\":{\"type\":\"MONTH\",\"field\":\"ts\"},"
        "\"clustering\":{\"fields\":[\"c\",\"id\"]},\"labels\":{\"k\":\"v\"},"
        "\"requirePartitionFilter\":true}");
    assert_string_equal(t.schema.fields[0].description, "key");
    bq_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(rows_are_written_as_declared), WITH(fields_of_structs_are_updated),
        WITH(many_values_in_one_insert),    WITH(sizes_and_counts_stay_true),
        WITH(merge_follows_its_clauses),    WITH(append_without_doubles),
        WITH(tables_are_made_and_changed),
    };
    return BW_RUN_TESTS(tests);
}
