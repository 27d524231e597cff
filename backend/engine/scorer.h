/*
 * The record scores of a run: every row where the raw table keeps them, else a sample (the
 * first thousand of a run, then one in 128), because nothing else would read them. The anomaly model learns from what is
 * scored and is committed with the batch.
 * Threads: the worker of the run.
 */
#ifndef BW_ENGINE_SCORER_H
#define BW_ENGINE_SCORER_H

#include "backend/core/arena.h"
#include "backend/engine/snapshot.h"
#include "backend/model/schema.h"

typedef struct bw_row_scorer bw_row_scorer;

typedef struct bw_scorer_options {
    const bw_schema *schema;
    int cursor; /* -1: none */
    bool all;   /* score every row */
    int64_t freshness_target_us;
    int64_t now_us; /* the source's */
    bw_slice model; /* serialised, or empty */
} bw_scorer_options;

bw_row_scorer *bw_scorer_new(const bw_scorer_options *options);
void bw_scorer_free(bw_row_scorer *s);
/* What the rows' lag counts from, from now on: the source's time. */
void bw_scorer_set_now(bw_row_scorer *s, int64_t now_us);
/* The row's confidence, or NAN when it is not in the sample. */
double bw_scorer_row(bw_row_scorer *s, const bw_value *row);
/* The model as it is now, for the commit. */
void bw_scorer_model(const bw_row_scorer *s, bw_buf *out);
/* Means and reasons for the Sync screen; strings in the arena. */
void bw_scorer_report(const bw_row_scorer *s, bw_arena *arena, bw_sync_detail *out);

#endif
