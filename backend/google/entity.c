/* Slicing entities: properties, the kinds of values, and what they weigh. */
#include "backend/google/entity.h"

#include "backend/core/json.h"
#include "backend/core/units.h"
#include "backend/google/entity_internal.h"

bw_slice bw_entity_key(bw_slice entity)
{
    return bw_json_member(entity, "key");
}

bw_slice bw_entity_properties(bw_slice entity)
{
    return bw_json_member(entity, "properties");
}

void bw_entity_parts(bw_slice entity, bw_slice *key, bw_slice *properties)
{
    static const char *const names[] = {"key", "properties"};
    bw_slice parts[2];
    bw_json_members(entity, names, 2, parts);
    *key = parts[0];
    *properties = parts[1];
}

bw_slice bw_entity_value(bw_slice entity, const char *property)
{
    return bw_json_member(bw_entity_properties(entity), property);
}

/* ---- what kind of value ----------------------------------------------------------------- */

static char first(bw_slice s)
{
    return s.len ? s.ptr[0] : '\0';
}

static bool is_string(bw_slice s)
{
    return s.len >= 2 && first(s) == '"';
}

static bool is_object(bw_slice s)
{
    return first(s) == '{';
}

static bool is_null(bw_slice s)
{
    return bw_slice_is(s, "null") || bw_slice_is(s, "0") || bw_slice_is(s, "\"NULL_VALUE\"");
}

static bool is_bool(bw_slice s)
{
    return bw_slice_is(s, "true") || bw_slice_is(s, "false");
}

static bool is_number(bw_slice s)
{
    return first(s) == '-' || (first(s) >= '0' && first(s) <= '9');
}

bool bw_entity_read_int(bw_slice content, int64_t *out)
{
    if (is_string(content))
        content = (bw_slice){content.ptr + 1, content.len - 2};
    size_t i = first(content) == '-';
    int64_t v = 0;
    if (i == content.len)
        return false;
    for (; i < content.len; i++) {
        int digit = content.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)digit, &v))
            return false;
    }
    bool negative = first(content) == '-';
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

static bool is_int(bw_slice s)
{
    int64_t ignored;
    return (is_string(s) || is_number(s)) && bw_entity_read_int(s, &ignored);
}

static bool is_double(bw_slice s)
{
    return is_number(s) || bw_slice_is(s, "\"NaN\"") || bw_slice_is(s, "\"Infinity\"") ||
           bw_slice_is(s, "\"-Infinity\"");
}

bool bw_entity_read_time(bw_slice content, int64_t *us)
{
    if (!is_string(content))
        return false;
    bw_slice text = {content.ptr + 1, content.len - 2};
    /* RFC 3339 has a time and an offset; the parser also takes less. */
    if (text.len < sizeof("0001-01-01T00:00:00Z") - 1 || !bw_parse_time(text, us))
        return false;
    char last = text.ptr[text.len - 1];
    char sign = text.ptr[text.len - 6];
    return last == 'Z' || last == 'z' || sign == '+' || sign == '-';
}

bool bw_entity_read_exact_time(bw_slice content, int64_t *us)
{
    if (!bw_entity_read_time(content, us))
        return false;
    const char *point = memchr(content.ptr, '.', content.len);
    for (size_t i = 1; point && point[i] >= '0' && point[i] <= '9'; i++) {
        if (i > 6 && point[i] != '0')
            return false;
    }
    return true;
}

static bool is_timestamp(bw_slice s)
{
    int64_t ignored;
    return bw_entity_read_time(s, &ignored);
}

static bool is_array(bw_slice s)
{
    bw_slice values = bw_json_member(s, "values");
    return is_object(s) && (values.len == 0 || first(values) == '[');
}

static const struct {
    const char *member, *name;
    bool (*fits)(bw_slice content);
} kinds[BW_ENTITY_TYPES] = {
    [BW_ENTITY_ABSENT] = {"", "nothing", NULL},
    [BW_ENTITY_NULL] = {"nullValue", "null", is_null},
    [BW_ENTITY_BOOL] = {"booleanValue", "boolean", is_bool},
    [BW_ENTITY_INT] = {"integerValue", "integer", is_int},
    [BW_ENTITY_DOUBLE] = {"doubleValue", "double", is_double},
    [BW_ENTITY_TIMESTAMP] = {"timestampValue", "timestamp", is_timestamp},
    [BW_ENTITY_STRING] = {"stringValue", "string", is_string},
    [BW_ENTITY_BLOB] = {"blobValue", "blob", is_string},
    [BW_ENTITY_KEY] = {"keyValue", "key", is_object},
    [BW_ENTITY_GEO] = {"geoPointValue", "geo point", is_object},
    [BW_ENTITY_ARRAY] = {"arrayValue", "array", is_array},
    [BW_ENTITY_ENTITY] = {"entityValue", "entity", is_object},
    [BW_ENTITY_UNKNOWN] = {"", "unknown value", NULL},
};

const char *bw_entity_type_name(bw_entity_type type)
{
    return type < BW_ENTITY_TYPES ? kinds[type].name : "?";
}

static bw_entity_type type_of_member(bw_slice quoted)
{
    bw_slice name = {quoted.ptr + 1, quoted.len - 2};
    for (int i = BW_ENTITY_NULL; i < BW_ENTITY_UNKNOWN; i++) {
        if (bw_slice_is(name, kinds[i].member))
            return (bw_entity_type)i;
    }
    return BW_ENTITY_UNKNOWN;
}

/* What stands beside a value and does not change what it is. */
static bool is_remark(bw_slice quoted)
{
    return bw_slice_is(quoted, "\"excludeFromIndexes\"") || bw_slice_is(quoted, "\"meaning\"");
}

bw_entity_type bw_entity_value_type(bw_slice value, bw_slice *content)
{
    bw_json_scan scan = bw_json_scan_init(value);
    bw_json_token t;
    bw_slice raw;
    bw_entity_type type = BW_ENTITY_ABSENT;
    *content = (bw_slice){NULL, 0};
    if (value.len == 0)
        return BW_ENTITY_ABSENT;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return BW_ENTITY_UNKNOWN;
    while (bw_json_next_member(&scan, &t, &raw)) {
        if (is_remark(t.raw))
            continue;
        if (type != BW_ENTITY_ABSENT)
            return BW_ENTITY_UNKNOWN;
        type = type_of_member(t.raw);
        *content = raw;
    }
    if (type == BW_ENTITY_ABSENT || type == BW_ENTITY_UNKNOWN || !kinds[type].fits(*content))
        return BW_ENTITY_UNKNOWN;
    return type;
}

bool bw_entity_array_next(bw_slice content, size_t *at, bw_slice *value)
{
    bw_slice values = content;
    if (*at == 0) {
        values = bw_json_member(content, "values");
        if (values.len == 0)
            return false;
        *at = (size_t)(values.ptr - content.ptr) + 1;
    }
    size_t i = *at;
    while (i < content.len && memchr(" \t\r\n,", content.ptr[i], 5))
        i++;
    bw_json_scan scan = bw_json_scan_init((bw_slice){content.ptr + i, content.len - i});
    if (i >= content.len || content.ptr[i] == ']' || !bw_json_skip(&scan, value))
        return false;
    *at = i + scan.at;
    return true;
}

/* ---- one property ----------------------------------------------------------------------- */

static bool content_of(bw_slice entity, const char *property, bw_entity_type type, bw_slice *out)
{
    return bw_entity_value_type(bw_entity_value(entity, property), out) == type;
}

bool bw_entity_int(bw_slice entity, const char *property, int64_t *out)
{
    bw_slice content;
    return content_of(entity, property, BW_ENTITY_INT, &content) &&
           bw_entity_read_int(content, out);
}

bool bw_entity_bool(bw_slice entity, const char *property, bool *out)
{
    bw_slice content;
    if (!content_of(entity, property, BW_ENTITY_BOOL, &content))
        return false;
    *out = first(content) == 't';
    return true;
}

bool bw_entity_time(bw_slice entity, const char *property, int64_t *us)
{
    bw_slice content;
    return content_of(entity, property, BW_ENTITY_TIMESTAMP, &content) &&
           bw_entity_read_time(content, us);
}

bool bw_entity_string(bw_slice entity, const char *property, bw_buf *out)
{
    bw_slice content;
    size_t before = out->len;
    if (!content_of(entity, property, BW_ENTITY_STRING, &content))
        return false;
    if (bw_json_unescape(content, out))
        return true;
    out->len = before;
    return false;
}

/* ---- storage size ----------------------------------------------------------------------- */

#define ENTITY_OVERHEAD 32
#define KEY_OVERHEAD    16
#define NUMBER_BYTES    8

/* Of what a JSON string holds, in UTF-8. */
static size_t text_bytes(bw_slice raw)
{
    if (!is_string(raw))
        return 0;
    if (!memchr(raw.ptr, '\\', raw.len))
        return raw.len - 2;
    bw_buf text = BW_BUF_INIT;
    size_t n = bw_json_unescape(raw, &text) ? text.len : raw.len - 2;
    bw_buf_fini(&text);
    return n;
}

static size_t key_bytes(bw_slice key)
{
    bw_slice namespace = bw_json_member(bw_json_member(key, "partitionId"), "namespaceId");
    bw_slice path = bw_json_member(key, "path"), part;
    bw_json_scan scan = bw_json_scan_init(path);
    bw_json_token t;
    size_t n = KEY_OVERHEAD;
    if (namespace.len > 2)
        n += text_bytes(namespace) + 1;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_ARRAY)
        return n;
    while (bw_json_next_element(&scan, &part)) {
        bw_slice name = bw_json_member(part, "name");
        n += text_bytes(bw_json_member(part, "kind")) + 1;
        n += name.len ? text_bytes(name) + 1 : NUMBER_BYTES;
    }
    return n;
}

static size_t value_bytes(bw_slice value, int depth);

static size_t properties_bytes(bw_slice properties, int depth)
{
    bw_json_scan scan = bw_json_scan_init(properties);
    bw_json_token t;
    bw_slice value;
    size_t n = 0;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT)
        return 0;
    while (bw_json_next_member(&scan, &t, &value))
        n += text_bytes(t.raw) + 1 + value_bytes(value, depth);
    return n;
}

static size_t array_bytes(bw_slice content, int depth)
{
    size_t n = 0, at = 0;
    bw_slice value;
    while (bw_entity_array_next(content, &at, &value))
        n += value_bytes(value, depth);
    return n;
}

static size_t value_bytes(bw_slice value, int depth)
{
    bw_slice content;
    bw_entity_type type = bw_entity_value_type(value, &content);
    if (depth > 2 * BW_ENTITY_MAX_DEPTH) /* nothing that Datastore holds */
        return content.len;
    switch (type) {
    case BW_ENTITY_INT:
    case BW_ENTITY_DOUBLE:
    case BW_ENTITY_TIMESTAMP:
        return NUMBER_BYTES;
    case BW_ENTITY_GEO:
        return (size_t)2 * NUMBER_BYTES;
    case BW_ENTITY_STRING:
        return text_bytes(content) + 1;
    case BW_ENTITY_BLOB:
        return content.len / 4 * 3;
    case BW_ENTITY_KEY:
        return key_bytes(content);
    case BW_ENTITY_ARRAY:
        return array_bytes(content, depth + 1);
    case BW_ENTITY_ENTITY:
        return ENTITY_OVERHEAD + properties_bytes(bw_entity_properties(content), depth + 1);
    default:
        return 1;
    }
}

size_t bw_entity_properties_size(bw_slice properties)
{
    return properties_bytes(properties, 0);
}

size_t bw_entity_size(bw_slice entity)
{
    return ENTITY_OVERHEAD + key_bytes(bw_entity_key(entity)) +
           properties_bytes(bw_entity_properties(entity), 0);
}
