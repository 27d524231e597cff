/*
 * What the sandbox's Datastore holds: keys, values and entities as trees that borrow from an arena.
 * Specification: Datastore v1, Key, Value and Entity. Threads: any.
 */
#ifndef BW_SANDBOX_DS_VALUE_H
#define BW_SANDBOX_DS_VALUE_H

#include "backend/core/arena.h"
#include "backend/core/error.h"

#define DS_MAX_ENTITY_SIZE  1048572
#define DS_MAX_KEY_SIZE     6144
#define DS_MAX_INDEXED_SIZE 1500
#define DS_MAX_NESTING      20
#define DS_MAX_PATH         100
#define DS_MAX_INDEXED      20000 /* values of one entity */

/* In the order in which values of different types sort; arrays and entities have none. */
typedef enum ds_type {
    DS_NULL,
    DS_INTEGER,
    DS_TIMESTAMP,
    DS_BOOLEAN,
    DS_BLOB,
    DS_STRING,
    DS_DOUBLE,
    DS_GEO_POINT,
    DS_KEY,
    DS_ARRAY,
    DS_ENTITY,
} ds_type;

typedef struct ds_path_element {
    bw_slice kind;
    bw_slice name; /* empty when it has an id or is incomplete */
    int64_t id;    /* 0 when it has a name or is incomplete */
} ds_path_element;

typedef struct ds_key {
    const char *project, *database, *name_space; /* never NULL */
    ds_path_element *path;
    size_t count; /* at least 1 */
} ds_key;

typedef struct ds_value ds_value;
typedef struct ds_property ds_property;

typedef struct ds_entity {
    ds_key *key; /* NULL where an embedded entity has none */
    ds_property *properties;
    size_t count;
} ds_entity;

struct ds_value {
    ds_type type;
    bool unindexed;  /* excludeFromIndexes */
    int32_t meaning; /* 0: none */
    union {
        int64_t integer; /* INTEGER; TIMESTAMP in microseconds; BOOLEAN */
        double number;
        struct {
            double latitude, longitude;
        } geo;
        bw_slice bytes; /* BLOB, STRING */
        const ds_key *key;
        struct {
            ds_value *items;
            size_t count;
        } array;
        ds_entity *entity;
    } as;
};

struct ds_property {
    bw_slice name;
    ds_value value;
};

static inline const ds_path_element *ds_key_last(const ds_key *key)
{
    return &key->path[key->count - 1];
}

static inline bool ds_key_complete(const ds_key *key)
{
    const ds_path_element *last = ds_key_last(key);
    return last->id != 0 || last->name.len > 0;
}

ds_property *ds_entity_find(const ds_entity *entity, bw_slice name);
/* Replaces or adds it; the list of properties may move within the arena. */
void ds_entity_set(bw_arena *arena, ds_entity *entity, bw_slice name, const ds_value *value);
/* True for names like __this__, which belong to the service. */
bool ds_name_reserved(bw_slice name);

/* Bytes as the service counts them for its limits and statistics. */
size_t ds_key_size(const ds_key *key);
size_t ds_entity_size(const ds_entity *entity);
/* What may be written: sizes, indexed lengths, reserved names. Fails with INVALID. */
BW_NODISCARD bw_status ds_entity_check(const ds_entity *entity, bw_error *err);

/* ---- JSON ------------------------------------------------------------------------------------- */

void ds_print_key(bw_buf *out, const ds_key *key);
void ds_print_value(bw_buf *out, const ds_value *value);
void ds_print_entity(bw_buf *out, const ds_entity *entity);

#endif
