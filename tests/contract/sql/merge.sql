# MERGE. Each statement meets (1, 10, a), (2, 20, b), (3, 30, c), or what the one before has left.
CREATE TABLE t (id INT64 NOT NULL, v INT64, s STRING) AS SELECT * FROM UNNEST([STRUCT(1 AS id, 10 AS v, 'a' AS s), (2, 20, 'b'), (3, 30, 'c')])
--> CREATE

CREATE TABLE src (id INT64, v INT64, s STRING) AS SELECT * FROM UNNEST([STRUCT(2 AS id, 21 AS v, 'B' AS s), (4, 40, 'D')])
--> CREATE

MERGE t USING src AS s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET v = s.v, s = s.s
WHEN NOT MATCHED THEN INSERT (id, v, s) VALUES (s.id, s.v, s.s)
--> inserted 1 updated 1 deleted 0

SELECT * FROM t ORDER BY id
--> id INT64, v INT64, s STRING
1 | 10 | "a"
2 | 21 | "B"
3 | 30 | "c"
4 | 40 | "D"

# The first clause of its kind whose condition holds acts; the others do not.
MERGE INTO t USING UNNEST([STRUCT(1 AS id, 'del' AS op), (2, 'upd'), (3, 'keep')]) AS s ON t.id = s.id
WHEN MATCHED AND s.op = 'del' THEN DELETE
WHEN MATCHED AND s.op = 'upd' THEN UPDATE SET s = 'first'
WHEN MATCHED AND s.op != 'keep' THEN UPDATE SET s = 'second'
--> inserted 0 updated 1 deleted 1

SELECT * FROM t ORDER BY id
--> id INT64, v INT64, s STRING
2 | 21 | "first"
3 | 30 | "c"
4 | 40 | "D"

# More than one source row for a target row is an error, unless only one of them satisfies a clause.
MERGE t USING UNNEST([STRUCT(2 AS id, 1 AS v), (2, 2)]) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v
--> ERROR UPDATE/MERGE must match at most one source row for each target row

MERGE t USING UNNEST([STRUCT(2 AS id, 1 AS v), (2, 2)]) AS s ON t.id = s.id WHEN MATCHED THEN DELETE
--> ERROR UPDATE/MERGE must match at most one source row for each target row

MERGE t USING UNNEST([STRUCT(2 AS id, 1 AS v), (2, 2)]) AS s ON t.id = s.id WHEN MATCHED AND s.v = 2 THEN UPDATE SET v = s.v
--> inserted 0 updated 1 deleted 0

# Source rows without a match are inserted each.
MERGE t USING UNNEST([STRUCT(7 AS id, 1 AS v), (7, 2)]) AS s ON t.id = s.id WHEN NOT MATCHED BY TARGET THEN INSERT (id, v) VALUES (id, v)
--> inserted 2 updated 0 deleted 0

MERGE t USING (SELECT 4 AS id) AS s ON t.id = s.id
WHEN NOT MATCHED BY SOURCE AND t.id = 7 THEN DELETE
WHEN NOT MATCHED BY SOURCE AND t.id = 3 THEN UPDATE SET s = 'gone', v = t.v + 1
--> inserted 0 updated 1 deleted 2

SELECT * FROM t ORDER BY id
--> id INT64, v INT64, s STRING
2 | 2 | "first"
3 | 31 | "gone"
4 | 40 | "D"

# All three kinds in one statement.
MERGE t USING UNNEST([STRUCT(2 AS id, 200 AS v), (5, 500)]) AS s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET v = t.v + s.v
WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)
WHEN NOT MATCHED BY SOURCE THEN DELETE
--> inserted 1 updated 1 deleted 2

SELECT * FROM t ORDER BY id
--> id INT64, v INT64, s STRING
2 | 202 | "first"
5 | 500 | NULL

# ON FALSE replaces.
MERGE t USING UNNEST([STRUCT(8 AS id, 80 AS v, 'x' AS s)]) AS s ON FALSE
WHEN NOT MATCHED THEN INSERT ROW
WHEN NOT MATCHED BY SOURCE THEN DELETE
--> inserted 1 updated 0 deleted 2

# INSERT ROW takes the source's columns by name and order.
SELECT * FROM t ORDER BY id
--> id INT64, v INT64, s STRING
8 | 80 | "x"

# NULL keys match nothing.
MERGE t USING (SELECT CAST(NULL AS INT64) AS id) AS s ON t.id = s.id
WHEN MATCHED THEN DELETE
WHEN NOT MATCHED THEN INSERT (id) VALUES (9)
--> inserted 1 updated 0 deleted 0

# Joins and subqueries in USING.
MERGE t USING (SELECT a.id, b.v FROM UNNEST([8, 10]) AS id JOIN (SELECT 8 AS id) AS a USING (id), (SELECT 81 AS v) AS b) AS s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET v = s.v
--> inserted 0 updated 1 deleted 0

MERGE t USING src AS s JOIN (SELECT 9 AS id) AS j ON s.id > 0 ON t.id = j.id AND s.id = 2
WHEN MATCHED THEN UPDATE SET s = 'joined'
--> inserted 0 updated 1 deleted 0

SELECT * FROM t ORDER BY id
--> id INT64, v INT64, s STRING
8 | 81 | "x"
9 | NULL | "joined"

MERGE t USING src AS s ON t.id = s.id WHEN MATCHED AND s.v = 'x' THEN DELETE
--> ERROR

MERGE t USING src AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = NULL
--> inserted 0 updated 0 deleted 0

MERGE t USING (SELECT 8 AS id) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = NULL
--> ERROR Required field id cannot be null

MERGE t USING src AS s ON t.id = s.id
--> ERROR

MERGE t USING src AS s ON t.id = s.id WHEN MATCHED THEN INSERT ROW
--> ERROR

MERGE t USING src AS s ON t.id = s.id WHEN NOT MATCHED THEN DELETE
--> ERROR

MERGE t USING src AS s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND s.v = 1 THEN DELETE
--> ERROR

MERGE t USING src AS s ON t.id WHEN MATCHED THEN DELETE
--> ERROR

MERGE t USING src AS s ON TRUE WHEN NOT MATCHED THEN INSERT (id) VALUES (1, 2)
--> ERROR

# A source of values that are no rows, and one whose join has a column in common.
MERGE t USING UNNEST([8, 100]) AS x ON t.id = x
WHEN MATCHED THEN UPDATE SET v = x + 1
WHEN NOT MATCHED THEN INSERT (id, v) VALUES (x, 0)
--> inserted 1 updated 1 deleted 0

MERGE t USING (SELECT 8 AS id, 'l' AS l) AS a JOIN (SELECT 8 AS id, 'r' AS r) AS b USING (id) ON t.id = a.id
WHEN MATCHED THEN UPDATE SET s = CONCAT(l, b.r)
--> inserted 0 updated 1 deleted 0

SELECT id, v, s FROM t WHERE id IN (8, 100) ORDER BY id
--> id INT64, v INT64, s STRING
8 | 9 | "lr"
100 | 0 | NULL
