/*
 * The target as it is found or made. Whoever else may be changing the table at the same time is met
 * by If-Match: after a conflict the table is read again and everything is decided anew.
 */
#include <stdlib.h>
#include <strings.h>

#include "backend/core/crash_point.h"
#include "backend/core/log.h"
#include "backend/destination/internal.h"
#include "backend/destination/widen.h"

#define CLUSTER_MAX 4
/* Rounds of reading and patching before someone else's changes count as a conflict. */
#define PATCH_ROUNDS 5

/* One table to be ensured: the target, or its raw table. */
typedef struct wanted {
    bw_table_ref ref;
    const char *location;
    bw_target_wish wish;
    const bw_target_spec *spec;
    const char *description;
    const char *partition_field, *partition_by;
    const char *const *cluster;
    size_t n_cluster;
} wanted;

static bw_status wrap(bw_error *err, const bw_table_ref *ref)
{
    return bw_error_wrap(err, "%s.%s.%s", ref->project, ref->dataset, ref->table);
}

/* ---- datasets ---------------------------------------------------------------------------- */

static bw_status make_dataset(bw_destination *d, const bw_target_spec *spec, const char *project,
                              json_t **dataset, bw_error *err)
{
    json_t *resource = json_object();
    if (spec->location && spec->location[0])
        json_object_set_new(resource, "location", json_string(spec->location));
    bw_crash_point("dataset_create_before");
    bw_status s = bw_bigquery_insert_dataset(d->bq, project, spec->dataset, resource, dataset, err);
    bw_crash_point("dataset_create_after");
    json_decref(resource);
    if (s == BW_EXISTS)
        s = bw_bigquery_get_dataset(d->bq, project, spec->dataset, dataset, err);
    if (s != BW_DENIED)
        return s;
    /* A project that is misspelt, or somebody else's, ends here. */
    char *rights = bw_xstrdup(err->hint);
    bw_error_wrap(err, "it is not there, or not to be seen");
    bw_error_hint(err, "check project and dataset; create the dataset, or %s", rights);
    free(rights);
    return s;
}

static bw_status ensure_dataset(bw_destination *d, const bw_target_spec *spec, const char *project,
                                bw_arena *arena, const char **location, bw_error *err)
{
    json_t *dataset = NULL;
    bw_status s = bw_bigquery_get_dataset(d->bq, project, spec->dataset, &dataset, err);
    if (s == BW_NOT_FOUND)
        s = make_dataset(d, spec, project, &dataset, err);
    if (s != BW_OK)
        return bw_error_wrap(err, "dataset %s.%s", project, spec->dataset);

    const char *at = json_string_value(json_object_get(dataset, "location"));
    *location = bw_arena_strdup(arena, at ? at : "US");
    json_decref(dataset);
    if (spec->location && spec->location[0] && strcasecmp(spec->location, *location) != 0) {
        bw_error_set(err, BW_INVALID, "dataset %s.%s is in %s, the configuration says %s", project,
                     spec->dataset, *location, spec->location);
        return bw_error_hint(err, "Correct the location, or name another dataset.");
    }
    return BW_OK;
}

/* ---- partitioning and clustering --------------------------------------------------------- */

static const bw_field *find_field(const bw_schema *schema, const char *name)
{
    int at = bw_schema_find(schema, name);
    return at < 0 ? NULL : &schema->fields[at];
}

static bool can_partition(const bw_field *f, const char *by)
{
    return !f->repeated && (f->type == BW_TYPE_TIMESTAMP || f->type == BW_TYPE_DATETIME ||
                            (f->type == BW_TYPE_DATE && strcasecmp(by, "hour") != 0));
}

static bool can_cluster(const bw_field *f)
{
    static const bool no[BW_TYPE_COUNT] = {
        [BW_TYPE_FLOAT64] = true, [BW_TYPE_BYTES] = true,    [BW_TYPE_TIME] = true,
        [BW_TYPE_JSON] = true,    [BW_TYPE_INTERVAL] = true,
    };
    return !f->repeated && !no[f->type];
}

static bw_status add_partitioning(const wanted *w, json_t *resource, bw_error *err)
{
    static const char *const kinds[] = {"HOUR", "DAY", "MONTH", "YEAR"};
    if (!w->partition_field)
        return BW_OK;
    const char *by = w->partition_by ? w->partition_by : "day", *kind = NULL;
    for (size_t i = 0; i < BW_COUNT(kinds); i++)
        if (strcasecmp(kinds[i], by) == 0)
            kind = kinds[i];
    if (!kind)
        return bw_error_set(err, BW_INVALID, "cannot partition by %s", by);

    const bw_field *f = find_field(w->wish.schema, w->partition_field);
    bool engine = strncmp(w->partition_field, BW_ENGINE_PREFIX, strlen(BW_ENGINE_PREFIX)) == 0;
    if (!f && !engine)
        return bw_error_set(err, BW_INVALID, "there is no column %s to partition by",
                            w->partition_field);
    if (f && !can_partition(f, by)) {
        bw_error_set(err, BW_INVALID, "cannot partition by %s of column %s, which is %s", by,
                     w->partition_field, bw_type_name(f->type));
        return bw_error_hint(err, "Partition by a DATE, DATETIME or TIMESTAMP column.");
    }
    json_object_set_new(
        resource, "timePartitioning",
        json_pack("{s:s, s:s}", "type", kind, "field", f ? f->name : w->partition_field));
    return BW_OK;
}

/* What BigQuery cannot cluster by is left out: it costs money, not rows. */
static void add_clustering(const wanted *w, json_t *resource)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < w->n_cluster && json_array_size(fields) < CLUSTER_MAX; i++) {
        const bw_field *f = find_field(w->wish.schema, w->cluster[i]);
        if (f && !can_cluster(f))
            bw_log(BW_LOG_WARN, w->ref.table, "not clustered by %s: BigQuery cannot cluster by %s",
                   f->name, bw_type_name(f->type));
        else
            json_array_append_new(fields, json_string(f ? f->name : w->cluster[i]));
    }
    if (json_array_size(fields) > 0)
        json_object_set_new(resource, "clustering", json_pack("{s:O}", "fields", fields));
    json_decref(fields);
}

/* ---- tables ------------------------------------------------------------------------------ */

static bw_status make_table(bw_destination *d, const wanted *w, const bw_target_plan *plan,
                            json_t **table, bw_error *err)
{
    json_t *resource = json_pack("{s:{s:O}, s:{s:s}}", "schema", "fields", plan->fields, "labels",
                                 BW_LABEL_OWNER, w->spec->owner);
    if (w->description && w->description[0])
        json_object_set_new(resource, "description", json_string(w->description));
    add_clustering(w, resource);
    bw_status s = add_partitioning(w, resource, err);
    if (s == BW_OK) {
        bw_crash_point("target_create_before");
        s = bw_bigquery_insert_table(d->bq, &w->ref, resource, table, err);
        bw_crash_point("target_create_after");
    }
    json_decref(resource);
    return s;
}

static bw_status check_owner(const wanted *w, const json_t *table, bool *claim, bw_error *err)
{
    const char *type = json_string_value(json_object_get(table, "type"));
    if (type && strcmp(type, "TABLE") != 0)
        return bw_error_set(err, BW_INVALID, "is not a table but a %s", type);

    const char *owner =
        json_string_value(json_object_get(json_object_get(table, "labels"), BW_LABEL_OWNER));
    *claim = !owner || strcmp(owner, w->spec->owner) != 0;
    if (owner && *claim && !w->spec->take_over) {
        bw_error_set(err, BW_CONFLICT,
                     "the target belongs to another engine's store (%s; this one is %s)", owner,
                     w->spec->owner);
        return bw_error_hint(err,
                             "Make sure that the other engine does not run any more, then take "
                             "the target over: bridgewatch sync NAME --take-over.");
    }
    return BW_OK;
}

static bw_status patch_table(bw_destination *d, const wanted *w, const bw_target_plan *plan,
                             bool claim, json_t **table, bw_error *err)
{
    json_t *patch = json_object(), *patched = NULL;
    if (plan->changed)
        json_object_set_new(patch, "schema", json_pack("{s:O}", "fields", plan->fields));
    if (claim) {
        /* Whole, whether labels are merged or replaced. */
        const json_t *have = json_object_get(*table, "labels");
        json_t *labels = have ? json_copy((json_t *)(uintptr_t)have) : json_object();
        json_object_set_new(labels, BW_LABEL_OWNER, json_string(w->spec->owner));
        json_object_set_new(patch, "labels", labels);
    }
    bw_crash_point("target_patch_before");
    bw_status s = bw_bigquery_patch_table(
        d->bq, &w->ref, patch, json_string_value(json_object_get(*table, "etag")), &patched, err);
    bw_crash_point("target_patch_after");
    json_decref(patch);
    if (s == BW_OK) {
        json_decref(*table);
        *table = patched;
    }
    return s;
}

/* Leaves the table as it is then, with its new etag. */
static bw_status widen_table(bw_destination *d, const wanted *w, const bw_target_plan *plan,
                             json_t **table, bw_error *err)
{
    bw_target target = {.project = w->ref.project,
                        .dataset = w->ref.dataset,
                        .table = w->ref.table,
                        .location = w->location};
    json_t *now = NULL;
    bw_status s = bw_target_widen(d, &target, plan, err);
    if (s == BW_OK)
        s = bw_bigquery_get_table(d->bq, &w->ref, &now, err);
    if (s == BW_OK) {
        json_decref(*table);
        *table = now;
    }
    return s;
}

/* One round: CONFLICT with *again means that the table changed meanwhile. */
static bw_status ensure_round(bw_destination *d, const wanted *w, bw_arena *arena,
                              bw_target_plan *plan, bool *created, bool *again, json_t **table,
                              bw_error *err)
{
    bool claim = false;
    *again = false;
    bw_status s = bw_bigquery_get_table(d->bq, &w->ref, table, err);
    if (s == BW_NOT_FOUND) {
        bw_target_plan_new(&w->wish, arena, plan);
        s = make_table(d, w, plan, table, err);
        *created = s == BW_OK;
        *again = s == BW_EXISTS;
        return s;
    }
    if (s == BW_OK)
        s = check_owner(w, *table, &claim, err);
    if (s != BW_OK)
        return s;
    bw_target_plan_compare(&w->wish, *table, arena, plan);
    if (plan->incompatible)
        return BW_OK;
    if (plan->n_wider > 0)
        s = widen_table(d, w, plan, table, err);
    if (s != BW_OK || !(plan->changed || claim))
        return s;
    s = patch_table(d, w, plan, claim, table, err);
    *again = s == BW_CONFLICT;
    return s;
}

/* On BW_OK *table is the resource as it is now and plan->fields its schema; both the caller's. */
static bw_status ensure_table(bw_destination *d, const wanted *w, bw_arena *arena,
                              bw_target_plan *plan, bool *created, json_t **table, bw_error *err)
{
    bw_status s = BW_INTERNAL;
    bool again = true;
    *created = false;
    for (int round = 0; again && round < PATCH_ROUNDS; round++) {
        *plan = (bw_target_plan){.fields = NULL};
        *table = NULL;
        s = ensure_round(d, w, arena, plan, created, &again, table, err);
        if (s != BW_OK) {
            json_decref(*table);
            json_decref(plan->fields);
        }
    }
    return s == BW_OK ? s : wrap(err, &w->ref);
}

static bw_status ensure_raw(bw_destination *d, const bw_target_spec *spec, const char *project,
                            bw_arena *arena, bw_error *err)
{
    static const char *const cluster[] = {BW_RAW_CLUSTER};
    static const bw_schema none = {NULL, 0};
    wanted w = {
        .ref = {project, spec->dataset, bw_arena_printf(arena, "%s" BW_RAW_SUFFIX, spec->table)},
        .wish = {&none, BW_COLUMN_RAW, BW_ADD_COLUMNS},
        .spec = spec,
        .description = bw_arena_printf(arena, "Every version of every row of %s, as it was read.",
                                       spec->table),
        .partition_field = BW_RAW_PARTITION,
        .partition_by = "day",
        .cluster = cluster,
        .n_cluster = 1,
    };
    bw_target_plan plan;
    json_t *table;
    bool created;
    bw_status s = ensure_table(d, &w, arena, &plan, &created, &table, err);
    if (s != BW_OK)
        return s;
    if (plan.incompatible) {
        s = bw_error_set(err, BW_INVALID, "column %s is %s, not %s", plan.drift[0].column,
                         plan.drift[0].target_side, plan.drift[0].source_side);
        bw_error_hint(err, "Rename the table: its name is needed for the raw rows.");
        s = wrap(err, &w.ref);
    }
    json_decref(table);
    json_decref(plan.fields);
    return s;
}

static int64_t table_rows(const json_t *table)
{
    const json_t *rows = json_object_get(table, "numRows");
    if (json_is_string(rows))
        return strtoll(json_string_value(rows), NULL, 10);
    return json_is_integer(rows) ? json_integer_value(rows) : -1;
}

/* NULL with the error set when nobody names it. */
static const char *project_of(const bw_destination *d, const bw_target_spec *spec, bw_error *err)
{
    const char *project = spec->project ? spec->project : bw_google_project(d->google);
    if (!project) {
        bw_error_set(err, BW_INVALID, "it is not known which project the target is in");
        bw_error_hint(err, "Name the project in the configuration of the destination.");
    }
    return project;
}

bw_status bw_destination_prepare_dataset(bw_destination *d, const bw_target_spec *spec,
                                         bw_arena *arena, const char **location, bw_error *err)
{
    const char *project = project_of(d, spec, err), *at;
    return project ? ensure_dataset(d, spec, project, arena, location ? location : &at, err)
                   : BW_INVALID;
}

static bw_status begin_target(const bw_destination *d, const bw_target_spec *spec,
                              const bw_schema *schema, bw_arena *arena, bw_target *out, wanted *w,
                              bw_error *err)
{
    const char *project = project_of(d, spec, err);
    if (!project)
        return BW_INVALID;
    *out = (bw_target){.project = bw_arena_strdup(arena, project),
                       .dataset = bw_arena_strdup(arena, spec->dataset),
                       .table = bw_arena_strdup(arena, spec->table)};
    *w = (wanted){
        .ref = {out->project, out->dataset, out->table},
        .wish = {schema, bw_engine_columns_of(spec, false), spec->add_columns},
        .spec = spec,
        .description = spec->description,
        .partition_field = spec->partition_field,
        .partition_by = spec->partition_by,
        .cluster = spec->cluster,
        .n_cluster = spec->n_cluster,
    };
    return BW_OK;
}

/* What the table is, and how it differs from what was wanted. */
static void take_table(const json_t *table, const bw_target_plan *plan, bw_target *out)
{
    out->partitioned =
        json_object_get(table, "timePartitioning") || json_object_get(table, "rangePartitioning");
    out->incompatible = plan->incompatible;
    out->drift = plan->drift;
    out->n_drift = plan->n_drift;
    out->columns = plan->columns;
    out->n_columns = plan->n_columns;
    out->rows = out->created ? 0 : table_rows(table);
}

bw_status bw_destination_prepare(bw_destination *d, const bw_target_spec *spec,
                                 const bw_schema *schema, bw_arena *arena, bw_target *out,
                                 bw_error *err)
{
    wanted w;
    bw_target_plan plan;
    json_t *table;
    bw_status s = begin_target(d, spec, schema, arena, out, &w, err);
    if (s == BW_OK)
        s = ensure_dataset(d, spec, out->project, arena, &out->location, err);
    w.location = out->location;
    if (s == BW_OK)
        s = ensure_table(d, &w, arena, &plan, &out->created, &table, err);
    if (s != BW_OK)
        return s;
    take_table(table, &plan, out);
    json_decref(table);
    json_decref(plan.fields);
    return spec->raw && !out->incompatible ? ensure_raw(d, spec, out->project, arena, err) : BW_OK;
}

bw_status bw_destination_inspect(bw_destination *d, const bw_target_spec *spec,
                                 const bw_schema *schema, bw_arena *arena, bw_target *out,
                                 bw_error *err)
{
    wanted w;
    json_t *table = NULL;
    bool claim;
    bw_status s = begin_target(d, spec, schema, arena, out, &w, err);
    if (s == BW_OK)
        s = bw_bigquery_get_table(d->bq, &w.ref, &table, err);
    if (s == BW_OK)
        s = check_owner(&w, table, &claim, err);
    if (s == BW_OK) {
        bw_target_plan plan;
        bw_target_plan_compare(&w.wish, table, arena, &plan);
        take_table(table, &plan, out);
        out->unclaimed = claim;
        json_decref(plan.fields);
    }
    json_decref(table);
    return s == BW_OK ? s : wrap(err, &w.ref);
}
