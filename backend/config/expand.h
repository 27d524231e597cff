/*
 * ${NAME} and ${NAME:-default} within a text; $${ is a literal ${. A default may hold another ${}.
 * Private to the room. Threads: any.
 */
#ifndef BW_CONFIG_EXPAND_H
#define BW_CONFIG_EXPAND_H

#include "backend/core/arena.h"

typedef struct bw_expand_env {
    const char *(*get)(void *user, const char *name);
    void *user;
} bw_expand_env;

typedef struct bw_expansion {
    const char *text;  /* the result */
    const char *names; /* the variables that were asked, "A, B"; NULL when there were none */
    const char *unset; /* a variable that is not set and has no default, or NULL */
    const char *wrong; /* what is malformed ("${ is not closed"), or NULL */
    size_t wrong_at;   /* the byte of the text where */
} bw_expansion;

/* True when neither `unset` nor `wrong` was set. */
bool bw_expand(const char *raw, const bw_expand_env *env, bw_arena *arena, bw_expansion *out);

#endif
