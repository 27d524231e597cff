/* Keys of entities: their JSON, their identity, and the path that people read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/google/entity.h"

/* ---- writing ---------------------------------------------------------------------------- */

static void add_member(bw_buf *out, const char *name, const char *value, bool *first)
{
    if (!value || !*value)
        return;
    bw_buf_addf(out, "%s\"%s\":", *first ? "" : ",", name);
    bw_json_add_string(out, bw_slice_cstr(value));
    *first = false;
}

static void add_part(bw_buf *out, const bw_key_part *part)
{
    bw_buf_adds(out, "{\"kind\":");
    bw_json_add_string(out, part->kind);
    if (part->name.ptr) {
        bw_buf_adds(out, ",\"name\":");
        bw_json_add_string(out, part->name);
    } else if (part->id) {
        bw_buf_addf(out, ",\"id\":\"%" PRId64 "\"", part->id);
    }
    bw_buf_addc(out, '}');
}

void bw_key_write(bw_buf *out, const bw_partition *where, const bw_key_part *path, size_t n)
{
    bool first = true;
    bw_buf_adds(out, "{\"partitionId\":{");
    if (where) {
        add_member(out, "projectId", where->project, &first);
        add_member(out, "databaseId", where->database, &first);
        add_member(out, "namespaceId", where->namespace, &first);
    }
    bw_buf_adds(out, "},\"path\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            bw_buf_addc(out, ',');
        add_part(out, &path[i]);
    }
    bw_buf_adds(out, "]}");
}

void bw_key_write_one(bw_buf *out, const bw_partition *where, const char *kind, const char *name,
                      int64_t id)
{
    bw_key_part part = {.kind = bw_slice_cstr(kind), .name = bw_slice_cstr(name), .id = id};
    bw_key_write(out, where, &part, 1);
}

/* ---- reading ---------------------------------------------------------------------------- */

/* The parts of a key's path, one after the other. Texts are raw JSON strings. */
typedef struct path_scan {
    bw_json_scan scan;
    size_t parts;
    bool bad;
} path_scan;

typedef struct raw_part {
    bw_slice kind, name;
    int64_t id;
} raw_part;

static bool is_string(bw_slice raw)
{
    return raw.len >= 2 && raw.ptr[0] == '"';
}

static path_scan path_open(bw_slice key)
{
    bw_slice path = bw_json_member(key, "path");
    path_scan p = {.scan = bw_json_scan_init(path)};
    bw_json_token t;
    p.bad = path.len == 0 || !bw_json_next(&p.scan, &t) || t.type != BW_JSON_ARRAY;
    return p;
}

/* False at the end and where the key is not complete (then p->bad). */
static bool path_next(path_scan *p, raw_part *out)
{
    bw_slice raw;
    if (p->bad || !bw_json_next_element(&p->scan, &raw)) {
        p->bad |= p->parts == 0 || p->scan.error;
        return false;
    }
    static const char *const names[] = {"kind", "name", "id"};
    bw_slice member[3];
    bw_json_members(raw, names, 3, member);
    out->kind = member[0];
    out->name = member[1];
    out->id = 0;
    bool has_id = member[2].len && bw_entity_read_int(member[2], &out->id) && out->id != 0;
    bool has_name = is_string(out->name) && out->name.len > 2;
    p->bad = !is_string(out->kind) || out->kind.len == 2 || has_id == has_name;
    if (!has_name)
        out->name = (bw_slice){NULL, 0};
    p->parts++;
    return !p->bad;
}

void bw_key_namespace(bw_slice key, bw_buf *out)
{
    bw_slice raw = bw_json_member(bw_json_member(key, "partitionId"), "namespaceId");
    size_t before = out->len;
    if (is_string(raw) && !bw_json_unescape(raw, out))
        out->len = before;
}

/* A JSON string in the one form that bw_json_add_string writes. */
static bool add_canonical(bw_buf *out, bw_slice raw)
{
    bw_buf text = BW_BUF_INIT;
    bool good = bw_json_unescape(raw, &text);
    if (good)
        bw_json_add_string(out, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return good;
}

bool bw_key_identity(bw_slice key, bw_buf *out)
{
    size_t before = out->len;
    bw_buf namespace = BW_BUF_INIT;
    raw_part part;
    bw_key_namespace(key, &namespace);
    bw_buf_addc(out, '[');
    bw_json_add_string(out, bw_buf_slice(&namespace));
    bw_buf_fini(&namespace);
    path_scan p = path_open(key);
    while (path_next(&p, &part)) {
        bw_buf_addc(out, ',');
        p.bad |= !add_canonical(out, part.kind);
        bw_buf_addc(out, ',');
        if (part.name.ptr)
            p.bad |= !add_canonical(out, part.name);
        else
            bw_buf_addf(out, "%" PRId64, part.id);
    }
    bw_buf_addc(out, ']');
    if (p.bad)
        out->len = before;
    return !p.bad;
}

bool bw_key_equal(bw_slice a, bw_slice b)
{
    bw_buf x = BW_BUF_INIT, y = BW_BUF_INIT;
    bool same = bw_key_identity(a, &x) && bw_key_identity(b, &y) &&
                bw_slice_eq(bw_buf_slice(&x), bw_buf_slice(&y));
    bw_buf_fini(&x);
    bw_buf_fini(&y);
    return same;
}

/* ---- the path for people ---------------------------------------------------------------- */

static bool all_digits(bw_slice s)
{
    size_t i = s.len && s.ptr[0] == '-';
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return true;
}

/* Whether the text can stand without quotes and be nothing else. */
static bool is_plain(bw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '"' || c == '\\')
            return false;
    }
    return s.len > 0;
}

static bool add_segment(bw_buf *out, bw_slice raw, bool number_is_id)
{
    bw_buf text = BW_BUF_INIT;
    bool good = bw_json_unescape(raw, &text);
    bw_slice s = bw_buf_slice(&text);
    if (good && is_plain(s) && !(number_is_id && all_digits(s)))
        bw_buf_add(out, s.ptr, s.len);
    else if (good)
        bw_json_add_string(out, s);
    bw_buf_fini(&text);
    return good;
}

bool bw_key_path(bw_slice key, bw_buf *out)
{
    size_t before = out->len;
    raw_part part;
    path_scan p = path_open(key);
    while (path_next(&p, &part)) {
        if (p.parts > 1)
            bw_buf_addc(out, '/');
        p.bad |= !add_segment(out, part.kind, false);
        bw_buf_addc(out, '/');
        if (part.name.ptr)
            p.bad |= !add_segment(out, part.name, true);
        else
            bw_buf_addf(out, "%" PRId64, part.id);
    }
    if (p.bad)
        out->len = before;
    return !p.bad;
}

/* One segment of a path, up to a slash or the end; *quoted says that it is a JSON string. */
static bool take_segment(bw_slice path, size_t *at, bw_slice *segment, bool *quoted)
{
    bw_slice rest = {path.ptr + *at, path.len - *at};
    *quoted = rest.len && rest.ptr[0] == '"';
    if (*quoted) {
        bw_json_scan scan = bw_json_scan_init(rest);
        if (!bw_json_skip(&scan, segment) || segment->len <= 2)
            return false;
    } else {
        const char *slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
        *segment = (bw_slice){rest.ptr, slash ? (size_t)(slash - rest.ptr) : rest.len};
        if (!is_plain(*segment) || !bw_utf8_valid(*segment))
            return false;
    }
    *at += segment->len;
    if (*at < path.len && path.ptr[*at] != '/')
        return false;
    return true;
}

static bool add_text(bw_buf *out, bw_slice segment, bool quoted)
{
    if (quoted)
        return add_canonical(out, segment);
    bw_json_add_string(out, segment);
    return true;
}

static bool add_id(bw_buf *out, bw_slice digits)
{
    char text[24], again[24];
    if (digits.len >= sizeof(text))
        return false;
    memcpy(text, digits.ptr, digits.len);
    text[digits.len] = '\0';
    int64_t id = strtoll(text, NULL, 10);
    snprintf(again, sizeof(again), "%" PRId64, id);
    if (!id || strcmp(text, again) != 0)
        return false;
    bw_buf_addf(out, "\"%s\"", text);
    return true;
}

/* One pair of kind and id or name. */
static bool add_pair(bw_buf *out, bw_slice path, size_t *at)
{
    bw_slice segment;
    bool quoted;
    if (!take_segment(path, at, &segment, &quoted) || *at >= path.len)
        return false;
    bw_buf_adds(out, "{\"kind\":");
    if (!add_text(out, segment, quoted))
        return false;
    ++*at;
    if (!take_segment(path, at, &segment, &quoted))
        return false;
    bool id = !quoted && all_digits(segment);
    bw_buf_adds(out, id ? ",\"id\":" : ",\"name\":");
    if (!(id ? add_id(out, segment) : add_text(out, segment, quoted)))
        return false;
    bw_buf_addc(out, '}');
    return true;
}

bool bw_key_from_path(bw_slice path, const bw_partition *where, bw_buf *out)
{
    size_t before = out->len, at = 0;
    bool good = true, more = true;
    bw_key_write(out, where, NULL, 0);
    out->len -= 2; /* the path's end */
    while (good && more) {
        good = add_pair(out, path, &at);
        more = at < path.len;
        if (good && more) {
            at++;
            bw_buf_addc(out, ',');
        }
    }
    bw_buf_adds(out, "]}");
    if (!good)
        out->len = before;
    return good;
}

/* ---- plain JSON ------------------------------------------------------------------------- */

/* "name": text, when the key names one and it is not the home's. */
static bool add_foreign(bw_buf *out, bw_slice partition, const char *member, const char *home,
                        const char *name)
{
    bw_slice raw = bw_json_member(partition, member);
    bw_buf text = BW_BUF_INIT;
    bool good = !is_string(raw) || bw_json_unescape(raw, &text);
    if (good && text.len && !bw_slice_is(bw_buf_slice(&text), home ? home : "")) {
        bw_buf_addf(out, ",\"%s\":", name);
        bw_json_add_string(out, bw_buf_slice(&text));
    }
    bw_buf_fini(&text);
    return good;
}

bw_reason bw_key_to_json(bw_slice key, const bw_partition *home, bw_buf *out)
{
    size_t before = out->len;
    raw_part part;
    path_scan p = path_open(key);
    bw_buf_adds(out, "{\"path\":[");
    while (path_next(&p, &part)) {
        bw_buf_adds(out, p.parts > 1 ? ",{\"kind\":" : "{\"kind\":");
        p.bad |= !add_canonical(out, part.kind);
        if (part.name.ptr) {
            bw_buf_adds(out, ",\"name\":");
            p.bad |= !add_canonical(out, part.name);
        } else {
            bw_buf_addf(out, ",\"id\":\"%" PRId64 "\"", part.id);
        }
        bw_buf_addc(out, '}');
    }
    bw_buf_addc(out, ']');
    bw_slice partition = bw_json_member(key, "partitionId");
    bool good = !p.bad && add_foreign(out, partition, "namespaceId", NULL, "namespace");
    if (good && home)
        good = add_foreign(out, partition, "projectId", home->project, "project") &&
               add_foreign(out, partition, "databaseId", home->database, "database");
    bw_buf_addc(out, '}');
    if (!good)
        out->len = before;
    return good ? BW_REASON_NONE : BW_REASON_BAD_VALUE;
}
