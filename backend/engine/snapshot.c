#include "backend/engine/snapshot_box.h"

#include <stdlib.h>

bw_snapshot_box *bw_snapshot_box_new(void)
{
    bw_snapshot_box *box = bw_xcalloc(1, sizeof(*box));
    atomic_init(&box->refs, 1);
    return box;
}

void bw_snapshot_unref(const bw_snapshot *snapshot)
{
    bw_snapshot_box *box = (bw_snapshot_box *)(uintptr_t)snapshot;
    if (!box || atomic_fetch_sub(&box->refs, 1) > 1)
        return;
    for (size_t i = 0; i < box->n_details; i++)
        bw_detail_box_unref(box->details[i]);
    bw_arena_fini(&box->arena);
    free(box);
}

const bw_sync_view *bw_snapshot_find(const bw_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->n_syncs; i++) {
        if (strcmp(snapshot->syncs[i].name, name) == 0)
            return &snapshot->syncs[i];
    }
    return NULL;
}
