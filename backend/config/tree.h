/*
 * A YAML document as a tree of texts with their places, and the laying of one tree over another.
 * Private to the room. Threads: one at a time.
 */
#ifndef BW_CONFIG_TREE_H
#define BW_CONFIG_TREE_H

#include "backend/config/problems.h"

typedef enum bw_tree_kind { BW_TREE_SCALAR, BW_TREE_MAP, BW_TREE_LIST } bw_tree_kind;

typedef struct bw_tree bw_tree;

typedef struct bw_tree_entry {
    const char *key; /* MAP; NULL in a LIST */
    int line, column;
    bw_tree *value;
} bw_tree_entry;

struct bw_tree {
    bw_tree_kind kind;
    int line, column;
    bool plain;       /* SCALAR: written without quotes */
    int text_column;  /* SCALAR: column of the text's first character, 0 when it spans lines or
                          holds escapes, so that a byte of it has no place of its own */
    const char *text; /* SCALAR */
    bw_tree_entry *entries;
    size_t count;
    const char *profile; /* the profile that it comes from, or NULL */
    const char *option;  /* the command-line option that it comes from, or NULL: not expanded */
};

/* Reads the one document of `text` into *out, *out is NULL for an empty one. Duplicate keys are
   added to the problems and left out. False when the text is not YAML, or YAML that is refused:
   then the one problem says so. */
bool bw_tree_read(bw_slice text, const char *file, bw_arena *arena, bw_config_problems *problems,
                  bw_tree **out);

/* The value of a key of a MAP; NULL when there is none or `map` is NULL or no MAP. */
bw_tree *bw_tree_get(const bw_tree *map, const char *key);
/* An empty plain scalar: "key:" with nothing after it. */
static inline bool bw_tree_empty(const bw_tree *t)
{
    return t->kind == BW_TREE_SCALAR && t->plain && t->text[0] == '\0';
}

/* `over` laid over `base` (either may be NULL): maps are merged key by key, anything else is
   replaced. Neither input is changed; what is not merged is shared. */
bw_tree *bw_tree_overlay(bw_tree *base, bw_tree *over, bw_arena *arena);
/* Marks a tree and all below it as coming from the profile. */
void bw_tree_mark_profile(bw_tree *t, const char *profile);
/* A tree with one text at a dotted path. */
bw_tree *bw_tree_from_option(const char *path, const char *text, const char *option,
                             bw_arena *arena);

#endif
