/*
 * A map from identities (strings, copied) to a number: marks, ranks. Threads: UI.
 */
#ifndef BW_VIEWS_KIT_ID_MAP_H
#define BW_VIEWS_KIT_ID_MAP_H

#include "backend/core/alloc.h"

#include <stdbool.h>

typedef struct bw_id_map {
    struct bw_id_slot {
        char *id; /* NULL: free */
        size_t value;
    } * slots;
    size_t count, size; /* size is 0 or a power of two */
} bw_id_map;

void bw_id_map_fini(bw_id_map *m);
void bw_id_map_clear(bw_id_map *m);
void bw_id_map_put(bw_id_map *m, const char *id, size_t value);
/* False when the id is not there; value may be NULL. */
bool bw_id_map_get(const bw_id_map *m, const char *id, size_t *value);
void bw_id_map_remove(bw_id_map *m, const char *id);

#endif
