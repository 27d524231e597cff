#include "backend/core/text.h"

#include <stdio.h>
#include <utf8proc.h>

size_t bw_utf8_valid_prefix(bw_slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0, n = s.len;
    while (i < n) {
        /* Eight ASCII bytes at a time: most text is nothing else. */
        while (n - i >= 8) {
            uint64_t word;
            memcpy(&word, p + i, 8);
            if (word & UINT64_C(0x8080808080808080))
                break;
            i += 8;
        }
        if (i >= n)
            break;
        unsigned char c = p[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t need = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        if (c < 0xC2 || c > 0xF4 || n - i <= need)
            return i;
        unsigned char second = p[i + 1];
        if ((second & 0xC0) != 0x80 || (c == 0xE0 && second < 0xA0) ||
            (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
            (c == 0xF4 && second > 0x8F))
            return i;
        for (size_t k = 2; k <= need; k++) {
            if ((p[i + k] & 0xC0) != 0x80)
                return i;
        }
        i += need + 1;
    }
    return n;
}

size_t bw_utf8_decode(bw_slice s, int32_t *cp)
{
    if (s.len == 0)
        return 0;
    unsigned char c = (unsigned char)s.ptr[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    utf8proc_int32_t value;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.ptr,
                                          (utf8proc_ssize_t)(s.len < 4 ? s.len : 4), &value);
    if (n <= 0) {
        *cp = -1;
        return 1;
    }
    *cp = value;
    return (size_t)n;
}

size_t bw_utf8_encode(int32_t cp, char out[4])
{
    return (size_t)utf8proc_encode_char(cp, (utf8proc_uint8_t *)out);
}

/* Cells of one code point on a terminal. */
static int cell_width(int32_t cp)
{
    return cp < 0 ? 1 : utf8proc_charwidth(cp);
}

size_t bw_cluster_next(bw_slice s, int *width)
{
    int32_t cp, next;
    utf8proc_int32_t state = 0;
    size_t n = bw_utf8_decode(s, &cp);
    if (n == 0) {
        *width = 0;
        return 0;
    }
    int w = cell_width(cp);
    bool emoji = false;
    for (;;) {
        size_t m = bw_utf8_decode((bw_slice){s.ptr + n, s.len - n}, &next);
        if (m == 0 || cp < 0 || next < 0 || utf8proc_grapheme_break_stateful(cp, next, &state))
            break;
        if (next == 0xFE0F) /* VARIATION SELECTOR-16 asks for the wide emoji form */
            emoji = true;
        int more = cell_width(next);
        if (more > w)
            w = more;
        cp = next;
        n += m;
    }
    *width = emoji && w == 1 ? 2 : w > 2 ? 2 : w;
    return n;
}

int bw_text_width(bw_slice s)
{
    int cells = 0, w;
    size_t n;
    while ((n = bw_cluster_next(s, &w)) > 0) {
        cells += w;
        s.ptr += n;
        s.len -= n;
    }
    return cells;
}

size_t bw_text_fit(bw_slice s, int cells, int *used)
{
    size_t at = 0, n;
    int total = 0, w;
    while (at < s.len && (n = bw_cluster_next((bw_slice){s.ptr + at, s.len - at}, &w)) > 0) {
        if (total + w > cells)
            break;
        total += w;
        at += n;
    }
    if (used)
        *used = total;
    return at;
}

/* Whether a code point may reach a terminal as it is. */
static bool printable(int32_t cp)
{
    if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
        return false;
    switch (utf8proc_category(cp)) {
    case UTF8PROC_CATEGORY_CN: /* unassigned */
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: /* private use */
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_CF: /* format: bidirectional controls, BOM, tags, ... */
        return false;
    default:
        return true;
    }
}

static bool pictographic(int32_t cp)
{
    return cp >= 0 &&
           utf8proc_get_property(cp)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

void bw_text_sanitise(bw_buf *out, bw_slice s)
{
    int32_t cp, base = -1;
    size_t n;
    int marks = 0;
    for (size_t at = 0; at < s.len; at += n) {
        bw_slice rest = {s.ptr + at, s.len - at};
        n = bw_utf8_decode(rest, &cp);
        if (cp < 0) {
            bw_buf_addf(out, "\\x%02X", (unsigned char)s.ptr[at]);
            base = -1;
            continue;
        }
        if (cp == 0x200D && pictographic(base)) {
            int32_t after;
            if (bw_utf8_decode((bw_slice){rest.ptr + n, rest.len - n}, &after) &&
                pictographic(after)) {
                bw_buf_add(out, rest.ptr, n);
                continue;
            }
        }
        if (cp < 0x20 || cp == 0x7F) {
            bw_buf_addc(out, '^');
            bw_buf_addc(out, (char)(cp ^ 0x40));
            base = -1;
        } else if (cp >= 0x80 && cp < 0xA0) {
            bw_buf_addf(out, "\\x%02X", (unsigned)cp);
            base = -1;
        } else if (!printable(cp)) {
            bw_buf_addf(out, "\\u{%04X}", (unsigned)cp);
            base = -1;
        } else {
            /* A pile of combining marks is a way to write over other lines: eight are enough. */
            marks = cell_width(cp) == 0 ? marks + 1 : 0;
            if (marks > 8) {
                bw_buf_addf(out, "\\u{%04X}", (unsigned)cp);
                continue;
            }
            bw_buf_add(out, rest.ptr, n);
            if (cell_width(cp) != 0)
                base = cp;
        }
    }
}

const char *bw_text_sanitise_to(char *dst, size_t size, const char *s)
{
    bw_buf b = BW_BUF_INIT;
    bw_text_sanitise(&b, bw_slice_cstr(s));
    bw_buf_cstr(&b); /* nothing to say still has an address to say it from */
    size_t at = 0, n;
    int w;
    while (at < b.len) {
        n = bw_cluster_next((bw_slice){b.ptr + at, b.len - at}, &w);
        if (at + n >= size)
            break;
        at += n;
    }
    if (at > 0)
        memcpy(dst, b.ptr, at);
    dst[at] = '\0';
    bw_buf_fini(&b);
    return dst;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~' || c == '+' || c == '/' || c == '=' || c == '%';
}

/* After these words comes a secret, up to the end of its run of characters. */
static const char *const secret_marks[] = {
    "password=",
    "passwd=",
    "pwd=",
    "upload_id=",
    "access_token=",
    "token=",
    "refresh_token=",
    "client_secret=",
    "assertion=",
    "bearer ",
    "\"password\":",
    "\"access_token\":",
    "\"refresh_token\":",
    "\"private_key\":",
    "\"client_secret\":",
    "\"id_token\":",
};

/* Length of the secret that begins at s; quoted secrets run to their closing quote. */
static size_t secret_length(bw_slice s, bool *quoted)
{
    size_t i = 0;
    while (i < s.len && s.ptr[i] == ' ')
        i++;
    if (i < s.len && (s.ptr[i] == '"' || s.ptr[i] == '\'')) {
        char quote = s.ptr[i++];
        while (i < s.len && s.ptr[i] != quote)
            i += s.ptr[i] == '\\' ? 2 : 1;
        *quoted = true;
        return i < s.len ? i + 1 : s.len;
    }
    *quoted = false;
    while (i < s.len && s.ptr[i] != ' ' && s.ptr[i] != '&' && s.ptr[i] != ',' && s.ptr[i] != ';' &&
           s.ptr[i] != '"' && s.ptr[i] != '\'' && s.ptr[i] != '\n' && s.ptr[i] != ')')
        i++;
    return i;
}

static bool starts_ci(bw_slice s, const char *word)
{
    for (size_t i = 0; word[i]; i++) {
        if (i >= s.len)
            return false;
        char c = s.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if (c != word[i])
            return false;
    }
    return true;
}

/* Bytes at s that are a secret by their own shape (JWT, PEM key, URL password), with how many of
   them to keep in front; 0 when there is none. */
static size_t shaped_secret(bw_slice s, size_t *keep)
{
    *keep = 0;
    if (starts_ci(s, "-----begin") && s.len > 10) {
        const char *end = memmem(s.ptr + 10, s.len - 10, "-----END", 8);
        return end ? (size_t)(end - s.ptr) : s.len;
    }
    if (s.len > 20 && s.ptr[0] == 'e' && s.ptr[1] == 'y' && s.ptr[2] == 'J') {
        size_t n = 0, dots = 0;
        while (n < s.len && word_char(s.ptr[n]))
            dots += s.ptr[n++] == '.';
        return dots >= 2 ? n : 0;
    }
    if (starts_ci(s, "ya29."))
        return secret_length(s, &(bool){false});
    if (starts_ci(s, "://")) {
        size_t colon = 0;
        for (size_t i = 3; i < s.len && s.ptr[i] != '/' && s.ptr[i] != ' '; i++) {
            if (s.ptr[i] == ':' && !colon)
                colon = i;
            if (s.ptr[i] == '@' && colon) {
                *keep = colon + 1;
                return i;
            }
        }
    }
    return 0;
}

void bw_text_redact(bw_buf *out, bw_slice s)
{
    for (size_t at = 0; at < s.len;) {
        bw_slice rest = {s.ptr + at, s.len - at};
        size_t keep = 0, secret = shaped_secret(rest, &keep);
        bool quoted = false;
        for (size_t i = 0; !secret && i < BW_COUNT(secret_marks); i++) {
            if (!starts_ci(rest, secret_marks[i]))
                continue;
            keep = strlen(secret_marks[i]);
            size_t n = secret_length((bw_slice){rest.ptr + keep, rest.len - keep}, &quoted);
            secret = n ? keep + n : 0;
        }
        if (!secret) {
            bw_buf_addc(out, rest.ptr[0]);
            at++;
            continue;
        }
        bw_buf_add(out, rest.ptr, keep);
        bw_buf_adds(out, quoted ? "\"***\"" : "***");
        at += secret < rest.len ? secret : rest.len;
    }
}

void bw_json_add_string(bw_buf *out, bw_slice s)
{
    static const char hex[] = "0123456789abcdef";
    bw_buf_addc(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        bw_buf_add(out, s.ptr + start, i - start);
        start = i + 1;
        switch (c) {
        case '"':
            bw_buf_adds(out, "\\\"");
            break;
        case '\\':
            bw_buf_adds(out, "\\\\");
            break;
        case '\n':
            bw_buf_adds(out, "\\n");
            break;
        case '\r':
            bw_buf_adds(out, "\\r");
            break;
        case '\t':
            bw_buf_adds(out, "\\t");
            break;
        default: {
            char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            bw_buf_add(out, esc, 6);
        }
        }
    }
    if (s.len > start)
        bw_buf_add(out, s.ptr + start, s.len - start);
    bw_buf_addc(out, '"');
}

/* Matches the set at p (after '['); *next is behind its ']'. */
static bool set_match(const char *p, char c, const char **next)
{
    bool negate = *p == '!' || *p == '^', hit = false;
    if (negate)
        p++;
    const char *first = p;
    for (; *p && (*p != ']' || p == first); p++) {
        if (p[1] == '-' && p[2] && p[2] != ']') {
            hit |= c >= p[0] && c <= p[2];
            p += 2;
        } else {
            hit |= c == *p;
        }
    }
    *next = *p ? p + 1 : p;
    return hit != negate;
}

bool bw_glob_match(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL;
    for (;;) {
        const char *next = pattern + 1;
        bool hit = false;
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
            continue;
        }
        if (!*name)
            return *pattern == '\0';
        if (*pattern == '?')
            hit = true;
        else if (*pattern == '[')
            hit = set_match(pattern + 1, *name, &next);
        else if (*pattern == '\\' && pattern[1])
            hit = pattern[1] == *name, next = pattern + 2;
        else
            hit = *pattern && *pattern == *name;
        if (hit) {
            pattern = next;
            name++;
        } else if (star) {
            pattern = star;
            name = ++retry;
        } else {
            return false;
        }
    }
}

#define MAX_WORD 64

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][MAX_WORD + 1];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            now[j] = min3(now[j - 1] + 1, up[j] + 1, up[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < now[j])
                now[j] = up2[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *bw_nearest(const char *word, const char *const *names, size_t count)
{
    size_t n = strlen(word), best = n / 3 + 1;
    const char *found = NULL;
    if (n > MAX_WORD)
        return NULL;
    if (best > 4)
        best = 4;
    if (n < 3)
        best = 2;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(names[i]);
        if (m > MAX_WORD)
            continue;
        size_t d = distance(word, n, names[i], m);
        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    return found;
}
