"""What every type of PostgreSQL becomes in BigQuery, value by value, written by hand.

TYPES is a list of (type in PostgreSQL, type in BigQuery, [(SQL expression, what is expected)]).
What is expected is one of
  text           the value as BigQuery's API gives it, times as people write them (in UTC)
  a float        of FLOAT64: equal bit by bit
  json(text)     of JSON: the same members, items and numbers
  [...]          of a REPEATED column, each item as above
  NO_ARRAY       a NULL array: empty in BigQuery, and named in _bw_nulls
  bad(R, text)   the row does not fit: a dead letter with the reason R that holds the source's text
None is NULL. Nothing here is computed by the program under test.
"""
import collections

bad = collections.namedtuple("bad", "reason text")
json = collections.namedtuple("json", "text")
NO_ARRAY = object()
INF = float("inf")
NAN = float("nan")

SETUP = r"""
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
CREATE EXTENSION seg; CREATE EXTENSION isn;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine", {really}', '日本 \ 😀');
CREATE DOMAIN price AS numeric(10,2) CHECK (value >= 0);
CREATE DOMAIN prices AS price[];
CREATE DOMAIN shouted AS citext;
CREATE TYPE point3 AS (x int, "Y y" numeric, z text, t timestamptz);
CREATE TYPE deep AS (p point3, list int[], j jsonb, f float8, b bool, h hstore, m mood, bin bytea);
CREATE TYPE pair AS (doc json, d date);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TYPE "Odd Name" AS ENUM ('A b');
"""

BIG_INT = "9223372036854775807"
SMALL_INT = "-9223372036854775808"
D38 = "12345678901234567890123456789012345678"

TYPES = [
    # ---- integers ----
    ("smallint", "INT64", [
        ("-32768", "-32768"), ("32767", "32767"), ("0", "0"), ("NULL", None)]),
    ("integer", "INT64", [
        ("-2147483648", "-2147483648"), ("2147483647", "2147483647"), ("NULL", None)]),
    ("bigint", "INT64", [
        (BIG_INT, BIG_INT), ("'%s'" % SMALL_INT, SMALL_INT), ("9007199254740991", "9007199254740991"),
        ("9007199254740992", "9007199254740992"), ("9007199254740993", "9007199254740993"),
        ("-9007199254740993", "-9007199254740993"), ("-1", "-1"), ("NULL", None)]),
    ("oid", "INT64", [("0", "0"), ("4294967295", "4294967295"), ("2147483648", "2147483648")]),
    ("xid", "INT64", [("'4294967295'", "4294967295")]),
    ("cid", "INT64", [("'4294967295'", "4294967295")]),
    ("xid8", "NUMERIC(20)", [
        ("'0'", "0"), ("'18446744073709551615'", "18446744073709551615"), ("NULL", None)]),

    # ---- exact numbers ----
    ("numeric(10,2)", "NUMERIC(10, 2)", [
        ("99999999.99", "99999999.99"), ("-99999999.99", "-99999999.99"), ("1.50", "1.5"), ("0.01", "0.01"),
        ("-0.00", "0"), ("1234.5", "1234.5"), ("'NaN'", bad("NOT_FINITE", "NaN")), ("NULL", None)]),
    ("numeric(38,9)", "NUMERIC(38, 9)", [
        ("99999999999999999999999999999.999999999", "99999999999999999999999999999.999999999"),
        ("-99999999999999999999999999999.999999999", "-99999999999999999999999999999.999999999"),
        ("0.000000001", "0.000000001")]),
    ("numeric(5,0)", "NUMERIC(5)", [("99999", "99999"), ("-7", "-7")]),
    ("numeric(2,-3)", "NUMERIC(5)", [("99000", "99000"), ("-1000", "-1000"), ("0", "0")]),
    ("numeric(2,5)", "NUMERIC(5, 5)", [("0.00099", "0.00099"), ("-0.00001", "-0.00001")]),
    ("numeric(30,0)", "BIGNUMERIC(30)", [
        ("999999999999999999999999999999", "999999999999999999999999999999")]),
    ("numeric(38,10)", "BIGNUMERIC(38, 10)", [
        ("0.0000000001", "0.0000000001"),
        ("-9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999")]),
    ("numeric(76,38)", "BIGNUMERIC(76, 38)", [
        (D38 + ".00000000000000000000000000000000000001", D38 + ".00000000000000000000000000000000000001"),
        ("-" + "9" * 38 + "." + "9" * 38, "-" + "9" * 38 + "." + "9" * 38)]),
    ("numeric(40,0)", "STRING", [
        ("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"),
        ("-1", "-1"), ("'NaN'", "NaN")]),
    ("numeric(45,40)", "STRING", [("1.5", "1.5" + "0" * 39), ("0", "0." + "0" * 40)]),
    ("numeric(1000,0)", "STRING", [("('1e999')::numeric", "1" + "0" * 999)]),
    ("numeric", "BIGNUMERIC", [
        ("1234567890.0123456789", "1234567890.0123456789"), (D38, D38), ("-" + D38, "-" + D38),
        ("0." + "0" * 37 + "1", "0." + "0" * 37 + "1"), ("1." + "5" + "0" * 60, "1.5"), ("100", "100"),
        ("12345678901234567890.12345678901234567890", "12345678901234567890.1234567890123456789"),
        ("123456789012345678901234567890123456789",
         bad("NUMERIC_OVERFLOW", "123456789012345678901234567890123456789")),
        ("1234567890123456789012345678901234567890",
         bad("NUMERIC_OVERFLOW", "1234567890123456789012345678901234567890")),
        ("('1e400')::numeric", bad("NUMERIC_OVERFLOW", "1" + "0" * 400)),
        ("('-1e400')::numeric", bad("NUMERIC_OVERFLOW", "-1" + "0" * 400)),
        ("('1e-39')::numeric", bad("NUMERIC_SCALE", "0." + "0" * 38 + "1")),
        ("('1e-400')::numeric", bad("NUMERIC_SCALE", "0." + "0" * 399 + "1")),
        ("'NaN'", bad("NOT_FINITE", "NaN")), ("'Infinity'", bad("NOT_FINITE", "Infinity")),
        ("'-Infinity'", bad("NOT_FINITE", "-Infinity")), ("NULL", None)]),
    ("price", "NUMERIC(10, 2)", [("12.50", "12.5"), ("0", "0"), ("'NaN'", bad("NOT_FINITE", "NaN"))]),
    ("money", "NUMERIC", [
        ("'92233720368547758.07'::numeric::money", "92233720368547758.07"),
        ("'-92233720368547758.08'::numeric::money", "-92233720368547758.08"),
        ("1234567.89::numeric::money", "1234567.89"), ("0::numeric::money", "0"), ("NULL", None)]),

    # ---- floating point ----
    ("real", "FLOAT64", [
        ("0.1", 0.1), ("'3.4028235e38'", 3.4028235e38), ("'-3.4028235e38'", -3.4028235e38),
        ("'1e-45'", 1e-45), ("16777216", 16777216.0), ("'NaN'", NAN), ("'Infinity'", INF),
        ("'-Infinity'", -INF), ("NULL", None)]),
    ("double precision", "FLOAT64", [
        ("0.1", 0.1), ("0.30000000000000004", 0.30000000000000004),
        ("'1.7976931348623157e308'", 1.7976931348623157e308),
        ("'-1.7976931348623157e308'", -1.7976931348623157e308), ("'5e-324'", 5e-324),
        ("'2.2250738585072014e-308'", 2.2250738585072014e-308), ("'-0'", -0.0), ("0", 0.0),
        ("123456789012345680", 123456789012345680.0), ("9007199254740993", 9007199254740992.0), ("1.5", 1.5),
        ("'NaN'", NAN), ("'Infinity'", INF), ("'-Infinity'", -INF), ("NULL", None)]),

    ("boolean", "BOOL", [("true", "true"), ("false", "false"), ("NULL", None)]),

    # ---- texts ----
    ("text", "STRING", [
        ("''", ""), ("' '", " "), ("NULL", None), ("'NULL'", "NULL"), (r"'\N'", r"\N"), (r"'\.'", r"\."),
        (r"E'a\tb\\c\nd\re\bf\fg\x0bh\x01i\x1fj\x7f'", "a\tb\\c\nd\re\bf\fg\vh\x01i\x1fj\x7f"),
        (r"E'\\\t\\'", "\\\t\\"), ("'ends with \\'", "ends with \\"), ("'{hello world}'", "{hello world}"),
        ("'[1,2]'", "[1,2]"), ("'\"quoted\" ''single'''", "\"quoted\" 'single'"),
        ("U&'\\+01F600 \\+10FFFF \\FFFD \\FEFF'", "\U0001F600 \U0010FFFF \uFFFD \uFEFF"),
        ("U&'e\\0301 \\2028\\2029 \\0085 \\00A0'", "e\u0301 \u2028\u2029 \u0085 \u00A0"),
        ("'<script>&amp;</script>'", "<script>&amp;</script>"), ("'1e400'", "1e400"),
        ("'2024-01-01T00:00:00Z'", "2024-01-01T00:00:00Z"), ("'true'", "true"),
        ("repeat('0123456789', 20000)", "0123456789" * 20000),
        (r"repeat(E'\x01', 70000)", "\x01" * 70000)]),
    ("varchar(5)", "STRING", [("'abc'", "abc"), ("'äöü€😀'", "äöü€😀"), ("''", ""), ("'a    '", "a    ")]),
    ("char(5)", "STRING", [("'ab'", "ab   "), ("''", "     "), ("'日本'", "日本   "), ("NULL", None)]),
    ("citext", "STRING", [("'MiXed'", "MiXed"), ("''", "")]),
    ("shouted", "STRING", [("'LouD'", "LouD")]),
    ("name", "STRING", [("'a_name'", "a_name"), ("repeat('x', 70)", "x" * 63)]),
    ('"char"', "STRING", [
        ("'x'", "x"), ("''", ""), ("(-60)::\"char\"", bad("BAD_UTF8", None)), ("NULL", None)]),
    ("uuid", "STRING", [
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'00000000-0000-0000-0000-000000000000'", "00000000-0000-0000-0000-000000000000")]),
    ("mood", "STRING", [
        ("'sad'", "sad"), ("'it''s \"fine\", {really}'", "it's \"fine\", {really}"),
        ("'日本 \\ 😀'", "日本 \\ 😀"), ("NULL", None)]),
    ('"Odd Name"', "STRING", [("'A b'", "A b")]),
    ("xml", "STRING", [("'<a b=\"c\">&amp;&#x20AC;</a>'", "<a b=\"c\">&amp;&#x20AC;</a>"), ("NULL", None)]),
    ("tsvector", "STRING", [
        ("'a:1A cat:2B,3 ''it''''s'':4'", "'a':1A 'cat':2B,3 'it''s':4"), ("''", "")]),
    ("tsquery", "STRING", [("'fat & (rat | !cat:*)'", "'fat' & ( 'rat' | !'cat':* )"), ("''", "")]),
    ("jsonpath", "STRING", [("'$.a[*] ? (@ > 1)'", "$.\"a\"[*]?(@ > 1)")]),
    ("ltree", "STRING", [("'Top.a_1.b'", "Top.a_1.b"), ("''", "")]),
    ("lquery", "STRING", [("'*.a|b.*{1,2}'", "*.a|b.*{1,2}")]),
    ("cube", "STRING", [("'(1,2),(3,4.5)'", "(1, 2),(3, 4.5)")]),
    ("seg", "STRING", [("'1.50 .. 2'", "1.50 .. 2")]),
    ("isbn13", "STRING", [("'978-0-393-04002-9'", "978-0-393-04002-9")]),
    ("regclass", "STRING", [("'pg_class'", "pg_class"), ("4294967295", "4294967295")]),
    ("regtype", "STRING", [("'timestamp with time zone'", "timestamp with time zone")]),
    ("regproc", "STRING", [("'now'", "now")]),
    ("regrole", "STRING", [("'tester'", "tester")]),
    ("regnamespace", "STRING", [("'public'", "public")]),
    ("aclitem", "STRING", [("'tester=r/tester'", "tester=r/tester")]),
    ("tid", "STRING", [("'(4294967295,65535)'", "(4294967295,65535)")]),
    ("pg_lsn", "STRING", [("'FFFFFFFF/FFFFFFFF'", "FFFFFFFF/FFFFFFFF"), ("'0/0'", "0/0")]),
    ("pg_snapshot", "STRING", [("'10:20:10,14,15'", "10:20:10,14,15")]),
    ("txid_snapshot", "STRING", [("'10:20:10,14,15'", "10:20:10,14,15")]),
    ("refcursor", "STRING", [("'portal'", "portal")]),
    ("int2vector", "STRING", [("'1 -2 3'", "1 -2 3")]),
    ("oidvector", "STRING", [("'1 4294967295'", "1 4294967295")]),

    # ---- bytes ----
    ("bytea", "BYTES", [
        ("''", ""), (r"'\x00'", "AA=="), (r"'\x0001'", "AAE="), (r"'\x000102'", "AAEC"),
        (r"'\xfffe80c328'", "//6Awyg="), (r"'\x5c783030'", "XHgwMA=="), (r"'\x0a0d095c'", "Cg0JXA=="),
        (r"decode(repeat('ff00ee', 60000), 'hex')", "/wDu" * 60000), ("NULL", None)]),

    # ---- dates and times ----
    ("date", "DATE", [
        ("'2024-02-29'", "2024-02-29"), ("'0001-01-01'", "0001-01-01"), ("'9999-12-31'", "9999-12-31"),
        ("'1582-10-10'", "1582-10-10"), ("'1900-02-28'", "1900-02-28"),
        ("'10000-01-01'", bad("TS_RANGE", "10000-01-01")),
        ("'5874897-12-31'", bad("TS_RANGE", "5874897-12-31")),
        ("'0001-12-31 BC'", bad("DATE_BC", "0001-12-31 BC")),
        ("'4714-11-24 BC'", bad("DATE_BC", "4714-11-24 BC")),
        ("'infinity'", bad("TS_INFINITY", "infinity")), ("'-infinity'", bad("TS_INFINITY", "-infinity")),
        ("NULL", None)]),
    ("time", "TIME", [
        ("'00:00:00'", "00:00:00"), ("'23:59:59.999999'", "23:59:59.999999"), ("'12:00:00.100'", "12:00:00.1"),
        ("'00:00:00.000001'", "00:00:00.000001"), ("'24:00:00'", bad("TIME_24", "24:00:00")), ("NULL", None)]),
    ("time(0)", "TIME", [("'12:34:56'", "12:34:56")]),
    ("timetz", "STRING", [
        ("'24:00:00+02'", "24:00:00+02"), ("'12:00:00.5-08:30'", "12:00:00.5-08:30"),
        ("'00:00:00+15:59:59'", "00:00:00+15:59:59"), ("NULL", None)]),
    ("timestamp", "DATETIME", [
        ("'2024-01-02 03:04:05.6'", "2024-01-02 03:04:05.6"), ("'0001-01-01'", "0001-01-01 00:00:00"),
        ("'9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999"),
        ("'2024-03-31 02:30:00'", "2024-03-31 02:30:00"), ("'1970-01-01'", "1970-01-01 00:00:00"),
        ("'10000-01-01'", bad("TS_RANGE", "10000-01-01 00:00:00")),
        ("'294276-12-31 23:59:59.999999'", bad("TS_RANGE", "294276-12-31 23:59:59.999999")),
        ("'0044-03-15 12:00 BC'", bad("DATE_BC", "0044-03-15 12:00:00 BC")),
        ("'4713-01-01 00:00:00 BC'", bad("DATE_BC", "4713-01-01 00:00:00 BC")),
        ("'infinity'", bad("TS_INFINITY", "infinity")), ("'-infinity'", bad("TS_INFINITY", "-infinity")),
        ("NULL", None)]),
    ("timestamptz", "TIMESTAMP", [
        ("'2024-01-02 03:04:05.000001+01'", "2024-01-02 02:04:05.000001"),
        ("'2024-06-01 00:00:00 Europe/Berlin'", "2024-05-31 22:00:00"),
        ("'1890-05-01 12:00:00 Europe/Berlin'", "1890-05-01 11:06:32"),
        ("'1969-12-31 23:59:59.999999+00'", "1969-12-31 23:59:59.999999"),
        ("'0001-01-01 00:00:00+00'", "0001-01-01 00:00:00"),
        ("'9999-12-31 23:59:59.999999+00'", "9999-12-31 23:59:59.999999"),
        ("'0001-01-01 00:00:00+01'", bad("DATE_BC", "0001-12-31 23:00:00+00 BC")),
        ("'9999-12-31 23:59:59.999999-01'", bad("TS_RANGE", "10000-01-01 00:59:59.999999+00")),
        ("'4713-01-01 00:00:00+00 BC'", bad("DATE_BC", "4713-01-01 00:00:00+00 BC")),
        ("'294276-12-31 23:59:59.999999+00'", bad("TS_RANGE", "294276-12-31 23:59:59.999999+00")),
        ("'infinity'", bad("TS_INFINITY", "infinity")), ("'-infinity'", bad("TS_INFINITY", "-infinity")),
        ("NULL", None)]),
    ("interval", "STRING", [
        ("'1 year 2 mons -3 days 04:05:06.7'", "P1Y2M-3DT4H5M6.7S"), ("'0'", "PT0S"),
        ("'-178000000 years'", "P-178000000Y"), ("'1 month'", "P1M"), ("'30 days'", "P30D"),
        ("'720 hours'", "PT720H"), ("'-00:00:00.000001'", "PT-0.000001S"), ("NULL", None)]),

    # ---- documents ----
    ("json", "STRING", [
        ('\'{"b":1,  "a":2, "b":12345678901234567890123}\'', '{"b":1,  "a":2, "b":12345678901234567890123}'),
        ("' null '", " null "), (r"""'"\u0000\ud800"'""", r'"\u0000\ud800"'), ("'1e400'", "1e400"),
        ("E'[1,\\n 2]'", "[1,\n 2]"), ("NULL", None)]),
    ("jsonb", "JSON", [
        ('\'{"b": 1, "a": [1.50, null, "x"], "": {}}\'', json('{"b": 1, "a": [1.5, null, "x"], "": {}}')),
        ("'null'", json("null")), ("'\"\"'", json('""')), ("'[]'", json("[]")), ("'{}'", json("{}")),
        ("'18446744073709551615'", json("18446744073709551615")), ("'%s'" % SMALL_INT, json(SMALL_INT)),
        ("'[0.1, -0, 1e2, 1.0, 1e-7]'", json("[0.1, 0, 100, 1, 0.0000001]")),
        ("'9007199254740993'", json("9007199254740993")),
        (r"""'{"\u00e9\ud83d\ude00": "\t\"\\\/\u0001"}'""", json('{"\u00e9\U0001F600": "\\t\\"\\\\/\\u0001"}')),
        ("'{\"a\": 12345678901234567890.5}'", bad("JSON_WIDE_NUMBER", '{"a": 12345678901234567890.5}')),
        ("'[18446744073709551617]'", bad("JSON_WIDE_NUMBER", "[18446744073709551617]")),
        ("'1e400'", bad("JSON_WIDE_NUMBER", "1" + "0" * 400)),
        ("'0.1234567890123456789'", bad("JSON_WIDE_NUMBER", "0.1234567890123456789")),
        ("(repeat('[', 500) || repeat(']', 500))::jsonb", json("[" * 500 + "]" * 500)),
        ("(repeat('[', 501) || repeat(']', 501))::jsonb", bad("JSON_DEPTH", "[" * 501 + "]" * 501)),
        ("NULL", None)]),
    ("hstore", "JSON", [
        ("'a=>1, \"b \\\"q\\\" \\\\\"=>NULL, c=>\"\"'", json(r'{"a":"1","c":"","b \"q\" \\":null}')),
        ("''", json("{}")), ("'\"=>\"=>\", \"'", json('{"=>":", "}')), ("NULL", None)]),
    ("point3", "JSON", [
        ("ROW(1, 2.50, NULL, NULL)", json('{"x":1,"Y y":2.5,"z":null,"t":null}')),
        ("ROW(NULL, NULL, '', NULL)", json('{"x":null,"Y y":null,"z":"","t":null}')),
        (r"""ROW(1, 'NaN', E'a,"b\\ (c)\n', '2024-01-01 00:00+00')""",
         json(r'{"x":1,"Y y":"NaN","z":"a,\"b\\ (c)\n","t":"2024-01-01 00:00:00+00"}')),
        ("ROW(1, 12345678901234567890.123, NULL, NULL)", bad("JSON_WIDE_NUMBER", "(1,12345678901234567890.123,,)")),
        ("NULL", None)]),
    ("deep", "JSON", [
        ("""ROW(ROW(1,2,'(x,"y")',NULL)::point3, '{1,NULL}', '{"k": [1, "a\\"b"]}', 'Infinity', true, 'h=>NULL',"""
         r""" 'ok', '\x00ff')""",
         json(r'{"p":{"x":1,"Y y":2,"z":"(x,\"y\")","t":null},"list":[1,null],"j":{"k":[1,"a\"b"]},"f":"Infinity",'
              r'"b":true,"h":{"h":null},"m":"ok","bin":"\\x00ff"}'))]),
    ("pair", "JSON", [
        ("""ROW('{"a": [1, {"b": null}]}', '2024-01-01')""", json('{"doc":{"a":[1,{"b":null}]},"d":"2024-01-01"}')),
        ("""ROW('{"a": 1, "b": 2, "a": 3}', NULL)""",
         bad("JSON_DUPLICATE", '("{""a"": 1, ""b"": 2, ""a"": 3}",)')),
        ("""ROW(NULL, 'infinity')""", json('{"doc":null,"d":"infinity"}'))]),

    # ---- arrays ----
    ("integer[]", "INT64[]", [
        ("'{}'", []), ("NULL", NO_ARRAY), ("'{1,-2,2147483647}'", ["1", "-2", "2147483647"]),
        ("'{1,NULL,3}'", bad("ARRAY_NULL", "{1,NULL,3}")), ("'{NULL}'", bad("ARRAY_NULL", "{NULL}")),
        ("'{{1,2},{3,4}}'", bad("ARRAY_DIMS", "{{1,2},{3,4}}")),
        ("'[2:3]={1,2}'", bad("ARRAY_LBOUND", "[2:3]={1,2}")),
        ("'[0:0]={7}'", bad("ARRAY_LBOUND", "[0:0]={7}")),
        ("'[0:1][0:0]={{1},{2}}'", bad("ARRAY_DIMS", "[0:1][0:0]={{1},{2}}"))]),
    ("bigint[]", "INT64[]", [
        ("ARRAY[%s, '%s'::bigint]" % (BIG_INT, SMALL_INT), [BIG_INT, SMALL_INT])]),
    ("text[]", "STRING[]", [
        (r"ARRAY['', 'NULL', 'a,b', '{x}', E'q\"\\', 'null ', E'tab\tline\n', '😀']",
         ["", "NULL", "a,b", "{x}", 'q"\\', "null ", "tab\tline\n", "😀"]),
        ("ARRAY['']", [""]), ("'{}'", []), ("NULL", NO_ARRAY),
        ("ARRAY['a', NULL]", bad("ARRAY_NULL", "{a,NULL}")),
        ("ARRAY[['a','b']]", bad("ARRAY_DIMS", "{{a,b}}"))]),
    ("char(3)[]", "STRING[]", [("ARRAY['a','bcd']::char(3)[]", ["a  ", "bcd"])]),
    ("numeric(10,2)[]", "NUMERIC(10, 2)[]", [
        ("'{1.50,-0.10,0}'", ["1.5", "-0.1", "0"]), ("'{1,NaN}'", bad("NOT_FINITE", "{1.00,NaN}"))]),
    ("numeric[]", "BIGNUMERIC[]", [
        ("'{1.5,%s}'" % D38, ["1.5", D38]), ("'{1,Infinity}'", bad("NOT_FINITE", "{1,Infinity}"))]),
    ("double precision[]", "FLOAT64[]", [("'{0.1,-0,NaN,Infinity,5e-324}'", [0.1, -0.0, NAN, INF, 5e-324])]),
    ("boolean[]", "BOOL[]", [("'{t,f}'", ["true", "false"])]),
    ("bytea[]", "BYTES[]", [(r"ARRAY['\x00ff'::bytea, '', '\x5c22']", ["AP8=", "", "XCI="])]),
    ("date[]", "DATE[]", [
        ("'{2024-01-01,0001-01-01}'", ["2024-01-01", "0001-01-01"]),
        ("'{2024-01-01,infinity}'", bad("TS_INFINITY", "{2024-01-01,infinity}"))]),
    ("time[]", "TIME[]", [("'{00:00,24:00}'", bad("TIME_24", "{00:00:00,24:00:00}")), ("'{01:02:03.5}'", ["01:02:03.5"])]),
    ("timestamp[]", "DATETIME[]", [("'{2024-01-01 10:00:00.25}'", ["2024-01-01 10:00:00.25"])]),
    ("timestamptz[]", "TIMESTAMP[]", [("ARRAY['2024-01-01 00:00+01'::timestamptz]", ["2023-12-31 23:00:00"])]),
    ("uuid[]", "STRING[]", [("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"])]),
    ("jsonb[]", "JSON[]", [
        ("ARRAY['{\"a\": \"x,y\"}'::jsonb, 'null', '[1]']", [json('{"a":"x,y"}'), json("null"), json("[1]")]),
        ("ARRAY['1e400'::jsonb]", bad("JSON_WIDE_NUMBER", "{1" + "0" * 400 + "}"))]),
    ("json[]", "STRING[]", [("ARRAY['{\"a\":1, \"a\":2}'::json]", ['{"a":1, "a":2}'])]),
    ("hstore[]", "JSON[]", [("ARRAY['a=>1'::hstore, '']", [json('{"a":"1"}'), json("{}")])]),
    ("mood[]", "STRING[]", [
        ("ARRAY['ok', 'it''s \"fine\", {really}', '日本 \\ 😀']::mood[]", ["ok", "it's \"fine\", {really}", "日本 \\ 😀"])]),
    ("prices", "NUMERIC(10, 2)[]", [
        ("ARRAY[1.50, 2]::prices", ["1.5", "2"]), ("'{}'", []), ("NULL", NO_ARRAY)]),
    ("money[]", "NUMERIC[]", [("ARRAY[1.5::numeric::money, 0::numeric::money]", ["1.5", "0"])]),
    ("box[]", "STRING[]", [("ARRAY['(1,2),(0,0)'::box, '(3,4),(1,1)']", ["(1,2),(0,0)", "(3,4),(1,1)"])]),
    ("interval[]", "STRING[]", [("ARRAY['1 day'::interval, '0']", ["P1D", "PT0S"])]),
    ("point3[]", "JSON[]", [
        ("ARRAY[ROW(1,2,'a \"b\"',NULL)::point3, ROW(NULL,NULL,NULL,NULL)::point3]",
         [json(r'{"x":1,"Y y":2,"z":"a \"b\"","t":null}'), json('{"x":null,"Y y":null,"z":null,"t":null}')]),
        ("ARRAY[NULL::point3]", bad("ARRAY_NULL", "{NULL}"))]),
    ("int4range[]", "STRING[]", [("ARRAY['[1,5)'::int4range, 'empty']", ["[1,5)", "empty"])]),
    ('"char"[]', "STRING[]", [("ARRAY['a', 'b']::\"char\"[]", ["a", "b"])]),
    ("name[]", "STRING[]", [("ARRAY['n']::name[]", ["n"])]),

    # ---- ranges ----
    ("int4range", "STRING", [
        ("'[1,5]'", "[1,6)"), ("'empty'", "empty"), ("'(,)'", "(,)"), ("'[-2147483648,2147483647)'",
                                                                      "[-2147483648,2147483647)"), ("NULL", None)]),
    ("int8range", "STRING", [("'[,%s)'" % BIG_INT, "(,%s)" % BIG_INT)]),
    ("numrange", "STRING", [("'(1.50,2]'", "(1.50,2]")]),
    ("daterange", "STRING", [("'[2024-01-01,infinity]'", "[2024-01-01,infinity]")]),
    ("tsrange", "STRING", [("'[2024-01-01,2024-01-02)'", '["2024-01-01 00:00:00","2024-01-02 00:00:00")')]),
    ("tstzrange", "STRING", [("'[2024-01-01 00:00+01,)'", '["2023-12-31 23:00:00+00",)')]),
    ("floatrange", "STRING", [("'[0.1,2)'", "[0.1,2)")]),
    ("int4multirange", "STRING", [("'{[1,2],[5,6]}'", "{[1,3),[5,7)}"), ("'{}'", "{}")]),
    ("tstzmultirange", "STRING", [("'{[2024-01-01 00:00+00,)}'", '{["2024-01-01 00:00:00+00",)}')]),

    # ---- networks, bits, shapes ----
    ("inet", "STRING", [
        ("'192.168.0.1/24'", "192.168.0.1/24"), ("'192.168.0.1'", "192.168.0.1"), ("'::ffff:1.2.3.4'", "::ffff:1.2.3.4")]),
    ("cidr", "STRING", [("'10.0.0.0/8'", "10.0.0.0/8"), ("'::/0'", "::/0")]),
    ("macaddr", "STRING", [("'08002b:010203'", "08:00:2b:01:02:03")]),
    ("macaddr8", "STRING", [("'08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05")]),
    ("bit(1)", "STRING", [("B'1'", "1"), ("B'0'", "0"), ("NULL", None)]),
    ("bit(3)", "STRING", [("B'101'", "101"), ("B'000'", "000")]),
    ("varbit", "STRING", [("B''", ""), ("B'" + "01" * 50 + "'", "01" * 50)]),
    ("point", "STRING", [("'(1.5,-2)'", "(1.5,-2)"), ("'(Infinity,NaN)'", "(Infinity,NaN)"),
                         ("'(0.30000000000000004,1e300)'", "(0.30000000000000004,1e+300)")]),
    ("line", "STRING", [("'{1,2,3}'", "{1,2,3}")]),
    ("lseg", "STRING", [("'[(0,0),(1,1)]'", "[(0,0),(1,1)]")]),
    ("box", "STRING", [("'(1,1),(0,0)'", "(1,1),(0,0)")]),
    ("path", "STRING", [("'[(0,0),(1,1)]'", "[(0,0),(1,1)]"), ("'((0,0),(1,1))'", "((0,0),(1,1))")]),
    ("polygon", "STRING", [("'((0,0),(1,1),(1,0))'", "((0,0),(1,1),(1,0))")]),
    ("circle", "STRING", [("'<(0,0),2.5>'", "<(0,0),2.5>")]),
]

# ---- the operator's choice: as: string, as: json ----
# (type, as, [(SQL expression, what is expected)])
MAPPED = [
    ("integer[]", "json", [
        ("'{{1,NULL},{3,4}}'", json("[[1,null],[3,4]]")), ("'{1,NULL}'", json("[1,null]")), ("'{}'", json("[]")),
        ("'[0:1]={1,2}'", bad("ARRAY_LBOUND", "[0:1]={1,2}")), ("NULL", None)]),
    ("text[]", "string", [
        ("'[0:1]={1,2}'", "[0:1]={1,2}"), ("ARRAY['a', NULL, '\"']", r'{a,NULL,"\""}'), ("'{}'", "{}"), ("NULL", None)]),
    ("numeric", "string", [
        ("'NaN'", "NaN"), ("'-Infinity'", "-Infinity"), ("('1e400')::numeric", "1" + "0" * 400), ("1.50", "1.50")]),
    ("numeric", "json", [
        ("1.50", json("1.5")), ("'NaN'", json('"NaN"')),
        ("12345678901234567890.5", bad("JSON_WIDE_NUMBER", "12345678901234567890.5"))]),
    ("text", "json", [
        ("'{\"x\": [1, 2]}'", json('{"x":[1,2]}')), ("'not json'", bad("JSON_INVALID", "not json")),
        ("''", bad("JSON_INVALID", "")), ("'{\"a\": {\"k\": 1, \"k\": 2}}'", bad("JSON_DUPLICATE", '{"a": {"k": 1, "k": 2}}')),
        (r"""'{"a": 1, "\u0061": 2}'""", bad("JSON_DUPLICATE", r'{"a": 1, "\u0061": 2}')),
        ("'[{\"k\": 1}, {\"k\": 2}]'", json('[{"k":1},{"k":2}]')), ("NULL", None)]),
    ("json", "json", [
        ("E'{\"b\":1,\\n \"a\":[]}'", json('{"a":[],"b":1}')),
        ("'{\"b\":1, \"b\":1}'", bad("JSON_DUPLICATE", '{"b":1, "b":1}')),
        ("'1e400'", bad("JSON_WIDE_NUMBER", "1e400")),
        (r"""'"\ud800"'""", bad("JSON_INVALID", r'"\ud800"'))]),
    ("jsonb", "string", [("'{\"a\": 1e400}'", '{"a": 1' + "0" * 400 + "}"), ("'{\"b\":1,\"a\":2}'", '{"a": 2, "b": 1}')]),
    ("date", "string", [
        ("'infinity'", "infinity"), ("'0044-03-15 BC'", "0044-03-15 BC"), ("'2024-01-01'", "2024-01-01")]),
    ("timestamptz", "string", [("'infinity'", "infinity"), ("'2024-01-01 00:00:00.5+01'", "2023-12-31 23:00:00.5+00")]),
    ("timestamptz", "json", [("'2024-01-01 00:00:00+00'", json('"2024-01-01 00:00:00+00"'))]),
    ("time", "string", [("'24:00'", "24:00:00")]),
    ("money", "string", [("1.5::numeric::money", "1.50"), ("'-12345.67'::numeric::money", "-12345.67")]),
    ("money", "json", [("1.5::numeric::money", json("1.5"))]),
    ("bytea", "string", [(r"'\x00ff'", r"\x00ff")]),
    ("bytea", "json", [(r"'\x00ff'", json(r'"\\x00ff"'))]),
    ("boolean", "string", [("true", "t"), ("NULL", None)]),
    ("boolean", "json", [("true", json("true")), ("NULL", None)]),
    ("bigint", "string", [(BIG_INT, BIG_INT)]),
    ("bigint", "json", [(BIG_INT, json(BIG_INT))]),
    ("double precision", "json", [("'NaN'", json('"NaN"')), ("0.1", json("0.1")), ("'1e308'", json("1e308"))]),
    ("hstore", "string", [("'a=>NULL'", '"a"=>NULL')]),
    ("point3", "string", [("ROW(1, 2.50, 'x y', NULL)", '(1,2.50,"x y",)')]),
    ("point3[]", "json", [
        ("ARRAY[NULL, ROW(1,2,'a\"b',NULL)::point3]", json(r'[null,{"x":1,"Y y":2,"z":"a\"b","t":null}]'))]),
    ("mood", "json", [("'ok'", json('"ok"'))]),
    ("int4range", "json", [("'[1,2]'", json('"[1,3)"'))]),
]

# ---- column names: (in PostgreSQL, in BigQuery) ----
NAMES = [
    ("id", "id"),
    ("Mixed Case", "Mixed_Case"),
    ("camelCase", "camelCase"),
    ("select", "select"),
    ("FROM", "FROM"),
    ("1st", "_1st"),
    ("42", "_42"),
    ("a-b", "a_b"),
    ("dotted.name", "dotted_name"),
    ('quo"ted', "quo_ted"),
    ("back\\slash", "back_slash"),
    ("tab\there", "tab_here"),
    ("na\u00efve", "na_ve"),
    ("\u65e5\u672c", "__"),
    ("\U0001F600", "_"),
    ("_TABLE_x", "c_TABLE_x"),
    ("_PARTITIONTIME", "c_PARTITIONTIME"),
    ("_FILE_NAME", "c_FILE_NAME"),
    ("__ROOT__", "c__ROOT__"),
    ("_bw_version", "c_bw_version"),
    ("%s %d", "_s__d"),
    ("$2", "_2"),
    ("x" * 63, "x" * 63),
]
