/*
 * The mutations of a commit as they stand in the request, and what they do to an entity: masks and
 * transforms. Specification: Datastore v1, Mutation, PropertyMask, PropertyTransform. Threads: any.
 */
#ifndef BW_SANDBOX_DS_MUTATION_H
#define BW_SANDBOX_DS_MUTATION_H

#include "backend/sandbox/ds_parse.h"

typedef enum ds_operation { DS_INSERT, DS_UPDATE, DS_UPSERT, DS_DELETE } ds_operation;

typedef enum ds_transform_kind {
    DS_SET_TO_SERVER_VALUE,
    DS_INCREMENT,
    DS_MAXIMUM,
    DS_MINIMUM,
    DS_APPEND_MISSING,
    DS_REMOVE_ALL,
} ds_transform_kind;

typedef struct ds_transform {
    bw_slice property;
    ds_transform_kind kind;
    ds_value value;
} ds_transform;

typedef struct ds_mask {
    bool given;
    bw_slice *paths;
    size_t count;
} ds_mask;

typedef struct ds_mutation {
    ds_operation operation;
    ds_entity *entity; /* of a delete: with the key only */
    bool has_base_version, has_update_time, fail_on_conflict;
    int64_t base_version, update_time;
    ds_mask mask;
    ds_transform *transforms;
    size_t transform_count;
    bool allocate; /* the key came incomplete */
} ds_mutation;

BW_NODISCARD bw_status ds_parse_mutation(const ds_place *place, const ds_node *node,
                                         ds_mutation *out, bw_error *err);
/* A PropertyMask; NULL: not given. */
BW_NODISCARD bw_status ds_parse_mask(const ds_place *place, const ds_node *node, ds_mask *out,
                                     bw_error *err);

/* `target` with the masked paths as `source` has them (absent ones are removed). */
void ds_mask_merge(bw_arena *arena, const ds_mask *mask, const ds_entity *source,
                   ds_entity *target);
/* Applies all in order; results[i] is what the service answers for each. */
BW_NODISCARD bw_status ds_transform_apply(bw_arena *arena, const ds_mutation *mutation,
                                          int64_t request_us, ds_entity *entity, ds_value *results,
                                          bw_error *err);

#endif
