# Pipe syntax, by the examples of the pipe syntax page.
CREATE TABLE Produce AS
SELECT 'apples' AS item, 2 AS sales, 'fruit' AS category UNION ALL SELECT 'carrots', 8, 'vegetable' UNION ALL SELECT 'apples', 7, 'fruit' UNION ALL SELECT 'bananas', 5, 'fruit'
--> CREATE

FROM Produce |> WHERE item != 'bananas' AND category IN ('fruit', 'nut') |> AGGREGATE COUNT(*) AS num_items, SUM(sales) AS total_sales GROUP BY item |> ORDER BY item DESC
--> item STRING, num_items INT64, total_sales INT64
"apples" | 2 | 9

FROM Produce |> AGGREGATE SUM(sales) AS total GROUP AND ORDER BY category, item DESC
--> category STRING, item STRING, total INT64
"fruit" | "bananas" | 5
"fruit" | "apples" | 9
"vegetable" | "carrots" | 8

FROM Produce |> AGGREGATE COUNT(*) AS n
--> n INT64
4

SELECT 'apples' AS item, 2 AS sales |> EXTEND item IN ('carrots', 'oranges') AS is_orange, sales * 2 AS twice
--> item STRING, sales INT64, is_orange BOOL, twice INT64
"apples" | 2 | false | 4

SELECT 1 AS x, 11 AS y UNION ALL SELECT 2, 22 |> SET x = x * x, y = 3 |> ORDER BY x
--> x INT64, y INT64
1 | 3
4 | 3

SELECT 1 AS x, 2 AS y, 3 AS z |> DROP x, z |> RENAME y AS renamed_y |> EXTEND renamed_y + 1 AS w
--> renamed_y INT64, w INT64
2 | 3

FROM Produce |> SELECT sales |> ORDER BY sales DESC |> LIMIT 2 OFFSET 1
--> sales INT64
7
5

FROM Produce |> SELECT category |> DISTINCT |> AS c |> WHERE c.category LIKE 'v%'
--> category STRING
"vegetable"

FROM Produce AS p |> WHERE p.sales > 5 |> LEFT JOIN (SELECT 'carrots' AS item, 123 AS id) AS k ON p.item = k.item |> SELECT p.item, k.id, UPPER(p.category) AS c |> ORDER BY id
--> item STRING, id INT64, c STRING
"apples" | NULL | "FRUIT"
"carrots" | 123 | "VEGETABLE"

FROM Produce |> JOIN (SELECT 'apples' AS item, 1 AS id) USING (item) |> AGGREGATE SUM(sales) AS s, MAX(id) AS id
--> s INT64, id INT64
9 | 1

SELECT 1 AS n |> UNION ALL (SELECT 2 AS n), (SELECT 3) |> WHERE n > 1 |> ORDER BY n
--> n INT64
2
3

FROM Produce |> SELECT item, sales |> PIVOT(SUM(sales) FOR item IN ('apples', 'carrots'))
--> apples INT64, carrots INT64
9 | 8

WITH big AS (SELECT * FROM Produce WHERE sales > 5) FROM big |> AGGREGATE COUNT(*) AS n, SUM(sales) AS s |> SELECT s, n
--> s INT64, n INT64
15 | 2

SELECT * FROM (FROM Produce |> WHERE sales > 5 |> SELECT item) AS x ORDER BY item
--> item STRING
"apples"
"carrots"

FROM Produce |> EXTEND ROW_NUMBER() OVER (PARTITION BY category ORDER BY sales DESC) AS r |> WHERE r = 1 |> SELECT item, category |> ORDER BY item
--> item STRING, category STRING
"apples" | "fruit"
"carrots" | "vegetable"

CREATE TABLE piped AS FROM Produce |> WHERE sales = 8
--> CREATE

FROM piped
--> item STRING, sales INT64, category STRING
"carrots" | 8 | "vegetable"

INSERT INTO piped FROM Produce |> WHERE sales = 2
--> inserted 1 updated 0 deleted 0

SELECT (5 | 2) AS bits, EXISTS(FROM piped |> WHERE sales > 100) AS any_sales, ARRAY(FROM piped |> SELECT sales |> ORDER BY sales) AS all_sales
--> bits INT64, any_sales BOOL, all_sales ARRAY<INT64>
7 | false | [2, 8]

FROM Produce |> WHERE nothing = 1
--> ERROR Unrecognized name: nothing

FROM Produce |> CALL f()
--> ERROR Unsupported: the pipe operator CALL

FROM Produce |>
--> ERROR Syntax error

FROM Produce |> SET nothing = 1
--> ERROR Column nothing in SELECT * REPLACE list does not exist

FROM Produce |> RENAME nothing AS something
--> ERROR Column nothing in SELECT * RENAME list does not exist


FROM UNNEST([1]) AS x |> AGGREGATE
--> ERROR Syntax error
