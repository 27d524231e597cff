/*
 * One request to the Datastore: what its methods share. A method runs with the store's mutex held,
 * reads call->body and appends its response to call->out; what it returns becomes the HTTP status:
 * INVALID 400, NOT_FOUND 404, EXISTS 409 ALREADY_EXISTS, CONFLICT 409 ABORTED, RATE 429,
 * UNSUPPORTED 501.
 */
#ifndef BW_SANDBOX_DS_CALL_H
#define BW_SANDBOX_DS_CALL_H

#include "backend/sandbox/ds_parse.h"
#include "backend/sandbox/ds_store.h"
#include "backend/sandbox/ds_transaction.h"

typedef struct ds_call {
    ds_store *store;
    ds_place place; /* its arena dies with the request */
    const ds_node *body;
    bw_buf *out;
} ds_call;

typedef bw_status ds_method(ds_call *call, bw_error *err);

ds_method ds_method_lookup, ds_method_run_query, ds_method_run_aggregation_query,
    ds_method_begin_transaction, ds_method_commit, ds_method_rollback, ds_method_allocate_ids,
    ds_method_reserve_ids;

/* What a read is to see. */
typedef struct ds_reading {
    ds_transaction *transaction; /* NULL: none */
    bool begun;                  /* by this request, which has to say so */
    int64_t at;                  /* snapshot */
    int64_t read_time;           /* of the answer */
} ds_reading;
/* `node` is a ReadOptions or NULL. */
BW_NODISCARD bw_status ds_call_reading(ds_call *call, const ds_node *node, ds_reading *out,
                                       bw_error *err);
/* ,"readTime":"..." and, when one was begun, ,"transaction":"..." */
void ds_call_add_read_time(ds_call *call, const ds_reading *reading);
void ds_call_add_transaction(ds_call *call, const ds_reading *reading);
/* "name":"2023-..." */
void ds_call_add_time(ds_call *call, const char *name, int64_t us);
/* "version":"1","createTime":"...","updateTime":"..." of an entity; created 0: without it. */
void ds_call_add_version(ds_call *call, int64_t version, int64_t created);

/* A list of keys, all complete or all incomplete, of 1 to `max`. */
typedef struct ds_keys {
    ds_key **items;
    size_t count;
} ds_keys;
BW_NODISCARD bw_status ds_call_keys(ds_call *call, const ds_node *node, bool complete, size_t max,
                                    ds_keys *out, bw_error *err);
/* The partition of a key; 0 when there is none and it is not to be made. */
BW_NODISCARD bw_status ds_call_partition(ds_call *call, const ds_key *key, bool make, int64_t *out,
                                         bw_error *err);
/* The path of a key in the encoding of ds_order.h, in the arena. */
bw_slice ds_call_path(ds_call *call, const ds_key *key);

#endif
