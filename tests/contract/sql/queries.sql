# Joins, sets, subqueries, select lists.
CREATE TABLE t (id INT64, name STRING, ref INT64) AS
SELECT * FROM UNNEST([STRUCT(1 AS id, 'one' AS name, 10 AS ref), (2, 'two', 20), (3, 'three', NULL), (4, 'four', 20)])
--> CREATE

CREATE TABLE u AS SELECT 10 AS ref, 'A' AS label UNION ALL SELECT 20, 'B' UNION ALL SELECT 30, 'C' UNION ALL SELECT NULL, 'N'
--> CREATE

SELECT t.id, u.label FROM t JOIN u ON t.ref = u.ref ORDER BY id
--> id INT64, label STRING
1 | "A"
2 | "B"
4 | "B"

SELECT id, label FROM t LEFT JOIN u USING (ref) ORDER BY id
--> id INT64, label STRING
1 | "A"
2 | "B"
3 | NULL
4 | "B"

SELECT ref, id, label FROM t FULL OUTER JOIN u USING (ref) ORDER BY ref, id, label
--> ref INT64, id INT64, label STRING
NULL | NULL | "N"
NULL | 3 | NULL
10 | 1 | "A"
20 | 2 | "B"
20 | 4 | "B"
30 | NULL | "C"

SELECT * FROM t RIGHT JOIN u USING (ref) ORDER BY ref, id
--> ref INT64, id INT64, name STRING, label STRING
NULL | NULL | NULL | "N"
10 | 1 | "one" | "A"
20 | 2 | "two" | "B"
20 | 4 | "four" | "B"
30 | NULL | NULL | "C"

SELECT COUNT(*) n FROM t, u
--> n INT64
16

SELECT COUNT(*) n FROM t CROSS JOIN u WHERE t.ref = u.ref
--> n INT64
3

SELECT a.id, b.id AS other FROM t AS a, t AS b WHERE a.ref = b.ref AND a.id < b.id
--> id INT64, other INT64
2 | 4

SELECT x.label FROM (t JOIN u USING (ref)) JOIN u AS x USING (ref) WHERE id = 1
--> label STRING
"A"

SELECT id FROM t WHERE ref IN (SELECT ref FROM u WHERE label = 'B') ORDER BY id
--> id INT64
2
4

# NOT IN with a NULL in the list is never true.
SELECT id FROM t WHERE ref NOT IN (SELECT ref FROM u WHERE label != 'A')
--> id INT64

SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.ref = t.ref) ORDER BY id
--> id INT64
3

SELECT id, (SELECT label FROM u WHERE u.ref = t.ref) AS label FROM t ORDER BY id
--> id INT64, label STRING
1 | "A"
2 | "B"
3 | NULL
4 | "B"

SELECT id, ARRAY(SELECT AS STRUCT label, u.ref FROM u WHERE u.ref = t.ref) AS found FROM t WHERE id IN (1, 3) ORDER BY id
--> id INT64, found ARRAY<STRUCT<label STRING, ref INT64>>
1 | [{"A", 10}]
3 | []

SELECT * EXCEPT (name) FROM t WHERE id = 1
--> id INT64, ref INT64
1 | 10

SELECT * REPLACE (UPPER(name) AS name) FROM t WHERE id = 1
--> id INT64, name STRING, ref INT64
1 | "ONE" | 10

SELECT * EXCEPT (ref) REPLACE (id * 2 AS id) FROM t WHERE id = 1
--> id INT64, name STRING
2 | "one"

SELECT t.*, label FROM t JOIN u USING (ref) WHERE id = 1
--> id INT64, name STRING, ref INT64, label STRING
1 | "one" | 10 | "A"

SELECT * EXCEPT (nope) FROM t
--> ERROR Column nope in SELECT * EXCEPT list does not exist

SELECT t FROM t WHERE id = 1
--> t STRUCT<id INT64, name STRING, ref INT64>
{1, "one", 10}

SELECT AS STRUCT id, name FROM t WHERE id = 1
--> id INT64, name STRING
1 | "one"

SELECT AS VALUE STRUCT(id AS a, name AS b) FROM t WHERE id = 1
--> a INT64, b STRING
1 | "one"

SELECT DISTINCT ref FROM t ORDER BY ref
--> ref INT64
NULL
10
20

SELECT name n FROM t ORDER BY LENGTH(name), n LIMIT 2 OFFSET 1
--> n STRING
"two"
"four"

SELECT id FROM t ORDER BY 1 DESC LIMIT 1
--> id INT64
4

WITH a AS (SELECT id FROM t WHERE id < 3), b AS (SELECT id * 10 AS x FROM a) SELECT x FROM b UNION ALL SELECT id FROM a ORDER BY x
--> x INT64
1
2
10
20

WITH a AS (SELECT 1 AS x), b AS (WITH a AS (SELECT 2 AS x) SELECT x FROM a) SELECT a.x, b.x AS y FROM a, b
--> x INT64, y INT64
1 | 2

WITH t AS (SELECT 'shadow' AS name) SELECT name FROM t
--> name STRING
"shadow"

SELECT 1 AS x UNION ALL SELECT 1 UNION ALL SELECT 2 ORDER BY x
--> x INT64
1
1
2

SELECT 1 AS x UNION DISTINCT SELECT 1 UNION DISTINCT SELECT NULL UNION DISTINCT SELECT NULL ORDER BY x
--> x INT64
NULL
1

SELECT * FROM UNNEST([1, 1, 2]) AS x INTERSECT DISTINCT SELECT 1
--> x INT64
1

SELECT * FROM UNNEST([1, 1, 2, 3]) AS x EXCEPT DISTINCT SELECT 1 ORDER BY x
--> x INT64
2
3

(SELECT 1 AS x ORDER BY x LIMIT 1) UNION ALL (SELECT 2.5) ORDER BY x DESC
--> x FLOAT64
2.5
1.0

SELECT 1 UNION SELECT 2
--> ERROR Syntax error: Expected keyword ALL or keyword DISTINCT

SELECT 1 UNION ALL SELECT 1, 2
--> ERROR Queries in UNION ALL have mismatched column count; query 1 has 1 column, query 2 has 2 columns

SELECT 1 UNION ALL SELECT 'a'
--> ERROR Column 1 in UNION ALL has incompatible types: INT64, STRING

SELECT 1 UNION ALL SELECT 2 INTERSECT DISTINCT SELECT 2
--> ERROR Syntax error

SELECT IF(id > 2, 'big', 'small') AS size, COUNT(*) AS n FROM t GROUP BY size ORDER BY size
--> size STRING, n INT64
"big" | 2
"small" | 2

SELECT x.y.z FROM (SELECT STRUCT(STRUCT(5 AS z) AS y) AS x)
--> z INT64
5

SELECT s.* FROM (SELECT STRUCT(1 AS a, 2 AS b) AS s)
--> a INT64, b INT64
1 | 2

SELECT 1 AS a, 2 AS a
--> ERROR Duplicate column names in the result are not supported. Found duplicate(s): a

SELECT id, u.* FROM t JOIN u ON t.ref = u.ref WHERE id = 1
--> id INT64, ref INT64, label STRING
1 | 10 | "A"

SELECT ref FROM t, u
--> ERROR Column name ref is ambiguous

SELECT nme FROM t
--> ERROR Unrecognized name: nme; Did you mean name? at [1:8]

SELECT t.nme FROM t
--> ERROR Name nme not found inside t

SELECT * FROM nope
--> ERROR 404 notFound: Not found: Table p:queries.nope was not found in location US

SELECT * FROM nope.nope
--> ERROR 404 notFound: Not found: Dataset p:nope was not found in location US

SELECT id FROM t WHERE id
--> ERROR WHERE clause should return type BOOL, but returns INT64

SELECT id FROM t HAVING id > 1
--> ERROR

SELECT id FROM t LIMIT -1
--> ERROR

SELECT
--> ERROR Syntax error: SELECT list must not be empty

SELECT id, FROM t WHERE id = 1
--> id INT64
1

SELECT `id` FROM `t` WHERE `t`.`id` = 1
--> id INT64
1

SELECT id FROM `p.queries.t` WHERE id = 1 -- comment
--> id INT64
1

SELECT id FROM p.queries.t AS `select` WHERE `select`.id = 1 # comment
--> id INT64
1

SELECT /* inside
of it */ 1 AS x;
--> x INT64
1

SELECT @@error.message
--> ERROR

# Outside of the subset: the construct is named.
CREATE FUNCTION f(x INT64) AS (x + 1)
--> ERROR Unsupported: CREATE FUNCTION

SELECT COUNT(*) AS n FROM t TABLESAMPLE SYSTEM (100 PERCENT) WHERE id > 1
--> n INT64
3

SELECT a.id FROM t AS a TABLESAMPLE SYSTEM (0 PERCENT) JOIN t AS b USING (id)
--> id INT64

SELECT COUNT(*) BETWEEN 0 AND 4 AS some_of_them FROM t TABLESAMPLE SYSTEM (12.5 PERCENT)
--> some_of_them BOOL
true

SELECT * FROM t TABLESAMPLE SYSTEM (101 PERCENT)
--> ERROR TABLESAMPLE needs a number of PERCENT between 0 and 100

SELECT * FROM (SELECT 1 AS x) TABLESAMPLE SYSTEM (10 PERCENT)
--> ERROR TABLESAMPLE can only be applied directly to tables

SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01'
--> ERROR Unsupported: FOR SYSTEM_TIME AS OF

SELECT ST_GEOGPOINT(1, 2)
--> ERROR

SELECT CAST(DATE '2024-01-01' AS STRING FORMAT 'YYYY')
--> ERROR Unsupported: CAST with FORMAT

SELECT 1 AS x FROM UNNEST([1]) WITH OFFSET o WHERE o = @missing
--> ERROR Query parameter 'missing' not found

# Queries as arguments, and as some of several values.
SELECT COALESCE((SELECT MAX(id) FROM t WHERE id > 100), 0) AS top, IF((SELECT COUNT(*) FROM t) > 3, 'many', 'few') AS n, 2 IN ((SELECT 1), 2) AS i, 2 IN (SELECT id FROM t) AS j
--> top INT64, n STRING, i BOOL, j BOOL
0 | "many" | true | true

SELECT a.name, item FROM UNNEST([STRUCT('first' AS name, [1, 2] AS items), ('second', [])]) AS a LEFT JOIN a.items AS item ORDER BY name, item
--> name STRING, item INT64
"first" | 1
"first" | 2
"second" | NULL

SELECT a.name, item FROM UNNEST([STRUCT('first' AS name, [1, 2] AS items), ('second', [])]) AS a INNER JOIN a.items AS item ORDER BY name, item
--> name STRING, item INT64
"first" | 1
"first" | 2

SELECT t.id FROM t JOIN queries.u
--> ERROR INNER JOIN must have an immediately following ON or USING clause

# The names of fields come from the first that has them, the types from all.
SELECT y, x FROM UNNEST([STRUCT(1.5 AS y, NULL AS x), (9, 3.5)]) ORDER BY y
--> y FLOAT64, x FLOAT64
1.5 | NULL
9.0 | 3.5

SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS a
--> ERROR Unsupported: a set operation by name

# A parenthesis that begins with a query need not be one.
SELECT ((SELECT 1) + 1) AS a, ((SELECT 2)) AS b, ((SELECT 3) = 3 AND TRUE) AS c, 1 IN ((SELECT 1), 2) AS d, 2 IN (((SELECT 1) + 1)) AS e
--> a INT64, b INT64, c BOOL, d BOOL, e BOOL
2 | 2 | true | true | true

SELECT x, y FROM ((SELECT 1 AS x) AS a JOIN (SELECT 1 AS x, 2 AS y) AS b USING (x))
--> x INT64, y INT64
1 | 2

((SELECT 1 AS x) UNION ALL (SELECT 2)) ORDER BY x DESC
--> x INT64
2
1

# Outside the subset: the construct is named.
SELECT @@project_id
--> ERROR Unsupported: a system variable

SELECT * REPLACE (1 AS nothing) FROM t
--> ERROR Column nothing in SELECT * REPLACE list does not exist

SELECT * EXCEPT (nothing) FROM t
--> ERROR Column nothing in SELECT * EXCEPT list does not exist

SELECT a.* REPLACE (1 AS nothing) FROM t AS a
--> ERROR Column nothing in SELECT * REPLACE list does not exist

SELECT s.* REPLACE (s.x + 1 AS x) FROM (SELECT STRUCT(1 AS x, 2 AS y) AS s)
--> x INT64, y INT64
2 | 2

SELECT s.* EXCEPT (z) FROM (SELECT STRUCT(1 AS x, 2 AS y) AS s)
--> ERROR Column z in SELECT * EXCEPT list does not exist

