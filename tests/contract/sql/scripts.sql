# Scripts and functions: the rows are those of the last query.
DECLARE x INT64 DEFAULT 5; SELECT x, x + 1 AS y
--> x INT64, y INT64
5 | 6

SELECT 1 AS a; SELECT 'b' AS b;
--> b STRING
"b"

DECLARE a, b STRING; DECLARE d DATE DEFAULT '2024-01-31'; DECLARE l DEFAULT [1, 2];
SET a = CONCAT('x', CAST(l[OFFSET(1)] AS STRING));
SET (b, d) = ('y', DATE_ADD(d, INTERVAL 1 DAY));
SELECT a, b, d, l, (SELECT COUNT(*) FROM UNNEST(l) AS n WHERE n > 1) AS n
--> a STRING, b STRING, d DATE, l ARRAY<INT64>, n INT64
"x2" | "y" | 2024-02-01 | [1, 2] | 1

CREATE TABLE t (id INT64, n STRING); INSERT INTO t VALUES (1, 'one'), (2, 'two'); UPDATE t SET n = 'zwei' WHERE id = 2; SELECT * FROM t ORDER BY id
--> id INT64, n STRING
1 | "one"
2 | "zwei"

# Columns come before variables.
DECLARE id INT64 DEFAULT 9; SELECT id FROM t ORDER BY id LIMIT 1
--> id INT64
1

DECLARE top INT64; SET top = (SELECT MAX(id) FROM t);
IF top > 5 THEN SELECT 'many' AS word;
ELSEIF top = 2 THEN SELECT 'two' AS word;
ELSE SELECT 'few' AS word;
END IF
--> word STRING
"two"

DECLARE i INT64 DEFAULT 0; DECLARE s STRING DEFAULT '';
WHILE TRUE DO
  SET i = i + 1;
  IF i = 2 THEN CONTINUE; END IF;
  IF i > 4 THEN BREAK; END IF;
  SET s = CONCAT(s, CAST(i AS STRING));
END WHILE;
LOOP SET s = CONCAT(s, '.'); IF LENGTH(s) > 5 THEN LEAVE; END IF; END LOOP;
REPEAT SET s = CONCAT(s, '!'); UNTIL LENGTH(s) >= 8 END REPEAT;
SELECT s
--> s STRING
"134...!!"

DECLARE total INT64 DEFAULT 0;
FOR r IN (SELECT id, n FROM t ORDER BY id) DO SET total = total + r.id * 10; END FOR;
SELECT total
--> total INT64
30

BEGIN
  SELECT 1 / 0;
EXCEPTION WHEN ERROR THEN
  SELECT @@error.message AS message;
END
--> message STRING
"division by zero: 1 / 0"

BEGIN DECLARE inner_one INT64 DEFAULT 1; SELECT inner_one; END; SELECT inner_one
--> ERROR Unrecognized name: inner_one

# What a script has done before it fails stays.
CREATE TABLE kept (x INT64); INSERT INTO kept VALUES (1); SELECT ERROR('here')
--> ERROR here

SELECT * FROM kept
--> x INT64
1

BEGIN INSERT INTO kept VALUES (2); RAISE USING MESSAGE = 'enough'; EXCEPTION WHEN ERROR THEN INSERT INTO kept VALUES (3); END; SELECT x FROM kept ORDER BY x
--> x INT64
1
2
3

RAISE USING MESSAGE = 'not today'
--> ERROR not today at [1:1]

ASSERT (SELECT COUNT(*) FROM kept) > 5 AS 'too few rows'
--> ERROR too few rows

ASSERT TRUE; SELECT 1 AS ok; RETURN; SELECT 2 AS ok
--> ok INT64
1

EXECUTE IMMEDIATE CONCAT('SELECT ', '1 + 1 AS two')
--> two INT64
2

# Everything is parsed before anything runs.
INSERT INTO kept VALUES (99); SELEC 1
--> ERROR Syntax error: Unexpected identifier "SELEC" at [1:31]

SELECT COUNT(*) AS n FROM kept WHERE x = 99
--> n INT64
0

DECLARE x INT64 DEFAULT 'a'; SELECT x
--> ERROR Value of type STRING cannot be assigned to x, which has type INT64

SET nobody = 1
--> ERROR Undeclared variable: nobody

DECLARE x INT64; DECLARE x INT64
--> ERROR Variable 'x' redeclaration

LOOP SET @@x = 1; END LOOP
--> ERROR Unsupported: SET of a system variable

DECLARE i INT64 DEFAULT 0; LOOP SET i = i + 1; END LOOP
--> ERROR The sandbox runs at most 100000 statements of a script

BEGIN TRANSACTION; COMMIT TRANSACTION
--> ERROR Unsupported: the statement BEGIN TRANSACTION

# Functions: before one statement, and in scripts.
CREATE TEMP FUNCTION AddFourAndDivide(x INT64, y INT64) RETURNS FLOAT64 AS ((x + 4) / y);
SELECT val, AddFourAndDivide(val, 2) AS result FROM UNNEST([2, 3, 5, 8]) AS val ORDER BY val
--> val INT64, result FLOAT64
2 | 3.0
3 | 3.5
5 | 4.5
8 | 6.0

CREATE TEMP FUNCTION twice(x ANY TYPE) AS (x * 2); CREATE TEMP FUNCTION four_times(x ANY TYPE) AS (twice(twice(x)));
SELECT four_times(1) AS i, four_times(1.5) AS f, SUM(twice(n)) AS s, twice(SUM(n)) AS t FROM UNNEST([1, 2]) AS n
--> i INT64, f FLOAT64, s INT64, t INT64
4 | 6.0 | 6 | 6

CREATE TEMP FUNCTION names(wanted STRING) AS ((SELECT COUNT(*) FROM scripts.t WHERE n = wanted)); SELECT names('one') AS n
--> n INT64
1

CREATE TEMP FUNCTION f(x INT64) AS (f(x)); SELECT f(1)
--> ERROR Function not found: F

CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f('a')
--> ERROR No matching signature for function f

CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(1, 2)
--> ERROR Number of arguments does not match for function f

CREATE TEMP FUNCTION f(x INT64) RETURNS INT64 LANGUAGE js AS 'return x'; SELECT f(1)
--> ERROR Unsupported: a function in another language than SQL

DECLARE n INT64 DEFAULT 3; CREATE TEMP FUNCTION plus(x INT64) AS (x + 1); SET n = plus(n); SELECT plus(n) AS n
--> n INT64
5

# Temporary tables are the script's own.
CREATE TEMP TABLE some_rows AS SELECT 1 AS x UNION ALL SELECT 2; INSERT INTO some_rows VALUES (3); CREATE OR REPLACE TEMP TABLE some_rows AS SELECT x + 1 AS x FROM some_rows; SELECT SUM(x) AS s FROM some_rows
--> s INT64
9

SELECT * FROM some_rows
--> ERROR notFound: Not found: Table p:scripts.some_rows was not found in location US

CREATE TEMP TABLE alone AS SELECT 1 AS x
--> ERROR Use of CREATE TEMPORARY TABLE requires a script or session

CREATE TEMP TABLE scripts.qualified (x INT64); SELECT 1
--> ERROR The name of a temporary table must not be qualified

CREATE TEMP TABLE t (x STRING); INSERT INTO t VALUES ('temporary'); SELECT * FROM t
--> x STRING
"temporary"

SELECT * FROM scripts.t ORDER BY id LIMIT 1
--> id INT64, n STRING
1 | "one"


# A failed expression leaves nothing of what it made for itself.
CREATE TABLE many AS SELECT x FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS x
--> CREATE

DECLARE n INT64; SELECT 1; SET n = (SELECT SUM(DIV(1, (SELECT b.x - b.x FROM many b WHERE b.x = a.x))) FROM many a)
--> ERROR division by zero

SELECT SUM((SELECT b.x FROM many b WHERE b.x = a.x)) AS n FROM many a
--> n INT64
4501500

# Views know nothing of the script that makes them.
CREATE TEMP TABLE passing AS SELECT 1 AS z; CREATE VIEW of_temp AS SELECT z FROM passing
--> ERROR passing

DECLARE v INT64 DEFAULT 1; CREATE VIEW of_variable AS SELECT v AS x
--> ERROR Unrecognized name: v

CREATE TEMP FUNCTION plus(x INT64) AS (x + 1); CREATE VIEW of_function AS SELECT plus(1) AS x
--> ERROR Function not found: PLUS
