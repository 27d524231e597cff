/*
 * The services of Google Cloud's operations suite and Secret Manager: what a program that runs
 * unattended writes its log and its metrics to, and reads its passwords from. Logging v2, Monitoring
 * v3 with its dashboards (v1), Secret Manager v1. Specification: their discovery documents.
 */
#ifndef BW_SANDBOX_OPERATIONS_H
#define BW_SANDBOX_OPERATIONS_H

#include "backend/core/clock.h"
#include "backend/sandbox/db.h"
#include "backend/sandbox/pubsub.h"

typedef struct bw_sb_operations {
    bw_sb_db *db;
    const bw_clock *clock;
    uint64_t entry_number; /* guarded by db: makes the insertIds that clients leave out unique */
    bw_sb_pubsub *pubsub;  /* whose backlog is shown; NULL: there are no subscriptions */
} bw_sb_operations;

/* `dir` NULL: in memory. The clock must outlive it. */
BW_NODISCARD bw_status bw_sb_operations_open(const char *dir, const bw_clock *clock,
                                             bw_sb_operations *out, bw_error *err);
void bw_sb_operations_close(bw_sb_operations *operations);

bw_sb_service bw_sb_logging_service(bw_sb_operations *operations);
bw_sb_service bw_sb_monitoring_service(bw_sb_operations *operations);
bw_sb_service bw_sb_dashboards_service(bw_sb_operations *operations);
bw_sb_service bw_sb_secrets_service(bw_sb_operations *operations);

/* ---- What they share -------------------------------------------------------------------------- */

/* Nanoseconds of the wall clock. */
int64_t bw_sb_now_ns(const bw_sb_operations *operations);
/* 400 INVALID_ARGUMENT. Returns BW_SB_DONE. */
bw_sb_outcome bw_sb_reply_bad(bw_sb_reply *reply, const char *fmt, ...) BW_PRINTF(2, 3);
/* pageSize and pageToken (a number, opaque to clients). False after answering 400. */
bool bw_sb_ops_page(bw_sb_request *r, bw_sb_reply *reply, int64_t default_size, int64_t max_size,
                    int64_t *size, int64_t *offset);
/* ,"nextPageToken":"..." */
void bw_sb_ops_add_page(bw_buf *out, int64_t offset);
bool bw_sb_ops_page_token(const char *token, int64_t *offset);
/* An enumeration's name, from its name or number in JSON; NULL when it is neither. `names` begins
   with number 0. */
const char *bw_sb_ops_enum(bw_arena *arena, bw_slice raw, const char *const *names, size_t count);
/* An entity tag of a resource's text. */
void bw_sb_ops_etag(bw_slice text, char out[24]);

#endif
