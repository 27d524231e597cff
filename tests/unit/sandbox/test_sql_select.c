/* Covers bq_sql.h for queries: results with their types, as GoogleSQL's reference gives them. */
#include "tests/unit/sandbox/sql_fixture.h"

static const sql_case expressions[] = {
    {"SELECT 1", "f0_ INT64: 1"},
    {"SELECT 1 AS a, 'x' b, TRUE c", "a INT64, b STRING, c BOOL: 1,x,true"},
    {"SELECT 1 + 2 * 3, 7 / 2, -5", "f0_ INT64, f1_ FLOAT64, f2_ INT64: 7,3.5,-5"},
    {"SELECT 9223372036854775807 + 1", "! invalidQuery: int64 overflow: 9223372036854775807 + 1"},
    {"SELECT -9223372036854775808", "f0_ INT64: -9223372036854775808"},
    {"SELECT 1 / 0", "! invalidQuery: division by zero: 1 / 0"},
    {"SELECT NUMERIC '1.1' + 2", "f0_ NUMERIC: 3.1"},
    {"SELECT NUMERIC '0.1' * NUMERIC '0.1', NUMERIC '1' / NUMERIC '3'",
     "f0_ NUMERIC, f1_ NUMERIC: 0.01,0.333333333"},
    {"SELECT BIGNUMERIC '1' / 3", "f0_ BIGNUMERIC: 0.33333333333333333333333333333333333333"},
    {"SELECT NUMERIC '99999999999999999999999999999.999999999' + 1",
     "! invalidQuery: numeric overflow"},
    {"SELECT 0.1 + 0.2", "f0_ FLOAT64: 0.30000000000000004"},
    {"SELECT 'a' || 'b', b'\\x01' || b'\\x02'", "f0_ STRING, f1_ BYTES: ab,AQI="},
    {"SELECT 1 = 1.0, 'a' < 'b', NULL = 1, 1 != 2",
     "f0_ BOOL, f1_ BOOL, f2_ BOOL, f3_ BOOL: true,true,null,true"},
    {"SELECT TRUE AND NULL, FALSE AND NULL, TRUE OR NULL, NOT NULL",
     "f0_ BOOL, f1_ BOOL, f2_ BOOL, f3_ BOOL: null,false,true,null"},
    {"SELECT 1 IN (1, 2), 3 NOT IN (1, 2), 1 IN (2, NULL)",
     "f0_ BOOL, f1_ BOOL, f2_ BOOL: true,true,null"},
    {"SELECT 2 BETWEEN 1 AND 3, 'abc' LIKE 'a%', 'abc' NOT LIKE '_b', NULL IS NULL",
     "f0_ BOOL, f1_ BOOL, f2_ BOOL, f3_ BOOL: true,true,true,true"},
    {"SELECT NULL IS NOT DISTINCT FROM NULL, 1 IS DISTINCT FROM NULL, TRUE IS FALSE",
     "f0_ BOOL, f1_ BOOL, f2_ BOOL: true,true,false"},
    {"SELECT CASE WHEN 1 = 2 THEN 'a' ELSE 'b' END, CASE 3 WHEN 3 THEN 1.5 END, IF(TRUE, 1, 2)",
     "f0_ STRING, f1_ FLOAT64, f2_ INT64: b,1.5,1"},
    {"SELECT COALESCE(NULL, 2), IFNULL(NULL, 'x'), NULLIF(1, 1), GREATEST(1, 3, 2)",
     "f0_ INT64, f1_ STRING, f2_ INT64, f3_ INT64: 2,x,null,3"},
    {"SELECT IF(FALSE, 1 / 0, 5)", "f0_ FLOAT64: 5.0"},
    {"SELECT IEEE_DIVIDE(0, 0) = IEEE_DIVIDE(0, 0), IS_NAN(CAST('nan' AS FLOAT64))",
     "f0_ BOOL, f1_ BOOL: false,true"},
    {"SELECT DATE '2024-02-29', DATETIME '2024-02-29 01:02:03', TIME '01:02:03.5'",
     "f0_ DATE, f1_ DATETIME, f2_ TIME: 2024-02-29,2024-02-29T01:02:03,01:02:03.500"},
    {"SELECT TIMESTAMP '2023-11-14 22:13:20+00'", "f0_ TIMESTAMP: 1700000000000000"},
    {"SELECT DATE '2023-02-29'",
     "! invalidQuery: Could not cast literal \"2023-02-29\" to type DATE at [1:8]"},
    {"SELECT JSON '{\"b\":1,\"a\":2}'", "f0_ JSON: \"{\\\"a\\\":2,\\\"b\\\":1}\""},
    {"SELECT [1, 2], ARRAY<STRING>[], [1, 2.5]",
     "f0_ ARRAY<INT64>, f1_ ARRAY<STRING>, f2_ ARRAY<FLOAT64>: "
     "[{\"v\":\"1\"},{\"v\":\"2\"}],[],[{\"v\":\"1.0\"},{\"v\":\"2.5\"}]"},
    {"SELECT [1, NULL]",
     "! invalidQuery: Array cannot have a null element; error in writing field f0_"},
    {"SELECT STRUCT(1 AS a, 'x' AS b), (1, 2)",
     "f0_ STRUCT<a INT64, b STRING>, f1_ STRUCT<_field_1 INT64, _field_2 INT64>: "
     "{\"f\":[{\"v\":\"1\"},{\"v\":\"x\"}]},{\"f\":[{\"v\":\"1\"},{\"v\":\"2\"}]}"},
    {"SELECT STRUCT(1 AS a).a, [10, 20][OFFSET(1)], [10, 20][ORDINAL(1)], [1][SAFE_OFFSET(5)]",
     "a INT64, f0_ INT64, f1_ INT64, f2_ INT64: 1,20,10,null"},
    {"SELECT [1][OFFSET(3)]", "! invalidQuery: Array index 3 is out of bounds"},
    {"SELECT r'\\n', '\\n' = \"\"\"\n\"\"\", 'it''s'",
     "! invalidQuery: Syntax error: Expected end of input but got string literal 's' at [2:10]"},
    {"SELECT '\\u00e9', b'\\xff', 0x1F, 1e3, .5", "f0_ STRING, f1_ BYTES, f2_ INT64, f3_ FLOAT64, "
                                                  "f4_ FLOAT64: \xC3\xA9,/w==,31,1000.0,0.5"},
};

static const sql_case casts[] = {
    {"SELECT CAST('12' AS INT64), CAST(1.5 AS INT64), CAST(2.5 AS INT64), CAST(-1.5 AS INT64)",
     "f0_ INT64, f1_ INT64, f2_ INT64, f3_ INT64: 12,2,3,-2"},
    {"SELECT CAST('x' AS INT64)", "! invalidQuery: Bad int64 value: x"},
    {"SELECT SAFE_CAST('x' AS INT64), SAFE_CAST('2023-13-01' AS DATE)",
     "f0_ INT64, f1_ DATE: null,null"},
    {"SELECT CAST(1 AS STRING), CAST(TRUE AS STRING), CAST(1.0 AS STRING), CAST(b'ab' AS STRING)",
     "f0_ STRING, f1_ STRING, f2_ STRING, f3_ STRING: 1,true,1,ab"},
    {"SELECT CAST('1.23456789012' AS NUMERIC), CAST(1.005 AS NUMERIC(5, 2))",
     "f0_ NUMERIC, f1_ NUMERIC: 1.23456789,1.01"},
    {"SELECT CAST(1000 AS NUMERIC(5, 2))",
     "! invalidQuery: NUMERIC(5, 2) has precision 5 and scale 2 but got a value that is not in "
     "range of [-999.99, 999.99]"},
    {"SELECT CAST('abc' AS STRING(2))", "! invalidQuery: STRING(2) has maximum length 2"},
    {"SELECT CAST(TIMESTAMP '2023-11-14 22:13:20.5+00' AS STRING)",
     "f0_ STRING: 2023-11-14 22:13:20.500+00"},
    {"SELECT CAST(DATE '2024-01-02' AS TIMESTAMP), CAST(DATETIME '2024-01-02 03:04:05' AS DATE)",
     "f0_ TIMESTAMP, f1_ DATE: 1704153600000000,2024-01-02"},
    {"SELECT CAST(1 AS DATE)", "! invalidQuery: Invalid cast from INT64 to DATE at [1:8]"},
    {"SELECT CAST('0x1F' AS INT64), CAST('nan' AS FLOAT64), CAST('-inf' AS FLOAT64)",
     "f0_ INT64, f1_ FLOAT64, f2_ FLOAT64: 31,NaN,-Infinity"},
    {"SELECT CAST(1e20 AS INT64)", "! invalidQuery: int64 out of range: 1e+20"},
    {"SELECT CAST(NUMERIC '2.5' AS INT64), CAST(NUMERIC '1.5' AS FLOAT64)",
     "f0_ INT64, f1_ FLOAT64: 3,1.5"},
};

static const sql_case functions[] = {
    {"SELECT CONCAT('a', 1, TRUE), UPPER('\xC3\xA9'), LENGTH('\xC3\xA9t\xC3\xA9'), "
     "BYTE_LENGTH('\xC3\xA9')",
     "f0_ STRING, f1_ STRING, f2_ INT64, f3_ INT64: a1true,\xC3\x89,3,2"},
    {"SELECT SUBSTR('abcdef', 2, 3), SUBSTR('abcdef', -2), LEFT('abc', 2), RIGHT('abc', 2)",
     "f0_ STRING, f1_ STRING, f2_ STRING, f3_ STRING: bcd,ef,ab,bc"},
    {"SELECT TRIM('  a '), REPLACE('aXbX', 'X', '-'), STARTS_WITH('abc', 'ab'), STRPOS('abc', 'c')",
     "f0_ STRING, f1_ STRING, f2_ BOOL, f3_ INT64: a,a-b-,true,3"},
    {"SELECT TO_BASE64(b'\\x01'), TO_HEX(SHA256('abc'))",
     "f0_ STRING, f1_ STRING: AQ==,"
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"SELECT TO_HEX(MD5('')), FARM_FINGERPRINT('foo')",
     "f0_ STRING, f1_ INT64: d41d8cd98f00b204e9800998ecf8427e,6150913649986995171"},
    {"SELECT SPLIT('a,b'), ARRAY_TO_STRING(['x', 'y'], '-'), ARRAY_LENGTH([1, 2])",
     "f0_ ARRAY<STRING>, f1_ STRING, f2_ INT64: [{\"v\":\"a\"},{\"v\":\"b\"}],x-y,2"},
    {"SELECT UPPER(5)", "! invalidQuery: No matching signature for function UPPER for argument "
                        "types: INT64. Supported signatures: UPPER(STRING); UPPER(BYTES) at [1:8]"},
    {"SELECT NOPE(1)", "! invalidQuery: Function not found: NOPE at [1:8]"},
    {"SELECT UPER('x')", "! invalidQuery: Function not found: UPER; Did you mean UPPER? at [1:8]"},
    {"SELECT ABS(-5), MOD(7, 3), ROUND(2.5), ROUND(NUMERIC '2.345', 2), CEIL(1.2), TRUNC(-1.5)",
     "f0_ INT64, f1_ INT64, f2_ FLOAT64, f3_ NUMERIC, f4_ FLOAT64, f5_ FLOAT64: "
     "5,1,3.0,2.35,2.0,-1.0"},
    {"SELECT SAFE_DIVIDE(1, 0), SAFE.SUBSTR('a', 1, -1)", "f0_ FLOAT64, f1_ STRING: null,null"},
    {"SELECT CURRENT_TIMESTAMP(), CURRENT_DATE, UNIX_MICROS(CURRENT_TIMESTAMP())",
     "f0_ TIMESTAMP, f1_ DATE, f2_ INT64: 1700000000000000,2023-11-14,1700000000000000"},
    {"SELECT TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL 1 HOUR), "
     "DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH), DATE_DIFF('2024-03-01', '2024-02-01', DAY)",
     "f0_ TIMESTAMP, f1_ DATE, f2_ INT64: 1704070800000000,2024-02-29,29"},
    {"SELECT TIMESTAMP_TRUNC(TIMESTAMP '2024-05-06 07:08:09', DAY), "
     "DATE_TRUNC(DATE '2024-05-08', WEEK), DATE_TRUNC(DATE '2024-05-08', WEEK(MONDAY))",
     "f0_ TIMESTAMP, f1_ DATE, f2_ DATE: 1714953600000000,2024-05-05,2024-05-06"},
    {"SELECT TIMESTAMP_DIFF('2024-01-02 00:00:00', '2024-01-01 12:00:00', HOUR), "
     "TIMESTAMP '2024-01-01' + INTERVAL 2 DAY, DATE '2024-01-01' + 1",
     "f0_ INT64, f1_ TIMESTAMP, f2_ DATE: 12,1704240000000000,2024-01-02"},
    {"SELECT EXTRACT(YEAR FROM DATE '2024-05-06'), EXTRACT(ISOWEEK FROM DATE '2021-01-03'), "
     "EXTRACT(HOUR FROM TIMESTAMP '2024-01-01 05:00:00' AT TIME ZONE '+02:00')",
     "f0_ INT64, f1_ INT64, f2_ INT64: 2024,53,7"},
    {"SELECT FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E3SZ', TIMESTAMP '2024-01-02 03:04:05.678'), "
     "FORMAT_DATE('%d %b %Y', DATE '2024-01-02'), PARSE_DATE('%d/%m/%Y', '02/01/2024')",
     "f0_ STRING, f1_ STRING, f2_ DATE: 2024-01-02T03:04:05.678Z,02 Jan 2024,2024-01-02"},
    {"SELECT DATE(TIMESTAMP '2024-01-01 23:30:00', 'Europe/Paris'), DATE(2024, 2, 29), "
     "TIMESTAMP_MICROS(1), TIMESTAMP('2024-01-01 00:00:00', '-05:00')",
     "f0_ DATE, f1_ DATE, f2_ TIMESTAMP, f3_ TIMESTAMP: 2024-01-02,2024-02-29,1,1704085200000000"},
    {"SELECT DATE_TRUNC(DATE '2024-05-08', HOUR)",
     "! invalidQuery: HOUR is not a valid date part for a date"},
    {"SELECT JSON_VALUE('{\"a\":{\"b\":[1,\"x\"]}}', '$.a.b[1]'), "
     "JSON_QUERY(JSON '{\"a\":[1,2]}', '$.a'), JSON_VALUE(JSON '{\"a\":{}}', '$.a')",
     "f0_ STRING, f1_ JSON, f2_ STRING: x,\"[1,2]\",null"},
    {"SELECT TO_JSON_STRING(STRUCT(1 AS a, 'q\"' AS b, [1.5] AS c, NULL AS d))",
     "f0_ STRING: {\\\"a\\\":1,\\\"b\\\":\\\"q\\\\\\\"\\\",\\\"c\\\":[1.5],\\\"d\\\":null}"},
    {"SELECT PARSE_JSON('{\"a\":1.0}').a, JSON '[5,6]'[1], INT64(JSON '7'), JSON_TYPE(JSON '{}')",
     "a JSON, f0_ JSON, f1_ INT64, f2_ STRING: \"1.0\",\"6\",7,object"},
    {"SELECT PARSE_JSON('123456789012345678901')",
     "! invalidQuery: Invalid input to PARSE_JSON: cannot round-trip"},
    {"SELECT FORMAT('%05d|%-4s|%t', 42, 'ab', DATE '2024-01-01')",
     "f0_ STRING: 00042|ab  |2024-01-01"},
};

static void prepare(sql_fixture *f)
{
    sql_must(f, "CREATE TABLE d.t (id INT64 NOT NULL, name STRING, amount NUMERIC, tags "
                "ARRAY<STRING>, ts TIMESTAMP, f FLOAT64, s STRUCT<a INT64, b STRING>)");
    sql_must(f, "INSERT INTO d.t VALUES "
                "(1, 'one', 1.5, ['x', 'y'], TIMESTAMP '2024-01-01 00:00:00', 0.5, (1, 'p')),"
                "(2, 'two', 2.5, [], TIMESTAMP '2024-01-02 00:00:00', CAST('nan' AS FLOAT64), "
                "NULL),"
                "(3, NULL, NULL, ['z'], NULL, -0.0, STRUCT(3, 'q')),"
                "(4, 'two', 10, NULL, TIMESTAMP '2024-01-02 00:00:00', 0.0, (4, NULL))");
    sql_must(f, "CREATE TABLE d.u AS SELECT 1 AS id, 'A' AS label UNION ALL SELECT 2, 'B' UNION "
                "ALL SELECT 9, 'Z'");
}

static const sql_case queries[] = {
    {"SELECT id, name FROM `p.d.t` WHERE id > 1 ORDER BY id DESC LIMIT 2",
     "id INT64, name STRING: 4,two; 3,null"},
    {"SELECT id FROM p.d.t ORDER BY name, id DESC", "id INT64: 3; 1; 4; 2"},
    {"SELECT id FROM `p`.d.`t` ORDER BY name DESC NULLS FIRST, 1 LIMIT 2 OFFSET 1",
     "id INT64: 2; 4"},
    {"SELECT * EXCEPT (tags, ts, f, s, amount) FROM t WHERE name = 'one'",
     "id INT64, name STRING: 1,one"},
    {"SELECT * REPLACE (id * 10 AS id) FROM u ORDER BY id", "id INT64, label STRING: 10,A; 20,B; "
                                                            "90,Z"},
    {"SELECT COUNT(*), COUNT(name), COUNT(DISTINCT name), COUNTIF(id > 2), SUM(id), MIN(name), "
     "MAX(ts), AVG(id) FROM t",
     "f0_ INT64, f1_ INT64, f2_ INT64, f3_ INT64, f4_ INT64, f5_ STRING, f6_ TIMESTAMP, f7_ "
     "FLOAT64: 4,3,2,2,10,one,1704153600000000,2.5"},
    {"SELECT SUM(amount), AVG(amount), SUM(amount) / COUNT(*) FROM t",
     "f0_ NUMERIC, f1_ NUMERIC, f2_ NUMERIC: 14,4.666666667,3.5"},
    {"SELECT name, COUNT(*) AS n FROM t GROUP BY name HAVING COUNT(*) > 1 ORDER BY n",
     "name STRING, n INT64: two,2"},
    {"SELECT name n, SUM(id) FROM t GROUP BY 1 ORDER BY 2", "n STRING, f0_ INT64: one,1; null,3; "
                                                            "two,6"},
    {"SELECT f, COUNT(*) FROM t GROUP BY f ORDER BY f", "f FLOAT64, f0_ INT64: NaN,1; -0.0,2; "
                                                        "0.5,1"},
    {"SELECT MIN(f), MAX(f) FROM t WHERE id != 2", "f0_ FLOAT64, f1_ FLOAT64: -0.0,0.5"},
    {"SELECT MAX(f), SUM(f) FROM t", "f0_ FLOAT64, f1_ FLOAT64: NaN,NaN"},
    {"SELECT id FROM t WHERE f = 0 ORDER BY id", "id INT64: 3; 4"},
    {"SELECT SUM(id) FROM t WHERE FALSE", "f0_ INT64: null"},
    {"SELECT id, tag FROM t, UNNEST(tags) AS tag ORDER BY id, tag",
     "id INT64, tag STRING: 1,x; 1,y; 3,z"},
    {"SELECT t.id, tag, o FROM t CROSS JOIN t.tags AS tag WITH OFFSET AS o ORDER BY id, o",
     "id INT64, tag STRING, o INT64: 1,x,0; 1,y,1; 3,z,0"},
    {"SELECT id, tag FROM t LEFT JOIN UNNEST(tags) tag WHERE id < 3 ORDER BY 1, 2",
     "id INT64, tag STRING: 1,x; 1,y; 2,null"},
    {"SELECT * FROM UNNEST([STRUCT(1 AS a, 'x' AS b), (2, 'y')])", "a INT64, b STRING: 1,x; 2,y"},
    {"SELECT x, off FROM UNNEST([10, 20]) AS x WITH OFFSET off ORDER BY off DESC",
     "x INT64, off INT64: 20,1; 10,0"},
    {"SELECT id FROM t WHERE 'z' IN UNNEST(tags)", "id INT64: 3"},
    {"SELECT ARRAY_LENGTH(tags) FROM t ORDER BY id", "f0_ INT64: 2; 0; 1; 0"},
    {"SELECT s.b, s.a FROM t ORDER BY id", "b STRING, a INT64: p,1; null,null; q,3; null,4"},
    {"SELECT t.id, u.label FROM t JOIN u ON t.id = u.id ORDER BY 1",
     "id INT64, label STRING: 1,A; 2,B"},
    {"SELECT id, label FROM t LEFT JOIN u USING (id) ORDER BY id",
     "id INT64, label STRING: 1,A; 2,B; 3,null; 4,null"},
    {"SELECT id, label FROM t RIGHT JOIN u USING (id) ORDER BY id",
     "id INT64, label STRING: 1,A; 2,B; 9,Z"},
    {"SELECT COUNT(*) FROM t FULL JOIN u USING (id)", "f0_ INT64: 5"},
    {"SELECT COUNT(*) FROM t, u", "f0_ INT64: 12"},
    {"SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id) ORDER BY id",
     "id INT64: 1; 2"},
    {"SELECT id FROM t WHERE id NOT IN (SELECT id FROM u) ORDER BY id", "id INT64: 3; 4"},
    {"SELECT (SELECT label FROM u WHERE u.id = t.id) FROM t ORDER BY id",
     "f0_ STRING: A; B; null; null"},
    {"SELECT (SELECT id FROM t)", "! invalidQuery: Scalar subquery produced more than one element"},
    {"SELECT ARRAY(SELECT id FROM t WHERE id > 1 ORDER BY id DESC)",
     "f0_ ARRAY<INT64>: [{\"v\":\"4\"},{\"v\":\"3\"},{\"v\":\"2\"}]"},
    {"SELECT q.n FROM (SELECT name, COUNT(*) AS n FROM t GROUP BY name) AS q WHERE q.name = 'two'",
     "n INT64: 2"},
    {"WITH a AS (SELECT id FROM t WHERE id < 3), b AS (SELECT id * 10 AS x FROM a) "
     "SELECT x FROM b UNION ALL SELECT id FROM a ORDER BY x",
     "x INT64: 1; 2; 10; 20"},
    {"SELECT 1 AS x UNION DISTINCT SELECT 1 UNION DISTINCT SELECT 2 ORDER BY x", "x INT64: 1; 2"},
    {"SELECT 1 INTERSECT DISTINCT SELECT 2", "f0_ INT64:"},
    {"SELECT 1 AS x UNION ALL SELECT 2.5 UNION ALL SELECT NULL ORDER BY x",
     "x FLOAT64: null; 1.0; 2.5"},
    {"SELECT DISTINCT name FROM t ORDER BY name", "name STRING: null; one; two"},
    {"SELECT id, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id) AS r FROM t ORDER BY id",
     "id INT64, r INT64: 1,1; 2,1; 3,1; 4,2"},
    {"SELECT id FROM t WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY name ORDER BY id DESC) "
     "= 1 ORDER BY id",
     "id INT64: 1; 3; 4"},
    {"SELECT id, SUM(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) s, "
     "RANK() OVER w FROM t WINDOW w AS (ORDER BY name) ORDER BY id",
     "id INT64, s INT64, f0_ INT64: 1,1,2; 2,3,3; 3,5,1; 4,7,3"},
    {"SELECT LAG(id) OVER (ORDER BY id), LEAD(id, 1, 0) OVER (ORDER BY id) FROM u ORDER BY id",
     "f0_ INT64, f1_ INT64: null,2; 1,9; 2,0"},
    {"SELECT ARRAY_AGG(id ORDER BY id DESC LIMIT 2), STRING_AGG(name, '+' ORDER BY id) FROM t",
     "f0_ ARRAY<INT64>, f1_ STRING: [{\"v\":\"4\"},{\"v\":\"3\"}],one+two+two"},
    {"SELECT ARRAY_AGG(DISTINCT name IGNORE NULLS ORDER BY name) FROM t",
     "f0_ ARRAY<STRING>: [{\"v\":\"one\"},{\"v\":\"two\"}]"},
    {"SELECT ANY_VALUE(name HAVING MAX id), LOGICAL_AND(id > 0) FROM t",
     "f0_ STRING, f1_ BOOL: two,true"},
    {"SELECT name, ARRAY_AGG(STRUCT(id, f) ORDER BY id DESC LIMIT 1)[OFFSET(0)].id AS last FROM t "
     "GROUP BY name ORDER BY last",
     "name STRING, last INT64: one,1; null,3; two,4"},
    {"SELECT AS STRUCT 1 AS a, 2 AS b", "a INT64, b INT64: 1,2"},
    {"SELECT u FROM u WHERE id = 1",
     "u STRUCT<id INT64, label STRING>: {\"f\":[{\"v\":\"1\"},{\"v\":\"A\"}]}"},
    {"SELECT TO_JSON_STRING(u) FROM u WHERE id = 1",
     "f0_ STRING: {\\\"id\\\":1,\\\"label\\\":\\\"A\\\"}"},
    {"SELECT u.* FROM t JOIN u USING (id) ORDER BY id LIMIT 1", "id INT64, label STRING: 1,A"},
    {"SELECT UPPER(name), COUNT(*) FROM t GROUP BY UPPER(name) ORDER BY 1",
     "f0_ STRING, f1_ INT64: null,1; ONE,1; TWO,2"},
    {"SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES ORDER BY 1", "table_name STRING: t; u"},
    {"SELECT column_name, data_type, is_nullable FROM `p.d.INFORMATION_SCHEMA.COLUMNS` WHERE "
     "table_name = 't' AND ordinal_position < 5 ORDER BY ordinal_position",
     "column_name STRING, data_type STRING, is_nullable STRING: id,INT64,NO; name,STRING,YES; "
     "amount,NUMERIC,YES; tags,ARRAY<STRING>,YES"},
    {"SELECT table_id, row_count FROM d.__TABLES__ ORDER BY 1",
     "table_id STRING, row_count INT64: t,4; u,3"},
    {"SELECT id, -- comment\n /* more */ name # end\nFROM t WHERE id=1", "id INT64, name STRING: "
                                                                         "1,one"},
};

static const sql_case errors[] = {
    {"SELECT x FROM t", "! invalidQuery: Unrecognized name: x at [1:8]"},
    {"SELECT\n  nme FROM t", "! invalidQuery: Unrecognized name: nme; Did you mean name? at [2:3]"},
    {"SELECT t.nope FROM t", "! invalidQuery: Name nope not found inside t at [1:10]"},
    {"SELECT s.z FROM t", "! invalidQuery: Field name z does not exist in STRUCT<a INT64, b "
                          "STRING> at [1:8]"},
    {"SELECT id FROM t, u", "! invalidQuery: Column name id is ambiguous at [1:8]"},
    {"SELECT * FROM nope", "! notFound: Not found: Table p:d.nope was not found in location US"},
    {"SELECT * FROM x.y", "! notFound: Not found: Dataset p:x was not found in location US"},
    {"SELECT id, COUNT(*) FROM t", "! invalidQuery: SELECT list expression references column id "
                                   "which is neither grouped nor aggregated at [1:8]"},
    {"SELECT id FROM t WHERE COUNT(*) > 1",
     "! invalidQuery: Aggregate function COUNT not allowed in WHERE clause at [1:24]"},
    {"SELECT SUM(SUM(id)) FROM t",
     "! invalidQuery: Aggregations of aggregations are not allowed at [1:12]"},
    {"SELECT id FROM t WHERE id", "! invalidQuery: WHERE clause should return type BOOL, but "
                                  "returns INT64 at [1:24]"},
    {"SELECT id = 'x' FROM t", "! invalidQuery: No matching signature for operator = for argument "
                               "types: INT64, STRING. Supported signature: ANY = ANY at [1:11]"},
    {"SELECT 1 + 'x'", "! invalidQuery: No matching signature for operator + for argument types: "
                       "INT64, STRING."},
    {"SELEC 1", "! invalidQuery: Syntax error: Unexpected identifier \"SELEC\" at [1:1]"},
    {"SELECT 1 FROM", "! invalidQuery: Syntax error: Unexpected end of statement at [1:14]"},
    {"SELECT FROM t", "! invalidQuery: Syntax error: SELECT list must not be empty at [1:8]"},
    {"SELECT 'abc", "! invalidQuery: Syntax error: Unclosed string literal at [1:8]"},
    {"SELECT 1 WHERE", "! invalidQuery: Syntax error: Unexpected end of statement at [1:15]"},
    {"SELECT (1", "! invalidQuery: Syntax error: Expected \")\" but got end of statement at "
                  "[1:10]"},
    {"SELECT 1 AS a, 2 AS a",
     "! invalidQuery: Duplicate column names in the result are not supported. Found "
     "duplicate(s): a"},
    {"SELECT DISTINCT tags FROM t", "! invalidQuery: Column tags of type ARRAY<STRING> cannot be "
                                    "used in SELECT DISTINCT"},
    {"SELECT COUNT(*) FROM t GROUP BY s.a, tags",
     "! invalidQuery: Grouping by expressions of type ARRAY<STRING> is not allowed at [1:38]"},
    {"SELECT JSON '1' = JSON '1'",
     "! invalidQuery: Equality is not defined for arguments of type JSON at [1:17]"},
    {"SELECT 1 UNION ALL SELECT 1, 2", "! invalidQuery: Queries in UNION ALL have mismatched "
                                       "column count; query 1 has 1 column, query 2 has 2 columns"},
    {"SELECT 1 UNION ALL SELECT 'a'", "! invalidQuery: Column 1 in UNION ALL has incompatible "
                                      "types: INT64, STRING"},
    {"SELECT * FROM t ORDER BY s", "! invalidQuery: ORDER BY does not support expressions of type "
                                   "STRUCT<a INT64, b STRING>"},
    {"BEGIN TRANSACTION", "! invalidQuery: Unsupported: the statement BEGIN"},
    {"CREATE MATERIALIZED VIEW v AS SELECT 1", "! invalidQuery: Unsupported: CREATE MATERIALIZED"},
    {"SELECT id FROM t LIMIT -1", "! invalidQuery: LIMIT expects a non-negative integer literal or "
                                  "parameter at [1:24]"},
    {"SELECT ROW_NUMBER() FROM t", "! invalidQuery: Analytic function ROW_NUMBER cannot be called "
                                   "without an OVER clause at [1:8]"},
    {"SELECT * FROM t WHERE ROW_NUMBER() OVER () = 1",
     "! invalidQuery: Analytic function ROW_NUMBER not allowed in WHERE clause at [1:23]"},
    {"", "! invalidQuery: Syntax error: Unexpected end of statement at [1:1]"},
};

static void expressions_have_types(void **state)
{
    sql_check(*state, expressions, BW_COUNT(expressions));
}

static void casts_convert_or_refuse(void **state)
{
    sql_check(*state, casts, BW_COUNT(casts));
}

static void functions_compute(void **state)
{
    sql_check(*state, functions, BW_COUNT(functions));
}

static void queries_give_rows(void **state)
{
    prepare(*state);
    sql_check(*state, queries, BW_COUNT(queries));
}

static void errors_are_told_as_bigquery_does(void **state)
{
    prepare(*state);
    sql_check(*state, errors, BW_COUNT(errors));
}

static void assert_too_complex(sql_fixture *f, const bw_buf *text, const char *expected)
{
    bw_buf out = BW_BUF_INIT;

    sql_outcome(f, &(bq_sql_request){.project = "p", .text = bw_buf_slice(text)}, &out);
    if (strncmp(bw_buf_cstr(&out), expected, strlen(expected)) != 0)
        fail_msg("%.60s...: %s", text->ptr, bw_buf_cstr(&out));
    bw_buf_fini(&out);
}

/* What would take for ever, or all memory, is refused as the query's fault. */
static void what_is_too_complex_is_refused(void **state)
{
    bw_buf text = BW_BUF_INIT;

    bw_buf_adds(&text, "SELECT ");
    for (int i = 0; i < 100000; i++)
        bw_buf_addc(&text, '(');
    assert_too_complex(*state, &text, "! invalidQuery: Syntax error: Query is too deeply nested");
    bw_buf_clear(&text);
    bw_buf_adds(&text, "SELECT ");
    for (int i = 0; i < 40; i++)
        bw_buf_adds(&text, "IF(TRUE, ");
    bw_buf_adds(&text, "1");
    for (int i = 0; i < 40; i++)
        bw_buf_adds(&text, ", 2)");
    assert_too_complex(*state, &text, "! resourcesExceeded: Not enough resources");
    bw_buf_clear(&text);
    bw_buf_adds(&text, "WITH t0 AS (SELECT 1 AS x)");
    for (int i = 1; i < 40; i++)
        bw_buf_addf(&text, ", t%d AS (SELECT * FROM t%d AS a, t%d AS b)", i, i - 1, i - 1);
    bw_buf_adds(&text, " SELECT 1 FROM t39");
    assert_too_complex(*state, &text, "! invalidQuery: Too many columns in SELECT");
    bw_buf_fini(&text);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, sql_setup, sql_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(expressions_have_types),
        WITH(casts_convert_or_refuse),
        WITH(functions_compute),
        WITH(queries_give_rows),
        WITH(errors_are_told_as_bigquery_does),
        WITH(what_is_too_complex_is_refused),
    };
    return BW_RUN_TESTS(tests);
}
