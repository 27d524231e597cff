/*
 * The BigQuery v2 REST surface over the catalog, the SQL engine and the jobs: one service per
 * resource, all under the same prefixes. Specification: the BigQuery v2 discovery document.
 */
#ifndef BW_SANDBOX_BIGQUERY_H
#define BW_SANDBOX_BIGQUERY_H

#include <stdatomic.h>

#include "backend/sandbox/bq_catalog.h"
#include "backend/sandbox/http.h"
#include "backend/sandbox/pool.h"

typedef struct bw_sb_jobs bw_sb_jobs;
typedef struct bw_sb_uploads bw_sb_uploads;
typedef struct bw_sb_insert_ids bw_sb_insert_ids;
typedef struct bw_sb_quota bw_sb_quota;

/* Counters of GET /sandbox/stats. */
typedef struct bw_sb_stats {
    atomic_ullong requests;
    atomic_ullong upload_bytes; /* media bytes as received, before any decompression */
    atomic_ullong upload_lines; /* newlines of uncompressed media; counted under --discard only */
    atomic_ullong discarded_bytes; /* of upload_bytes, those dropped under --discard */
    atomic_ullong rows_loaded;     /* by load jobs that succeeded */
    atomic_ullong rows_inserted;   /* by insertAll */
    atomic_ullong jobs_inserted, jobs_done, jobs_failed;
} bw_sb_stats;

typedef struct bw_sb_bigquery {
    bq_catalog *catalog;
    bw_sb_jobs *jobs;
    bw_sb_uploads *uploads;
    bw_sb_insert_ids *insert_ids;
    bw_sb_quota *quota;
    bw_sb_pool *pool; /* of its own requests, which also wait for jobs there */
    const bw_clock *clock;
    bw_sb_stats *stats;
} bw_sb_bigquery;

/* Both spellings that clients use: with and without /bigquery/v2. */
extern const char *const bw_sb_bigquery_prefixes[];

bw_sb_service bw_sb_projects_service(bw_sb_bigquery *bq);
bw_sb_service bw_sb_datasets_service(bw_sb_bigquery *bq);
bw_sb_service bw_sb_tables_service(bw_sb_bigquery *bq);
bw_sb_service bw_sb_tabledata_service(bw_sb_bigquery *bq);
bw_sb_service bw_sb_jobs_service(bw_sb_bigquery *bq);
bw_sb_service bw_sb_queries_service(bw_sb_bigquery *bq);
bw_sb_service bw_sb_uploads_service(bw_sb_bigquery *bq);

/* ---- What the resources share ----------------------------------------------------------------- */

void bw_sb_reply_bq_error(bw_sb_reply *reply, const bq_error *err);
/* 400 with reason "invalid". Returns BW_SB_DONE. */
bw_sb_outcome bw_sb_reply_invalid(bw_sb_reply *reply, const char *fmt, ...) BW_PRINTF(2, 3);
/* The entity tag of If-Match without quotes; NULL when absent or "*". */
const char *bw_sb_if_match(bw_sb_request *r);
/* A location as the service writes it: multi-regions in capitals (US), regions small
   (europe-west3). NULL stays NULL. */
const char *bw_sb_location(bw_arena *arena, const char *location);
/* The object without the listed members (NULL-terminated), as text in the arena. */
const char *bw_sb_metadata(bw_arena *arena, bw_slice object, const char *const *own_members);
/* maxResults and pageToken (an offset, opaque to clients). False after answering 400. */
bool bw_sb_page_args(bw_sb_request *r, bw_sb_reply *reply, int64_t default_max, int64_t *max,
                     int64_t *offset);
/* ,"pageToken":... for the offset at which the next page begins. */
void bw_sb_add_page_token(bw_buf *out, const char *name, int64_t offset);
/* The table that the path names, borrowed from the request. */
bq_table_ref bw_sb_path_table(const bw_sb_request *r);
/* A table's reference as JSON: {"projectId":..,"datasetId":..,"tableId":..}. */
void bw_sb_add_table_reference(bw_buf *out, const char *name, bq_table_ref ref);
/* Reads one; members that are missing are NULL, projectId is then `project`. */
bq_table_ref bw_sb_table_reference(bw_arena *arena, bw_slice object, const char *project);

#endif
