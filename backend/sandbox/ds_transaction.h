/*
 * Transactions: what they have read, and whether it still holds. A read-write transaction reads the
 * snapshot of its beginning; its commit looks everything up and asks every query again, and fails
 * with CONFLICT (409 ABORTED) when the answers differ. They live in memory: those of a killed
 * process are no longer valid. Called with the store's mutex held.
 */
#ifndef BW_SANDBOX_DS_TRANSACTION_H
#define BW_SANDBOX_DS_TRANSACTION_H

#include "backend/sandbox/ds_parse.h"
#include "backend/sandbox/ds_plan.h"

#define DS_TRANSACTION_IDLE  (60 * BW_SECOND)
#define DS_TRANSACTION_LIFE  (270 * BW_SECOND)
#define DS_OPEN_TRANSACTIONS 10000
#define DS_TRANSACTION_TOKEN 16

typedef struct ds_noted_read ds_noted_read;
typedef struct ds_noted_query ds_noted_query;

struct ds_transaction {
    ds_transaction *next;
    char token[DS_TRANSACTION_TOKEN];
    char *project, *database;
    bool read_only;
    bool failed;                  /* may only be rolled back any more */
    int64_t at;                   /* the snapshot that it reads */
    int64_t begun_us, touched_us; /* monotonic */
    bw_arena arena;               /* of what has been noted */
    ds_noted_read *reads;
    ds_noted_query *queries;
};

void ds_transactions_clear(ds_store *store);

/* `options` is a TransactionOptions or NULL. */
BW_NODISCARD bw_status ds_transaction_begin(ds_store *store, const ds_place *place,
                                            const ds_node *options, ds_transaction **out,
                                            bw_error *err);
/* By its token, from a request; fails with INVALID when it is unknown, over or expired. */
BW_NODISCARD bw_status ds_transaction_find(ds_store *store, const ds_place *place,
                                           const ds_node *token, ds_transaction **out,
                                           bw_error *err);
/* NULL is fine. */
void ds_transaction_end(ds_store *store, ds_transaction *transaction);
/* "transaction":"...": the token in base64 */
void ds_transaction_print(bw_buf *out, const ds_transaction *transaction);

/* Notes that the entity was read with this version (0: missing). */
void ds_transaction_note(ds_transaction *transaction, int64_t partition, bw_slice path,
                         int64_t version);
/* Notes a query, whose plan lives in the transaction's arena, with what came out. */
void ds_transaction_note_query(ds_transaction *transaction, const ds_plan *plan,
                               const ds_outcome *outcome);
BW_NODISCARD bw_status ds_transaction_validate(ds_store *store, ds_transaction *transaction,
                                               bw_error *err);

#endif
