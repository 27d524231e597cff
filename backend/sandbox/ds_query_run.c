/* runQuery: one batch of a query's results. */
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/ds_call.h"
#include "backend/sandbox/ds_mutation.h"
#include "backend/sandbox/ds_order.h"
#include "backend/sandbox/ds_query.h"
#include "backend/sandbox/ds_virtual.h"

/* A batch ends with either; the client asks for the next one from endCursor. */
#define BATCH_ROWS 300
#define BATCH_SIZE ((size_t)1 << 20)

typedef struct batch {
    ds_call *call;
    const ds_query *query;
    ds_layout layout;
    ds_mask mask;
    bw_buf results, end_cursor, skipped_cursor;
    size_t rows;
    bw_status status;
    bw_error *err;
} batch;

/* ---- Results ---------------------------------------------------------------------------------- */

static bool key_of(batch *b, const ds_hit *hit, ds_key *key)
{
    *key = (ds_key){.project = b->call->place.project,
                    .database = b->call->place.database,
                    .name_space = b->query->name_space};
    return ds_order_read_path(b->call->place.arena, hit->path, key);
}

/* The values come from the index, as the service's do. */
static bw_status add_projected(batch *b, const ds_hit *hit)
{
    ds_key key;
    ds_entity entity = {.key = &key};
    bool ok = key_of(b, hit, &key);
    entity.properties =
        BW_ARENA_ARRAY(b->call->place.arena, ds_property, b->query->projection_count + 1);
    for (size_t i = 0; ok && i < b->query->projection_count; i++) {
        ds_property *p = &entity.properties[entity.count++];
        p->name = b->query->projection[i];
        for (size_t k = 0; ok && k < b->layout.count; k++) {
            if (bw_slice_eq(b->layout.columns[k].name, p->name))
                ok = ds_order_read_value(b->call->place.arena, hit->values[k], &p->value);
        }
    }
    if (!ok)
        return bw_error_set(b->err, BW_INTERNAL, "the sandbox's index is damaged");
    ds_print_entity(&b->results, &entity);
    return BW_OK;
}

static bw_status add_key_only(batch *b, const ds_hit *hit)
{
    ds_key key;
    if (!key_of(b, hit, &key))
        return bw_error_set(b->err, BW_INTERNAL, "the sandbox's index is damaged");
    bw_buf_adds(&b->results, "{\"key\":");
    ds_print_key(&b->results, &key);
    bw_buf_addc(&b->results, '}');
    return BW_OK;
}

static bw_status add_full(batch *b, const ds_hit *hit)
{
    bw_slice json;
    ds_entity *entity, kept = {0};
    bw_status status = ds_entity_json(b->call->store, hit->id, b->call->place.arena, &json, b->err);
    if (status != BW_OK)
        return status;
    if (!b->mask.given) {
        bw_buf_add(&b->results, json.ptr, json.len);
        return BW_OK;
    }
    status = ds_parse_stored(&b->call->place, json, &entity, b->err);
    if (status != BW_OK)
        return status;
    kept.key = entity->key;
    ds_mask_merge(b->call->place.arena, &b->mask, entity, &kept);
    ds_print_entity(&b->results, &kept);
    return BW_OK;
}

static void keep_cursor(batch *b, const ds_hit *hit, bw_buf *to)
{
    bw_buf_clear(to);
    ds_cursor_print(to, b->query, b->layout.count, hit);
}

static bool add_result(void *user, const ds_hit *hit, bool skipped)
{
    batch *b = user;
    if (skipped) {
        keep_cursor(b, hit, &b->skipped_cursor);
        return true;
    }
    bw_buf_adds(&b->results, b->rows++ ? ",{\"entity\":" : "{\"entity\":");
    b->status = b->query->keys_only        ? add_key_only(b, hit)
                : b->query->has_projection ? add_projected(b, hit)
                                           : add_full(b, hit);
    keep_cursor(b, hit, &b->end_cursor);
    bw_buf_adds(&b->results, ",\"cursor\":\"");
    bw_buf_add(&b->results, b->end_cursor.ptr, b->end_cursor.len);
    bw_buf_adds(&b->results, "\",");
    bw_buf *out = b->call->out;
    b->call->out = &b->results;
    ds_call_add_version(b->call, hit->version, hit->created);
    b->call->out = out;
    bw_buf_addc(&b->results, '}');
    return b->status == BW_OK && b->rows < BATCH_ROWS && b->results.len < BATCH_SIZE;
}

/* ---- The answer ------------------------------------------------------------------------------- */

static const char *more_results(const batch *b, const ds_outcome *outcome)
{
    if (outcome->more)
        return "NOT_FINISHED";
    if (outcome->limited)
        return "MORE_RESULTS_AFTER_LIMIT";
    return b->query->end.len ? "MORE_RESULTS_AFTER_CURSOR" : "NO_MORE_RESULTS";
}

static void print_end_cursor(batch *b)
{
    bw_buf *out = b->call->out;
    bw_buf_adds(out, ",\"endCursor\":\"");
    if (b->end_cursor.len)
        bw_buf_add(out, b->end_cursor.ptr, b->end_cursor.len);
    else if (b->skipped_cursor.len)
        bw_buf_add(out, b->skipped_cursor.ptr, b->skipped_cursor.len);
    else if (b->query->start.len)
        bq_base64_encode(b->query->start, out);
    else
        ds_cursor_print(out, b->query, b->layout.count, NULL);
    bw_buf_addc(out, '"');
}

static void print_batch(batch *b, const ds_reading *reading, const ds_outcome *outcome)
{
    bw_buf *out = b->call->out;
    const char *type = b->query->keys_only        ? "KEY_ONLY"
                       : b->query->has_projection ? "PROJECTION"
                                                  : "FULL";
    bw_buf_addf(out, "{\"batch\":{\"entityResultType\":\"%s\",\"entityResults\":[", type);
    bw_buf_add(out, b->results.ptr, b->results.len);
    bw_buf_addc(out, ']');
    print_end_cursor(b);
    if (outcome->skipped) {
        bw_buf_addf(out, ",\"skippedResults\":%lld,\"skippedCursor\":\"",
                    (long long)outcome->skipped);
        bw_buf_add(out, b->skipped_cursor.ptr, b->skipped_cursor.len);
        bw_buf_addc(out, '"');
    }
    bw_buf_addf(out, ",\"moreResults\":\"%s\"", more_results(b, outcome));
    ds_call_add_read_time(b->call, reading);
    bw_buf_addc(out, '}');
    ds_call_add_transaction(b->call, reading);
    bw_buf_addc(out, '}');
}

static bw_status run(batch *b, const ds_reading *reading, bool virtual, bw_error *err)
{
    ds_transaction *t = virtual ? NULL : reading->transaction;
    bw_arena *arena = t ? &t->arena : b->call->place.arena;
    ds_plan *plan = BW_ARENA_NEW(arena, ds_plan);
    ds_outcome outcome;
    b->err = err;
    bw_status status =
        ds_query_plan(b->call->store, b->query, t != NULL, arena, &b->layout, plan, err);
    if (status == BW_OK)
        status = ds_plan_run(b->call->store, plan, reading->at, add_result, b, &outcome, err);
    if (status == BW_OK)
        status = b->status;
    if (status == BW_OK && t)
        ds_transaction_note_query(t, plan, &outcome);
    if (status == BW_OK)
        print_batch(b, reading, &outcome);
    bw_buf_fini(&b->results);
    bw_buf_fini(&b->end_cursor);
    bw_buf_fini(&b->skipped_cursor);
    return status;
}

bw_status ds_method_run_query(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId",   "partitionId", "readOptions",    "query",
                                        "propertyMask", "gqlQuery",    "explainOptions", NULL};
    const ds_node *field[7];
    ds_query query;
    ds_reading reading;
    batch b = {.call = call, .query = &query};
    bool made = false;
    bw_status status = ds_json_fields(call->body, "runQuery", names, field, err);
    if (status == BW_OK && (field[5] || field[6]))
        status = bw_error_set(err, BW_UNSUPPORTED, "%s is not supported by this sandbox",
                              field[5] ? "gqlQuery" : "explainOptions");
    if (status == BW_OK && !field[3])
        status = bw_error_set(err, BW_INVALID, "one of query and gqlQuery must be set");
    if (status == BW_OK)
        status = ds_parse_mask(&call->place, field[4], &b.mask, err);
    if (status == BW_OK)
        status = ds_query_parse(call->store, &call->place, field[1], field[3], &query, err);
    if (status == BW_OK)
        status = ds_call_reading(call, field[2], &reading, err);
    if (status == BW_OK)
        status = ds_virtual_make(call, query.name_space, query.kind, reading.at, &made, err);
    if (status == BW_OK)
        status =
            ds_query_locate(call->store, &call->place, reading.transaction != NULL, &query, err);
    if (status == BW_OK)
        status = run(&b, &reading, made, err);
    if (made)
        ds_store_undo(call->store);
    return status;
}
