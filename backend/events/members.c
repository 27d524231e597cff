#include "backend/events/members.h"

#include <stdlib.h>

#include "backend/core/json.h"

int bw_slice_order(bw_slice a, bw_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    return bw_slice_order(((const bw_member *)a)->name, ((const bw_member *)b)->name);
}

static bool name_of(const bw_json_token *key, bw_arena *arena, bw_slice *name)
{
    *name = (bw_slice){key->raw.ptr + 1, key->raw.len - 2};
    if (!key->escaped)
        return true;
    bw_buf text = BW_BUF_INIT;
    bool ok = bw_json_unescape(key->raw, &text);
    if (ok)
        *name = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return ok;
}

bool bw_members_read(bw_slice object, bw_arena *arena, bw_members *out)
{
    bw_json_scan scan = bw_json_scan_init(object);
    bw_json_token t;
    size_t cap = 0;
    bw_member *found = NULL;
    bool ok = bw_json_next(&scan, &t) && t.type == BW_JSON_OBJECT;
    *out = (bw_members){NULL, 0};
    while (ok && (ok = bw_json_next(&scan, &t)) && t.type == BW_JSON_KEY) {
        BW_GROW(found, out->count + 1, cap);
        bw_member *m = &found[out->count++];
        m->raw = t.raw;
        ok = name_of(&t, arena, &m->name) && bw_json_skip(&scan, &m->value);
    }
    ok = ok && bw_json_next(&scan, &t) && t.type == BW_JSON_END;
    if (ok && out->count) {
        qsort(found, out->count, sizeof *found, by_name);
        out->items = BW_ARENA_ARRAY(arena, bw_member, out->count);
        memcpy(out->items, found, out->count * sizeof *found);
    }
    if (!ok)
        out->count = 0;
    free(found);
    return ok;
}

const bw_member *bw_members_find(const bw_members *members, bw_slice name)
{
    if (!members->count)
        return NULL;
    bw_member wanted = {.name = name};
    return bsearch(&wanted, members->items, members->count, sizeof *members->items, by_name);
}

bw_slice bw_members_write(const bw_member *items, size_t count, bw_arena *arena)
{
    size_t size = 2;
    for (size_t i = 0; i < count; i++)
        size += items[i].raw.len + items[i].value.len + 2;
    char *text = bw_arena_bytes(arena, size), *p = text;
    *p++ = '{';
    for (size_t i = 0; i < count; i++) {
        if (i)
            *p++ = ',';
        memcpy(p, items[i].raw.ptr, items[i].raw.len);
        p += items[i].raw.len;
        *p++ = ':';
        memcpy(p, items[i].value.ptr, items[i].value.len);
        p += items[i].value.len;
    }
    *p++ = '}';
    return (bw_slice){text, (size_t)(p - text)};
}
