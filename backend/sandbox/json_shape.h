/*
 * The shape of a JSON document as a set of facts, each a 64-bit hash: which path holds which class of
 * value, and which members stand together in one object. Two documents that only differ in their
 * data have the same facts; another member, type, format or word of an enumeration makes a new one.
 * Threads: any.
 */
#ifndef BW_SANDBOX_JSON_SHAPE_H
#define BW_SANDBOX_JSON_SHAPE_H

#include "backend/core/buf.h"

typedef void bw_sb_fact(void *user, uint64_t fact);

/* FNV-1a of the text, continued from `seed`. */
uint64_t bw_sb_shape_mix(uint64_t seed, bw_slice text);
/* The class of a string without its quotes: its length does not count, its format does. A short word in
   capitals is its own class, because it may belong to an enumeration. */
uint64_t bw_sb_shape_text(bw_slice text);
/* Hands out the facts of a document, told apart from those of other documents by `seed`; some come
   more than once. False when it is not JSON. */
bool bw_sb_json_shape(bw_slice json, uint64_t seed, bw_sb_fact *fact, void *user);

#endif
