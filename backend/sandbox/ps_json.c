#include "backend/sandbox/ps_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "backend/sandbox/json_edit.h"
#include "backend/sandbox/stamp.h"

#define MAX_DURATION_SECONDS INT64_C(315576000000) /* protobuf's: 10,000 years */

/* ---- Spellings -------------------------------------------------------------------------------- */

void ps_json_camel(bw_slice name, char *out, size_t size)
{
    size_t n = 0;
    bool upper = false;
    for (size_t i = 0; i < name.len && n + 1 < size; i++) {
        char c = name.ptr[i];
        if (c == '_') {
            upper = true;
            continue;
        }
        out[n++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        upper = false;
    }
    out[n] = '\0';
}

/* As errors name members: ack_deadline_seconds. */
static void snake(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 2 < size; name++) {
        bool upper = *name >= 'A' && *name <= 'Z';
        if (upper)
            out[n++] = '_';
        out[n++] = upper ? (char)(*name + 32) : *name;
    }
    out[n] = '\0';
}

bw_slice ps_json_content(bw_arena *arena, bw_slice raw)
{
    if (raw.len < 2 || raw.ptr[0] != '"')
        return (bw_slice){NULL, 0};
    if (!memchr(raw.ptr, '\\', raw.len))
        return (bw_slice){raw.ptr + 1, raw.len - 2};
    bw_buf text = BW_BUF_INIT;
    bool fine = bw_json_unescape(raw, &text);
    bw_slice copy = fine ? bw_arena_slice(arena, bw_buf_slice(&text)) : (bw_slice){NULL, 0};
    bw_buf_fini(&text);
    return copy;
}

/* ---- Values ----------------------------------------------------------------------------------- */

static bool add_bool(bw_slice raw, bw_buf *out)
{
    if (!bw_slice_is(raw, "true") && !bw_slice_is(raw, "false"))
        return false;
    bw_buf_add(out, raw.ptr, raw.len);
    return true;
}

static bool add_int32(bw_slice raw, bw_buf *out)
{
    char text[16], *end;
    if (raw.len >= 2 && raw.ptr[0] == '"')
        raw = (bw_slice){raw.ptr + 1, raw.len - 2};
    if (raw.len == 0 || raw.len >= sizeof text || strchr("+ ", raw.ptr[0]))
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || value < INT32_MIN || value > INT32_MAX)
        return false;
    bw_buf_addf(out, "%lld", value);
    return true;
}

/* Escapes may name lone surrogates, which are no text. */
static bool is_text(bw_slice raw)
{
    bw_buf content = BW_BUF_INIT;
    if (raw.ptr[0] != '"' || !memchr(raw.ptr, '\\', raw.len))
        return raw.ptr[0] == '"';
    bool fine = bw_json_unescape(raw, &content);
    bw_buf_fini(&content);
    return fine;
}

static bool add_text(bw_slice raw, bw_buf *out)
{
    if (!is_text(raw))
        return false;
    bw_buf_add(out, raw.ptr, raw.len);
    return true;
}

static bool add_duration(bw_slice raw, bw_buf *out)
{
    int64_t us;
    if (raw.len < 2 || raw.ptr[0] != '"' ||
        !ps_duration_parse((bw_slice){raw.ptr + 1, raw.len - 2}, &us))
        return false;
    bw_buf_addc(out, '"');
    ps_duration_print(out, us);
    bw_buf_addc(out, '"');
    return true;
}

static bool add_time(bw_slice raw, bw_buf *out)
{
    int64_t us;
    if (raw.len < 2 || raw.ptr[0] != '"' ||
        !bw_sb_stamp_parse_us((bw_slice){raw.ptr + 1, raw.len - 2}, &us))
        return false;
    bw_buf_addc(out, '"');
    bw_sb_stamp_print_us(out, us);
    bw_buf_addc(out, '"');
    return true;
}

static bool add_text_map(bw_slice raw, bw_buf *out)
{
    bw_slice key, value;
    if (raw.ptr[0] != '{')
        return false;
    for (size_t at = 0; bw_sb_json_each(raw, &at, &key, &value);) {
        if (!is_text(key) || !is_text(value))
            return false;
    }
    bw_buf_add(out, raw.ptr, raw.len);
    return true;
}

static bool add_text_list(bw_slice raw, bw_buf *out)
{
    bw_slice value;
    if (raw.ptr[0] != '[')
        return false;
    for (size_t at = 0; bw_sb_json_each_element(raw, &at, &value);) {
        if (!is_text(value))
            return false;
    }
    bw_buf_add(out, raw.ptr, raw.len);
    return true;
}

static bool add_as_is(bw_slice raw, bw_buf *out)
{
    bw_buf_add(out, raw.ptr, raw.len);
    return raw.ptr[0] == '{';
}

static bool add_list(bw_slice raw, bw_buf *out)
{
    bw_buf_add(out, raw.ptr, raw.len);
    return raw.ptr[0] == '[';
}

static bool add_enum(bw_slice raw, bw_buf *out)
{
    return raw.ptr[0] == '"' ? add_text(raw, out) : add_int32(raw, out);
}

static const struct {
    const char *type;
    bool (*add)(bw_slice raw, bw_buf *out);
} kinds[] = {
    [PS_TEXT] = {"TYPE_STRING", add_text},
    [PS_BOOL] = {"TYPE_BOOL", add_bool},
    [PS_INT32] = {"TYPE_INT32", add_int32},
    [PS_DURATION] = {"type.googleapis.com/google.protobuf.Duration", add_duration},
    [PS_TIME] = {"type.googleapis.com/google.protobuf.Timestamp", add_time},
    [PS_TEXT_MAP] = {"Map of strings", add_text_map},
    [PS_TEXT_LIST] = {"List of strings", add_text_list},
    [PS_OBJECT] = {"Object", NULL},
    [PS_AS_IS] = {"Object", add_as_is},
    [PS_LIST] = {"List", add_list},
    [PS_ENUM] = {"TYPE_ENUM", add_enum},
};

/* ---- Objects ---------------------------------------------------------------------------------- */

static const ps_member *find(const ps_member *members, bw_slice key)
{
    char name[64];
    if (key.len >= 2)
        key = (bw_slice){key.ptr + 1, key.len - 2};
    ps_json_camel(key, name, sizeof name);
    for (; members->name; members++) {
        if (strcmp(members->name, name) == 0)
            return members;
    }
    return NULL;
}

static bw_status add_member(const ps_member *m, bw_slice value, const char *path, bw_buf *out,
                            bw_error *err)
{
    char name[64], where[192];
    snake(m->name, name, sizeof name);
    snprintf(where, sizeof where, "%s%s%s", path, *path ? "." : "", name);
    bw_sb_json_add_name(out, m->name);
    if (m->kind == PS_OBJECT && value.ptr[0] == '{')
        return ps_json_read(m->members, value, where, out, err);
    if (m->kind != PS_OBJECT && kinds[m->kind].add(value, out))
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "Invalid value at '%s' (%s), %.*s", where,
                        kinds[m->kind].type, (int)(value.len < 80 ? value.len : 80), value.ptr);
}

bw_status ps_json_read(const ps_member *members, bw_slice object, const char *path, bw_buf *out,
                       bw_error *err)
{
    bw_slice key, value;
    bw_buf_addc(out, '{');
    for (size_t at = 0; bw_sb_json_each(object, &at, &key, &value);) {
        const ps_member *m = find(members, key);
        if (!m)
            return bw_error_set(err, BW_INVALID,
                                "Invalid JSON payload received. Unknown name %.*s%s%s%s: Cannot "
                                "find field.",
                                (int)(key.len < 80 ? key.len : 80), key.ptr, *path ? " at '" : "",
                                path, *path ? "'" : "");
        if (bw_slice_is(value, "null"))
            continue;
        bw_status status = add_member(m, value, path, out, err);
        if (status != BW_OK)
            return status;
    }
    bw_buf_addc(out, '}');
    return BW_OK;
}

/* ---- Durations and times ---------------------------------------------------------------------- */

/* Up to nine digits after a full stop, as microseconds; false when there is something else. */
static bool parse_fraction(bw_slice digits, int64_t *us)
{
    int64_t unit = 100000;
    *us = 0;
    if (digits.len == 0 || digits.len > 9)
        return false;
    for (size_t i = 0; i < digits.len; i++, unit /= 10) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        *us += (digits.ptr[i] - '0') * unit;
    }
    return true;
}

bool ps_duration_parse(bw_slice text, int64_t *us)
{
    int64_t seconds = 0, fraction = 0;
    size_t i = 0;
    if (text.len < 2 || text.ptr[text.len - 1] != 's')
        return false;
    text.len--;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && i < 13; i++)
        seconds = seconds * 10 + (text.ptr[i] - '0');
    if (i == 0 || seconds > MAX_DURATION_SECONDS)
        return false;
    if (i < text.len &&
        (text.ptr[i] != '.' ||
         !parse_fraction((bw_slice){text.ptr + i + 1, text.len - i - 1}, &fraction)))
        return false;
    *us = seconds * BW_SECOND + fraction;
    return true;
}

void ps_duration_print(bw_buf *out, int64_t us)
{
    bw_buf_addf(out, "%lld", (long long)(us / BW_SECOND));
    int64_t fraction = us % BW_SECOND;
    if (fraction % 1000 != 0)
        bw_buf_addf(out, ".%06d", (int)fraction);
    else if (fraction != 0)
        bw_buf_addf(out, ".%03d", (int)(fraction / 1000));
    bw_buf_addc(out, 's');
}

void ps_json_add_duration(bw_buf *out, const char *name, int64_t us)
{
    bw_sb_json_add_name(out, name);
    bw_buf_addc(out, '"');
    ps_duration_print(out, us);
    bw_buf_addc(out, '"');
}

int64_t ps_json_duration(bw_slice object, const char *name, int64_t fallback)
{
    bw_slice raw = bw_json_member(object, name);
    int64_t us;
    if (raw.len < 2 || !ps_duration_parse((bw_slice){raw.ptr + 1, raw.len - 2}, &us))
        return fallback;
    return us;
}

void ps_json_add_time(bw_buf *out, const char *name, int64_t us)
{
    bw_sb_json_add_name(out, name);
    bw_buf_addc(out, '"');
    bw_sb_stamp_print_us(out, us);
    bw_buf_addc(out, '"');
}

/* ---- Names ------------------------------------------------------------------------------------ */

bool ps_id_valid(const char *id)
{
    size_t len = strlen(id);
    bool letter = (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z');
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.~+%";
    return len >= 3 && len <= 255 && letter && strncmp(id, "goog", 4) != 0 &&
           strspn(id, allowed) == len;
}

/* A project's id or number, domain-scoped ones too. */
static bool project_valid(const char *project)
{
    size_t len = strlen(project);
    return len > 0 && len <= 128 &&
           strspn(project, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") ==
               len;
}

bw_status ps_name_parse(bw_arena *arena, const char *name, const char *collection,
                        const char **project, const char **id, bw_error *err)
{
    size_t prefix = strlen("projects/"), middle = strlen(collection);
    const char *rest = strncmp(name, "projects/", prefix) == 0 ? name + prefix : NULL;
    const char *slash = rest ? strchr(rest, '/') : NULL;
    if (slash && strncmp(slash + 1, collection, middle) == 0 && slash[1 + middle] == '/') {
        *project = bw_arena_strndup(arena, rest, (size_t)(slash - rest));
        *id = bw_arena_strdup(arena, slash + middle + 2);
        if (project_valid(*project) && ps_id_valid(*id))
            return BW_OK;
    }
    return bw_error_set(err, BW_INVALID,
                        "Invalid resource name given (name=%.300s). Refer to "
                        "https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for "
                        "more information.",
                        name);
}
