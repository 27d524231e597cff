#include "backend/engine/sync.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/destination/engine_columns.h"

#define DEFAULT_FRESHNESS (5 * BW_MINUTE)

/* "public.orders" is named "orders": the default schema goes without saying. */
static const char *short_table(const char *table)
{
    static const char *const defaults[] = {"public.", "\"public\"."};
    for (size_t i = 0; i < BW_COUNT(defaults); i++) {
        size_t n = strlen(defaults[i]);
        if (strncmp(table, defaults[i], n) == 0)
            return table + n;
    }
    return table;
}

/* Without the quotes around its parts; a doubled quote inside of them stands for one. */
static char *unquoted(bw_arena *arena, const char *table)
{
    char *name = bw_arena_strdup(arena, table), *to = name;
    for (const char *p = table; *p; p++) {
        if (*p == '"' && p[1] != '"')
            continue;
        p += *p == '"';
        *to++ = *p;
    }
    *to = '\0';
    return name;
}

/* The default target of "sales.orders" is "sales_orders", of "public.orders" "orders". */
static const char *default_target(bw_arena *arena, const char *table)
{
    return bw_field_name(arena, unquoted(arena, short_table(table)));
}

static bw_status fail(bw_error *err, const bw_config_node *node, const char *path, const char *text)
{
    bw_buf where = BW_BUF_INIT;
    bw_config_where(node, path, &where);
    bw_error_set(err, BW_INVALID, "%s%s", bw_buf_cstr(&where), text);
    bw_buf_fini(&where);
    return BW_INVALID;
}

/* Puts the place of the entry, which ends with a colon and a blank, before the message. */
static bw_status at_entry(bw_error *err, const bw_config_node *node)
{
    bw_buf where = BW_BUF_INIT;
    bw_config_where(node, NULL, &where);
    int n = where.len > 2 ? (int)where.len - 2 : 0;
    bw_status s = bw_error_wrap(err, "%.*s", n, bw_buf_cstr(&where));
    bw_buf_fini(&where);
    return s;
}

static void read_as(const bw_config_node *node, bw_arena *arena, bw_table_spec *spec)
{
    const bw_config_pair *pairs;
    size_t n = bw_config_map(node, "as", &pairs);
    struct bw_column_as *as = BW_ARENA_ARRAY(arena, struct bw_column_as, n);
    for (size_t i = 0; i < n; i++) {
        as[i].column = pairs[i].name;
        as[i].type = strcmp(pairs[i].value, "json") == 0 ? BW_TYPE_JSON : BW_TYPE_STRING;
    }
    spec->as = as;
    spec->n_as = n;
}

static void read_spec(const bw_config_node *node, bw_arena *arena, bw_table_spec *spec)
{
    const char *const *items;
    spec->table = bw_config_string(node, "table");
    spec->n_columns = bw_config_list(node, "columns", &items);
    spec->columns = spec->n_columns ? items : NULL;
    spec->n_key = bw_config_list(node, "key", &items);
    spec->key = spec->n_key ? items : NULL;
    spec->cursor = bw_config_string(node, "cursor");
    spec->cursor_zone = bw_config_string(node, "cursor_zone");
    spec->lookback_us =
        bw_config_given(node, "lookback") ? bw_config_duration(node, "lookback") : -1;
    spec->late_commit_limit_us = bw_config_duration(node, "late_commit_limit");
    spec->batch_rows = bw_config_int(node, "batch.rows");
    spec->batch_bytes = bw_config_size(node, "batch.bytes");
    read_as(node, arena, spec);
}

static void read_target(const bw_config *config, const bw_config_node *node, bw_target_spec *t)
{
    const bw_config_node *top = bw_config_top(config);
    static const bw_drift_policy policies[] = {BW_ADD_COLUMNS, BW_ADD_NOTHING,
                                               BW_ADD_COLUMNS_BACKFILL};
    t->project = bw_config_string(top, "project");
    t->dataset = bw_config_has(node, "dataset") ? bw_config_string(node, "dataset")
                                                : bw_config_string(top, "dataset");
    t->table = bw_config_string(node, "target");
    t->location = bw_config_string(top, "location");
    t->partition_field = bw_config_string(node, "partition.field");
    t->partition_by = bw_config_string(node, "partition.by");
    t->n_cluster = bw_config_list(node, "cluster", &t->cluster);
    t->raw = bw_config_bool(node, "raw");
    int policy = bw_config_choice(node, "schema.add_columns");
    t->add_columns = policy < 0 ? BW_ADD_COLUMNS : policies[policy];
}

static bw_compression read_compression(const bw_config *config)
{
    static const bw_compression choices[] = {BW_COMPRESS_AUTO, BW_COMPRESS_ON, BW_COMPRESS_OFF};
    int choice = bw_config_choice(bw_config_top(config), "compression");
    return choice < 0 ? BW_COMPRESS_AUTO : choices[choice];
}

static void list_settings(const bw_config_node *node, bw_arena *arena, bw_sync_def *def)
{
    size_t n = bw_config_node_count(node), count = 0;
    const char **lines = BW_ARENA_ARRAY(arena, const char *, n);
    bw_buf b = BW_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        const bw_setting *s = bw_config_node_setting(node, i);
        if (s->same_as || !bw_config_has(node, s->path))
            continue;
        bw_buf_clear(&b);
        bw_buf_addf(&b, "%s: ", s->path);
        bw_config_value_yaml(node, i, &b);
        lines[count++] = bw_arena_strdup(arena, bw_buf_cstr(&b));
    }
    bw_buf_fini(&b);
    def->settings = lines;
    def->n_settings = count;
}

static bw_sync_mode read_mode(const bw_config_node *node)
{
    static const bw_sync_mode modes[] = {BW_MODE_AUTO, BW_MODE_UPSERT, BW_MODE_APPEND,
                                         BW_MODE_REPLACE, BW_MODE_EVENTS};
    const char *name = bw_config_string(node, "mode");
    for (size_t i = 1; name && i < BW_COUNT(modes); i++) {
        if (strcmp(name, bw_sync_mode_name(modes[i])) == 0)
            return modes[i];
    }
    return BW_MODE_AUTO;
}

/* Default freshness target: the larger of 5 min and twice the schedule. */
static int64_t freshness_target(const bw_config_node *node, const bw_schedule *schedule)
{
    if (bw_config_given(node, "freshness.target"))
        return bw_config_duration(node, "freshness.target");
    int64_t period = schedule ? bw_schedule_period(schedule, bw_wall_us(bw_clock_system())) : 0;
    return 2 * period > DEFAULT_FRESHNESS ? 2 * period : DEFAULT_FRESHNESS;
}

static void name_sync(bw_sync_def *def, bw_arena *arena)
{
    const char *table = def->spec.table;
    if (!def->name)
        def->name = bw_arena_printf(arena, "%s.%s", def->source_name, short_table(table));
    if (!def->target.table)
        def->target.table = default_target(arena, table);
}

static bw_status read_def(const bw_config *config, const bw_config_node *node, bw_arena *arena,
                          bw_sync_def *def, bw_error *err)
{
    const char *backfill;
    *def = (bw_sync_def){.node = node};
    def->source_name = bw_config_string(node, "source");
    def->source_node = bw_config_find(config, "sources", def->source_name);
    if (!def->source_node)
        return fail(err, node, "source", "there is no source of that name");
    def->source = bw_source_find(bw_config_string(def->source_node, "type"));
    if (!def->source)
        return fail(err, def->source_node, "type", "this kind of source is not built in");
    read_spec(node, arena, &def->spec);
    read_target(config, node, &def->target);
    if (!def->target.dataset)
        return fail(err, node, NULL, "no dataset: neither the sync nor the top level names one");
    def->name = bw_config_string(node, "name");
    def->n_exclude = bw_config_list(node, "exclude", &def->exclude);
    def->mode = read_mode(node);
    if (bw_sync_is_stream(def) && def->mode == BW_MODE_AUTO)
        def->mode = BW_MODE_EVENTS;
    if (bw_sync_is_stream(def)) {
        def->n_further = bw_config_list(node, "targets", &def->further);
        if (def->mode == BW_MODE_EVENTS)
            def->dead_letter_subscription = bw_config_string(node, "dead_letter_subscription");
    }
    def->schedule = bw_config_schedule(node, "schedule");
    def->start_from = bw_config_word(node, "start_from");
    if (!def->start_from && bw_config_has(node, "start_from")) {
        char *text = bw_arena_bytes(arena, BW_TIME_TEXT);
        def->start_from = bw_format_time(bw_config_time(node, "start_from"), text);
    }
    backfill = bw_config_word(node, "backfill");
    if (!backfill && bw_config_has(node, "backfill"))
        def->backfill_span_us = bw_config_duration(node, "backfill");
    def->freshness_target_us = freshness_target(node, def->schedule);
    def->stall_timeout_us = bw_config_duration(node, "stall_timeout");
    def->max_bytes_per_day = bw_config_size(node, "max_bytes_per_day");
    def->compression = read_compression(config);
    def->max_dead_letters = bw_config_int(node, "max_dead_letters");
    /* A stream has no end at which a flood would stop: what does not fit waits, the rest goes on. */
    if (bw_sync_is_stream(def) && !bw_config_given(node, "max_dead_letters"))
        def->max_dead_letters = -1;
    def->allow_empty = bw_config_bool(node, "allow_empty");
    def->only_if_empty = bw_config_bool(node, "only_if_empty");
    list_settings(node, arena, def);
    for (size_t i = 0; i < def->n_settings; i++) {
        if (strncmp(def->settings[i], "schedule: ", 10) == 0)
            def->schedule_text = def->settings[i] + 10;
    }
    def->pattern = strpbrk(def->spec.table, "*?[") != NULL;
    if (def->pattern && (def->name || def->target.table || def->spec.n_key || def->spec.n_columns))
        return fail(err, node, "table",
                    "a pattern stands for many tables: it takes no name, target, key or columns");
    name_sync(def, arena);
    if (def->pattern)
        def->target.table = NULL;
    return BW_OK;
}

bool bw_sync_is_stream(const bw_sync_def *def)
{
    return def->source && (def->source->capabilities & BW_SOURCE_STREAM) != 0;
}

bool bw_sync_defs_same_table(const bw_sync_def *a, const bw_sync_def *b)
{
    return !a->pattern && !b->pattern && strcmp(a->source_name, b->source_name) == 0 &&
           strcmp(short_table(a->spec.table), short_table(b->spec.table)) == 0;
}

/* Whether the raw table of `a` is the table of `b`. */
static bool is_raw_of(const bw_target_spec *a, const bw_target_spec *b)
{
    size_t n = strlen(a->table);
    return a->raw && strncmp(b->table, a->table, n) == 0 &&
           strcmp(b->table + n, BW_RAW_SUFFIX) == 0;
}

bool bw_sync_defs_clash(const bw_sync_def *a, const bw_sync_def *b)
{
    const bw_target_spec *x = &a->target, *y = &b->target;
    if (!x->table || !y->table || strcmp(x->dataset, y->dataset) != 0)
        return false;
    return strcmp(x->table, y->table) == 0 || is_raw_of(x, y) || is_raw_of(y, x);
}

bw_status bw_sync_check_rival(const bw_sync_def *def, bw_error *err)
{
    if (!def->rival)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "table %s.%s is written by sync %s already", def->target.dataset,
                 def->target.table, def->rival);
    return bw_error_hint(err, "Two syncs of one target would undo each other: give one of them "
                              "another target:, or leave one out.");
}

bw_status bw_sync_defs_read(const bw_config *config, bw_arena *arena, bw_sync_def **out,
                            size_t *count, bw_error *err)
{
    size_t n = bw_config_count(config, "syncs");
    *out = BW_ARENA_ARRAY(arena, bw_sync_def, n + 1);
    *count = n;
    for (size_t i = 0; i < n; i++) {
        bw_sync_def *def = &(*out)[i];
        bw_status s = read_def(config, bw_config_at(config, "syncs", i), arena, def, err);
        if (s != BW_OK)
            return s;
        for (size_t k = 0; k < i; k++) {
            const bw_sync_def *other = &(*out)[k];
            if (strcmp(other->name, def->name) == 0) {
                bw_error_set(err, BW_INVALID, "two syncs are named %s", def->name);
                bw_error_hint(err, "Give one of them another name: and target:.");
                return at_entry(err, def->node);
            }
            if (bw_sync_defs_clash(other, def))
                def->rival = other->name;
            if (bw_sync_check_rival(def, err) != BW_OK)
                return at_entry(err, def->node);
        }
    }
    return BW_OK;
}

void bw_sync_def_expand(const bw_sync_def *pattern, const char *table, bw_arena *arena,
                        bw_sync_def *out)
{
    *out = *pattern;
    out->pattern = false;
    out->name = NULL;
    out->spec.table = bw_arena_strdup(arena, table);
    name_sync(out, arena);
}

static bool excludes(const bw_sync_def *pattern, const char *table)
{
    for (size_t i = 0; i < pattern->n_exclude; i++) {
        if (bw_glob_match(pattern->exclude[i], table) ||
            bw_glob_match(pattern->exclude[i], short_table(table)))
            return true;
    }
    return false;
}

/* A name that needs quotes, "public"."a.b", is left out in plain writing, too. */
bool bw_sync_def_excludes(const bw_sync_def *pattern, const char *table)
{
    bw_arena arena = BW_ARENA_INIT;
    bool left_out =
        excludes(pattern, table) || (table[0] == '"' && excludes(pattern, unquoted(&arena, table)));
    bw_arena_fini(&arena);
    return left_out;
}

bw_status bw_sync_resolve_mode(const bw_sync_def *def, const bw_table_info *info, bw_sync_mode *out,
                               bw_error *err)
{
    bw_sync_mode mode = def->mode;
    if (mode == BW_MODE_AUTO) {
        mode = info->n_key > 0 && info->cursor >= 0 && info->cursor_kind != BW_CURSOR_SEQUENCE
                   ? BW_MODE_UPSERT
                   : BW_MODE_REPLACE;
    }
    *out = mode;
    if (mode == BW_MODE_UPSERT && info->n_key == 0) {
        bw_error_set(err, BW_INVALID, "mode upsert needs a key: %s", info->key_origin);
        return bw_error_hint(err,
                             "Name one with key: [column, ...], or use mode: append or replace.");
    }
    if (mode == BW_MODE_UPSERT && info->cursor_kind == BW_CURSOR_SEQUENCE) {
        bw_error_set(err, BW_INVALID, "an integer cursor shows new rows, not changed ones");
        return bw_error_hint(err, "Use mode: append, or a timestamp column as cursor.");
    }
    bool from_time = def->start_from && strcmp(def->start_from, "destination") != 0;
    if (from_time && info->cursor_kind == BW_CURSOR_SEQUENCE) {
        bw_error_set(err, BW_INVALID,
                     "start_from: %s is a time, but the cursor of table %s is a "
                     "number",
                     def->start_from, info->name);
        return bw_error_hint(err, "Use start_from: destination, or a timestamp column as cursor.");
    }
    if (mode == BW_MODE_APPEND && info->cursor < 0) {
        bw_error_set(err, BW_INVALID, "mode append needs a cursor: %s", info->cursor_origin);
        return bw_error_hint(err,
                             "Name a column that grows with cursor: column, or use mode: replace.");
    }
    return BW_OK;
}

void bw_sync_target_spec(const bw_sync_def *def, bw_sync_mode mode, const bw_table_info *info,
                         const char *owner, bw_target_spec *out)
{
    *out = def->target;
    out->owner = owner;
    out->description = info->comment;
    out->events = out->tombstones = mode == BW_MODE_EVENTS;
    out->current = mode == BW_MODE_UPSERT || mode == BW_MODE_REPLACE || out->events;
    out->event_id = mode == BW_MODE_APPEND;
    out->raw = out->events || (out->raw && mode != BW_MODE_REPLACE);
    for (size_t i = 0; i < info->schema.count; i++)
        out->nulls |= info->schema.fields[i].repeated;
}

void bw_sync_further_spec(const char *text, bw_arena *arena, bw_target_spec *spec)
{
    char *name = bw_arena_strdup(arena, text), *dot = strrchr(name, '.');
    spec->raw = false;
    spec->table = dot ? dot + 1 : name;
    if (!dot)
        return;
    *dot = '\0';
    spec->dataset = name;
    if (!(dot = strrchr(name, '.')))
        return;
    *dot = '\0';
    spec->project = name;
    spec->dataset = dot + 1;
}
