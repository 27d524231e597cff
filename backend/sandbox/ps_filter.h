/*
 * A subscription's filter over the attributes of messages:
 *
 *     attributes:key    attributes.key = "v"    attributes.key != "v"
 *     hasPrefix(attributes.key, "p")    NOT x, -x    x AND y    x OR y    ( )
 *
 * Keys that are more than letters, digits, _ and - are written as string literals. AND and OR only mix
 * with parentheses. Specification: Pub/Sub's "Filter messages from a subscription". Threads: any.
 */
#ifndef BW_SANDBOX_PS_FILTER_H
#define BW_SANDBOX_PS_FILTER_H

#include "backend/core/arena.h"

#define PS_FILTER_MAX 256 /* bytes of text */

typedef struct ps_attribute {
    bw_slice name, value;
} ps_attribute;

typedef struct ps_attributes {
    ps_attribute *items;
    size_t count;
} ps_attributes;

typedef struct ps_filter ps_filter;

/* Lives in the arena. NULL when the text is not a filter: *why (static text) and *at (a byte) tell. */
const ps_filter *ps_filter_parse(bw_arena *arena, bw_slice text, const char **why, size_t *at);
/* NULL matches everything. */
bool ps_filter_matches(const ps_filter *filter, const ps_attributes *attributes);

#endif
