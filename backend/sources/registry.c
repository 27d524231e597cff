#include "backend/sources/datastore.h"
#include "backend/sources/postgres.h"
#include "backend/sources/pubsub.h"

static const bw_source_class *const classes[] = {
    &bw_source_postgres,
    &bw_source_pubsub,
    &bw_source_datastore,
};

const bw_source_class *const *bw_source_classes(size_t *count)
{
    *count = BW_COUNT(classes);
    return classes;
}

const bw_source_class *bw_source_find(const char *kind)
{
    for (size_t i = 0; i < BW_COUNT(classes); i++) {
        if (strcmp(classes[i]->kind, kind) == 0)
            return classes[i];
    }
    return NULL;
}

const char *bw_sync_mode_name(bw_sync_mode mode)
{
    static const char *const names[] = {"auto", "upsert", "append", "replace", "events"};
    return (size_t)mode < BW_COUNT(names) ? names[mode] : "?";
}
