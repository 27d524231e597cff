/* The engine's side of a snapshot: its memory and its references. Threads: made by the engine;
   unref by any. */
#ifndef BW_ENGINE_SNAPSHOT_BOX_H
#define BW_ENGINE_SNAPSHOT_BOX_H

#include <stdatomic.h>

#include "backend/engine/run.h"

typedef struct bw_snapshot_box {
    bw_snapshot snapshot; /* first: a snapshot is its box */
    atomic_int refs;
    bw_arena arena;
    bw_detail_box **details; /* in the arena; one reference each */
    size_t n_details;
} bw_snapshot_box;

bw_snapshot_box *bw_snapshot_box_new(void);

#endif
