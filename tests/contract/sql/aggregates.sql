# Aggregate functions over a small table.
CREATE TABLE t (id INT64, g STRING, n INT64, f FLOAT64, m NUMERIC, s STRING, b BOOL, d DATE)
--> CREATE

INSERT INTO t VALUES
  (1, 'a', 10, 1.5, 1.5, 'x', TRUE, '2024-01-01'),
  (2, 'a', 20, 2.5, 2.25, 'y', FALSE, '2024-01-02'),
  (3, 'b', NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'b', 20, CAST('nan' AS FLOAT64), 3, 'x', TRUE, '2024-01-03'),
  (5, NULL, 5, CAST('-inf' AS FLOAT64), 4, 'z', NULL, '2024-01-01')
--> inserted 5 updated 0 deleted 0

SELECT COUNT(*) a, COUNT(n) b, COUNT(DISTINCT n) c, COUNTIF(n > 10) d, COUNTIF(NULL) e FROM t
--> a INT64, b INT64, c INT64, d INT64, e INT64
5 | 4 | 3 | 2 | 0

SELECT SUM(n) a, SUM(DISTINCT n) b, AVG(n) c, MIN(n) d, MAX(n) e, SUM(m) f, AVG(m) g FROM t
--> a INT64, b INT64, c FLOAT64, d INT64, e INT64, f NUMERIC, g NUMERIC
55 | 35 | 13.75 | 5 | 20 | 10.75 | 2.6875

SELECT SUM(n) a, AVG(n) b, MIN(s) c, COUNT(*) d, ARRAY_AGG(n) e, STRING_AGG(s) f, ANY_VALUE(n) g FROM t WHERE FALSE
--> a INT64, b FLOAT64, c STRING, d INT64, e ARRAY<INT64>, f STRING, g INT64
NULL | NULL | NULL | 0 | [] | NULL | NULL

SELECT MIN(f) a, MAX(f) b, SUM(f) c, AVG(f) d FROM t
--> a FLOAT64, b FLOAT64, c FLOAT64, d FLOAT64
NaN | NaN | NaN | NaN

SELECT MIN(f) a, MAX(f) b FROM t WHERE id <> 4
--> a FLOAT64, b FLOAT64
-Infinity | 2.5

SELECT id FROM t ORDER BY f, id
--> id INT64
3
4
5
1
2

SELECT id FROM t ORDER BY f DESC, id
--> id INT64
2
1
5
4
3

SELECT id FROM t ORDER BY n NULLS LAST, id
--> id INT64
5
1
2
4
3

SELECT id FROM t ORDER BY n DESC NULLS FIRST, id
--> id INT64
3
2
4
1
5

SELECT g, COUNT(*) n FROM t GROUP BY g ORDER BY g
--> g STRING, n INT64
NULL | 1
"a" | 2
"b" | 2

SELECT g AS h, SUM(n) FROM t GROUP BY h HAVING SUM(n) > 5 ORDER BY 2
--> h STRING, f0_ INT64
"b" | 20
"a" | 30

SELECT g, n, COUNT(*) c FROM t GROUP BY ALL ORDER BY g, n
--> g STRING, n INT64, c INT64
NULL | 5 | 1
"a" | 10 | 1
"a" | 20 | 1
"b" | NULL | 1
"b" | 20 | 1

SELECT STRING_AGG(s) a, STRING_AGG(s, '-' ORDER BY id DESC) b, STRING_AGG(DISTINCT s, ',' ORDER BY s) c, STRING_AGG(s ORDER BY s LIMIT 2) d FROM t
--> a STRING, b STRING, c STRING, d STRING
"x,y,x,z" | "z-x-y-x" | "x,y,z" | "x,x"

SELECT ARRAY_AGG(n IGNORE NULLS ORDER BY n DESC LIMIT 2) a, ARRAY_AGG(DISTINCT n IGNORE NULLS ORDER BY n) b FROM t
--> a ARRAY<INT64>, b ARRAY<INT64>
[20, 20] | [5, 10, 20]

SELECT ARRAY_AGG(n) FROM t
--> ERROR Array cannot have a null element

SELECT ARRAY_LENGTH(ARRAY_AGG(n)) a, ARRAY_LENGTH(ARRAY_AGG(n IGNORE NULLS)) b FROM t
--> a INT64, b INT64
5 | 4

SELECT g, ARRAY_CONCAT_AGG([id, id * 10] ORDER BY id) x FROM t WHERE g = 'a' GROUP BY g
--> g STRING, x ARRAY<INT64>
"a" | [1, 10, 2, 20]

SELECT LOGICAL_AND(b) a, LOGICAL_OR(b) o, LOGICAL_AND(b IS NULL) n FROM t
--> a BOOL, o BOOL, n BOOL
false | true | false

SELECT BIT_AND(n) a, BIT_OR(n) o, BIT_XOR(n) x FROM t
--> a INT64, o INT64, x INT64
0 | 31 | 15

SELECT ANY_VALUE(s HAVING MAX n) a, ANY_VALUE(id HAVING MIN n) b FROM t WHERE id <> 4
--> a STRING, b INT64
"y" | 5

SELECT SUM(id HAVING MAX n) FROM t
--> ERROR Unsupported: HAVING MAX

SELECT MAX_BY(s, id) a, MIN_BY(s, id) b, MAX_BY(id, n) c FROM t WHERE id IN (1, 2, 5)
--> a STRING, b STRING, c INT64
"z" | "x" | 2

SELECT APPROX_COUNT_DISTINCT(n) a, APPROX_TOP_COUNT(n, 1) c, APPROX_TOP_SUM(s, n, 1) d FROM t WHERE n IS NOT NULL
--> a INT64, c ARRAY<STRUCT<value INT64, count INT64>>, d ARRAY<STRUCT<value STRING, sum INT64>>
3 | [{20, 2}] | [{"x", 30}]

SELECT APPROX_QUANTILES(x, 2) a, APPROX_QUANTILES(x, 1) b FROM UNNEST([NULL, NULL, 1, 5, 10]) AS x
--> a ARRAY<INT64>, b ARRAY<INT64>
[1, 5, 10] | [1, 10]

SELECT VAR_POP(x) a, VAR_SAMP(x) b, VARIANCE(x) c, STDDEV_POP(x) d, ROUND(STDDEV(x), 10) e, ROUND(STDDEV_SAMP(x), 10) f FROM UNNEST([2, 4, NULL]) AS x
--> a FLOAT64, b FLOAT64, c FLOAT64, d FLOAT64, e FLOAT64, f FLOAT64
1.0 | 2.0 | 2.0 | 1.0 | 1.4142135624 | 1.4142135624

SELECT VAR_SAMP(n) a, STDDEV_POP(n) b FROM t WHERE id = 1
--> a FLOAT64, b FLOAT64
NULL | 0.0

SELECT COVAR_POP(y, x) a, COVAR_SAMP(y, x) b, CORR(y, x) c FROM UNNEST([STRUCT(1.0 AS y, 2.0 AS x), (2.0, 4.0), (NULL, 9.0), (3.0, 6.0)])
--> a FLOAT64, b FLOAT64, c FLOAT64
1.3333333333333333 | 2.0 | 1.0

SELECT MIN(d) a, MAX(d) b, MAX(b) c FROM t
--> a DATE, b DATE, c BOOL
2024-01-01 | 2024-01-03 | true

SELECT g, ANY_VALUE(b) FROM t GROUP BY g HAVING g IS NULL
--> g STRING, f0_ BOOL
NULL | NULL

SELECT COUNT(DISTINCT IF(n > 10, g, NULL)) a, SUM(IF(n > 10, 1, 0)) b FROM t
--> a INT64, b INT64
2 | 2

SELECT SUM(x) FROM UNNEST([9223372036854775807, 1]) AS x
--> ERROR int64 overflow

SELECT SUM(x) s FROM UNNEST([9223372036854775807, 1, -1]) AS x
--> s INT64
9223372036854775807

SELECT AVG(x) s FROM UNNEST([9223372036854775807, 9223372036854775807]) AS x
--> s FLOAT64
9.223372036854776E18

SELECT SUM(x) s FROM UNNEST([NUMERIC '0.1', 0.2, 0.3]) AS x
--> s NUMERIC
0.6

SELECT id, SUM(n) FROM t
--> ERROR SELECT list expression references column id which is neither grouped nor aggregated

SELECT SUM(s) FROM t
--> ERROR No matching signature for aggregate function SUM for argument types: STRING

SELECT COUNT(*) FROM t WHERE COUNT(*) > 1
--> ERROR Aggregate function COUNT not allowed in WHERE clause

SELECT SUM(SUM(n)) FROM t
--> ERROR Aggregations of aggregations are not allowed

SELECT EXTRACT(MONTH FROM d) AS month, COUNT(*) AS n FROM t WHERE d IS NOT NULL GROUP BY month
--> month INT64, n INT64
1 | 4

SELECT SUM(n) OVER () + 1 FROM t WHERE id = 1
--> f0_ INT64
11

SELECT APPROX_TOP_SUM(x, weight, 2) AS a FROM UNNEST([STRUCT('apple' AS x, NULL AS weight), ('pear', 0), ('pear', NULL)])
--> a ARRAY<STRUCT<value STRING, sum INT64>>
[{"pear", 0}, {"apple", NULL}]

# The newest row of each group.
SELECT ARRAY_AGG(t ORDER BY id DESC LIMIT 1)[OFFSET(0)].* EXCEPT (f, m, s, b, d) FROM t GROUP BY g ORDER BY id
--> id INT64, g STRING, n INT64
2 | "a" | 20
4 | "b" | 20
5 | NULL | 5

SELECT SUM(x) FROM UNNEST([-9223372036854775807, 1, -5]) AS x => ERROR int64 overflow
SELECT SUM(x) FROM UNNEST([-223372036854775808, 1]) AS x => INT64 -223372036854775807
