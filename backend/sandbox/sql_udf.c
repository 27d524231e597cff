/*
 * Functions of SQL that the statement brings with it: CREATE TEMP FUNCTION f(x INT64) AS (x + 1). A
 * call is the body with the arguments in the place of its parameters.
 */
#include "backend/sandbox/sql_analyze.h"

#define MAX_TEXT (1 << 20)

const sql_udf *sql_find_udf(const sql_analysis *a, bw_slice name)
{
    for (size_t i = a->function_count; i-- > 0;) {
        if (sql_slice_equal(a->functions[i]->name, name))
            return a->functions[i];
    }
    return NULL;
}

/* The parameters as the columns of a row. */
static sql_source *bind_arguments(sql_analysis *a, sql_scope *scope, const sql_expr *x,
                                  const sql_udf *f, sql_typed *out)
{
    sql_source *s = BW_ARENA_NEW(a->arena, sql_source);

    for (size_t i = 0; !a->failed && i < x->args.count; i++) {
        sql_typed arg = sql_analyze(a, scope, x->args.items[i]);
        const bq_field *type = f->types[i];
        bw_slice name = f->params.items[i];
        if (!a->failed && type && !sql_coerce(a, &arg, type))
            sql_no_signature(
                a, x->pos, sql_printf(a, "function %.*s", BW_SLICE_ARG(f->name)), &arg, 1,
                sql_printf(a, "signature: argument %zu of type %s", i + 1, sql_type_name(a, type)));
        sql_inherit(out, &arg);
        *SQL_ADD(a, s->columns.items, s->columns.count) =
            (sql_column){.name = bw_arena_strndup(a->arena, name.ptr, name.len),
                         .type = arg.type,
                         .sql = arg.sql};
    }
    return s;
}

sql_typed sql_call_udf(sql_analysis *a, sql_scope *scope, const sql_expr *x, const sql_udf *f)
{
    sql_typed out = sql_make(BQ_INT64, "NULL", x->pos);
    sql_scope body = {.clause = "the body of a function"};
    size_t visible = a->function_count;
    sql_cte *ctes = a->ctes;

    if (x->args.count != f->params.count) {
        sql_error(a, x->pos, "Number of arguments does not match for function %.*s",
                  BW_SLICE_ARG(f->name));
        return out;
    }
    sql_scope_add(a, &body, bind_arguments(a, scope, x, f, &out));
    if (a->failed)
        return out;
    /* It sees the functions that were there before it: nothing calls itself. */
    for (a->function_count = 0; a->functions[a->function_count] != f; a->function_count++)
        continue;
    a->ctes = NULL;
    sql_typed result = sql_analyze(a, &body, f->body);
    a->ctes = ctes;
    a->function_count = visible;
    if (!a->failed && f->returns && !sql_coerce(a, &result, f->returns))
        sql_error(a, x->pos, "Function %.*s declared to return %s but the body produces type %s",
                  BW_SLICE_ARG(f->name), sql_type_name(a, f->returns),
                  sql_type_name(a, &result.type));
    if (strlen(result.sql) > MAX_TEXT)
        sql_error(a, x->pos, "Query is too complex: the calls of %.*s are too many",
                  BW_SLICE_ARG(f->name));
    out.type = result.type;
    out.type.name = "";
    out.sql = result.sql;
    out.constant = false;
    return out;
}
