#include "backend/core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct bw_arena_block {
    bw_arena_block *next;
    size_t size, used;
    alignas(max_align_t) char data[];
};

void bw_arena_fini(bw_arena *a)
{
    for (bw_arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (bw_arena)BW_ARENA_INIT;
}

void bw_arena_reset(bw_arena *a, size_t keep)
{
    size_t held = 0;
    bw_arena_block **link = &a->first;
    while (*link) {
        bw_arena_block *b = *link;
        if (held + b->size > keep && held > 0) {
            *link = b->next;
            a->total -= b->size;
            free(b);
            continue;
        }
        held += b->size;
        b->used = 0;
        link = &b->next;
    }
    a->current = a->first;
    a->used = 0;
}

static char *take(bw_arena *a, size_t size, size_t align)
{
    bw_arena_block *b = a->current;
    while (b) {
        size_t at = (b->used + align - 1) & ~(align - 1);
        if (at <= b->size && b->size - at >= size) {
            b->used = at + size;
            a->used += size;
            a->current = b;
            return b->data + at;
        }
        if (!b->next)
            break;
        b = b->next;
    }
    size_t want = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    bw_arena_block *fresh = bw_xmalloc(sizeof(*fresh) + want);
    fresh->next = NULL;
    fresh->size = want;
    fresh->used = size;
    if (b)
        b->next = fresh;
    else
        a->first = fresh;
    a->current = fresh;
    a->total += want;
    a->used += size;
    return fresh->data;
}

void *bw_arena_alloc(bw_arena *a, size_t size)
{
    return take(a, size, alignof(max_align_t));
}

char *bw_arena_bytes(bw_arena *a, size_t size)
{
    return take(a, size, 1);
}

void *bw_arena_zalloc(bw_arena *a, size_t size)
{
    return memset(bw_arena_alloc(a, size), 0, size);
}

char *bw_arena_strndup(bw_arena *a, const char *s, size_t n)
{
    char *copy = bw_arena_bytes(a, n + 1);
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *bw_arena_strdup(bw_arena *a, const char *s)
{
    return bw_arena_strndup(a, s, strlen(s));
}

char *bw_arena_printf(bw_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t size = n > 0 ? (size_t)n : 0;
    char *s = bw_arena_bytes(a, size + 1);
    s[0] = '\0';
    vsnprintf(s, size + 1, fmt, again);
    va_end(again);
    return s;
}

bw_slice bw_arena_slice(bw_arena *a, bw_slice s)
{
    return (bw_slice){bw_arena_strndup(a, s.ptr, s.len), s.len};
}
