/*
 * Every type of PostgreSQL with its edges: what it becomes, and for each value either its canonical
 * text or the reason why its row is a dead letter. Nothing in between.
 */
#include "tests/integration/sources/reading.h"

static bw_pg_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = bw_pg_cluster_start(NULL);
    bw_pg_sql(cluster, "postgres",
              "CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext;"
              "CREATE EXTENSION IF NOT EXISTS ltree;"
              "CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s \"fine\", {really}');"
              "CREATE DOMAIN price AS numeric(10,2) CHECK (value >= 0);"
              "CREATE DOMAIN prices AS price[];"
              "CREATE TYPE point3 AS (x int, \"Y y\" numeric, z text, t timestamptz);"
              "CREATE TYPE deep AS (p point3, list int[], j jsonb, f float8, b bool, h hstore);"
              "CREATE TYPE floatrange AS RANGE (subtype = float8);");
    /* As pgvector prints its type, whose package is not needed for that. */
    bw_pg_sql(
        cluster, "postgres",
        "CREATE TYPE vector; CREATE FUNCTION vector_in(cstring) RETURNS vector LANGUAGE"
        " internal IMMUTABLE STRICT AS 'textin'; CREATE FUNCTION vector_out(vector) RETURNS"
        " cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'; CREATE TYPE vector (input ="
        " vector_in, output = vector_out, like = text)");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bw_pg_cluster_free(cluster);
    return 0;
}

#define REPEATED 0x100

/* Consecutive cases of one type share a table. */
static const struct type_case {
    const char *column; /* the column's type in PostgreSQL */
    const char *value;  /* an SQL expression */
    int type;           /* bw_type, with REPEATED */
    const char *text;   /* canonical; "~" for NULL; NULL where the row does not fit */
    bw_reason reason;
} cases[] = {
    {"smallint", "-32768", BW_TYPE_INT64, "-32768", 0},
    {"smallint", "NULL", BW_TYPE_INT64, "~", 0},
    {"int", "2147483647", BW_TYPE_INT64, "2147483647", 0},
    {"bigint", "9223372036854775807", BW_TYPE_INT64, "9223372036854775807", 0},
    {"bigint", "(-9223372036854775808)", BW_TYPE_INT64, "-9223372036854775808", 0},
    {"bigint", "9007199254740993", BW_TYPE_INT64, "9007199254740993", 0},
    {"oid", "4294967295", BW_TYPE_INT64, "4294967295", 0},
    {"xid", "'4294967295'", BW_TYPE_INT64, "4294967295", 0},
    {"cid", "'7'", BW_TYPE_INT64, "7", 0},
    {"xid8", "'18446744073709551615'", BW_TYPE_NUMERIC, "18446744073709551615", 0},

    {"bool", "true", BW_TYPE_BOOL, "true", 0},
    {"bool", "false", BW_TYPE_BOOL, "false", 0},
    {"bool", "NULL", BW_TYPE_BOOL, "~", 0},

    {"numeric(10,2)", "1.50", BW_TYPE_NUMERIC, "1.5", 0},
    {"numeric(10,2)", "-0.00", BW_TYPE_NUMERIC, "0", 0},
    {"numeric(10,2)", "99999999.99", BW_TYPE_NUMERIC, "99999999.99", 0},
    {"numeric(10,2)", "'NaN'", BW_TYPE_NUMERIC, NULL, BW_REASON_NOT_FINITE},
    {"numeric(38,9)", "12345678901234567890123456789.123456789", BW_TYPE_NUMERIC,
     "12345678901234567890123456789.123456789", 0},
    {"numeric(38,10)", "0.0000000001", BW_TYPE_BIGNUMERIC, "0.0000000001", 0},
    {"numeric(30,0)", "123456789012345678901234567890", BW_TYPE_BIGNUMERIC,
     "123456789012345678901234567890", 0},
    {"numeric(76,38)",
     "12345678901234567890123456789012345678.00000000000000000000000000000000000001",
     BW_TYPE_BIGNUMERIC,
     "12345678901234567890123456789012345678.00000000000000000000000000000000000001", 0},
    {"numeric(40,0)", "1234567890123456789012345678901234567890", BW_TYPE_STRING,
     "1234567890123456789012345678901234567890", 0},
    {"numeric(45,40)", "1.5", BW_TYPE_STRING, "1.5000000000000000000000000000000000000000", 0},
    {"numeric(2,-3)", "99000", BW_TYPE_NUMERIC, "99000", 0},
    {"numeric(2,5)", "0.00099", BW_TYPE_NUMERIC, "0.00099", 0},
    {"numeric", "1234567890.0123456789", BW_TYPE_BIGNUMERIC, "1234567890.0123456789", 0},
    {"numeric", "1e37", BW_TYPE_BIGNUMERIC, "10000000000000000000000000000000000000", 0},
    {"numeric", "1e38", BW_TYPE_BIGNUMERIC, NULL, BW_REASON_NUMERIC_OVERFLOW},
    {"numeric", "1e400", BW_TYPE_BIGNUMERIC, NULL, BW_REASON_NUMERIC_OVERFLOW},
    {"numeric", "1e-38", BW_TYPE_BIGNUMERIC, "0.00000000000000000000000000000000000001", 0},
    {"numeric", "1e-39", BW_TYPE_BIGNUMERIC, NULL, BW_REASON_NUMERIC_SCALE},
    {"numeric", "1.500000000000000000000000000000000000000000000000", BW_TYPE_BIGNUMERIC, "1.5", 0},
    {"numeric", "'NaN'", BW_TYPE_BIGNUMERIC, NULL, BW_REASON_NOT_FINITE},
    {"numeric", "'Infinity'", BW_TYPE_BIGNUMERIC, NULL, BW_REASON_NOT_FINITE},
    {"numeric", "'-Infinity'", BW_TYPE_BIGNUMERIC, NULL, BW_REASON_NOT_FINITE},
    {"price", "12.50", BW_TYPE_NUMERIC, "12.5", 0},
    {"money", "-1234567.89", BW_TYPE_NUMERIC, "-1234567.89", 0},
    {"money", "'92233720368547758.07'", BW_TYPE_NUMERIC, "92233720368547758.07", 0},

    {"real", "0.1", BW_TYPE_FLOAT64, "0.1", 0},
    {"real", "3.4028235e38", BW_TYPE_FLOAT64, "3.4028235e+38", 0},
    {"real", "'NaN'", BW_TYPE_FLOAT64, "NaN", 0},
    {"double precision", "0.1", BW_TYPE_FLOAT64, "0.1", 0},
    {"double precision", "1e308", BW_TYPE_FLOAT64, "1e+308", 0},
    {"double precision", "5e-324", BW_TYPE_FLOAT64, "5e-324", 0},
    {"double precision", "'-0'", BW_TYPE_FLOAT64, "-0", 0},
    {"double precision", "'Infinity'", BW_TYPE_FLOAT64, "Infinity", 0},
    {"double precision", "'-Infinity'", BW_TYPE_FLOAT64, "-Infinity", 0},
    {"double precision", "'NaN'", BW_TYPE_FLOAT64, "NaN", 0},
    {"double precision", "0.30000000000000004", BW_TYPE_FLOAT64, "0.30000000000000004", 0},

    {"text", "''", BW_TYPE_STRING, "", 0},
    {"text", "NULL", BW_TYPE_STRING, "~", 0},
    {"text", "'\\N'", BW_TYPE_STRING, "\\N", 0},
    {"text", "E'\\\\.'", BW_TYPE_STRING, "\\.", 0},
    {"text", "E'a\\tb\\\\c\\rd\\be\\ff\\x0bg'", BW_TYPE_STRING, "a\tb\\c\rd\be\ff\vg", 0},
    {"text", "E'\\\\\\t\\\\'", BW_TYPE_STRING, "\\\t\\", 0},
    {"text", "'ends with \\'", BW_TYPE_STRING, "ends with \\", 0},
    {"text", "U&'\\+01F600 \\00E4'", BW_TYPE_STRING, "\xf0\x9f\x98\x80 \xc3\xa4", 0},
    {"text", "'{hello world}'", BW_TYPE_STRING, "{hello world}", 0},
    {"text", "repeat('x', 100)", BW_TYPE_STRING,
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "x"
     "xxxxxx",
     0},
    {"varchar(5)", "'abc'", BW_TYPE_STRING, "abc", 0},
    {"char(5)", "'ab'", BW_TYPE_STRING, "ab   ", 0},
    {"citext", "'MiXed'", BW_TYPE_STRING, "MiXed", 0},
    {"name", "'a_name'", BW_TYPE_STRING, "a_name", 0},
    {"\"char\"", "'x'", BW_TYPE_STRING, "x", 0},
    {"\"char\"", "''", BW_TYPE_STRING, "", 0},
    {"\"char\"", "(-60)::\"char\"", BW_TYPE_STRING, NULL, BW_REASON_BAD_UTF8},
    {"xml", "'<a>&amp;</a>'", BW_TYPE_STRING, "<a>&amp;</a>", 0},
    {"tsvector", "to_tsvector('simple', 'a cat')", BW_TYPE_STRING, "'a':1 'cat':2", 0},
    {"tsquery", "'fat & rat'", BW_TYPE_STRING, "'fat' & 'rat'", 0},
    {"ltree", "'a.b.c'", BW_TYPE_STRING, "a.b.c", 0},
    {"jsonpath", "'$.a[*]'", BW_TYPE_STRING, "$.\"a\"[*]", 0},
    {"regclass", "'pg_class'", BW_TYPE_STRING, "pg_class", 0},
    {"uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", BW_TYPE_STRING,
     "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", 0},
    {"mood", "'it''s \"fine\", {really}'", BW_TYPE_STRING, "it's \"fine\", {really}", 0},

    {"bytea", "''", BW_TYPE_BYTES, "", 0},
    {"bytea", "'\\x00'", BW_TYPE_BYTES, "AA==", 0},
    {"bytea", "'\\x0001'", BW_TYPE_BYTES, "AAE=", 0},
    {"bytea", "'\\x000102'", BW_TYPE_BYTES, "AAEC", 0},
    {"bytea", "'\\xdeadbeef09'", BW_TYPE_BYTES, "3q2+7wk=", 0},

    {"date", "'2024-02-29'", BW_TYPE_DATE, "2024-02-29", 0},
    {"date", "'0001-01-01'", BW_TYPE_DATE, "0001-01-01", 0},
    {"date", "'9999-12-31'", BW_TYPE_DATE, "9999-12-31", 0},
    {"date", "'10000-01-01'", BW_TYPE_DATE, NULL, BW_REASON_TS_RANGE},
    {"date", "'5874897-12-31'", BW_TYPE_DATE, NULL, BW_REASON_TS_RANGE},
    {"date", "'0001-12-31 BC'", BW_TYPE_DATE, NULL, BW_REASON_DATE_BC},
    {"date", "'infinity'", BW_TYPE_DATE, NULL, BW_REASON_TS_INFINITY},
    {"date", "'-infinity'", BW_TYPE_DATE, NULL, BW_REASON_TS_INFINITY},
    {"time", "'00:00:00'", BW_TYPE_TIME, "00:00:00", 0},
    {"time", "'23:59:59.999999'", BW_TYPE_TIME, "23:59:59.999999", 0},
    {"time", "'12:00:00.100'", BW_TYPE_TIME, "12:00:00.1", 0},
    {"time", "'24:00:00'", BW_TYPE_TIME, NULL, BW_REASON_TIME_24},
    {"timetz", "'24:00:00+02'", BW_TYPE_STRING, "24:00:00+02", 0},
    {"timetz", "'12:00:00.5-08:30'", BW_TYPE_STRING, "12:00:00.5-08:30", 0},
    {"timestamp", "'2024-01-02 03:04:05.6'", BW_TYPE_DATETIME, "2024-01-02 03:04:05.6", 0},
    {"timestamp", "'2024-01-02'", BW_TYPE_DATETIME, "2024-01-02 00:00:00", 0},
    {"timestamp", "'9999-12-31 23:59:59.999999'", BW_TYPE_DATETIME, "9999-12-31 23:59:59.999999",
     0},
    {"timestamp", "'10000-01-01'", BW_TYPE_DATETIME, NULL, BW_REASON_TS_RANGE},
    {"timestamp", "'294276-12-31 23:59:59.999999'", BW_TYPE_DATETIME, NULL, BW_REASON_TS_RANGE},
    {"timestamp", "'0044-03-15 12:00 BC'", BW_TYPE_DATETIME, NULL, BW_REASON_DATE_BC},
    {"timestamp", "'infinity'", BW_TYPE_DATETIME, NULL, BW_REASON_TS_INFINITY},
    {"timestamp", "'-infinity'", BW_TYPE_DATETIME, NULL, BW_REASON_TS_INFINITY},
    {"timestamptz", "'2024-01-02 03:04:05.000001+01'", BW_TYPE_TIMESTAMP,
     "2024-01-02 02:04:05.000001+00", 0},
    {"timestamptz", "'0001-01-01 00:00:00+00'", BW_TYPE_TIMESTAMP, "0001-01-01 00:00:00+00", 0},
    {"timestamptz", "'0001-01-01 00:00:00+01'", BW_TYPE_TIMESTAMP, NULL, BW_REASON_DATE_BC},
    {"timestamptz", "'9999-12-31 23:59:59.999999-01'", BW_TYPE_TIMESTAMP, NULL, BW_REASON_TS_RANGE},
    {"timestamptz", "'1890-05-01 12:00:00 Europe/Berlin'", BW_TYPE_TIMESTAMP,
     "1890-05-01 11:06:32+00", 0},
    {"timestamptz", "'infinity'", BW_TYPE_TIMESTAMP, NULL, BW_REASON_TS_INFINITY},
    {"interval", "'1 year 2 mons -3 days 04:05:06.7'", BW_TYPE_STRING, "P1Y2M-3DT4H5M6.7S", 0},
    {"interval", "'0'", BW_TYPE_STRING, "PT0S", 0},

    {"jsonb", "'{\"b\": 1, \"a\": [1.50, null, \"x\"]}'", BW_TYPE_JSON,
     "{\"a\": [1.50, null, \"x\"], \"b\": 1}", 0},
    {"jsonb", "'null'", BW_TYPE_JSON, "null", 0},
    {"jsonb", "'18446744073709551615'", BW_TYPE_JSON, "18446744073709551615", 0},
    {"jsonb", "'0.1'", BW_TYPE_JSON, "0.1", 0},
    {"jsonb", "'{\"a\": 12345678901234567890.5}'", BW_TYPE_JSON, NULL, BW_REASON_JSON_WIDE_NUMBER},
    {"jsonb", "'18446744073709551617'", BW_TYPE_JSON, NULL, BW_REASON_JSON_WIDE_NUMBER},
    {"jsonb", "'1e400'", BW_TYPE_JSON, NULL, BW_REASON_JSON_WIDE_NUMBER},
    {"jsonb", "(repeat('[', 501) || repeat(']', 501))::jsonb", BW_TYPE_JSON, NULL,
     BW_REASON_JSON_DEPTH},
    {"json", "'{\"b\":1,  \"a\":2, \"b\":12345678901234567890123}'", BW_TYPE_STRING,
     "{\"b\":1,  \"a\":2, \"b\":12345678901234567890123}", 0},
    {"hstore", "'a=>1, \"b \\\"q\\\" \\\\\"=>NULL, c=>\"\"'", BW_TYPE_JSON,
     "{\"a\":\"1\",\"c\":\"\",\"b \\\"q\\\" \\\\\":null}", 0},
    {"hstore", "''", BW_TYPE_JSON, "{}", 0},

    {"int[]", "'{}'", BW_TYPE_INT64 | REPEATED, "[]", 0},
    {"int[]", "NULL", BW_TYPE_INT64 | REPEATED, "~", 0},
    {"int[]", "'{1,-2,3}'", BW_TYPE_INT64 | REPEATED, "[1;-2;3]", 0},
    {"int[]", "'{1,NULL,3}'", BW_TYPE_INT64 | REPEATED, NULL, BW_REASON_ARRAY_NULL},
    {"int[]", "'{{1,2},{3,4}}'", BW_TYPE_INT64 | REPEATED, NULL, BW_REASON_ARRAY_DIMS},
    {"int[]", "'[2:3]={1,2}'", BW_TYPE_INT64 | REPEATED, NULL, BW_REASON_ARRAY_LBOUND},
    {"int[]", "'[0:1][0:0]={{1},{2}}'", BW_TYPE_INT64 | REPEATED, NULL, BW_REASON_ARRAY_DIMS},
    {"text[]", "ARRAY['', 'NULL', 'a,b', '{x}', E'q\"\\\\', 'null ', E'tab\\t']",
     BW_TYPE_STRING | REPEATED, "[;NULL;a,b;{x};q\"\\;null ;tab\t]", 0},
    {"text[]", "ARRAY[NULL]::text[]", BW_TYPE_STRING | REPEATED, NULL, BW_REASON_ARRAY_NULL},
    {"numeric(10,2)[]", "'{1.50,-0.10}'", BW_TYPE_NUMERIC | REPEATED, "[1.5;-0.1]", 0},
    {"numeric[]", "'{1,NaN}'", BW_TYPE_BIGNUMERIC | REPEATED, NULL, BW_REASON_NOT_FINITE},
    {"bool[]", "'{t,f}'", BW_TYPE_BOOL | REPEATED, "[true;false]", 0},
    {"bytea[]", "ARRAY['\\x00ff'::bytea, '']", BW_TYPE_BYTES | REPEATED, "[AP8=;]", 0},
    {"date[]", "'{2024-01-01,infinity}'", BW_TYPE_DATE | REPEATED, NULL, BW_REASON_TS_INFINITY},
    {"timestamptz[]", "ARRAY['2024-01-01 00:00+00'::timestamptz]", BW_TYPE_TIMESTAMP | REPEATED,
     "[2024-01-01 00:00:00+00]", 0},
    {"jsonb[]", "ARRAY['{\"a\": \"x,y\"}'::jsonb, 'null']", BW_TYPE_JSON | REPEATED,
     "[{\"a\": \"x,y\"};null]", 0},
    {"mood[]", "ARRAY['ok', 'it''s \"fine\", {really}']::mood[]", BW_TYPE_STRING | REPEATED,
     "[ok;it's \"fine\", {really}]", 0},
    {"prices", "ARRAY[1.50, 2]::prices", BW_TYPE_NUMERIC | REPEATED, "[1.5;2]", 0},
    {"money[]", "ARRAY[1.5::numeric::money]", BW_TYPE_NUMERIC | REPEATED, "[1.5]", 0},
    {"box[]", "ARRAY['(1,2),(0,0)'::box, '(3,4),(1,1)']", BW_TYPE_STRING | REPEATED,
     "[(1,2),(0,0);(3,4),(1,1)]", 0},
    {"int2vector", "'1 2 3'", BW_TYPE_STRING, "1 2 3", 0},

    {"vector", "'[1,2.5,-3e-05]'", BW_TYPE_FLOAT64 | REPEATED, "[1;2.5;-3e-05]", 0},
    {"vector", "'[]'", BW_TYPE_FLOAT64 | REPEATED, "[]", 0},
    {"vector", "NULL", BW_TYPE_FLOAT64 | REPEATED, "~", 0},
    {"vector[]", "ARRAY['[1,2]'::vector, NULL]", BW_TYPE_JSON, "[[1,2],null]", 0},

    {"point3", "ROW(1, 2.50, NULL, NULL)", BW_TYPE_JSON,
     "{\"x\":1,\"Y y\":2.50,\"z\":null,\"t\":null}", 0},
    {"point3", "ROW(NULL, NULL, '', NULL)", BW_TYPE_JSON,
     "{\"x\":null,\"Y y\":null,\"z\":\"\",\"t\":null}", 0},
    {"point3", "ROW(1, 'NaN', E'a,\"b\\\\ (c)', '2024-01-01 00:00+00')", BW_TYPE_JSON,
     "{\"x\":1,\"Y y\":\"NaN\",\"z\":\"a,\\\"b\\\\ (c)\",\"t\":\"2024-01-01 00:00:00+00\"}", 0},
    {"point3", "ROW(1, 12345678901234567890.123, NULL, NULL)", BW_TYPE_JSON, NULL,
     BW_REASON_JSON_WIDE_NUMBER},
    {"deep",
     "ROW(ROW(1,2,'(x,\"y\")',NULL)::point3, '{1,NULL}', '{\"k\": [1, \"a\\\"b\"]}', 'Infinity', "
     "true,"
     " 'h=>NULL')",
     BW_TYPE_JSON,
     "{\"p\":{\"x\":1,\"Y y\":2,\"z\":\"(x,\\\"y\\\")\",\"t\":null},\"list\":[1,null],"
     "\"j\":{\"k\": [1, \"a\\\"b\"]},\"f\":\"Infinity\",\"b\":true,\"h\":{\"h\":null}}",
     0},
    {"point3[]", "ARRAY[ROW(1,2,'a b',NULL)::point3, ROW(2,NULL,NULL,NULL)::point3]",
     BW_TYPE_JSON | REPEATED,
     "[{\"x\":1,\"Y y\":2,\"z\":\"a b\",\"t\":null};{\"x\":2,\"Y y\":null,\"z\":null,\"t\":null}]",
     0},

    {"int4range", "'[1,5]'", BW_TYPE_STRING, "[1,6)", 0},
    {"int4range", "'empty'", BW_TYPE_STRING, "empty", 0},
    {"tstzrange", "'[2024-01-01 00:00+00,)'", BW_TYPE_STRING, "[\"2024-01-01 00:00:00+00\",)", 0},
    {"floatrange", "'[0.1,2)'", BW_TYPE_STRING, "[0.1,2)", 0},
    {"int4multirange", "'{[1,2],[5,6]}'", BW_TYPE_STRING, "{[1,3),[5,7)}", 0},
    {"int4range[]", "ARRAY['[1,5)'::int4range]", BW_TYPE_STRING | REPEATED, "[[1,5)]", 0},
    {"inet", "'192.168.0.1/24'", BW_TYPE_STRING, "192.168.0.1/24", 0},
    {"cidr", "'10.0.0.0/8'", BW_TYPE_STRING, "10.0.0.0/8", 0},
    {"macaddr", "'08:00:2b:01:02:03'", BW_TYPE_STRING, "08:00:2b:01:02:03", 0},
    {"macaddr8", "'08:00:2b:01:02:03:04:05'", BW_TYPE_STRING, "08:00:2b:01:02:03:04:05", 0},
    {"bit(3)", "B'101'", BW_TYPE_STRING, "101", 0},
    {"varbit", "B''", BW_TYPE_STRING, "", 0},
    {"pg_lsn", "'16/B374D848'", BW_TYPE_STRING, "16/B374D848", 0},
    {"point", "'(1.5,2)'", BW_TYPE_STRING, "(1.5,2)", 0},
    {"line", "'{1,2,3}'", BW_TYPE_STRING, "{1,2,3}", 0},
    {"lseg", "'[(0,0),(1,1)]'", BW_TYPE_STRING, "[(0,0),(1,1)]", 0},
    {"box", "'(1,1),(0,0)'", BW_TYPE_STRING, "(1,1),(0,0)", 0},
    {"path", "'[(0,0),(1,1)]'", BW_TYPE_STRING, "[(0,0),(1,1)]", 0},
    {"polygon", "'((0,0),(1,1),(1,0))'", BW_TYPE_STRING, "((0,0),(1,1),(1,0))", 0},
    {"circle", "'<(0,0),2>'", BW_TYPE_STRING, "<(0,0),2>", 0},
};

/* One value of the row that was read, as canonical text that passes the model's own check. */
static void check_value(const struct type_case *k, const bw_field *f, const bw_value *v)
{
    bw_buf text = BW_BUF_INIT;
    add_value(&text, v);
    if (!k->text)
        fail_msg("%s %s was read as %s", k->column, k->value, bw_buf_cstr(&text));
    if (strcmp(bw_buf_cstr(&text), k->text) != 0)
        fail_msg("%s %s was read as %s, not as %s", k->column, k->value, text.ptr, k->text);
    bw_buf_fini(&text);
    size_t n = v->state == BW_VALUE_ARRAY ? v->size : v->state == BW_VALUE_TEXT ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        const bw_value *item = v->state == BW_VALUE_ARRAY ? &v->items[i] : v;
        if (bw_value_check(bw_value_slice(item), f->type, f->precision, f->scale))
            fail_msg("%s %s: %s is not canonical", k->column, k->value, k->text);
    }
}

static void check_chunk(const struct type_case *first, const bw_table_info *info,
                        const bw_chunk *chunk, bool *seen)
{
    for (size_t i = 0; i < chunk->rows; i++) {
        const bw_value *row = bw_chunk_at(chunk, i);
        int id = (int)strtol(row[0].text, NULL, 10);
        seen[id] = true;
        check_value(&first[id], &info->schema.fields[1], &row[1]);
    }
    for (size_t i = 0; i < chunk->n_rejected; i++) {
        const bw_rejected_row *r = &chunk->rejected[i];
        int64_t id = -1;
        assert_true(bw_json_member_int(r->key, "id", &id));
        const struct type_case *k = &first[id];
        seen[id] = true;
        if (k->text || r->reason != k->reason)
            fail_msg("%s %s was refused as %s", k->column, k->value, bw_reason_name(r->reason));
        assert_string_equal(r->column, "v");
        assert_true(bw_json_valid(r->content, NULL, NULL));
        assert_non_null(bw_json_member(r->content, "v").ptr);
    }
}

static void check_type(opened *o, const struct type_case *first, size_t n)
{
    bw_error err = BW_ERROR_INIT;
    bw_pg_sql(cluster, "postgres", "DROP TABLE IF EXISTS typed");
    bw_pg_sqlf(cluster, "postgres", "CREATE TABLE typed (id int PRIMARY KEY, v %s)", first->column);
    for (size_t i = 0; i < n; i++)
        bw_pg_sqlf(cluster, "postgres", "INSERT INTO typed VALUES (%zu, %s)", i, first[i].value);
    bw_table_spec spec = spec_of("typed");
    bw_table_info info = describe(o, &spec);
    const bw_field *f = &info.schema.fields[1];
    if (f->type != (first->type & 0xff) || f->repeated != !!(first->type & REPEATED))
        fail_msg("%s became %s", first->column, bw_field_type_text(f, &o->arena));
    if (info.n_warnings)
        fail_msg("%s: %s", first->column, info.warnings[0]);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_reader *reader;
    bw_batch_plan plan;
    bool more, end = false, seen[64] = {0};
    bw_chunk chunk;
    bw_chunk_init(&chunk);
    assert_ok(o->class->reader_open(o->source, &spec, &info, &request, &reader, &err), err);
    assert_ok(o->class->reader_next(reader, &more, &plan, &err), err);
    while (!end) {
        bw_chunk_reset(&chunk, info.schema.count);
        assert_ok(o->class->reader_fetch(reader, &chunk, &end, &err), err);
        check_chunk(first, &info, &chunk, seen);
    }
    for (size_t i = 0; i < n; i++) {
        if (!seen[i])
            fail_msg("%s %s was lost", first[i].column, first[i].value);
    }
    o->class->reader_close(reader);
    bw_chunk_fini(&chunk);
}

static void maps_every_type(void **state)
{
    (void)state;
    opened *o = open_source_as(cluster, "postgres");
    for (size_t i = 0; i < BW_COUNT(cases);) {
        size_t n = 1;
        while (i + n < BW_COUNT(cases) && strcmp(cases[i].column, cases[i + n].column) == 0)
            n++;
        check_type(o, &cases[i], n);
        i += n;
    }
    close_source(o);
}

/* as: string and as: json take what the type's own column cannot. */
static void sends_columns_as_string_or_json(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE sent (id int PRIMARY KEY, a int[], b int[], c numeric, d text, e bytea,"
              " f date, g money, h point3[]);"
              "INSERT INTO sent VALUES (1, '{{1,NULL},{3,4}}', '[0:1]={1,2}', 'NaN',"
              " '{\"x\": [1, 2]}', '\\x00', 'infinity', 1.5,"
              " ARRAY[NULL, ROW(1,2,'a\"b',NULL)::point3])");
    struct bw_column_as as[] = {{"a", BW_TYPE_JSON},   {"b", BW_TYPE_STRING}, {"c", BW_TYPE_STRING},
                                {"d", BW_TYPE_JSON},   {"e", BW_TYPE_JSON},   {"f", BW_TYPE_STRING},
                                {"g", BW_TYPE_STRING}, {"h", BW_TYPE_JSON}};
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("sent");
    spec.as = as;
    spec.n_as = BW_COUNT(as);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_string_equal(bw_buf_cstr(&t.rejected), "");
    assert_string_equal(bw_buf_cstr(&t.rows),
                        "1|[[1,null],[3,4]]|[0:1]={1,2}|NaN|{\"x\": [1, 2]}|\"\\\\x00\"|infinity|"
                        "1.50|[null,{\"x\":1,\"Y y\":2,\"z\":\"a\\\"b\",\"t\":null}]\n");
    taken_free(&t);
    close_source(o);
}

static void warns_of_unknown_types(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TYPE odd; CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal"
              " IMMUTABLE STRICT AS 'textin'; CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE"
              " internal IMMUTABLE STRICT AS 'textout'; CREATE TYPE odd (input = odd_in,"
              " output = odd_out, like = text);"
              "CREATE TABLE odds (id int PRIMARY KEY, v odd); INSERT INTO odds VALUES (1, 'what')");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("odds");
    bw_table_info info = describe(o, &spec);
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(info.warnings[0], "column v has the type odd"));
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_string_equal(bw_buf_cstr(&t.rows), "1|what\n");
    taken_free(&t);
    close_source(o);
}

static void rejects_with_the_source_texts(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE TABLE refused (id bigint, region text, d date, n numeric, b bytea, x int[],"
              " PRIMARY KEY (region, id));"
              "INSERT INTO refused VALUES (7, E'e\"u', 'infinity', 1.50, '\\x00ff', '{1,NULL}')");
    opened *o = open_source_as(cluster, "postgres");
    bw_table_spec spec = spec_of("refused");
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_int_equal(t.n_rows, 0);
    assert_string_equal(bw_buf_cstr(&t.rejected),
                        "TS_INFINITY d {\"region\":\"e\\\"u\",\"id\":7}\n");
    assert_string_equal(bw_buf_cstr(&t.content),
                        "{\"id\":\"7\",\"region\":\"e\\\"u\",\"d\":\"infinity\",\"n\":\"1.50\","
                        "\"b\":\"\\\\x00ff\",\"x\":\"{1,NULL}\"}\n");
    taken_free(&t);
    close_source(o);
}

static void finds_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    bw_pg_sql(cluster, "postgres",
              "CREATE DATABASE anything ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE "
              "template0");
    bw_pg_sql(cluster, "anything",
              "CREATE TABLE t (id int PRIMARY KEY, a text, b text); INSERT INTO t VALUES"
              " (1, 'plain', convert_from('\\xc3a4', 'SQL_ASCII')),"
              " (2, 'plain', convert_from('\\x41e4', 'SQL_ASCII'))");
    opened *o;
    bw_error err = BW_ERROR_INIT;
    char settings[300];
    snprintf(settings, sizeof settings, "host: %s, port: %d, database: anything, user: postgres",
             bw_pg_cluster_dir(cluster), bw_pg_cluster_port(cluster));
    assert_ok(try_open(&o, settings, "test", &err), err);
    bw_table_spec spec = spec_of("t");
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    taken t = read_table(o, &spec, &request);
    assert_string_equal(bw_buf_cstr(&t.rows), "1|plain|\xc3\xa4\n");
    assert_string_equal(bw_buf_cstr(&t.rejected), "BAD_UTF8 b {\"id\":2}\n");
    assert_string_equal(bw_buf_cstr(&t.content),
                        "{\"id\":\"2\",\"a\":\"plain\",\"b\":\"A\\\\xE4\"}\n");
    taken_free(&t);
    close_source(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_every_type),
        cmocka_unit_test(sends_columns_as_string_or_json),
        cmocka_unit_test(warns_of_unknown_types),
        cmocka_unit_test(rejects_with_the_source_texts),
        cmocka_unit_test(finds_bytes_that_are_not_utf8),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
