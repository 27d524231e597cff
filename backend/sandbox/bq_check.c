/*
 * What a table's description must satisfy before it is made: names, partitioning, clustering.
 */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_store.h"

#define MAX_ID         1024
#define MAX_CLUSTERING 4

bw_status bq_check_dataset_id(const char *id, bq_error *err)
{
    bool ok = id && *id && strlen(id) <= MAX_ID;

    for (const char *p = id; ok && *p; p++)
        ok = isalnum((unsigned char)*p) || *p == '_';
    if (ok)
        return BW_OK;
    return bq_error_set(err, "invalid", NULL,
                        "Invalid dataset ID \"%s\". Dataset IDs must be alphanumeric (plus "
                        "underscores) and must be at most 1024 characters long.",
                        id ? id : "");
}

static bw_status check_table_id(const char *id, bq_error *err)
{
    bool ok = id && *id && strlen(id) <= MAX_ID;

    for (const char *p = id; ok && *p; p++)
        ok = isalnum((unsigned char)*p) || *p == '_' || *p == '-' || *p == ' ' || *p & 0x80;
    if (ok)
        return BW_OK;
    return bq_error_set(err, "invalid", NULL,
                        "Invalid table ID \"%s\". Table IDs must be alphanumeric (plus "
                        "underscores, dashes and spaces) and must be at most 1024 characters long.",
                        id ? id : "");
}

static bool one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; word && i < count; i++) {
        if (strcasecmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

static bw_status check_time_partitioning(const bq_table *table, bw_slice spec, bq_error *err)
{
    static const char *const types[] = {"DAY", "HOUR", "MONTH", "YEAR"};
    char *type = bw_json_member_string(spec, "type");
    char *field = bw_json_member_string(spec, "field");
    bw_status status = BW_OK;

    if (!one_of(type, types, BW_COUNT(types)))
        status = bq_error_set(err, "invalid", NULL,
                              "The time partitioning type must be one of DAY, HOUR, MONTH, YEAR");
    else if (field) {
        int at = bq_schema_find(&table->schema, bw_slice_cstr(field));
        const bq_field *f = at < 0 ? NULL : &table->schema.fields[at];
        if (!f)
            status = bq_error_set(err, "invalid", NULL,
                                  "The field specified for partitioning cannot be found in the "
                                  "schema: %s",
                                  field);
        else if (f->mode == BQ_REPEATED ||
                 (f->kind != BQ_DATE && f->kind != BQ_TIMESTAMP && f->kind != BQ_DATETIME))
            status = bq_error_set(err, "invalid", NULL,
                                  "The field specified for time partitioning can only be of type "
                                  "TIMESTAMP, DATE or DATETIME. The type found is: %s.",
                                  bq_kind_rest(f->kind));
        else if (f->kind == BQ_DATE && strcasecmp(type, "HOUR") == 0)
            status = bq_error_set(err, "invalid", NULL,
                                  "The field specified for hourly partitioning cannot be of type "
                                  "DATE");
    }
    free(type);
    free(field);
    return status;
}

static bw_status check_range_partitioning(const bq_table *table, bw_slice spec, bq_error *err)
{
    char *field = bw_json_member_string(spec, "field");
    int at = field ? bq_schema_find(&table->schema, bw_slice_cstr(field)) : -1;
    bw_slice range = bw_json_member(spec, "range");
    int64_t start = 0, end = 0, interval = 0;
    bw_status status = BW_OK;

    if (at < 0 || table->schema.fields[at].kind != BQ_INT64 ||
        table->schema.fields[at].mode == BQ_REPEATED)
        status = bq_error_set(err, "invalid", NULL,
                              "The field specified for range partitioning must be a column of "
                              "type INTEGER: %s",
                              field ? field : "");
    else if (!range.ptr || !bw_json_member_int(range, "start", &start) ||
             !bw_json_member_int(range, "end", &end) ||
             !bw_json_member_int(range, "interval", &interval) || interval <= 0 || end <= start)
        status = bq_error_set(err, "invalid", NULL,
                              "Range partitioning needs start < end and a positive interval");
    free(field);
    return status;
}

static bool can_cluster(const bq_field *f)
{
    static const bool kinds[BQ_KIND_COUNT] = {
        [BQ_BOOL] = true,       [BQ_INT64] = true,          [BQ_NUMERIC] = true,
        [BQ_BIGNUMERIC] = true, [BQ_STRING] = true,         [BQ_DATE] = true,
        [BQ_DATETIME] = true,   [BQ_TIMESTAMP] = true,      [BQ_GEOGRAPHY] = true,
        [BQ_RANGE_DATE] = true, [BQ_RANGE_DATETIME] = true, [BQ_RANGE_TIMESTAMP] = true,
    };
    return f->mode != BQ_REPEATED && kinds[f->kind];
}

static bw_status check_clustering(const bq_table *table, bw_slice spec, bq_error *err)
{
    bw_slice fields = bw_json_member(spec, "fields");
    bw_json_scan s = bw_json_scan_init(fields);
    bw_json_token t;
    bw_buf name = BW_BUF_INIT;
    bw_status status = BW_OK;
    size_t count = 0;

    if (!fields.ptr || !bw_json_next(&s, &t) || t.type != BW_JSON_ARRAY)
        return bq_error_set(err, "invalid", NULL, "Clustering needs an array of fields");
    while (status == BW_OK && bw_json_next(&s, &t) && t.type == BW_JSON_STRING) {
        bw_buf_clear(&name);
        if (!bw_json_unescape(t.raw, &name))
            break;
        int at = bq_schema_find(&table->schema, bw_buf_slice(&name));
        if (at < 0)
            status = bq_error_set(err, "invalid", NULL,
                                  "The field specified for clustering cannot be found in the "
                                  "schema: %s",
                                  bw_buf_cstr(&name));
        else if (!can_cluster(&table->schema.fields[at]))
            status = bq_error_set(err, "invalid", NULL,
                                  "Clustering is not supported on field %s of type %s",
                                  bw_buf_cstr(&name),
                                  table->schema.fields[at].mode == BQ_REPEATED
                                      ? "ARRAY"
                                      : bq_kind_sql(table->schema.fields[at].kind));
        count++;
    }
    bw_buf_fini(&name);
    if (status == BW_OK && (count < 1 || count > MAX_CLUSTERING))
        status =
            bq_error_set(err, "invalid", NULL, "Clustering needs 1 to %d fields, but %zu are given",
                         MAX_CLUSTERING, count);
    return status;
}

typedef bw_status check_member(const bq_table *table, bw_slice spec, bq_error *err);

static const struct {
    const char *name;
    check_member *check;
} members[] = {
    {"timePartitioning", check_time_partitioning},
    {"rangePartitioning", check_range_partitioning},
    {"clustering", check_clustering},
};

bw_status bq_check_table(const bq_table *table, bq_error *err)
{
    bw_status status = check_table_id(table->id, err);
    bw_slice metadata = bw_slice_cstr(table->metadata ? table->metadata : "{}");

    for (size_t i = 0; status == BW_OK && i < BW_COUNT(members); i++) {
        bw_slice spec = bw_json_member(metadata, members[i].name);
        if (spec.ptr && !bw_slice_is(spec, "null"))
            status = members[i].check(table, spec, err);
    }
    return status;
}
