/* runAggregationQuery: count, sum and avg over the rows of a query. */
#include "backend/sandbox/ds_call.h"
#include "backend/sandbox/ds_order.h"
#include "backend/sandbox/ds_query.h"
#include "backend/sandbox/ds_virtual.h"

#define MAX_AGGREGATIONS 5

typedef enum aggregate_kind { COUNT, SUM, AVG } aggregate_kind;

typedef struct aggregate {
    aggregate_kind kind;
    bw_slice alias;
    bw_slice name; /* of the property */
    int64_t property;
    int64_t up_to; /* of a count: 0 is without bound */
    int64_t count; /* rows, or numeric values */
    bool doubles;  /* there is one among the values */
    double number;
    __int128 integer;
} aggregate;

typedef struct aggregation {
    ds_call *call;
    ds_query query;
    ds_reading reading;
    aggregate items[MAX_AGGREGATIONS];
    size_t count, unnamed;
    bw_status status;
    bw_error *err;
} aggregation;

/* ---- The request ------------------------------------------------------------------------------ */

static bw_status parse_count(const ds_node *node, aggregate *out, bw_error *err)
{
    static const char *const names[] = {"upTo", NULL};
    const ds_node *up_to;
    out->kind = COUNT;
    bw_status status = ds_json_fields(node, "count", names, &up_to, err);
    if (status != BW_OK || !up_to)
        return status;
    status = ds_json_int64(up_to, "upTo", &out->up_to, err);
    if (status == BW_OK && out->up_to <= 0)
        status = bw_error_set(err, BW_INVALID, "upTo must be greater than zero");
    return status;
}

static bw_status parse_property(const ds_node *node, aggregate_kind kind, aggregate *out,
                                bw_error *err)
{
    static const char *const names[] = {"property", NULL}, *const reference[] = {"name", NULL};
    const ds_node *property, *name = NULL;
    out->kind = kind;
    bw_status status = ds_json_fields(node, "aggregation", names, &property, err);
    if (status == BW_OK)
        status = ds_json_fields(property, "property", reference, &name, err);
    if (status == BW_OK && name)
        status = ds_json_text(name, "property.name", &out->name, err);
    if (status == BW_OK && (out->name.len == 0 || bw_slice_is(out->name, "__key__")))
        status = bw_error_set(err, BW_INVALID, "sum and avg need the name of a property");
    return status;
}

static bw_status parse_aggregate(aggregation *a, const ds_node *node, bw_error *err)
{
    static const char *const names[] = {"alias", "count", "sum", "avg", NULL};
    const ds_node *field[4];
    aggregate *out = &a->items[a->count++];
    bw_status status = ds_json_fields(node, "aggregations", names, field, err);
    if (status != BW_OK)
        return status;
    if ((field[1] != NULL) + (field[2] != NULL) + (field[3] != NULL) != 1)
        return bw_error_set(err, BW_INVALID, "an aggregation is one of count, sum and avg");
    if (field[1])
        status = parse_count(field[1], out, err);
    else
        status = parse_property(field[2] ? field[2] : field[3], field[2] ? SUM : AVG, out, err);
    if (status == BW_OK && field[0])
        status = ds_json_text(field[0], "alias", &out->alias, err);
    if (!out->alias.len)
        out->alias =
            bw_slice_cstr(bw_arena_printf(a->call->place.arena, "property_%zu", ++a->unnamed));
    for (size_t i = 0; status == BW_OK && i + 1 < a->count; i++) {
        if (bw_slice_eq(a->items[i].alias, out->alias))
            status = bw_error_set(err, BW_INVALID, "the alias %.*s is given twice",
                                  BW_SLICE_ARG(out->alias));
    }
    return status;
}

static bw_status parse(aggregation *a, const ds_node *partition, const ds_node *node, bw_error *err)
{
    static const char *const names[] = {"nestedQuery", "aggregations", NULL};
    const ds_node *field[2];
    bw_status status = ds_json_fields(node, "aggregationQuery", names, field, err);
    if (status == BW_OK && field[1])
        status = ds_json_array(field[1], "aggregations", err);
    if (status != BW_OK)
        return status;
    if (!field[1] || field[1]->count == 0 || field[1]->count > MAX_AGGREGATIONS)
        return bw_error_set(err, BW_INVALID, "a query has 1 to %d aggregations", MAX_AGGREGATIONS);
    for (const ds_node *child = field[1]->first; status == BW_OK && child; child = child->next)
        status = parse_aggregate(a, child, err);
    if (status == BW_OK)
        status =
            ds_query_parse(a->call->store, &a->call->place, partition, field[0], &a->query, err);
    if (status == BW_OK && !a->query.has_kind) {
        for (size_t i = 0; status == BW_OK && i < a->count; i++) {
            if (a->items[i].kind != COUNT)
                status = bw_error_set(err, BW_INVALID, "kind is required for sum and avg");
        }
    }
    return status;
}

/* ---- The rows --------------------------------------------------------------------------------- */

static bw_status add_value(aggregation *a, aggregate *item, int64_t entity)
{
    ds_store *store = a->call->store;
    sqlite3_stmt *stmt = ds_store_bound(store, DS_SQL_INDEX_VALUE, "ii", entity, item->property);
    bw_status status = ds_store_row(store, stmt, a->err);
    bw_slice bytes = status == BW_OK ? bw_sb_db_bytes(stmt, 0) : (bw_slice){"", 0};
    ds_type type = ds_order_type(bytes);
    ds_value value;
    /* Only numbers are read: nothing else may fill the arena. */
    bool numeric = bytes.len && (type == DS_INTEGER || type == DS_DOUBLE) &&
                   ds_order_read_value(a->call->place.arena, bytes, &value);
    bw_sb_db_done(store->db, stmt);
    if (numeric) {
        item->count++;
        item->doubles = item->doubles || type == DS_DOUBLE;
        if (type == DS_INTEGER)
            item->integer += value.as.integer;
        else
            item->number += value.as.number;
    }
    return status == BW_NOT_FOUND ? BW_OK : status;
}

static bool add_row(void *user, const ds_hit *hit, bool skipped)
{
    aggregation *a = user;
    bool wanted = false;
    if (skipped)
        return true;
    for (size_t i = 0; i < a->count && a->status == BW_OK; i++) {
        aggregate *item = &a->items[i];
        if (item->kind != COUNT)
            a->status = add_value(a, item, hit->id);
        else if (!item->up_to || item->count < item->up_to)
            item->count++;
        wanted = wanted || item->kind != COUNT || !item->up_to || item->count < item->up_to;
    }
    return a->status == BW_OK && wanted;
}

/* ---- The answer ------------------------------------------------------------------------------- */

static ds_value result_of(const aggregate *item)
{
    ds_value v = {.type = DS_INTEGER};
    double sum = item->number + (double)item->integer;
    bool fits = item->integer >= INT64_MIN && item->integer <= INT64_MAX;
    if (item->kind == COUNT) {
        v.as.integer = item->count;
    } else if (item->kind == AVG && item->count == 0) {
        v.type = DS_NULL;
    } else if (item->kind == AVG) {
        v.type = DS_DOUBLE;
        v.as.number = sum / (double)item->count;
    } else if (item->doubles || !fits) {
        v.type = DS_DOUBLE;
        v.as.number = sum;
    } else {
        v.as.integer = (int64_t)item->integer;
    }
    return v;
}

static void print_response(aggregation *a)
{
    bw_buf *out = a->call->out;
    ds_entity properties = {.count = a->count};
    properties.properties = BW_ARENA_ARRAY(a->call->place.arena, ds_property, a->count);
    for (size_t i = 0; i < a->count; i++)
        properties.properties[i] = (ds_property){a->items[i].alias, result_of(&a->items[i])};
    bw_buf entity = BW_BUF_INIT;
    ds_print_entity(&entity, &properties);
    /* {"properties":{...}} becomes "aggregateProperties":{...} */
    bw_buf_adds(out, "{\"batch\":{\"aggregationResults\":[{\"aggregateProperties\":");
    bw_buf_consume(&entity, strlen("{\"properties\":"));
    bw_buf_add(out, entity.ptr, entity.len - 1);
    bw_buf_fini(&entity);
    bw_buf_adds(out, "}],\"moreResults\":\"NO_MORE_RESULTS\"");
    ds_call_add_read_time(a->call, &a->reading);
    bw_buf_addc(out, '}');
    ds_call_add_transaction(a->call, &a->reading);
    bw_buf_addc(out, '}');
}

static bw_status run(aggregation *a, bool virtual, bw_error *err)
{
    ds_store *store = a->call->store;
    ds_transaction *t = virtual ? NULL : a->reading.transaction;
    bw_arena *arena = t ? &t->arena : a->call->place.arena;
    ds_plan *plan = BW_ARENA_NEW(arena, ds_plan);
    ds_layout layout;
    ds_outcome outcome;
    bw_status status = ds_query_locate(store, &a->call->place, t != NULL, &a->query, err);
    for (size_t i = 0; status == BW_OK && i < a->count; i++)
        status = ds_property_find(store, a->query.partition, a->query.kind, a->items[i].name, false,
                                  &a->items[i].property, err);
    if (status == BW_OK)
        status = ds_query_plan(store, &a->query, t != NULL, arena, &layout, plan, err);
    if (status == BW_OK)
        status = ds_plan_run(store, plan, a->reading.at, add_row, a, &outcome, err);
    if (status == BW_OK)
        status = a->status;
    if (status == BW_OK && t)
        ds_transaction_note_query(t, plan, &outcome);
    if (status == BW_OK)
        print_response(a);
    return status;
}

bw_status ds_method_run_aggregation_query(ds_call *call, bw_error *err)
{
    static const char *const names[] = {
        "databaseId", "partitionId",    "readOptions", "aggregationQuery",
        "gqlQuery",   "explainOptions", NULL};
    const ds_node *field[6];
    aggregation a = {.call = call, .err = err};
    bool made = false;
    bw_status status = ds_json_fields(call->body, "runAggregationQuery", names, field, err);
    if (status == BW_OK && (field[4] || field[5]))
        status = bw_error_set(err, BW_UNSUPPORTED, "%s is not supported by this sandbox",
                              field[4] ? "gqlQuery" : "explainOptions");
    if (status == BW_OK && !field[3])
        status = bw_error_set(err, BW_INVALID, "one of aggregationQuery and gqlQuery must be set");
    if (status == BW_OK)
        status = parse(&a, field[1], field[3], err);
    if (status == BW_OK)
        status = ds_call_reading(call, field[2], &a.reading, err);
    if (status == BW_OK)
        status = ds_virtual_make(call, a.query.name_space, a.query.kind, a.reading.at, &made, err);
    if (status == BW_OK)
        status = run(&a, made, err);
    if (made)
        ds_store_undo(call->store);
    return status;
}
