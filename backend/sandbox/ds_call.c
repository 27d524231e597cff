#include "backend/sandbox/ds_call.h"

#include "backend/sandbox/ds_order.h"
#include "backend/sandbox/stamp.h"

static bw_status transaction_reading(ds_call *call, const ds_node *token, ds_reading *out,
                                     bw_error *err)
{
    bw_status status =
        ds_transaction_find(call->store, &call->place, token, &out->transaction, err);
    if (status != BW_OK)
        return status;
    if (out->transaction->failed)
        return bw_error_set(err, BW_INVALID,
                            "The referenced transaction has expired or is no longer valid.");
    out->at = out->read_time = out->transaction->at;
    return BW_OK;
}

/* Of a transaction's snapshot: others are checked when they are named. */
static bw_status check_kept(ds_call *call, const ds_reading *reading, bw_error *err)
{
    if (reading->at >= call->store->horizon)
        return BW_OK;
    return bw_error_set(err, BW_CONFLICT, "the transaction's snapshot is no longer kept");
}

bw_status ds_call_reading(ds_call *call, const ds_node *node, ds_reading *out, bw_error *err)
{
    static const char *const names[] = {"readConsistency", "transaction", "newTransaction",
                                        "readTime", NULL};
    static const ds_enum consistencies[] = {
        {0, "READ_CONSISTENCY_UNSPECIFIED"}, {1, "STRONG"}, {2, "EVENTUAL"}, {0, NULL}};
    const ds_node *field[4];
    int consistency = 0;
    *out = (ds_reading){.at = DS_NOW, .read_time = ds_version_now(call->store)};
    bw_status status = ds_json_fields(node, "readOptions", names, field, err);
    if (status == BW_OK && field[0])
        status = ds_json_enum(field[0], "readConsistency", consistencies, &consistency, err);
    if (status != BW_OK)
        return status;
    if ((consistency != 0) + (field[1] != NULL) + (field[2] != NULL) + (field[3] != NULL) > 1)
        return bw_error_set(err, BW_INVALID,
                            "readOptions has one of readConsistency, transaction, "
                            "newTransaction and readTime");
    if (field[1])
        status = transaction_reading(call, field[1], out, err);
    if (field[2]) {
        status = ds_transaction_begin(call->store, &call->place, field[2], &out->transaction, err);
        out->begun = true;
        if (status == BW_OK)
            out->at = out->read_time = out->transaction->at;
    }
    if (field[3]) {
        status = ds_json_time(field[3], "readTime", &out->read_time, err);
        if (status == BW_OK)
            status = ds_version_readable(call->store, out->read_time, err);
        out->at = out->read_time;
    }
    return status == BW_OK ? check_kept(call, out, err) : status;
}

void ds_call_add_time(ds_call *call, const char *name, int64_t us)
{
    bw_buf_addf(call->out, "\"%s\":\"", name);
    bw_sb_stamp_print_us(call->out, us);
    bw_buf_addc(call->out, '"');
}

void ds_call_add_read_time(ds_call *call, const ds_reading *reading)
{
    bw_buf_addc(call->out, ',');
    ds_call_add_time(call, "readTime", reading->read_time);
}

void ds_call_add_transaction(ds_call *call, const ds_reading *reading)
{
    if (!reading->begun)
        return;
    bw_buf_addc(call->out, ',');
    ds_transaction_print(call->out, reading->transaction);
}

void ds_call_add_version(ds_call *call, int64_t version, int64_t created)
{
    bw_buf_addf(call->out, "\"version\":\"%lld\"", (long long)version);
    if (!created)
        return;
    bw_buf_addc(call->out, ',');
    ds_call_add_time(call, "createTime", created);
    bw_buf_addc(call->out, ',');
    ds_call_add_time(call, "updateTime", version);
}

bw_status ds_call_keys(ds_call *call, const ds_node *node, bool complete, size_t max, ds_keys *out,
                       bw_error *err)
{
    bw_status status = node ? ds_json_array(node, "keys", err) : BW_OK;
    if (status != BW_OK)
        return status;
    if (!node || node->count == 0 || node->count > max)
        return bw_error_set(err, BW_INVALID, "1 to %zu keys are needed in one request", max);
    out->items = BW_ARENA_ARRAY(call->place.arena, ds_key *, node->count);
    out->count = 0;
    for (const ds_node *child = node->first; child; child = child->next) {
        ds_key **key = &out->items[out->count++];
        status = ds_parse_key(&call->place, child, complete, key, err);
        if (status != BW_OK)
            return status;
        if (!complete && ds_key_complete(*key))
            return bw_error_set(err, BW_INVALID,
                                "the key must be incomplete: its last element "
                                "has an id or a name");
    }
    return BW_OK;
}

bw_status ds_call_partition(ds_call *call, const ds_key *key, bool make, int64_t *out,
                            bw_error *err)
{
    return ds_partition_find(call->store, key->project, key->database, key->name_space, make, out,
                             err);
}

bw_slice ds_call_path(ds_call *call, const ds_key *key)
{
    bw_buf path = BW_BUF_INIT;
    ds_order_add_path(&path, key);
    bw_slice copy = bw_arena_slice(call->place.arena, bw_buf_slice(&path));
    bw_buf_fini(&path);
    return copy;
}
