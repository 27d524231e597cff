/*
 * What a table's name means, and the columns that it brings.
 */
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_analyze.h"

bool sql_table_ref(sql_analysis *a, const sql_from *f, bq_table_ref *ref)
{
    const bq_sql_request *r = a->request;
    const char *parts[3] = {r->default_project ? r->default_project : r->project,
                            r->default_dataset, NULL};
    size_t count = f->path.count;

    for (size_t i = count == 1 ? r->temp_count : 0; i-- > 0;) {
        if (!sql_name_equal(f->path.items[0], r->temps[i].name))
            continue;
        *ref = r->temps[i].ref;
        return true;
    }
    if (count == 0 || count > 3) {
        bw_buf name = BW_BUF_INIT;
        for (size_t i = 0; i < count; i++)
            bw_buf_addf(&name, "%s%.*s", i ? "." : "", BW_SLICE_ARG(f->path.items[i]));
        sql_error(a, f->pos, "Invalid table path: %s", bw_buf_cstr(&name));
        bw_buf_fini(&name);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bw_slice part = f->path.items[i];
        parts[3 - count + i] = bw_arena_strndup(a->arena, part.ptr, part.len);
    }
    /* "project:dataset" is the older way to write the first two parts. */
    if (!parts[1]) {
        sql_error(a, f->pos, "Table \"%s\" must be qualified with a dataset (e.g. dataset.table)",
                  parts[2]);
        return false;
    }
    if (count == 2)
        parts[0] = r->project;
    *ref = (bq_table_ref){parts[0], parts[1], parts[2]};
    return true;
}

static void table_not_found(sql_analysis *a, bq_table_ref ref, const bq_error *why)
{
    bool dataset = strncmp(why->message, "Not found: Dataset", 18) == 0;

    if (a->failed)
        return;
    a->failed = true;
    bw_status status;
    if (dataset)
        status = bq_error_set(a->err, "notFound", NULL,
                              "Not found: Dataset %s:%s was not found in location %s", ref.project,
                              ref.dataset, a->location);
    else
        status = bq_error_set(a->err, "notFound", NULL,
                              "Not found: Table %s:%s.%s was not found in location %s", ref.project,
                              ref.dataset, ref.table, a->location);
    (void)status;
}

/* A table or a view. */
sql_table *sql_find_any(sql_analysis *a, const sql_from *f)
{
    bq_table_ref ref;
    bq_error err = BQ_ERROR_INIT;

    if (a->failed || !sql_table_ref(a, f, &ref))
        return NULL;
    for (size_t i = 0; i < a->table_count; i++) {
        const bq_table *t = &a->tables[i]->table;
        if (strcmp(t->project, ref.project) == 0 && strcmp(t->dataset, ref.dataset) == 0 &&
            strcmp(t->id, ref.table) == 0)
            return a->tables[i];
    }
    if (ref.table[0] && ref.table[strlen(ref.table) - 1] == '*') {
        sql_error(a, f->pos, "Wildcard table %s can only be read in FROM", ref.table);
        return NULL;
    }
    if (strchr(ref.table, '$')) {
        sql_error(a, f->pos,
                  "Table \"%s\" cannot include decorator: it selects a partition for loads",
                  ref.table);
        return NULL;
    }
    sql_table *t = BW_ARENA_NEW(a->arena, sql_table);
    if (bq_store_find(a->catalog, ref, &t->table, &t->storage, &err) != BW_OK) {
        table_not_found(a, ref, &err);
        return NULL;
    }
    /* A query sees the datasets of its own location only. */
    if (t->table.location && strcmp(t->table.location, a->location) != 0) {
        bq_error_set(&err, "notFound", NULL, "Not found: Dataset %s:%s", ref.project, ref.dataset);
        table_not_found(a, ref, &err);
        bq_table_fini(&t->table);
        return NULL;
    }
    t->used = BW_ARENA_ARRAY(a->arena, bool, t->table.schema.count + 1);
    *SQL_ADD(a, a->tables, a->table_count) = t;
    return t;
}

sql_table *sql_find_table(sql_analysis *a, const sql_from *f)
{
    sql_table *t = sql_find_any(a, f);

    if (t && bq_refuse_view(&t->table, a->err) != BW_OK) {
        a->failed = true;
        return NULL;
    }
    return t;
}

sql_source *sql_table_source(sql_analysis *a, sql_table *t, bw_slice alias, const char *sql_alias)
{
    sql_source *s = BW_ARENA_NEW(a->arena, sql_source);
    bw_buf name = BW_BUF_INIT;

    s->alias = alias;
    s->row_sql = sql_printf(a, "%s.\"!\"", sql_alias);
    for (size_t i = 0; i < t->table.schema.count; i++) {
        const bq_field *f = &t->table.schema.fields[i];
        sql_column *c = SQL_ADD(a, s->columns.items, s->columns.count);
        bw_buf_clear(&name);
        bq_store_quote(&name, f->name);
        *c = (sql_column){.name = f->name, .type = *f, .table = t, .index = (int)i};
        c->sql = sql_printf(a, "%s.%s", sql_alias, bw_buf_cstr(&name));
    }
    bw_buf_fini(&name);
    return s;
}
