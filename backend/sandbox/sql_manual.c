#include "backend/sandbox/sql_manual.h"

#include "backend/sandbox/options.h"
#include "backend/sandbox/sql_functions.h"

const sql_outside sql_outsides[] = {
    {"Transactions over several statements", "BEGIN TRANSACTION"},
    {"CALL, CASE as a statement, SET of system variables, EXECUTE IMMEDIATE with INTO or USING",
     "CALL p(1)"},
    {"Functions but temporary ones of SQL, procedures, and external and "
     "materialized objects",
     "CREATE MATERIALIZED VIEW v AS SELECT 1 AS x"},
    {"ALTER VIEW", "ALTER VIEW v SET OPTIONS(description = 'x')"},
    {"Snapshots", "CREATE SNAPSHOT TABLE t CLONE u"},
    {"Primary and foreign keys", "CREATE TABLE t (id INT64, PRIMARY KEY (id) NOT ENFORCED)"},
    {"|> CALL, TABLESAMPLE, WINDOW, WITH and others of the newer pipe operators",
     "SELECT 1 AS x |> CALL f()"},
    {"Pseudo columns but _TABLE_SUFFIX: _PARTITIONTIME, _PARTITIONDATE and the like",
     "SELECT x FROM t WHERE _PARTITIONTIME IS NULL"},
    {"Table functions", "SELECT * FROM f(1)"},
    {"FOR SYSTEM_TIME AS OF", "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01'"},
    {"In a recursive term: WITH, ORDER BY, LIMIT, GROUP BY, DISTINCT, QUALIFY, windows, and itself "
     "in a subquery",
     "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r GROUP BY n) SELECT n FROM r"},
    {"OVER, QUALIFY and SELECT AS STRUCT with GROUP BY ROLLUP, CUBE and GROUPING SETS",
     "SELECT x, ROW_NUMBER() OVER () AS n FROM t GROUP BY ROLLUP(x)"},
    {"INTERSECT ALL and EXCEPT ALL", "SELECT 1 EXCEPT ALL SELECT 1"},
    {"System variables", "SELECT @@project_id"},
    {"CAST with FORMAT", "SELECT CAST(DATE '2024-01-01' AS STRING FORMAT 'YYYY')"},
    {"HAVING MAX and MIN in other aggregates than ANY_VALUE",
     "SELECT SUM(x HAVING MAX x) FROM UNNEST([1]) AS x"},
    {"DISTINCT with OVER in other aggregates than COUNT",
     "SELECT SUM(DISTINCT x) OVER () FROM UNNEST([1]) AS x"},
    {"MAX_BY, MIN_BY, BIT_AND, BIT_OR, BIT_XOR and the APPROX_ aggregates but "
     "APPROX_COUNT_DISTINCT with OVER",
     "SELECT MAX_BY(x, x) OVER () FROM UNNEST([1]) AS x"},
    {"RANGE frames with an offset over other types than INT64",
     "SELECT SUM(x) OVER (ORDER BY x RANGE 1 PRECEDING) FROM UNNEST([1.5]) AS x"},
    {"INFORMATION_SCHEMA views but TABLES, COLUMNS, VIEWS, JOBS, JOBS_BY_PROJECT and SCHEMATA",
     "SELECT * FROM d.INFORMATION_SCHEMA.PARTITIONS"},
    {"Set operations by name", "SELECT 1 AS x UNION ALL BY NAME SELECT 2 AS x"},
    {"NOT LIKE ANY and NOT LIKE ALL, and either of UNNEST", "SELECT 'a' NOT LIKE ANY ('a', 'b')"},
    {"RESPECT NULLS in APPROX_QUANTILES and PERCENTILE_",
     "SELECT APPROX_QUANTILES(x, 2 RESPECT NULLS) FROM UNNEST([1]) AS x"},
    {"The elements %G, %g, %J, %U, %V and %W in the PARSE_ functions",
     "SELECT PARSE_DATE('%G', '2024')"},
};

const size_t sql_outside_count = BW_COUNT(sql_outsides);

/* A heading before the function that begins a family. */
static const struct {
    const char *function, *heading;
} families[] = {
    {"LENGTH", "STRINGS AND BYTES"},
    {"ABS", "NUMBERS"},
    {"DATE", "DATES AND TIMES"},
    {"JSON_VALUE", "JSON"},
    {"ARRAY_TO_STRING", "ARRAYS"},
    {"RANGE", "RANGES"},
    {"ERROR", "ERRORS"},
};

static const char *const statements[] = {
    "SELECT with joins of every kind (INNER, LEFT, RIGHT, FULL, CROSS, commas, USING), WHERE, "
    "GROUP "
    "BY (also ALL, ROLLUP, CUBE and GROUPING SETS, with GROUPING), HAVING, QUALIFY, WINDOW, ORDER "
    "BY with NULLS FIRST and LAST, LIMIT and OFFSET; "
    "DISTINCT, AS STRUCT, AS VALUE, * EXCEPT and * REPLACE.",
    "WITH (also RECURSIVE), UNION ALL and DISTINCT, INTERSECT DISTINCT, EXCEPT DISTINCT; "
    "subqueries as tables, "
    "scalars, arrays, in IN and EXISTS, correlated ones too.",
    "PIVOT and UNPIVOT behind tables and subqueries, TABLESAMPLE SYSTEM behind tables.",
    ("Pipe syntax, and queries that begin with FROM: |> SELECT, EXTEND, SET, DROP, RENAME, AS, "
     "WHERE, AGGREGATE, DISTINCT, JOIN, ORDER BY, LIMIT, UNION, INTERSECT, EXCEPT, PIVOT and "
     "UNPIVOT."),
    "UNNEST with WITH OFFSET, of columns too; ARRAY and STRUCT literals, their elements by OFFSET, "
    "ORDINAL, SAFE_OFFSET and SAFE_ORDINAL, and their fields; CASE, CAST, SAFE_CAST, EXTRACT, "
    "INTERVAL, LIKE (also ANY and ALL), BETWEEN, IS DISTINCT FROM, and the prefix SAFE.",
    "INSERT, UPDATE (with FROM), DELETE, MERGE with all its clauses, TRUNCATE TABLE.",
    "CREATE TABLE (OR REPLACE, IF NOT EXISTS, AS, LIKE, COPY, CLONE) with PARTITION BY, CLUSTER "
    "BY, "
    "OPTIONS, NOT NULL and DEFAULT; DROP TABLE; ALTER TABLE ADD COLUMN, DROP COLUMN, "
    "RENAME COLUMN, RENAME TO, SET OPTIONS, "
    "and ALTER COLUMN DROP NOT NULL, SET DATA TYPE, SET OPTIONS, SET DEFAULT, DROP DEFAULT.",
    "CREATE SCHEMA, DROP SCHEMA; CREATE VIEW (OR REPLACE, IF NOT EXISTS, with a list of columns "
    "and OPTIONS), DROP VIEW.",
    "Wildcard tables with _TABLE_SUFFIX.",
    ("INFORMATION_SCHEMA.TABLES, COLUMNS and VIEWS of a dataset, JOBS, JOBS_BY_PROJECT and "
     "SCHEMATA "
     "of a region, with their most used columns, and __TABLES__."),
    ("Scripts: DECLARE, SET, BEGIN and END (also EXCEPTION WHEN ERROR THEN, @@error.message), IF, "
     "WHILE, LOOP, REPEAT, FOR IN, BREAK, CONTINUE, RETURN, RAISE, ASSERT, EXECUTE IMMEDIATE. A "
     "script is one transaction that others see when it has ended; each statement becomes a child "
     "job. CREATE TEMP TABLE; CREATE TEMP FUNCTION in SQL, also before a single statement."),
    "Named and positional parameters of every type.",
};

/* All overloads of one name in a paragraph. */
static void add_function(bw_buf *out, size_t first)
{
    const char *name = sql_functions[first].name;
    bw_buf line = BW_BUF_INIT;

    for (size_t i = first; i < sql_function_count; i++) {
        if (strcmp(sql_functions[i].name, name) != 0)
            continue;
        bq_field result = sql_signature_result(&sql_functions[i]);
        bw_buf_clear(&line);
        sql_signature_print(&sql_functions[i], &line);
        bw_buf_adds(&line, ": ");
        bq_type_print(&result, &line);
        bw_buf_adds(out, i == first ? "" : ".br\n");
        bw_sb_add_roff(out, bw_buf_cstr(&line));
    }
    bw_buf_fini(&line);
}

static bool named_before(size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(sql_functions[i].name, sql_functions[at].name) == 0)
            return true;
    }
    return false;
}

static void add_functions(bw_buf *out)
{
    size_t family = 0;

    for (size_t i = 0; i < sql_function_count; i++) {
        if (named_before(i))
            continue;
        bool begins = family < BW_COUNT(families) &&
                      strcmp(sql_functions[i].name, families[family].function) == 0;
        if (begins)
            bw_buf_addf(out, ".SH %s\n", families[family++].heading);
        bw_buf_adds(out, begins ? "" : ".br\n");
        add_function(out, i);
    }
}

/* "A, B, C": what `name` gives until it gives NULL, without what it gives as "". */
static void add_names(bw_buf *out, const char *heading, const char *(*name)(size_t))
{
    bool first = true;
    const char *next;

    bw_buf_addf(out, ".SH %s\n", heading);
    for (size_t i = 0; (next = name(i)) != NULL; i++) {
        if (!*next)
            continue;
        bw_buf_addf(out, "%s%s", first ? "" : ",\n", next);
        first = false;
    }
    bw_buf_addc(out, '\n');
}

static const char *special_name(size_t i)
{
    return i < sql_special_count ? sql_specials[i].name : NULL;
}

static const char *aggregate_name(size_t i)
{
    bool window;
    const char *name = sql_aggregate_name(i, &window);
    return name && window ? "" : name;
}

static const char *window_name(size_t i)
{
    bool window;
    const char *name = sql_aggregate_name(i, &window);
    return name && !window ? "" : name;
}

void sql_manual(bw_buf *out)
{
    bw_buf_adds(out, ".TH BRIDGEWATCH-SANDBOX-SQL 7 \"\" \"bridgewatch " BW_VERSION "\"\n.SH NAME\n"
                     "bridgewatch\\-sandbox\\-sql \\- the GoogleSQL that the sandbox knows\n"
                     ".SH DESCRIPTION\n");
    bw_sb_add_roff(out,
                   "bridgewatch-sandbox(1) translates a subset of GoogleSQL to SQLite. Types, "
                   "results and errors are BigQuery's; NUMERIC, BIGNUMERIC, dates and times are "
                   "exact. What is outside of the subset is refused with \"Unsupported:\" and its "
                   "name, or is an unknown function.");
    bw_buf_adds(out, ".SH STATEMENTS\n");
    for (size_t i = 0; i < BW_COUNT(statements); i++) {
        bw_buf_adds(out, i ? ".PP\n" : "");
        bw_sb_add_roff(out, statements[i]);
    }
    add_functions(out);
    add_names(out, "FUNCTIONS OF ARGUMENTS OF SEVERAL TYPES", special_name);
    add_names(out, "AGGREGATES", aggregate_name);
    add_names(out, "WINDOW FUNCTIONS", window_name);
    bw_buf_adds(out, ".PP\nAggregates may be used with OVER too.\n.SH OUTSIDE OF THE SUBSET\n");
    for (size_t i = 0; i < sql_outside_count; i++) {
        bw_buf_adds(out, ".IP \\(bu 2\n");
        bw_sb_add_roff(out, sql_outsides[i].what);
    }
    bw_buf_adds(out, ".IP \\(bu 2\nThe functions");
    for (size_t i = 0; i < sql_other_function_count; i++) {
        const char *name = sql_other_functions[i];
        bool prefix = strchr("_.", name[strlen(name) - 1]) != NULL;
        bw_buf_addf(out, "%s\n%s%s", i ? "," : "", name, prefix ? "*" : "");
    }
    bw_buf_adds(out, "\n.SH DIFFERENCES\n");
    bw_sb_add_roff(out, "Regular expressions have RE2's syntax, but are matched by PCRE2, which "
                        "backtracks: a match that takes too many steps is an error. The APPROX_ "
                        "aggregates are exact. Partitions and clusters are kept as a description "
                        "only.");
    bw_buf_adds(out, ".SH SEE ALSO\n");
    bw_sb_add_roff(out, "bridgewatch-sandbox(1)");
}
