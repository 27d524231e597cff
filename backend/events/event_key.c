/* Which entity an event is about. */
#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/events/event_internal.h"
#include "backend/google/entity.h"

#define MAX_PATH 100 /* Datastore's limit of ancestors */

static bool reserved(bw_slice name)
{
    return name.len >= 4 && memcmp(name.ptr, "__", 2) == 0 &&
           memcmp(name.ptr + name.len - 2, "__", 2) == 0;
}

/* A kind or a key's name. */
static bool check_name(event_reader *r, bw_slice member, bw_slice name, const char *what)
{
    if (!name.len || name.len > BW_ENTITY_MAX_NAME)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "a %s has 1 to %d bytes, this one %zu", what, BW_ENTITY_MAX_NAME,
                               name.len);
    if (reserved(name))
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "Datastore keeps a %s of the form __x__ for itself", what);
    return true;
}

static bool check_kind(event_reader *r, bw_slice member, bw_slice kind)
{
    if (kind.len >= 4 && memcmp(kind.ptr, "_bw_", 4) == 0)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "kinds that begin with _bw_ are the engine's own");
    return check_name(r, member, kind, "kind");
}

/* A positive int64, as a number or the digits of a string. */
static bool read_id(bw_slice digits, int64_t *id)
{
    int64_t n = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *id = n;
    return n > 0;
}

/* A string is a name, a number an id. */
static bool read_plain(event_reader *r, event_member from, bw_key_part *part)
{
    bw_slice raw = r->members[from], member = bw_event_member_name(r, from);
    if (raw.ptr[0] == '"')
        return bw_event_text(r, raw, member, &part->name) &&
               check_name(r, member, part->name, "name");
    if (!read_id(raw, &part->id))
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "neither a string nor a positive integer");
    return true;
}

/* {"kind": "region", "id": 4} or {"kind": "customer", "name": "c-17"}, and nothing else. */
static bool read_part(event_reader *r, bw_slice object, bw_key_part *part)
{
    bw_slice member = bw_event_member_name(r, MEMBER_ENTITY_KEY);
    bw_json_scan scan = bw_json_scan_init(object);
    bw_json_token t;
    bool has_id = false;
    *part = (bw_key_part){0};
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "a part of path is no object");
    while (bw_json_next(&scan, &t) && t.type == BW_JSON_KEY) {
        bw_slice name = t.raw, value;
        if (!bw_json_skip(&scan, &value))
            break;
        if (bw_slice_is(name, "\"kind\"")) {
            if (!bw_event_text(r, value, member, &part->kind))
                return false;
        } else if (bw_slice_is(name, "\"name\"")) {
            if (!bw_event_text(r, value, member, &part->name) ||
                !check_name(r, member, part->name, "name"))
                return false;
        } else if (bw_slice_is(name, "\"id\"")) {
            bool quoted = value.len > 2 && value.ptr[0] == '"';
            has_id = read_id(quoted ? (bw_slice){value.ptr + 1, value.len - 2} : value, &part->id);
            if (!has_id)
                return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                                       "an id is a positive integer");
        } else {
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                                   "a part of path has kind and id or name only");
        }
    }
    if (has_id == (part->name.ptr != NULL))
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                               "a part of path has either an id or a name");
    return check_kind(r, member, part->kind);
}

static bool read_path(event_reader *r, bw_slice path, bw_key_part *parts, size_t *n)
{
    bw_slice member = bw_event_member_name(r, MEMBER_ENTITY_KEY);
    bw_json_scan scan = bw_json_scan_init(path);
    bw_json_token t;
    *n = 0;
    if (!path.len || !bw_json_next(&scan, &t) || t.type != BW_JSON_ARRAY)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "the key has no path");
    for (;;) {
        bw_json_scan ahead = scan;
        bw_slice part;
        if (!bw_json_next(&ahead, &t) || t.type == BW_JSON_ARRAY_END)
            break;
        if (*n == MAX_PATH)
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                                   "the path has more than %d parts", MAX_PATH);
        if (!bw_json_skip(&scan, &part) || !read_part(r, part, &parts[(*n)++]))
            return false;
    }
    if (*n == 0)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member, "the path is empty");
    return true;
}

/* {"path": [...]}: whatever else it says about the key is not ours to ignore. */
static bool read_key_object(event_reader *r, bw_key_part *parts, size_t *n)
{
    bw_slice member = bw_event_member_name(r, MEMBER_ENTITY_KEY);
    bw_json_scan scan = bw_json_scan_init(r->members[MEMBER_ENTITY_KEY]);
    bw_json_token t;
    bw_slice path = {NULL, 0};
    (void)bw_json_next(&scan, &t);
    while (bw_json_next(&scan, &t) && t.type == BW_JSON_KEY) {
        if (!bw_slice_is(t.raw, "\"path\""))
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, member,
                                   "the key has a path and nothing else");
        if (!bw_json_skip(&scan, &path))
            break;
    }
    return read_path(r, path, parts, n);
}

static void write_key(event_reader *r, const bw_key_part *parts, size_t n)
{
    bw_buf key = BW_BUF_INIT, text = BW_BUF_INIT;
    bw_buf_adds(&key, "{\"path\":[");
    for (size_t i = 0; i < n; i++) {
        bw_buf_adds(&key, i ? ",{\"kind\":" : "{\"kind\":");
        bw_json_add_string(&key, parts[i].kind);
        if (parts[i].name.ptr) {
            bw_buf_adds(&key, ",\"name\":");
            bw_json_add_string(&key, parts[i].name);
        } else {
            bw_buf_addf(&key, ",\"id\":\"%lld\"", (long long)parts[i].id);
        }
        bw_buf_addc(&key, '}');
    }
    bw_buf_adds(&key, "]}");
    if (bw_key_path(bw_buf_slice(&key), &text)) {
        r->event->key = bw_arena_slice(r->arena, bw_buf_slice(&key));
        r->event->key_text = bw_arena_slice(r->arena, bw_buf_slice(&text));
        r->event->kind = bw_arena_slice(r->arena, parts[n - 1].kind);
    }
    bw_buf_fini(&key);
    bw_buf_fini(&text);
}

/* Names and ids together. */
static bool check_size(event_reader *r, event_member from, const bw_key_part *parts, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += parts[i].kind.len + (parts[i].name.ptr ? parts[i].name.len : sizeof parts[i].id);
    return bytes <= BW_ENTITY_MAX_KEY ||
           bw_event_refuse(r, BW_REASON_BAD_MESSAGE, bw_event_member_name(r, from),
                           "a key has at most %d bytes, this one %zu", BW_ENTITY_MAX_KEY, bytes);
}

/* The kind that the event says, or the configured one; empty when there is neither. */
static bool read_kind(event_reader *r, bw_slice *kind)
{
    bw_slice member = bw_event_member_name(r, MEMBER_KIND), raw = r->members[MEMBER_KIND];
    *kind = bw_slice_cstr(r->rules->default_kind);
    if (!raw.len)
        return true;
    return bw_event_text(r, raw, member, kind) && check_kind(r, member, *kind);
}

bool bw_event_read_key(event_reader *r)
{
    bw_slice id = r->members[MEMBER_ENTITY_ID], key = r->members[MEMBER_ENTITY_KEY];
    bw_slice entity_id = bw_event_member_name(r, MEMBER_ENTITY_ID), kind;
    bw_key_part *parts = BW_ARENA_ARRAY(r->arena, bw_key_part, MAX_PATH);
    size_t n = 1;
    if (!read_kind(r, &kind))
        return false;
    if (!id.len && !key.len)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, entity_id,
                               "the message names no entity: neither entity_id nor entity_key");
    if (id.len && key.len)
        return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, entity_id,
                               "both entity_id and entity_key are given");
    if (key.len && key.ptr[0] == '{') {
        if (!read_key_object(r, parts, &n))
            return false;
        if (r->members[MEMBER_KIND].len && !bw_slice_eq(kind, parts[n - 1].kind))
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, bw_event_member_name(r, MEMBER_KIND),
                                   "kind is another one than the key's");
    } else {
        if (!kind.len)
            return bw_event_refuse(r, BW_REASON_BAD_MESSAGE, bw_event_member_name(r, MEMBER_KIND),
                                   "the message names no kind");
        parts[0].kind = kind;
        if (!read_plain(r, id.len ? MEMBER_ENTITY_ID : MEMBER_ENTITY_KEY, &parts[0]))
            return false;
    }
    if (!check_size(r, id.len ? MEMBER_ENTITY_ID : MEMBER_ENTITY_KEY, parts, n))
        return false;
    write_key(r, parts, n);
    return true;
}
