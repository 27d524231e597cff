# CREATE, ALTER, DROP and INFORMATION_SCHEMA.
CREATE TABLE a (id INT64 NOT NULL OPTIONS(description='key'), ts TIMESTAMP, c STRING(5), n NUMERIC(5, 2), r ARRAY<STRUCT<x INT64, y STRING>>)
PARTITION BY TIMESTAMP_TRUNC(ts, MONTH) CLUSTER BY c, id OPTIONS(description='about', labels=[('k', 'v')])
--> CREATE

CREATE TABLE a (id INT64)
--> ERROR 409 duplicate: Already Exists: Table p:ddl.a

CREATE TABLE IF NOT EXISTS a (id INT64)
--> SKIP

CREATE OR REPLACE TABLE b AS SELECT 1 AS id, 'x' AS s
--> CREATE

CREATE OR REPLACE TABLE b AS SELECT id, id + 1 AS next FROM b
--> REPLACE

CREATE OR REPLACE TABLE IF NOT EXISTS b (id INT64)
--> ERROR

SELECT * FROM b
--> id INT64, next INT64
1 | 2

CREATE TABLE c (id NUMERIC, s STRING NOT NULL) AS SELECT 1, 'x'
--> CREATE

CREATE TABLE d LIKE a
--> CREATE

SELECT COUNT(*) n FROM d
--> n INT64
0

SELECT column_name, data_type, is_nullable, is_partitioning_column FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'd' AND ordinal_position < 3 ORDER BY ordinal_position
--> column_name STRING, data_type STRING, is_nullable STRING, is_partitioning_column STRING
"id" | "INT64" | "NO" | "NO"
"ts" | "TIMESTAMP" | "YES" | "YES"

CREATE TABLE e COPY b
--> CREATE

SELECT * FROM e
--> id INT64, next INT64
1 | 2

CREATE TABLE nope.a (id INT64)
--> ERROR 404 notFound: Not found: Dataset p:nope was not found in location US

CREATE TABLE x (id INT64, ID STRING)
--> ERROR

CREATE TABLE x (a ARRAY<ARRAY<INT64>>)
--> ERROR

CREATE TABLE x AS SELECT 1
--> ERROR CREATE TABLE columns must be named, but column 1 has no name

CREATE TABLE x (f FLOAT64) CLUSTER BY f
--> ERROR

CREATE TABLE x (s STRING) PARTITION BY s
--> ERROR

SELECT column_name, ordinal_position, is_nullable, data_type, is_partitioning_column, clustering_ordinal_position FROM ddl.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'a' AND ordinal_position < 5 ORDER BY ordinal_position
--> column_name STRING, ordinal_position INT64, is_nullable STRING, data_type STRING, is_partitioning_column STRING, clustering_ordinal_position INT64
"id" | 1 | "NO" | "INT64" | "NO" | 2
"ts" | 2 | "YES" | "TIMESTAMP" | "YES" | NULL
"c" | 3 | "YES" | "STRING(5)" | "NO" | 1
"n" | 4 | "YES" | "NUMERIC(5, 2)" | "NO" | NULL

SELECT * EXCEPT (table_catalog, table_schema) FROM ddl.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'b'
--> table_name STRING, column_name STRING, ordinal_position INT64, is_nullable STRING, data_type STRING, is_generated STRING, generation_expression STRING, is_stored STRING, is_hidden STRING, is_updatable STRING, is_system_defined STRING, is_partitioning_column STRING, clustering_ordinal_position INT64, collation_name STRING, column_default STRING, rounding_mode STRING
"b" | "id" | 1 | "YES" | "INT64" | "NEVER" | NULL | NULL | "NO" | NULL | "NO" | "NO" | NULL | "NULL" | "NULL" | NULL
"b" | "next" | 2 | "YES" | "INT64" | "NEVER" | NULL | NULL | "NO" | NULL | "NO" | "NO" | NULL | "NULL" | "NULL" | NULL

SELECT table_catalog, table_schema, table_name, table_type, is_insertable_into FROM `p.ddl.INFORMATION_SCHEMA.TABLES` ORDER BY table_name LIMIT 2
--> table_catalog STRING, table_schema STRING, table_name STRING, table_type STRING, is_insertable_into STRING
"p" | "ddl" | "a" | "BASE TABLE" | "YES"
"p" | "ddl" | "b" | "BASE TABLE" | "YES"

ALTER TABLE b ADD COLUMN tags ARRAY<STRING>, ADD COLUMN IF NOT EXISTS id INT64, ADD COLUMN st STRUCT<q INT64> OPTIONS(description='d')
--> ALTER

SELECT * FROM b
--> id INT64, next INT64, tags ARRAY<STRING>, st STRUCT<q INT64>
1 | 2 | [] | NULL

ALTER TABLE b ADD COLUMN id INT64
--> ERROR Column already exists: id

ALTER TABLE b ADD COLUMN z INT64 NOT NULL
--> ERROR

ALTER TABLE b DROP COLUMN next
--> ALTER

ALTER TABLE b DROP COLUMN IF EXISTS next
--> ALTER

ALTER TABLE b DROP COLUMN next
--> ERROR

SELECT * FROM b
--> id INT64, tags ARRAY<STRING>, st STRUCT<q INT64>
1 | [] | NULL

ALTER TABLE a ALTER COLUMN id DROP NOT NULL
--> ALTER

INSERT INTO a (id, c, n) VALUES (NULL, 'abc', 1.5)
--> inserted 1 updated 0 deleted 0

# Types widen: INT64 to NUMERIC, BIGNUMERIC, FLOAT64; NUMERIC to BIGNUMERIC, FLOAT64; parameters grow or go.
ALTER TABLE a ALTER COLUMN c SET DATA TYPE STRING(10)
--> ALTER

ALTER TABLE a ALTER COLUMN c SET DATA TYPE STRING(4)
--> ERROR

ALTER TABLE a ALTER COLUMN c SET DATA TYPE STRING
--> ALTER

ALTER TABLE a ALTER COLUMN c SET DATA TYPE INT64
--> ERROR

ALTER TABLE a ALTER COLUMN n SET DATA TYPE NUMERIC(10, 4)
--> ALTER

ALTER TABLE a ALTER COLUMN n SET DATA TYPE NUMERIC(10, 2)
--> ERROR

ALTER TABLE a ALTER COLUMN n SET DATA TYPE NUMERIC
--> ALTER

ALTER TABLE a ALTER COLUMN n SET DATA TYPE BIGNUMERIC
--> ALTER

SELECT n, c FROM a
--> n BIGNUMERIC, c STRING
1.5 | "abc"

ALTER TABLE e ALTER COLUMN next SET DATA TYPE NUMERIC
--> ALTER

ALTER TABLE e ALTER COLUMN id SET DATA TYPE FLOAT64
--> ALTER

SELECT * FROM e
--> id FLOAT64, next NUMERIC
1.0 | 2

ALTER TABLE e ALTER COLUMN id SET DATA TYPE INT64
--> ERROR

ALTER TABLE a ALTER COLUMN c SET OPTIONS(description='text')
--> ALTER

ALTER TABLE c ALTER COLUMN id SET DEFAULT 5
--> ALTER

INSERT INTO c (s) VALUES ('dflt')
--> inserted 1 updated 0 deleted 0

SELECT * FROM c ORDER BY id
--> id NUMERIC, s STRING
1 | "x"
5 | "dflt"

ALTER TABLE c ALTER COLUMN id DROP DEFAULT
--> ALTER

ALTER TABLE a SET OPTIONS(description='other')
--> ALTER

ALTER TABLE nope SET OPTIONS(description='other')
--> ERROR 404 notFound: Not found: Table p:ddl.nope

ALTER TABLE IF EXISTS nope SET OPTIONS(description='other')
--> SKIP

DROP TABLE e
--> DROP

DROP TABLE e
--> ERROR 404 notFound: Not found: Table p:ddl.e

DROP TABLE IF EXISTS e
--> SKIP

CREATE MATERIALIZED VIEW v AS SELECT 1 AS x
--> ERROR Unsupported: CREATE MATERIALIZED VIEW

CREATE EXTERNAL TABLE x OPTIONS(format='CSV')
--> ERROR Unsupported: CREATE EXTERNAL TABLE

CREATE TEMP TABLE x (id INT64)
--> ERROR Use of CREATE TEMPORARY TABLE requires a script

# Datasets
CREATE SCHEMA IF NOT EXISTS ddl
--> SKIP

CREATE SCHEMA ddl_more OPTIONS(description = 'more')
--> CREATE

CREATE SCHEMA ddl_more
--> ERROR duplicate: Already Exists: Dataset p:ddl_more

CREATE TABLE ddl_more.t AS SELECT 1 AS x, 'a' AS y
--> CREATE

DROP SCHEMA ddl_more
--> ERROR Dataset p:ddl_more is still in use

ALTER TABLE ddl_more.t RENAME TO renamed
--> ALTER

SELECT * FROM ddl_more.renamed
--> x INT64, y STRING
1 | "a"

SELECT * FROM ddl_more.t
--> ERROR notFound

ALTER TABLE ddl_more.renamed RENAME COLUMN y TO z, ADD COLUMN w INT64
--> ALTER

SELECT z, w FROM ddl_more.renamed
--> z STRING, w INT64
"a" | NULL

ALTER TABLE ddl_more.renamed RENAME COLUMN z TO x
--> ERROR Column already exists: x

CREATE TABLE ddl_more.cloned CLONE ddl_more.renamed
--> CREATE

ALTER TABLE ddl_more.renamed RENAME TO cloned
--> ERROR duplicate: Already Exists: Table p:ddl_more.cloned

SELECT COUNT(*) AS n FROM ddl_more.cloned
--> n INT64
1

DROP SCHEMA ddl_more CASCADE
--> DROP

DROP SCHEMA ddl_more
--> ERROR notFound

DROP SCHEMA IF EXISTS ddl_more
--> SKIP

# The views of a region: the datasets, and the jobs.
SELECT schema_name, location, catalog_name FROM INFORMATION_SCHEMA.SCHEMATA WHERE schema_name = 'ddl'
--> schema_name STRING, location STRING, catalog_name STRING
"ddl" | "US" | "p"

SELECT COUNT(*) AS n FROM `region-eu`.INFORMATION_SCHEMA.SCHEMATA
--> n INT64
0

SELECT ERROR('for the list of jobs')
--> ERROR for the list of jobs

SELECT job_type, statement_type, state, error_result.reason, end_time >= creation_time AS ended FROM `region-us`.INFORMATION_SCHEMA.JOBS WHERE query = "SELECT ERROR('for the list of jobs')"
--> job_type STRING, statement_type STRING, state STRING, reason STRING, ended BOOL
"QUERY" | NULL | "DONE" | "invalidQuery" | true

SELECT statement_type, error_result FROM p.`region-us`.INFORMATION_SCHEMA.JOBS_BY_PROJECT WHERE query LIKE 'CREATE SCHEMA IF NOT%'
--> statement_type STRING, error_result STRUCT<reason STRING, location STRING, message STRING>
"CREATE_SCHEMA" | NULL

