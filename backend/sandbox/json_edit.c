#include "backend/sandbox/json_edit.h"

#include <stdlib.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool bw_sb_json_is_object(bw_slice text)
{
    size_t at = 0;
    while (at < text.len && is_space(text.ptr[at]))
        at++;
    return at < text.len && text.ptr[at] == '{' && bw_json_valid(text, NULL, NULL);
}

static size_t skip_space(bw_slice s, size_t at)
{
    while (at < s.len && is_space(s.ptr[at]))
        at++;
    return at;
}

/* The value that begins at `at`, as raw text. */
static bool take_value(bw_slice s, size_t *at, bw_slice *value)
{
    size_t from = skip_space(s, *at);
    size_t end = from;
    if (end >= s.len)
        return false;
    if (s.ptr[end] == '{' || s.ptr[end] == '[' || s.ptr[end] == '"') {
        int depth = 0;
        bool quoted = false;
        do {
            char c = s.ptr[end];
            if (quoted && c == '\\')
                end++;
            else if (c == '"')
                quoted = !quoted;
            else if (!quoted && (c == '{' || c == '['))
                depth++;
            else if (!quoted && (c == '}' || c == ']'))
                depth--;
            end++;
        } while (end < s.len && (depth > 0 || quoted));
    } else {
        while (end < s.len && !is_space(s.ptr[end]) && !memchr(",]}", s.ptr[end], 3))
            end++;
    }
    *value = (bw_slice){s.ptr + from, end - from};
    *at = end;
    return end > from;
}

/* Moves to the next member or element; false at the closing bracket. */
/* To the next member or element; false at the end, and for what does not open with `bracket`. */
static bool step(bw_slice s, size_t *at, char bracket)
{
    size_t i = skip_space(s, *at);
    if (*at == 0 && (i >= s.len || s.ptr[i] != bracket))
        return false;
    if (*at == 0)
        i = skip_space(s, i + 1);
    else if (i < s.len && s.ptr[i] == ',')
        i = skip_space(s, i + 1);
    *at = i;
    return i < s.len && s.ptr[i] != '}' && s.ptr[i] != ']';
}

bool bw_sb_json_each(bw_slice object, size_t *at, bw_slice *key, bw_slice *value)
{
    if (!step(object, at, '{') || !take_value(object, at, key))
        return false;
    *at = skip_space(object, *at) + 1; /* the colon */
    return take_value(object, at, value);
}

bool bw_sb_json_each_element(bw_slice array, size_t *at, bw_slice *value)
{
    return step(array, at, '[') && take_value(array, at, value);
}

static bool key_is(bw_slice key, const char *name)
{
    size_t len = strlen(name);
    return key.len == len + 2 && memcmp(key.ptr + 1, name, len) == 0;
}

static void add_member(bw_buf *out, bw_slice key, bw_slice value)
{
    if (out->len && out->ptr[out->len - 1] != '{')
        bw_buf_addc(out, ',');
    bw_buf_add(out, key.ptr, key.len);
    bw_buf_addc(out, ':');
    bw_buf_add(out, value.ptr, value.len);
}

void bw_sb_json_without(bw_slice object, const char *const *names, bw_buf *out)
{
    bw_slice key, value;
    bw_buf_addc(out, '{');
    for (size_t at = 0; bw_sb_json_each(object, &at, &key, &value);) {
        bool listed = false;
        for (const char *const *name = names; *name && !listed; name++)
            listed = key_is(key, *name);
        if (!listed)
            add_member(out, key, value);
    }
    bw_buf_addc(out, '}');
}

static bool find_key(bw_slice object, bw_slice key, bw_slice *value)
{
    bw_slice k, v;
    bool found = false;
    for (size_t at = 0; bw_sb_json_each(object, &at, &k, &v);) {
        if (bw_slice_eq(k, key)) {
            *value = v;
            found = true;
        }
    }
    return found;
}

static bool is_object_text(bw_slice s)
{
    return s.len && s.ptr[0] == '{';
}

static void add_merged(bw_buf *out, bw_slice key, bw_slice base, bw_slice patch)
{
    bw_buf merged = BW_BUF_INIT;
    if (is_object_text(patch)) {
        bw_sb_json_merge(is_object_text(base) ? base : BW_SLICE_LIT("{}"), patch, &merged);
        patch = bw_buf_slice(&merged);
    }
    if (!bw_slice_is(patch, "null"))
        add_member(out, key, patch);
    bw_buf_fini(&merged);
}

void bw_sb_json_merge(bw_slice base, bw_slice patch, bw_buf *out)
{
    bw_slice key, value, other;
    bw_buf_addc(out, '{');
    for (size_t at = 0; bw_sb_json_each(base, &at, &key, &value);) {
        if (find_key(patch, key, &other))
            add_merged(out, key, value, other);
        else
            add_member(out, key, value);
    }
    for (size_t at = 0; bw_sb_json_each(patch, &at, &key, &value);) {
        if (!find_key(base, key, &other))
            add_merged(out, key, (bw_slice){NULL, 0}, value);
    }
    bw_buf_addc(out, '}');
}

void bw_sb_json_add_members(bw_buf *out, bw_slice object)
{
    bw_slice key, value;
    for (size_t at = 0; bw_sb_json_each(object, &at, &key, &value);)
        add_member(out, key, value);
}

void bw_sb_json_add_name(bw_buf *out, const char *name)
{
    if (out->len && out->ptr[out->len - 1] != '{')
        bw_buf_addc(out, ',');
    bw_json_add_string(out, bw_slice_cstr(name));
    bw_buf_addc(out, ':');
}

void bw_sb_json_add_text(bw_buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    bw_slice s = bw_slice_cstr(text);
    s.len = bw_utf8_valid_prefix(s);
    bw_sb_json_add_name(out, name);
    bw_json_add_string(out, s);
}

void bw_sb_json_add_int64(bw_buf *out, const char *name, int64_t value)
{
    bw_sb_json_add_name(out, name);
    bw_buf_addf(out, "\"%lld\"", (long long)value);
}

void bw_sb_json_add_bool(bw_buf *out, const char *name, bool value)
{
    bw_sb_json_add_name(out, name);
    bw_buf_adds(out, value ? "true" : "false");
}

void bw_sb_json_add_raw(bw_buf *out, const char *name, bw_slice raw)
{
    if (raw.len == 0)
        return;
    bw_sb_json_add_name(out, name);
    bw_buf_add(out, raw.ptr, raw.len);
}

/* ---- Reading ---------------------------------------------------------------------------------- */

const char *bw_sb_json_text(bw_arena *arena, bw_slice object, const char *name)
{
    bw_slice raw = object.len ? bw_json_member(object, name) : object;
    if (raw.len < 2 || raw.ptr[0] != '"')
        return NULL;
    bw_buf text = BW_BUF_INIT;
    const char *copy = NULL;
    if (bw_json_unescape(raw, &text) && (text.len == 0 || !memchr(text.ptr, '\0', text.len)))
        copy = bw_arena_strndup(arena, text.len ? text.ptr : "", text.len);
    bw_buf_fini(&text);
    return copy;
}

bool bw_sb_json_bool(bw_slice object, const char *name, bool fallback)
{
    bw_slice raw = object.len ? bw_json_member(object, name) : object;
    if (bw_slice_is(raw, "true") || bw_slice_is(raw, "\"true\""))
        return true;
    if (bw_slice_is(raw, "false") || bw_slice_is(raw, "\"false\""))
        return false;
    return fallback;
}

int64_t bw_sb_json_int(bw_slice object, const char *name, int64_t fallback)
{
    int64_t value;
    return object.len && bw_json_member_int(object, name, &value) ? value : fallback;
}

bw_slice bw_sb_json_object(bw_slice object, const char *name)
{
    bw_slice raw = object.len ? bw_json_member(object, name) : object;
    return is_object_text(raw) ? raw : (bw_slice){NULL, 0};
}
