/*
 * A bump allocator for what lives and dies together: the rows of one chunk, the facts of one page,
 * one configuration. Blocks are kept over a reset, so a chunk that is filled again and again
 * allocates nothing. Threads: any, one at a time.
 */
#ifndef BW_CORE_ARENA_H
#define BW_CORE_ARENA_H

#include "backend/core/buf.h"

typedef struct bw_arena_block bw_arena_block;

typedef struct bw_arena {
    bw_arena_block *first, *current;
    size_t used;  /* bytes handed out since the last reset */
    size_t total; /* bytes held from the heap */
} bw_arena;

#define BW_ARENA_INIT    \
    {                    \
        NULL, NULL, 0, 0 \
    }

void bw_arena_fini(bw_arena *a);
/* Everything handed out becomes invalid. Blocks beyond `keep` bytes go back to the heap. */
void bw_arena_reset(bw_arena *a, size_t keep);
/* Aligned for any type; not zeroed. */
void *bw_arena_alloc(bw_arena *a, size_t size);
/* Bytes without alignment, for text. */
char *bw_arena_bytes(bw_arena *a, size_t size);
void *bw_arena_zalloc(bw_arena *a, size_t size);
char *bw_arena_strdup(bw_arena *a, const char *s);
char *bw_arena_strndup(bw_arena *a, const char *s, size_t n);
char *bw_arena_printf(bw_arena *a, const char *fmt, ...) BW_PRINTF(2, 3);
/* A copy of the bytes (NUL added after the end, not counted). */
bw_slice bw_arena_slice(bw_arena *a, bw_slice s);

#define BW_ARENA_NEW(arena, type) ((type *)bw_arena_zalloc((arena), sizeof(type)))
#define BW_ARENA_ARRAY(arena, type, count) \
    ((type *)bw_arena_zalloc((arena), sizeof(type) * (count)))

#endif
