#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/sandbox/bq_re2.h"

#include <ctype.h>
#include <pcre2.h>
#include <string.h>

#include "backend/core/text.h"

#define MAX_REPEAT 1000 /* RE2's */

typedef struct rewriting {
    bw_slice in;
    size_t at;
    bw_buf *out, *why;
    bool text;
    int depth;
    bool atom;             /* what stands before can be repeated */
    bw_slice repeated;     /* or is a repetition itself */
    size_t first_of_class; /* where the open [ is */
} rewriting;

static bool refuse(rewriting *r, const char *what, size_t from, size_t to)
{
    to = to < r->in.len ? to : r->in.len;
    bw_buf_addf(r->why, "Cannot parse regular expression: %s%s%.*s", what, what[0] ? ": " : "",
                (int)(to - from), r->in.ptr + from);
    return false;
}

static bool ahead(const rewriting *r, const char *what)
{
    size_t n = strlen(what);
    return r->in.len - r->at >= n && memcmp(r->in.ptr + r->at, what, n) == 0;
}

static char peek(const rewriting *r, size_t more)
{
    return r->at + more < r->in.len ? r->in.ptr[r->at + more] : '\0';
}

/* One character as it is: ASCII punctuation needs its backslash. */
static void add_literal(rewriting *r, int32_t c)
{
    if (c < 128 && (isalnum(c) || c == '_' || c == ' '))
        bw_buf_addc(r->out, (char)c);
    else
        bw_buf_addf(r->out, "\\x{%x}", (unsigned)c);
}

static bool take_char(rewriting *r, int32_t *c)
{
    size_t n = 1;

    *c = (unsigned char)r->in.ptr[r->at];
    if (r->text)
        n = bw_utf8_decode((bw_slice){r->in.ptr + r->at, r->in.len - r->at}, c);
    r->at += n;
    return n > 0;
}

static bool take_hex(rewriting *r, size_t start, int32_t *c)
{
    int64_t v = 0;
    int digits = 0;
    bool braces = peek(r, 0) == '{';

    r->at += braces;
    for (; isxdigit((unsigned char)peek(r, 0)) && (braces || digits < 2); digits++, r->at++) {
        char d = (char)tolower((unsigned char)peek(r, 0));
        v = v > 0x10FFFF ? v : v * 16 + (d <= '9' ? d - '0' : d - 'a' + 10);
    }
    bool closed = !braces || peek(r, 0) == '}';
    r->at += braces && closed;
    if (!closed || (braces ? digits == 0 : digits != 2) || v > (r->text ? 0x10FFFF : 0xFF) ||
        (v >= 0xD800 && v <= 0xDFFF))
        return refuse(r, "invalid escape sequence", start, r->at + 1);
    *c = (int32_t)v;
    return true;
}

/* \101, \0: a lone digit from 1 would be a backreference. */
static bool take_octal(rewriting *r, size_t start, int32_t *c)
{
    char first = peek(r, 0), second = peek(r, 1);

    if (first != '0' && (second < '0' || second > '7'))
        return refuse(r, "invalid escape sequence", start, r->at + 1);
    *c = 0;
    for (int i = 0; i < 3 && peek(r, 0) >= '0' && peek(r, 0) <= '7'; i++, r->at++)
        *c = *c * 8 + (peek(r, 0) - '0');
    return true;
}

/* An escape that is one character; the backslash is at `start`, the cursor behind it. */
static bool take_escaped(rewriting *r, size_t start, int32_t *c)
{
    static const char letters[] = "aftnrv", codes[] = "\a\f\t\n\r\v";
    char e = peek(r, 0);
    const char *known = e ? strchr(letters, e) : NULL;

    if (r->at >= r->in.len)
        return refuse(r, "trailing \\", r->at, r->at);
    if (known) {
        *c = codes[known - letters];
        r->at++;
        return true;
    }
    if (e == 'x') {
        r->at++;
        return take_hex(r, start, c);
    }
    if (e >= '0' && e <= '7')
        return take_octal(r, start, c);
    if (isalnum((unsigned char)e) || (unsigned char)e >= 0x80)
        return refuse(r, "invalid escape sequence", start, r->at + 1);
    *c = e;
    r->at++;
    return true;
}

/* \pL, \p{Greek}, \P{^Lu}: PCRE2 calls scripts sc:Name since 10.40, and means extensions without. */
static bool take_property(rewriting *r, size_t start)
{
    char kind = peek(r, 0);
    bw_slice name = {r->in.ptr + r->at + 1, 1};

    r->at++;
    if (r->at >= r->in.len)
        return refuse(r, "invalid character class range", start, r->at);
    if (peek(r, 0) == '{') {
        const char *close = memchr(r->in.ptr + r->at, '}', r->in.len - r->at);
        if (!close)
            return refuse(r, "invalid character class range", start, r->in.len);
        name = (bw_slice){r->in.ptr + r->at + 1, (size_t)(close - r->in.ptr) - r->at - 1};
        r->at += name.len + 1;
    }
    r->at++;
    bool inverse = name.len > 0 && name.ptr[0] == '^';
    name = (bw_slice){name.ptr + inverse, name.len - inverse};
    for (size_t i = 0; i < name.len; i++) {
        if (!isalpha((unsigned char)name.ptr[i]) && name.ptr[i] != '_')
            name.len = 0;
    }
    if (name.len == 0)
        return refuse(r, "invalid character class range", start, r->at);
#if PCRE2_MAJOR > 10 || PCRE2_MINOR >= 40
    const char *script = name.len > 2 && !bw_slice_is(name, "Any") ? "sc:" : "";
#else
    const char *script = "";
#endif
    bw_buf_addf(r->out, "\\%c{%s%.*s}", inverse ? (kind == 'p' ? 'P' : 'p') : kind, script,
                BW_SLICE_ARG(name));
    return true;
}

/* \d \w \s \p: what stands for many characters. False: it is none of them. White space is without
   \v in RE2. */
static bool add_set(rewriting *r, bool in_class, bool *ok)
{
    char e = peek(r, 0);

    *ok = true;
    if (e == 'p' || e == 'P') {
        *ok = take_property(r, r->at - 1);
        return true;
    }
    if (e == 's')
        bw_buf_adds(r->out, in_class ? "\\t\\n\\f\\r\\x20" : "[\\t\\n\\f\\r\\x20]");
    else if (e == 'S')
        bw_buf_adds(r->out, in_class ? "\\S\\x0b" : "[^\\t\\n\\f\\r\\x20]");
    else if (e && strchr("dDwW", e))
        bw_buf_addf(r->out, "\\%c", e);
    else
        return false;
    r->at++;
    return true;
}

/* ---- [classes] ---------------------------------------------------------------------------------- */

static bool take_named_class(rewriting *r)
{
    static const char *const names[] = {"alnum", "alpha", "ascii", "blank",  "cntrl",
                                        "digit", "graph", "lower", "print",  "punct",
                                        "space", "upper", "word",  "xdigit", NULL};
    const char *rest = r->in.ptr + r->at;
    const char *end = memmem(rest + 2, r->in.len - r->at - 2, ":]", 2);

    if (!end)
        return refuse(r, "missing ]", r->first_of_class, r->in.len);
    bw_slice name = {rest + 2, (size_t)(end - rest) - 2};
    bool inverse = name.len > 0 && name.ptr[0] == '^';
    name = (bw_slice){name.ptr + inverse, name.len - inverse};
    for (size_t i = 0; names[i]; i++) {
        if (bw_slice_is(name, names[i])) {
            bw_buf_addf(r->out, "[:%s%s:]", inverse ? "^" : "", names[i]);
            r->at += name.len + inverse + 4;
            return true;
        }
    }
    return refuse(r, "invalid character class range", r->at,
                  r->at + name.len + (size_t)inverse + 4);
}

static bool take_class_char(rewriting *r, int32_t *c)
{
    if (r->in.ptr[r->at] != '\\')
        return take_char(r, c) || refuse(r, "invalid UTF-8", r->at, r->at);
    r->at++;
    return take_escaped(r, r->at - 1, c);
}

/* A character, or a range of them. */
static bool take_class_range(rewriting *r)
{
    size_t start = r->at;
    int32_t low, high;

    if (!take_class_char(r, &low))
        return false;
    add_literal(r, low);
    if (peek(r, 0) != '-' || peek(r, 1) == ']' || r->at + 1 >= r->in.len)
        return true;
    r->at++;
    if (peek(r, 0) == '\\' && peek(r, 1) && strchr("dDwWsSpP", peek(r, 1)))
        return refuse(r, "invalid character class range", start, r->at + 2);
    if (!take_class_char(r, &high))
        return false;
    if (high < low)
        return refuse(r, "invalid character class range", start, r->at);
    bw_buf_addc(r->out, '-');
    add_literal(r, high);
    return true;
}

static bool take_class(rewriting *r)
{
    bool ok;

    r->first_of_class = r->at++;
    bw_buf_addc(r->out, '[');
    if (peek(r, 0) == '^') {
        bw_buf_addc(r->out, '^');
        r->at++;
    }
    for (bool first = true; r->at < r->in.len; first = false) {
        if (peek(r, 0) == ']' && !first) {
            bw_buf_addc(r->out, ']');
            r->at++;
            return true;
        }
        if (ahead(r, "[:")) {
            if (!take_named_class(r))
                return false;
            continue;
        }
        if (peek(r, 0) == '\\' && r->at + 1 < r->in.len) {
            r->at++;
            if (add_set(r, true, &ok)) {
                if (!ok)
                    return false;
                continue;
            }
            r->at--;
        }
        if (!take_class_range(r))
            return false;
    }
    return refuse(r, "missing ]", r->first_of_class, r->in.len);
}

/* ---- Groups and repetitions --------------------------------------------------------------------- */

/* (?flags), (?flags:...), (?P<name>...), (?<name>...): names carry no meaning here. */
static bool take_group(rewriting *r)
{
    size_t start = r->at++, n = 2;

    r->depth++;
    if (peek(r, 0) != '?') {
        bw_buf_addc(r->out, '(');
        return true;
    }
    size_t name = ahead(r, "?P<") ? 3 : ahead(r, "?<") ? 2 : 0;
    if (name) {
        r->at += name;
        size_t first = r->at;
        while (isalnum((unsigned char)peek(r, 0)) || peek(r, 0) == '_')
            r->at++;
        if (r->at == first || peek(r, 0) != '>')
            return refuse(r, "invalid named capture group", start, r->in.len);
        r->at++;
        bw_buf_addc(r->out, '(');
        return true;
    }
    bool negative = false, any = true;
    for (r->at++; peek(r, 0) && strchr("imsU-", peek(r, 0)); r->at++, n++) {
        if (peek(r, 0) == '-' && negative)
            break;
        negative = negative || peek(r, 0) == '-';
        any = peek(r, 0) != '-';
    }
    if (r->at >= r->in.len)
        return refuse(r, "missing )", start, r->in.len);
    if ((peek(r, 0) != ':' && peek(r, 0) != ')') || !any)
        return refuse(r, "invalid perl operator", start, r->at + 1);
    r->depth -= peek(r, 0) == ')';
    bw_buf_add(r->out, r->in.ptr + start, ++r->at - start);
    return true;
}

/* {n}, {n,}, {n,m} at the cursor; 0 when it is something else, and then { is a literal. */
static size_t repeat_length(const rewriting *r, long *min, long *max)
{
    size_t i = 1;

    if (!isdigit((unsigned char)peek(r, i)))
        return 0;
    for (*min = 0; isdigit((unsigned char)peek(r, i)); i++)
        *min = *min > MAX_REPEAT ? *min : *min * 10 + (peek(r, i) - '0');
    *max = *min;
    if (peek(r, i) == ',') {
        bool open = !isdigit((unsigned char)peek(r, ++i));
        for (*max = 0; isdigit((unsigned char)peek(r, i)); i++)
            *max = *max > MAX_REPEAT ? *max : *max * 10 + (peek(r, i) - '0');
        if (open)
            *max = *min;
    }
    return peek(r, i) == '}' ? i + 1 : 0;
}

static bool take_repetition(rewriting *r, size_t length, bool sizes_ok)
{
    size_t start = r->at;
    size_t whole = length + (peek(r, length) == '?');

    if (!sizes_ok)
        return refuse(r, "invalid repetition size", start, start + length);
    if (r->repeated.len > 0)
        return refuse(r, "bad repetition operator", (size_t)(r->repeated.ptr - r->in.ptr),
                      start + whole);
    if (!r->atom)
        return refuse(r, "no argument for repetition operator", start, start + length);
    bw_buf_add(r->out, r->in.ptr + start, whole);
    r->repeated = (bw_slice){r->in.ptr + start, whole};
    r->at += whole;
    return true;
}

/* ---- The whole ---------------------------------------------------------------------------------- */

static bool take_quoted(rewriting *r)
{
    int32_t c;

    for (r->at += 2; r->at < r->in.len && !ahead(r, "\\E");) {
        if (!take_char(r, &c))
            return refuse(r, "invalid UTF-8", r->at, r->at);
        add_literal(r, c);
        r->atom = true;
    }
    r->at += r->at < r->in.len ? 2 : 0;
    return true;
}

/* ^, $, \b: RE2 lets them be repeated, PCRE2 only as a group. `n` characters are taken. */
static bool take_assertion(rewriting *r, size_t n)
{
    char next = peek(r, n);
    bool grouped = next && strchr("*+?{", next);

    bw_buf_adds(r->out, grouped ? "(?:" : "");
    bw_buf_add(r->out, r->in.ptr + r->at, n);
    bw_buf_adds(r->out, grouped ? ")" : "");
    r->at += n;
    r->atom = true;
    return true;
}

static bool take_escape(rewriting *r)
{
    size_t start = r->at;
    bool ok;
    int32_t c;

    if (ahead(r, "\\Q"))
        return take_quoted(r);
    if (peek(r, 1) && strchr("AbBz", peek(r, 1)))
        return take_assertion(r, 2);
    r->at++;
    r->atom = true;
    if (add_set(r, false, &ok))
        return ok;
    if (!take_escaped(r, start, &c))
        return false;
    add_literal(r, c);
    return true;
}

static bool take_one(rewriting *r)
{
    char c = peek(r, 0);
    long min = 0, max = 0;
    size_t braces = c == '{' ? repeat_length(r, &min, &max) : 0;
    int32_t literal;

    if (braces)
        return take_repetition(r, braces, min <= MAX_REPEAT && max <= MAX_REPEAT && min <= max);
    if (c == '*' || c == '+' || c == '?')
        return take_repetition(r, 1, true);
    r->repeated = (bw_slice){NULL, 0};
    if (c == '|' || c == '(') {
        r->atom = false;
        if (c == '(')
            return take_group(r);
        bw_buf_addc(r->out, c);
        r->at++;
        return true;
    }
    if (c == '\\')
        return take_escape(r);
    r->atom = true;
    if (c == ')' && --r->depth < 0)
        return refuse(r, "unexpected )", 0, r->in.len);
    if (c == '[')
        return take_class(r);
    if (c == '^' || c == '$')
        return take_assertion(r, 1);
    if (c == ')' || c == '.') {
        bw_buf_addc(r->out, c);
        r->at++;
        return true;
    }
    if (!take_char(r, &literal))
        return refuse(r, "invalid UTF-8", r->at, r->at);
    add_literal(r, literal);
    return true;
}

bool bq_re2_rewrite(bw_slice pattern, bool text, bw_buf *out, bw_buf *why)
{
    rewriting r = {.in = pattern, .out = out, .why = why, .text = text};

    while (r.at < r.in.len) {
        if (!take_one(&r))
            return false;
    }
    return r.depth == 0 || refuse(&r, "missing )", 0, r.in.len);
}
