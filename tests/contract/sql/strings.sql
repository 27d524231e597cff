# String functions: positions count characters from 1.
LENGTH('абвгд') => INT64 5
LENGTH(CAST('абвгд' AS BYTES)) => INT64 10
CHAR_LENGTH('абвгд') => INT64 5
CHARACTER_LENGTH('ab') => INT64 2
BYTE_LENGTH('абвгд') => INT64 10
OCTET_LENGTH(b'\x00\x01') => INT64 2
LENGTH('') => INT64 0
LENGTH(NULL) => INT64 NULL
LOWER('FOO É') => STRING "foo é"
UPPER('foo é') => STRING "FOO É"
UPPER(b'ab') => BYTES QUI=
LOWER(b'AB') => BYTES YWI=
INITCAP('Hello World-everyone!') => STRING "Hello World-Everyone!"
INITCAP('apples1oranges2pears', '12') => STRING "Apples1Oranges2Pears"
SUBSTR('apple', 2) => STRING "pple"
SUBSTR('apple', 2, 2) => STRING "pp"
SUBSTR('apple', -2) => STRING "le"
SUBSTR('apple', 1, 123) => STRING "apple"
SUBSTR('apple', 123) => STRING ""
SUBSTR('apple', 123, 5) => STRING ""
SUBSTR('apple', 0) => STRING "apple"
SUBSTR('apple', 0, 2) => STRING "ap"
SUBSTR('apple', -10) => STRING "apple"
SUBSTR('apple', -10, 2) => STRING "ap"
SUBSTR('apple', -5, 2) => STRING "ap"
SUBSTR('apple', 2, 0) => STRING ""
SUBSTR('apple', 2, -1) => ERROR
SUBSTRING('été', 2, 1) => STRING "t"
SUBSTR(b'abc', 2) => BYTES YmM=
SAFE.SUBSTR('foo', 0, -2) => STRING NULL
LEFT('apple', 3) => STRING "app"
LEFT('apple', 10) => STRING "apple"
LEFT('apple', 0) => STRING ""
LEFT('apple', -1) => ERROR
RIGHT('apple', 3) => STRING "ple"
RIGHT(b'\x01\x02', 1) => BYTES Ag==
TRIM('   apple   ') => STRING "apple"
TRIM('***apple***', '*') => STRING "apple"
TRIM('xyzappleyzx', 'xyz') => STRING "apple"
TRIM('a\u00a0') => STRING "a"
TRIM(b'\x01a\x01', b'\x01') => BYTES YQ==
LTRIM('  a ') => STRING "a "
RTRIM(' a  ') => STRING " a"
RTRIM('applexxz', 'xyz') => STRING "apple"
LPAD('abc', 5) => STRING "  abc"
LPAD('abc', 2) => STRING "ab"
LPAD('abc', 8, 'def') => STRING "defdeabc"
LPAD('例子', 5, '中') => STRING "中中中例子"
RPAD('abc', 8, 'def') => STRING "abcdefde"
RPAD('abc', 0) => STRING ""
RPAD('abc', -1) => ERROR
LPAD('a', 3, '') => ERROR
LPAD(b'a', 3, b'-') => BYTES LS1h
REPEAT('abc', 3) => STRING "abcabcabc"
REPEAT('abc', 0) => STRING ""
REPEAT('abc', NULL) => STRING NULL
REPEAT('abc', -1) => ERROR
REPLACE('apple pie', 'pie', 'cobbler') => STRING "apple cobbler"
REPLACE('aaa', '', 'x') => STRING "aaa"
REVERSE('été') => STRING "été"
REVERSE('abc') => STRING "cba"
REVERSE(b'\x01\x02') => BYTES AgE=
STARTS_WITH('bar', 'b') => BOOL true
STARTS_WITH('bar', '') => BOOL true
ENDS_WITH('apple', 'e') => BOOL true
ENDS_WITH(NULL, 'e') => BOOL NULL
STRPOS('foo@example.com', '@') => INT64 4
STRPOS('foo', 'x') => INT64 0
STRPOS('foo', '') => INT64 1
INSTR('banana', 'an') => INT64 2
INSTR('banana', 'an', 3) => INT64 4
INSTR('banana', 'an', 1, 2) => INT64 4
INSTR('banana', 'an', 1, 3) => INT64 0
INSTR('banana', 'an', -1) => INT64 4
INSTR('banana', 'an', -3) => INT64 4
INSTR('banana', 'ann') => INT64 0
INSTR('helloooo', 'oo', 1, 1) => INT64 5
INSTR('helloooo', 'oo', 1, 2) => INT64 6
INSTR('a', 'b', 0) => ERROR
CONCAT('T.P.', ' ', 'Bar') => STRING "T.P. Bar"
CONCAT('Summer', ' ', 1923) => STRING "Summer 1923"
CONCAT('a', NULL) => STRING NULL
CONCAT(b'a', b'b') => BYTES YWI=
SPLIT('b,c,a') => ARRAY<STRING> ["b", "c", "a"]
SPLIT('') => ARRAY<STRING> [""]
SPLIT('a', '') => ARRAY<STRING> ["a"]
SPLIT('abc', '') => ARRAY<STRING> ["a", "b", "c"]
SPLIT('a--b--', '--') => ARRAY<STRING> ["a", "b", ""]
SPLIT(b'a,b', b',') => ARRAY<BYTES> [YQ==, Yg==]
SPLIT(b'a,b') => ERROR
SPLIT(NULL) => ARRAY<STRING> []
ASCII('abcd') => INT64 97
ASCII('') => INT64 0
ASCII('é') => ERROR
UNICODE('âbcd') => INT64 226
UNICODE('') => INT64 0
CHR(65) => STRING "A"
CHR(1024) => STRING "Ѐ"
CHR(0) => STRING "\x00"
CHR(55296) => ERROR
CHR(-1) => ERROR
CODE_POINTS_TO_STRING([65, 255, 513]) => STRING "Aÿȁ"
CODE_POINTS_TO_BYTES([65, 98]) => BYTES QWI=
CODE_POINTS_TO_BYTES([300]) => ERROR
TO_CODE_POINTS('foo') => ARRAY<INT64> [102, 111, 111]
TO_CODE_POINTS(b'\x00\xff') => ARRAY<INT64> [0, 255]
TRANSLATE('This is a cookie', 'sco', 'zku') => STRING "Thiz iz a kuukie"
TRANSLATE('abc', 'abc', 'x') => STRING "x"
TRANSLATE('abc', 'aa', 'xy') => ERROR
CONTAINS_SUBSTR('the blue house', 'Blue house') => BOOL true
CONTAINS_SUBSTR('the red house', 'blue') => BOOL false
NORMALIZE('\u0065\u0301') => STRING "é"
NORMALIZE_AND_CASEFOLD('ABC') => STRING "abc"
FORMAT('%s', 'x') => STRING "x"
COLLATE('a', 'und:ci') => ERROR
# Bytes and encodings.
TO_HEX(b'\x00\x01\x02\x03\xAA\xEE\xEF\xFF') => STRING "00010203aaeeefff"
FROM_HEX('00010203AAEEEFFF') => BYTES AAECA6ru7/8=
FROM_HEX('0AF') => BYTES AK8=
FROM_HEX('xx') => ERROR
TO_BASE64(b'\377\340') => STRING "/+A="
FROM_BASE64('/+A=') => BYTES /+A=
FROM_BASE64('%') => ERROR
TO_BASE32(b'abcde\xFF') => STRING "MFRGGZDF74======"
FROM_BASE32('MFRGGZDF74======') => BYTES YWJjZGX/
SAFE_CONVERT_BYTES_TO_STRING(b'\xc2') => STRING "�"
SAFE_CONVERT_BYTES_TO_STRING(b'ab') => STRING "ab"
MD5('Hello World') => BYTES sQqNsWTgdUEFt6mb5y4/5Q==
TO_HEX(SHA1('Hello World')) => STRING "0a4d55a8d778e5022fab701977c5d840bbc486d0"
TO_HEX(SHA256('Hello World')) => STRING "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"
LENGTH(SHA512('Hello World')) => INT64 64
FARM_FINGERPRINT(CONCAT(CAST(1 AS STRING), 'foo', CAST(TRUE AS STRING))) => INT64 -1541654101129638711
FARM_FINGERPRINT(CONCAT(CAST(2 AS STRING), 'apple', CAST(FALSE AS STRING))) => INT64 2794438866806483259
FARM_FINGERPRINT(CONCAT(CAST(3 AS STRING), '', CAST(TRUE AS STRING))) => INT64 -4880158226897771312
LENGTH(GENERATE_UUID()) => INT64 36
GENERATE_UUID() = GENERATE_UUID() => BOOL false
# FORMAT.
FORMAT('%d', 10) => STRING "10"
FORMAT('%10d|%-10d|%+d', 10, 10, 10) => STRING "        10|10        |+10"
FORMAT('%010d', -7) => STRING "-000000007"
FORMAT("%'d", 123456789) => STRING "123,456,789"
FORMAT('%x %X %#x', 255, 255, 255) => STRING "ff FF 0xff"
FORMAT('%o', 8) => STRING "10"
FORMAT('%s %s', 'a', 'b') => STRING "a b"
FORMAT('%5s|%-5s|', 'ab', 'ab') => STRING "   ab|ab   |"
FORMAT('%.2s', 'abc') => STRING "ab"
FORMAT('%f', 1.1) => STRING "1.100000"
FORMAT('%.2f', 2.345) => STRING "2.35"
FORMAT('%e', 12345.678) => STRING "1.234568e+04"
FORMAT('%g', 0.0001) => STRING "0.0001"
FORMAT('%f', NUMERIC '1.1') => STRING "1.100000"
FORMAT('%t', DATE '2015-09-01') => STRING "2015-09-01"
FORMAT('%T', DATE '2015-09-01') => STRING "DATE \"2015-09-01\""
FORMAT('%t', TIMESTAMP '2015-09-01 12:34:56 America/Los_Angeles') => STRING "2015-09-01 19:34:56+00"
FORMAT('%T', 'a\n') => STRING "\"a\\n\""
FORMAT('%t', NULL) => STRING "NULL"
FORMAT('%t', [1, 2]) => STRING "[1, 2]"
FORMAT('%T', [1.5, 2]) => STRING "[1.5, 2.0]"
FORMAT('%t', STRUCT(1 AS a, 'x' AS b)) => STRING "(1, x)"
FORMAT('%T', STRUCT(1, 'x')) => STRING "(1, \"x\")"
FORMAT('%T', NUMERIC '1.5') => STRING "NUMERIC \"1.5\""
FORMAT('%T', b'\x01') => STRING "b\"\\x01\""
FORMAT('%t', 1.0) => STRING "1.0"
FORMAT('%t', TRUE) => STRING "true"
FORMAT('%*d', 6, 42) => STRING "    42"
FORMAT('%%') => STRING "%"
FORMAT('%d', NULL) => STRING NULL
FORMAT('%d') => ERROR
FORMAT('%d', 'x') => ERROR
FORMAT('%s', 1) => ERROR
FORMAT('%i', 5) => STRING "5"
FORMAT('%p', JSON '{"a":1}') => STRING "{\"a\":1}"
# What delimits words stays as it is; an empty part is found everywhere.
INITCAP('aAbBc', 'abAB') => STRING "aAbBC"
INSTR('xx', '', 2) => INT64 2
INSTR('xx', '', -1) => INT64 3
ASCII(b'\xd0') => INT64 208
TRANSLATE(b'abcde', b'ad', b'x') => BYTES eGJjZQ==
FORMAT('%s', b'ab') => ERROR Invalid type for argument
FORMAT('%1000000000d', 1) => ERROR out of bounds

# LIKE with several patterns
'Clarity' LIKE ANY ('%ity%', '%and%') => BOOL true
'Clarity' LIKE SOME ('x%', '%and%') => BOOL false
'Clarity and security' LIKE ALL ('%ity%', '%and%') => BOOL true
'Clarity' LIKE ALL ('%ity%', '%and%') => BOOL false
'x' LIKE ANY ('y', NULL) => BOOL NULL
