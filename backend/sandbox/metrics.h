/*
 * Metrics as Monitoring keeps them: descriptors and listing. The metrics of Pub/Sub's subscriptions
 * are there without being written: their value at the present moment.
 */
#ifndef BW_SANDBOX_METRICS_H
#define BW_SANDBOX_METRICS_H

#include "backend/sandbox/operations.h"

/* Whether users may write this type: "custom.googleapis.com/..." and its like. */
bool bw_sb_metric_type_valid(const char *type);
/* ,"name":{"type":...,"labels":{...}} */
void bw_sb_metric_add_object(bw_buf *out, const char *name, const char *type, bw_slice labels);

/* Under the database's mutex. The descriptor as JSON, NULL when there is none. */
const char *bw_sb_metric_descriptor(bw_sb_operations *ops, bw_arena *arena, const char *project,
                                    const char *type);
/* Makes the descriptor that a first point implies. */
void bw_sb_metric_descriptor_make(bw_sb_operations *ops, bw_arena *arena, const char *project,
                                  const char *type, const char *kind, const char *value_type,
                                  bw_slice labels);

bw_sb_handler bw_sb_time_series_list;
bw_sb_handler bw_sb_metric_descriptors_list;

#endif
