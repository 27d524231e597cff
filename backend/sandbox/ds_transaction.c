#include "backend/sandbox/ds_transaction.h"

#include <stdlib.h>

#include "backend/sandbox/bq_base64.h"

struct ds_noted_read {
    ds_noted_read *next;
    int64_t partition, version;
    bw_slice path;
};

struct ds_noted_query {
    ds_noted_query *next;
    const ds_plan *plan;
    ds_outcome outcome;
};

static void transaction_free(ds_transaction *t)
{
    bw_arena_fini(&t->arena);
    free(t->project);
    free(t->database);
    free(t);
}

void ds_transactions_clear(ds_store *store)
{
    while (store->transactions)
        ds_transaction_end(store, store->transactions);
}

void ds_transaction_end(ds_store *store, ds_transaction *transaction)
{
    for (ds_transaction **at = &store->transactions; *at; at = &(*at)->next) {
        if (*at == transaction) {
            *at = transaction->next;
            store->open_transactions--;
            transaction_free(transaction);
            return;
        }
    }
}

static void sweep(ds_store *store)
{
    int64_t now = bw_mono_us(store->clock);
    for (ds_transaction **at = &store->transactions; *at;) {
        ds_transaction *t = *at;
        if (now - t->touched_us > DS_TRANSACTION_IDLE || now - t->begun_us > DS_TRANSACTION_LIFE) {
            *at = t->next;
            store->open_transactions--;
            transaction_free(t);
        } else {
            at = &t->next;
        }
    }
}

static bw_status read_only_options(ds_store *store, const ds_node *node, ds_transaction *t,
                                   bw_error *err)
{
    static const char *const names[] = {"readTime", NULL};
    const ds_node *read_time;
    t->read_only = true;
    bw_status status = ds_json_fields(node, "readOnly", names, &read_time, err);
    if (status == BW_OK && read_time)
        status = ds_json_time(read_time, "readTime", &t->at, err);
    return status == BW_OK && read_time ? ds_version_readable(store, t->at, err) : status;
}

static ds_transaction *by_token(ds_store *store, const ds_place *place, bw_slice token)
{
    for (ds_transaction *t = store->transactions; t; t = t->next) {
        if (token.len == DS_TRANSACTION_TOKEN && memcmp(token.ptr, t->token, token.len) == 0 &&
            strcmp(t->project, place->project) == 0 && strcmp(t->database, place->database) == 0)
            return t;
    }
    return NULL;
}

/* The previous attempt is over, whether it is still known or not. */
static bw_status read_write_options(ds_store *store, const ds_place *place, const ds_node *node,
                                    bw_error *err)
{
    static const char *const names[] = {"previousTransaction", NULL};
    const ds_node *previous;
    bw_slice token;
    bw_status status = ds_json_fields(node, "readWrite", names, &previous, err);
    if (status == BW_OK && previous) {
        status = ds_json_bytes(place->arena, previous, "previousTransaction", &token, err);
        if (status == BW_OK)
            ds_transaction_end(store, by_token(store, place, token));
    }
    return status;
}

static bw_status read_options(ds_store *store, const ds_place *place, const ds_node *options,
                              ds_transaction *t, bw_error *err)
{
    static const char *const names[] = {"readOnly", "readWrite", NULL};
    const ds_node *field[2];
    t->at = ds_version_now(store);
    bw_status status = ds_json_fields(options, "transactionOptions", names, field, err);
    if (status == BW_OK && field[0] && field[1])
        status = bw_error_set(err, BW_INVALID, "a transaction is readOnly or readWrite, not both");
    if (status == BW_OK && field[0])
        status = read_only_options(store, field[0], t, err);
    if (status == BW_OK && field[1])
        status = read_write_options(store, place, field[1], err);
    return status;
}

/* A running number, and the time so that those of another process are not mistaken for it. */
static void make_token(ds_store *store, ds_transaction *t)
{
    uint64_t parts[2] = {++store->transaction_count, (uint64_t)bw_wall_us(store->clock)};
    _Static_assert(sizeof parts == DS_TRANSACTION_TOKEN, "a token is two numbers");
    memcpy(t->token, parts, sizeof parts);
}

bw_status ds_transaction_begin(ds_store *store, const ds_place *place, const ds_node *options,
                               ds_transaction **out, bw_error *err)
{
    sweep(store);
    if (store->open_transactions >= DS_OPEN_TRANSACTIONS)
        return bw_error_set(err, BW_RATE, "too many open transactions");
    ds_transaction *t = bw_xcalloc(1, sizeof *t);
    bw_status status = read_options(store, place, options, t, err);
    if (status != BW_OK) {
        free(t);
        return status;
    }
    make_token(store, t);
    t->project = bw_xstrdup(place->project);
    t->database = bw_xstrdup(place->database);
    t->begun_us = t->touched_us = bw_mono_us(store->clock);
    t->next = store->transactions;
    store->transactions = t;
    store->open_transactions++;
    *out = t;
    return BW_OK;
}

bw_status ds_transaction_find(ds_store *store, const ds_place *place, const ds_node *token,
                              ds_transaction **out, bw_error *err)
{
    bw_slice bytes;
    bw_status status = ds_json_bytes(place->arena, token, "transaction", &bytes, err);
    if (status != BW_OK)
        return status;
    sweep(store);
    ds_transaction *t = by_token(store, place, bytes);
    if (t) {
        t->touched_us = bw_mono_us(store->clock);
        *out = t;
        return BW_OK;
    }
    return bw_error_set(err, BW_INVALID,
                        "The referenced transaction has expired or is no longer valid.");
}

void ds_transaction_print(bw_buf *out, const ds_transaction *transaction)
{
    bw_buf_adds(out, "\"transaction\":\"");
    bq_base64_encode((bw_slice){transaction->token, DS_TRANSACTION_TOKEN}, out);
    bw_buf_addc(out, '"');
}

/* ---- What has been read ----------------------------------------------------------------------- */

void ds_transaction_note(ds_transaction *t, int64_t partition, bw_slice path, int64_t version)
{
    if (t->read_only)
        return;
    ds_noted_read *read = BW_ARENA_NEW(&t->arena, ds_noted_read);
    *read = (ds_noted_read){t->reads, partition, version, bw_arena_slice(&t->arena, path)};
    t->reads = read;
}

void ds_transaction_note_query(ds_transaction *t, const ds_plan *plan, const ds_outcome *outcome)
{
    if (t->read_only)
        return;
    ds_noted_query *query = BW_ARENA_NEW(&t->arena, ds_noted_query);
    *query = (ds_noted_query){t->queries, plan, *outcome};
    t->queries = query;
}

static bw_status contention(bw_error *err)
{
    return bw_error_set(err, BW_CONFLICT,
                        "Aborted due to cross-transaction contention. This occurs when multiple "
                        "transactions attempt to access the same data, requiring the service to "
                        "abort at least one in order to enforce serializability.");
}

bw_status ds_transaction_validate(ds_store *store, ds_transaction *t, bw_error *err)
{
    bw_arena scratch = BW_ARENA_INIT;
    bw_status status = BW_OK;
    for (const ds_noted_read *r = t->reads; status == BW_OK && r; r = r->next) {
        ds_row row;
        bw_arena_reset(&scratch, SIZE_MAX);
        status = ds_entity_get(store, r->partition, r->path, DS_NOW, &scratch, &row, err);
        if (status == BW_OK && row.version != r->version)
            status = contention(err);
    }
    for (const ds_noted_query *q = t->queries; status == BW_OK && q; q = q->next) {
        bool same;
        status = ds_plan_repeats(store, q->plan, &q->outcome, &same, err);
        if (status == BW_OK && !same)
            status = contention(err);
    }
    bw_arena_fini(&scratch);
    return status;
}
