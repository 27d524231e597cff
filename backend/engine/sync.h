/*
 * A sync as the configuration states it: which table of which source goes where, how and when. An
 * entry whose table is a pattern is expanded against the source's catalog into one definition per
 * table. Everything lives in the arena it was built in. Threads: any after building.
 */
#ifndef BW_ENGINE_SYNC_H
#define BW_ENGINE_SYNC_H

#include "backend/config/config.h"
#include "backend/destination/destination.h"
#include "backend/sources/source.h"

typedef struct bw_sync_def {
    const char *name;        /* "shop.orders" */
    const char *source_name; /* "shop" */
    const bw_source_class *source;
    const bw_config_node *source_node, *node;
    bool pattern; /* spec.table is a pattern: to be expanded, never run */
    const char *const *exclude;
    size_t n_exclude;
    bw_table_spec spec;
    bw_sync_mode mode; /* AUTO until the table is described */
    const bw_schedule *schedule;
    const char *schedule_text;
    const char *const *further; /* targets: "table", "dataset.table" or "project.dataset.table" */
    size_t n_further;
    const char *dead_letter_subscription; /* whose messages become dead letters; or NULL */
    bw_target_spec target;  /* owner and the mode's columns are filled in by the run */
    const char *start_from; /* NULL, "destination" or RFC 3339 */
    int64_t backfill_span_us;
    int64_t freshness_target_us;
    int64_t stall_timeout_us;
    int64_t max_bytes_per_day;
    int64_t max_dead_letters; /* -1: unlimited */
    bw_compression compression;
    bool allow_empty, only_if_empty;
    /* "name: value" of the settings in force. */
    const char *const *settings;
    size_t n_settings;
    const char *rival; /* the sync that writes to the same table: this one must not; or NULL */
} bw_sync_def;

/* The definitions of the configuration, in its order. INVALID names the place in the file: also when
   two have one name or one target. */
BW_NODISCARD bw_status bw_sync_defs_read(const bw_config *config, bw_arena *arena,
                                         bw_sync_def **out, size_t *count, bw_error *err);
/* The definition of one table that a pattern's definition matched. */
void bw_sync_def_expand(const bw_sync_def *pattern, const char *table, bw_arena *arena,
                        bw_sync_def *out);
/* The mode in force for a table that has been described. INVALID: it lacks what the mode needs. */
BW_NODISCARD bw_status bw_sync_resolve_mode(const bw_sync_def *def, const bw_table_info *info,
                                            bw_sync_mode *out, bw_error *err);
/* The target with the columns that the mode and the table add; `owner` is the store's id. */
void bw_sync_target_spec(const bw_sync_def *def, bw_sync_mode mode, const bw_table_info *info,
                         const char *owner, bw_target_spec *out);
/* Makes of the target's spec that of a further one, named "table", "dataset.table" or
   "project.dataset.table". */
void bw_sync_further_spec(const char *name, bw_arena *arena, bw_target_spec *spec);
/* Whether it reads a stream that has no end: one run after the other, each until it yields. */
bool bw_sync_is_stream(const bw_sync_def *def);
/* Whether both read the same table; patterns read none. */
bool bw_sync_defs_same_table(const bw_sync_def *a, const bw_sync_def *b);
/* Whether both would write to one table (the raw tables count); patterns write to none. */
bool bw_sync_defs_clash(const bw_sync_def *a, const bw_sync_def *b);
/* INVALID for a definition with a rival. */
BW_NODISCARD bw_status bw_sync_check_rival(const bw_sync_def *def, bw_error *err);
/* Whether an expanded definition is excluded by the pattern's `exclude`. */
bool bw_sync_def_excludes(const bw_sync_def *pattern, const char *table);

#endif
