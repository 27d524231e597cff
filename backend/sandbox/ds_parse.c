#include "backend/sandbox/ds_parse.h"

#include <math.h>
#include <stdlib.h>

#define MAX_NAMESPACE 100
#define MAX_NAME      1500

/* ---- Keys ------------------------------------------------------------------------------------- */

static bool name_space_valid(const char *s)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++) {
        bool plain = (s[i] >= '0' && s[i] <= '9') || ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') ||
                     s[i] == '.' || s[i] == '_' || s[i] == '-';
        if (!plain)
            return false;
    }
    return len <= MAX_NAMESPACE;
}

/* What a key says of project or database must be what the request says. */
static bw_status same_place(const ds_place *place, const ds_node *node, const char *where,
                            const char *expected, bw_error *err)
{
    const char *text = "";
    bw_status status = node ? ds_json_cstr(place->arena, node, where, &text, err) : BW_OK;
    if (status != BW_OK || !*text || strcmp(text, expected) == 0)
        return status;
    return bw_error_set(err, BW_INVALID, "mismatched %s within request: %s vs. %s", where, expected,
                        text);
}

bw_status ds_parse_partition(const ds_place *place, const ds_node *node, const char **name_space,
                             bw_error *err)
{
    static const char *const names[] = {"projectId", "databaseId", "namespaceId", NULL};
    const ds_node *field[3];
    *name_space = "";
    bw_status status = ds_json_fields(node, "partitionId", names, field, err);
    if (status == BW_OK)
        status = same_place(place, field[0], "projectId", place->project, err);
    if (status == BW_OK)
        status = same_place(place, field[1], "databaseId", place->database, err);
    if (status == BW_OK && field[2])
        status = ds_json_cstr(place->arena, field[2], "namespaceId", name_space, err);
    if (status == BW_OK && !name_space_valid(*name_space))
        status = bw_error_set(err, BW_INVALID, "the namespace \"%.*s\" is not valid", MAX_NAMESPACE,
                              *name_space);
    return status;
}

static bw_status parse_path_element(const ds_node *node, ds_path_element *out, bw_error *err)
{
    static const char *const names[] = {"kind", "id", "name", NULL};
    const ds_node *field[3];
    bw_status status = ds_json_fields(node, "path", names, field, err);
    if (status == BW_OK && field[0])
        status = ds_json_text(field[0], "kind", &out->kind, err);
    if (status == BW_OK && field[1])
        status = ds_json_int64(field[1], "id", &out->id, err);
    if (status == BW_OK && field[2])
        status = ds_json_text(field[2], "name", &out->name, err);
    if (status != BW_OK)
        return status;
    if (out->kind.len == 0 || out->kind.len > MAX_NAME)
        return bw_error_set(err, BW_INVALID, "the kind of a key has 1 to %d bytes", MAX_NAME);
    if (field[1] && field[2])
        return bw_error_set(err, BW_INVALID, "a key path element has an id or a name, not both");
    if (field[1] && out->id == 0)
        return bw_error_set(err, BW_INVALID, "the id of a key cannot be zero");
    if (field[2] && (out->name.len == 0 || out->name.len > MAX_NAME))
        return bw_error_set(err, BW_INVALID, "the name of a key has 1 to %d bytes", MAX_NAME);
    return BW_OK;
}

static bw_status parse_path(const ds_place *place, const ds_node *node, ds_key *key, bw_error *err)
{
    bw_status status = node ? ds_json_array(node, "path", err) : BW_OK;
    if (status != BW_OK)
        return status;
    if (!node || node->count == 0 || node->count > DS_MAX_PATH)
        return bw_error_set(err, BW_INVALID, "a key's path has 1 to %d elements", DS_MAX_PATH);
    key->path = BW_ARENA_ARRAY(place->arena, ds_path_element, node->count);
    for (const ds_node *child = node->first; child; child = child->next) {
        ds_path_element *e = &key->path[key->count++];
        status = parse_path_element(child, e, err);
        if (status != BW_OK)
            return status;
        if (child->next && e->id == 0 && e->name.len == 0)
            return bw_error_set(err, BW_INVALID,
                                "only the last element of a path may be incomplete");
    }
    return BW_OK;
}

bw_status ds_parse_key(const ds_place *place, const ds_node *node, bool complete, ds_key **out,
                       bw_error *err)
{
    static const char *const names[] = {"partitionId", "path", NULL};
    const ds_node *field[2];
    ds_key *key = BW_ARENA_NEW(place->arena, ds_key);
    key->project = place->project;
    key->database = place->database;
    bw_status status = ds_json_fields(node, "key", names, field, err);
    if (status == BW_OK)
        status = ds_parse_partition(place, field[0], &key->name_space, err);
    if (status == BW_OK)
        status = parse_path(place, field[1], key, err);
    if (status != BW_OK)
        return status;
    if (complete && !ds_key_complete(key))
        return bw_error_set(err, BW_INVALID,
                            "the key's path is not complete: its last element "
                            "needs an id or a name");
    if (ds_key_size(key) > DS_MAX_KEY_SIZE)
        return bw_error_set(err, BW_INVALID, "the key is larger than %d bytes", DS_MAX_KEY_SIZE);
    *out = key;
    return BW_OK;
}

/* ---- Values ----------------------------------------------------------------------------------- */

static bw_status parse_any(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                           bw_error *err);
static bw_status parse_entity(const ds_place *place, const ds_node *node, int depth,
                              ds_entity **out, bw_error *err);

typedef struct value_parser {
    const char *name;
    ds_type type;
    bw_status (*parse)(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                       bw_error *err);
} value_parser;

static bw_status parse_null(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                            bw_error *err)
{
    static const ds_enum choices[] = {{0, "NULL_VALUE"}, {0, NULL}};
    int ignored;
    (void)place;
    (void)depth;
    (void)out;
    return node->type == BW_JSON_NULL ? BW_OK
                                      : ds_json_enum(node, "nullValue", choices, &ignored, err);
}

static bw_status parse_integer(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                               bw_error *err)
{
    (void)place;
    (void)depth;
    return ds_json_int64(node, "integerValue", &out->as.integer, err);
}

static bw_status parse_timestamp(const ds_place *place, const ds_node *node, int depth,
                                 ds_value *out, bw_error *err)
{
    (void)place;
    (void)depth;
    return ds_json_time(node, "timestampValue", &out->as.integer, err);
}

static bw_status parse_boolean(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                               bw_error *err)
{
    bool set;
    (void)place;
    (void)depth;
    bw_status status = ds_json_bool(node, "booleanValue", &set, err);
    out->as.integer = set;
    return status;
}

static bw_status parse_double(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                              bw_error *err)
{
    (void)place;
    (void)depth;
    return ds_json_double(node, "doubleValue", &out->as.number, err);
}

static bw_status parse_string(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                              bw_error *err)
{
    (void)place;
    (void)depth;
    return ds_json_text(node, "stringValue", &out->as.bytes, err);
}

static bw_status parse_blob(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                            bw_error *err)
{
    (void)depth;
    return ds_json_bytes(place->arena, node, "blobValue", &out->as.bytes, err);
}

static bw_status parse_geo(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                           bw_error *err)
{
    static const char *const names[] = {"latitude", "longitude", NULL};
    const ds_node *field[2];
    double *latitude = &out->as.geo.latitude, *longitude = &out->as.geo.longitude;
    (void)place;
    (void)depth;
    *latitude = *longitude = 0;
    bw_status status = ds_json_fields(node, "geoPointValue", names, field, err);
    if (status == BW_OK && field[0])
        status = ds_json_double(field[0], "latitude", latitude, err);
    if (status == BW_OK && field[1])
        status = ds_json_double(field[1], "longitude", longitude, err);
    if (status == BW_OK && !(fabs(*latitude) <= 90 && fabs(*longitude) <= 180))
        status = bw_error_set(err, BW_INVALID,
                              "a point's latitude is within -90..90 and its "
                              "longitude within -180..180");
    return status;
}

static bw_status parse_key_value(const ds_place *place, const ds_node *node, int depth,
                                 ds_value *out, bw_error *err)
{
    ds_key *key = NULL;
    (void)depth;
    bw_status status = ds_parse_key(place, node, true, &key, err);
    out->as.key = key;
    return status;
}

static bw_status parse_array(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                             bw_error *err)
{
    static const char *const names[] = {"values", NULL};
    const ds_node *values;
    out->as.array.items = NULL;
    out->as.array.count = 0;
    bw_status status = ds_json_fields(node, "arrayValue", names, &values, err);
    if (status != BW_OK || !values)
        return status;
    status = ds_json_array(values, "values", err);
    if (status != BW_OK)
        return status;
    out->as.array.items = BW_ARENA_ARRAY(place->arena, ds_value, values->count);
    for (const ds_node *child = values->first; child; child = child->next) {
        ds_value *item = &out->as.array.items[out->as.array.count++];
        status = parse_any(place, child, depth, item, err);
        if (status == BW_OK && item->type == DS_ARRAY)
            status = bw_error_set(err, BW_INVALID, "an array cannot hold an array");
        if (status != BW_OK)
            return status;
    }
    return BW_OK;
}

static bw_status parse_entity_value(const ds_place *place, const ds_node *node, int depth,
                                    ds_value *out, bw_error *err)
{
    return parse_entity(place, node, depth + 1, &out->as.entity, err);
}

static const value_parser parsers[] = {
    {"nullValue", DS_NULL, parse_null},
    {"integerValue", DS_INTEGER, parse_integer},
    {"timestampValue", DS_TIMESTAMP, parse_timestamp},
    {"booleanValue", DS_BOOLEAN, parse_boolean},
    {"blobValue", DS_BLOB, parse_blob},
    {"stringValue", DS_STRING, parse_string},
    {"doubleValue", DS_DOUBLE, parse_double},
    {"geoPointValue", DS_GEO_POINT, parse_geo},
    {"keyValue", DS_KEY, parse_key_value},
    {"arrayValue", DS_ARRAY, parse_array},
    {"entityValue", DS_ENTITY, parse_entity_value},
};

static const value_parser *find_parser(const ds_node *member)
{
    for (size_t i = 0; i < BW_COUNT(parsers); i++) {
        if (ds_json_named(member, parsers[i].name))
            return &parsers[i];
    }
    return NULL;
}

/* excludeFromIndexes and meaning; false when the member is neither. */
static bool parse_attribute(const ds_node *member, ds_value *out, bw_status *status, bw_error *err)
{
    int64_t meaning = 0;
    *status = BW_OK;
    if (ds_json_named(member, "excludeFromIndexes")) {
        if (member->type != BW_JSON_NULL)
            *status = ds_json_bool(member, "excludeFromIndexes", &out->unindexed, err);
        return true;
    }
    if (!ds_json_named(member, "meaning"))
        return false;
    if (member->type != BW_JSON_NULL)
        *status = ds_json_int64(member, "meaning", &meaning, err);
    if (*status == BW_OK && (meaning < INT32_MIN || meaning > INT32_MAX))
        *status = bw_error_set(err, BW_INVALID,
                               "Invalid value at 'meaning': a 32-bit integer was "
                               "expected");
    out->meaning = (int32_t)meaning;
    return true;
}

static bw_status parse_any(const ds_place *place, const ds_node *node, int depth, ds_value *out,
                           bw_error *err)
{
    const value_parser *chosen = NULL;
    bw_status status;
    if (node->type != BW_JSON_OBJECT)
        return bw_error_set(err, BW_INVALID, "Invalid value: a Value is an object");
    for (const ds_node *member = node->first; member; member = member->next) {
        if (parse_attribute(member, out, &status, err)) {
            if (status != BW_OK)
                return status;
            continue;
        }
        const value_parser *parser = find_parser(member);
        if (!parser)
            return bw_error_set(err, BW_INVALID,
                                "Invalid JSON payload received. Unknown name \"%.*s\" at 'value': "
                                "Cannot find field.",
                                (int)(member->key.len < 200 ? member->key.len : 200),
                                member->key.ptr);
        if (member->type == BW_JSON_NULL && parser->type != DS_NULL)
            continue;
        if (chosen)
            return bw_error_set(err, BW_INVALID, "a Value has one type: both %s and %s are set",
                                chosen->name, parser->name);
        chosen = parser;
        out->type = parser->type;
        status = parser->parse(place, member, depth, out, err);
        if (status != BW_OK)
            return status;
    }
    if (!chosen)
        return bw_error_set(err, BW_INVALID, "a Value must have one of its types set");
    if (chosen->type == DS_ARRAY && out->unindexed)
        return bw_error_set(err, BW_INVALID,
                            "an array cannot be excluded from indexes: its "
                            "elements can");
    return BW_OK;
}

bw_status ds_parse_value(const ds_place *place, const ds_node *node, ds_value *out, bw_error *err)
{
    *out = (ds_value){.type = DS_NULL};
    return parse_any(place, node, 0, out, err);
}

bw_status ds_parse_array(const ds_place *place, const ds_node *node, ds_value *out, bw_error *err)
{
    *out = (ds_value){.type = DS_ARRAY};
    return parse_array(place, node, 0, out, err);
}

/* ---- Entities --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const bw_slice x = (*(const ds_property *const *)a)->name;
    const bw_slice y = (*(const ds_property *const *)b)->name;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static bw_status check_names(const ds_place *place, const ds_entity *entity, bw_error *err)
{
    const ds_property **sorted = BW_ARENA_ARRAY(place->arena, const ds_property *, entity->count);
    for (size_t i = 0; i < entity->count; i++) {
        sorted[i] = &entity->properties[i];
        if (sorted[i]->name.len == 0 || sorted[i]->name.len > MAX_NAME)
            return bw_error_set(err, BW_INVALID, "the name of a property has 1 to %d bytes",
                                MAX_NAME);
    }
    qsort(sorted, entity->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < entity->count; i++) {
        if (bw_slice_eq(sorted[i - 1]->name, sorted[i]->name))
            return bw_error_set(err, BW_INVALID, "the property %.*s is given twice",
                                BW_SLICE_ARG(sorted[i]->name));
    }
    return BW_OK;
}

static bw_status parse_properties(const ds_place *place, const ds_node *node, int depth,
                                  ds_entity *entity, bw_error *err)
{
    if (node->type != BW_JSON_OBJECT)
        return bw_error_set(err, BW_INVALID,
                            "Invalid value at 'properties': an object was expected");
    entity->properties = BW_ARENA_ARRAY(place->arena, ds_property, node->count + 1);
    for (const ds_node *child = node->first; child; child = child->next) {
        ds_property *p = &entity->properties[entity->count++];
        p->name = child->key;
        bw_status status = parse_any(place, child, depth, &p->value, err);
        if (status != BW_OK)
            return bw_error_wrap(err, "property %.*s", (int)(p->name.len < 200 ? p->name.len : 200),
                                 p->name.ptr);
    }
    return check_names(place, entity, err);
}

static bw_status parse_entity(const ds_place *place, const ds_node *node, int depth,
                              ds_entity **out, bw_error *err)
{
    static const char *const names[] = {"key", "properties", NULL};
    const ds_node *field[2];
    if (depth > DS_MAX_NESTING)
        return bw_error_set(err, BW_INVALID, "entities are nested at most %d deep", DS_MAX_NESTING);
    ds_entity *entity = BW_ARENA_NEW(place->arena, ds_entity);
    bw_status status = ds_json_fields(node, "entity", names, field, err);
    if (status == BW_OK && field[0])
        status = ds_parse_key(place, field[0], false, &entity->key, err);
    if (status == BW_OK && field[1])
        status = parse_properties(place, field[1], depth, entity, err);
    *out = entity;
    return status;
}

bw_status ds_parse_entity(const ds_place *place, const ds_node *node, ds_entity **out,
                          bw_error *err)
{
    bw_status status = parse_entity(place, node, 0, out, err);
    if (status == BW_OK && !(*out)->key)
        status = bw_error_set(err, BW_INVALID, "the entity has no key");
    return status;
}

bw_status ds_parse_stored(const ds_place *place, bw_slice json, ds_entity **out, bw_error *err)
{
    ds_node *node;
    bw_status status = ds_json_parse(place->arena, json, &node, err);
    return status == BW_OK ? ds_parse_entity(place, node, out, err) : status;
}
