#include "backend/engine/occurrences.h"

#include <stdlib.h>
#include <string.h>

#include "backend/core/alloc.h"

#define CAP_MIN 64

/* Where the identity is, or the empty slot where it belongs. */
static struct bw_occurrence *find(const bw_occurrences *o, uint64_t high, uint64_t low)
{
    size_t at = (size_t)low & (o->cap - 1);
    while (o->slots[at].count > 0 && (o->slots[at].high != high || o->slots[at].low != low))
        at = (at + 1) & (o->cap - 1);
    return &o->slots[at];
}

static void grow(bw_occurrences *o)
{
    bw_occurrences old = *o;
    o->cap = old.cap ? old.cap * 2 : CAP_MIN;
    o->slots = bw_xcalloc(o->cap, sizeof(*o->slots));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].count > 0)
            *find(o, old.slots[i].high, old.slots[i].low) = old.slots[i];
    }
    free(old.slots);
}

uint64_t bw_occurrences_add(bw_occurrences *o, uint64_t high, uint64_t low)
{
    if (o->used >= o->cap / 2)
        grow(o);
    struct bw_occurrence *slot = find(o, high, low);
    if (slot->count == 0) {
        slot->high = high;
        slot->low = low;
        o->used++;
    }
    return ++slot->count;
}

void bw_occurrences_clear(bw_occurrences *o)
{
    if (o->used > 0)
        memset(o->slots, 0, o->cap * sizeof(*o->slots));
    o->used = 0;
}

void bw_occurrences_fini(bw_occurrences *o)
{
    free(o->slots);
    *o = (bw_occurrences){0};
}
