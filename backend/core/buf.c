#include "backend/core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void bw_buf_fini(bw_buf *b)
{
    free(b->ptr);
    *b = (bw_buf)BW_BUF_INIT;
}

char *bw_buf_reserve(bw_buf *b, size_t more)
{
    if (b->cap - b->len < more)
        BW_GROW(b->ptr, b->len + more, b->cap);
    return b->ptr ? b->ptr + b->len : NULL; /* nothing was asked of an empty one */
}

void bw_buf_add(bw_buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(bw_buf_reserve(b, n), p, n);
    b->len += n;
}

void bw_buf_addc(bw_buf *b, char c)
{
    *bw_buf_reserve(b, 1) = c;
    b->len++;
}

void bw_buf_adds(bw_buf *b, const char *s)
{
    bw_buf_add(b, s, strlen(s));
}

void bw_buf_addf(bw_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        vsnprintf(bw_buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

char *bw_buf_cstr(bw_buf *b)
{
    *bw_buf_reserve(b, 1) = '\0';
    return b->ptr;
}

char *bw_buf_take(bw_buf *b)
{
    char *s = bw_buf_cstr(b);
    *b = (bw_buf)BW_BUF_INIT;
    return s;
}

void bw_buf_consume(bw_buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->ptr, b->ptr + n, b->len - n);
    b->len -= n;
}
