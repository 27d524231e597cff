# Wildcard tables. The schema is that of the table made last.
CREATE TABLE events_20240101 (id INT64, kind STRING)
--> CREATE

CREATE TABLE events_20240102 (id INT64, kind STRING, size FLOAT64)
--> CREATE

INSERT INTO events_20240101 VALUES (1, 'a'), (2, 'b')
--> inserted 2 updated 0 deleted 0

INSERT INTO events_20240102 VALUES (3, 'a', 0.5)
--> inserted 1 updated 0 deleted 0

SELECT * FROM `wildcards.events_*` ORDER BY id
--> id INT64, kind STRING, size FLOAT64
1 | "a" | NULL
2 | "b" | NULL
3 | "a" | 0.5

SELECT _TABLE_SUFFIX AS day, COUNT(*) AS n FROM `p.wildcards.events_*` WHERE _TABLE_SUFFIX BETWEEN '20240101' AND '20240131' GROUP BY day ORDER BY day
--> day STRING, n INT64
"20240101" | 2
"20240102" | 1

SELECT e.id, e._TABLE_SUFFIX AS s, TO_JSON_STRING(e) AS j FROM `events_2024*` AS e WHERE _TABLE_SUFFIX = '0102'
--> id INT64, s STRING, j STRING
3 | "0102" | "{\"id\":3,\"kind\":\"a\",\"size\":0.5}"

SELECT * FROM `wildcards.nothing_*`
--> ERROR p:wildcards.nothing_* does not match any table.

DELETE FROM `wildcards.events_*` WHERE TRUE
--> ERROR Wildcard table events_* can only be read in FROM

SELECT _TABLE_SUFFIX FROM events_20240101
--> ERROR Unsupported: the pseudo column _TABLE_SUFFIX

CREATE TABLE events_20240103 (id STRING)
--> CREATE

SELECT id FROM `wildcards.events_*`
--> ERROR Cannot read field 'id' of table events_20240101 as STRING: it has type INT64

