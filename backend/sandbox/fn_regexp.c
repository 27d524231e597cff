/*
 * REGEXP_CONTAINS, _EXTRACT, _EXTRACT_ALL, _INSTR, _REPLACE. Positions count characters of a STRING
 * and bytes of BYTES.
 */
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_regexp.h"
#include "backend/sandbox/bq_tuple.h"

#define MAX_RESULT (16u << 20)

static void free_regexp(void *re)
{
    bq_regexp_free(re);
}

/* The pattern is argument 1. SQLite keeps the compiled one for as long as the argument is constant;
   NULL: the result is set. */
static bq_regexp *regexp_of(sqlite3_context *ctx, sqlite3_value **argv)
{
    bq_regexp *re = sqlite3_get_auxdata(ctx, 1);
    bw_buf why = BW_BUF_INIT;

    if (re)
        return re;
    bool text = sqlite3_value_type(argv[1]) == SQLITE_TEXT;
    re = bq_regexp_new(bq_arg_slice(argv[1]), text, &why);
    if (!re)
        bq_result_error(ctx, "%s", bw_buf_cstr(&why));
    bw_buf_fini(&why);
    if (!re)
        return NULL;
    sqlite3_set_auxdata(ctx, 1, re, free_regexp);
    return sqlite3_get_auxdata(ctx, 1); /* NULL when there was no memory for it */
}

/* One search over a subject after another. */
typedef struct search {
    sqlite3_context *ctx;
    bq_regexp *re;
    bw_slice s;
    bool text;
    size_t next, skipped;
    bool over;
    bq_span whole, taken; /* of the last match: all of it, and its group when it has one */
    bq_span groups[BQ_REGEXP_GROUPS];
} search;

static size_t char_size(const search *f, size_t at)
{
    size_t n = 1;

    while (f->text && at + n < f->s.len && ((unsigned char)f->s.ptr[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* False and the result is set, when an argument is NULL or the pattern is refused. */
static bool search_begin(sqlite3_context *ctx, int argc, sqlite3_value **argv, search *f)
{
    if (bq_any_null(ctx, argc, argv))
        return false;
    *f = (search){.ctx = ctx, .re = regexp_of(ctx, argv), .s = bq_arg_slice(argv[0])};
    f->text = sqlite3_value_type(argv[0]) == SQLITE_TEXT;
    return f->re != NULL;
}

/* 1: found; 0: no more; -1: the error is set. */
static int search_at(search *f, size_t from)
{
    int found = bq_regexp_find(f->re, f->s, from, f->groups);

    if (found < 0)
        bq_result_error(f->ctx, "Regular expression matching exceeded the sandbox's limit of "
                                "steps: PCRE2 backtracks where RE2 would not");
    return found;
}

/* The next match for the extracting functions. */
static int search_next(search *f)
{
    if (f->over)
        return 0;
    int found = search_at(f, f->next);
    if (found <= 0)
        return found;
    f->whole = f->groups[0];
    f->taken = bq_regexp_groups(f->re) ? f->groups[1] : f->whole;
    f->next = f->whole.end;
    if (f->whole.begin == f->whole.end && f->next < f->s.len)
        f->next += char_size(f, f->next);
    f->over = f->next >= f->s.len;
    return 1;
}

static void result_part(const search *f, bq_span part)
{
    bool none = part.begin == SIZE_MAX;
    bw_slice s = {f->s.ptr + (none ? 0 : part.begin), none ? 0 : part.end - part.begin};

    if (none)
        sqlite3_result_null(f->ctx);
    else if (f->text)
        bq_result_text(f->ctx, s);
    else
        bq_result_blob(f->ctx, s);
}

static bool one_group(const search *f)
{
    if (bq_regexp_groups(f->re) <= 1)
        return true;
    bq_result_error(f->ctx, "Regular expressions passed into extraction functions must not have "
                            "more than 1 capturing group");
    return false;
}

/* Positions and occurrences from arguments `at` on; the search then is at the wanted match. 1, 0, or
   -1 with an error set. */
static int find_occurrence(search *f, int argc, sqlite3_value **argv, int at)
{
    int64_t position = argc > at ? sqlite3_value_int64(argv[at]) : 1;
    int64_t occurrence = argc > at + 1 ? sqlite3_value_int64(argv[at + 1]) : 1;
    int found = 0;

    if (position <= 0 || occurrence <= 0) {
        bq_result_error(f->ctx, "%s must be greater than 0",
                        position <= 0 ? "Position" : "Occurrence");
        return -1;
    }
    if (!one_group(f))
        return -1;
    for (; position > 1 && f->skipped < f->s.len; position--)
        f->skipped += char_size(f, f->skipped);
    if (position > 1 || (f->skipped >= f->s.len && f->s.len > 0))
        return 0;
    /* What stands before the position is no part of what is searched: ^ matches there. */
    f->s = (bw_slice){f->s.ptr + f->skipped, f->s.len - f->skipped};
    for (; occurrence > 0; occurrence--) {
        found = search_next(f);
        if (found <= 0)
            return found;
    }
    return found;
}

static void contains(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    search f;

    if (!search_begin(ctx, argc, argv, &f))
        return;
    int found = search_at(&f, 0);
    if (found >= 0)
        sqlite3_result_int(ctx, found);
}

static void extract(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    search f;

    if (!search_begin(ctx, argc, argv, &f))
        return;
    int found = find_occurrence(&f, argc, argv, 2);
    if (found > 0)
        result_part(&f, f.taken);
    else if (found == 0)
        sqlite3_result_null(ctx);
}

static void extract_all(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    size_t count = 0;
    int found;
    search f;

    if (!search_begin(ctx, argc, argv, &f) || !one_group(&f))
        return;
    bq_tuple_begin(&out, 0);
    for (; (found = search_next(&f)) > 0; count++) {
        bq_span p = f.taken.begin == SIZE_MAX ? (bq_span){0, 0} : f.taken;
        bw_slice s = {f.s.ptr + p.begin, p.end - p.begin};
        bq_value v = f.text ? bq_text(s) : bq_blob(s);
        bq_tuple_add(&out, &v);
    }
    bq_tuple_set_count(&out, 0, count);
    if (found == 0)
        bq_result_blob(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

/* (value, regexp, position, occurrence, occurrence_position) */
static void instr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    search f;

    if (!search_begin(ctx, argc, argv, &f))
        return;
    int64_t behind = argc > 4 ? sqlite3_value_int64(argv[4]) : 0;
    if (behind != 0 && behind != 1) {
        bq_result_error(ctx, "Invalid return_position_after_match");
        return;
    }
    bool nothing = bq_arg_slice(argv[1]).len == 0 || f.s.len == 0;
    int found = nothing ? 0 : find_occurrence(&f, argc, argv, 2);
    if (found < 0)
        return;
    if (found == 0 || f.taken.begin == SIZE_MAX) {
        sqlite3_result_int(ctx, 0);
        return;
    }
    bw_slice before = {f.s.ptr - f.skipped, f.skipped + (behind ? f.taken.end : f.taken.begin)};
    sqlite3_result_int64(ctx, 1 + (f.text ? bq_text_length(before) : (int64_t)before.len));
}

/* ---- Replacing ---------------------------------------------------------------------------------- */

/* The replacement's \0 to \9 and \\; false: the error is set. */
static bool replacement_ok(const search *f, bw_slice to)
{
    for (size_t i = 0; i < to.len; i++) {
        if (to.ptr[i] != '\\')
            continue;
        char c = ++i < to.len ? to.ptr[i] : '\0';
        if (c >= '0' && c <= '9' && c - '0' > bq_regexp_groups(f->re)) {
            bq_result_error(f->ctx,
                            "Invalid REGEXP_REPLACE pattern: Rewrite schema requests %d matches, "
                            "but the regexp only has %d parenthesized subexpressions",
                            c - '0', bq_regexp_groups(f->re));
            return false;
        }
        if (c != '\\' && (c < '0' || c > '9')) {
            bq_result_error(f->ctx, "Invalid REGEXP_REPLACE pattern: Rewrite schema error: '\\' "
                                    "must be followed by a digit or '\\'");
            return false;
        }
    }
    return true;
}

static void add_replacement(const search *f, bw_slice to, bw_buf *out)
{
    for (size_t i = 0; i < to.len; i++) {
        if (to.ptr[i] != '\\') {
            bw_buf_addc(out, to.ptr[i]);
        } else if (to.ptr[++i] == '\\') {
            bw_buf_addc(out, '\\');
        } else {
            bq_span g = f->groups[to.ptr[i] - '0'];
            if (g.begin != SIZE_MAX)
                bw_buf_add(out, f->s.ptr + g.begin, g.end - g.begin);
        }
    }
}

/* All matches that do not overlap; an empty one directly behind another is none. */
static bool replace_all(search *f, bw_slice to, bw_buf *out)
{
    size_t last = SIZE_MAX;

    for (size_t at = 0; at <= f->s.len;) {
        int found = search_at(f, at);
        if (found < 0)
            return false;
        if (found == 0) {
            bw_buf_add(out, f->s.ptr + at, f->s.len - at);
            break;
        }
        bq_span m = f->groups[0];
        bw_buf_add(out, f->s.ptr + at, m.begin - at);
        at = m.end;
        if (m.begin != m.end || m.begin != last)
            add_replacement(f, to, out);
        if (m.begin == m.end) {
            size_t n = at < f->s.len ? char_size(f, at) : 0;
            bw_buf_add(out, f->s.ptr + at, n);
            at += n ? n : 1;
        }
        if (out->len > MAX_RESULT) {
            bq_result_error(f->ctx, "REGEXP_REPLACE: exceeded maximum output length");
            return false;
        }
        last = m.end;
    }
    return true;
}

static void replace(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    search f;

    if (!search_begin(ctx, argc, argv, &f))
        return;
    bw_slice to = bq_arg_slice(argv[2]);
    if (replacement_ok(&f, to) && replace_all(&f, to, &out)) {
        if (f.text)
            bq_result_text(ctx, bw_buf_slice(&out));
        else
            bq_result_blob(ctx, bw_buf_slice(&out));
    }
    bw_buf_fini(&out);
}

const bq_function bq_regexp_functions[] = {
    {"bq_regexp_contains", 2, contains, false},       {"bq_regexp_extract", -1, extract, false},
    {"bq_regexp_extract_all", 2, extract_all, false}, {"bq_regexp_instr", -1, instr, false},
    {"bq_regexp_replace", 3, replace, false},
};

const size_t bq_regexp_function_count = BW_COUNT(bq_regexp_functions);
