/*
 * Values and key paths as bytes that memcmp sorts as the service sorts them, and that can be read
 * back. The order of types is the documented one: null, fixed-point numbers (integers, times),
 * booleans, byte sequences (blobs, strings), floating-point numbers, points, keys.
 *
 * A path is a prefix of its descendants' paths, and an ancestor sorts before them; ids sort before
 * names. Specification: Datastore, "Property value type ordering" and "Queries, ancestor filters".
 * Threads: any.
 */
#ifndef BW_SANDBOX_DS_ORDER_H
#define BW_SANDBOX_DS_ORDER_H

#include "backend/sandbox/ds_value.h"

/* A scalar value, or nothing of use for arrays and entities: they have no place in an order. -0.0 is
   the same as 0.0, and NaN comes before all other doubles. */
void ds_order_add_value(bw_buf *out, const ds_value *value);
/* False when the bytes are not exactly one value. */
bool ds_order_read_value(bw_arena *arena, bw_slice bytes, ds_value *out);

/* The path alone, without the partition. */
void ds_order_add_path(bw_buf *out, const ds_key *key);
/* Fills path and count. */
bool ds_order_read_path(bw_arena *arena, bw_slice bytes, ds_key *out);
/* What a descendant's path is always less than: the path and a byte that no kind begins with. */
void ds_order_add_path_end(bw_buf *out, const ds_key *key);

/* The type of an encoded value. */
ds_type ds_order_type(bw_slice bytes);

#endif
