/*
 * STRING and BYTES, the rarer functions: code points, search by occurrence, translation, normal forms,
 * base 32.
 */
#include <stdlib.h>
#include <utf8proc.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_tuple.h"

static size_t take_code_point(bw_slice *s, int32_t *cp)
{
    size_t n = bw_utf8_decode(*s, cp);

    *s = (bw_slice){s->ptr + n, s->len - n};
    return n;
}

static void add_code_point(bw_buf *out, int32_t cp)
{
    char utf8[4];

    bw_buf_add(out, utf8, bw_utf8_encode(cp, utf8));
}

static void result_text(sqlite3_context *ctx, bw_buf *out)
{
    bq_result_text(ctx, bw_buf_slice(out));
    bw_buf_fini(out);
}

static bool in_text(bw_slice set, int32_t cp)
{
    int32_t c;

    while (take_code_point(&set, &c)) {
        if (c == cp)
            return true;
    }
    return false;
}

/* ---- Case --------------------------------------------------------------------------------------- */

/* (text [, delimiters]) */
static void initcap(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    static const char delimiters[] = " \t\n\r\f\v[](){}/|<>!?@\"^#$&~_,.:;*%+-=\\'`";
    bw_buf out = BW_BUF_INIT;
    bool begins = true;
    int32_t cp;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bw_slice stops = argc > 1 ? bq_arg_slice(argv[1]) : bw_slice_cstr(delimiters);
    while (take_code_point(&s, &cp)) {
        bool stop = in_text(stops, cp);
        add_code_point(&out, stop ? cp : begins ? utf8proc_toupper(cp) : utf8proc_tolower(cp));
        begins = stop;
    }
    result_text(ctx, &out);
}

static void map_bytes(sqlite3_context *ctx, int argc, sqlite3_value **argv, char from, char to)
{
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bw_buf_addc(&out, c >= from && c <= from + 25 ? (char)(c - from + to) : c);
    }
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void upper_bytes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    map_bytes(ctx, argc, argv, 'a', 'A');
}

static void lower_bytes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    map_bytes(ctx, argc, argv, 'A', 'a');
}

/* ---- Searching ---------------------------------------------------------------------------------- */

/* Where the character (byte) number n begins; n may be the one behind the last. */
static size_t place_of(bw_slice s, bool text, int64_t n)
{
    size_t at = 0;

    if (!text)
        return (size_t)n;
    for (; n > 0 && at < s.len; n--) {
        for (at++; at < s.len && ((unsigned char)s.ptr[at] & 0xC0) == 0x80;)
            at++;
    }
    return at;
}

/* (value, part [, position [, occurrence]]): a negative position counts and searches from the end. */
static void instr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]), part = bq_arg_slice(argv[1]);
    bool text = sqlite3_value_type(argv[0]) == SQLITE_TEXT;
    int64_t position = argc > 2 ? sqlite3_value_int64(argv[2]) : 1;
    int64_t occurrence = argc > 3 ? sqlite3_value_int64(argv[3]) : 1;
    int64_t total = text ? bq_text_length(s) : (int64_t)s.len, found = 0;
    if (position == 0 || occurrence < 1) {
        bq_result_error(ctx, position == 0 ? "The third argument (position) in INSTR() must not be "
                                             "zero"
                                           : "The fourth argument (occurrence) in INSTR() must be "
                                             "positive");
        return;
    }
    int64_t step = position > 0 ? 1 : -1;
    total += part.len == 0; /* an empty part is found behind the end, too */
    int64_t at = position > 0 ? position - 1 : total + position;
    for (; at >= 0 && at < total && found == 0; at += step) {
        size_t place = place_of(s, text, at);
        bool here = s.len - place >= part.len && memcmp(s.ptr + place, part.ptr, part.len) == 0;
        if (here && --occurrence == 0)
            found = at + 1;
    }
    sqlite3_result_int64(ctx, found);
}

static bool fold(bw_slice s, bool casefold, int form, bw_buf *out)
{
    utf8proc_uint8_t *text = NULL;
    utf8proc_option_t options = (utf8proc_option_t)(form | (casefold ? UTF8PROC_CASEFOLD : 0));
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)s.len, &text, options);

    if (n >= 0)
        bw_buf_add(out, text, (size_t)n);
    free(text);
    return n >= 0;
}

#define NFKC (UTF8PROC_COMPOSE | UTF8PROC_STABLE | UTF8PROC_COMPAT)

static void contains_substr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf s = BW_BUF_INIT, part = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    if (fold(bq_arg_slice(argv[0]), true, NFKC, &s) &&
        fold(bq_arg_slice(argv[1]), true, NFKC, &part))
        sqlite3_result_int(ctx,
                           part.len == 0 || (s.len && memmem(s.ptr, s.len, part.ptr, part.len)));
    bw_buf_fini(&s);
    bw_buf_fini(&part);
}

static void normalize(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool casefold)
{
    static const struct {
        const char *name;
        int options;
    } forms[] = {{"NFC", UTF8PROC_COMPOSE | UTF8PROC_STABLE},
                 {"NFKC", NFKC},
                 {"NFD", UTF8PROC_DECOMPOSE | UTF8PROC_STABLE},
                 {"NFKD", UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_COMPAT}};
    bw_slice name = argc > 1 ? bq_arg_slice(argv[1]) : bw_slice_cstr("NFC");
    bw_buf out = BW_BUF_INIT;

    if (bq_any_null(ctx, argc, argv))
        return;
    for (size_t i = 0; i < BW_COUNT(forms); i++) {
        if (bw_slice_is(name, forms[i].name) &&
            fold(bq_arg_slice(argv[0]), casefold, forms[i].options, &out)) {
            result_text(ctx, &out);
            return;
        }
    }
    bq_result_error(ctx, "Invalid normalization mode: %.*s", BW_SLICE_ARG(name));
}

static void normalize_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    normalize(ctx, argc, argv, false);
}

static void normalize_casefold(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    normalize(ctx, argc, argv, true);
}

/* The characters of the second text become those of the third, or go. */
static void translate(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    int32_t cp, from_cp, to_cp;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]), from = bq_arg_slice(argv[1]), to = bq_arg_slice(argv[2]);
    for (bw_slice rest = from; take_code_point(&rest, &from_cp);) {
        if (in_text(rest, from_cp)) {
            bq_result_error(ctx, "Duplicate character in TRANSLATE source characters");
            return;
        }
    }
    while (take_code_point(&s, &cp)) {
        bw_slice f = from, t = to;
        bool known = false, kept = false;
        while (!known && take_code_point(&f, &from_cp)) {
            kept = take_code_point(&t, &to_cp) > 0;
            known = from_cp == cp;
        }
        if (!known || kept)
            add_code_point(&out, known ? to_cp : cp);
    }
    result_text(ctx, &out);
}

static void translate_bytes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    bool seen[256] = {false};

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]), from = bq_arg_slice(argv[1]), to = bq_arg_slice(argv[2]);
    for (size_t i = 0; i < from.len; i++) {
        if (seen[(unsigned char)from.ptr[i]]) {
            bq_result_error(ctx, "Duplicate byte in TRANSLATE source bytes");
            return;
        }
        seen[(unsigned char)from.ptr[i]] = true;
    }
    for (size_t i = 0; i < s.len; i++) {
        const char *at = from.len ? memchr(from.ptr, s.ptr[i], from.len) : NULL;
        size_t place = at ? (size_t)(at - from.ptr) : 0;
        if (!at || place < to.len)
            bw_buf_addc(&out, at ? to.ptr[place] : s.ptr[i]);
    }
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

/* ---- Code points -------------------------------------------------------------------------------- */

static void unicode(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int32_t cp = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    take_code_point(&s, &cp);
    sqlite3_result_int(ctx, s.ptr == bq_arg_slice(argv[0]).ptr ? 0 : cp);
}

static void to_code_points(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;
    int32_t cp;

    if (bq_any_null(ctx, argc, argv))
        return;
    bool text = sqlite3_value_type(argv[0]) == SQLITE_TEXT;
    bw_slice s = bq_arg_slice(argv[0]);
    bq_tuple_begin(&out, 0);
    for (; s.len > 0; count++) {
        cp = (unsigned char)s.ptr[0];
        if (!text)
            s = (bw_slice){s.ptr + 1, s.len - 1};
        else if (!take_code_point(&s, &cp))
            break;
        bq_value v = bq_int(cp);
        bq_tuple_add(&out, &v);
    }
    bq_tuple_set_count(&out, 0, count);
    bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void from_code_points(sqlite3_context *ctx, int argc, sqlite3_value **argv, bool text)
{
    bw_buf out = BW_BUF_INIT;
    bq_tuple t;
    bq_value v;

    if (bq_any_null(ctx, argc, argv) || !bq_tuple_open(bq_arg_slice(argv[0]), &t))
        return;
    while (bq_tuple_next(&t, &v)) {
        bool ok = v.i >= 0 && v.i <= (text ? 0x10FFFF : 0xFF) &&
                  !(text && v.i >= 0xD800 && v.i <= 0xDFFF);
        if (v.cls == BQ_NULL || !ok) {
            if (v.cls != BQ_NULL)
                bq_result_error(ctx, "Invalid %s %lld", text ? "codepoint" : "extended ASCII code",
                                (long long)v.i);
            bw_buf_fini(&out);
            return;
        }
        if (text)
            add_code_point(&out, (int32_t)v.i);
        else
            bw_buf_addc(&out, (char)v.i);
    }
    if (text)
        bq_result_text(ctx, bw_buf_slice(&out));
    else
        bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void code_points_to_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    from_code_points(ctx, argc, argv, true);
}

static void code_points_to_bytes(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    from_code_points(ctx, argc, argv, false);
}

/* ---- Base 32 (RFC 4648) ------------------------------------------------------------------------- */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void to_base32(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    uint64_t bits = 0;
    unsigned have = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    for (size_t i = 0; i < s.len; i++) {
        bits = bits << 8 | (unsigned char)s.ptr[i];
        for (have += 8; have >= 5; have -= 5)
            bw_buf_addc(&out, base32[bits >> (have - 5) & 31]);
    }
    if (have > 0)
        bw_buf_addc(&out, base32[bits << (5 - have) & 31]);
    while (out.len % 8 != 0)
        bw_buf_addc(&out, '=');
    result_text(ctx, &out);
}

static void from_base32(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    uint64_t bits = 0;
    unsigned have = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice s = bq_arg_slice(argv[0]);
    bool ok = s.len % 8 == 0;
    while (s.len > 0 && s.ptr[s.len - 1] == '=')
        s.len--;
    for (size_t i = 0; ok && i < s.len; i++) {
        const char *digit = s.ptr[i] ? strchr(base32, s.ptr[i]) : NULL;
        ok = digit != NULL;
        bits = bits << 5 | (ok ? (uint64_t)(digit - base32) : 0);
        have += 5;
        if (have >= 8) {
            have -= 8;
            bw_buf_addc(&out, (char)(bits >> have & 255));
        }
    }
    if (ok)
        bq_result_blob(ctx, bw_buf_slice(&out));
    else
        bq_result_error(ctx, "Failed to decode invalid base32 string");
    bw_buf_fini(&out);
}

const bq_function bq_text_functions[] = {
    {"bq_initcap", -1, initcap, false},
    {"bq_upper_bytes", 1, upper_bytes, false},
    {"bq_lower_bytes", 1, lower_bytes, false},
    {"bq_instr", -1, instr, false},
    {"bq_contains_substr", 2, contains_substr, false},
    {"bq_normalize", -1, normalize_text, false},
    {"bq_normalize_casefold", -1, normalize_casefold, false},
    {"bq_translate", 3, translate, false},
    {"bq_translate_bytes", 3, translate_bytes, false},
    {"bq_unicode", 1, unicode, false},
    {"bq_to_code_points", 1, to_code_points, false},
    {"bq_code_points_to_text", 1, code_points_to_text, false},
    {"bq_code_points_to_bytes", 1, code_points_to_bytes, false},
    {"bq_to_base32", 1, to_base32, false},
    {"bq_from_base32", 1, from_base32, false},
};

const size_t bq_text_function_count = BW_COUNT(bq_text_functions);
