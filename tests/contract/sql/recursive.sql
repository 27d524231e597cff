# WITH RECURSIVE
WITH RECURSIVE T1 AS ((SELECT 1 AS n) UNION ALL (SELECT n + 1 AS n FROM T1 WHERE n < 3)) SELECT n FROM T1 ORDER BY n
--> n INT64
1
2
3

CREATE TABLE people (id INT64, boss INT64, name STRING) AS
SELECT 1, NULL, 'ann' UNION ALL SELECT 2, 1, 'bob' UNION ALL SELECT 3, 1, 'cid' UNION ALL SELECT 4, 3, 'dan'
--> CREATE

WITH RECURSIVE chain AS (
  SELECT id, name, 0 AS depth, name AS path FROM people WHERE boss IS NULL
  UNION ALL
  SELECT p.id, p.name, c.depth + 1, CONCAT(c.path, '/', p.name) FROM people AS p JOIN chain AS c ON p.boss = c.id
)
SELECT * FROM chain ORDER BY path
--> id INT64, name STRING, depth INT64, path STRING
1 | "ann" | 0 | "ann"
2 | "bob" | 1 | "ann/bob"
3 | "cid" | 1 | "ann/cid"
4 | "dan" | 2 | "ann/cid/dan"

# Names without recursion, two tables, a table that reads another one.
WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n * 2 FROM a WHERE n < 10), b AS (SELECT MAX(n) AS top FROM a)
SELECT a.n, b.top FROM a, b WHERE n > 4 ORDER BY 1
--> n INT64, top INT64
8 | 16
16 | 16

# A cycle ends by UNION DISTINCT.
WITH RECURSIVE edges AS (SELECT 1 AS a, 2 AS b UNION ALL SELECT 2, 3 UNION ALL SELECT 3, 1),
reached AS (SELECT 1 AS node UNION DISTINCT SELECT e.b FROM edges AS e JOIN reached AS r ON e.a = r.node)
SELECT node FROM reached ORDER BY node
--> node INT64
1
2
3

SELECT (WITH RECURSIVE f AS (SELECT 1 AS n, 1 AS fact UNION ALL SELECT n + 1, fact * (n + 1) FROM f WHERE n < 10) SELECT MAX(fact) FROM f) AS fact
--> fact INT64
3628800

SELECT COUNT(*) AS n FROM (WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 501) SELECT * FROM r)
--> n INT64
501

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r
--> ERROR A recursive CTE has reached its maximum iteration limit

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r, UNNEST([1, 2, 3])) SELECT COUNT(*) FROM r
--> ERROR Resources exceeded

WITH RECURSIVE r AS (SELECT 1 AS n UNION DISTINCT SELECT n + 1 FROM r) SELECT COUNT(*) FROM r
--> ERROR Resources exceeded

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 0.5 FROM r) SELECT n FROM r
--> ERROR Cannot coerce column 1 of the recursive term from FLOAT64 to INT64

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT 1, 2 FROM r) SELECT n FROM r
--> ERROR mismatched column count

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT a.n FROM r AS a JOIN r AS b USING (n)) SELECT n FROM r
--> ERROR A recursive term can refer to r only once

WITH RECURSIVE r AS (SELECT 1 AS n EXCEPT DISTINCT SELECT n FROM r) SELECT n FROM r
--> ERROR UNION ALL or UNION DISTINCT

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT MAX(n) FROM r) SELECT n FROM r
--> ERROR Unsupported

WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT ROW_NUMBER() OVER () FROM r) SELECT n FROM r
--> ERROR Unsupported

