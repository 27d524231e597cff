# Operators: precedence, result types, overflow, three-valued logic.
1 + 2 * 3 => INT64 7
(1 + 2) * 3 => INT64 9
7 / 2 => FLOAT64 3.5
-7 / 2 => FLOAT64 -3.5
6 / 2 => FLOAT64 3.0
- -5 => INT64 5
-(2 + 3) => INT64 -5
+5 => INT64 5
1 - 2 - 3 => INT64 -4
2 * NUMERIC '1.5' => NUMERIC 3
1 + 1.5 => FLOAT64 2.5
# A literal takes the type of what it meets; a column of FLOAT64 does not.
NUMERIC '1.5' + 1.5 => NUMERIC 3
SELECT n + 1.5 FROM UNNEST([1]) AS n => FLOAT64 2.5
SELECT n * 2.0 FROM UNNEST([1]) AS n => FLOAT64 2.0
SELECT COALESCE(n, 0.5) FROM UNNEST([1]) AS n => FLOAT64 1.0
SELECT n + d + 0.5 FROM (SELECT 1 AS n, NUMERIC '1' AS d) => NUMERIC 2.5
NUMERIC '1.5' + CAST(1.5 AS FLOAT64) => FLOAT64 3.0
NUMERIC '1.5' + BIGNUMERIC '1.5' => BIGNUMERIC 3
BIGNUMERIC '1.5' * 2 => BIGNUMERIC 3
1 / NUMERIC '3' => NUMERIC 0.333333333
NUMERIC '2' / NUMERIC '3' => NUMERIC 0.666666667
BIGNUMERIC '2' / BIGNUMERIC '3' => BIGNUMERIC 0.66666666666666666666666666666666666667
-NUMERIC '1.5' => NUMERIC -1.5
1 / 0 => ERROR division by zero
1.0 / 0 => ERROR division by zero
NUMERIC '1' / 0 => ERROR division by zero
9223372036854775807 + 1 => ERROR int64 overflow
-9223372036854775808 - 1 => ERROR int64 overflow
9223372036854775807 * 2 => ERROR int64 overflow
-9223372036854775808 => INT64 -9223372036854775808
9223372036854775808 => ERROR Invalid integer literal: 9223372036854775808
-(-9223372036854775808) => ERROR int64 overflow
0x1F => INT64 31
0XfF => INT64 255
-0x10 => INT64 -16
1e308 * 10 => ERROR
.5 + 1. => FLOAT64 1.5
1e3 => FLOAT64 1000.0
123.456e-67 => FLOAT64 1.23456E-65
0.1 + 0.2 => FLOAT64 0.30000000000000004
1 + NULL => INT64 NULL
NULL * 2.5 => FLOAT64 NULL
NULL => INT64 NULL
# Bits.
6 & 3 => INT64 2
6 | 3 => INT64 7
6 ^ 3 => INT64 5
~5 => INT64 -6
1 << 3 => INT64 8
1 << 64 => INT64 0
1 << 63 => INT64 -9223372036854775808
-1 >> 60 => INT64 15
16 >> 2 => INT64 4
1 << -1 => ERROR
BIT_COUNT(255) => INT64 8
BIT_COUNT(-1) => INT64 64
BIT_COUNT(b'\x0f\x01') => INT64 5
# Precedence: unary, then * /, + -, shifts, &, ^, |, comparison, NOT, AND, OR.
1 | 2 ^ 3 & 6 => INT64 1
1 + 2 << 1 => INT64 6
NOT 1 = 2 => BOOL true
TRUE OR FALSE AND FALSE => BOOL true
NOT FALSE AND FALSE => BOOL false
2 + 3 = 5 AND 1 < 2 => BOOL true
# Comparison.
1 = 1.0 => BOOL true
1 <> 2 => BOOL true
1 != 1 => BOOL false
NUMERIC '1' = 1 => BOOL true
NUMERIC '1.5' = 1.5 => BOOL true
'a' < 'b' => BOOL true
'B' < 'a' => BOOL true
'' < 'a' => BOOL true
b'\x00' < b'\xff' => BOOL true
FALSE < TRUE => BOOL true
DATE '2024-01-01' < '2024-01-02' => BOOL true
NULL = NULL => BOOL NULL
1 = NULL => BOOL NULL
NULL IS NULL => BOOL true
1 IS NOT NULL => BOOL true
NULL IS DISTINCT FROM 1 => BOOL true
NULL IS NOT DISTINCT FROM NULL => BOOL true
CAST('nan' AS FLOAT64) = CAST('nan' AS FLOAT64) => BOOL false
CAST('nan' AS FLOAT64) != CAST('nan' AS FLOAT64) => BOOL true
CAST('nan' AS FLOAT64) < 1 => BOOL false
CAST('nan' AS FLOAT64) >= 1 => BOOL false
CAST('nan' AS FLOAT64) IS NOT DISTINCT FROM CAST('nan' AS FLOAT64) => BOOL true
CAST('inf' AS FLOAT64) > 1e308 => BOOL true
-0.0 = 0.0 => BOOL true
2 BETWEEN 1 AND 3 => BOOL true
3 NOT BETWEEN 1 AND 3 => BOOL false
NULL BETWEEN 1 AND 3 => BOOL NULL
5 BETWEEN NULL AND 3 => BOOL false
(1, 'a') = (1, 'a') => BOOL true
(1, 2) = (1, NULL) => BOOL NULL
(1, 2) = (3, NULL) => BOOL false
(1, 2) IN ((1, 2), (3, 4)) => BOOL true
1 = 'x' => ERROR No matching signature for operator = for argument types: INT64, STRING
1 + 'x' => ERROR No matching signature for operator + for argument types: INT64, STRING
TRUE + 1 => ERROR No matching signature for operator + for argument types: BOOL, INT64
[1] = [1] => ERROR Equality is not defined for arguments of type ARRAY<INT64>
# Logic.
TRUE AND NULL => BOOL NULL
FALSE AND NULL => BOOL false
TRUE OR NULL => BOOL true
FALSE OR NULL => BOOL NULL
NOT NULL => BOOL NULL
NOT TRUE => BOOL false
TRUE IS TRUE => BOOL true
NULL IS TRUE => BOOL false
NULL IS NOT FALSE => BOOL true
FALSE IS FALSE => BOOL true
1 AND TRUE => ERROR No matching signature for operator AND
# IN and LIKE.
1 IN (1, 2) => BOOL true
3 IN (1, 2) => BOOL false
3 IN (1, NULL) => BOOL NULL
1 IN (1, NULL) => BOOL true
3 NOT IN (1, NULL) => BOOL NULL
NULL IN (1, 2) => BOOL NULL
2 IN UNNEST([1, 2]) => BOOL true
2 IN UNNEST([1, NULL]) => BOOL NULL
2 IN UNNEST(CAST([] AS ARRAY<INT64>)) => BOOL false
2 NOT IN UNNEST([1, 3]) => BOOL true
1 IN (SELECT 1 UNION ALL SELECT 2) => BOOL true
'abc' LIKE 'a%' => BOOL true
'abc' LIKE 'A%' => BOOL false
'abc' LIKE '_b_' => BOOL true
'abc' LIKE '_b' => BOOL false
'a%c' LIKE 'a\\%c' => BOOL true
'abc' LIKE 'a\\%c' => BOOL false
'a_c' LIKE r'a\_c' => BOOL true
'' LIKE '%' => BOOL true
'a\nb' LIKE 'a_b' => BOOL true
'é' LIKE '_' => BOOL true
b'abc' LIKE b'a%' => BOOL true
NULL LIKE 'a' => BOOL NULL
'abc' NOT LIKE '%b%' => BOOL false
'a' LIKE 'a\\' => ERROR
'a' || 'b' || 'c' => STRING "abc"
'a' || NULL => STRING NULL
b'a' || b'b' => BYTES YWI=
[1] || [2, 3] => ARRAY<INT64> [1, 2, 3]
# Conditionals.
IF(TRUE, 1, 2) => INT64 1
IF(NULL, 1, 2) => INT64 2
IF(FALSE, 1, 2.5) => FLOAT64 2.5
IF(FALSE, 1 / 0, 5) => FLOAT64 5.0
IFNULL(NULL, 3) => INT64 3
IFNULL(1, 3) => INT64 1
NULLIF(1, 1) => INT64 NULL
NULLIF(1, 2) => INT64 1
COALESCE(NULL, NULL, 'x', 'y') => STRING "x"
COALESCE(NULL) => INT64 NULL
COALESCE(1, 1 / 0) => FLOAT64 1.0
CASE WHEN FALSE THEN 1 END => INT64 NULL
CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END => STRING "b"
CASE NULL WHEN NULL THEN 'a' ELSE 'c' END => STRING "c"
CASE WHEN TRUE THEN 1 ELSE 2.5 END => FLOAT64 1.0
CASE WHEN TRUE THEN 1 ELSE 'x' END => ERROR No matching signature for operator CASE
GREATEST(1, 3, 2) => INT64 3
GREATEST(1, NULL) => INT64 NULL
GREATEST(1, 2.5) => FLOAT64 2.5
GREATEST('a', 'B') => STRING "a"
LEAST(3, 1, 2) => INT64 1
LEAST(DATE '2024-01-02', DATE '2024-01-01') => DATE 2024-01-01
GREATEST(1.0, CAST('nan' AS FLOAT64)) => FLOAT64 NaN
# Literals.
'it\'s' => STRING "it's"
"double \"q\"" => STRING "double \"q\""
r'\n' => STRING "\\n"
'\x41\101\u00e9\U0001F600' => STRING "AAé😀"
b'\x00\xff' => BYTES AP8=
rb'\x' => BYTES XHg=
'\q' => ERROR Illegal escape sequence
'a' 'b' => ERROR Syntax error
DATE '2024-02-30' => ERROR
TRUE => BOOL true
[1, 2.5] => ARRAY<FLOAT64> [1.0, 2.5]
ARRAY<STRING>['a'] => ARRAY<STRING> ["a"]
[] => ARRAY<INT64> []
STRUCT(1 AS a, 'x' AS b) => STRUCT<a INT64, b STRING> {1, "x"}
STRUCT<a INT64, b STRING>(1, 'x') => STRUCT<a INT64, b STRING> {1, "x"}
STRUCT<INT64>(5) => STRUCT<_field_1 INT64> {5}
(1, 'x', NULL) => STRUCT<_field_1 INT64, _field_2 STRING, _field_3 INT64> {1, "x", NULL}
STRUCT(1 AS a).a => INT64 1
STRUCT(STRUCT(2 AS b) AS a).a.b => INT64 2
STRUCT(1 AS a).z => ERROR Field name z does not exist in STRUCT<a INT64>
NUMERIC '123.456' => NUMERIC 123.456
NUMERIC 'x' => ERROR Invalid NUMERIC literal
BIGNUMERIC '0.00000000000000000000000000000000000001' => BIGNUMERIC 0.00000000000000000000000000000000000001
JSON '{"b":1,"a":[true,null]}' => JSON {"a":[true,null],"b":1}
JSON '{bad' => ERROR
