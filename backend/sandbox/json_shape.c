#include "backend/sandbox/json_shape.h"

#include "backend/core/json.h"
#include "backend/sandbox/hash.h"

#define MAX_ENUM_WORD ((size_t)48)

uint64_t bw_sb_shape_mix(uint64_t seed, bw_slice text)
{
    uint64_t hash = bw_sb_hash(seed ^ BW_SB_HASH_SEED, text.ptr, text.len);
    return hash ^ hash >> 29;
}

static uint64_t mix_number(uint64_t seed, uint64_t n)
{
    return bw_sb_shape_mix(seed, (bw_slice){(const char *)&n, sizeof n});
}

/* ---- Classes of values ------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_enum_word(bw_slice s)
{
    if (s.len == 0 || s.len > MAX_ENUM_WORD || s.ptr[0] < 'A' || s.ptr[0] > 'Z')
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') && !is_digit(s.ptr[i]) && s.ptr[i] != '_')
            return false;
    }
    return true;
}

static bool is_base64(bw_slice s)
{
    size_t padding = 0;
    if (s.len % 4 != 0)
        return false;
    while (padding < 2 && padding < s.len && s.ptr[s.len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < s.len - padding; i++) {
        char c = s.ptr[i];
        if (!is_letter(c) && !is_digit(c) && c != '+' && c != '/' && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* Text that begins like a number, a time or a duration: digits become one 9, the rest stays. */
static uint64_t numeric_class(bw_slice s, char kind)
{
    uint64_t class = mix_number(2, (unsigned char)kind);
    bool in_digits = false;
    for (size_t i = 0; i < s.len && i < MAX_ENUM_WORD; i++) {
        if (!is_digit(s.ptr[i]) || !in_digits)
            class = mix_number(class, is_digit(s.ptr[i]) ? '9' : (unsigned char)s.ptr[i]);
        in_digits = is_digit(s.ptr[i]);
    }
    return mix_number(class, s.len < 10 ? 1 : s.len < 19 ? 2 : 3);
}

static bool is_numeric(bw_slice s)
{
    if (s.len == 0 || s.len > MAX_ENUM_WORD || (s.ptr[0] != '-' && !is_digit(s.ptr[0])))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fits = is_digit(c) || c == '-' || c == '+' || c == ':' || c == '.' || c == ' ' ||
                    c == 'e' || c == 'E' || c == 'T' || c == 'Z' || c == 's';
        if (!fits)
            return false;
    }
    return true;
}

uint64_t bw_sb_shape_text(bw_slice text)
{
    if (is_enum_word(text))
        return bw_sb_shape_mix(1, text);
    if (is_numeric(text))
        return numeric_class(text, '"');
    return mix_number(3, (text.len > 0) + 2u * is_base64(text));
}

static uint64_t token_class(const bw_json_token *t)
{
    if (t->type == BW_JSON_STRING && !t->escaped)
        return bw_sb_shape_text((bw_slice){t->raw.ptr + 1, t->raw.len - 2});
    if (t->type == BW_JSON_NUMBER)
        return numeric_class(t->raw, '#');
    return mix_number(4, t->type);
}

/* ---- Documents -------------------------------------------------------------------------------- */

typedef struct level {
    uint64_t path;    /* of the container */
    uint64_t members; /* sum over the names, so that their order does not count */
    uint64_t value;   /* path of the value that comes next */
} level;

bool bw_sb_json_shape(bw_slice json, uint64_t seed, bw_sb_fact *fact, void *user)
{
    level levels[BW_JSON_MAX_DEPTH + 2], *at = levels;
    bw_json_scan scan = bw_json_scan_init(json);
    bw_json_token t;
    *at = (level){.path = seed, .value = seed};
    while (bw_json_next(&scan, &t)) {
        if (t.type == BW_JSON_END)
            return true;
        if (t.type == BW_JSON_KEY) {
            at->value = bw_sb_shape_mix(at->path, t.raw);
            at->members += at->value;
        } else if (t.type == BW_JSON_OBJECT || t.type == BW_JSON_ARRAY) {
            uint64_t path = mix_number(at->value, t.type);
            at++;
            *at = (level){.path = path, .value = path};
        } else if (t.type == BW_JSON_OBJECT_END || t.type == BW_JSON_ARRAY_END) {
            fact(user, mix_number(at->path, at->members));
            at--;
        } else {
            fact(user, mix_number(at->value, token_class(&t)));
        }
    }
    return false;
}
