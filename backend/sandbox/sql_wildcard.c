/*
 * Wildcard tables: `d.events_*` is all tables of the dataset whose names begin so, one below the other,
 * with the columns of the one that was made last, and _TABLE_SUFFIX for what the * stands for.
 */
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_analyze.h"

typedef struct wildcard {
    sql_analysis *a;
    bw_slice prefix;
    const char **names;
    size_t count;
    const char *newest;
    int64_t newest_us;
} wildcard;

static bool collect(void *user, const bq_table *t)
{
    wildcard *w = user;

    if (strncmp(t->id, w->prefix.ptr, w->prefix.len) != 0 || bq_is_view(t))
        return true;
    const char *name = bw_arena_strdup(w->a->arena, t->id);
    *SQL_ADD(w->a, w->names, w->count) = name;
    if (!w->newest || t->created_us >= w->newest_us) {
        w->newest = name;
        w->newest_us = t->created_us;
    }
    return true;
}

/* A table by the name of the wildcard with the * replaced. */
static sql_table *find_one(sql_analysis *a, const sql_from *f, const char *name)
{
    sql_from one = {.kind = SQL_F_TABLE, .pos = f->pos};

    for (size_t i = 0; i < f->path.count; i++)
        *SQL_ADD(a, one.path.items, one.path.count) =
            i + 1 < f->path.count ? f->path.items[i] : bw_slice_cstr(name);
    sql_table *t = sql_find_table(a, &one);
    for (size_t i = 0; t && i < t->table.schema.count; i++)
        t->used[i] = true;
    return t;
}

/* One table's rows in the columns of the newest; a column that it has not is NULL. */
static const char *rows_of(sql_analysis *a, const sql_from *f, const sql_table *t,
                           const bq_schema *columns, const char *suffix)
{
    bw_buf sql = BW_BUF_INIT;
    bq_value text = {.cls = BQ_TEXT, .s = bw_slice_cstr(suffix)};

    bw_buf_adds(&sql, "SELECT ");
    for (size_t i = 0; i < columns->count && !a->failed; i++) {
        const bq_field *to = &columns->fields[i];
        int at = bq_schema_find(&t->table.schema, bw_slice_cstr(to->name));
        sql_typed x = {.sql = "NULL", .literal = SQL_L_NULL, .pos = f->pos};
        if (at >= 0) {
            const bq_field *from = &t->table.schema.fields[at];
            bw_buf name = BW_BUF_INIT;
            bq_store_quote(&name, from->name);
            x = (sql_typed){
                .type = *from, .sql = sql_printf(a, "%s", bw_buf_cstr(&name)), .pos = f->pos};
            bw_buf_fini(&name);
            if (!sql_coerce(a, &x, to))
                sql_error(a, f->pos, "Cannot read field '%s' of table %s as %s: it has type %s",
                          to->name, t->table.id, sql_type_name(a, to), sql_type_name(a, from));
        }
        bw_buf_addf(&sql, "%s AS c%zu,", x.sql, i + 1);
    }
    bw_buf_addf(&sql, "%s AS c%zu FROM \"t%lld\"", sql_value_text(a, &text), columns->count + 1,
                (long long)t->storage);
    const char *out = sql_printf(a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return out;
}

static void nothing_found(sql_analysis *a, bq_table_ref ref, bool dataset_exists)
{
    bw_status status =
        dataset_exists
            ? bq_error_set(a->err, "invalidQuery", "query", "%s:%s.%s does not match any table.",
                           ref.project, ref.dataset, ref.table)
            : bq_error_set(a->err, "notFound", NULL,
                           "Not found: Dataset %s:%s was not found in location %s", ref.project,
                           ref.dataset, a->location);

    (void)status;
    a->failed = true;
}

sql_relation sql_analyze_wildcard(sql_analysis *a, const sql_from *f, bq_table_ref ref)
{
    wildcard w = {.a = a, .prefix = {ref.table, strlen(ref.table) - 1}};
    sql_relation r = {.sql = "SELECT NULL AS c1"};
    bq_error err = BQ_ERROR_INIT;
    bw_buf sql = BW_BUF_INIT;

    bw_status listed = bq_store_list(a->catalog, ref.project, ref.dataset, NULL, collect, &w, &err);
    const sql_table *newest = w.newest ? find_one(a, f, w.newest) : NULL;
    if (!newest && !a->failed)
        nothing_found(a, ref, listed == BW_OK);
    for (size_t i = 0; !a->failed && i < w.count; i++) {
        const sql_table *t = find_one(a, f, w.names[i]);
        if (!t)
            break;
        bw_buf_addf(&sql, "%s%s", i ? " UNION ALL " : "",
                    rows_of(a, f, t, &newest->table.schema, w.names[i] + w.prefix.len));
    }
    for (size_t i = 0; !a->failed && i < newest->table.schema.count; i++) {
        const bq_field *c = &newest->table.schema.fields[i];
        *SQL_ADD(a, r.columns.items, r.columns.count) = (sql_column){.name = c->name, .type = *c};
    }
    *SQL_ADD(a, r.columns.items, r.columns.count) =
        (sql_column){.name = "_TABLE_SUFFIX", .type = sql_type(BQ_STRING), .pseudo = true};
    r.sql = sql_printf(a, "%s", bw_buf_cstr(&sql));
    bw_buf_fini(&sql);
    return r;
}
