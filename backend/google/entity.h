/*
 * Datastore's entities and their values: Entity, Value and Key JSON as the REST API has them, sliced
 * and written, never passed through a parser that converts. The conversion to and from plain JSON
 * is exact or refused.
 *
 * Slices given in are valid JSON (the client has validated its answers; others validate with
 * bw_json_valid) but may say anything otherwise: every function copes with values of the wrong shape.
 * Threads: any.
 */
#ifndef BW_GOOGLE_ENTITY_H
#define BW_GOOGLE_ENTITY_H

#include "backend/core/buf.h"
#include "backend/model/value.h"

/* Datastore's limits, in bytes and levels. */
#define BW_ENTITY_MAX_BYTES   1048572
#define BW_ENTITY_MAX_DEPTH   20
#define BW_ENTITY_MAX_INDEXED 1500
#define BW_ENTITY_MAX_NAME    1500
#define BW_ENTITY_MAX_KEY     6144

/* ---- keys ------------------------------------------------------------------------------- */

/* Where keys live. NULL and "" are the same: not named. */
typedef struct bw_partition {
    const char *project, *database, *namespace;
} bw_partition;

typedef struct bw_key_part {
    bw_slice kind;
    bw_slice name; /* {NULL, 0}: the id counts */
    int64_t id;    /* 0: incomplete, an id is to be allocated */
} bw_key_part;

/* Appends Key JSON: {"partitionId":{...},"path":[...]}. kind and name are valid UTF-8. */
void bw_key_write(bw_buf *out, const bw_partition *where, const bw_key_part *path, size_t n);
/* The same for a path of one part; `name` NULL: the id. */
void bw_key_write_one(bw_buf *out, const bw_partition *where, const char *kind, const char *name,
                      int64_t id);
/* Appends text that is the same for two keys exactly when namespace and path are the same, however
   their JSON is written; project and database do not count (a request speaks of one). False when
   it is not a complete key. */
bool bw_key_identity(bw_slice key, bw_buf *out);
bool bw_key_equal(bw_slice a, bw_slice b);
/*
 * The path for people, and for columns that are compared: Customer/42, Customer/alice, and with
 * quotes (a JSON string) wherever a name could be taken for something else: Customer/"42",
 * Customer/"a/b". Different paths have different texts. The namespace is not in it. False when the key
 * is not complete.
 */
bool bw_key_path(bw_slice key, bw_buf *out);
/* Back: appends Key JSON for such a path. False when it is none. */
bool bw_key_from_path(bw_slice path, const bw_partition *where, bw_buf *out);
/* Appends the namespace ("" for the default one). */
void bw_key_namespace(bw_slice key, bw_buf *out);

/* ---- slicing ---------------------------------------------------------------------------- */

typedef enum bw_entity_type {
    BW_ENTITY_ABSENT, /* no such property */
    BW_ENTITY_NULL,
    BW_ENTITY_BOOL,
    BW_ENTITY_INT,
    BW_ENTITY_DOUBLE,
    BW_ENTITY_TIMESTAMP,
    BW_ENTITY_STRING,
    BW_ENTITY_BLOB,
    BW_ENTITY_KEY,
    BW_ENTITY_GEO,
    BW_ENTITY_ARRAY,
    BW_ENTITY_ENTITY,
    BW_ENTITY_UNKNOWN, /* none of the kinds of Value, several, or not of its shape */
    BW_ENTITY_TYPES,
} bw_entity_type;

/* "integer", "timestamp", ... for people. */
const char *bw_entity_type_name(bw_entity_type type);

/* Raw JSON of the entity's key and properties; {NULL, 0} when absent. */
bw_slice bw_entity_key(bw_slice entity);
bw_slice bw_entity_properties(bw_slice entity);
/* Both in one pass. */
void bw_entity_parts(bw_slice entity, bw_slice *key, bw_slice *properties);
/* Raw Value JSON of the property; {NULL, 0} when absent. The entity may also be an entityValue. */
bw_slice bw_entity_value(bw_slice entity, const char *property);
/* What kind of value it is; *content is what stands at integerValue, stringValue, ... (raw JSON). An
   integerValue is one only when it is an int64, a timestampValue only when it is RFC 3339. */
bw_entity_type bw_entity_value_type(bw_slice value, bw_slice *content);
/* The raw Value JSON texts inside an arrayValue: *at is 0 at first; false at the end. */
bool bw_entity_array_next(bw_slice content, size_t *at, bw_slice *value);

/* Contents, as bw_entity_value_type gives them for a value of that type. */
/* An int64 as a string of digits or as a number. */
bool bw_entity_read_int(bw_slice content, int64_t *out);
/* An RFC 3339 string; what is finer than a microsecond is left out. */
bool bw_entity_read_time(bw_slice content, int64_t *us);
/* The same, false when something would be left out. */
bool bw_entity_read_exact_time(bw_slice content, int64_t *us);
/* Appends the shortest text of a doubleValue: as JSON (always with a point or an exponent, and with
   quotes where it is no number), or as FLOAT64's canonical text. False beyond a double's range. */
bool bw_entity_double_text(bw_slice raw, bool json, bw_buf *out);

/* A property's value when it is of that type; false when it is absent, null or of another one. */
bool bw_entity_int(bw_slice entity, const char *property, int64_t *out);
bool bw_entity_bool(bw_slice entity, const char *property, bool *out);
/* A timestampValue, as microseconds. */
bool bw_entity_time(bw_slice entity, const char *property, int64_t *us);
/* A stringValue, appended with its escapes resolved. */
bool bw_entity_string(bw_slice entity, const char *property, bw_buf *out);

/* What the entity counts for against BW_ENTITY_MAX_BYTES, by the rules of Datastore's "storage
   size" page (key, names, values; without indexes). */
size_t bw_entity_size(bw_slice entity);

/* ---- plain JSON ------------------------------------------------------------------------- */

/* Why something was refused. `where` is its place for people, sanitised: items[2].price */
typedef struct bw_entity_problem {
    bw_reason reason;
    char where[160];
    char detail[200];
} bw_entity_problem;

/*
 * Appends the `properties` object for a plain JSON object (untrusted text):
 *   integers within int64            integerValue
 *   other numbers                    doubleValue, its text unchanged, when a double holds exactly
 *                                    that decimal (as BigQuery's JSON); else JSON_WIDE_NUMBER, or
 *                                    NUMERIC_OVERFLOW for an integer or beyond a double's range
 *   strings                          stringValue; over 1,500 bytes with excludeFromIndexes
 *   true, false, null                booleanValue, nullValue
 *   objects                          entityValue; over 1,500 bytes of text with excludeFromIndexes
 *   arrays                           arrayValue; over 1,500 bytes of text each element is
 *                                    excluded. An array in an array is refused: ARRAY_DIMS
 * Also refused: text that is no JSON object (JSON_INVALID), two members of one name (JSON_DUPLICATE),
 * objects within objects deeper than 20 levels (JSON_DEPTH), half a surrogate pair (BAD_UTF8), names
 * that are empty, longer than 1,500 bytes or reserved (__x__): BAD_VALUE; more than
 * BW_ENTITY_MAX_BYTES (ROW_TOO_BIG). NONE on success; otherwise `out` is as it was. `problem` may be
 * NULL.
 */
bw_reason bw_entity_from_json(bw_slice object, bw_buf *out, bw_entity_problem *problem);
/* One value of such an object, as Value JSON: for properties that are replaced one by one. */
bw_reason bw_entity_value_from_json(bw_slice json, bw_buf *out, bw_entity_problem *problem);

/*
 * Appends plain JSON for a `properties` object (or {NULL, 0}: {}), the same text for the same content:
 * members sorted by name, no white space.
 *   integerValue    number                     timestampValue  RFC 3339 string in UTC
 *   doubleValue     shortest number, with a    blobValue       base64 string
 *                   point or an exponent;      keyValue        {"path":[{"kind","id"|"name"}],
 *                   "NaN", "Infinity",                         "namespace"}; with project and
 *                   "-Infinity" as strings                     database where they are not `home`'s
 *   entityValue     object; its key, if it     geoPointValue   {"latitude","longitude"}
 *                   has one, at "__key__"      arrayValue      array
 * UNKNOWN_TYPE or BAD_VALUE for what is no value, JSON_DEPTH, JSON_DUPLICATE; `out` is then as it was.
 * `home` NULL: project and database of keys are left out.
 */
bw_reason bw_entity_to_json(bw_slice properties, const bw_partition *home, bw_buf *out,
                            bw_entity_problem *problem);
/* The same for one Value. */
bw_reason bw_entity_value_to_json(bw_slice value, const bw_partition *home, bw_buf *out,
                                  bw_entity_problem *problem);
/* The same for a Key. */
bw_reason bw_key_to_json(bw_slice key, const bw_partition *home, bw_buf *out);

#endif
