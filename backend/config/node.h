/*
 * What a loaded configuration is made of, and the passes that make it: a value from a text
 * (value.c), an object from a tree (check.c), the whole from a file (load.c). Private to the room.
 * Threads: one at a time while loading.
 */
#ifndef BW_CONFIG_NODE_H
#define BW_CONFIG_NODE_H

#include "backend/config/expand.h"
#include "backend/config/tree.h"

typedef struct bw_config_value {
    const bw_setting *setting;
    bool present, given;
    const char *text; /* of a scalar, expanded; a SECRET's without its file: or secret: */
    const char *word; /* text, where it is a word instead of a value */
    int64_t number;   /* BOOL 0 or 1, INT, DURATION us, SIZE bytes, TIME us, ENUM the index */
    const char *const *items; /* LIST */
    bw_config_pair *pairs;    /* MAP */
    size_t count;             /* of items or pairs */
    bw_schedule schedule;
    bw_secret_kind secret;
    int line, column;
    const char *env, *profile, *option;
} bw_config_value;

struct bw_config_node {
    const char *name;
    const char *prefix; /* of its paths in messages: "sources.shop." */
    const char *file;
    int line, column;
    bw_config_value *values; /* one per setting of the scope, in the order of the tables */
    size_t count;
};

typedef struct bw_config_objects {
    bw_config_node *nodes;
    size_t count;
} bw_config_objects;

struct bw_config {
    bw_arena arena;
    const bw_config_schema *schema;
    const char *file;    /* NULL: none */
    const char *profile; /* NULL: none */
    bw_config_node top;
    bw_config_objects *sections; /* one per section of the schema */
};

/* What a pass needs to know. */
typedef struct bw_config_pass {
    const bw_config_schema *schema;
    const char *file;
    bw_arena *arena;
    bw_expand_env env;
    bw_config_problems *problems;
    /* Checking something that is not in force (the other profiles): nothing has to be complete, and
       a variable need not be set. */
    bool lenient;
    bool without_secrets; /* bw_config_input's */
    bool in_profile;      /* the tree is a profile's own: it holds no further profiles */
    bool incomplete;      /* there is no file: nothing at the top level is missing */
    bw_tree *lookups;     /* where the object is looked up that a `via` selector names */
} bw_config_pass;

/* Reads `t` as the setting's value. What is wrong goes to the problems, with "prefix" before the
   path. */
void bw_value_read(const bw_config_pass *pass, const char *prefix, const bw_setting *setting,
                   const bw_tree *t, bw_config_value *out);
/* The setting's default, where it has one. */
void bw_value_default(const bw_config_pass *pass, const char *prefix, const bw_setting *setting,
                      bw_config_value *out);

/* Checks a whole tree (NULL: an empty one) and fills `top` and `sections`. */
void bw_config_check_tree(const bw_config_pass *pass, bw_tree *root, bw_config_node *top,
                          bw_config_objects *sections);

#endif
