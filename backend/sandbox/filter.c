#include "backend/sandbox/filter.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define MAX_DEPTH 40

typedef enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_LEAF } node_kind;

struct bw_sb_filter {
    node_kind kind;
    const bw_sb_filter *left, *right;
    bw_sb_restriction leaf;
};

typedef struct parser {
    bw_arena *arena;
    const char *at;
    int depth;
    bw_sb_filter_error *err;
} parser;

static bool fail(parser *p, const char *what)
{
    if (!p->err->message[0])
        snprintf(p->err->message, sizeof p->err->message, "Unparseable filter: %s near \"%.40s\"",
                 what, *p->at ? p->at : "the end");
    return false;
}

static void skip_space(parser *p)
{
    for (;;) {
        while (isspace((unsigned char)*p->at))
            p->at++;
        if (p->at[0] != '-' || p->at[1] != '-')
            return;
        p->at += strcspn(p->at, "\n"); /* a comment */
    }
}

/* Whether the next word is this one, and takes it. Operators are written in capitals. */
static bool take_word(parser *p, const char *word)
{
    size_t len = strlen(word);
    skip_space(p);
    if (strncmp(p->at, word, len) != 0)
        return false;
    char after = p->at[len];
    if (isalnum((unsigned char)after) || after == '_' || after == '.')
        return false;
    p->at += len;
    return true;
}

static bool quoted(parser *p, const char **out)
{
    char quote = *p->at++;
    bw_buf text = BW_BUF_INIT;
    while (*p->at && *p->at != quote) {
        if (*p->at == '\\' && p->at[1]) {
            p->at++;
            if (*p->at != quote && *p->at != '\\' && *p->at != '\'' && *p->at != '"')
                bw_buf_addc(&text, '\\'); /* regular expressions keep theirs */
        }
        bw_buf_addc(&text, *p->at++);
    }
    bool closed = *p->at == quote;
    *out = bw_arena_strndup(p->arena, text.len ? text.ptr : "", text.len);
    bw_buf_fini(&text);
    if (!closed)
        return fail(p, "a string without an end");
    p->at++;
    return true;
}

/* A value: quoted, or everything up to what cannot belong to one. */
static bool value(parser *p, const char **out)
{
    skip_space(p);
    if (*p->at == '"' || *p->at == '\'')
        return quoted(p, out);
    size_t len = strcspn(p->at, " \t\r\n()=<>!~,\"");
    if (len == 0)
        return fail(p, "a value is missing");
    *out = bw_arena_strndup(p->arena, p->at, len);
    p->at += len;
    return true;
}

static bool path(parser *p, bw_sb_restriction *r)
{
    for (;;) {
        if (r->depth == BW_SB_FILTER_PATH)
            return fail(p, "a path that is too long");
        if (*p->at == '"' || *p->at == '\'') {
            if (!quoted(p, &r->path[r->depth]))
                return false;
        } else {
            size_t len = strcspn(p->at, " \t\r\n()=<>!~:,.\"");
            if (len == 0)
                return fail(p, "a field is missing");
            r->path[r->depth] = bw_arena_strndup(p->arena, p->at, len);
            p->at += len;
        }
        r->depth++;
        if (*p->at != '.')
            return true;
        p->at++;
    }
}

static bool operator_of(parser *p, bw_sb_filter_op *out)
{
    static const struct {
        const char *text;
        bw_sb_filter_op op;
    } operators[] = {
        {"=~", BW_SB_FILTER_MATCH}, {"!~", BW_SB_FILTER_NO_MATCH}, {"<=", BW_SB_FILTER_LE},
        {">=", BW_SB_FILTER_GE},    {"!=", BW_SB_FILTER_NE},       {"=", BW_SB_FILTER_EQ},
        {"<", BW_SB_FILTER_LT},     {">", BW_SB_FILTER_GT},        {":", BW_SB_FILTER_HAS}};
    skip_space(p);
    for (size_t i = 0; i < BW_COUNT(operators); i++) {
        size_t len = strlen(operators[i].text);
        if (strncmp(p->at, operators[i].text, len) == 0) {
            p->at += len;
            *out = operators[i].op;
            return true;
        }
    }
    return false;
}

static bw_sb_filter *node(parser *p, node_kind kind, const bw_sb_filter *left,
                          const bw_sb_filter *right)
{
    bw_sb_filter *n = bw_arena_zalloc(p->arena, sizeof *n);
    n->kind = kind;
    n->left = left;
    n->right = right;
    return n;
}

/* ("a", "b") */
static bool arguments(parser *p, bw_sb_restriction *r)
{
    const char **values = bw_arena_alloc(p->arena, BW_SB_FILTER_VALUES * sizeof *values);
    r->values = values;
    p->at++;
    for (;;) {
        if (r->value_count == BW_SB_FILTER_VALUES)
            return fail(p, "too many arguments");
        if (!value(p, &values[r->value_count]))
            return false;
        r->value_count++;
        skip_space(p);
        if (*p->at == ')') {
            p->at++;
            return true;
        }
        if (*p->at++ != ',')
            return fail(p, "a comma or a parenthesis is missing");
    }
}

static bool one_value(parser *p, bw_sb_restriction *r, const char *text)
{
    const char **values = bw_arena_alloc(p->arena, sizeof *values);
    values[0] = text;
    r->values = values;
    r->value_count = 1;
    if (r->op != BW_SB_FILTER_MATCH && r->op != BW_SB_FILTER_NO_MATCH)
        return true;
    regex_t regex;
    if (regcomp(&regex, text, REG_EXTENDED | REG_NOSUB) != 0)
        return fail(p, "a regular expression is malformed");
    regfree(&regex);
    return true;
}

/* severity = (ERROR OR WARNING): the same restriction for each value. */
static bool value_list(parser *p, const bw_sb_restriction *r, const bw_sb_filter **out)
{
    p->at++;
    for (const char *text; value(p, &text);) {
        bw_sb_filter *leaf = node(p, NODE_LEAF, NULL, NULL);
        leaf->leaf = *r;
        if (!one_value(p, &leaf->leaf, text))
            return false;
        *out = *out ? node(p, NODE_OR, *out, leaf) : leaf;
        skip_space(p);
        if (*p->at == ')') {
            p->at++;
            return true;
        }
        if (!take_word(p, "OR"))
            return fail(p, "only OR joins values");
    }
    return false;
}

/* After an operator. */
static bool right_side(parser *p, bw_sb_filter *leaf, const bw_sb_filter **out)
{
    const char *text;
    skip_space(p);
    if (*p->at == '(')
        return value_list(p, &leaf->leaf, out);
    bool is_quoted = *p->at == '"' || *p->at == '\'';
    if (!value(p, &text))
        return false;
    *out = leaf;
    if (is_quoted || *p->at != '(')
        return one_value(p, &leaf->leaf, text);
    leaf->leaf.function = text;
    return arguments(p, &leaf->leaf);
}

static bool restriction(parser *p, const bw_sb_filter **out)
{
    bw_sb_filter *leaf = node(p, NODE_LEAF, NULL, NULL);
    bw_sb_restriction *r = &leaf->leaf;
    const char *from = p->at;
    if (!path(p, r))
        return false;
    if (*p->at == '(' && r->depth == 1) {
        r->function = r->path[0];
        r->depth = 0;
        *out = leaf;
        return arguments(p, r);
    }
    if (operator_of(p, &r->op))
        return right_side(p, leaf, out);
    /* No operator: the words themselves are looked for. */
    const char *text = r->path[0];
    if (r->depth > 1)
        text = bw_arena_strndup(p->arena, from, strcspn(from, " \t\r\n()=<>!~:,"));
    r->depth = 0;
    *out = leaf;
    return one_value(p, r, text);
}

static bool expression(parser *p, const bw_sb_filter **out);

static bool term(parser *p, const bw_sb_filter **out)
{
    bool negated = take_word(p, "NOT");
    skip_space(p);
    if (!negated && *p->at == '-') {
        p->at++;
        negated = true;
    }
    skip_space(p);
    if (*p->at == '(') {
        p->at++;
        if (++p->depth > MAX_DEPTH)
            return fail(p, "too many parentheses");
        if (!expression(p, out))
            return false;
        p->depth--;
        skip_space(p);
        if (*p->at != ')')
            return fail(p, "a parenthesis is missing");
        p->at++;
    } else if (!restriction(p, out)) {
        return false;
    }
    if (negated)
        *out = node(p, NODE_NOT, *out, NULL);
    return true;
}

static bool factor(parser *p, const bw_sb_filter **out)
{
    const bw_sb_filter *next = NULL;
    if (!term(p, out))
        return false;
    while (take_word(p, "OR")) {
        next = NULL;
        if (!term(p, &next))
            return false;
        *out = node(p, NODE_OR, *out, next);
    }
    return true;
}

static bool expression(parser *p, const bw_sb_filter **out)
{
    if (!factor(p, out))
        return false;
    for (;;) {
        bool joined = take_word(p, "AND");
        skip_space(p);
        if (!joined && (!*p->at || *p->at == ')'))
            return true;
        const bw_sb_filter *next = NULL;
        if (!factor(p, &next))
            return false;
        *out = node(p, NODE_AND, *out, next);
    }
}

bool bw_sb_filter_parse(bw_arena *arena, const char *text, const bw_sb_filter **out,
                        bw_sb_filter_error *err)
{
    parser p = {arena, text ? text : "", 0, err};
    *out = NULL;
    err->message[0] = '\0';
    if (strlen(p.at) > BW_SB_FILTER_MAX_SIZE) {
        snprintf(err->message, sizeof err->message, "The filter is longer than %d characters",
                 BW_SB_FILTER_MAX_SIZE);
        return false;
    }
    skip_space(&p);
    if (!*p.at)
        return true;
    if (!expression(&p, out))
        return false;
    skip_space(&p);
    return *p.at ? fail(&p, "a parenthesis too many") : true;
}

bool bw_sb_filter_matches(const bw_sb_filter *f, bw_sb_filter_holds *holds, void *user)
{
    if (!f)
        return true;
    switch (f->kind) {
    case NODE_AND:
        return bw_sb_filter_matches(f->left, holds, user) &&
               bw_sb_filter_matches(f->right, holds, user);
    case NODE_OR:
        return bw_sb_filter_matches(f->left, holds, user) ||
               bw_sb_filter_matches(f->right, holds, user);
    case NODE_NOT:
        return !bw_sb_filter_matches(f->left, holds, user);
    case NODE_LEAF:
        break;
    }
    return holds(user, &f->leaf);
}

static bool each(const bw_sb_filter *f, bw_sb_filter_visit *visit, void *user, bool required)
{
    if (!f)
        return true;
    if (f->kind == NODE_LEAF)
        return visit(user, &f->leaf, required);
    required = required && f->kind == NODE_AND;
    return each(f->left, visit, user, required) && each(f->right, visit, user, required);
}

bool bw_sb_filter_each(const bw_sb_filter *filter, bw_sb_filter_visit *visit, void *user)
{
    return each(filter, visit, user, true);
}

/* ---- Comparing -------------------------------------------------------------------------------- */

static bool integer(const char *text, long long *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end > text && !*end && errno == 0;
}

static bool number(const char *text, double *out)
{
    char *end;
    if (text[strspn(text, "0123456789+-.eE")])
        return false; /* what strtod() would take beyond a number of JSON */
    *out = strtod(text, &end);
    return end > text && !*end;
}

/* Below, at or above zero. */
static int order(const char *a, const char *b, bool ignore_case)
{
    long long i, j;
    double x, y;
    if (integer(a, &i) && integer(b, &j))
        return (i > j) - (i < j);
    if (number(a, &x) && number(b, &y))
        return (x > y) - (x < y);
    return ignore_case ? strcasecmp(a, b) : strcmp(a, b);
}

static bool contains(const char *text, const char *part, bool ignore_case)
{
    return (ignore_case ? strcasestr(text, part) : strstr(text, part)) != NULL;
}

static bool matches_regex(const char *text, const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

bool bw_sb_filter_compare(const bw_sb_restriction *r, const char *text, bool ignore_case)
{
    const char *want = r->values[0];
    switch (r->op) {
    case BW_SB_FILTER_EQ:
        return order(text, want, ignore_case) == 0;
    case BW_SB_FILTER_NE:
        return order(text, want, ignore_case) != 0;
    case BW_SB_FILTER_LT:
        return order(text, want, ignore_case) < 0;
    case BW_SB_FILTER_LE:
        return order(text, want, ignore_case) <= 0;
    case BW_SB_FILTER_GT:
        return order(text, want, ignore_case) > 0;
    case BW_SB_FILTER_GE:
        return order(text, want, ignore_case) >= 0;
    case BW_SB_FILTER_MATCH:
        return matches_regex(text, want);
    case BW_SB_FILTER_NO_MATCH:
        return !matches_regex(text, want);
    case BW_SB_FILTER_GLOBAL:
    case BW_SB_FILTER_HAS:
        break;
    }
    return strcmp(want, "*") == 0 || contains(text, want, ignore_case);
}
