/*
 * How often each of many identities was met, as 128-bit hashes: the ordinals that tell identical
 * rows without a key apart. Grows with the number of different identities.
 * Threads: one at a time.
 */
#ifndef BW_ENGINE_OCCURRENCES_H
#define BW_ENGINE_OCCURRENCES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bw_occurrences {
    struct bw_occurrence {
        uint64_t high, low;
        uint64_t count; /* 0: an empty slot */
    } * slots;
    size_t used, cap; /* cap: a power of two, or 0 */
} bw_occurrences;

/* Counts one more and returns how many there are now. */
uint64_t bw_occurrences_add(bw_occurrences *o, uint64_t high, uint64_t low);
void bw_occurrences_clear(bw_occurrences *o);
void bw_occurrences_fini(bw_occurrences *o);

#endif
