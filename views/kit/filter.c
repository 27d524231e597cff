/*
 * The filter language. Plain words, which are nearly all that is typed, never reach the regular
 * expression engine: ten thousand rows have to be filtered within one frame.
 */
#include "views/kit/filter.h"

#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define ANY_COLUMN SIZE_MAX
#define TERM_MAX   256

typedef enum test {
    CONTAINS,
    REGEX,
    LESS,
    LESS_EQUAL,
    GREATER,
    GREATER_EQUAL,
    EQUAL,
    DIFFERENT
} test;

typedef struct term {
    test test;
    bool negated;
    bool fold; /* ASCII case is ignored; the word is lower-case then */
    size_t column;
    char *word;
    size_t len;
    regex_t regex;
    double number;
} term;

struct bw_filter {
    term *terms;
    size_t count, cap, columns;
};

/* One term as it was typed. */
typedef struct token {
    char text[TERM_MAX];
    size_t len;
    size_t quoted_from; /* the first quoted byte; no operator is looked for from here on */
    bool negated;
} token;

/* Reads the next token; false at the end, or with *err set. */
static bool next_token(const char **at, token *t, bw_error *err)
{
    const char *p = *at;
    while (*p == ' ' || *p == '\t')
        p++;
    *t = (token){.quoted_from = SIZE_MAX};
    if (!*p)
        return false;
    if (*p == '!' && p[1] && p[1] != ' ') {
        t->negated = true;
        p++;
    }
    bool quoted = false;
    for (; *p && (quoted || (*p != ' ' && *p != '\t')); p++) {
        if (*p == '"') {
            quoted = !quoted;
            if (t->quoted_from == SIZE_MAX)
                t->quoted_from = t->len;
            continue;
        }
        if (t->len + 1 >= sizeof(t->text)) {
            (void)bw_error_set(err, BW_INVALID, "a word of over %d bytes", TERM_MAX - 1);
            return false;
        }
        t->text[t->len++] = *p;
    }
    *at = p;
    return true;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '/';
}

/* The operator after a column's name, with its length; 0 when the token is text. */
static size_t find_operator(const token *t, size_t *name_len, test *test_kind)
{
    static const struct {
        const char *sign;
        test test;
    } signs[] = {{">=", GREATER_EQUAL}, {"<=", LESS_EQUAL}, {"!=", DIFFERENT}, {":", CONTAINS},
                 {">", GREATER},        {"<", LESS},        {"=", EQUAL}};
    size_t n = 0;
    while (n < t->len && n < t->quoted_from && is_name_char(t->text[n]))
        n++;
    if (n == 0 || n >= t->quoted_from || !isalpha((unsigned char)t->text[0]))
        return 0;
    for (size_t i = 0; i < BW_COUNT(signs); i++) {
        if (strncmp(t->text + n, signs[i].sign, strlen(signs[i].sign)) == 0) {
            *name_len = n;
            *test_kind = signs[i].test;
            return strlen(signs[i].sign);
        }
    }
    return 0;
}

static bw_status find_column(const char *name, size_t len, const bw_filter_column *columns,
                             size_t count, size_t *found, bw_error *err)
{
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncasecmp(columns[i].id, name, len) != 0)
            continue;
        *found = i;
        matches++;
        if (columns[i].id[len] == '\0')
            return BW_OK;
    }
    if (matches == 1)
        return BW_OK;
    char copy[TERM_MAX];
    snprintf(copy, sizeof(copy), "%.*s", (int)len, name);
    if (matches > 1)
        return bw_error_set(err, BW_INVALID, "several columns begin with %s", copy);
    const char **ids = bw_xcalloc(count + 1, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = columns[i].id;
    const char *near = bw_nearest(copy, ids, count);
    bw_error_set(err, BW_INVALID, "unknown column %s", copy);
    if (near)
        bw_error_hint(err, "Did you mean %s?", near);
    else
        bw_error_hint(err, "Put text that holds : < > or = in quotes.");
    free(ids);
    return BW_INVALID;
}

/* 48.2k 1.3M 2G, as they are shown. */
static bool parse_plain(const char *text, double *number)
{
    static const char letters[] = "kMGT";
    char *end;
    double value = 0, scale = 1;
    /* strtod() would follow the locale, but only LC_CTYPE is set from the environment. */
    value = strtod(text, &end);
    if (end == text || !isfinite(value) || isspace((unsigned char)text[0]))
        return false;
    const char *letter = *end ? strchr(letters, *end) : NULL;
    for (const char *p = letters; letter && p <= letter; p++)
        scale *= 1000;
    if (letter)
        end++;
    *number = value * scale;
    return *end == '\0';
}

static bool parse_number(const char *text, bw_unit unit, double *number)
{
    int64_t value;
    if (parse_plain(text, number))
        return true;
    if (unit == BW_UNIT_SECONDS && bw_parse_duration(bw_slice_cstr(text), &value)) {
        *number = (double)value / (double)BW_SECOND;
        return true;
    }
    if (unit == BW_UNIT_BYTES && bw_parse_size(bw_slice_cstr(text), &value)) {
        *number = (double)value;
        return true;
    }
    return false;
}

#define MOST_COPIES 8   /* quantifiers that copy what they repeat */
#define MOST_TIMES  100 /* in {n,m} */

/*
 * The C library builds `x+` and `x{n}` from copies of x, so that nested or repeated they take all
 * memory there is, and matches back-references in exponential time. A filter is typed live: a slip
 * of the finger must not stop the console.
 */
static const char *too_hungry(const char *pattern)
{
    int copies = 0, intervals = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\' && isdigit((unsigned char)p[1]))
            return "back-references are not supported";
        if (*p == '\\' && p[1]) {
            p++;
            continue;
        }
        copies += *p == '+';
        intervals += *p == '{';
        for (const char *q = p + 1; *p == '{' && *q && *q != '}'; q++) {
            if (isdigit((unsigned char)*q) && strtol(q, NULL, 10) > MOST_TIMES)
                return "a repetition of over 100 times";
        }
    }
    if (intervals > 1)
        return "more than one repetition count";
    return copies > MOST_COPIES ? "more than 8 signs of repetition" : NULL;
}

static bw_status compile(term *t, const char *pattern, bw_error *err)
{
    const char *hungry = too_hungry(pattern);
    if (hungry)
        return bw_error_set(err, BW_INVALID, "%s", hungry);
    int flags = REG_EXTENDED | REG_NOSUB | REG_NEWLINE | (t->fold ? REG_ICASE : 0);
    int code = regcomp(&t->regex, pattern, flags);
    if (code == 0) {
        t->test = REGEX;
        return BW_OK;
    }
    char reason[128];
    regerror(code, &t->regex, reason, sizeof(reason));
    if (reason[0] >= 'A' && reason[0] <= 'Z')
        reason[0] = (char)(reason[0] + 32);
    return bw_error_set(err, BW_INVALID, "%s", reason);
}

/* Text in a column or in any: a substring when nothing in it is special. */
static bw_status text_term(term *t, const char *text, bool literal, bw_error *err)
{
    t->fold = true;
    for (const char *p = text; *p; p++) {
        if (isupper((unsigned char)*p))
            t->fold = false;
    }
    if (!literal && text[strcspn(text, "\\^$.[]|()*+?{}")] != '\0') {
        /* A dot alone is far more often part of a name than "any character": it matches itself, too. */
        if (text[strcspn(text, "\\^$[]|()*+?{}")] != '\0')
            return compile(t, text, err);
    }
    t->test = CONTAINS;
    t->word = bw_xstrdup(text);
    t->len = strlen(text);
    return BW_OK;
}

static bw_status comparison(term *t, const char *text, const bw_filter_column *column,
                            bw_error *err)
{
    if (parse_number(text, column->unit, &t->number) && column->unit != BW_UNIT_TEXT)
        return BW_OK;
    if (t->test == EQUAL || t->test == DIFFERENT) {
        /* state=failed: the whole text of the cell. */
        t->word = bw_xstrdup(text);
        t->len = strlen(text);
        return BW_OK;
    }
    if (column->unit == BW_UNIT_TEXT)
        return bw_error_set(err, BW_INVALID, "column %s has no number to compare", column->id);
    const char *kind =
        column->unit == BW_UNIT_SECONDS ? "a number or a duration like 5m" : "a number";
    if (!text[0])
        return bw_error_set(err, BW_INVALID, "%s has to be compared with %s", column->id, kind);
    return bw_error_set(err, BW_INVALID, "%s is not %s", text, kind);
}

static bw_status add_term(bw_filter *f, const token *tok, const bw_filter_column *columns,
                          size_t count, bw_error *err)
{
    term t = {.column = ANY_COLUMN, .negated = tok->negated};
    size_t name_len = 0, skip = find_operator(tok, &name_len, &t.test);
    bw_status status = BW_OK;
    const char *value = tok->text;
    if (skip > 0) {
        status = find_column(tok->text, name_len, columns, count, &t.column, err);
        value += name_len + skip;
    }
    if (status != BW_OK)
        return status;
    if (skip > 0 && t.test != CONTAINS)
        status = comparison(&t, value, &columns[t.column], err);
    else
        status = text_term(&t, value, tok->quoted_from != SIZE_MAX, err);
    if (status != BW_OK) {
        free(t.word);
        return status;
    }
    BW_GROW(f->terms, f->count + 1, f->cap);
    f->terms[f->count++] = t;
    return BW_OK;
}

bw_status bw_filter_new(bw_filter **filter, const char *text, const bw_filter_column *columns,
                        size_t count, bw_error *err)
{
    bw_filter *f = bw_xcalloc(1, sizeof(*f));
    f->columns = count;
    bw_error problem = BW_ERROR_INIT;
    token t;
    bw_status status = BW_OK;
    while (status == BW_OK && next_token(&text, &t, &problem))
        status = add_term(f, &t, columns, count, &problem);
    if (problem.status != BW_OK) {
        if (err)
            *err = problem;
        bw_filter_free(f);
        *filter = NULL;
        return problem.status;
    }
    *filter = f;
    return BW_OK;
}

void bw_filter_free(bw_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++) {
        free(f->terms[i].word);
        if (f->terms[i].test == REGEX)
            regfree(&f->terms[i].regex);
    }
    free(f->terms);
    free(f);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool contains(bw_slice text, const term *t)
{
    if (t->len == 0)
        return true;
    if (!t->fold)
        return text.len >= t->len && memmem(text.ptr, text.len, t->word, t->len) != NULL;
    for (size_t i = 0; i + t->len <= text.len; i++) {
        size_t k = 0;
        while (k < t->len && lower(text.ptr[i + k]) == lower(t->word[k]))
            k++;
        if (k == t->len)
            return true;
    }
    return false;
}

static bool compare(const term *t, bw_slice text, double number)
{
    if (t->word) {
        bool same = text.len == t->len && strncasecmp(text.ptr, t->word, t->len) == 0;
        return same == (t->test == EQUAL);
    }
    if (isnan(number))
        return t->test == DIFFERENT;
    switch (t->test) {
    case LESS:
        return number < t->number;
    case LESS_EQUAL:
        return number <= t->number;
    case GREATER:
        return number > t->number;
    case GREATER_EQUAL:
        return number >= t->number;
    default:
        return (fabs(number - t->number) < 1e-9) == (t->test == EQUAL);
    }
}

static bool match_text(const term *t, bw_slice text)
{
    if (t->test == CONTAINS)
        return contains(text, t);
    /* regexec() wants a NUL-terminated text; one is made on the stack where it fits. */
    char small[512], *copy = text.len < sizeof(small) ? small : bw_xmalloc(text.len + 1);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    bool found = regexec(&t->regex, copy, 0, NULL, 0) == 0;
    if (copy != small)
        free(copy);
    return found;
}

/* All cells of a row as one text, a line each: what a term without a column is matched against. */
static bw_slice whole_row(const bw_filter *f, const bw_filter_row *row, bw_buf *all)
{
    if (all->len == 0) {
        for (size_t i = 0; i < f->columns; i++) {
            bw_slice text = {NULL, 0};
            double number = NAN;
            if (row->hidden && row->hidden[i])
                continue;
            row->cell(row->user, i, &text, &number);
            bw_buf_add(all, text.ptr, text.len);
            bw_buf_addc(all, '\n');
        }
    }
    return bw_buf_slice(all);
}

bool bw_filter_match(bw_filter *f, const bw_filter_row *row)
{
    bw_buf all = BW_BUF_INIT;
    bool pass = true;
    for (size_t i = 0; i < f->count && pass; i++) {
        const term *t = &f->terms[i];
        bw_slice text = {NULL, 0};
        double number = NAN;
        if (t->column == ANY_COLUMN)
            text = whole_row(f, row, &all);
        else
            row->cell(row->user, t->column, &text, &number);
        bool held = t->test == CONTAINS || t->test == REGEX ? match_text(t, text)
                                                            : compare(t, text, number);
        pass = held != t->negated;
    }
    bw_buf_fini(&all);
    return pass;
}
