#include "views/kit/id_map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t hash(const char *id)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

/* The slot of an id, or the free one where it would go. */
static size_t find(const bw_id_map *m, const char *id)
{
    size_t i = hash(id) & (m->size - 1);
    while (m->slots[i].id && strcmp(m->slots[i].id, id) != 0)
        i = (i + 1) & (m->size - 1);
    return i;
}

static void grow(bw_id_map *m)
{
    bw_id_map bigger = {.size = m->size ? m->size * 2 : 16};
    bigger.slots = bw_xcalloc(bigger.size, sizeof(*bigger.slots));
    for (size_t i = 0; i < m->size; i++) {
        if (m->slots[i].id)
            bigger.slots[find(&bigger, m->slots[i].id)] = m->slots[i];
    }
    free(m->slots);
    m->slots = bigger.slots;
    m->size = bigger.size;
}

void bw_id_map_fini(bw_id_map *m)
{
    bw_id_map_clear(m);
    free(m->slots);
    *m = (bw_id_map){NULL, 0, 0};
}

void bw_id_map_clear(bw_id_map *m)
{
    for (size_t i = 0; i < m->size; i++) {
        free(m->slots[i].id);
        m->slots[i].id = NULL;
    }
    m->count = 0;
}

void bw_id_map_put(bw_id_map *m, const char *id, size_t value)
{
    if ((m->count + 1) * 2 > m->size)
        grow(m);
    struct bw_id_slot *slot = &m->slots[find(m, id)];
    if (!slot->id) {
        slot->id = bw_xstrdup(id);
        m->count++;
    }
    slot->value = value;
}

bool bw_id_map_get(const bw_id_map *m, const char *id, size_t *value)
{
    if (m->count == 0)
        return false;
    const struct bw_id_slot *slot = &m->slots[find(m, id)];
    if (!slot->id)
        return false;
    if (value)
        *value = slot->value;
    return true;
}

void bw_id_map_remove(bw_id_map *m, const char *id)
{
    if (m->count == 0)
        return;
    size_t i = find(m, id);
    if (!m->slots[i].id)
        return;
    free(m->slots[i].id);
    m->slots[i].id = NULL;
    m->count--;
    /* Those behind it in the same run may have to move up, or they would not be found any more. */
    for (size_t k = (i + 1) & (m->size - 1); m->slots[k].id; k = (k + 1) & (m->size - 1)) {
        struct bw_id_slot moved = m->slots[k];
        m->slots[k].id = NULL;
        m->slots[find(m, moved.id)] = moved;
    }
}
