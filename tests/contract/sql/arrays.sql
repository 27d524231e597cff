# Arrays: access, UNNEST, functions.
[10, 20][OFFSET(0)] => INT64 10
[10, 20][ORDINAL(2)] => INT64 20
[10, 20][0] => INT64 10
[10, 20][SAFE_OFFSET(5)] => INT64 NULL
[10, 20][SAFE_ORDINAL(0)] => INT64 NULL
[10, 20][OFFSET(2)] => ERROR Array index 2 is out of bounds
[10, 20][OFFSET(-1)] => ERROR
[10, 20][ORDINAL(0)] => ERROR
[10, 20][NULL] => INT64 NULL
ARRAY_LENGTH([1, 2, 3]) => INT64 3
ARRAY_LENGTH([]) => INT64 0
ARRAY_LENGTH(CAST(NULL AS ARRAY<INT64>)) => INT64 NULL
ARRAY_CONCAT([1, 2], [3]) => ARRAY<INT64> [1, 2, 3]
ARRAY_CONCAT([1], CAST(NULL AS ARRAY<INT64>)) => ARRAY<INT64> []
ARRAY_REVERSE([1, 2, 3]) => ARRAY<INT64> [3, 2, 1]
ARRAY_TO_STRING(['coffee', 'tea', 'milk'], '--') => STRING "coffee--tea--milk"
ARRAY_TO_STRING(['cake', NULL, 'pie'], '-') => STRING "cake-pie"
ARRAY_TO_STRING(['cake', NULL, 'pie'], '-', 'MISSING') => STRING "cake-MISSING-pie"
ARRAY_TO_STRING(['a'], NULL) => STRING NULL
ARRAY_TO_STRING([b'a', b'b'], b'-') => BYTES YS1i
ARRAY_FIRST(['a', 'b']) => STRING "a"
ARRAY_LAST(['a', 'b']) => STRING "b"
ARRAY_FIRST(ARRAY<INT64>[]) => ERROR
ARRAY_SLICE(['a', 'b', 'c', 'd', 'e'], 1, 3) => ARRAY<STRING> ["b", "c", "d"]
ARRAY_SLICE(['a', 'b', 'c', 'd', 'e'], -3, -1) => ARRAY<STRING> ["c", "d", "e"]
GENERATE_ARRAY(1, 5) => ARRAY<INT64> [1, 2, 3, 4, 5]
GENERATE_ARRAY(0, 10, 3) => ARRAY<INT64> [0, 3, 6, 9]
GENERATE_ARRAY(10, 0, -3) => ARRAY<INT64> [10, 7, 4, 1]
GENERATE_ARRAY(4, 4, 10) => ARRAY<INT64> [4]
GENERATE_ARRAY(10, 0, 3) => ARRAY<INT64> []
GENERATE_ARRAY(5, NULL, 1) => ARRAY<INT64> []
GENERATE_ARRAY(1, 5, 0) => ERROR
GENERATE_ARRAY(NUMERIC '1', NUMERIC '2', NUMERIC '0.5') => ARRAY<NUMERIC> [1, 1.5, 2]
GENERATE_ARRAY(0.0, 1.0, 0.5) => ARRAY<FLOAT64> [0.0, 0.5, 1.0]
ARRAY(SELECT x * 2 FROM UNNEST([1, 2, 3]) AS x ORDER BY x DESC) => ARRAY<INT64> [6, 4, 2]
ARRAY(SELECT AS STRUCT x, x * x AS y FROM UNNEST([1, 2]) AS x ORDER BY x) => ARRAY<STRUCT<x INT64, y INT64>> [{1, 1}, {2, 4}]
ARRAY(SELECT 1, 2) => ERROR
ARRAY_INCLUDES([1, 2], 2) => ERROR Function not found: ARRAY_INCLUDES
[STRUCT(1 AS a), STRUCT(2)][OFFSET(1)].a => INT64 2
[[1]] => ERROR Cannot construct array with element type ARRAY<INT64>
[1, 'a'] => ERROR Array elements of types {INT64, STRING} do not have a common supertype
EXISTS(SELECT 1 FROM UNNEST([1, 2]) AS x WHERE x = 2) => BOOL true
EXISTS(SELECT 1 FROM UNNEST([1, 2]) AS x WHERE x = 3) => BOOL false
(SELECT SUM(x) FROM UNNEST([1, 2, 3]) AS x) => INT64 6
(SELECT x FROM UNNEST([1, 2]) AS x) => ERROR Scalar subquery produced more than one element
(SELECT x FROM UNNEST(ARRAY<INT64>[]) AS x) => INT64 NULL

SELECT * FROM UNNEST(['foo', 'bar']) AS element WITH OFFSET AS position ORDER BY position
--> element STRING, position INT64
"foo" | 0
"bar" | 1

SELECT * FROM UNNEST([10, 20]) WITH OFFSET ORDER BY offset DESC
--> f0_ INT64, offset INT64
20 | 1
10 | 0

SELECT * FROM UNNEST([STRUCT('foo' AS x, 1 AS y), ('bar', 2)])
--> x STRING, y INT64
"foo" | 1
"bar" | 2

SELECT e.x FROM UNNEST([STRUCT('foo' AS x, 1 AS y)]) AS e
--> x STRING
"foo"

SELECT COUNT(*) AS n FROM UNNEST(CAST(NULL AS ARRAY<INT64>))
--> n INT64
0

WITH s AS (SELECT 1 AS id, [5, 6] AS xs UNION ALL SELECT 2, [7] UNION ALL SELECT 3, [])
SELECT id, x FROM s, s.xs AS x ORDER BY id, x
--> id INT64, x INT64
1 | 5
1 | 6
2 | 7

WITH s AS (SELECT 1 AS id, [5, 6] AS xs UNION ALL SELECT 3, [])
SELECT id, x FROM s LEFT JOIN UNNEST(xs) AS x ORDER BY id, x
--> id INT64, x INT64
1 | 5
1 | 6
3 | NULL

WITH s AS (SELECT 1 AS id, [STRUCT(5 AS a, 'p' AS b)] AS xs)
SELECT id, a, b FROM s CROSS JOIN UNNEST(xs)
--> id INT64, a INT64, b STRING
1 | 5 | "p"

WITH s AS (SELECT 1 AS id, [3, 1, 2] AS xs)
SELECT id, (SELECT MAX(x) FROM UNNEST(xs) AS x) AS top, ARRAY(SELECT x FROM UNNEST(xs) AS x ORDER BY x) AS sorted,
  (SELECT STRING_AGG(CAST(x AS STRING) ORDER BY o) FROM UNNEST(xs) AS x WITH OFFSET o) AS joined FROM s
--> id INT64, top INT64, sorted ARRAY<INT64>, joined STRING
1 | 3 | [1, 2, 3] | "3,1,2"

SELECT ARRAY_AGG(x) AS xs FROM UNNEST([1, NULL]) AS x
--> ERROR Array cannot have a null element; error in writing field xs
