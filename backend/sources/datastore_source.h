/* A source of type datastore: its settings, its client, and the queries that all of it asks. */
#ifndef BW_SOURCES_DATASTORE_SOURCE_H
#define BW_SOURCES_DATASTORE_SOURCE_H

#include "backend/google/datastore.h"
#include "backend/google/entity.h"
#include "backend/sources/source.h"

#define BW_DS_SETTINGS 6
/* Entities to ask for before it is known how large they are. */
#define BW_DS_FIRST_PAGE 50
extern const bw_setting bw_ds_settings[BW_DS_SETTINGS];

typedef struct bw_dssource {
    const bw_source_env *env;
    bw_datastore *client;
    bw_arena arena;
    bw_partition home;    /* of every key; borrowed from client and arena */
    const char *ancestor; /* its path as it was written, or NULL */
    bw_slice ancestor_key;
    int64_t sample;
    bool point_in_time;
} bw_dssource;

BW_NODISCARD bw_status bw_dssource_open(const bw_config_node *settings, const bw_source_env *env,
                                        bw_dssource **out, bw_error *err);
void bw_dssource_close(bw_dssource *source);

/* What a query selects; absent parts are left out. */
typedef struct bw_dsfilter {
    const char *kind;
    bool everywhere;    /* not only below the source's ancestor: statistics and metadata */
    const char *equal;  /* a string property with ... */
    const char *to;     /* ... this value */
    const char *cursor; /* a timestamp property, in whose order results come */
    int64_t from_us;    /* cursor > from_us, or BW_TIME_NONE */
    int64_t to_us;      /* cursor <= to_us, or BW_TIME_NONE */
    bw_slice after;     /* Key JSON: __key__ > after, or {NULL, 0} */
    bool keys_only;
    bool by_key; /* results in the order of their keys */
} bw_dsfilter;

/* The Query JSON, in the arena. */
bw_slice bw_dssource_query(const bw_dssource *source, const bw_dsfilter *filter, bw_arena *arena);
/* Whether the key is of that kind and not outside of the source's ancestor. */
bool bw_dssource_has(const bw_dssource *source, const char *kind, bw_slice key);
/* The service's clock. */
BW_NODISCARD bw_status bw_dssource_clock(bw_dssource *source, int64_t *now_us, bw_error *err);
/* Entities that the filter selects, as of `at_us` (0: now); -1 when there are more than `up_to` (0: no
   limit). */
BW_NODISCARD bw_status bw_dssource_count(bw_dssource *source, const bw_dsfilter *filter,
                                         int64_t up_to, int64_t at_us, int64_t *count,
                                         bw_error *err);
/* The kinds that match the pattern, sorted, in the arena. */
BW_NODISCARD bw_status bw_dssource_list(bw_dssource *source, const char *pattern, bw_arena *arena,
                                        const char *const **names, size_t *count, bw_error *err);
/* How many entities and bytes the kind has, by the daily statistics, else by counting (when `count`)
   up to a limit; -1 where unknown, or not for us to know. */
BW_NODISCARD bw_status bw_dssource_estimate(bw_dssource *source, const char *kind, bool count,
                                            double *rows, int64_t *bytes, bw_error *err);

#endif
