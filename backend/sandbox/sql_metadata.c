/*
 * INFORMATION_SCHEMA.TABLES, COLUMNS, VIEWS and __TABLES__: what the catalog knows, written into
 * the statement as rows.
 */
#include <stdio.h>

#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_analyze.h"

typedef struct metadata {
    sql_analysis *a;
    bw_buf rows;
    size_t count;
    const char *project, *dataset;
} metadata;

/* A value of a row: text (NULL: null) or an integer. */
static void add_text(metadata *m, const char *s)
{
    bq_value v = s ? bq_text(bw_slice_cstr(s)) : bq_null();

    bw_buf_addf(&m->rows, "%s,", sql_value_text(m->a, &v));
}

static void add_int(metadata *m, int64_t i)
{
    bw_buf_addf(&m->rows, "%lld,", (long long)i);
}

static void begin_row(metadata *m)
{
    bw_buf_adds(&m->rows, m->count++ ? ",(" : "(");
}

static void end_row(metadata *m)
{
    m->rows.ptr[m->rows.len - 1] = ')';
}

static bool add_table(void *user, const bq_table *t)
{
    metadata *m = user;

    begin_row(m);
    add_text(m, t->project);
    add_text(m, t->dataset);
    add_text(m, t->id);
    add_text(m, bq_is_view(t) ? "VIEW" : "BASE TABLE");
    add_text(m, bq_is_view(t) ? "NO" : "YES");
    add_text(m, "NO");
    add_int(m, t->created_us);
    end_row(m);
    return true;
}

/* The place of a column among the clustering columns; 0 when it is none. */
static int clustering_place(const bq_table *t, const char *name)
{
    bw_slice spec = bw_json_member(bw_slice_cstr(t->metadata), "clustering");
    bw_slice fields = spec.ptr ? bw_json_member(spec, "fields") : spec;
    bw_json_scan s = bw_json_scan_init(fields);
    bw_json_token token;
    int place = 0;

    while (fields.ptr && bw_json_next(&s, &token) && token.type != BW_JSON_END) {
        if (token.type != BW_JSON_STRING)
            continue;
        place++;
        if (sql_name_equal((bw_slice){token.raw.ptr + 1, token.raw.len - 2}, name))
            return place;
    }
    return 0;
}

static bool is_partitioning(const bq_table *t, const char *name)
{
    static const char *const specs[] = {"timePartitioning", "rangePartitioning"};

    for (size_t i = 0; i < BW_COUNT(specs); i++) {
        bw_slice spec = bw_json_member(bw_slice_cstr(t->metadata), specs[i]);
        bw_slice field = spec.ptr ? bw_json_member(spec, "field") : spec;
        if (field.len > 2 && sql_name_equal((bw_slice){field.ptr + 1, field.len - 2}, name))
            return true;
    }
    return false;
}

static bool add_columns(void *user, const bq_table *t)
{
    metadata *m = user;

    for (size_t i = 0; i < t->schema.count; i++) {
        const bq_field *f = &t->schema.fields[i];
        int place = clustering_place(t, f->name);
        begin_row(m);
        add_text(m, t->project);
        add_text(m, t->dataset);
        add_text(m, t->id);
        add_text(m, f->name);
        add_int(m, (int64_t)i + 1);
        add_text(m, f->mode == BQ_REQUIRED ? "NO" : "YES");
        add_text(m, sql_type_name(m->a, f));
        add_text(m, "NEVER");
        add_text(m, NULL);
        add_text(m, NULL);
        add_text(m, "NO");
        add_text(m, NULL);
        add_text(m, "NO");
        add_text(m, is_partitioning(t, f->name) ? "YES" : "NO");
        if (place)
            add_int(m, place);
        else
            add_text(m, NULL);
        add_text(m, "NULL");
        add_text(m, f->default_sql ? f->default_sql : "NULL");
        add_text(m, NULL);
        end_row(m);
    }
    return true;
}

static bool add_view(void *user, const bq_table *t)
{
    metadata *m = user;

    if (!bq_is_view(t))
        return true;
    begin_row(m);
    add_text(m, t->project);
    add_text(m, t->dataset);
    add_text(m, t->id);
    add_text(m, bq_view_query(m->a->arena, t));
    add_text(m, NULL);
    add_text(m, "YES");
    end_row(m);
    return true;
}

static bool add_legacy(void *user, const bq_table *t)
{
    metadata *m = user;

    begin_row(m);
    add_text(m, t->project);
    add_text(m, t->dataset);
    add_text(m, t->id);
    add_int(m, t->created_us / 1000);
    add_int(m, t->modified_us / 1000);
    add_int(m, t->rows);
    add_int(m, t->bytes);
    add_int(m, bq_is_view(t) ? 2 : 1);
    end_row(m);
    return true;
}

typedef struct view_column {
    const char *name;
    bq_kind kind;
} view_column;

typedef struct view {
    const char *name;
    bool information_schema;
    bq_table_visit *visit;
    view_column columns[20];
} view;

static const view views[] = {
    {"TABLES",
     true,
     add_table,
     {{"table_catalog", BQ_STRING},
      {"table_schema", BQ_STRING},
      {"table_name", BQ_STRING},
      {"table_type", BQ_STRING},
      {"is_insertable_into", BQ_STRING},
      {"is_typed", BQ_STRING},
      {"creation_time", BQ_TIMESTAMP}}},
    {"COLUMNS",
     true,
     add_columns,
     {{"table_catalog", BQ_STRING},
      {"table_schema", BQ_STRING},
      {"table_name", BQ_STRING},
      {"column_name", BQ_STRING},
      {"ordinal_position", BQ_INT64},
      {"is_nullable", BQ_STRING},
      {"data_type", BQ_STRING},
      {"is_generated", BQ_STRING},
      {"generation_expression", BQ_STRING},
      {"is_stored", BQ_STRING},
      {"is_hidden", BQ_STRING},
      {"is_updatable", BQ_STRING},
      {"is_system_defined", BQ_STRING},
      {"is_partitioning_column", BQ_STRING},
      {"clustering_ordinal_position", BQ_INT64},
      {"collation_name", BQ_STRING},
      {"column_default", BQ_STRING},
      {"rounding_mode", BQ_STRING}}},
    {"VIEWS",
     true,
     add_view,
     {{"table_catalog", BQ_STRING},
      {"table_schema", BQ_STRING},
      {"table_name", BQ_STRING},
      {"view_definition", BQ_STRING},
      {"check_option", BQ_STRING},
      {"use_standard_sql", BQ_STRING}}},
    {"__TABLES__",
     false,
     add_legacy,
     {{"project_id", BQ_STRING},
      {"dataset_id", BQ_STRING},
      {"table_id", BQ_STRING},
      {"creation_time", BQ_INT64},
      {"last_modified_time", BQ_INT64},
      {"row_count", BQ_INT64},
      {"size_bytes", BQ_INT64},
      {"type", BQ_INT64}}},
};

/* d.INFORMATION_SCHEMA.COLUMNS, p.d.INFORMATION_SCHEMA.COLUMNS, d.__TABLES__: the view and the
   number of path parts that name the dataset. */
static const view *find_view(const sql_from *f, size_t *dataset_parts)
{
    size_t n = f->path.count;
    bool schema = n >= 2 && sql_name_equal(f->path.items[n - 2], "INFORMATION_SCHEMA");

    for (size_t i = 0; n > 0 && i < BW_COUNT(views); i++) {
        if (views[i].information_schema == schema &&
            sql_name_equal(f->path.items[n - 1], views[i].name)) {
            *dataset_parts = n - 1 - schema;
            return &views[i];
        }
    }
    return NULL;
}

static bool find_dataset(sql_analysis *a, const sql_from *f, size_t parts, metadata *m)
{
    const bq_sql_request *r = a->request;

    m->project = r->default_project ? r->default_project : r->project;
    m->dataset = r->default_dataset;
    if (parts >= 1) {
        bw_slice d = f->path.items[parts - 1];
        m->project = r->project;
        m->dataset = bw_arena_strndup(a->arena, d.ptr, d.len);
    }
    if (parts >= 2) {
        bw_slice p = f->path.items[0];
        m->project = bw_arena_strndup(a->arena, p.ptr, p.len);
    }
    if (parts > 2 || !m->dataset)
        sql_error(a, f->pos, "Table must be qualified with a dataset (e.g. dataset.table)");
    return !a->failed;
}

bool sql_metadata_source(sql_analysis *a, const sql_from *f, sql_source **source, const char **text)
{
    metadata m = {.a = a};
    size_t parts = 0, width = 0;
    const view *v = find_view(f, &parts);
    const char *alias = sql_printf(a, "q%d", sql_next(a));
    bq_error err = BQ_ERROR_INIT;

    *text = "";
    if (!v) {
        size_t n = f->path.count;
        bool schema = n >= 2 && sql_name_equal(f->path.items[n - 2], "INFORMATION_SCHEMA");
        if (schema && sql_region_source(a, f, alias, source, text))
            return true;
        if (schema)
            sql_error(a, f->pos,
                      "Unsupported: INFORMATION_SCHEMA.%.*s is not part of the "
                      "sandbox's SQL",
                      BW_SLICE_ARG(f->path.items[n - 1]));
        return a->failed;
    }
    if (!find_dataset(a, f, parts, &m))
        return true;
    if (bq_store_list(a->catalog, m.project, m.dataset, NULL, v->visit, &m, &err) != BW_OK) {
        a->failed = true;
        bw_status status = bq_error_set(a->err, "notFound", NULL,
                                        "Not found: Dataset %s:%s was not found in location %s",
                                        m.project, m.dataset, a->location);
        (void)status;
    }
    sql_source *s = BW_ARENA_NEW(a->arena, sql_source);
    s->alias = f->alias.len ? f->alias : f->path.items[f->path.count - 1];
    for (; width < BW_COUNT(v->columns) && v->columns[width].name; width++) {
        sql_column *c = SQL_ADD(a, s->columns.items, s->columns.count);
        *c = (sql_column){.name = v->columns[width].name, .type = sql_type(v->columns[width].kind)};
        c->sql = sql_printf(a, "%s.column%zu", alias, width + 1);
    }
    if (m.count > 0) {
        *text = sql_printf(a, "(VALUES %s) AS %s", bw_buf_cstr(&m.rows), alias);
    } else {
        bw_buf_adds(&m.rows, "SELECT ");
        for (size_t i = 0; i < width; i++)
            bw_buf_addf(&m.rows, "%sNULL AS column%zu", i ? "," : "", i + 1);
        *text = sql_printf(a, "(%s WHERE 0) AS %s", bw_buf_cstr(&m.rows), alias);
    }
    bw_buf_fini(&m.rows);
    *source = s;
    return true;
}
