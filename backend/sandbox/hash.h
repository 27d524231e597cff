/* FNV-1a: keys of tables in memory, tags and check sums; nothing that has to resist an attack. */
#ifndef BW_SANDBOX_HASH_H
#define BW_SANDBOX_HASH_H

#include <stddef.h>
#include <stdint.h>

#define BW_SB_HASH_SEED  UINT64_C(14695981039346656037)
#define BW_SB_HASH_PRIME UINT64_C(1099511628211)

/* Continues `hash`, which is BW_SB_HASH_SEED at the beginning. */
static inline uint64_t bw_sb_hash(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ b[i]) * BW_SB_HASH_PRIME;
    return hash;
}

#endif
