# GROUP BY ROLLUP, CUBE and GROUPING SETS, by the examples of the query syntax page.
CREATE TABLE Products AS
SELECT * FROM UNNEST([STRUCT('shirt' AS product_type, 't-shirt' AS product_name, 3 AS product_count), ('shirt', 't-shirt', 8), ('shirt', 'polo', 25), ('pants', 'jeans', 6)])
--> CREATE

SELECT product_type, product_name, SUM(product_count) AS product_sum FROM Products
GROUP BY ROLLUP (product_type, product_name) ORDER BY product_type, product_name
--> product_type STRING, product_name STRING, product_sum INT64
NULL | NULL | 42
"pants" | NULL | 6
"pants" | "jeans" | 6
"shirt" | NULL | 36
"shirt" | "polo" | 25
"shirt" | "t-shirt" | 11

SELECT product_type, product_name, SUM(product_count) AS product_sum FROM Products
GROUP BY GROUPING SETS (product_type, product_name) ORDER BY product_name, product_type
--> product_type STRING, product_name STRING, product_sum INT64
"pants" | NULL | 6
"shirt" | NULL | 36
NULL | "jeans" | 6
NULL | "polo" | 25
NULL | "t-shirt" | 11

SELECT product_type, product_name, SUM(product_count) AS product_sum FROM Products
GROUP BY CUBE (product_type, product_name) ORDER BY product_type, product_name
--> product_type STRING, product_name STRING, product_sum INT64
NULL | NULL | 42
NULL | "jeans" | 6
NULL | "polo" | 25
NULL | "t-shirt" | 11
"pants" | NULL | 6
"pants" | "jeans" | 6
"shirt" | NULL | 36
"shirt" | "polo" | 25
"shirt" | "t-shirt" | 11

SELECT product_type, product_name, SUM(product_count) AS product_sum, GROUPING(product_type) AS agg_product_type, GROUPING(product_name) AS agg_product_name FROM Products
GROUP BY GROUPING SETS (product_type, product_name, ()) ORDER BY product_name, product_type
--> product_type STRING, product_name STRING, product_sum INT64, agg_product_type INT64, agg_product_name INT64
NULL | NULL | 42 | 1 | 1
"pants" | NULL | 6 | 0 | 1
"shirt" | NULL | 36 | 0 | 1
NULL | "jeans" | 6 | 1 | 0
NULL | "polo" | 25 | 1 | 0
NULL | "t-shirt" | 11 | 1 | 0

# Items of several expressions, aliases and places, expressions over what is rolled up, HAVING.
SELECT UPPER(product_type) AS t, IFNULL(product_name, 'all') AS n, COUNT(*) AS c, MAX(product_name) AS last FROM Products
GROUP BY ROLLUP ((t, product_name)) HAVING COUNT(*) > 1 ORDER BY c, 1
--> t STRING, n STRING, c INT64, last STRING
"SHIRT" | "t-shirt" | 2 | "t-shirt"
NULL | "all" | 4 | "t-shirt"

SELECT product_type, COUNT(*) FROM Products GROUP BY GROUPING SETS (ROLLUP(1), product_type) ORDER BY 1
--> product_type STRING, f0_ INT64
NULL | 4
"pants" | 1
"pants" | 1
"shirt" | 3
"shirt" | 3

# The total of nothing is a row, the groups of nothing are none.
SELECT product_type, COUNT(*) AS n FROM Products WHERE FALSE GROUP BY ROLLUP(product_type)
--> product_type STRING, n INT64
NULL | 0

SELECT product_type FROM Products GROUP BY ROLLUP(product_type) ORDER BY product_type DESC LIMIT 2
--> product_type STRING
"shirt"
"pants"

SELECT COUNT(*) AS n FROM Products GROUP BY ()
--> n INT64
4

SELECT * FROM (SELECT product_type, SUM(product_count) AS n FROM Products GROUP BY CUBE(product_type)) WHERE product_type IS NULL
--> product_type STRING, n INT64
NULL | 42

SELECT product_type, product_count FROM Products GROUP BY ROLLUP(product_type)
--> ERROR SELECT list expression references column product_count which is neither grouped nor aggregated

SELECT GROUPING(product_name) FROM Products GROUP BY ROLLUP(product_type)
--> ERROR GROUPING must have an argument that exists within the group-by expression list

SELECT product_type, GROUPING(product_type) AS g FROM Products GROUP BY product_type ORDER BY 1
--> product_type STRING, g INT64
"pants" | 0
"shirt" | 0

SELECT * FROM (SELECT product_type FROM Products) GROUP BY product_type ORDER BY 1
--> product_type STRING
"pants"
"shirt"

SELECT product_type, RANK() OVER (ORDER BY COUNT(*)) FROM Products GROUP BY ROLLUP(product_type)
--> ERROR Unsupported: RANK with OVER beside grouping sets

