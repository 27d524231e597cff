/*
 * The views of INFORMATION_SCHEMA that belong to a region: JOBS and SCHEMATA. They read the catalog's own
 * tables; a job is the record that the catalog keeps of it.
 */
#include "backend/sandbox/sql_analyze.h"

typedef struct region_column {
    const char *name;
    bq_kind kind;
    const char *sql; /* over the row of bq_job or bq_dataset */
} region_column;

#define JSON(path)       "json_extract(json,'$." path "')"
#define JSON_INT(path)   "CAST(json_extract(json,'$." path "') AS INTEGER)"
#define JSON_TIME(path)  "nullif(CAST(json_extract(json,'$." path "') AS INTEGER),0)"
#define STATISTICS(path) JSON("statistics." path)

static const region_column jobs[] = {
    {"creation_time", BQ_TIMESTAMP, "created"},
    {"project_id", BQ_STRING, "project"},
    {"user_email", BQ_STRING, "'sandbox@bridgewatch.invalid'"},
    {"job_id", BQ_STRING, "id"},
    {"job_type", BQ_STRING, JSON("type")},
    {"statement_type", BQ_STRING, STATISTICS("query.statementType")},
    {"start_time", BQ_TIMESTAMP, JSON_TIME("started")},
    {"end_time", BQ_TIMESTAMP, JSON_TIME("ended")},
    {"query", BQ_STRING, JSON("configuration.query.query")},
    {"state", BQ_STRING, JSON("state")},
    {"total_bytes_processed", BQ_INT64, JSON_INT("statistics.query.totalBytesProcessed")},
    {"total_bytes_billed", BQ_INT64, JSON_INT("statistics.query.totalBytesBilled")},
    {"cache_hit", BQ_BOOL, "CASE WHEN " STATISTICS("query.cacheHit") " IS NOT NULL THEN 0 END"},
    {"error_result", BQ_STRUCT,
     "CASE WHEN " JSON("errorResult") " IS NOT NULL THEN bq_tuple(" JSON(
         "errorResult."
         "reason") "," JSON("errorResult.location") "," JSON("errorResult.message") ") END"},
    {"parent_job_id", BQ_STRING, STATISTICS("parentJobId")},
};

static const region_column schemata[] = {
    {"catalog_name", BQ_STRING, "project"},
    {"schema_name", BQ_STRING, "id"},
    {"schema_owner", BQ_STRING, "NULL"},
    {"creation_time", BQ_TIMESTAMP, "created"},
    {"last_modified_time", BQ_TIMESTAMP, "modified"},
    {"location", BQ_STRING, "location"},
};

static const struct {
    const char *name, *table;
    const region_column *columns;
    size_t count;
} views[] = {
    {"JOBS", "bq_job", jobs, BW_COUNT(jobs)},
    {"JOBS_BY_PROJECT", "bq_job", jobs, BW_COUNT(jobs)},
    {"SCHEMATA", "bq_dataset", schemata, BW_COUNT(schemata)},
};

static bq_field type_of(sql_analysis *a, const region_column *c)
{
    static const char *const names[] = {"reason", "location", "message"};
    bq_field type = sql_type(c->kind);

    if (c->kind != BQ_STRUCT)
        return type;
    type.fields = (bq_schema){BW_ARENA_ARRAY(a->arena, bq_field, BW_COUNT(names)), BW_COUNT(names)};
    for (size_t i = 0; i < BW_COUNT(names); i++)
        type.fields.fields[i] = (bq_field){.name = names[i], .kind = BQ_STRING};
    return type;
}

/* [project.][region-us.]INFORMATION_SCHEMA: what is not said is the job's. */
static bool read_qualifiers(sql_analysis *a, const sql_from *f, bw_slice *project,
                            bw_slice *location)
{
    size_t count = f->path.count - 2;

    *project = bw_slice_cstr(a->request->project);
    *location = bw_slice_cstr(a->location);
    for (size_t i = 0; i < count; i++) {
        bw_slice part = f->path.items[i];
        bool region = part.len > 7 && sql_name_equal((bw_slice){part.ptr, 7}, "region-");
        if (region)
            *location = (bw_slice){part.ptr + 7, part.len - 7};
        else
            *project = part;
    }
    return count <= 2;
}

bool sql_region_source(sql_analysis *a, const sql_from *f, const char *alias, sql_source **source,
                       const char **text)
{
    bw_slice name = f->path.items[f->path.count - 1], project, location;
    bw_buf sql = BW_BUF_INIT;
    size_t at = 0;

    while (at < BW_COUNT(views) && !sql_name_equal(name, views[at].name))
        at++;
    if (at == BW_COUNT(views) || !read_qualifiers(a, f, &project, &location))
        return false;
    sql_source *s = BW_ARENA_NEW(a->arena, sql_source);
    s->alias = f->alias.len ? f->alias : name;
    for (size_t i = 0; i < views[at].count; i++) {
        const region_column *c = &views[at].columns[i];
        bw_buf_addf(&sql, "%s%s AS column%zu", i ? "," : "(SELECT ", c->sql, i + 1);
        *SQL_ADD(a, s->columns.items, s->columns.count) =
            (sql_column){.name = c->name,
                         .type = type_of(a, c),
                         .sql = sql_printf(a, "%s.column%zu", alias, i + 1)};
    }
    bq_value values[] = {{BQ_TEXT, 0, project}, {BQ_TEXT, 0, location}};
    bw_buf_addf(&sql, " FROM %s WHERE project=%s AND location=%s COLLATE NOCASE", views[at].table,
                sql_value_text(a, &values[0]), sql_value_text(a, &values[1]));
    if (views[at].columns == schemata)
        bw_buf_adds(&sql, " AND id<>'" BQ_ANONYMOUS_DATASET "'");
    *text = sql_printf(a, "%s) AS %s", bw_buf_cstr(&sql), alias);
    bw_buf_fini(&sql);
    *source = s;
    return true;
}
