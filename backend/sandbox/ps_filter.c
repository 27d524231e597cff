#include "backend/sandbox/ps_filter.h"

#include "backend/core/text.h"

typedef enum filter_kind { HAS, EQUALS, HAS_PREFIX, NOT, AND, OR } filter_kind;

struct ps_filter {
    filter_kind kind;
    bw_slice key, value;           /* HAS, EQUALS, HAS_PREFIX */
    const ps_filter *left, *right; /* NOT has only left */
};

/* Descends at most as deep as the text is long, which PS_FILTER_MAX bounds. */
typedef struct parser {
    bw_arena *arena;
    bw_slice text;
    size_t at;
    const char *why;
} parser;

static const ps_filter *parse_expression(parser *p);

static void *fail(parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return NULL;
}

/* ---- Words and literals ----------------------------------------------------------------------- */

static char peek(parser *p)
{
    while (p->at < p->text.len && memchr(" \t\r\n", p->text.ptr[p->at], 4))
        p->at++;
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool take(parser *p, char c)
{
    if (peek(p) != c)
        return false;
    p->at++;
    return true;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* The word that comes next, empty when there is none. Does not move. */
static bw_slice word_here(parser *p)
{
    peek(p);
    size_t end = p->at;
    while (end < p->text.len && is_word_char(p->text.ptr[end]))
        end++;
    return (bw_slice){p->text.ptr + p->at, end - p->at};
}

static bool take_word(parser *p, const char *word)
{
    if (!bw_slice_is(word_here(p), word))
        return false;
    p->at += strlen(word);
    return true;
}

/* Up to `max` digits of the base; how many there were. */
static size_t take_digits(parser *p, int base, size_t max, int32_t *value)
{
    size_t n = 0;
    for (*value = 0; n < max && p->at < p->text.len; n++, p->at++) {
        char c = p->text.ptr[p->at];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : base;
        if (digit >= base)
            break;
        *value = *value * base + digit;
    }
    return n;
}

/* After a backslash. */
static bool take_escape(parser *p, bw_buf *out)
{
    static const char from[] = "abfnrtv\\'\"?`", to[] = "\a\b\f\n\r\t\v\\'\"?`";
    static const struct {
        char letter;
        int base;
        size_t digits;
    } numbers[] = {{'x', 16, 2}, {'X', 16, 2}, {'u', 16, 4}, {'U', 16, 8}};
    char c = p->at < p->text.len ? p->text.ptr[p->at] : '\0';
    const char *simple = c ? strchr(from, c) : NULL;
    int32_t value;
    char utf8[4];
    if (simple) {
        p->at++;
        bw_buf_addc(out, to[simple - from]);
        return true;
    }
    if (c >= '0' && c <= '3') {
        if (take_digits(p, 8, 3, &value) != 3)
            return false;
        bw_buf_addc(out, (char)value);
        return true;
    }
    for (size_t i = 0; i < BW_COUNT(numbers); i++) {
        if (c != numbers[i].letter)
            continue;
        p->at++;
        if (take_digits(p, numbers[i].base, numbers[i].digits, &value) != numbers[i].digits)
            return false;
        if (numbers[i].digits == 2)
            bw_buf_addc(out, (char)value);
        else if (value < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
            return false;
        else
            bw_buf_add(out, utf8, bw_utf8_encode(value, utf8));
        return true;
    }
    return false;
}

static bool take_string(parser *p, bw_slice *out)
{
    bw_buf content = BW_BUF_INIT;
    bool fine = take(p, '"');
    while (fine && p->at < p->text.len && p->text.ptr[p->at] != '"') {
        char c = p->text.ptr[p->at++];
        if (c == '\\')
            fine = take_escape(p, &content);
        else
            bw_buf_addc(&content, c);
    }
    if (!fine || !take(p, '"')) {
        fail(p, "a string literal in double quotes is expected");
        fine = false;
    } else {
        *out = bw_arena_slice(p->arena, bw_buf_slice(&content));
    }
    bw_buf_fini(&content);
    return fine;
}

/* ---- Conditions ------------------------------------------------------------------------------- */

static bool take_key(parser *p, bw_slice *key)
{
    if (peek(p) == '"')
        return take_string(p, key);
    *key = word_here(p);
    p->at += key->len;
    if (key->len == 0)
        fail(p, "the key of an attribute is expected");
    return key->len > 0;
}

static ps_filter *node(parser *p, filter_kind kind, const ps_filter *left, const ps_filter *right)
{
    ps_filter *f = BW_ARENA_NEW(p->arena, ps_filter);
    *f = (ps_filter){.kind = kind, .left = left, .right = right};
    return f;
}

/* After "hasPrefix". */
static const ps_filter *parse_prefix(parser *p)
{
    ps_filter *f = node(p, HAS_PREFIX, NULL, NULL);
    if (!take(p, '(') || !take_word(p, "attributes") || !take(p, '.'))
        return fail(p, "hasPrefix(attributes.KEY, \"PREFIX\") is expected");
    if (!take_key(p, &f->key))
        return NULL;
    if (!take(p, ','))
        return fail(p, "a comma is expected");
    if (!take_string(p, &f->value))
        return NULL;
    return take(p, ')') ? f : fail(p, "a closing parenthesis is expected");
}

/* After "attributes". */
static const ps_filter *parse_attribute(parser *p)
{
    ps_filter *f = node(p, HAS, NULL, NULL);
    if (take(p, ':'))
        return take_key(p, &f->key) ? f : NULL;
    if (!take(p, '.'))
        return fail(p, "a colon or a full stop is expected after attributes");
    if (!take_key(p, &f->key))
        return NULL;
    f->kind = EQUALS;
    bool negated = take(p, '!');
    if (!take(p, '='))
        return fail(p, "= or != is expected");
    if (!take_string(p, &f->value))
        return NULL;
    return negated ? node(p, NOT, f, NULL) : f;
}

static const ps_filter *parse_term(parser *p)
{
    const ps_filter *inner;
    if (take(p, '-') || take_word(p, "NOT")) {
        inner = parse_term(p);
        return inner ? node(p, NOT, inner, NULL) : NULL;
    }
    if (take(p, '(')) {
        inner = parse_expression(p);
        if (inner && !take(p, ')'))
            return fail(p, "a closing parenthesis is expected");
        return inner;
    }
    if (take_word(p, "hasPrefix"))
        return parse_prefix(p);
    if (take_word(p, "attributes"))
        return parse_attribute(p);
    return fail(p, "attributes or hasPrefix is expected");
}

static const ps_filter *parse_expression(parser *p)
{
    const ps_filter *left = parse_term(p);
    const char *joined = NULL;
    while (left) {
        const char *word = take_word(p, "AND") ? "AND" : take_word(p, "OR") ? "OR" : NULL;
        if (!word)
            return left;
        if (joined && strcmp(joined, word) != 0)
            return fail(p, "AND and OR can only be combined with parentheses");
        joined = word;
        const ps_filter *right = parse_term(p);
        left = right ? node(p, word[0] == 'A' ? AND : OR, left, right) : NULL;
    }
    return NULL;
}

const ps_filter *ps_filter_parse(bw_arena *arena, bw_slice text, const char **why, size_t *at)
{
    parser p = {.arena = arena, .text = text};
    const ps_filter *f = NULL;
    if (text.len > PS_FILTER_MAX)
        fail(&p, "a filter has at most 256 bytes");
    else
        f = parse_expression(&p);
    if (f && (peek(&p) || p.at < text.len))
        f = fail(&p, "AND, OR or the end is expected");
    *why = p.why;
    *at = p.at;
    return f;
}

/* ---- Matching --------------------------------------------------------------------------------- */

static const bw_slice *find(const ps_attributes *attributes, bw_slice key)
{
    for (size_t i = 0; i < attributes->count; i++) {
        if (bw_slice_eq(attributes->items[i].name, key))
            return &attributes->items[i].value;
    }
    return NULL;
}

bool ps_filter_matches(const ps_filter *f, const ps_attributes *attributes)
{
    if (!f)
        return true;
    if (f->kind == NOT)
        return !ps_filter_matches(f->left, attributes);
    if (f->kind == AND || f->kind == OR) {
        bool left = ps_filter_matches(f->left, attributes);
        return left == (f->kind == AND) ? ps_filter_matches(f->right, attributes) : left;
    }
    const bw_slice *value = find(attributes, f->key);
    if (!value)
        return false;
    if (f->kind == EQUALS)
        return bw_slice_eq(*value, f->value);
    return f->kind == HAS ||
           (value->len >= f->value.len && memcmp(value->ptr, f->value.ptr, f->value.len) == 0);
}
