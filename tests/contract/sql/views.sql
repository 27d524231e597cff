# Logical views. The dataset is called views, as this file.
CREATE TABLE orders (id INT64, customer STRING, total NUMERIC)
--> CREATE

INSERT INTO orders VALUES (1, 'ann', 10.5), (2, 'bob', 20), (3, 'ann', 5)
--> inserted 3 updated 0 deleted 0

# Names in a view's text do not depend on the job's default dataset.
CREATE VIEW totals AS SELECT customer, SUM(total) AS total FROM orders GROUP BY customer
--> ERROR Table "orders" must be qualified with a dataset

CREATE VIEW totals AS SELECT customer, SUM(total) AS total, COUNT(*) AS n FROM views.orders GROUP BY customer
--> CREATE

SELECT * FROM totals ORDER BY customer
--> customer STRING, total NUMERIC, n INT64
"ann" | 15.5 | 2
"bob" | 20 | 1

SELECT t.n, o.id FROM views.totals AS t JOIN orders AS o USING (customer) WHERE totals.n > 1
--> ERROR Unrecognized name: totals

SELECT totals.n, o.id FROM `p.views.totals` JOIN orders AS o USING (customer) ORDER BY id
--> n INT64, id INT64
2 | 1
1 | 2
2 | 3

INSERT INTO orders VALUES (4, 'cid', 1)
--> inserted 1 updated 0 deleted 0

SELECT COUNT(*) AS n FROM totals
--> n INT64
3

CREATE VIEW totals AS SELECT 1 AS x
--> ERROR duplicate: Already Exists: Table p:views.totals

CREATE VIEW IF NOT EXISTS totals AS SELECT 1 AS x
--> SKIP

CREATE OR REPLACE VIEW big (who, how_much) OPTIONS(description = 'over ten') AS
SELECT customer, total FROM views.totals WHERE total > 10
--> CREATE

SELECT * FROM big ORDER BY who
--> who STRING, how_much NUMERIC
"ann" | 15.5
"bob" | 20

CREATE VIEW unnamed AS SELECT 1
--> ERROR CREATE VIEW columns must be named, but column 1 has no name

CREATE VIEW narrow (a) AS SELECT 1 AS x, 2 AS y
--> ERROR CREATE VIEW column list has 1 columns, but the query has 2

CREATE VIEW parameterised AS SELECT @x AS x
--> ERROR

SELECT table_name, table_type, is_insertable_into FROM INFORMATION_SCHEMA.TABLES ORDER BY 1
--> table_name STRING, table_type STRING, is_insertable_into STRING
"big" | "VIEW" | "NO"
"orders" | "BASE TABLE" | "YES"
"totals" | "VIEW" | "NO"

SELECT table_name, view_definition, use_standard_sql FROM INFORMATION_SCHEMA.VIEWS WHERE table_name = 'big'
--> table_name STRING, view_definition STRING, use_standard_sql STRING
"big" | "SELECT customer, total FROM views.totals WHERE total > 10" | "YES"

SELECT column_name, data_type FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'big' ORDER BY ordinal_position
--> column_name STRING, data_type STRING
"who" | "STRING"
"how_much" | "NUMERIC"

INSERT INTO totals VALUES ('x', 1, 1)
--> ERROR p:views.totals is not allowed for this operation because it is currently a VIEW

DELETE FROM totals WHERE TRUE
--> ERROR is currently a VIEW

DROP TABLE totals
--> ERROR is currently a VIEW

CREATE OR REPLACE TABLE totals (x INT64)
--> ERROR is currently a VIEW

CREATE TABLE copied COPY totals
--> ERROR is currently a VIEW

CREATE TABLE kept AS SELECT * FROM big
--> CREATE

DROP VIEW orders
--> ERROR Cannot drop p:views.orders which has type TABLE. A VIEW was expected.

# A view over a view that is gone.
DROP VIEW totals
--> DROP

SELECT * FROM big
--> ERROR notFound: Not found: Table p:views.totals was not found in location US

DROP VIEW totals
--> ERROR notFound

DROP VIEW IF EXISTS totals
--> SKIP

# Neither does a view end in itself.
CREATE VIEW totals AS SELECT who AS x FROM views.big
--> ERROR Not found

CREATE OR REPLACE VIEW big AS SELECT 1 AS x
--> REPLACE

CREATE VIEW totals AS SELECT x FROM views.big
--> CREATE

CREATE OR REPLACE VIEW big AS SELECT x FROM views.totals
--> REPLACE

SELECT * FROM big
--> ERROR Too many nested views

