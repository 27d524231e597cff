#include "backend/sandbox/ds_mutation.h"

#define MAX_TRANSFORMS 500

/* ---- Masks ------------------------------------------------------------------------------------ */

bw_status ds_parse_mask(const ds_place *place, const ds_node *node, ds_mask *out, bw_error *err)
{
    static const char *const names[] = {"paths", NULL};
    const ds_node *paths;
    *out = (ds_mask){.given = node != NULL};
    bw_status status = ds_json_fields(node, "propertyMask", names, &paths, err);
    if (status != BW_OK || !paths)
        return status;
    status = ds_json_array(paths, "paths", err);
    if (status != BW_OK)
        return status;
    out->paths = BW_ARENA_ARRAY(place->arena, bw_slice, paths->count + 1);
    for (const ds_node *path = paths->first; path && status == BW_OK; path = path->next) {
        bw_slice *to = &out->paths[out->count++];
        status = ds_json_text(path, "paths", to, err);
        if (status == BW_OK && (to->len == 0 || ds_name_reserved(*to)) &&
            !bw_slice_is(*to, "__key__"))
            status = bw_error_set(err, BW_INVALID,
                                  "Invalid value at 'propertyMask': \"%.*s\" is "
                                  "not the path of a property",
                                  BW_SLICE_ARG(*to));
    }
    return status;
}

static void remove_property(ds_entity *entity, bw_slice name)
{
    ds_property *p = ds_entity_find(entity, name);
    if (!p)
        return;
    size_t after = (size_t)(entity->properties + entity->count - p) - 1;
    memmove(p, p + 1, sizeof *p * after);
    entity->count--;
}

/* One path: the whole name, or, where there is no such property, outer.inner. */
static void merge_path(bw_arena *arena, bw_slice path, const ds_entity *source, ds_entity *target)
{
    const ds_property *from = source ? ds_entity_find(source, path) : NULL;
    const char *dot = memchr(path.ptr, '.', path.len);
    if (from) {
        ds_entity_set(arena, target, path, &from->value);
        return;
    }
    if (!dot || ds_entity_find(target, path)) {
        remove_property(target, path);
        return;
    }
    bw_slice outer = {path.ptr, (size_t)(dot - path.ptr)};
    bw_slice inner = {dot + 1, path.len - outer.len - 1};
    const ds_property *source_outer = source ? ds_entity_find(source, outer) : NULL;
    const ds_entity *nested = source_outer && source_outer->value.type == DS_ENTITY
                                  ? source_outer->value.as.entity
                                  : NULL;
    ds_property *into = ds_entity_find(target, outer);
    if (!into && !nested)
        return;
    if (!into || into->value.type != DS_ENTITY) {
        ds_value fresh = {.type = DS_ENTITY};
        fresh.as.entity = BW_ARENA_NEW(arena, ds_entity);
        ds_entity_set(arena, target, outer, &fresh);
        into = ds_entity_find(target, outer);
    }
    merge_path(arena, inner, nested, into->value.as.entity);
}

void ds_mask_merge(bw_arena *arena, const ds_mask *mask, const ds_entity *source, ds_entity *target)
{
    for (size_t i = 0; i < mask->count; i++)
        merge_path(arena, mask->paths[i], source, target);
}

/* ---- Transforms as they stand in the request --------------------------------------------------- */

static bw_status parse_server_value(const ds_place *place, const ds_node *node, ds_transform *out,
                                    bw_error *err)
{
    static const ds_enum choices[] = {{1, "REQUEST_TIME"}, {0, NULL}};
    int ignored;
    (void)place;
    (void)out;
    return ds_json_enum(node, "setToServerValue", choices, &ignored, err);
}

static bw_status parse_number(const ds_place *place, const ds_node *node, ds_transform *out,
                              bw_error *err)
{
    bw_status status = ds_parse_value(place, node, &out->value, err);
    if (status == BW_OK && out->value.type != DS_INTEGER && out->value.type != DS_DOUBLE)
        status = bw_error_set(err, BW_INVALID, "the transform of %.*s needs an integer or a double",
                              BW_SLICE_ARG(out->property));
    return status;
}

static bw_status parse_elements(const ds_place *place, const ds_node *node, ds_transform *out,
                                bw_error *err)
{
    return ds_parse_array(place, node, &out->value, err);
}

static bw_status parse_transform(const ds_place *place, const ds_node *node, ds_transform *out,
                                 bw_error *err)
{
    static const char *const names[] = {
        "setToServerValue",      "increment",          "maximum",  "minimum",
        "appendMissingElements", "removeAllFromArray", "property", NULL};
    static bw_status (*const parse[])(const ds_place *, const ds_node *, ds_transform *,
                                      bw_error *) = {parse_server_value, parse_number,
                                                     parse_number,       parse_number,
                                                     parse_elements,     parse_elements};
    const ds_node *field[BW_COUNT(parse) + 1];
    int chosen = -1;
    bw_status status = ds_json_fields(node, "propertyTransforms", names, field, err);
    const ds_node *property = status == BW_OK ? field[BW_COUNT(parse)] : NULL;
    if (status == BW_OK && property)
        status = ds_json_text(property, "property", &out->property, err);
    if (status != BW_OK)
        return status;
    if (out->property.len == 0 || ds_name_reserved(out->property))
        return bw_error_set(err, BW_INVALID, "a transform names the property that it changes");
    for (size_t i = 0; i < BW_COUNT(parse); i++) {
        if (!field[i])
            continue;
        if (chosen >= 0)
            return bw_error_set(err, BW_INVALID, "a transform has one type: both %s and %s are set",
                                names[chosen], names[i]);
        chosen = (int)i;
        out->kind = (ds_transform_kind)i;
        status = parse[i](place, field[i], out, err);
        if (status != BW_OK)
            return status;
    }
    return chosen >= 0 ? BW_OK
                       : bw_error_set(err, BW_INVALID, "a transform has one of its types set");
}

static bw_status parse_transforms(const ds_place *place, const ds_node *node, ds_mutation *out,
                                  bw_error *err)
{
    bw_status status = ds_json_array(node, "propertyTransforms", err);
    if (status == BW_OK && node->count > MAX_TRANSFORMS)
        status =
            bw_error_set(err, BW_INVALID, "at most %d transforms in one mutation", MAX_TRANSFORMS);
    if (status != BW_OK)
        return status;
    out->transforms = BW_ARENA_ARRAY(place->arena, ds_transform, node->count + 1);
    for (const ds_node *child = node->first; child && status == BW_OK; child = child->next)
        status = parse_transform(place, child, &out->transforms[out->transform_count++], err);
    return status;
}

/* ---- Mutations -------------------------------------------------------------------------------- */

enum {
    FIELD_INSERT,
    FIELD_UPDATE,
    FIELD_UPSERT,
    FIELD_DELETE,
    FIELD_BASE_VERSION,
    FIELD_UPDATE_TIME,
    FIELD_STRATEGY,
    FIELD_MASK,
    FIELD_TRANSFORMS,
    FIELDS
};

static bw_status parse_conflicts(const ds_node *const *field, ds_mutation *out, bw_error *err)
{
    static const ds_enum strategies[] = {
        {0, "STRATEGY_UNSPECIFIED"}, {1, "SERVER_VALUE"}, {3, "FAIL"}, {0, NULL}};
    int strategy = 0;
    bw_status status = BW_OK;
    out->has_base_version = field[FIELD_BASE_VERSION] != NULL;
    out->has_update_time = field[FIELD_UPDATE_TIME] != NULL;
    if (out->has_base_version && out->has_update_time)
        return bw_error_set(err, BW_INVALID, "a mutation has baseVersion or updateTime, not both");
    if (out->has_base_version)
        status = ds_json_int64(field[FIELD_BASE_VERSION], "baseVersion", &out->base_version, err);
    if (status == BW_OK && out->has_update_time)
        status = ds_json_time(field[FIELD_UPDATE_TIME], "updateTime", &out->update_time, err);
    if (status == BW_OK && field[FIELD_STRATEGY])
        status = ds_json_enum(field[FIELD_STRATEGY], "conflictResolutionStrategy", strategies,
                              &strategy, err);
    out->fail_on_conflict = strategy == 3;
    return status;
}

static bw_status parse_content(const ds_place *place, const ds_node *node, ds_mutation *out,
                               bw_error *err)
{
    if (out->operation != DS_DELETE) {
        bw_status status = ds_parse_entity(place, node, &out->entity, err);
        if (status != BW_OK)
            return status;
        out->allocate = !ds_key_complete(out->entity->key);
        if (out->allocate && out->operation == DS_UPDATE)
            return bw_error_set(err, BW_INVALID, "the key of an update must be complete");
        return out->allocate ? BW_OK : ds_entity_check(out->entity, err);
    }
    out->entity = BW_ARENA_NEW(place->arena, ds_entity);
    bw_status status = ds_parse_key(place, node, true, &out->entity->key, err);
    return status == BW_OK ? ds_entity_check(out->entity, err) : status;
}

bw_status ds_parse_mutation(const ds_place *place, const ds_node *node, ds_mutation *out,
                            bw_error *err)
{
    static const char *const names[] = {"insert",
                                        "update",
                                        "upsert",
                                        "delete",
                                        "baseVersion",
                                        "updateTime",
                                        "conflictResolutionStrategy",
                                        "propertyMask",
                                        "propertyTransforms",
                                        NULL};
    const ds_node *field[FIELDS], *content = NULL;
    *out = (ds_mutation){.operation = DS_INSERT};
    bw_status status = ds_json_fields(node, "mutations", names, field, err);
    if (status != BW_OK)
        return status;
    for (int i = FIELD_INSERT; i <= FIELD_DELETE; i++) {
        if (field[i] && content)
            return bw_error_set(err, BW_INVALID,
                                "a mutation has one operation: both %s and %s are "
                                "set",
                                names[out->operation], names[i]);
        if (field[i]) {
            content = field[i];
            out->operation = (ds_operation)i;
        }
    }
    if (!content)
        return bw_error_set(err, BW_INVALID,
                            "a mutation has one of insert, update, upsert, delete");
    status = parse_content(place, content, out, err);
    if (status == BW_OK)
        status = parse_conflicts(field, out, err);
    if (status == BW_OK)
        status = ds_parse_mask(place, field[FIELD_MASK], &out->mask, err);
    if (status == BW_OK && field[FIELD_TRANSFORMS])
        status = parse_transforms(place, field[FIELD_TRANSFORMS], out, err);
    if (status == BW_OK && out->mask.given &&
        (out->operation == DS_INSERT || out->operation == DS_DELETE))
        status = bw_error_set(err, BW_INVALID, "propertyMask goes with update and upsert only");
    if (status == BW_OK && out->transform_count && out->operation == DS_DELETE)
        status = bw_error_set(err, BW_INVALID, "propertyTransforms do not go with delete");
    return status;
}
