#include "views/json_diff.h"

#include <stdlib.h>

#include "backend/core/alloc.h"
#include "backend/core/json.h"

typedef struct member {
    bw_slice name, value; /* raw */
} member;

typedef struct members {
    member *items;
    size_t n, cap;
} members;

static int by_name(const void *a, const void *b)
{
    bw_slice x = ((const member *)a)->name, y = ((const member *)b)->name;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static members read_members(bw_slice object)
{
    members m = {0};
    bw_json_token t;
    bw_slice value;
    bw_json_scan scan = bw_json_scan_init(object);
    if (object.len == 0 || !bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return m;
    while (bw_json_next_member(&scan, &t, &value)) {
        BW_GROW(m.items, m.n + 1, m.cap);
        m.items[m.n++] = (member){t.raw, value};
    }
    if (m.n > 1)
        qsort(m.items, m.n, sizeof(*m.items), by_name);
    return m;
}

static void put(bw_text_view *out, bw_style style, const char *sign, const member *m)
{
    bw_text_view_addf(out, style, "%s ", sign);
    bw_text_view_extend(out, style, m->name);
    bw_text_view_extend(out, style, BW_SLICE_LIT(": "));
    bw_text_view_extend(out, style, m->value);
}

size_t bw_json_diff(bw_text_view *out, bw_slice before, bw_slice after)
{
    members a = read_members(before), b = read_members(after);
    size_t i = 0, k = 0, different = 0;
    while (i < a.n || k < b.n) {
        int order = i == a.n ? 1 : k == b.n ? -1 : by_name(&a.items[i], &b.items[k]);
        if (order == 0 && bw_slice_eq(a.items[i].value, b.items[k].value)) {
            put(out, BW_ROLE_MUTED, " ", &a.items[i]);
            i++, k++;
            continue;
        }
        different++;
        if (order <= 0)
            put(out, BW_ROLE_ERROR, "-", &a.items[i++]);
        if (order >= 0)
            put(out, BW_ROLE_OK, "+", &b.items[k++]);
    }
    free(a.items);
    free(b.items);
    return different;
}
