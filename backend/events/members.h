/*
 * The members of a JSON object, by name: what conflicts are about. Names are compared as they mean,
 * values are raw text. Threads: any.
 */
#ifndef BW_EVENTS_MEMBERS_H
#define BW_EVENTS_MEMBERS_H

#include "backend/core/arena.h"

typedef struct bw_member {
    bw_slice name; /* escapes resolved */
    bw_slice raw;  /* the name as it stands in the object, with its quotes */
    bw_slice value;
} bw_member;

typedef struct bw_members {
    bw_member *items; /* in the order of their names */
    size_t count;
} bw_members;

/* Bytewise; a prefix comes first. */
int bw_slice_order(bw_slice a, bw_slice b);

/* False when it is not a valid JSON object or a name holds half a surrogate pair. Slices point into
   the text and the arena. */
bool bw_members_read(bw_slice object, bw_arena *arena, bw_members *out);
/* NULL when there is none of that name. */
const bw_member *bw_members_find(const bw_members *members, bw_slice name);
/* The object of these members, in their order. */
bw_slice bw_members_write(const bw_member *items, size_t count, bw_arena *arena);

#endif
