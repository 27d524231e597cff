/*
 * Vector clocks (Fidge 1988, Mattern 1989) as JSON: {"node": counter, ...}. A node that is not named
 * counts 0. Threads: any.
 */
#ifndef BW_EVENTS_VECTOR_CLOCK_H
#define BW_EVENTS_VECTOR_CLOCK_H

#include "backend/core/arena.h"

typedef enum bw_causality {
    BW_CAUSALITY_EQUAL,
    BW_CAUSALITY_BEFORE, /* a is older than b */
    BW_CAUSALITY_AFTER,
    BW_CAUSALITY_CONCURRENT, /* also when one of them is no clock */
} bw_causality;

/* Of two vector clocks; a missing node counts 0, an empty slice is the clock of nothing. */
bw_causality bw_clock_compare(bw_slice a, bw_slice b);
/* The pointwise maximum, nodes in order of their names. */
bw_slice bw_clock_join(bw_slice a, bw_slice b, bw_arena *arena);
/* {"node": counter, ...}: at least one node, counters from 0 to 2^63-1. */
bool bw_clock_valid(bw_slice clock);

#endif
