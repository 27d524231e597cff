#include "backend/sources/postgres_array.h"

#include <strings.h>

/* [l:u][l:u]= in front; returns where the braces begin. */
static char *skip_bounds(char *p, const char *end, bool *bounds)
{
    if (p >= end || *p != '[')
        return p;
    char *equal = memchr(p, '=', (size_t)(end - p));
    if (!equal)
        return p;
    *bounds = true;
    return equal + 1;
}

bw_pgarray bw_pgarray_init(char *text, size_t size, char delimiter)
{
    bw_pgarray a = {.end = text + size, .delimiter = delimiter};
    a.at = skip_bounds(text, a.end, &a.bounds);
    return a;
}

/* After the opening quote: removes backslashes in place up to the closing one. */
static bool take_quoted(bw_pgarray *a)
{
    char *read = a->at + 1, *write = read;
    a->text = read;
    while (read < a->end && *read != '"') {
        if (*read == '\\' && ++read == a->end)
            return false;
        *write++ = *read++;
    }
    if (read == a->end)
        return false;
    a->size = (size_t)(write - a->text);
    a->at = read + 1;
    return true;
}

static bool take_bare(bw_pgarray *a)
{
    a->text = a->at;
    while (a->at < a->end && *a->at != a->delimiter && *a->at != '}') {
        if (*a->at == '{' || *a->at == '"' || *a->at == '\\')
            return false;
        a->at++;
    }
    a->size = (size_t)(a->at - a->text);
    return a->size > 0 && a->at < a->end;
}

static bw_pgarray_token element(bw_pgarray *a)
{
    bool quoted = *a->at == '"';
    if (a->closed || !(quoted ? take_quoted(a) : take_bare(a)))
        return BW_PGARRAY_ERROR;
    a->closed = true;
    a->separated = false;
    bool null = !quoted && a->size == 4 && strncasecmp(a->text, "NULL", 4) == 0;
    return null ? BW_PGARRAY_NULL : BW_PGARRAY_ELEMENT;
}

bw_pgarray_token bw_pgarray_next(bw_pgarray *a)
{
    if (a->started && a->depth == 0)
        return a->at == a->end ? BW_PGARRAY_END : BW_PGARRAY_ERROR;
    if (a->at < a->end && *a->at == a->delimiter && a->closed) {
        a->closed = false;
        a->separated = true;
        a->at++;
    }
    if (a->at >= a->end)
        return BW_PGARRAY_ERROR;
    if (*a->at == '{') {
        if (a->closed)
            return BW_PGARRAY_ERROR;
        a->started = true;
        a->separated = false;
        a->depth++;
        a->at++;
        return BW_PGARRAY_OPEN;
    }
    if (!a->started)
        return BW_PGARRAY_ERROR;
    if (*a->at == '}') {
        if (a->separated)
            return BW_PGARRAY_ERROR;
        a->closed = true;
        a->depth--;
        a->at++;
        return BW_PGARRAY_CLOSE;
    }
    return element(a);
}
