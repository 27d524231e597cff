#include "backend/core/json.h"

#include <stdlib.h>

#include "backend/core/text.h"

enum { VALUE, FIRST_VALUE, FIRST_KEY, KEY, COLON, AFTER };

bw_json_scan bw_json_scan_init(bw_slice text)
{
    return (bw_json_scan){.text = text, .state = VALUE};
}

static bool fail(bw_json_scan *s, const char *why)
{
    s->error = why;
    return false;
}

static void skip_space(bw_json_scan *s)
{
    while (s->at < s->text.len) {
        char c = s->text.ptr[s->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            break;
        s->at++;
    }
}

static bool in_object(const bw_json_scan *s)
{
    int level = s->depth - 1;
    return level >= 0 && (s->objects[level / 64] >> (level % 64) & 1);
}

static bool hex4(const char *p)
{
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

#define EACH_BYTE(b) (UINT64_MAX / 255 * (b))

/* Of the next bytes, how many are neither a quote, a backslash nor a control character; eight at a
   time, which is what reading JSON spends its time on. Exact where it stops: a byte above the first
   that stops may be told wrongly, the first never is. */
static size_t plain_run(const char *p, size_t n, bool *beyond_ascii)
{
    size_t i = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        uint64_t quote = w ^ EACH_BYTE('"'), backslash = w ^ EACH_BYTE('\\');
        uint64_t stop = ((quote - EACH_BYTE(1)) & ~quote) |
                        ((backslash - EACH_BYTE(1)) & ~backslash) | ((w - EACH_BYTE(0x20)) & ~w);
        stop &= EACH_BYTE(0x80);
        uint64_t high = w & EACH_BYTE(0x80);
        if (stop) {
            *beyond_ascii |= (high & (stop ^ (stop - 1))) != 0;
            return i + (size_t)__builtin_ctzll(stop) / 8;
        }
        *beyond_ascii |= high != 0;
    }
#endif
    for (; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"' || c == '\\' || c < 0x20)
            break;
        *beyond_ascii |= c >= 0x80;
    }
    return i;
}

static bool scan_string(bw_json_scan *s, bw_json_token *t)
{
    const char *p = s->text.ptr;
    size_t i = s->at + 1, n = s->text.len;
    bool beyond_ascii = false;
    t->escaped = false;
    for (;;) {
        i += plain_run(p + i, n - i, &beyond_ascii);
        if (i >= n)
            return fail(s, "string without an end");
        unsigned char c = (unsigned char)p[i];
        if (c == '"')
            break;
        if (c < 0x20) {
            s->at = i;
            return fail(s, "control character in a string");
        }
        t->escaped = true;
        if (i + 1 >= n)
            return fail(s, "string without an end");
        char e = p[i + 1];
        if (e == 'u') {
            if (n - i < 6 || !hex4(p + i + 2)) {
                s->at = i;
                return fail(s, "bad \\u escape");
            }
            i += 6;
        } else if (e == '"' || e == '\\' || e == '/' || e == 'b' || e == 'f' || e == 'n' ||
                   e == 'r' || e == 't') {
            i += 2;
        } else {
            s->at = i;
            return fail(s, "bad escape");
        }
    }
    t->raw = (bw_slice){p + s->at, i + 1 - s->at};
    size_t valid = beyond_ascii ? bw_utf8_valid_prefix(t->raw) : t->raw.len;
    if (valid != t->raw.len) {
        s->at += valid;
        return fail(s, "invalid UTF-8");
    }
    s->at = i + 1;
    return true;
}

static size_t digits(const bw_json_scan *s, size_t i)
{
    while (i < s->text.len && s->text.ptr[i] >= '0' && s->text.ptr[i] <= '9')
        i++;
    return i;
}

static bool scan_number(bw_json_scan *s, bw_json_token *t)
{
    const char *p = s->text.ptr;
    size_t n = s->text.len, start = s->at, i = start;
    if (p[i] == '-')
        i++;
    size_t first = i;
    i = digits(s, i);
    if (i == first || (p[first] == '0' && i - first > 1))
        return fail(s, "bad number");
    if (i < n && p[i] == '.') {
        size_t f = i + 1;
        i = digits(s, f);
        if (i == f)
            return fail(s, "bad number");
    }
    if (i < n && (p[i] == 'e' || p[i] == 'E')) {
        size_t e = i + 1;
        if (e < n && (p[e] == '+' || p[e] == '-'))
            e++;
        i = digits(s, e);
        if (i == e)
            return fail(s, "bad number");
    }
    t->type = BW_JSON_NUMBER;
    t->raw = (bw_slice){p + start, i - start};
    s->at = i;
    return true;
}

static bool scan_word(bw_json_scan *s, bw_json_token *t, const char *word, bw_json_type type)
{
    size_t n = strlen(word);
    if (s->text.len - s->at < n || memcmp(s->text.ptr + s->at, word, n) != 0)
        return fail(s, "unknown word");
    t->type = type;
    t->raw = (bw_slice){s->text.ptr + s->at, n};
    s->at += n;
    return true;
}

static bool open_container(bw_json_scan *s, bw_json_token *t, bool object)
{
    if (s->depth >= BW_JSON_MAX_DEPTH)
        return fail(s, "nested too deeply");
    uint64_t bit = UINT64_C(1) << (s->depth % 64);
    if (object)
        s->objects[s->depth / 64] |= bit;
    else
        s->objects[s->depth / 64] &= ~bit;
    s->depth++;
    t->type = object ? BW_JSON_OBJECT : BW_JSON_ARRAY;
    t->raw = (bw_slice){s->text.ptr + s->at, 1};
    s->at++;
    s->state = object ? FIRST_KEY : FIRST_VALUE;
    return true;
}

static bool close_container(bw_json_scan *s, bw_json_token *t, bool object)
{
    s->depth--;
    t->type = object ? BW_JSON_OBJECT_END : BW_JSON_ARRAY_END;
    t->depth = s->depth;
    t->raw = (bw_slice){s->text.ptr + s->at, 1};
    s->at++;
    s->state = AFTER;
    return true;
}

static bool scan_value(bw_json_scan *s, bw_json_token *t)
{
    char c = s->text.ptr[s->at];
    s->state = AFTER;
    switch (c) {
    case '{':
        return open_container(s, t, true);
    case '[':
        return open_container(s, t, false);
    case '"':
        t->type = BW_JSON_STRING;
        return scan_string(s, t);
    case 't':
        return scan_word(s, t, "true", BW_JSON_TRUE);
    case 'f':
        return scan_word(s, t, "false", BW_JSON_FALSE);
    case 'n':
        return scan_word(s, t, "null", BW_JSON_NULL);
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return scan_number(s, t);
        return fail(s, "a value was expected");
    }
}

bool bw_json_next(bw_json_scan *s, bw_json_token *t)
{
    if (s->error)
        return false;
    for (;;) {
        skip_space(s);
        t->depth = s->depth;
        t->escaped = false;
        if (s->at >= s->text.len) {
            if (s->state == AFTER && s->depth == 0) {
                *t = (bw_json_token){.type = BW_JSON_END};
                return true;
            }
            return fail(s, "unexpected end");
        }
        char c = s->text.ptr[s->at];
        switch (s->state) {
        case FIRST_VALUE:
            if (c == ']')
                return close_container(s, t, false);
            return scan_value(s, t);
        case VALUE:
            return scan_value(s, t);
        case FIRST_KEY:
            if (c == '}')
                return close_container(s, t, true);
            /* fall through */
        case KEY:
            if (c != '"')
                return fail(s, "a member's name was expected");
            t->type = BW_JSON_KEY;
            s->state = COLON;
            return scan_string(s, t);
        case COLON:
            if (c != ':')
                return fail(s, "a colon was expected");
            s->at++;
            s->state = VALUE;
            continue;
        default:
            if (s->depth == 0)
                return fail(s, "text after the end");
            if (c == ',') {
                s->at++;
                s->state = in_object(s) ? KEY : VALUE;
                continue;
            }
            if (c == (in_object(s) ? '}' : ']'))
                return close_container(s, t, in_object(s));
            return fail(s, "a comma or the container's end was expected");
        }
    }
}

bool bw_json_skip(bw_json_scan *s, bw_slice *raw)
{
    bw_json_token t;
    if (!bw_json_next(s, &t))
        return false;
    const char *start = t.raw.ptr;
    if (t.type == BW_JSON_OBJECT || t.type == BW_JSON_ARRAY) {
        int depth = t.depth;
        do {
            if (!bw_json_next(s, &t))
                return false;
        } while (
            !((t.type == BW_JSON_OBJECT_END || t.type == BW_JSON_ARRAY_END) && t.depth == depth));
    } else if (t.type == BW_JSON_END || t.type == BW_JSON_KEY || t.type == BW_JSON_ARRAY_END ||
               t.type == BW_JSON_OBJECT_END) {
        return fail(s, "a value was expected");
    }
    if (raw)
        *raw = (bw_slice){start, (size_t)(s->text.ptr + s->at - start)};
    return true;
}

bool bw_json_next_member(bw_json_scan *s, bw_json_token *key, bw_slice *value)
{
    return bw_json_next(s, key) && key->type == BW_JSON_KEY && bw_json_skip(s, value);
}

bool bw_json_next_element(bw_json_scan *s, bw_slice *value)
{
    bw_json_token end;
    if (s->error)
        return false;
    skip_space(s);
    if (s->at < s->text.len && s->text.ptr[s->at] == ']') {
        (void)bw_json_next(s, &end);
        return false;
    }
    /* The comma between two elements is the scanner's business. */
    return bw_json_skip(s, value);
}

bool bw_json_valid(bw_slice text, const char **error, size_t *at)
{
    bw_json_scan s = bw_json_scan_init(text);
    bw_json_token t;
    do {
        if (!bw_json_next(&s, &t)) {
            if (error)
                *error = s.error;
            if (at)
                *at = s.at;
            return false;
        }
    } while (t.type != BW_JSON_END);
    return true;
}

static int32_t hex_value(const char *p)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
}

bool bw_json_unescape(bw_slice raw, bw_buf *out)
{
    const char *p = raw.ptr + 1, *end = raw.ptr + raw.len - 1;
    while (p < end) {
        const char *esc = memchr(p, '\\', (size_t)(end - p));
        if (!esc) {
            bw_buf_add(out, p, (size_t)(end - p));
            break;
        }
        bw_buf_add(out, p, (size_t)(esc - p));
        p = esc + 2;
        switch (esc[1]) {
        case 'b':
            bw_buf_addc(out, '\b');
            break;
        case 'f':
            bw_buf_addc(out, '\f');
            break;
        case 'n':
            bw_buf_addc(out, '\n');
            break;
        case 'r':
            bw_buf_addc(out, '\r');
            break;
        case 't':
            bw_buf_addc(out, '\t');
            break;
        case 'u': {
            int32_t cp = hex_value(p);
            p += 4;
            if (cp >= 0xDC00 && cp <= 0xDFFF)
                return false;
            if (cp >= 0xD800 && cp <= 0xDBFF) {
                if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
                    return false;
                int32_t low = hex_value(p + 2);
                if (low < 0xDC00 || low > 0xDFFF)
                    return false;
                cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
            char utf8[4];
            bw_buf_add(out, utf8, bw_utf8_encode(cp, utf8));
            break;
        }
        default:
            bw_buf_addc(out, esc[1]);
        }
    }
    return true;
}

/* Whether a KEY token spells `name`; escapes are resolved only when there are some. */
static bool key_is(const bw_json_token *t, const char *name)
{
    if (!t->escaped)
        return t->raw.len - 2 == strlen(name) && memcmp(t->raw.ptr + 1, name, t->raw.len - 2) == 0;
    bw_buf b = BW_BUF_INIT;
    bool same = bw_json_unescape(t->raw, &b) && bw_slice_is(bw_buf_slice(&b), name);
    bw_buf_fini(&b);
    return same;
}

void bw_json_members(bw_slice object, const char *const *names, size_t n, bw_slice *out)
{
    bw_json_scan s = bw_json_scan_init(object);
    bw_json_token t;
    bw_slice value;
    memset(out, 0, n * sizeof(*out));
    if (!bw_json_next(&s, &t) || t.type != BW_JSON_OBJECT)
        return;
    while (bw_json_next_member(&s, &t, &value)) {
        for (size_t i = 0; i < n; i++) {
            if (key_is(&t, names[i]))
                out[i] = value;
        }
    }
}

bw_slice bw_json_member(bw_slice object, const char *name)
{
    bw_slice found;
    bw_json_members(object, &name, 1, &found);
    return found;
}

char *bw_json_member_string(bw_slice object, const char *name)
{
    bw_slice raw = bw_json_member(object, name);
    if (raw.len < 2 || raw.ptr[0] != '"')
        return NULL;
    bw_buf b = BW_BUF_INIT;
    if (!bw_json_unescape(raw, &b)) {
        bw_buf_fini(&b);
        return NULL;
    }
    return bw_buf_take(&b);
}

bool bw_json_member_int(bw_slice object, const char *name, int64_t *out)
{
    bw_slice raw = bw_json_member(object, name);
    if (raw.len >= 2 && raw.ptr[0] == '"')
        raw = (bw_slice){raw.ptr + 1, raw.len - 2};
    size_t i = 0;
    bool negative = raw.len > 0 && raw.ptr[0] == '-';
    int64_t v = 0;
    if (negative)
        i++;
    if (i >= raw.len)
        return false;
    for (; i < raw.len; i++) {
        int digit = raw.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)digit, &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}
