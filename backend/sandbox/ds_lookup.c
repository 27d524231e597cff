/* lookup, allocateIds, reserveIds, beginTransaction and rollback. */
#include <stdlib.h>

#include "backend/sandbox/ds_call.h"
#include "backend/sandbox/ds_mutation.h"
#include "backend/sandbox/ds_virtual.h"

#define MAX_LOOKUP 1000
#define MAX_IDS    500
/* What does not fit into an answer is deferred: the client asks again. */
#define MAX_ANSWER ((size_t)8 << 20)

typedef struct lookup {
    ds_call *call;
    ds_reading reading;
    ds_mask mask;
    bw_buf missing, deferred;
    bool found_any;
} lookup;

static void add_key(bw_buf *list, const char *before, const ds_key *key, const char *after)
{
    if (list->len)
        bw_buf_addc(list, ',');
    bw_buf_adds(list, before);
    ds_print_key(list, key);
    bw_buf_adds(list, after);
}

static bw_status add_found(lookup *l, const ds_row *row, bw_error *err)
{
    bw_buf *out = l->call->out;
    bw_buf_adds(out, l->found_any ? ",{\"entity\":" : "{\"entity\":");
    l->found_any = true;
    if (l->mask.given) {
        ds_entity *entity, kept = {0};
        bw_status status = ds_parse_stored(&l->call->place, row->json, &entity, err);
        if (status != BW_OK)
            return status;
        kept.key = entity->key;
        ds_mask_merge(l->call->place.arena, &l->mask, entity, &kept);
        ds_print_entity(out, &kept);
    } else {
        bw_buf_add(out, row->json.ptr, row->json.len);
    }
    bw_buf_addc(out, ',');
    ds_call_add_version(l->call, row->version, row->created);
    bw_buf_addc(out, '}');
    return BW_OK;
}

static bw_status look_up(lookup *l, const ds_key *key, bw_slice path, bw_error *err)
{
    ds_call *call = l->call;
    int64_t partition;
    ds_row row = {0};
    if (call->out->len > MAX_ANSWER) {
        add_key(&l->deferred, "", key, "");
        return BW_OK;
    }
    bw_status status = ds_call_partition(call, key, false, &partition, err);
    if (status == BW_OK && partition)
        status = ds_entity_get(call->store, partition, path, l->reading.at, call->place.arena, &row,
                               err);
    if (status != BW_OK)
        return status;
    /* What the service computes is not in anybody's way. */
    if (l->reading.transaction && !ds_name_reserved(ds_key_last(key)->kind))
        ds_transaction_note(l->reading.transaction, partition, path, row.version);
    if (row.id)
        return add_found(l, &row, err);
    char *version = bw_arena_printf(call->place.arena, "},\"version\":\"%lld\"}",
                                    (long long)l->reading.read_time);
    add_key(&l->missing, "{\"entity\":{\"key\":", key, version);
    return BW_OK;
}

typedef struct asked {
    const ds_key *key;
    bw_slice path;
    size_t at; /* in the request */
    bool again;
} asked;

static int by_key(const void *a, const void *b)
{
    const asked *x = a, *y = b;
    size_t shorter = x->path.len < y->path.len ? x->path.len : y->path.len;
    int order = strcmp(x->key->name_space, y->key->name_space);
    order = order ? order : memcmp(x->path.ptr, y->path.ptr, shorter);
    order = order ? order : (x->path.len > y->path.len) - (x->path.len < y->path.len);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int by_position(const void *a, const void *b)
{
    const asked *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The keys in their order; what is asked again is marked, because it is answered once. */
static asked *list_keys(ds_call *call, const ds_keys *keys)
{
    asked *list = BW_ARENA_ARRAY(call->place.arena, asked, keys->count);
    for (size_t i = 0; i < keys->count; i++)
        list[i] = (asked){keys->items[i], ds_call_path(call, keys->items[i]), i, false};
    qsort(list, keys->count, sizeof *list, by_key);
    for (size_t i = 1; i < keys->count; i++)
        list[i].again = bw_slice_eq(list[i - 1].path, list[i].path) &&
                        strcmp(list[i - 1].key->name_space, list[i].key->name_space) == 0;
    qsort(list, keys->count, sizeof *list, by_position);
    return list;
}

static void add_list(bw_buf *out, const char *name, const bw_buf *items)
{
    if (!items->len)
        return;
    bw_buf_addf(out, ",\"%s\":[", name);
    bw_buf_add(out, items->ptr, items->len);
    bw_buf_addc(out, ']');
}

static bw_status look_all_up(lookup *l, const ds_keys *keys, bw_error *err)
{
    bw_status status = BW_OK;
    const asked *list = list_keys(l->call, keys);
    bw_buf_adds(l->call->out, "{\"found\":[");
    for (size_t i = 0; status == BW_OK && i < keys->count; i++) {
        if (!list[i].again)
            status = look_up(l, list[i].key, list[i].path, err);
    }
    bw_buf_addc(l->call->out, ']');
    add_list(l->call->out, "missing", &l->missing);
    add_list(l->call->out, "deferred", &l->deferred);
    ds_call_add_transaction(l->call, &l->reading);
    ds_call_add_read_time(l->call, &l->reading);
    bw_buf_addc(l->call->out, '}');
    bw_buf_fini(&l->missing);
    bw_buf_fini(&l->deferred);
    return status;
}

/* A transaction notes also what is missing, which needs the number of a partition that stays. */
static bw_status make_partitions(ds_call *call, const ds_keys *keys, bw_error *err)
{
    int64_t ignored;
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < keys->count; i++)
        status = ds_call_partition(call, keys->items[i], true, &ignored, err);
    return status;
}

bw_status ds_method_lookup(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId", "keys", "readOptions", "propertyMask", NULL};
    const ds_node *field[4];
    lookup l = {.call = call};
    ds_keys keys;
    bw_status status = ds_json_fields(call->body, "lookup", names, field, err);
    if (status == BW_OK)
        status = ds_call_keys(call, field[1], true, MAX_LOOKUP, &keys, err);
    if (status == BW_OK)
        status = ds_parse_mask(&call->place, field[3], &l.mask, err);
    if (status == BW_OK)
        status = ds_call_reading(call, field[2], &l.reading, err);
    if (status != BW_OK)
        return status;
    bool made = false;
    if (l.reading.transaction)
        status = make_partitions(call, &keys, err);
    if (status == BW_OK)
        status = ds_virtual_make_keys(call, &keys, l.reading.at, &made, err);
    if (status == BW_OK)
        status = look_all_up(&l, &keys, err);
    if (made)
        ds_store_undo(call->store);
    return status;
}

/* ---- Ids -------------------------------------------------------------------------------------- */

/* Inside a begun SQLite transaction. */
static bw_status allocate_all(ds_call *call, const ds_keys *keys, bw_error *err)
{
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < keys->count; i++) {
        int64_t partition;
        status = ds_call_partition(call, keys->items[i], true, &partition, err);
        if (status == BW_OK)
            status = ds_id_allocate(call->store, partition, keys->items[i], err);
    }
    if (status == BW_OK)
        status = ds_version_commit(call->store, call->store->last_version, err);
    return status;
}

bw_status ds_method_allocate_ids(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId", "keys", NULL};
    const ds_node *field[2];
    ds_keys keys;
    bw_status status = ds_json_fields(call->body, "allocateIds", names, field, err);
    if (status == BW_OK)
        status = ds_call_keys(call, field[1], false, MAX_IDS, &keys, err);
    if (status == BW_OK)
        status = ds_store_begin(call->store, err);
    if (status == BW_OK)
        status = ds_store_end(call->store, allocate_all(call, &keys, err), err);
    if (status != BW_OK)
        return status;
    bw_buf list = BW_BUF_INIT;
    for (size_t i = 0; i < keys.count; i++)
        add_key(&list, "", keys.items[i], "");
    bw_buf_adds(call->out, "{\"keys\":[");
    bw_buf_add(call->out, list.ptr, list.len);
    bw_buf_adds(call->out, "]}");
    bw_buf_fini(&list);
    return BW_OK;
}

static bw_status reserve_all(ds_call *call, const ds_keys *keys, bw_error *err)
{
    bw_status status = BW_OK;
    for (size_t i = 0; status == BW_OK && i < keys->count; i++) {
        int64_t partition;
        status = ds_call_partition(call, keys->items[i], true, &partition, err);
        if (status == BW_OK)
            status = ds_id_reserve(call->store, partition, keys->items[i], err);
    }
    return status;
}

bw_status ds_method_reserve_ids(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId", "keys", NULL};
    const ds_node *field[2];
    ds_keys keys;
    bw_status status = ds_json_fields(call->body, "reserveIds", names, field, err);
    if (status == BW_OK)
        status = ds_call_keys(call, field[1], true, MAX_IDS, &keys, err);
    for (size_t i = 0; status == BW_OK && i < keys.count; i++) {
        if (ds_key_last(keys.items[i])->id == 0)
            status = bw_error_set(err, BW_INVALID, "only keys with an id can be reserved");
    }
    if (status == BW_OK)
        status = ds_store_begin(call->store, err);
    if (status == BW_OK)
        status = ds_store_end(call->store, reserve_all(call, &keys, err), err);
    if (status == BW_OK)
        bw_buf_adds(call->out, "{}");
    return status;
}

/* ---- Transactions ----------------------------------------------------------------------------- */

bw_status ds_method_begin_transaction(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId", "transactionOptions", NULL};
    const ds_node *field[2];
    ds_transaction *transaction;
    bw_status status = ds_json_fields(call->body, "beginTransaction", names, field, err);
    if (status == BW_OK)
        status = ds_transaction_begin(call->store, &call->place, field[1], &transaction, err);
    if (status != BW_OK)
        return status;
    bw_buf_addc(call->out, '{');
    ds_transaction_print(call->out, transaction);
    bw_buf_addc(call->out, '}');
    return BW_OK;
}

bw_status ds_method_rollback(ds_call *call, bw_error *err)
{
    static const char *const names[] = {"databaseId", "transaction", NULL};
    const ds_node *field[2];
    ds_transaction *transaction;
    bw_status status = ds_json_fields(call->body, "rollback", names, field, err);
    if (status == BW_OK && !field[1])
        status = bw_error_set(err, BW_INVALID, "rollback needs the transaction");
    if (status == BW_OK)
        status = ds_transaction_find(call->store, &call->place, field[1], &transaction, err);
    if (status != BW_OK)
        return status;
    ds_transaction_end(call->store, transaction);
    bw_buf_adds(call->out, "{}");
    return BW_OK;
}
