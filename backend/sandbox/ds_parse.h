/*
 * Keys, values and entities out of a request's JSON. A place says where the request is: what a key
 * leaves out of its partition is filled in from it, and what contradicts it fails. Everything fails
 * with INVALID. Threads: any.
 */
#ifndef BW_SANDBOX_DS_PARSE_H
#define BW_SANDBOX_DS_PARSE_H

#include "backend/sandbox/ds_json.h"
#include "backend/sandbox/ds_value.h"

typedef struct ds_place {
    bw_arena *arena;                /* of everything that is parsed */
    const char *project, *database; /* "" is the default database */
} ds_place;

/* A PartitionId (NULL: the default one): gives its namespace. */
BW_NODISCARD bw_status ds_parse_partition(const ds_place *place, const ds_node *node,
                                          const char **name_space, bw_error *err);
/* `complete`: fails for a key whose last element has neither id nor name. */
BW_NODISCARD bw_status ds_parse_key(const ds_place *place, const ds_node *node, bool complete,
                                    ds_key **out, bw_error *err);
BW_NODISCARD bw_status ds_parse_value(const ds_place *place, const ds_node *node, ds_value *out,
                                      bw_error *err);
/* An entity with its key, which may be incomplete. */
BW_NODISCARD bw_status ds_parse_entity(const ds_place *place, const ds_node *node, ds_entity **out,
                                       bw_error *err);
/* An entity as it was printed by ds_print_entity. */
BW_NODISCARD bw_status ds_parse_stored(const ds_place *place, bw_slice json, ds_entity **out,
                                       bw_error *err);
/* An ArrayValue. */
BW_NODISCARD bw_status ds_parse_array(const ds_place *place, const ds_node *node, ds_value *out,
                                      bw_error *err);

#endif
