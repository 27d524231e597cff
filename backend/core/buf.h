/*
 * Slices and growable byte buffers. A slice borrows; a buffer owns. Neither is NUL-terminated
 * unless bw_buf_cstr() is asked. Threads: any, one at a time.
 */
#ifndef BW_CORE_BUF_H
#define BW_CORE_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "backend/core/alloc.h"

typedef struct bw_slice {
    const char *ptr;
    size_t len;
} bw_slice;

#define BW_SLICE_LIT(s) ((bw_slice){"" s, sizeof(s) - 1})
/* For printf: "%.*s", BW_SLICE_ARG(s) */
#define BW_SLICE_ARG(s) (int)(s).len, (s).ptr

static inline bw_slice bw_slice_cstr(const char *s)
{
    return (bw_slice){s, s ? strlen(s) : 0};
}

static inline bool bw_slice_eq(bw_slice a, bw_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool bw_slice_is(bw_slice a, const char *s)
{
    return bw_slice_eq(a, bw_slice_cstr(s));
}

typedef struct bw_buf {
    char *ptr;
    size_t len, cap;
} bw_buf;

#define BW_BUF_INIT \
    {               \
        NULL, 0, 0  \
    }

void bw_buf_fini(bw_buf *b);
/* Room for `more` bytes after len; returns where they go. */
char *bw_buf_reserve(bw_buf *b, size_t more);
void bw_buf_add(bw_buf *b, const void *p, size_t n);
void bw_buf_addc(bw_buf *b, char c);
void bw_buf_adds(bw_buf *b, const char *s);
void bw_buf_addf(bw_buf *b, const char *fmt, ...) BW_PRINTF(2, 3);
/* NUL-terminates (the NUL is not counted in len) and returns the text, borrowed. */
char *bw_buf_cstr(bw_buf *b);
/* Hands the NUL-terminated text to the caller (free()); the buffer is empty afterwards. */
char *bw_buf_take(bw_buf *b);
/* Removes the first n bytes. */
void bw_buf_consume(bw_buf *b, size_t n);

static inline void bw_buf_clear(bw_buf *b)
{
    b->len = 0;
}

static inline bw_slice bw_buf_slice(const bw_buf *b)
{
    return (bw_slice){b->ptr, b->len};
}

#endif
