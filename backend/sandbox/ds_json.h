/*
 * A request's JSON as a tree, read by the rules of protobuf's JSON mapping: members in lowerCamelCase
 * or as the proto names them, null for absent, int64 as number or text, enums as number or name,
 * bytes in either base64 alphabet. Numbers stay text until they are asked for, so nothing is rounded.
 * What does not fit fails with INVALID. Threads: any.
 */
#ifndef BW_SANDBOX_DS_JSON_H
#define BW_SANDBOX_DS_JSON_H

#include "backend/core/arena.h"
#include "backend/core/error.h"
#include "backend/core/json.h"

typedef struct ds_node ds_node;
struct ds_node {
    bw_json_type type; /* OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE or NULL */
    bw_slice key;      /* a member's name, unescaped */
    bw_slice text;     /* a STRING unescaped, a NUMBER as written */
    size_t count;      /* members or elements */
    ds_node *first, *next;
};

/* The nodes live in the arena; the text must live as long. */
BW_NODISCARD bw_status ds_json_parse(bw_arena *arena, bw_slice text, ds_node **out, bw_error *err);

bool ds_json_named(const ds_node *member, const char *name);

/*
 * Spreads an object's members: out[i] is the value of names[i] (NULL-terminated), or NULL when it is
 * absent or null. A NULL object has none. Other members and other types than an object fail.
 * `where` names the object in messages.
 */
BW_NODISCARD bw_status ds_json_fields(const ds_node *object, const char *where,
                                      const char *const *names, const ds_node **out, bw_error *err);

/* Each reads a node that is there; `where` names it in messages. */
BW_NODISCARD bw_status ds_json_array(const ds_node *node, const char *where, bw_error *err);
BW_NODISCARD bw_status ds_json_text(const ds_node *node, const char *where, bw_slice *out,
                                    bw_error *err);
/* NUL-terminated, in the arena; a NUL inside fails. */
BW_NODISCARD bw_status ds_json_cstr(bw_arena *arena, const ds_node *node, const char *where,
                                    const char **out, bw_error *err);
BW_NODISCARD bw_status ds_json_int64(const ds_node *node, const char *where, int64_t *out,
                                     bw_error *err);
BW_NODISCARD bw_status ds_json_double(const ds_node *node, const char *where, double *out,
                                      bw_error *err);
BW_NODISCARD bw_status ds_json_bool(const ds_node *node, const char *where, bool *out,
                                    bw_error *err);
BW_NODISCARD bw_status ds_json_bytes(bw_arena *arena, const ds_node *node, const char *where,
                                     bw_slice *out, bw_error *err);
/* RFC 3339 with up to nine digits of fraction, cut to microseconds. */
BW_NODISCARD bw_status ds_json_time(const ds_node *node, const char *where, int64_t *us,
                                    bw_error *err);

typedef struct ds_enum {
    int number;
    const char *name;
} ds_enum;
/* `choices` ends with a NULL name. */
BW_NODISCARD bw_status ds_json_enum(const ds_node *node, const char *where, const ds_enum *choices,
                                    int *out, bw_error *err);

#endif
