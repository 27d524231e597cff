# INSERT, UPDATE, DELETE, TRUNCATE, their counts and refusals.
CREATE TABLE t (id INT64 NOT NULL, n NUMERIC(5, 2), s STRING(3), a ARRAY<INT64>, k STRING DEFAULT 'dflt', st STRUCT<x INT64, y STRING>)
--> CREATE

INSERT INTO t (id, n) VALUES (1, 1.234), (2, NULL)
--> inserted 2 updated 0 deleted 0

INSERT t VALUES (3, 999.99, 'abc', [1, 2], DEFAULT, (1, 'y'))
--> inserted 1 updated 0 deleted 0

INSERT INTO t (id, k) SELECT id + 10, NULL FROM t WHERE id < 2
--> inserted 1 updated 0 deleted 0

SELECT * FROM t ORDER BY id
--> id INT64, n NUMERIC, s STRING, a ARRAY<INT64>, k STRING, st STRUCT<x INT64, y STRING>
1 | 1.23 | NULL | [] | "dflt" | NULL
2 | NULL | NULL | [] | "dflt" | NULL
3 | 999.99 | "abc" | [1, 2] | "dflt" | {1, "y"}
11 | NULL | NULL | [] | NULL | NULL

INSERT INTO t (n) VALUES (1)
--> ERROR Required field id cannot be null

INSERT INTO t (id, n) VALUES (9, 1000)
--> ERROR

INSERT INTO t (id, s) VALUES (9, 'abcd')
--> ERROR

INSERT INTO t (id) VALUES ('x')
--> ERROR Value has type STRING which cannot be inserted into column id, which has type INT64

INSERT INTO t (id, s) VALUES (9)
--> ERROR Inserted row has wrong column count; Has 1, expected 2

INSERT INTO t (id, id) VALUES (9, 9)
--> ERROR INSERT has columns with duplicate name: id

INSERT INTO t (id, nope) VALUES (9, 9)
--> ERROR Column nope is not present in table

INSERT INTO nope VALUES (1)
--> ERROR 404 notFound: Not found: Table p:dml.nope was not found in location US

UPDATE t SET s = 'upd', n = id WHERE id > 2
--> inserted 0 updated 2 deleted 0

UPDATE t SET st.x = st.x + 1, a = ARRAY_CONCAT(a, [3]) WHERE id = 3
--> inserted 0 updated 1 deleted 0

SELECT n, s, a, st FROM t WHERE id = 3
--> n NUMERIC, s STRING, a ARRAY<INT64>, st STRUCT<x INT64, y STRING>
3 | "upd" | [1, 2, 3] | {2, "y"}

UPDATE t SET k = DEFAULT WHERE id = 11
--> inserted 0 updated 1 deleted 0

SELECT k FROM t WHERE id = 11
--> k STRING
"dflt"

# Every value on the right is of before the statement.
UPDATE t SET id = id + 1, s = CAST(id AS STRING) WHERE id = 11
--> inserted 0 updated 1 deleted 0

SELECT id, s FROM t WHERE id = 12
--> id INT64, s STRING
12 | "11"

UPDATE t SET s = 'x'
--> ERROR UPDATE must have a WHERE clause

DELETE FROM t
--> ERROR DELETE must have a WHERE clause

UPDATE t SET s = 'a', s = 'b' WHERE TRUE
--> ERROR Update item s assigned more than once

UPDATE t SET id = NULL WHERE id = 1
--> ERROR Required field id cannot be null

UPDATE t SET s = j.l FROM (SELECT 1 AS id, 'j' AS l) AS j WHERE t.id = j.id
--> inserted 0 updated 1 deleted 0

UPDATE t SET s = j.l FROM UNNEST([STRUCT(1 AS id, 'a' AS l), (1, 'b')]) AS j WHERE t.id = j.id
--> ERROR UPDATE/MERGE must match at most one source row for each target row

UPDATE t SET s = (SELECT 'sub') WHERE id IN (SELECT id FROM t WHERE id < 3)
--> inserted 0 updated 2 deleted 0

UPDATE t SET s = NULL WHERE FALSE
--> inserted 0 updated 0 deleted 0

DELETE FROM t WHERE s = 'sub' AND id = 1
--> inserted 0 updated 0 deleted 1

DELETE t WHERE EXISTS (SELECT 1 FROM UNNEST(a) AS x WHERE x = 2)
--> inserted 0 updated 0 deleted 1

DELETE FROM t AS x WHERE x.id = 2
--> inserted 0 updated 0 deleted 1

TRUNCATE TABLE t
--> inserted 0 updated 0 deleted 1

SELECT COUNT(*) n FROM t
--> n INT64
0

INSERT INTO t (id) SELECT x FROM UNNEST(GENERATE_ARRAY(1, 5)) AS x
--> inserted 5 updated 0 deleted 0

INSERT INTO t (id, n) SELECT 9, CAST(1.5 AS FLOAT64)
--> ERROR Query column 2 has type FLOAT64 which cannot be inserted into column n

WITH x AS (SELECT 1) DELETE FROM t WHERE TRUE
--> ERROR

INSERT INTO t (id) WITH x AS (SELECT 100 AS id) SELECT id FROM x
--> inserted 1 updated 0 deleted 0

# What changes a table is the table itself.
CREATE TABLE sampled AS SELECT 1 AS x
--> CREATE

DELETE FROM sampled TABLESAMPLE SYSTEM (1 PERCENT) WHERE TRUE
--> ERROR TABLESAMPLE are not allowed on the target of a DML statement

DELETE FROM sampled PIVOT(COUNT(*) FOR x IN (1)) WHERE TRUE
--> ERROR PIVOT, UNPIVOT and TABLESAMPLE are not allowed

SELECT COUNT(*) AS n FROM sampled
--> n INT64
1

