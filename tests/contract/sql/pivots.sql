# PIVOT and UNPIVOT, by the examples of the query syntax page.
CREATE TABLE Produce AS
SELECT * FROM UNNEST([STRUCT('Kale' AS product, 51 AS sales, 'Q1' AS quarter, 2020 AS year),
  ('Kale', 23, 'Q2', 2020), ('Kale', 45, 'Q3', 2020), ('Kale', 3, 'Q4', 2020), ('Kale', 70, 'Q1', 2021),
  ('Kale', 85, 'Q2', 2021), ('Apple', 77, 'Q1', 2020), ('Apple', 0, 'Q2', 2020), ('Apple', 1, 'Q1', 2021)])
--> CREATE

SELECT * FROM Produce PIVOT(SUM(sales) FOR quarter IN ('Q1', 'Q2', 'Q3', 'Q4')) ORDER BY product, year
--> product STRING, year INT64, Q1 INT64, Q2 INT64, Q3 INT64, Q4 INT64
"Apple" | 2020 | 77 | 0 | NULL | NULL
"Apple" | 2021 | 1 | NULL | NULL | NULL
"Kale" | 2020 | 51 | 23 | 45 | 3
"Kale" | 2021 | 70 | 85 | NULL | NULL

SELECT * FROM (SELECT product, sales, quarter FROM Produce) PIVOT(SUM(sales) FOR quarter IN ('Q1', 'Q2', 'Q3')) ORDER BY 1
--> product STRING, Q1 INT64, Q2 INT64, Q3 INT64
"Apple" | 78 | 0 | NULL
"Kale" | 121 | 108 | 45

SELECT * FROM (SELECT sales, quarter FROM Produce) PIVOT(SUM(sales) FOR quarter IN ('Q1', 'Q2', 'Q3'))
--> Q1 INT64, Q2 INT64, Q3 INT64
199 | 108 | 45

SELECT * FROM (SELECT product, sales, quarter FROM Produce)
PIVOT(SUM(sales) AS total_sales, COUNT(*) AS num_records FOR quarter IN ('Q1', 'Q2')) ORDER BY 1
--> product STRING, total_sales_Q1 INT64, num_records_Q1 INT64, total_sales_Q2 INT64, num_records_Q2 INT64
"Apple" | 78 | 2 | 0 | 1
"Kale" | 121 | 2 | 108 | 2

# Names from values, and by aliases.
SELECT * FROM (SELECT sales, year FROM Produce) PIVOT(SUM(sales) FOR year IN (2020, -1, 2021 AS latest, NULL))
--> _2020 INT64, minus_1 INT64, latest INT64, NULL INT64
199 | NULL | 156 | NULL

SELECT * FROM (SELECT 1 AS x, DATE '2013-11-25' AS d) PIVOT(COUNT(*) AS n FOR d IN (DATE '2013-11-25', DATE '2014-01-01' AS other))
--> x INT64, n__2013_11_25 INT64, n_other INT64
1 | 1 | 0

SELECT p.product, p.a FROM Produce AS t PIVOT(ARRAY_AGG(t.sales ORDER BY t.sales) FOR t.quarter IN ('Q1' AS a)) AS p WHERE p.year = 2020 ORDER BY 1
--> product STRING, a ARRAY<INT64>
"Apple" | [77]
"Kale" | [51]

SELECT * FROM Produce PIVOT(sales FOR quarter IN ('Q1'))
--> ERROR PIVOT expression must be an aggregate function call

SELECT * FROM Produce PIVOT(SUM(sales), COUNT(*) FOR quarter IN ('Q1'))
--> ERROR At most one PIVOT expression may be without an alias

SELECT * FROM Produce PIVOT(SUM(sales) FOR quarter IN (1.5))
--> ERROR PIVOT value column must have an alias

CREATE TABLE Quarters AS
SELECT 'Kale' AS product, 51 AS Q1, 23 AS Q2, 45 AS Q3, 3 AS Q4 UNION ALL SELECT 'Apple', 77, 0, 25, CAST(NULL AS INT64)
--> CREATE

SELECT * FROM Quarters UNPIVOT(sales FOR quarter IN (Q1, Q2, Q3, Q4)) ORDER BY product, quarter
--> product STRING, sales INT64, quarter STRING
"Apple" | 77 | "Q1"
"Apple" | 0 | "Q2"
"Apple" | 25 | "Q3"
"Kale" | 51 | "Q1"
"Kale" | 23 | "Q2"
"Kale" | 45 | "Q3"
"Kale" | 3 | "Q4"

SELECT * FROM Quarters UNPIVOT INCLUDE NULLS (sales FOR quarter IN (Q1 AS 1, Q4 AS 4)) ORDER BY product, quarter
--> product STRING, Q2 INT64, Q3 INT64, sales INT64, quarter INT64
"Apple" | 0 | 25 | 77 | 1
"Apple" | 0 | 25 | NULL | 4
"Kale" | 23 | 45 | 51 | 1
"Kale" | 23 | 45 | 3 | 4

SELECT * FROM Quarters
UNPIVOT((first_half_sales, second_half_sales) FOR semesters IN ((Q1, Q2) AS 'semester_1', (Q3, Q4) AS 'semester_2')) ORDER BY product, semesters
--> product STRING, first_half_sales INT64, second_half_sales INT64, semesters STRING
"Apple" | 77 | 0 | "semester_1"
"Apple" | 25 | NULL | "semester_2"
"Kale" | 51 | 23 | "semester_1"
"Kale" | 45 | 3 | "semester_2"

SELECT u.product, u.sales FROM (SELECT * FROM Quarters) UNPIVOT(sales FOR quarter IN (Q1)) AS u ORDER BY 1
--> product STRING, sales INT64
"Apple" | 77
"Kale" | 51

SELECT * FROM Quarters UNPIVOT(sales FOR quarter IN (Q1, product))
--> ERROR The datatype of column does not match with other datatypes in the IN clause. Expected INT64, Found STRING

SELECT * FROM Quarters UNPIVOT((a, b) FOR quarter IN (Q1))
--> ERROR The number of new columns introduced as value columns must be the same

SELECT * FROM Quarters UNPIVOT(sales FOR quarter IN (Q9))
--> ERROR Unrecognized name: Q9

SELECT * FROM (SELECT * FROM Quarters UNPIVOT(sales FOR quarter IN (Q1, Q2))) PIVOT(MAX(sales) FOR quarter IN ('Q1', 'Q2')) ORDER BY product
--> product STRING, Q3 INT64, Q4 INT64, Q1 INT64, Q2 INT64
"Apple" | 25 | NULL | 77 | 0
"Kale" | 45 | 3 | 51 | 23

