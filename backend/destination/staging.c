/*
 * Staging tables: made like the target, so that a copy or a MERGE changes nothing but rows, and gone
 * by themselves when nobody drops them.
 */
#include <stdio.h>

#include "backend/core/crash_point.h"
#include "backend/destination/field_json.h"
#include "backend/destination/internal.h"

#define DEFAULT_TTL (7 * BW_DAY)

/* The target's columns as they are now, and what the raw rows need beside them. */
static json_t *staging_fields(const bw_target_spec *spec, const json_t *table)
{
    const json_t *have = json_object_get(json_object_get(table, "schema"), "fields");
    json_t *fields = have ? json_deep_copy(have) : json_array();
    unsigned wanted = bw_engine_columns_of(spec, true);
    const bw_engine_column *c;
    for (size_t i = 0; (c = bw_engine_column_at(i)); i++)
        if ((c->in & wanted) && bw_field_json_find(fields, c->name) < 0)
            json_array_append_new(fields, bw_engine_column_json(c));
    return fields;
}

/* Deletes that carry only their key cannot fill what is REQUIRED. */
static void relax_all_but_key(json_t *fields, const bw_schema *schema)
{
    size_t i;
    json_t *field;
    json_array_foreach(fields, i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        const char *mode = json_string_value(json_object_get(field, "mode"));
        int at = name ? bw_schema_find(schema, name) : -1;
        bool key = at >= 0 && schema->fields[at].key_part;
        if (mode && strcmp(mode, "REQUIRED") == 0 && !key)
            json_object_set_new(field, "mode", json_string("NULLABLE"));
    }
}

static json_t *staging_resource(const bw_destination *d, const bw_target_spec *spec,
                                const bw_schema *schema, const json_t *table)
{
    static const char *const kept[] = {"rangePartitioning", "clustering", "labels", "description"};
    json_t *fields = staging_fields(spec, table);
    if (spec->tombstones)
        relax_all_but_key(fields, schema);
    json_t *resource = json_pack("{s:{s:o}}", "schema", "fields", fields);
    for (size_t i = 0; i < BW_COUNT(kept); i++) {
        json_t *v = json_object_get(table, kept[i]);
        if (v)
            json_object_set(resource, kept[i], v);
    }
    json_t *partitioning = json_object_get(table, "timePartitioning");
    if (partitioning) {
        json_t *copy = json_deep_copy(partitioning);
        /* Partitions that expire, or that every query must name, are the target's business. */
        json_object_del(copy, "expirationMs");
        json_object_del(copy, "requirePartitionFilter");
        json_object_set_new(resource, "timePartitioning", copy);
    }
    int64_t ttl = spec->staging_ttl_us > 0 ? spec->staging_ttl_us : DEFAULT_TTL;
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)((bw_wall_us(d->clock) + ttl) / 1000));
    json_object_set_new(resource, "expirationTime", json_string(text));
    return resource;
}

bw_status bw_destination_create_staging(bw_destination *d, const bw_target_spec *spec,
                                        const bw_target *target, const bw_schema *schema,
                                        const char *staging, bw_error *err)
{
    bw_table_ref to = bw_target_ref(target, target->table), ref = bw_target_ref(target, staging);
    json_t *table = NULL;
    bw_status s = bw_bigquery_get_table(d->bq, &to, &table, err);
    if (s == BW_OK) {
        json_t *resource = staging_resource(d, spec, schema, table);
        bw_crash_point("staging_create_before");
        s = bw_bigquery_insert_table(d->bq, &ref, resource, NULL, err);
        bw_crash_point("staging_create_after");
        json_decref(resource);
        json_decref(table);
    }
    if (s == BW_OK || s == BW_EXISTS)
        return BW_OK;
    return bw_error_wrap(err, "staging table %s", staging);
}

bw_status bw_destination_drop_staging(bw_destination *d, const bw_target *target,
                                      const char *staging, bw_error *err)
{
    if (strcmp(staging, target->table) == 0)
        return bw_error_set(err, BW_INTERNAL, "%s is the target, not its staging table", staging);
    bw_table_ref ref = bw_target_ref(target, staging);
    bw_crash_point("staging_drop_before");
    bw_status s = bw_bigquery_delete_table(d->bq, &ref, err);
    bw_crash_point("staging_drop_after");
    if (s == BW_OK || s == BW_NOT_FOUND)
        return BW_OK;
    return bw_error_wrap(err, "staging table %s", staging);
}
