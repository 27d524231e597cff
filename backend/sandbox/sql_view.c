/*
 * A view in FROM: its text is parsed and analysed where its name stands, with nothing of the
 * statement around it but the tables that there are.
 */
#include "backend/sandbox/bq_view.h"
#include "backend/sandbox/sql_analyze.h"
#include "backend/sandbox/sql_parser.h"

#define MAX_NESTED 16

sql_relation sql_analyze_apart(sql_analysis *a, const char *project, bw_slice text,
                               const sql_query *query)
{
    const bq_sql_request *outer = a->request;
    bq_sql_request inner = {
        .project = project, .location = a->location, .text = text, .dry_run = outer->dry_run};
    sql_cte *ctes = a->ctes;
    size_t functions = a->function_count;

    a->request = &inner;
    a->ctes = NULL;
    a->function_count = 0;
    sql_relation r = sql_analyze_query(a, NULL, query);
    a->request = outer;
    a->ctes = ctes;
    a->function_count = functions;
    return r;
}

static sql_relation analyze_text(sql_analysis *a, const sql_table *t, const char *text)
{
    bw_slice s = bw_slice_cstr(text);
    sql_relation r = {.sql = "SELECT NULL AS c1"};
    sql_stmt stmt;

    if (sql_parse(a->arena, s, &stmt, a->err) != BW_OK)
        a->failed = true;
    else if (stmt.kind != SQL_S_QUERY)
        sql_error(a, 0, "A view must be one query");
    else
        r = sql_analyze_apart(a, t->table.project, s, stmt.query);
    return r;
}

sql_relation sql_analyze_view(sql_analysis *a, const sql_table *t, size_t pos)
{
    sql_relation r = {.sql = "SELECT NULL AS c1"};
    const bq_schema *schema = &t->table.schema;

    if (a->views >= MAX_NESTED)
        sql_error(a, pos, "Too many nested views: at most %d levels are allowed", MAX_NESTED);
    if (a->failed)
        return r;
    a->views++;
    r = analyze_text(a, t, bq_view_query(a->arena, &t->table));
    a->views--;
    if (a->failed)
        return r;
    r = sql_unpack_value(a, &r);
    /* The names are those that the view was made with. */
    for (size_t i = 0; i < r.columns.count && i < schema->count; i++)
        r.columns.items[i].name = schema->fields[i].name;
    return r;
}
