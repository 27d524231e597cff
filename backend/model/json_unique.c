/*
 * Members of the same name: PostgreSQL's json keeps them all, BigQuery's JSON one of them. Names are
 * compared by a hash of 128 bits: were two ever taken for one, a row would be refused, not changed.
 */
#include <stdlib.h>

#include <xxhash.h>

#include "backend/core/json.h"
#include "backend/model/value.h"

/* The names of all objects that are open, the innermost's last. */
typedef struct members {
    XXH128_hash_t *names;
    size_t n_names, names_cap;
    size_t *firsts; /* where each open object's names begin */
    size_t n_open, firsts_cap;
    bw_buf unescaped;
} members;

static void add_name(members *m, const bw_json_token *key)
{
    bw_slice name = {key->raw.ptr + 1, key->raw.len - 2};
    if (key->escaped) {
        bw_buf_clear(&m->unescaped);
        if (bw_json_unescape(key->raw, &m->unescaped))
            name = bw_buf_slice(&m->unescaped);
    }
    BW_GROW(m->names, m->n_names + 1, m->names_cap);
    m->names[m->n_names++] = XXH3_128bits(name.ptr, name.len);
}

static int compare_names(const void *a, const void *b)
{
    return XXH128_cmp(a, b);
}

/* Forgets the innermost object; false when a name occurred twice in it. */
static bool close_object(members *m)
{
    size_t first = m->firsts[--m->n_open];
    size_t n = m->n_names - first;
    m->n_names = first;
    if (n < 2)
        return true;
    XXH128_hash_t *names = m->names + first;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++) {
        if (XXH128_isEqual(names[i - 1], names[i]))
            return false;
    }
    return true;
}

bool bw_value_json_is_unique(bw_slice text)
{
    members m = {.unescaped = BW_BUF_INIT};
    bw_json_scan scan = bw_json_scan_init(text);
    bw_json_token t;
    bool unique = true;
    while (unique && bw_json_next(&scan, &t) && t.type != BW_JSON_END) {
        if (t.type == BW_JSON_OBJECT) {
            BW_GROW(m.firsts, m.n_open + 1, m.firsts_cap);
            m.firsts[m.n_open++] = m.n_names;
        } else if (t.type == BW_JSON_KEY) {
            add_name(&m, &t);
        } else if (t.type == BW_JSON_OBJECT_END) {
            unique = close_object(&m);
        }
    }
    free(m.names);
    free(m.firsts);
    bw_buf_fini(&m.unescaped);
    return unique;
}
