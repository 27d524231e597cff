#include "backend/sandbox/ds_value.h"

#include <math.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/stamp.h"

ds_property *ds_entity_find(const ds_entity *entity, bw_slice name)
{
    for (size_t i = 0; i < entity->count; i++) {
        if (bw_slice_eq(entity->properties[i].name, name))
            return &entity->properties[i];
    }
    return NULL;
}

void ds_entity_set(bw_arena *arena, ds_entity *entity, bw_slice name, const ds_value *value)
{
    ds_property *p = ds_entity_find(entity, name);
    if (!p) {
        ds_property *grown = BW_ARENA_ARRAY(arena, ds_property, entity->count + 1);
        if (entity->count)
            memcpy(grown, entity->properties, sizeof *grown * entity->count);
        entity->properties = grown;
        p = &grown[entity->count++];
        p->name = name;
    }
    p->value = *value;
}

bool ds_name_reserved(bw_slice name)
{
    return name.len >= 4 && memcmp(name.ptr, "__", 2) == 0 &&
           memcmp(name.ptr + name.len - 2, "__", 2) == 0;
}

/* ---- Sizes ------------------------------------------------------------------------------------ */

size_t ds_key_size(const ds_key *key)
{
    size_t size = 16 + (*key->name_space ? strlen(key->name_space) + 1 : 0);
    for (size_t i = 0; i < key->count; i++) {
        const ds_path_element *e = &key->path[i];
        size += e->kind.len + 1 + (e->name.len ? e->name.len + 1 : 8);
    }
    return size;
}

static size_t value_size(const ds_value *value)
{
    size_t size = 0;
    switch (value->type) {
    case DS_NULL:
    case DS_BOOLEAN:
        return 1;
    case DS_GEO_POINT:
        return 16;
    case DS_STRING:
        return value->as.bytes.len + 1;
    case DS_BLOB:
        return value->as.bytes.len;
    case DS_KEY:
        return ds_key_size(value->as.key);
    case DS_ENTITY:
        return ds_entity_size(value->as.entity);
    case DS_ARRAY:
        for (size_t i = 0; i < value->as.array.count; i++)
            size += value_size(&value->as.array.items[i]);
        return size;
    default:
        return 8;
    }
}

size_t ds_entity_size(const ds_entity *entity)
{
    size_t size = 32 + (entity->key ? ds_key_size(entity->key) : 0);
    for (size_t i = 0; i < entity->count; i++)
        size += entity->properties[i].name.len + 1 + value_size(&entity->properties[i].value);
    return size;
}

/* ---- What may be written ---------------------------------------------------------------------- */

/* `indexed` counts the values that are; NULL within what is excluded. */
static bw_status check_properties(const ds_entity *entity, size_t *indexed, bw_error *err);

static bw_status check_value(bw_slice name, const ds_value *value, size_t *indexed, bw_error *err)
{
    bw_status status = BW_OK;
    if (value->unindexed)
        indexed = NULL;
    if (value->type == DS_ENTITY)
        return check_properties(value->as.entity, indexed, err);
    for (size_t i = 0; value->type == DS_ARRAY && i < value->as.array.count; i++) {
        status = check_value(name, &value->as.array.items[i], indexed, err);
        if (status != BW_OK)
            return status;
    }
    if (indexed && value->type != DS_ARRAY && ++*indexed > DS_MAX_INDEXED)
        return bw_error_set(err, BW_INVALID,
                            "too many indexed properties for an entity: at most %d",
                            DS_MAX_INDEXED);
    if ((value->type == DS_STRING || value->type == DS_BLOB) && indexed &&
        value->as.bytes.len > DS_MAX_INDEXED_SIZE)
        return bw_error_set(err, BW_INVALID,
                            "The value of property \"%.*s\" is longer than %d bytes.",
                            BW_SLICE_ARG(name), DS_MAX_INDEXED_SIZE);
    return status;
}

static bw_status check_properties(const ds_entity *entity, size_t *indexed, bw_error *err)
{
    for (size_t i = 0; i < entity->count; i++) {
        const ds_property *p = &entity->properties[i];
        if (ds_name_reserved(p->name))
            return bw_error_set(err, BW_INVALID, "The property name \"%.*s\" is reserved.",
                                BW_SLICE_ARG(p->name));
        bw_status status = check_value(p->name, &p->value, indexed, err);
        if (status != BW_OK)
            return status;
    }
    return BW_OK;
}

bw_status ds_entity_check(const ds_entity *entity, bw_error *err)
{
    for (size_t i = 0; i < entity->key->count; i++) {
        const ds_path_element *e = &entity->key->path[i];
        if (ds_name_reserved(e->kind) || ds_name_reserved(e->name))
            return bw_error_set(err, BW_INVALID, "The key path element \"%.*s\" is reserved.",
                                BW_SLICE_ARG(ds_name_reserved(e->kind) ? e->kind : e->name));
    }
    size_t indexed = 0, size = ds_entity_size(entity);
    bw_status status = check_properties(entity, &indexed, err);
    if (status == BW_OK && size > DS_MAX_ENTITY_SIZE)
        status = bw_error_set(err, BW_INVALID, "entity is too big: it has %zu bytes, at most %d",
                              size, DS_MAX_ENTITY_SIZE);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void print_text(bw_buf *out, const char *name, bw_slice text)
{
    bw_buf_addf(out, "\"%s\":", name);
    bw_json_add_string(out, text);
}

void ds_print_key(bw_buf *out, const ds_key *key)
{
    bw_buf_adds(out, "{\"partitionId\":{");
    print_text(out, "projectId", bw_slice_cstr(key->project));
    if (*key->database) {
        bw_buf_addc(out, ',');
        print_text(out, "databaseId", bw_slice_cstr(key->database));
    }
    if (*key->name_space) {
        bw_buf_addc(out, ',');
        print_text(out, "namespaceId", bw_slice_cstr(key->name_space));
    }
    bw_buf_adds(out, "},\"path\":[");
    for (size_t i = 0; i < key->count; i++) {
        const ds_path_element *e = &key->path[i];
        bw_buf_adds(out, i ? ",{" : "{");
        print_text(out, "kind", e->kind);
        if (e->id)
            bw_buf_addf(out, ",\"id\":\"%lld\"", (long long)e->id);
        if (e->name.len) {
            bw_buf_addc(out, ',');
            print_text(out, "name", e->name);
        }
        bw_buf_addc(out, '}');
    }
    bw_buf_adds(out, "]}");
}

static void print_double(bw_buf *out, double d)
{
    if (isnan(d))
        bw_buf_adds(out, "\"NaN\"");
    else if (isinf(d))
        bw_buf_adds(out, d < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    else
        bq_float_print_json(d, out);
}

static void print_array(bw_buf *out, const ds_value *value)
{
    bw_buf_adds(out, "{\"values\":[");
    for (size_t i = 0; i < value->as.array.count; i++) {
        if (i)
            bw_buf_addc(out, ',');
        ds_print_value(out, &value->as.array.items[i]);
    }
    bw_buf_adds(out, "]}");
}

static void print_content(bw_buf *out, const ds_value *value)
{
    switch (value->type) {
    case DS_NULL:
        bw_buf_adds(out, "\"nullValue\":null");
        break;
    case DS_INTEGER:
        bw_buf_addf(out, "\"integerValue\":\"%lld\"", (long long)value->as.integer);
        break;
    case DS_TIMESTAMP:
        bw_buf_adds(out, "\"timestampValue\":\"");
        bw_sb_stamp_print_us(out, value->as.integer);
        bw_buf_addc(out, '"');
        break;
    case DS_BOOLEAN:
        bw_buf_addf(out, "\"booleanValue\":%s", value->as.integer ? "true" : "false");
        break;
    case DS_BLOB:
        bw_buf_adds(out, "\"blobValue\":\"");
        bq_base64_encode(value->as.bytes, out);
        bw_buf_addc(out, '"');
        break;
    case DS_STRING:
        print_text(out, "stringValue", value->as.bytes);
        break;
    case DS_DOUBLE:
        bw_buf_adds(out, "\"doubleValue\":");
        print_double(out, value->as.number);
        break;
    case DS_GEO_POINT:
        bw_buf_adds(out, "\"geoPointValue\":{\"latitude\":");
        print_double(out, value->as.geo.latitude);
        bw_buf_adds(out, ",\"longitude\":");
        print_double(out, value->as.geo.longitude);
        bw_buf_addc(out, '}');
        break;
    case DS_KEY:
        bw_buf_adds(out, "\"keyValue\":");
        ds_print_key(out, value->as.key);
        break;
    case DS_ARRAY:
        bw_buf_adds(out, "\"arrayValue\":");
        print_array(out, value);
        break;
    case DS_ENTITY:
        bw_buf_adds(out, "\"entityValue\":");
        ds_print_entity(out, value->as.entity);
        break;
    }
}

void ds_print_value(bw_buf *out, const ds_value *value)
{
    bw_buf_addc(out, '{');
    print_content(out, value);
    if (value->meaning)
        bw_buf_addf(out, ",\"meaning\":%d", (int)value->meaning);
    if (value->unindexed)
        bw_buf_adds(out, ",\"excludeFromIndexes\":true");
    bw_buf_addc(out, '}');
}

void ds_print_entity(bw_buf *out, const ds_entity *entity)
{
    bw_buf_addc(out, '{');
    if (entity->key) {
        bw_buf_adds(out, "\"key\":");
        ds_print_key(out, entity->key);
    }
    for (size_t i = 0; i < entity->count; i++) {
        bw_buf_adds(out, i ? "," : entity->key ? ",\"properties\":{" : "\"properties\":{");
        bw_json_add_string(out, entity->properties[i].name);
        bw_buf_addc(out, ':');
        ds_print_value(out, &entity->properties[i].value);
    }
    bw_buf_adds(out, entity->count ? "}}" : "}");
}
