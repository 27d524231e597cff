/*
 * The memory of insertAll's insertIds: an id that has been written to a table within the last minute
 * is not written again (best effort, as in BigQuery: the newest 65,536 ids). Threads: any.
 */
#ifndef BW_SANDBOX_INSERT_IDS_H
#define BW_SANDBOX_INSERT_IDS_H

#include "backend/sandbox/bq_catalog.h"

typedef struct bw_sb_insert_ids bw_sb_insert_ids;

bw_sb_insert_ids *bw_sb_insert_ids_new(const bw_clock *clock);
void bw_sb_insert_ids_free(bw_sb_insert_ids *ids);
/* True when the id is new for the table, and remembers it. */
bool bw_sb_insert_ids_claim(bw_sb_insert_ids *ids, bq_table_ref table, const char *id);
/* Forgets a claim whose row was not written after all. */
void bw_sb_insert_ids_release(bw_sb_insert_ids *ids, bq_table_ref table, const char *id);

#endif
