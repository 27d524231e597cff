/*
 * The text form of arrays (PostgreSQL manual, "Array Input and Output Syntax"):
 * [2:3]={1,"a b",NULL}, nested braces per dimension. Threads: any.
 */
#ifndef BW_SOURCES_POSTGRES_ARRAY_H
#define BW_SOURCES_POSTGRES_ARRAY_H

#include "backend/core/buf.h"

typedef enum bw_pgarray_token {
    BW_PGARRAY_OPEN,
    BW_PGARRAY_CLOSE,
    BW_PGARRAY_ELEMENT, /* text, size: unescaped in place */
    BW_PGARRAY_NULL,
    BW_PGARRAY_END,
    BW_PGARRAY_ERROR, /* not an array's text */
} bw_pgarray_token;

typedef struct bw_pgarray {
    char *at, *end;
    char delimiter;
    bool bounds; /* lower bounds other than 1 were given */
    int depth;
    bool separated; /* a delimiter was read: an element must follow */
    bool started;
    bool closed; /* the last token closed an element or a level */
    char *text;
    size_t size;
} bw_pgarray;

/* Begins reading; the text is written over. */
bw_pgarray bw_pgarray_init(char *text, size_t size, char delimiter);
bw_pgarray_token bw_pgarray_next(bw_pgarray *a);

#endif
