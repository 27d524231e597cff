/* Datasets and tables: what the sources say, and what BigQuery has. They are made by the destination's
   own bw_destination_prepare(), exactly as the first run would. Reads only. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/provision.h"
#include "backend/destination/engine_columns.h"
#include "backend/engine/events_stage.h"
#include "backend/google/bigquery.h"

#define STALL (60 * BW_SECOND)

/* What the look at all tables shares. */
typedef struct looker {
    bw_provision *p;
    bw_bigquery *bq;
    bw_destination *destination;
    const bw_config_node **down; /* sources that do not answer */
    const char **why;
    size_t n_down;
} looker;

static bw_source_env env_of(const bw_provision *p, const bw_sync_def *def)
{
    return (bw_source_env){.clock = bw_clock_system(),
                           .cancel = &p->cancel,
                           .subject = def->name ? def->name : def->source_name,
                           .stall_timeout_us = STALL,
                           .google = p->session->google};
}

bw_status bw_provision_describe(bw_provision *p, bw_provision_table *table, bw_error *err)
{
    const bw_sync_def *def = table->def;
    const bw_source_class *class = def->source;
    bw_source_env env = env_of(p, def);
    bw_source *source = NULL;
    bw_status s = class->open(class, def->source_node, &env, &source, err);
    if (s == BW_OK && def->mode == BW_MODE_EVENTS)
        s = bw_events_stage_open(def, &env, p->session->store, &class, &source, err);
    if (s == BW_OK)
        s = class->describe(source, &def->spec, &p->arena, &table->info, err);
    if (s == BW_OK)
        s = bw_sync_resolve_mode(def, &table->info, &table->mode, err);
    if (source)
        class->close(source);
    if (s != BW_OK)
        return s;
    bw_sync_target_spec(def, table->mode, &table->info, bw_store_id(p->session->store),
                        &table->spec);
    table->spec.raw &= !table->further;
    if (table->further)
        bw_sync_further_spec(table->further, &p->arena, &table->spec);
    table->described = true;
    return BW_OK;
}

/* ---- items ------------------------------------------------------------------------------ */

static bw_target_spec *located(bw_provision *p, const bw_target_spec *spec)
{
    bw_target_spec *copy = BW_ARENA_NEW(&p->arena, bw_target_spec);
    *copy = *spec;
    if (!copy->project)
        copy->project = p->project;
    return copy;
}

static void look_dataset(looker *l, bw_provision_item *item)
{
    bw_error err = BW_ERROR_INIT;
    json_t *found = NULL;
    const bw_target_spec *spec = item->dataset;
    bw_status s = bw_bigquery_get_dataset(l->bq, spec->project, spec->dataset, &found, &err);
    const char *location = json_string_value(json_object_get(found, "location"));
    item->action = s == BW_OK          ? BW_PROVISION_UNCHANGED
                   : s == BW_NOT_FOUND ? BW_PROVISION_CREATE
                                       : BW_PROVISION_UNKNOWN;
    if (item->action == BW_PROVISION_UNKNOWN)
        item->note = bw_arena_strdup(&l->p->arena, err.message);
    if (s == BW_OK && location && spec->location && strcasecmp(location, spec->location) != 0) {
        item->action = BW_PROVISION_CONFLICT;
        item->note = bw_arena_printf(&l->p->arena, "it is in %s, the configuration says %s",
                                     location, spec->location);
        item->hint = "Correct the location, or name another dataset.";
    }
    json_decref(found);
}

/* Its dataset before it. */
static bw_provision_item *add_item(looker *l, bw_provision_table *table, const bw_target_spec *spec,
                                   const char *name)
{
    bw_provision *p = l->p;
    bool is_new;
    const char *for_whom = bw_arena_printf(&p->arena, "sync %s", table->def->name);
    const bw_target_spec *at = located(p, spec);
    const char *dataset = bw_arena_printf(&p->arena, "%s.%s", at->project, at->dataset);
    bw_provision_item *item = bw_provision_add(p, BW_PROVISION_DATASET, dataset, for_whom, &is_new);
    if (is_new) {
        item->dataset = at;
        if (l->bq)
            look_dataset(l, item);
    }
    item = bw_provision_add(p, BW_PROVISION_TABLE,
                            bw_arena_printf(&p->arena, "%s.%s", dataset, name), for_whom, &is_new);
    item->table = table;
    item->dataset = at;
    return item;
}

static bw_provision_table *new_table(bw_provision *p, const bw_sync_def *def, const char *further)
{
    bw_provision_table *table = BW_ARENA_NEW(&p->arena, bw_provision_table);
    table->def = def;
    table->mode = def->mode;
    table->further = further;
    table->spec = def->target;
    if (further)
        bw_sync_further_spec(further, &p->arena, &table->spec);
    else
        table->spec.raw |= def->mode == BW_MODE_EVENTS;
    return table;
}

/* ---- what BigQuery has ------------------------------------------------------------------ */

static void set_error(bw_provision *p, bw_provision_item *item, bw_provision_action action,
                      const bw_error *err)
{
    item->action = action;
    item->note = bw_arena_strdup(&p->arena, err->message);
    item->hint = err->hint[0] ? bw_arena_strdup(&p->arena, err->hint) : NULL;
}

static void claim(bw_provision_item *item, const bw_store *store)
{
    item->action = BW_PROVISION_UPDATE;
    item->changes[item->n_changes++] =
        (bw_provision_change){"label " BW_LABEL_OWNER, "none", bw_store_id(store)};
}

/* By its name alone: of a raw table, whose columns are given, and where the columns are not known yet. */
static void look_by_name(looker *l, bw_provision_item *item)
{
    bw_provision *p = l->p;
    bw_error err = BW_ERROR_INIT;
    json_t *found = NULL;
    const char *name = strrchr(item->name, '.') + 1;
    bw_status s = bw_bigquery_get_table(
        l->bq, &(bw_table_ref){item->dataset->project, item->dataset->dataset, name}, &found, &err);
    const char *owner =
        json_string_value(json_object_get(json_object_get(found, "labels"), BW_LABEL_OWNER));
    item->changes = BW_ARENA_ARRAY(&p->arena, bw_provision_change, 1);
    if (s == BW_NOT_FOUND) {
        item->action = BW_PROVISION_CREATE;
    } else if (s != BW_OK) {
        set_error(p, item, BW_PROVISION_UNKNOWN, &err);
    } else if (!owner) {
        claim(item, p->session->store);
    } else if (strcmp(owner, bw_store_id(p->session->store)) != 0) {
        item->action = BW_PROVISION_CONFLICT;
        item->note = bw_arena_printf(&p->arena, "it belongs to another engine's store (%s)", owner);
    } else {
        item->action = BW_PROVISION_UNCHANGED;
    }
    json_decref(found);
}

static void take_drift(bw_provision *p, bw_provision_item *item, const bw_drift *drift)
{
    const char *what = bw_arena_printf(&p->arena, "column %s", drift->column);
    switch (drift->kind) {
    case BW_DRIFT_ADDED:
    case BW_DRIFT_RELAXED:
    case BW_DRIFT_WIDENED:
        if (item->action == BW_PROVISION_UNCHANGED)
            item->action = BW_PROVISION_UPDATE;
        break;
    case BW_DRIFT_RETYPED:
        item->action = BW_PROVISION_CONFLICT;
        item->note = drift->consequence;
        break;
    default:
        item->note = bw_arena_printf(&p->arena, "%s %s: %s", what, bw_drift_kind_name(drift->kind),
                                     drift->consequence);
        return;
    }
    item->changes[item->n_changes++] =
        (bw_provision_change){what, drift->target_side, drift->source_side};
}

static void look_described(looker *l, bw_provision_item *item)
{
    bw_provision *p = l->p;
    bw_error err = BW_ERROR_INIT;
    bw_target target;
    bw_status s = bw_destination_inspect(l->destination, &item->table->spec,
                                         &item->table->info.schema, &p->arena, &target, &err);
    if (s == BW_NOT_FOUND) {
        item->action = BW_PROVISION_CREATE;
        return;
    }
    if (s != BW_OK) {
        bool foreign = s == BW_CONFLICT || s == BW_INVALID;
        set_error(p, item, foreign ? BW_PROVISION_CONFLICT : BW_PROVISION_UNKNOWN, &err);
        return;
    }
    item->action = BW_PROVISION_UNCHANGED;
    item->changes = BW_ARENA_ARRAY(&p->arena, bw_provision_change, target.n_drift + 1);
    if (target.unclaimed)
        claim(item, p->session->store);
    for (size_t i = 0; i < target.n_drift; i++)
        take_drift(p, item, &target.drift[i]);
}

/* ---- one sync --------------------------------------------------------------------------- */

/* Whether the plan creates the subscription that the sync reads: then it cannot be asked yet. */
static bool is_created_before(bw_provision *p, const bw_sync_def *def)
{
    const bw_provision_item *item =
        bw_sync_is_stream(def)
            ? bw_provision_find(p, BW_PROVISION_SUBSCRIPTION, bw_provision_subscription_of(p, def))
            : NULL;
    return item && item->action == BW_PROVISION_CREATE;
}

static void add_tables(looker *l, bw_provision_table *table, bool by_name)
{
    bw_provision *p = l->p;
    const bw_sync_def *def = table->def;
    bw_provision_item *item = add_item(l, table, &table->spec, table->spec.table);
    if (!l->bq)
        item->action = BW_PROVISION_UNKNOWN;
    else if (by_name)
        look_by_name(l, item);
    else
        look_described(l, item);
    if (table->spec.raw) {
        bw_provision_table *raw = BW_ARENA_NEW(&p->arena, bw_provision_table);
        *raw = *table;
        raw->raw = true;
        item = add_item(l, raw, &raw->spec,
                        bw_arena_printf(&p->arena, "%s" BW_RAW_SUFFIX, raw->spec.table));
        if (l->bq)
            look_by_name(l, item);
    }
    for (size_t i = 0; !table->further && i < def->n_further; i++) {
        bw_provision_table *further = new_table(p, def, def->further[i]);
        if (table->described) {
            further->described = true;
            further->info = table->info;
            further->spec = table->spec;
            bw_sync_further_spec(def->further[i], &p->arena, &further->spec);
        }
        add_tables(l, further, by_name);
    }
}

static void add_unknown(looker *l, bw_provision_table *table, const char *why, const char *hint)
{
    bw_provision_item *item = add_item(l, table, &table->spec, table->spec.table);
    item->action = BW_PROVISION_UNKNOWN;
    item->note = why;
    item->hint = hint;
}

static const char *is_down(const looker *l, const bw_config_node *source)
{
    for (size_t i = 0; i < l->n_down; i++)
        if (l->down[i] == source)
            return l->why[i];
    return NULL;
}

/* Sources of tables that do not answer once are not asked for each table. */
static const char *note_down(looker *l, const bw_sync_def *def, const bw_error *err)
{
    bool silent = err->status == BW_UNAVAILABLE || err->status == BW_TIMEOUT;
    const char *why = bw_arena_printf(&l->p->arena, "%s%s",
                                      silent ? "source does not answer: " : "", err->message);
    if (silent && !bw_sync_is_stream(def) && !is_down(l, def->source_node)) {
        l->down[l->n_down] = def->source_node;
        l->why[l->n_down++] = why;
    }
    return why;
}

static void look_sync(looker *l, const bw_sync_def *def)
{
    bw_provision *p = l->p;
    bw_error err = BW_ERROR_INIT;
    bw_provision_table *table = new_table(p, def, NULL);
    const char *why = is_down(l, def->source_node);
    if (why) {
        add_unknown(l, table, why, NULL);
    } else if (is_created_before(p, def)) {
        add_tables(l, table, true);
    } else if (bw_provision_describe(p, table, &err) == BW_OK) {
        add_tables(l, table, false);
    } else {
        why = note_down(l, def, &err);
        add_unknown(l, table, why, err.hint[0] ? bw_arena_strdup(&p->arena, err.hint) : NULL);
    }
}

/* ---- patterns --------------------------------------------------------------------------- */

static bw_status expand(bw_provision *p, const bw_sync_def *pattern, bw_sync_def **out,
                        size_t *count, bw_error *err)
{
    const bw_source_class *class = pattern->source;
    bw_source_env env = env_of(p, pattern);
    bw_source *source = NULL;
    const char *const *tables;
    size_t n = 0;
    *count = 0;
    bw_status s = class->open(class, pattern->source_node, &env, &source, err);
    if (s == BW_OK)
        s = class->list(source, pattern->spec.table, &p->arena, &tables, &n, err);
    if (source)
        class->close(source);
    if (s != BW_OK)
        return s;
    *out = BW_ARENA_ARRAY(&p->arena, bw_sync_def, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!bw_sync_def_excludes(pattern, tables[i]))
            bw_sync_def_expand(pattern, tables[i], &p->arena, &(*out)[(*count)++]);
    }
    return BW_OK;
}

static void look_pattern(looker *l, const bw_sync_def *pattern)
{
    bw_provision *p = l->p;
    bw_error err = BW_ERROR_INIT;
    bw_sync_def *defs;
    size_t n;
    const char *why = is_down(l, pattern->source_node);
    if (!why && expand(p, pattern, &defs, &n, &err) == BW_OK) {
        for (size_t i = 0; i < n; i++)
            look_sync(l, &defs[i]);
        return;
    }
    bool is_new;
    const char *name = bw_arena_printf(&p->arena, "%s.%s.(tables of %s)", p->project,
                                       pattern->target.dataset, pattern->spec.table);
    bw_provision_item *item = bw_provision_add(p, BW_PROVISION_TABLE, name, "pattern", &is_new);
    item->action = BW_PROVISION_UNKNOWN;
    item->note = why ? why : note_down(l, pattern, &err);
}

void bw_provision_look_tables(bw_provision *p)
{
    looker l = {.p = p};
    l.bq = bw_bigquery_new(p->session->google, bw_clock_system(), &p->cancel);
    bw_bigquery_set_deadline(l.bq, BW_PROVISION_DEADLINE);
    l.destination = bw_destination_new(p->session->google, bw_clock_system(), &p->cancel, NULL);
    bw_destination_set_deadline(l.destination, BW_PROVISION_DEADLINE);
    l.down = BW_ARENA_ARRAY(&p->arena, const bw_config_node *, p->n_defs + 1);
    l.why = BW_ARENA_ARRAY(&p->arena, const char *, p->n_defs + 1);
    for (size_t i = 0; i < p->n_defs; i++) {
        if (p->defs[i].pattern)
            look_pattern(&l, &p->defs[i]);
        else
            look_sync(&l, &p->defs[i]);
    }
    bw_destination_free(l.destination);
    bw_bigquery_free(l.bq);
}

/* Without asking anybody, but for what patterns stand for. */
void bw_provision_name_tables(bw_provision *p)
{
    looker l = {.p = p};
    for (size_t i = 0; i < p->n_defs; i++) {
        bw_error err = BW_ERROR_INIT;
        bw_sync_def *defs = &p->defs[i];
        size_t n = 1;
        if (defs->pattern && expand(p, defs, &defs, &n, &err) != BW_OK) {
            bw_provision_note(p, bw_arena_printf(&p->arena, "the tables of %s stay: %s",
                                                 p->defs[i].spec.table, err.message));
            continue;
        }
        for (size_t k = 0; k < n; k++)
            add_tables(&l, new_table(p, &defs[k], NULL), true);
    }
}
