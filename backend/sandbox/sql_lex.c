#include "backend/sandbox/sql_lex.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/text.h"

/* Sorted, for the binary search. */
static const char *const reserved[] = {
    "ALL",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "ASSERT_ROWS_MODIFIED",
    "AT",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COLLATE",
    "CONTAINS",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT",
    "DEFAULT",
    "DEFINE",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "ENUM",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXTRACT",
    "FALSE",
    "FETCH",
    "FOLLOWING",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "GROUPING",
    "GROUPS",
    "HASH",
    "HAVING",
    "IF",
    "IGNORE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOOKUP",
    "MERGE",
    "NATURAL",
    "NEW",
    "NO",
    "NOT",
    "NULL",
    "NULLS",
    "OF",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "PROTO",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "RESPECT",
    "RIGHT",
    "ROLLUP",
    "ROWS",
    "SELECT",
    "SET",
    "SOME",
    "STRUCT",
    "TABLESAMPLE",
    "THEN",
    "TO",
    "TREAT",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "UNNEST",
    "USING",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHIN",
};

typedef struct lexer {
    bw_arena *arena;
    bw_slice text;
    size_t at;
    bq_error *err;
    sql_token *items;
    size_t count, cap;
} lexer;

sql_position sql_position_of(bw_slice text, size_t pos)
{
    sql_position p = {1, 1};

    for (size_t i = 0; i < pos && i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n') {
            p.line++;
            p.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            p.column++;
        }
    }
    return p;
}

static int compare_word(const void *key, const void *item)
{
    const bw_slice *word = key;
    const char *name = *(const char *const *)item;
    int c = strncasecmp(word->ptr, name, word->len);

    return c != 0 ? c : name[word->len] == '\0' ? 0 : -1;
}

bool sql_reserved(bw_slice word)
{
    return word.len > 0 &&
           bsearch(&word, reserved, BW_COUNT(reserved), sizeof(reserved[0]), compare_word);
}

bool sql_token_is(const sql_token *t, const char *word)
{
    return (t->type == SQL_KEYWORD || (t->type == SQL_IDENT && !t->quoted)) &&
           t->text.len == strlen(word) && strncasecmp(t->text.ptr, word, t->text.len) == 0;
}

bool sql_token_symbol(const sql_token *t, const char *symbol)
{
    return t->type == SQL_SYMBOL && bw_slice_is(t->text, symbol);
}

void sql_token_describe(const sql_token *t, char *out, size_t size)
{
    static const char *const formats[] = {
        [SQL_IDENT] = "identifier \"",
        [SQL_STRING] = "string literal ",
        [SQL_BYTES] = "bytes literal ",
        [SQL_INT] = "integer literal \"",
        [SQL_FLOAT] = "floating point literal \"",
        [SQL_SYMBOL] = "\"",
        [SQL_PARAM] = "\"",
    };
    bool bare = t->type == SQL_STRING || t->type == SQL_BYTES;

    if (t->type == SQL_END) {
        snprintf(out, size, "end of statement");
    } else if (t->type == SQL_KEYWORD) {
        size_t n = (size_t)snprintf(out, size, "keyword %.*s", BW_SLICE_ARG(t->text));
        for (size_t i = 8; i < n && i < size; i++)
            out[i] = (char)toupper((unsigned char)out[i]);
    } else if (t->quoted) {
        snprintf(out, size, "identifier `%.*s`", BW_SLICE_ARG(t->text));
    } else {
        snprintf(out, size, "%s%.*s%s", formats[t->type], BW_SLICE_ARG(t->raw), bare ? "" : "\"");
    }
}

static bw_status lex_fail(lexer *l, size_t pos, const char *what)
{
    sql_position p = sql_position_of(l->text, pos);
    return bq_error_set(l->err, "invalidQuery", "query", "Syntax error: %s at [%d:%d]", what,
                        p.line, p.column);
}

static int peek(const lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? (unsigned char)l->text.ptr[l->at + ahead] : -1;
}

static bool word_start(int c)
{
    return isalpha(c) || c == '_' || c >= 0x80;
}

static bool word_part(int c)
{
    return word_start(c) || isdigit(c);
}

/* White space and comments: #, --, and the C kind. */
static bw_status skip_blank(lexer *l, bool *skipped)
{
    *skipped = false;
    for (;;) {
        int c = peek(l, 0);
        size_t start = l->at;
        if (c == -1)
            return BW_OK;
        if (isspace(c)) {
            l->at++;
        } else if (c == '#' || (c == '-' && peek(l, 1) == '-')) {
            while (peek(l, 0) != -1 && peek(l, 0) != '\n')
                l->at++;
        } else if (c == '/' && peek(l, 1) == '*') {
            l->at += 2;
            while (peek(l, 0) != -1 && !(peek(l, 0) == '*' && peek(l, 1) == '/'))
                l->at++;
            if (peek(l, 0) == -1)
                return lex_fail(l, start, "Unclosed comment");
            l->at += 2;
        } else {
            return BW_OK;
        }
        *skipped = true;
    }
}

static sql_token *push(lexer *l, sql_token_type type, size_t start)
{
    BW_GROW(l->items, l->count + 1, l->cap);
    sql_token *t = &l->items[l->count++];
    *t = (sql_token){.type = type, .pos = start};
    t->raw = t->text = (bw_slice){l->text.ptr + start, l->at - start};
    return t;
}

/* ---- Strings ----------------------------------------------------------------------------------- */

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `count` digits of `base` at the cursor. */
static bool read_code(lexer *l, int count, int base, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < count; i++) {
        int d = hex_digit(peek(l, 0));
        if (d < 0 || d >= base)
            return false;
        *code = *code * (uint32_t)base + (uint32_t)d;
        l->at++;
    }
    return true;
}

static bool add_code_point(bw_buf *out, uint32_t code)
{
    char utf8[4];

    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return false;
    bw_buf_add(out, utf8, bw_utf8_encode((int32_t)code, utf8));
    return true;
}

/* The escape whose backslash is at the cursor. */
static bw_status read_escape(lexer *l, bool bytes, bw_buf *out)
{
    static const char letters[] = "abfnrtv\\?\"'`";
    static const char values[] = "\a\b\f\n\r\t\v\\?\"'`";
    size_t start = l->at;
    int c = peek(l, 1);
    const char *found = c > 0 ? strchr(letters, c) : NULL;
    uint32_t code = 0;
    bool ok;

    if (found) {
        bw_buf_addc(out, values[found - letters]);
        l->at += 2;
        return BW_OK;
    }
    if (c >= '0' && c <= '3') {
        l->at += 1;
        ok = read_code(l, 3, 8, &code);
    } else if (c == 'x' || c == 'X' || (!bytes && (c == 'u' || c == 'U'))) {
        l->at += 2;
        ok = read_code(l, c == 'u' ? 4 : c == 'U' ? 8 : 2, 16, &code);
    } else {
        return lex_fail(l, start, c == -1 ? "Unclosed string literal" : "Illegal escape sequence");
    }
    if (ok && bytes)
        bw_buf_addc(out, (char)code);
    else
        ok = ok && add_code_point(out, code);
    return ok ? BW_OK : lex_fail(l, start, "Illegal escape sequence");
}

static bw_status lex_string(lexer *l, size_t start, bool raw, bool bytes)
{
    int quote = peek(l, 0);
    bool triple = peek(l, 1) == quote && peek(l, 2) == quote;
    bw_buf text = BW_BUF_INIT;
    bw_status status = BW_OK;

    l->at += triple ? 3 : 1;
    for (;;) {
        int c = peek(l, 0);
        bool closes = c == quote && (!triple || (peek(l, 1) == quote && peek(l, 2) == quote));
        if (c == -1 || (c == '\n' && !triple)) {
            status = lex_fail(l, start,
                              triple  ? "Unclosed triple-quoted string literal"
                              : bytes ? "Unclosed bytes literal"
                                      : "Unclosed string literal");
            break;
        }
        if (closes) {
            l->at += triple ? 3 : 1;
            break;
        }
        if (c == '\\' && !raw) {
            status = read_escape(l, bytes, &text);
            if (status != BW_OK)
                break;
            continue;
        }
        if (c == '\\' && peek(l, 1) != -1)
            bw_buf_addc(&text, l->text.ptr[l->at++]); /* raw: the backslash stays and guards */
        bw_buf_addc(&text, l->text.ptr[l->at++]);
    }
    if (status == BW_OK) {
        sql_token *t = push(l, bytes ? SQL_BYTES : SQL_STRING, start);
        t->text = bw_arena_slice(l->arena, bw_buf_slice(&text));
    }
    bw_buf_fini(&text);
    return status;
}

static bw_status lex_quoted_name(lexer *l)
{
    size_t start = l->at++;
    bw_buf text = BW_BUF_INIT;
    bw_status status = BW_OK;

    while (status == BW_OK && peek(l, 0) != '`') {
        int c = peek(l, 0);
        if (c == -1 || c == '\n')
            status = lex_fail(l, start, "Unclosed identifier literal");
        else if (c == '\\')
            status = read_escape(l, false, &text);
        else
            bw_buf_addc(&text, l->text.ptr[l->at++]);
    }
    if (status == BW_OK && text.len == 0)
        status = lex_fail(l, start, "Invalid empty identifier");
    if (status == BW_OK) {
        l->at++;
        sql_token *t = push(l, SQL_IDENT, start);
        t->text = bw_arena_slice(l->arena, bw_buf_slice(&text));
        t->quoted = true;
    }
    bw_buf_fini(&text);
    return status;
}

/* r'..', b"..", rb'..': does a word at the cursor begin a string literal? */
static bool string_prefix(const lexer *l, bool *raw, bool *bytes, size_t *length)
{
    *raw = *bytes = false;
    for (size_t i = 0; i < 3; i++) {
        int c = peek(l, i);
        if (c == '\'' || c == '"') {
            *length = i;
            return true;
        }
        bool *flag = tolower(c) == 'r' ? raw : tolower(c) == 'b' ? bytes : NULL;
        if (!flag || *flag)
            return false;
        *flag = true;
    }
    return false;
}

/* ---- Numbers, words, symbols ------------------------------------------------------------------- */

static bw_status lex_number(lexer *l)
{
    size_t start = l->at;
    sql_token_type type = SQL_INT;

    if (peek(l, 0) == '0' && tolower(peek(l, 1)) == 'x' && hex_digit(peek(l, 2)) >= 0) {
        for (l->at += 2; hex_digit(peek(l, 0)) >= 0;)
            l->at++;
    } else {
        while (isdigit(peek(l, 0)))
            l->at++;
        if (peek(l, 0) == '.') {
            type = SQL_FLOAT;
            for (l->at++; isdigit(peek(l, 0));)
                l->at++;
        }
        size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
        if (tolower(peek(l, 0)) == 'e' && isdigit(peek(l, 1 + sign))) {
            type = SQL_FLOAT;
            for (l->at += 1 + sign; isdigit(peek(l, 0));)
                l->at++;
        }
    }
    if (word_start(peek(l, 0)))
        return lex_fail(l, l->at, "Missing whitespace between literal and alias");
    push(l, type, start);
    return BW_OK;
}

static void lex_word(lexer *l)
{
    size_t start = l->at;

    while (word_part(peek(l, 0)))
        l->at++;
    sql_token *t = push(l, SQL_IDENT, start);
    /* After a point every word is a name. */
    bool member = l->count > 1 && sql_token_symbol(&l->items[l->count - 2], ".");
    if (!member && sql_reserved(t->text))
        t->type = SQL_KEYWORD;
}

static bw_status lex_param(lexer *l)
{
    size_t start = l->at++;

    if (peek(l, 0) == '@') /* a system variable, for the parser to refuse */
        l->at++;
    if (!word_start(peek(l, 0)))
        return lex_fail(l, start, "Unexpected \"@\"");
    while (word_part(peek(l, 0)))
        l->at++;
    sql_token *t = push(l, SQL_PARAM, start);
    t->text = (bw_slice){l->text.ptr + start + 1, l->at - start - 1};
    return BW_OK;
}

static bw_status lex_symbol(lexer *l)
{
    static const char *const pairs[] = {"<=", ">=", "<>", "!=", "||", "|>", "<<", "=>"};
    size_t start = l->at;

    for (size_t i = 0; i < BW_COUNT(pairs); i++) {
        if (peek(l, 0) == pairs[i][0] && peek(l, 1) == pairs[i][1]) {
            l->at += 2;
            push(l, SQL_SYMBOL, start);
            return BW_OK;
        }
    }
    if (!strchr("()[]{},.;:+-*/=<>?|&^~%!", peek(l, 0))) {
        char what[64];
        snprintf(what, sizeof(what), "Illegal input character \"%c\"", peek(l, 0));
        return lex_fail(l, start, what);
    }
    l->at++;
    push(l, SQL_SYMBOL, start);
    return BW_OK;
}

static bw_status lex_one(lexer *l)
{
    bool raw, bytes;
    size_t prefix;
    int c = peek(l, 0);
    size_t start = l->at;
    /* ".5" is a number, but not after something that a member can follow. */
    bool member = l->count > 0 && l->items[l->count - 1].type != SQL_KEYWORD &&
                  (l->items[l->count - 1].type != SQL_SYMBOL ||
                   sql_token_symbol(&l->items[l->count - 1], ")") ||
                   sql_token_symbol(&l->items[l->count - 1], "]"));

    if (string_prefix(l, &raw, &bytes, &prefix)) {
        l->at += prefix;
        return lex_string(l, start, raw, bytes);
    }
    if (c == '`')
        return lex_quoted_name(l);
    if (isdigit(c) || (c == '.' && isdigit(peek(l, 1)) && !member))
        return lex_number(l);
    if (c == '@')
        return lex_param(l);
    if (word_start(c)) {
        lex_word(l);
        return BW_OK;
    }
    return lex_symbol(l);
}

bw_status sql_lex(bw_arena *arena, bw_slice text, sql_tokens *out, bq_error *err)
{
    lexer l = {.arena = arena, .text = text, .err = err};
    bw_status status = BW_OK;
    size_t valid = bw_utf8_valid_prefix(text);

    if (valid != text.len)
        return lex_fail(&l, valid, "Query string contains invalid UTF-8");
    while (status == BW_OK) {
        bool spaced;
        status = skip_blank(&l, &spaced);
        if (status != BW_OK || l.at >= text.len)
            break;
        size_t before = l.count;
        status = lex_one(&l);
        if (status == BW_OK)
            l.items[before].spaced = spaced;
    }
    if (status == BW_OK) {
        push(&l, SQL_END, l.at);
        out->items = BW_ARENA_ARRAY(arena, sql_token, l.count);
        memcpy(out->items, l.items, l.count * sizeof(*l.items));
        out->count = l.count;
    }
    free(l.items);
    return status;
}
