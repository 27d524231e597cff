/*
 * STRING and BYTES. Positions and lengths of a STRING count characters, those of BYTES bytes; which
 * of the two a value is, its SQLite class says. Texts may hold NUL, so nothing of SQLite's own is
 * used.
 */
#include <stdlib.h>
#include <utf8proc.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

#define MAX_RESULT (16u << 20)

static bool is_text(sqlite3_value *v)
{
    return sqlite3_value_type(v) == SQLITE_TEXT;
}

/* A result of the same class as the argument. */
static void result_like(sqlite3_context *ctx, sqlite3_value *like, bw_slice s)
{
    if (is_text(like))
        bq_result_text(ctx, s);
    else
        bq_result_blob(ctx, s);
}

static void result_buf(sqlite3_context *ctx, sqlite3_value *like, bw_buf *b)
{
    result_like(ctx, like, bw_buf_slice(b));
    bw_buf_fini(b);
}

/* Bytes of the first n characters (or bytes). */
static size_t offset_of(bw_slice s, bool text, int64_t n)
{
    size_t at = 0;

    if (!text)
        return n < (int64_t)s.len ? (size_t)n : s.len;
    for (; n > 0 && at < s.len; n--) {
        for (at++; at < s.len && ((unsigned char)s.ptr[at] & 0xC0) == 0x80;)
            at++;
    }
    return at;
}

static int64_t units(bw_slice s, bool text)
{
    return text ? bq_text_length(s) : (int64_t)s.len;
}

static void length(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int64(ctx, bq_text_length(bq_arg_slice(argv[0])));
}

static void byte_length(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (!bq_any_null(ctx, argc, argv))
        sqlite3_result_int64(ctx, (int64_t)bq_arg_slice(argv[0]).len);
}

static void map_case(sqlite3_context *ctx, int argc, sqlite3_value **argv,
                     utf8proc_int32_t (*map)(utf8proc_int32_t))
{
    bw_buf out = BW_BUF_INIT;
    char utf8[4];
    int32_t cp;
    size_t n;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    while ((n = bw_utf8_decode(s, &cp)) > 0) {
        bw_buf_add(&out, utf8, bw_utf8_encode(map(cp), utf8));
        s = (bw_slice){s.ptr + n, s.len - n};
    }
    result_buf(ctx, argv[0], &out);
}

static void lower(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    map_case(ctx, argc, argv, utf8proc_tolower);
}

static void upper(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    map_case(ctx, argc, argv, utf8proc_toupper);
}

/* Position 1 is the first; 0 is taken as 1; a negative one counts from the end. */
static void substr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bool text = is_text(argv[0]);
    int64_t total = units(s, text), position = sqlite3_value_int64(argv[1]);
    int64_t count = argc > 2 ? sqlite3_value_int64(argv[2]) : INT64_MAX;
    if (count < 0) {
        bq_result_error(ctx, "Third argument in SUBSTR() cannot be negative");
        return;
    }
    if (position < 0)
        position = position < -total ? 1 : total + position + 1;
    else if (position == 0)
        position = 1;
    size_t from = offset_of(s, text, position - 1);
    bw_slice rest = {s.ptr + from, s.len - from};
    result_like(ctx, argv[0], (bw_slice){rest.ptr, offset_of(rest, text, count)});
}

static void left(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    int64_t n = sqlite3_value_int64(argv[1]);
    if (n < 0)
        bq_result_error(ctx, "Second argument in LEFT() cannot be negative");
    else
        result_like(ctx, argv[0], (bw_slice){s.ptr, offset_of(s, is_text(argv[0]), n)});
}

static void right(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bool text = is_text(argv[0]);
    int64_t n = sqlite3_value_int64(argv[1]), total = units(s, text);
    if (n < 0) {
        bq_result_error(ctx, "Second argument in RIGHT() cannot be negative");
        return;
    }
    size_t from = offset_of(s, text, n > total ? 0 : total - n);
    result_like(ctx, argv[0], (bw_slice){s.ptr + from, s.len - from});
}

/* ---- TRIM -------------------------------------------------------------------------------------- */

/* Is the unit at s[0..n) one of the set? Without a set: Unicode white space. */
static bool in_set(bw_slice unit, bool text, bool has_set, bw_slice set)
{
    int32_t cp;

    if (!has_set) {
        bw_utf8_decode(unit, &cp);
        utf8proc_category_t c = utf8proc_category(cp);
        return c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL ||
               c == UTF8PROC_CATEGORY_ZP || (cp >= 9 && cp <= 13) || cp == 0x85;
    }
    for (size_t at = 0; at < set.len;) {
        size_t n = text ? offset_of((bw_slice){set.ptr + at, set.len - at}, true, 1) : 1;
        if (bw_slice_eq(unit, (bw_slice){set.ptr + at, n}))
            return true;
        at += n;
    }
    return false;
}

static void trim_sides(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool front, bool back)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bw_slice set = argc > 1 ? bq_arg_slice(argv[1]) : (bw_slice){"", 0};
    bool text = is_text(argv[0]);
    while (front && s.len > 0) {
        size_t n = text ? offset_of(s, true, 1) : 1;
        if (!in_set((bw_slice){s.ptr, n}, text, argc > 1, set))
            break;
        s = (bw_slice){s.ptr + n, s.len - n};
    }
    while (back && s.len > 0) {
        size_t n = 1;
        while (text && n < s.len && ((unsigned char)s.ptr[s.len - n] & 0xC0) == 0x80)
            n++;
        if (!in_set((bw_slice){s.ptr + s.len - n, n}, text, argc > 1, set))
            break;
        s.len -= n;
    }
    result_like(ctx, argv[0], s);
}

static void trim(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    trim_sides(ctx, argc, argv, true, true);
}

static void ltrim(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    trim_sides(ctx, argc, argv, true, false);
}

static void rtrim(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    trim_sides(ctx, argc, argv, false, true);
}

/* ---- Searching and replacing ------------------------------------------------------------------- */

static const char *find(bw_slice s, bw_slice what)
{
    return memmem(s.ptr, s.len, what.ptr, what.len);
}

static void replace(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    const char *at;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]), from = bq_arg_slice(argv[1]), to = bq_arg_slice(argv[2]);
    while (from.len > 0 && (at = find(s, from)) != NULL) {
        size_t before = (size_t)(at - s.ptr);
        bw_buf_add(&out, s.ptr, before);
        bw_buf_add(&out, to.ptr, to.len);
        s = (bw_slice){at + from.len, s.len - before - from.len};
    }
    bw_buf_add(&out, s.ptr, s.len);
    result_buf(ctx, argv[0], &out);
}

static void starts_with(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]), p = bq_arg_slice(argv[1]);
    sqlite3_result_int(ctx, s.len >= p.len && memcmp(s.ptr, p.ptr, p.len) == 0);
}

static void ends_with(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]), p = bq_arg_slice(argv[1]);
    sqlite3_result_int(ctx, s.len >= p.len && memcmp(s.ptr + s.len - p.len, p.ptr, p.len) == 0);
}

static void strpos(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    const char *at = find(s, bq_arg_slice(argv[1]));
    bw_slice before = {s.ptr, at ? (size_t)(at - s.ptr) : 0};
    sqlite3_result_int64(ctx, at ? units(before, is_text(argv[0])) + 1 : 0);
}

static void reverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bool text = is_text(argv[0]);
    while (s.len > 0) {
        size_t n = 1;
        while (text && n < s.len && ((unsigned char)s.ptr[s.len - n] & 0xC0) == 0x80)
            n++;
        bw_buf_add(&out, s.ptr + s.len - n, n);
        s.len -= n;
    }
    result_buf(ctx, argv[0], &out);
}

static void repeat(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    int64_t n = sqlite3_value_int64(argv[1]);
    if (n < 0) {
        bq_result_error(ctx, "Second argument in REPEAT() cannot be negative");
    } else if (s.len > 0 && (uint64_t)n > MAX_RESULT / s.len) {
        bq_result_error(ctx, "Output of REPEAT exceeds max allowed output size of 16MB");
    } else {
        for (int64_t i = 0; s.len > 0 && i < n; i++)
            bw_buf_add(&out, s.ptr, s.len);
        result_buf(ctx, argv[0], &out);
    }
}

static void pad(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool at_front)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bw_slice with = argc > 2 ? bq_arg_slice(argv[2]) : (bw_slice){" ", 1};
    bool text = is_text(argv[0]);
    int64_t want = sqlite3_value_int64(argv[1]), have = units(s, text);
    if (want < 0 || with.len == 0 || want > MAX_RESULT) {
        bq_result_error(ctx, "Arguments of LPAD and RPAD need a length from 0 to 16MB and a "
                             "pattern that is not empty");
        return;
    }
    if (want <= have) {
        result_like(ctx, argv[0], (bw_slice){s.ptr, offset_of(s, text, want)});
        return;
    }
    if (!at_front)
        bw_buf_add(&out, s.ptr, s.len);
    int64_t unit = units(with, text);
    for (int64_t missing = want - have; missing > 0; missing -= unit)
        bw_buf_add(&out, with.ptr, missing >= unit ? with.len : offset_of(with, text, missing));
    if (at_front)
        bw_buf_add(&out, s.ptr, s.len);
    result_buf(ctx, argv[0], &out);
}

static void lpad(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    pad(ctx, argc, argv, true);
}

static void rpad(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    pad(ctx, argc, argv, false);
}

static void split(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bool text = is_text(argv[0]);
    bw_slice s = bq_arg_slice(argv[0]);
    bw_slice by = argc > 1 ? bq_arg_slice(argv[1]) : (bw_slice){",", 1};
    bq_tuple_begin(&out, 0);
    for (;;) {
        const char *at = by.len ? find(s, by) : NULL;
        size_t n = at ? (size_t)(at - s.ptr) : by.len ? s.len : offset_of(s, text, 1);
        bq_value v = text ? bq_text((bw_slice){s.ptr, n}) : bq_blob((bw_slice){s.ptr, n});
        bq_tuple_add(&out, &v);
        count++;
        if (by.len ? !at : n >= s.len)
            break;
        s = (bw_slice){s.ptr + n + by.len, s.len - n - by.len};
    }
    bq_tuple_set_count(&out, 0, count);
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void ascii(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int32_t cp = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    if (is_text(argv[0]))
        bw_utf8_decode(s, &cp);
    else
        cp = s.len ? (unsigned char)s.ptr[0] : 0;
    if (cp > 127 && is_text(argv[0]))
        bq_result_error(ctx, "Non-ASCII character in the first position of ASCII()");
    else
        sqlite3_result_int(ctx, cp);
}

static void chr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char utf8[4];

    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t cp = sqlite3_value_int64(argv[0]);
    if (cp < 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        bq_result_error(ctx, "Invalid codepoint %lld", (long long)cp);
    else
        bq_result_text(ctx, (bw_slice){utf8, bw_utf8_encode((int32_t)cp, utf8)});
}

static void concat(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    for (int i = 0; i < argc; i++) {
        bw_slice s = bq_arg_slice(argv[i]);
        bw_buf_add(&out, s.ptr, s.len);
    }
    result_buf(ctx, argv[0], &out);
}

/* ---- LIKE -------------------------------------------------------------------------------------- */

/* % any run, _ one character (or byte), \ escapes. 1, 0, or -1 for a pattern that ends in \. */
static int like_match(bw_slice s, bw_slice p, bool text)
{
    size_t si = 0, pi = 0, star_p = SIZE_MAX, star_s = 0;

    for (;;) {
        bool literal = false;
        if (pi < p.len && p.ptr[pi] == '%') {
            star_p = ++pi;
            star_s = si;
            continue;
        }
        if (si >= s.len && pi >= p.len)
            return 1;
        size_t pat = pi;
        if (pat < p.len && p.ptr[pat] == '\\') {
            if (++pat >= p.len)
                return -1;
            literal = true;
        }
        if (si < s.len && pat < p.len) {
            size_t n = text ? offset_of((bw_slice){s.ptr + si, s.len - si}, true, 1) : 1;
            if (!literal && p.ptr[pat] == '_') {
                si += n;
                pi = pat + 1;
                continue;
            }
            if (s.ptr[si] == p.ptr[pat]) {
                si++;
                pi = pat + 1;
                continue;
            }
        }
        if (star_p == SIZE_MAX || star_s >= s.len)
            return 0;
        si = ++star_s;
        pi = star_p;
    }
}

static void like(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    int r = like_match(bq_arg_slice(argv[0]), bq_arg_slice(argv[1]), is_text(argv[0]));
    if (r < 0)
        bq_result_error(ctx, "LIKE pattern ends with a backslash");
    else
        sqlite3_result_int(ctx, r);
}

const bq_function bq_string_functions[] = {
    {"bq_length", 1, length, false},
    {"bq_byte_length", 1, byte_length, false},
    {"bq_lower", 1, lower, false},
    {"bq_upper", 1, upper, false},
    {"bq_substr", -1, substr, false},
    {"bq_left", 2, left, false},
    {"bq_right", 2, right, false},
    {"bq_trim", -1, trim, false},
    {"bq_ltrim", -1, ltrim, false},
    {"bq_rtrim", -1, rtrim, false},
    {"bq_replace", 3, replace, false},
    {"bq_starts_with", 2, starts_with, false},
    {"bq_ends_with", 2, ends_with, false},
    {"bq_strpos", 2, strpos, false},
    {"bq_reverse", 1, reverse, false},
    {"bq_repeat", 2, repeat, false},
    {"bq_lpad", -1, lpad, false},
    {"bq_rpad", -1, rpad, false},
    {"bq_split", -1, split, false},
    {"bq_ascii", 1, ascii, false},
    {"bq_chr", 1, chr, false},
    {"bq_concat", -1, concat, false},
    {"bq_like", 2, like, false},
};

const size_t bq_string_function_count = BW_COUNT(bq_string_functions);
