#include "backend/core/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("bridgewatch: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *bw_xmalloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *bw_xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *bw_xrealloc(void *p, size_t size)
{
    return checked(realloc(p, size ? size : 1));
}

char *bw_xstrdup(const char *s)
{
    return checked(strdup(s));
}

char *bw_xstrndup(const char *s, size_t n)
{
    return checked(strndup(s, n));
}

char *bw_xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *out = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return checked(n < 0 ? NULL : out);
}

void *bw_grow(void *items, size_t item_size, size_t need, size_t *cap)
{
    if (need <= *cap)
        return items;
    size_t next = *cap ? *cap : 8;
    while (next < need) {
        if (next > SIZE_MAX / 2 / item_size)
            checked(NULL);
        next *= 2;
    }
    *cap = next;
    return bw_xrealloc(items, next * item_size);
}
