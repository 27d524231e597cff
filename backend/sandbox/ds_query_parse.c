#include "backend/sandbox/ds_query.h"

#include "backend/sandbox/ds_order.h"
#include "backend/sandbox/hash.h"

#define MAX_FILTERS 100
#define MAX_IN      30
#define MAX_NOT_IN  10

/* ---- Filters ---------------------------------------------------------------------------------- */

static bw_status parse_reference(const ds_node *node, bw_slice *out, bw_error *err)
{
    static const char *const names[] = {"name", NULL};
    const ds_node *name;
    *out = (bw_slice){"", 0};
    bw_status status = ds_json_fields(node, "property", names, &name, err);
    if (status == BW_OK && name)
        status = ds_json_text(name, "property.name", out, err);
    if (status == BW_OK && out->len == 0)
        status = bw_error_set(err, BW_INVALID, "a property is named by a text that is not empty");
    return status;
}

static bw_status check_operand(const ds_filter *f, const ds_value *value, const ds_place *place,
                               const char *name_space, bw_error *err)
{
    if (value->type == DS_ARRAY || value->type == DS_ENTITY)
        return bw_error_set(err, BW_INVALID, "an array or entity cannot be compared with: %.*s",
                            BW_SLICE_ARG(f->name));
    if (!f->on_key)
        return BW_OK;
    (void)place;
    if (value->type != DS_KEY)
        return bw_error_set(err, BW_INVALID, "__key__ can only be compared with a key");
    if (strcmp(value->as.key->name_space, name_space) != 0)
        return bw_error_set(err, BW_INVALID,
                            "__key__ filter namespace is \"%s\" but query namespace "
                            "is \"%s\"",
                            value->as.key->name_space, name_space);
    return BW_OK;
}

typedef struct filter_parser {
    const ds_place *place;
    const char *name_space;
    size_t count;
} filter_parser;

static bw_status check_operands(const filter_parser *x, const ds_filter *f, bw_error *err)
{
    bool list = f->op == DS_IN || f->op == DS_NOT_IN;
    size_t max = f->op == DS_IN ? MAX_IN : MAX_NOT_IN;
    if (f->op == DS_HAS_ANCESTOR && !f->on_key)
        return bw_error_set(err, BW_INVALID, "HAS_ANCESTOR is a filter on __key__");
    if (!list)
        return check_operand(f, &f->value, x->place, x->name_space, err);
    if (f->value.type != DS_ARRAY || f->value.as.array.count == 0 || f->value.as.array.count > max)
        return bw_error_set(err, BW_INVALID, "%s needs an arrayValue of 1 to %zu values",
                            f->op == DS_IN ? "IN" : "NOT_IN", max);
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < f->value.as.array.count; i++)
        status = check_operand(f, &f->value.as.array.items[i], x->place, x->name_space, err);
    return status;
}

static bw_status parse_property_filter(const filter_parser *x, const ds_node *node, ds_filter *out,
                                       bw_error *err)
{
    static const char *const names[] = {"property", "op", "value", NULL};
    static const ds_enum operators[] = {
        {DS_LESS, "LESS_THAN"},       {DS_LESS_OR_EQUAL, "LESS_THAN_OR_EQUAL"},
        {DS_GREATER, "GREATER_THAN"}, {DS_GREATER_OR_EQUAL, "GREATER_THAN_OR_EQUAL"},
        {DS_EQUAL, "EQUAL"},          {DS_IN, "IN"},
        {DS_NOT_EQUAL, "NOT_EQUAL"},  {DS_HAS_ANCESTOR, "HAS_ANCESTOR"},
        {DS_NOT_IN, "NOT_IN"},        {0, NULL},
    };
    const ds_node *field[3];
    int op;
    bw_status status = ds_json_fields(node, "propertyFilter", names, field, err);
    if (status != BW_OK)
        return status;
    if (!field[1] || !field[2])
        return bw_error_set(err, BW_INVALID, "a propertyFilter has a property, an op and a value");
    status = parse_reference(field[0], &out->name, err);
    if (status == BW_OK)
        status = ds_json_enum(field[1], "op", operators, &op, err);
    if (status == BW_OK)
        status = ds_parse_value(x->place, field[2], &out->value, err);
    if (status != BW_OK)
        return status;
    out->op = (ds_operator)op;
    out->on_key = bw_slice_is(out->name, "__key__");
    return check_operands(x, out, err);
}

static bw_status parse_filter(filter_parser *x, const ds_node *node, ds_filter *out, bw_error *err);

static bw_status parse_composite(filter_parser *x, const ds_node *node, ds_filter *out,
                                 bw_error *err)
{
    static const char *const names[] = {"op", "filters", NULL};
    static const ds_enum operators[] = {{1, "AND"}, {2, "OR"}, {0, NULL}};
    const ds_node *field[2];
    int op;
    bw_status status = ds_json_fields(node, "compositeFilter", names, field, err);
    if (status != BW_OK)
        return status;
    if (!field[0] || !field[1])
        return bw_error_set(err, BW_INVALID, "a compositeFilter has an op and filters");
    status = ds_json_enum(field[0], "op", operators, &op, err);
    if (status == BW_OK)
        status = ds_json_array(field[1], "filters", err);
    if (status == BW_OK && field[1]->count == 0)
        status = bw_error_set(err, BW_INVALID, "a compositeFilter has at least one filter");
    if (status != BW_OK)
        return status;
    out->op = op == 1 ? DS_AND : DS_OR;
    out->children = BW_ARENA_ARRAY(x->place->arena, ds_filter, field[1]->count);
    for (const ds_node *child = field[1]->first; status == BW_OK && child; child = child->next)
        status = parse_filter(x, child, &out->children[out->count++], err);
    return status;
}

static bw_status parse_filter(filter_parser *x, const ds_node *node, ds_filter *out, bw_error *err)
{
    static const char *const names[] = {"compositeFilter", "propertyFilter", NULL};
    const ds_node *field[2];
    if (++x->count > MAX_FILTERS)
        return bw_error_set(err, BW_INVALID, "a query has at most %d filters", MAX_FILTERS);
    bw_status status = ds_json_fields(node, "filter", names, field, err);
    if (status != BW_OK)
        return status;
    if ((field[0] != NULL) == (field[1] != NULL))
        return bw_error_set(err, BW_INVALID, "a filter is a compositeFilter or a propertyFilter");
    return field[0] ? parse_composite(x, field[0], out, err)
                    : parse_property_filter(x, field[1], out, err);
}

/* ---- Lists ------------------------------------------------------------------------------------ */

static bw_status parse_kind(const ds_node *node, ds_query *out, bw_error *err)
{
    static const char *const names[] = {"name", NULL};
    const ds_node *name;
    bw_status status = ds_json_array(node, "kind", err);
    if (status != BW_OK || node->count == 0)
        return status;
    if (node->count > 1)
        return bw_error_set(err, BW_INVALID, "a query has at most one kind");
    status = ds_json_fields(node->first, "kind", names, &name, err);
    if (status == BW_OK && name)
        status = ds_json_text(name, "kind.name", &out->kind, err);
    out->has_kind = out->kind.len > 0;
    return status;
}

static bw_status parse_orders(const ds_place *place, const ds_node *node, ds_query *out,
                              bw_error *err)
{
    static const char *const names[] = {"property", "direction", NULL};
    static const ds_enum directions[] = {
        {0, "DIRECTION_UNSPECIFIED"}, {1, "ASCENDING"}, {2, "DESCENDING"}, {0, NULL}};
    bw_status status = ds_json_array(node, "order", err);
    if (status != BW_OK)
        return status;
    out->orders = BW_ARENA_ARRAY(place->arena, ds_order, node->count + 1);
    for (const ds_node *child = node->first; status == BW_OK && child; child = child->next) {
        const ds_node *field[2];
        ds_order *order = &out->orders[out->order_count++];
        int direction = 1;
        status = ds_json_fields(child, "order", names, field, err);
        if (status == BW_OK)
            status = parse_reference(field[0], &order->name, err);
        if (status == BW_OK && field[1])
            status = ds_json_enum(field[1], "direction", directions, &direction, err);
        order->descending = direction == 2;
        order->on_key = bw_slice_is(order->name, "__key__");
    }
    return status;
}

static bw_status parse_projection(const ds_place *place, const ds_node *node, ds_query *out,
                                  bw_error *err)
{
    static const char *const names[] = {"property", NULL};
    bw_status status = ds_json_array(node, "projection", err);
    if (status != BW_OK)
        return status;
    out->projection = BW_ARENA_ARRAY(place->arena, bw_slice, node->count + 1);
    for (const ds_node *child = node->first; status == BW_OK && child; child = child->next) {
        const ds_node *property;
        bw_slice name;
        status = ds_json_fields(child, "projection", names, &property, err);
        if (status == BW_OK)
            status = parse_reference(property, &name, err);
        if (status == BW_OK && !bw_slice_is(name, "__key__"))
            out->projection[out->projection_count++] = name;
    }
    out->has_projection = out->projection_count > 0;
    out->keys_only = node->count > 0 && !out->has_projection;
    return status;
}

static bw_status parse_distinct(const ds_place *place, const ds_node *node, ds_query *out,
                                bw_error *err)
{
    bw_status status = ds_json_array(node, "distinctOn", err);
    if (status != BW_OK)
        return status;
    out->distinct = BW_ARENA_ARRAY(place->arena, bw_slice, node->count + 1);
    for (const ds_node *child = node->first; status == BW_OK && child; child = child->next)
        status = parse_reference(child, &out->distinct[out->distinct_count++], err);
    return status;
}

static bw_status parse_count(const ds_node *node, const char *where, int64_t *out, bw_error *err)
{
    bw_status status = ds_json_int64(node, where, out, err);
    if (status == BW_OK && (*out < 0 || *out > INT32_MAX))
        status =
            bw_error_set(err, BW_INVALID, "%s must be at least 0 and at most %d", where, INT32_MAX);
    return status;
}

/* ---- The query -------------------------------------------------------------------------------- */

enum {
    QUERY_KIND,
    QUERY_FILTER,
    QUERY_ORDER,
    QUERY_PROJECTION,
    QUERY_DISTINCT,
    QUERY_START,
    QUERY_END,
    QUERY_OFFSET,
    QUERY_LIMIT,
    QUERY_NEAREST,
    QUERY_FIELDS
};

static uint64_t hash_node(uint64_t hash, const ds_node *node)
{
    hash = (hash ^ (uint64_t)(node ? node->type + 1 : 0)) * BW_SB_HASH_PRIME;
    if (!node)
        return hash;
    bool has_text = node->type == BW_JSON_STRING || node->type == BW_JSON_NUMBER;
    hash = bw_sb_hash(hash, node->key.ptr, node->key.len) * BW_SB_HASH_PRIME + 1;
    if (has_text)
        hash = bw_sb_hash(hash, node->text.ptr, node->text.len);
    for (const ds_node *child = node->first; child; child = child->next)
        hash = hash_node(hash, child);
    return hash * BW_SB_HASH_PRIME + 2;
}

/* Everything that decides which rows come in which order. */
static uint64_t shape_of(const ds_place *place, const ds_query *query, const ds_node *const *field)
{
    uint64_t hash = BW_SB_HASH_SEED;
    const char *const texts[] = {place->project, place->database, query->name_space};
    for (size_t i = 0; i < BW_COUNT(texts); i++)
        hash = bw_sb_hash(hash, texts[i], strlen(texts[i])) * BW_SB_HASH_PRIME + 1;
    for (int i = QUERY_KIND; i <= QUERY_DISTINCT; i++)
        hash = hash_node(hash, field[i]);
    return hash;
}

static bw_status parse_bounds(const ds_place *place, const ds_node *const *field, ds_query *out,
                              bw_error *err)
{
    bw_status status = BW_OK;
    if (field[QUERY_START])
        status = ds_json_bytes(place->arena, field[QUERY_START], "startCursor", &out->start, err);
    if (status == BW_OK && field[QUERY_END])
        status = ds_json_bytes(place->arena, field[QUERY_END], "endCursor", &out->end, err);
    if (status == BW_OK && field[QUERY_OFFSET])
        status = parse_count(field[QUERY_OFFSET], "offset", &out->offset, err);
    out->has_limit = field[QUERY_LIMIT] != NULL;
    if (status == BW_OK && field[QUERY_LIMIT])
        status = parse_count(field[QUERY_LIMIT], "limit", &out->limit, err);
    return status;
}

static bw_status parse_lists(const ds_place *place, const ds_node *const *field, ds_query *out,
                             bw_error *err)
{
    bw_status status = BW_OK;
    if (field[QUERY_KIND])
        status = parse_kind(field[QUERY_KIND], out, err);
    if (status == BW_OK && field[QUERY_ORDER])
        status = parse_orders(place, field[QUERY_ORDER], out, err);
    if (status == BW_OK && field[QUERY_PROJECTION])
        status = parse_projection(place, field[QUERY_PROJECTION], out, err);
    if (status == BW_OK && field[QUERY_DISTINCT])
        status = parse_distinct(place, field[QUERY_DISTINCT], out, err);
    return status;
}

bw_status ds_query_parse(ds_store *store, const ds_place *place, const ds_node *partition,
                         const ds_node *node, ds_query *out, bw_error *err)
{
    static const char *const names[] = {"kind",       "filter",      "order",     "projection",
                                        "distinctOn", "startCursor", "endCursor", "offset",
                                        "limit",      "findNearest", NULL};
    const ds_node *field[QUERY_FIELDS];
    *out = (ds_query){.limit = -1};
    bw_status status = ds_json_fields(node, "query", names, field, err);
    if (status == BW_OK && field[QUERY_NEAREST])
        status = bw_error_set(err, BW_UNSUPPORTED, "findNearest is not supported by this sandbox");
    if (status == BW_OK)
        status = ds_parse_partition(place, partition, &out->name_space, err);
    if (status == BW_OK)
        status = parse_lists(place, field, out, err);
    if (status == BW_OK && field[QUERY_FILTER]) {
        filter_parser x = {place, out->name_space, 0};
        out->filter = BW_ARENA_NEW(place->arena, ds_filter);
        status = parse_filter(&x, field[QUERY_FILTER], out->filter, err);
    }
    if (status == BW_OK)
        status = parse_bounds(place, field, out, err);
    if (status != BW_OK)
        return status;
    out->shape = shape_of(place, out, field);
    return ds_query_locate(store, place, false, out, err);
}

bw_status ds_query_locate(ds_store *store, const ds_place *place, bool make, ds_query *query,
                          bw_error *err)
{
    return ds_partition_find(store, place->project, place->database, query->name_space, make,
                             &query->partition, err);
}
